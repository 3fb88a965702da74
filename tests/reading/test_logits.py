"""Forwards that return logits, where the loss or the gradient has the output activation in it."""

import pytest

from tests.reading.conftest import sites, wrong_checks
from tests.tiers import sampled

pytestmark = pytest.mark.slow  # each starts a worker, or several

SOFTMAX = """
import numpy as np


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
"""

#: Functions with a loss of logits.
FUNCTIONS = (
    SOFTMAX
    + """

def forward(params, X):
    h = np.tanh(X @ params["W1"] + params["b1"])
    logits = h @ params["W2"] + params["b2"]
    return logits, h


def cross_entropy_with_logits(logits, y):
    return -np.mean(np.sum(y * np.log(softmax(logits)), axis=1))


def backward(params, X, y):
    logits, h = forward(params, X)
    d2 = (softmax(logits) - y) / len(X)
    d1 = (d2 @ params["W2"].T) * (1 - h**2)
    return {"dW1": X.T @ d1, "db1": d1.sum(axis=0), "dW2": h.T @ d2, "db2": d2.sum(axis=0)}
"""
)

#: A class without a loss, trained in place.
IN_PLACE = (
    SOFTMAX
    + """

class Net:
    def __init__(self, n_in, n_hidden, n_out):
        self.W1, self.b1 = np.random.randn(n_in, n_hidden), np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, n_out), np.zeros(n_out)

    def forward(self, X):
        self.h = np.maximum(0, X @ self.W1 + self.b1)
        return self.h @ self.W2 + self.b2

    def train(self, X, y, lr=0.1):
        d = (softmax(self.forward(X)) - y) / len(X)
        dh = (d @ self.W2.T) * (self.h > 0)
        self.W2 -= lr * self.h.T @ d
        self.b2 -= lr * d.sum(axis=0)
        self.W1 -= lr * X.T @ dh
        self.b1 -= lr * dh.sum(axis=0)
"""
)

#: Samples in columns, one output, a binary cross-entropy in its stable form.
COLUMNS = """
import numpy as np


def forward_propagation(X, parameters):
    A1 = np.tanh(parameters["W1"] @ X + parameters["b1"])
    Z2 = parameters["W2"] @ A1 + parameters["b2"]
    return Z2, {"A1": A1}


def compute_cost(Z2, Y):
    return np.sum(np.maximum(Z2, 0) - Z2 * Y + np.log1p(np.exp(-np.abs(Z2)))) / Y.shape[1]


def backward_propagation(parameters, cache, X, Y):
    m, A1 = X.shape[1], cache["A1"]
    Z2 = parameters["W2"] @ A1 + parameters["b2"]
    d2 = (1 / (1 + np.exp(-Z2)) - Y) / m
    d1 = (parameters["W2"].T @ d2) * (1 - A1**2)
    return {
        "dW1": d1 @ X.T, "db1": d1.sum(axis=1, keepdims=True),
        "dW2": d2 @ A1.T, "db2": d2.sum(axis=1, keepdims=True),
    }
"""  # fmt: skip

#: A forward that returns log-probabilities.
LOGARITHMS = FUNCTIONS.replace(
    'logits = h @ params["W2"] + params["b2"]',
    'z = h @ params["W2"] + params["b2"]\n    logits = np.log(softmax(z))',
)

#: What it is, its code, and the activation of its output.
RIGHT = {
    "functions": (FUNCTIONS, "tanh,softmax"),
    "a class in place without a loss": (IN_PLACE, "relu,softmax"),
    "samples in columns": (COLUMNS, "tanh,sigmoid"),
    "log-probabilities": (LOGARITHMS, "tanh,softmax"),
}


@pytest.mark.parametrize(("text", "activations"), RIGHT.values(), ids=RIGHT)
def test_a_forward_that_returns_logits_is_read_as_such_and_told(examined, text, activations):
    entry = examined(text)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert entry["adapter"]["conventions"]["activations"] == activations, entry["adapter"]
    assert "its forward returns logits" in entry["scope"]["sentence"], entry["scope"]
    assert "forward" in [f["check"] for f in entry["findings"]], "the logits were not compared"


WRONG = {
    "functions": (FUNCTIONS, "(1 - h**2)", "(1 - h)", ("activation_derivative", 1)),
    "the number of samples": (FUNCTIONS, " / len(X)\n", "\n", ("batch_reduction", None)),
    "a class": (IN_PLACE, "(self.h > 0)", "self.h", ("activation_derivative", 1)),
    "columns": (COLUMNS, "(1 - A1**2)", "(1 - A1) ** 2", ("activation_derivative", 1)),
}


@pytest.mark.parametrize(
    ("text", "right", "wrong", "site"), sampled(WRONG.values()), ids=sampled(WRONG)
)
def test_a_bug_beside_logits_is_wrong_at_its_site(examined, text, right, wrong, site):
    assert right in text, f"there is no {right!r} to plant a bug in"
    entry = examined(text.replace(right, wrong))
    assert entry["verdict"] == "wrong", f"{entry['verdict']}: {entry['error']}"
    assert site in sites(entry), f"diagnosed {sites(entry)}, found {wrong_checks(entry)}"
    assert "forward" not in wrong_checks(entry), f"found {wrong_checks(entry)}"


@pytest.mark.parametrize("given", sampled(["logits", "scores"]))
def test_logits_that_are_given_to_the_backward_are_no_wrong_outputs_without_a_loss(examined, given):
    head, _, _ = FUNCTIONS.partition("def cross_entropy_with_logits")
    text = f"""{head}
def backward(params, X, y, {given}):
    _, h = forward(params, X)
    d2 = (softmax({given}) - y) / len(X)
    d1 = (d2 @ params["W2"].T) * (1 - h**2)
    return {{"dW1": X.T @ d1, "db1": d1.sum(axis=0), "dW2": h.T @ d2, "db2": d2.sum(axis=0)}}
"""
    entry = examined(text)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert "its forward returns logits" in entry["scope"]["sentence"], entry["scope"]
