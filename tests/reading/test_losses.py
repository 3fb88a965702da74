"""Factors: a convention of the code's own loss is told, any other is a finding."""

import pytest

from tests.reading.conftest import example, sites, wrong_checks
from tests.tiers import telling

CODE = """
import numpy as np


def forward_propagation(X, parameters):
    H = np.tanh(parameters["W1"] @ X + parameters["b1"])
    out = parameters["W2"] @ H + parameters["b2"]
    return out, {{"H": H}}


def compute_cost(out, Y):
    m, n = Y.shape[1], Y.shape[0]
    return {loss}


def backward_propagation(parameters, cache, X, Y):
    m, n = Y.shape[1], Y.shape[0]
    H = cache["H"]
    out = parameters["W2"] @ H + parameters["b2"]
    d2 = {delta}
    d1 = (parameters["W2"].T @ d2) * (1 - H**2)
    return {{
        "dW1": d1 @ X.T, "db1": d1.sum(axis=1, keepdims=True),
        "dW2": d2 @ H.T, "db2": d2.sum(axis=1, keepdims=True),
    }}
"""  # fmt: skip

SQUARES = "np.sum((out - Y) ** 2)"

CONVENTIONS = [
    (f"{SQUARES} / (2 * m)", "(out - Y) / m", "half_squared_error mean"),
    (f"{SQUARES}", "2 * (out - Y)", "squared_error sum"),
    ("np.mean((out - Y) ** 2)", "2 * (out - Y) / (m * n)", "mean_squared_error mean"),
    ("0.5 * np.mean((out - Y) ** 2)", "(out - Y) / (m * n)", "1/2 x mean_squared_error mean"),
]


@pytest.mark.parametrize(("loss", "delta", "told"), telling(CONVENTIONS, 4), ids=str)
def test_a_factor_of_the_own_loss_is_a_convention_and_told(examined, loss, delta, told):
    entry = examined(CODE.format(loss=loss, delta=delta))
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert entry["adapter"]["conventions"]["loss"] == told, entry["adapter"]


FINDINGS = [
    (f"{SQUARES} / (2 * m)", "(out - Y)", "batch_reduction"),
    (f"{SQUARES} / (2 * m)", "2 * (out - Y) / m", "loss_derivative"),
    (f"{SQUARES} / (2 * m)", "(Y - out) / m", "returned_gradient"),
    ("0.5 * np.mean((out - Y) ** 2)", "2 * (out - Y) / (m * n)", "activation_derivative"),
]


@pytest.mark.parametrize(("loss", "delta", "site"), telling(FINDINGS, 4), ids=str)
def test_a_factor_or_sign_of_the_gradient_alone_is_a_finding(examined, loss, delta, site):
    entry = examined(CODE.format(loss=loss, delta=delta))
    assert entry["verdict"] == "wrong", f"{entry['verdict']}: {entry['adapter']}"
    assert "gradient" in wrong_checks(entry), f"found {wrong_checks(entry)}"
    assert site in [s for s, _ in sites(entry)], f"diagnosed {entry['diagnoses']}"


def test_a_loss_that_is_missing_is_inferred_from_the_gradient_and_said(examined):
    text = CODE.format(loss="0", delta="(out - Y) / m").replace("def compute_cost", "def unused")
    entry = examined(text)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    told = entry["adapter"]["conventions"]["loss"]
    assert told == "none in the code; inferred from the gradient: half_squared_error mean", told
    assert "loss" not in [f["check"] for f in entry["findings"]], "a loss that is not there passed"
    assert any("has no loss" in note for note in entry["notes"]), entry["notes"]


@pytest.mark.usefixtures("undiagnosed")
def test_a_wrong_loss_beside_a_right_gradient_is_a_finding(examined):
    entry = examined(CODE.format(loss=f"3 * {SQUARES}", delta="(out - Y) / m"))
    assert entry["verdict"] == "wrong", entry["verdict"]
    assert "loss" in wrong_checks(entry), f"found {wrong_checks(entry)}"


def test_a_loss_that_was_inferred_is_a_condition_of_the_headline(examined):
    """Right for cross-entropy; in a network with a squared loss it is a bug that is often made."""
    text = example("gradients_only.py").replace("(out - y) * out * (1 - out)", "out - y")
    entry = examined(text)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    said = entry["scope"]["sentence"]
    assert "if your loss is binary_cross_entropy" in said, said
    told = " ".join([said, *entry["notes"]])
    assert "half_squared_error, the slope of the output is missing" in told, told


#: A step and a loss with a constant in its logarithms, whose gradient is that without it.
STEPS = """\
import numpy as np


class MLP:
    def __init__(self, hidden_size=4, lr=0.1):
        self.lr = lr
        self.W1 = np.random.randn(2, hidden_size)
        self.b1 = np.zeros((1, hidden_size))
        self.W2 = np.random.randn(hidden_size, 1)
        self.b2 = np.zeros((1, 1))

    def forward(self, X):
        self.A1 = 1 / (1 + np.exp(-(X @ self.W1 + self.b1)))
        self.A2 = 1 / (1 + np.exp(-(self.A1 @ self.W2 + self.b2)))
        return self.A2

    def loss(self, p, y):
        eps = 1e-8
        return -np.mean(y * np.log(p + eps) + (1 - y) * np.log(1 - p + eps))

    def backward(self, X, y):
        m = X.shape[0]
        d2 = self.A2 - y
        d1 = d2 @ self.W2.T * self.A1 * (1 - self.A1)
        self.W2 -= self.lr * self.A1.T @ d2 / m
        self.b2 -= self.lr * d2.sum(axis=0, keepdims=True) / m
        self.W1 -= self.lr * X.T @ d1 / m
        self.b1 -= self.lr * d1.sum(axis=0, keepdims=True) / m
"""


def test_a_step_is_judged_as_the_gradient_is_where_a_logarithm_has_a_constant(examined):
    entry = examined(STEPS)
    step = [f["verdict"] for f in entry["findings"] if f["check"] == "step"]
    assert step == ["correct"], [f["message"] for f in entry["findings"]]
    assert entry["verdict"] == "correct", entry["findings"]
