"""Biases are found by what they do, whatever they are called; outputs by their size."""

import pytest

from tests.tiers import sampled

pytestmark = pytest.mark.slow  # each starts a worker, or several

TRAINER = """
import numpy as np


class MLP:
    def __init__(self, n_inputs, n_hidden, n_outputs):
        self.w{0} = np.random.uniform(-1, 1, (n_inputs, n_hidden))
        self.{2} = np.zeros((1, n_hidden))
        self.w{1} = np.random.uniform(-1, 1, (n_hidden, n_outputs))
        self.{3} = np.zeros((1, n_outputs))

    def predict(self, X):
        self.hidden = np.tanh(X @ self.w{0} + self.{2})
        return self.hidden @ self.w{1} + self.{3}

    def train(self, X, y, learning_rate=0.1):
        err_out = self.predict(X) - y
        err_hidden = err_out @ self.w{1}.T * (1 - self.hidden**2)
        self.w{1} -= learning_rate * self.hidden.T @ err_out
        self.{3} {4} learning_rate * np.sum(err_out, axis=0, keepdims=True)
        self.w{0} -= learning_rate * X.T @ err_hidden
        self.{2} -= learning_rate * np.sum(err_hidden, axis=0, keepdims=True)
"""
NAMES = [("_hidden", "_out", "b_hidden", "b_out"), ("1", "2", "offset_a", "offset_b")]


@pytest.mark.usefixtures("undiagnosed")
@pytest.mark.parametrize("names", sampled(NAMES), ids=lambda names: names[2])
def test_biases_of_any_name_are_judged(examined, names):
    right = examined(TRAINER.format(*names, "-="))
    assert right["verdict"] == "correct", right["findings"] or right["error"]
    assert right["adapter"]["conventions"]["bias"] == "apart"
    wrong = examined(TRAINER.format(*names, "+="))
    assert wrong["verdict"] == "wrong", "a bias that is trained the wrong way was not judged"


@pytest.mark.parametrize("returned", sampled(["p, z1, h", "z1, h, p", "p", "z1, h, z2, p"]))
def test_the_outputs_are_what_has_their_size(examined, returned):
    text = f"""
import numpy as np


def forward(X, W1, b1, W2, b2):
    z1 = X @ W1 + b1
    h = np.tanh(z1)
    z2 = h @ W2 + b2
    p = 1 / (1 + np.exp(-z2))
    return {returned}


def backward(X, y, W1, b1, W2, b2):
    h = np.tanh(X @ W1 + b1)
    p = 1 / (1 + np.exp(-(h @ W2 + b2)))
    d2 = (p - y) * p * (1 - p)
    d1 = d2 @ W2.T * (1 - h**2)
    return X.T @ d1, d1.sum(axis=0), h.T @ d2, d2.sum(axis=0)
"""
    entry = examined(text)
    assert entry["verdict"] == "correct", entry["findings"] or entry["error"]
    assert entry["adapter"]["conventions"]["activations"] == "tanh,sigmoid"


def test_three_layers_in_a_dictionary_are_read(examined):
    text = """
import numpy as np


def forward_propagation(X, parameters):
    A1 = np.tanh(parameters["W1"] @ X + parameters["b1"])
    A2 = np.tanh(parameters["W2"] @ A1 + parameters["b2"])
    A3 = 1 / (1 + np.exp(-(parameters["W3"] @ A2 + parameters["b3"])))
    return A3, (A1, A2, A3)


def backward_propagation(X, Y, cache, parameters):
    A1, A2, A3 = cache
    grads, m = {}, X.shape[1]
    dZ = (A3 - Y) / m
    for layer, A in ((3, A2), (2, A1), (1, X)):
        grads[f"dW{layer}"] = dZ @ A.T
        grads[f"db{layer}"] = dZ.sum(axis=1, keepdims=True)
        dZ = (parameters[f"W{layer}"].T @ dZ) * (1 - A**2)
    return grads
"""
    entry = examined(text)
    assert entry["verdict"] == "correct", entry["findings"] or entry["error"]
