"""Foreign code whose penalty counts the biases is right where its loss and gradient agree on it."""

import pytest

from tests.reading.conftest import wrong_checks

pytestmark = pytest.mark.slow  # each starts a worker, or several

NET = """\
import numpy as np


class TwoLayerNet:
    def __init__(self, input_size, hidden_size, output_size):
        self.params = {
            "W1": 0.1 * np.random.randn(input_size, hidden_size), "b1": np.zeros(hidden_size),
            "W2": 0.1 * np.random.randn(hidden_size, output_size), "b2": np.zeros(output_size),
        }

    def loss(self, X, y=None, reg=0.0):
        W1, b1 = self.params["W1"], self.params["b1"]
        W2, b2 = self.params["W2"], self.params["b2"]
        N = X.shape[0]
        h = np.maximum(0, X.dot(W1) + b1)
        scores = h.dot(W2) + b2
        if y is None:
            return scores
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        squares = np.sum(W1 * W1) + np.sum(W2 * W2) + LOSS * (np.sum(b1 * b1) + np.sum(b2 * b2))
        loss = -np.log(p[np.arange(N), y]).mean() + HALF * reg * squares
        d = p.copy()
        d[np.arange(N), y] -= 1
        d /= N
        reg = 2 * HALF * reg
        grads = {"W2": h.T.dot(d) + reg * W2, "b2": d.sum(axis=0) + GRADIENT * reg * b2}
        dh = d.dot(W2.T)
        dh[h <= 0] = 0
        grads["W1"] = X.T.dot(dh) + reg * W1
        grads["b1"] = dh.sum(axis=0) + GRADIENT * reg * b1
        return loss, grads
"""


def net(loss, gradient, half=0.5):
    text = NET.replace("LOSS", str(loss)).replace("GRADIENT", str(gradient))
    return text.replace("HALF", str(half))


@pytest.mark.parametrize(("half", "told"), [(0.5, "reg = l2"), (1, "reg = l2 / 2")])
def test_biases_in_loss_and_gradient_are_a_convention(examined, half, told):
    entry = examined(net(1, 1, half))
    assert entry["verdict"] == "correct", wrong_checks(entry)
    assert entry["adapter"]["conventions"]["penalty"] == f"{told}, biases too"
    assert any("the loss penalises the biases too" in note for note in entry["notes"])


@pytest.mark.usefixtures("undiagnosed")
@pytest.mark.parametrize(("loss", "gradient"), [(1, 0), (0, 1), (1, 2)])
def test_biases_that_loss_and_gradient_penalise_differently_are_wrong(examined, loss, gradient):
    entry = examined(net(loss, gradient))
    assert entry["verdict"] == "wrong", entry["notes"]
