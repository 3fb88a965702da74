"""What was assumed of code makes nothing wrong: what fits no definition is unsupported."""

import pytest

from tests.reading.conftest import example, planted, sites, wrong_checks
from tests.tiers import telling

BACKWARD = """
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Net:
    def __init__(self, n_in, n_hidden, n_out):
        self.W1, self.b1 = np.random.randn(n_in, n_hidden), np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, n_out), np.zeros(n_out)

    def forward(self, X):
        self.h = sigmoid(X @ self.W1 + self.b1)
        self.out = sigmoid(self.h @ self.W2 + self.b2)
        return RETURNED

    def backward(self, X, y, lr):
        error = DELTA
        d = error * self.out * (1 - self.out)
        dh = (d @ self.W2.T) * self.h * (1 - self.h)
        self.W2 -= lr * self.h.T @ d
        self.b2 -= lr * d.sum(axis=0)
        self.W1 -= lr * X.T @ dh
        self.b1 -= lr * dh.sum(axis=0)
"""


def net(delta="self.out - y", returned="self.out"):
    return BACKWARD.replace("DELTA", delta).replace("RETURNED", returned)


#: Derivatives of losses that are none of ours: of |a - y|, its square root, its cube.
STRANGE = ["np.sign(self.out - y)", "np.tanh(self.out - y)", "(self.out - y) ** 3"]


@pytest.mark.parametrize("delta", STRANGE)
def test_a_gradient_that_fits_no_loss_is_unsupported_where_there_is_none(examined, delta):
    entry = examined(net(delta))
    assert entry["verdict"] == "error", f"{entry['verdict']}: {wrong_checks(entry)}"
    assert entry["error"]["kind"] == "unsupported", entry["error"]
    said = entry["error"]["message"]
    assert "no loss was found" in said, said
    assert "declaration" in said, f"it does not say what to do: {said}"


@pytest.mark.parametrize("factor", telling(["0.5", "2", "1 / y.size", "0.5 / y.shape[1]"]))
def test_a_simple_factor_of_the_gradient_is_no_fault_where_there_is_no_loss(examined, factor):
    entry = examined(net(f"{factor} * (self.out - y)"))
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"


def test_a_step_uphill_is_wrong_whatever_the_loss(examined):
    entry = examined(net("y - self.out"))
    assert entry["verdict"] == "wrong", f"{entry['verdict']}: {entry['error']}"
    assert "returned_gradient" in [site for site, _ in sites(entry)], sites(entry)


@pytest.mark.slow
def test_a_wrong_hidden_layer_is_wrong_where_the_last_one_fits_a_loss(examined):
    entry = examined(planted("gradients_only.py", "(1 - h**2)", "(1 - h)"))
    assert entry["verdict"] == "wrong", f"{entry['verdict']}: {entry['error']}"


@pytest.mark.parametrize("returned", telling(["(self.out > 0.5) * 1.0", "self.out.argmax(axis=1)"]))
def test_a_forward_that_returns_classes_is_left_aside_and_told(examined, returned):
    entry = examined(net(returned=returned))
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert "forward" not in [f["check"] for f in entry["findings"]], "classes were compared"


@pytest.mark.parametrize("returned", telling(["self.out + 0.1", "np.sqrt(self.out)"]))
def test_a_forward_that_fits_no_definition_is_neither_wrong_nor_correct(examined, returned):
    entry = examined(net(returned=returned))
    assert entry["verdict"] == "unresolved", f"{entry['verdict']}: {wrong_checks(entry)}"
    assert set(wrong_checks(entry)) == {"forward"}, wrong_checks(entry)


@pytest.mark.slow
def test_no_loss_is_assumed_for_the_examples(examined):
    entry = examined(example("in_place.py"))
    told = entry["adapter"]["conventions"]["loss"]
    assert "assumed" not in told, told
