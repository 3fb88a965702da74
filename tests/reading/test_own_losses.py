"""A loss that code has of its own is called, wherever it is, and settles what is meant."""

import pytest

from tests.reading.conftest import example, sites, wrong_checks
from tests.tiers import sampled

pytestmark = pytest.mark.slow  # each starts a worker, or several

BOOK = example("nielsen.py")

#: Ways in which a class of the book may have its cost; each is right.
COSTS = {
    "a method of output and target": (
        "    def cost(self, output, y):\n        return 0.5 * np.sum((output - y) ** 2)\n"
    ),
    "a method of one sample": (
        "    def loss(self, x, y):\n        return 0.5 * np.sum((self.feedforward(x) - y) ** 2)\n"
    ),
    "a method of all data": (
        "    def total_cost(self, data, lmbda=0.0):\n"
        "        costs = [np.sum((self.feedforward(x) - y) ** 2) for x, y in data]\n"
        "        return 0.5 * sum(costs) / len(data)\n"
    ),
}
BESIDE = "\n\ndef quadratic_cost(a, t):\n    return 0.5 * np.linalg.norm(a - t) ** 2\n"


def book(cost="", wrong=False):
    text = BOOK
    if wrong:
        line = "(activations[-1] - y) * sigmoid_prime(zs[-1])"
        assert line in text, "the example of the book has another output delta"
        text = text.replace(line, "activations[-1] - y")
    at = text.index("    def backprop(")
    return text[:at] + cost + ("\n" if cost else "") + text[at:]


@pytest.mark.parametrize("cost", COSTS.values(), ids=COSTS)
def test_the_cost_of_a_class_of_the_book_settles_its_loss(examined, cost):
    entry = examined(book(cost))
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert entry["adapter"]["conventions"]["loss"] == "half_squared_error mean", entry["adapter"]
    assert "loss" in [f["check"] for f in entry["findings"]], "its loss was not compared"
    assert "if your loss" not in entry["scope"]["sentence"], entry["scope"]["sentence"]


def test_a_function_beside_the_class_settles_its_loss(examined):
    entry = examined(book() + BESIDE)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert entry["adapter"]["conventions"]["loss"] == "half_squared_error mean", entry["adapter"]


@pytest.mark.parametrize(
    "text",
    sampled([book(wrong=True) + BESIDE, *(book(cost, wrong=True) for cost in COSTS.values())]),
    ids=sampled(["a function beside", *COSTS]),
)
def test_a_slope_forgotten_is_wrong_where_the_own_cost_says_so(examined, text):
    entry = examined(text)
    assert entry["verdict"] == "wrong", f"{entry['verdict']}: {entry['scope']['sentence']}"
    assert "loss_derivative" in [site for site, _ in sites(entry)], entry["diagnoses"]


def test_a_slope_forgotten_is_told_as_a_condition_where_there_is_no_cost(examined):
    entry = examined(book(wrong=True))
    said = entry["scope"]["sentence"]
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert "if your loss is binary_cross_entropy" in said, said


#: A class trained in place; ``HELD`` is set in its __init__, ``KEPT`` in train.
CLASS = """
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Squares:
    def forward(self, prediction, target):
        return np.mean((prediction - target) ** 2)


def mse(y_true, y_pred):
    return np.mean((y_pred - y_true) ** 2)


def binary_cross_entropy(y, p):
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / len(y)


class Net:
    def __init__(self, n_in, n_hidden, n_out):
        self.W1, self.b1 = np.random.randn(n_in, n_hidden), np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, n_out), np.zeros(n_out)
        HELD

    def forward(self, X):
        self.h = sigmoid(X @ self.W1 + self.b1)
        return sigmoid(self.h @ self.W2 + self.b2)

    def train(self, X, y, lr=0.1):
        out = self.forward(X)
        KEPT
        d = 2 * (out - y) / y.size * SLOPE
        dh = (d @ self.W2.T) * self.h * (1 - self.h)
        self.W2 -= lr * self.h.T @ d
        self.b2 -= lr * d.sum(axis=0)
        self.W1 -= lr * X.T @ dh
        self.b1 -= lr * dh.sum(axis=0)
"""


def net(held="pass", kept="pass", slope="out * (1 - out)"):
    return CLASS.replace("HELD", held).replace("KEPT", kept).replace("SLOPE", slope)


#: Where a class in place may have its loss: what it holds, and what its training leaves.
PLACES = {
    "a number that training leaves": ("pass", "self.loss = np.mean((out - y) ** 2)"),
    "a list that training appends to": (
        "self.losses = []",
        "self.losses.append(np.mean((out - y) ** 2))",
    ),
    "a function in an attribute": ("self.loss_fn = mse", "pass"),
    "an object in an attribute": ("self.loss = Squares()", "pass"),
    "a function beside that is called": ("pass", "print(mse(y, out))"),
}


@pytest.mark.parametrize(("held", "kept"), PLACES.values(), ids=PLACES)
def test_a_loss_of_a_class_in_place_is_found_wherever_it_is(examined, held, kept):
    entry = examined(net(held, kept))
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert entry["adapter"]["conventions"]["loss"] == "mean_squared_error mean", entry["adapter"]
    assert "if your loss" not in entry["scope"]["sentence"], entry["scope"]["sentence"]


