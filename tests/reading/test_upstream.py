"""A backward is given the target, an error or the gradient from above: numbers say which."""

import pytest

from tests.reading.conftest import sites, wrong_checks
from tests.tiers import sampled

pytestmark = pytest.mark.slow  # each starts a worker, or several

FUNCTIONS = """
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward(params, X):
    h = np.tanh(X @ params["W1"] + params["b1"])
    a = sigmoid(h @ params["W2"] + params["b2"])
    return a, (X, h, a)


def backward(GIVEN, params, cache):
    X, h, a = cache
    d2 = GIVEN * a * (1 - a)
    d1 = (d2 @ params["W2"].T) * (1 - h**2)
    return {"dW1": X.T @ d1, "db1": d1.sum(axis=0), "dW2": h.T @ d2, "db2": d2.sum(axis=0)}
"""

LOSSES = {
    "no loss": ("", "half_squared_error sum", "a - y"),
    "mean squares": (
        "\n\ndef mse_loss(y, a):\n    return np.mean((y - a) ** 2)\n",
        "mean_squared_error mean",
        "2 (a - y) / (N n)",
    ),
    "cross-entropy": (
        "\n\ndef loss(y, a):\n"
        "    return -np.sum(y * np.log(a) + (1 - y) * np.log(1 - a)) / len(y)\n",
        "binary_cross_entropy mean",
        "(a - y) / (a (1 - a)) / N",
    ),
}


@pytest.mark.parametrize(
    "given", sampled(["dA", "dout", "whatever", "derivative_C", "grad_output"])
)
def test_what_comes_from_above_is_known_by_what_it_does(examined, given):
    entry = examined(FUNCTIONS.replace("GIVEN", given))
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert f"given {given} = a - y" in entry["scope"]["sentence"], entry["scope"]


@pytest.mark.parametrize(("loss", "told", "meaning"), LOSSES.values(), ids=LOSSES)
def test_an_upstream_gradient_is_that_of_the_own_loss(examined, loss, told, meaning):
    entry = examined(FUNCTIONS.replace("GIVEN", "dA") + loss)
    conventions = entry["adapter"]["conventions"]
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert conventions["loss"].endswith(told), conventions
    assert conventions["argument"] == f"dA = {meaning}", conventions


@pytest.mark.parametrize("loss", sampled(loss for loss, _, _ in LOSSES.values()))
def test_a_bug_below_is_wrong_at_its_site(examined, loss):
    text = FUNCTIONS.replace("GIVEN", "dA").replace("(1 - h**2)", "(1 - h)")
    entry = examined(text + loss)
    assert entry["verdict"] == "wrong", f"{entry['verdict']}: {entry['error']}"
    assert ("activation_derivative", 1) in sites(entry), entry["diagnoses"]


@pytest.mark.parametrize("loss", sampled(loss for loss, _, _ in LOSSES.values()))
def test_where_no_meaning_fits_it_is_unsupported(examined, loss):
    text = FUNCTIONS.replace("GIVEN * a", "dA**3 * a").replace("GIVEN", "dA")
    entry = examined(text + loss)
    assert entry["error"], f"{entry['verdict']}: {wrong_checks(entry)}"
    assert entry["error"]["kind"] == "unsupported", entry["error"]
    assert "dA" in entry["error"]["message"], entry["error"]["message"]


CLASS = """
import numpy as np


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


class MLP:
    def __init__(self, n_in, n_hidden, n_out):
        self.W1, self.b1 = np.random.randn(n_in, n_hidden), np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, n_out), np.zeros(n_out)

    def forward(self, X):
        self.X = X
        self.h = np.tanh(X @ self.W1 + self.b1)
        return self.h @ self.W2 + self.b2

    def loss(self, logits, y):
        return -np.sum(y * np.log(softmax(logits))) / len(y)

    def backward(self, dout):
        self.dW2, self.db2 = self.h.T @ dout, dout.sum(axis=0)
        d = (dout @ self.W2.T) * (1 - self.h**2)
        self.dW1, self.db1 = self.X.T @ d, d.sum(axis=0)
"""
UPDATE = """
    def update(self, lr):
        self.W1 -= lr * self.dW1
        self.b1 -= lr * self.db1
        self.W2 -= lr * self.dW2
        self.b2 -= lr * self.db2
"""
RETURN = "        return self.dW1, self.db1, self.dW2, self.db2\n"


@pytest.mark.usefixtures("undiagnosed")
@pytest.mark.parametrize("end", [UPDATE, RETURN], ids=["updates", "returns"])
def test_a_class_whose_backward_takes_the_gradient_of_its_logits_is_correct(examined, end):
    entry = examined(CLASS + end)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert "given dout = (softmax(a) - y) / N" in entry["scope"]["sentence"], entry["scope"]
    wrong = examined((CLASS + end).replace("(1 - self.h**2)", "(1 - self.h)"))
    assert wrong["verdict"] == "wrong", f"{wrong['verdict']}: {wrong['error']}"
