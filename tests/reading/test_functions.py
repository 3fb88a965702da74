"""Functions in any number and order: which belong together is settled by numbers."""

import pytest

from tests.reading.conftest import sites, wrong_checks
from tests.tiers import sampled

pytestmark = pytest.mark.slow  # each starts a worker, or several

#: No forward: a loss and its gradient, of what the same arguments say.
LOSS_AND_GRADIENT = """
import numpy as np


def loss(params, x, y):
    h = np.tanh(x @ params["W1"] + params["b1"])
    return np.mean(np.sum((h @ params["W2"] + params["b2"] - y) ** 2, axis=1))


def gradient(params, x, y):
    h = np.tanh(x @ params["W1"] + params["b1"])
    d = 2 * (h @ params["W2"] + params["b2"] - y) / len(x)
    dh = (d @ params["W2"].T) * (1 - h**2)
    return x.T @ dh, dh.sum(axis=0), h.T @ d, d.sum(axis=0)
"""


def test_a_loss_and_its_gradient_are_enough(examined):
    entry = examined(LOSS_AND_GRADIENT)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert entry["adapter"]["conventions"]["loss"] == "squared_error mean", entry["adapter"]


def test_a_gradient_that_is_not_of_the_loss_is_wrong_without_a_forward(examined):
    entry = examined(LOSS_AND_GRADIENT.replace("d = 2 * (", "d = (", 1))
    assert entry["verdict"] == "wrong", f"{entry['verdict']}: {entry['error']}"
    assert ("loss_derivative", 2) in sites(entry), entry["diagnoses"]


#: Sizes that tell nothing: the last layer is returned first, without names.
ALIKE = """
import numpy as np


class Net:
    def __init__(self):
        self.W1, self.b1 = np.random.randn(2, 2), np.zeros(2)
        self.W2, self.b2 = np.random.randn(2, 2), np.zeros(2)

    def forward(self, X):
        self.h = np.tanh(X @ self.W1 + self.b1)
        return self.h @ self.W2 + self.b2

    def gradients(self, X, y):
        d = (self.forward(X) - y) / len(X)
        dh = (d @ self.W2.T) * (1 - self.h**2)
        return ORDER
"""
ORDERS = [
    "X.T @ dh, dh.sum(axis=0), self.h.T @ d, d.sum(axis=0)",
    "self.h.T @ d, d.sum(axis=0), X.T @ dh, dh.sum(axis=0)",
]


@pytest.mark.parametrize("order", ORDERS, ids=["first layer first", "last layer first"])
def test_gradients_of_the_same_shapes_are_told_apart_by_numbers(examined, order):
    entry = examined(ALIKE.replace("ORDER", order))
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    wrong = examined(ALIKE.replace("ORDER", order).replace("(1 - self.h**2)", "(1 - self.h)"))
    assert wrong["verdict"] == "wrong", f"{wrong['verdict']}: {wrong['error']}"


def test_some_names_and_some_expressions_are_matched(examined):
    text = LOSS_AND_GRADIENT.replace(
        "    return x.T @ dh, dh.sum(axis=0), h.T @ d, d.sum(axis=0)",
        "    dW2, db2 = h.T @ d, d.sum(axis=0)\n    return dW2, x.T @ dh, db2, dh.sum(axis=0)",
    )
    entry = examined(text)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"


DEEP = """
import numpy as np


def sigmoid(Z):
    return 1 / (1 + np.exp(-Z))


def forward_one(X, parameters):
    return sigmoid(parameters["W1"] @ X)


def forward_all(X, parameters):
    A1 = np.tanh(parameters["W1"] @ X + parameters["b1"])
    A2 = sigmoid(parameters["W2"] @ A1 + parameters["b2"])
    return A2, {"A1": A1, "A2": A2}


def compute_cost(A2, Y):
    return -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / Y.shape[1]


def backward_all(parameters, cache, X, Y):
    m, A1 = X.shape[1], cache["A1"]
    d2 = cache["A2"] - Y
    d1 = (parameters["W2"].T @ d2) * (1 - A1**2)
    return {
        "dW1": d1 @ X.T / m, "db1": d1.sum(axis=1, keepdims=True) / m,
        "dW2": d2 @ A1.T / m, "db2": d2.sum(axis=1, keepdims=True) / m,
    }
"""  # fmt: skip


def test_another_forward_is_tried_where_the_first_does_not_belong(examined):
    entry = examined(DEEP)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert "forward_all" in entry["adapter"]["conventions"]["functions"], entry["adapter"]


def test_a_cost_that_raises_whatever_it_is_given_is_an_error_with_its_line(examined):
    entry = examined(DEEP.replace("np.log(1 - A2)", "np.log(1 - AL)"))
    assert entry["verdict"] == "error", f"{entry['verdict']}: {wrong_checks(entry)}"
    assert "AL" in entry["error"]["message"], entry["error"]
    assert entry["error"]["text"].startswith("return -np.sum("), entry["error"]


def test_a_cost_that_raises_for_its_shapes_is_told_and_leaves_it_unresolved(examined):
    entry = examined(DEEP.replace("return -np.sum(Y *", "return -np.sum(Y @"))
    assert entry["verdict"] == "unresolved", f"{entry['verdict']}: {wrong_checks(entry)}"
    assert "compute_cost raised ValueError" in wrong_checks(entry)["loss"], wrong_checks(entry)


#: Networks of any depth, asked with one unit a layer too: no shape tells a dW from a db.
NAMELESS_LISTS = """
import numpy as np


class MLP:
    def __init__(self, sizes):
        self.W = [np.random.randn(i, o) * 0.3 for i, o in zip(sizes, sizes[1:])]
        self.b = [np.zeros(o) for o in sizes[1:]]

    def forward(self, X):
        self.As = [X]
        for W, b in zip(self.W, self.b):
            self.As.append(np.tanh(self.As[-1] @ W + b))
        return self.As[-1]

    def backward(self, X, y):
        d = self.forward(X) - y
        self.dW, self.db = [None] * len(self.W), [None] * len(self.W)
        for k in reversed(range(len(self.W))):
            d = d * (1 - self.As[k + 1] ** 2)
            self.dW[k], self.db[k] = self.As[k].T @ d, d.sum(0)
            d = d @ self.W[k].T
        return RETURNED
"""


@pytest.mark.parametrize(
    "returned",
    sampled(
        [
            "self.dW, self.db",
            "self.db, self.dW",
            "self.dW[::-1], self.db[::-1]",
            "list(zip(self.dW, self.db))",
        ]
    ),
)
def test_lists_without_names_stand_for_the_same_at_every_depth(examined, returned):
    entry = examined(NAMELESS_LISTS.replace("RETURNED", returned))
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert "1" in str(entry["scope"]["asked"]["depths"]), entry["scope"]
