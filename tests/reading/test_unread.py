"""What is trained beside weights and biases is not passed over."""

import pytest

from tests.reading.conftest import wrong_checks

pytestmark = pytest.mark.slow  # each starts a worker, or several

CLASS = """
import numpy as np


class Net:
    def __init__(self, n_in, n_hidden, n_out):
        self.W1, self.b1 = np.random.randn(n_in, n_hidden), np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, n_out), np.zeros(n_out)
        self.extra = START
        self.count = 0.0

    def forward(self, X):
        self.h = np.tanh(X @ self.W1 + self.b1)
        self.s = self.h FORWARD
        return self.s @ self.W2 + self.b2

    def train(self, X, y, lr=0.1):
        d = 2 * (self.forward(X) - y) / len(X)
        dh = (d @ self.W2.T) FORWARD * (1 - self.h**2)
        self.W2 -= lr * self.s.T @ d
        self.b2 -= lr * d.sum(axis=0)
        self.W1 -= lr * X.T @ dh
        self.b1 -= lr * dh.sum(axis=0)
        self.count += 1.0
        UPDATE
"""

SLOPE = "np.sum((d @ self.W2.T) * self.h, axis=0)"
TRAINED = {
    "an array": ("np.ones(n_hidden)", "* self.extra", f"self.extra -= lr * {SLOPE}"),
    "a number": ("1.0", "* self.extra", f"self.extra -= lr * float(np.sum({SLOPE}))"),
    "a running mean": ("np.zeros(n_hidden)", "* (1 + self.extra)", "self.extra += 0.1 * self.h[0]"),
}
HARMLESS = {
    "momentum": ("np.zeros((n_in, n_hidden))", "", "self.extra = 0.9 * self.extra + X.T @ dh"),
    "a constant": ("1.0", "* self.extra", "pass"),
}


def code(start, forward, update):
    text = CLASS.replace("START", start).replace("FORWARD", forward)
    return text.replace("UPDATE", update)


@pytest.mark.parametrize("parts", TRAINED.values(), ids=TRAINED)
def test_what_is_trained_and_not_read_is_told_and_is_not_correct(examined, parts):
    entry = examined(code(*parts))
    assert entry["verdict"] == "unresolved", f"{entry['verdict']}: {wrong_checks(entry)}"
    assert "extra" in wrong_checks(entry)["forward"], wrong_checks(entry)


@pytest.mark.parametrize("parts", HARMLESS.values(), ids=HARMLESS)
def test_what_takes_no_part_in_the_outputs_or_is_not_trained_is_no_parameter(examined, parts):
    entry = examined(code(*parts))
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"


SCRIPT = """
import numpy as np

X = np.array([[0.0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
y = np.array([[0.0], [1], [1], [0]])
w0, w1, gain, lr = np.random.randn(3, 4), np.random.randn(4, 1), np.ones(4), 0.5
for step in range(1000):
    hidden = np.tanh(X @ w0)
    output = (hidden * gain) @ w1
    d_out = output - y
    d_hidden = (d_out @ w1.T) * gain
    w1 -= lr * (hidden * gain).T @ d_out
    w0 -= lr * X.T @ (d_hidden * (1 - hidden**2))
    gain -= lr * np.sum(d_hidden * hidden, axis=0)
"""


def test_a_script_is_told_what_it_trains_beside(examined):
    entry = examined(SCRIPT)
    assert entry["verdict"] == "unresolved", f"{entry['verdict']}: {entry['error']}"
    assert "gain" in wrong_checks(entry)["forward"], wrong_checks(entry)