@pytest.mark.usefixtures("undiagnosed")
@pytest.mark.parametrize(("held", "kept"), sampled(PLACES.values(), 4), ids=sampled(PLACES, 4))
def test_a_gradient_that_is_not_of_that_loss_is_wrong(examined, held, kept):
    entry = examined(net(held, kept, slope="1"))
    assert entry["verdict"] == "wrong", f"{entry['verdict']}: {entry['error']}, {entry['adapter']}"


def test_of_two_losses_beside_numbers_decide_which_the_gradient_is_of(examined):
    entry = examined(net())
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert entry["adapter"]["conventions"]["loss"] == "mean_squared_error mean", entry["adapter"]
    other = examined(
        net().replace("2 * (out - y) / y.size * out * (1 - out)", "(out - y) / len(y)")
    )
    assert other["verdict"] == "correct", f"{other['error']}, {wrong_checks(other)}"
    assert other["adapter"]["conventions"]["loss"] == "binary_cross_entropy mean", other["adapter"]


def test_a_measure_that_is_none_of_ours_is_told_and_makes_nothing_wrong(examined):
    entry = examined(net(kept="self.error = np.mean(np.abs(out - y))"))
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"


UNKNOWN = "    def loss(self, y, out):\n        return BODY\n\n    def train("


@pytest.mark.parametrize("body", ["np.mean(np.abs(out - y))", "0.7 * np.sum((out - y) ** 2)"])
def test_a_method_that_is_called_loss_and_is_none_leaves_it_unresolved(examined, body):
    entry = examined(net().replace("    def train(", UNKNOWN.replace("BODY", body)))
    assert entry["verdict"] == "unresolved", f"{entry['verdict']}: {wrong_checks(entry)}"
    assert "its loss is not compared" in wrong_checks(entry)["loss"].lower(), wrong_checks(entry)


def test_a_number_that_is_called_loss_and_is_none_leaves_it_unresolved(examined):
    entry = examined(net(kept="self.loss = np.mean((out + y) ** 2)"))
    assert entry["verdict"] == "unresolved", f"{entry['verdict']}: {wrong_checks(entry)}"
    script = SCRIPT.replace("    if step", "    loss = np.sum((output + y) ** 2)\n    if step")
    entry = examined(script)
    assert entry["verdict"] == "unresolved", f"{entry['verdict']}: {wrong_checks(entry)}"


SCRIPT = """
import numpy as np

X = np.array([[0.0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
y = np.array([[0.0], [1], [1], [0]])
w0, w1, lr = np.random.randn(3, 4), np.random.randn(4, 1), 0.5


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def error(target, prediction):
    return np.sum((target - prediction) ** 2)


for step in range(1000):
    hidden = sigmoid(X @ w0)
    output = sigmoid(hidden @ w1)
    if step % 100 == 0:
        print(error(y, output))
    d_out = 2 * (output - y) * output * (1 - output)
    d_hidden = (d_out @ w1.T) * hidden * (1 - hidden)
    w1 -= lr * hidden.T @ d_out
    w0 -= lr * X.T @ d_hidden
"""


@pytest.mark.usefixtures("undiagnosed")
def test_a_loss_that_a_script_prints_settles_its_loss(examined):
    entry = examined(SCRIPT)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert entry["adapter"]["conventions"]["loss"] == "squared_error sum", entry["adapter"]
    wrong = examined(SCRIPT.replace("2 * (output - y) * output * (1 - output)", "output - y"))
    assert wrong["verdict"] == "wrong", f"{wrong['verdict']}: {wrong['error']}"


#: The loss leaves what the backward needs.
BETWEEN = """
import numpy as np


class Net:
    def __init__(self, input_size, hidden_size, output_size):
        self.W1, self.b1 = np.random.randn(input_size, hidden_size), np.zeros(hidden_size)
        self.W2, self.b2 = np.random.randn(hidden_size, output_size), np.zeros(output_size)

    def forward(self, X):
        self.X, self.h = X, np.tanh(X @ self.W1 + self.b1)
        return self.h @ self.W2 + self.b2

    def compute_loss(self, scores, target):
        self.difference = scores - target
        return 0.5 * np.mean(np.sum(self.difference**2, axis=1))

    def backward(self):
        d = self.difference / len(self.difference)
        e = d @ self.W2.T * (1 - self.h**2)
        self.grads = {"W2": self.h.T @ d, "b2": d.sum(0), "W1": self.X.T @ e, "b1": e.sum(0)}
        RETURNED

    def update(self, lr):
        for name, value in self.grads.items():
            setattr(self, name, getattr(self, name) - lr * value)
"""


@pytest.mark.parametrize("returned", ["return self.grads", "pass"])
def test_a_loss_is_called_between_where_the_backward_needs_what_it_leaves(examined, returned):
    text = BETWEEN.replace("RETURNED", returned)
    entry = examined(text)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert entry["adapter"]["conventions"]["loss"] == "half_squared_error mean", entry["adapter"]
    entry = examined(
        text.replace("d = self.difference / len(self.difference)", "d = self.difference")
    )
    assert [d["bug"] for d in entry["diagnoses"]] == ["batch_mean_missing"], entry["diagnoses"]
