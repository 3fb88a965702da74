"""Odd modules: one clear sentence each, and never a fault of ours."""

import pytest

from tests.reading.conftest import example, planted, wrong_checks

NOTHING = {
    "properties that raise": """
class Odd:
    def __init__(self, n_in, n_hidden, n_out):
        pass

    @property
    def weights(self):
        raise RuntimeError("no")

    def __getattr__(self, name):
        raise SystemExit("boo")
""",
    "huge and endless lists": """
weights = [0.0] * 2_000_000
weights2 = [[1.0] * 1000] * 100_000
deep = []
deep.append(deep)


def train(x, y):
    weights[0] += 1
""",
    "values that cannot be compared": """
class Odd:
    __hash__ = None

    def __eq__(self, other):
        raise ValueError


W1 = Odd()
b1 = Odd()
theta = Odd()


def train(x, y):
    raise Odd
""",
    "functions of the right names": """
def backward(*arguments, **more):
    raise RecursionError


def forward(X, parameters):
    return forward(X, parameters)


def gradients(X, y, W1):
    return {"dW1": object()}


def f(theta, X, y):
    return "J", "grad"
""",
    "a loop that trains nothing": """
total = 0
for i in range(10):
    total = total * 2 - i
""",
}


@pytest.mark.parametrize("text", NOTHING.values(), ids=NOTHING)
def test_an_odd_module_is_not_recognised_and_that_is_said(examined, text):
    error = examined(text)["error"]
    assert error["kind"] == "contract", error
    assert "no adapter recognises it" in error["message"], error
    assert "\n" not in error["message"], error


STOPPED = {
    "a constructor that fails": (
        """
class Net:
    def __init__(self, n_inputs, n_hidden, n_outputs):
        raise ValueError("not yet")

    def train(self, x, y):
        pass
""",
        "Net() raised ValueError: not yet",
    ),
    "a constructor that exits": (
        """
import sys


class Net:
    def __init__(self, sizes):
        sys.exit(0)

    def backprop(self, x, y):
        pass
""",
        "Net() raised SystemExit: 0",
    ),
    "a loop that fails": (
        """
import numpy as np

X, y, w = np.eye(3), np.ones((3, 1)), np.zeros((3, 1))
for i in range(10):
    w -= 0.1 * X.T @ (undefined - y)
""",
        "one iteration of the training loop raised NameError: name 'undefined' is not defined",
    ),
}


@pytest.mark.parametrize(("text", "part"), STOPPED.values(), ids=STOPPED)
def test_code_that_does_not_run_says_what_it_raised(examined, text, part):
    entry = examined(text)
    assert entry["verdict"] == "error", entry["verdict"]
    assert entry["error"]["kind"] == "exception", entry["error"]
    assert part in entry["error"]["message"], entry["error"]["message"]
    assert "RuntimeError" not in entry["error"]["message"], entry["error"]["message"]


@pytest.mark.slow
def test_a_network_of_an_unknown_activation_is_unsupported_and_not_wrong(examined):
    text = planted("nielsen.py", "1.0 / (1.0 + np.exp(-z))", "1.7159 * np.tanh(2 * z / 3)")
    text = text.replace("sigmoid(z) * (1 - sigmoid(z))", "1.7159 * 2 / 3 / np.cosh(2 * z / 3) ** 2")
    entry = examined(text)
    assert entry["error"]["kind"] == "unsupported", f"{entry['verdict']}: {wrong_checks(entry)}"
    assert "--network" in entry["error"]["message"], entry["error"]


HINGE = """
import numpy as np


class LinearSVM:
    def __init__(self, input_dim, num_classes):
        self.params = {"W1": np.zeros((input_dim, num_classes)), "b1": np.zeros(num_classes)}

    def loss(self, X, y=None, reg=0.0):
        W, b = self.params["W1"], self.params["b1"]
        scores = X @ W + b
        if y is None:
            return scores
        rows = np.arange(len(X))
        margins = np.maximum(0, scores - scores[rows, y][:, None] + 1)
        margins[rows, y] = 0
        d = (margins > 0).astype(float)
        d[rows, y] = -d.sum(axis=1)
        grads = {"W1": X.T @ d / len(X) + reg * W, "b1": d.sum(axis=0) / len(X)}
        return margins.sum() / len(X) + 0.5 * reg * np.sum(W * W), grads
"""


def test_a_loss_that_is_no_known_one_is_unsupported_and_not_wrong(examined):
    entry = examined(HINGE)
    assert entry["adapter"]["name"] == "cs231n", entry["adapter"]
    assert entry["error"]["kind"] == "unsupported", f"{entry['verdict']}: {wrong_checks(entry)}"


def with_class_state(text):
    """Let queries change a list of the class that the training reads."""
    text = text.replace("class NeuralNetwork:\n", "class NeuralNetwork:\n    drift = [0.0]\n\n", 1)
    text = text.replace("self.lr * np.dot(output", "(self.lr + self.drift[0]) * np.dot(output")
    before, query, after = text.partition("    def query(self, inputs_list):\n")
    return f"{before}{query}        self.drift[0] += 1\n{after}"


def test_state_of_a_class_does_not_leak_from_one_call_to_the_next(examined):
    text = with_class_state(example("in_place.py"))
    assert "self.drift[0] += 1" in text
    entry = examined(text)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"


def test_random_numbers_drawn_in_a_call_are_the_same_in_every_call(examined):
    line = "        targets = np.array(targets_list"
    text = planted("in_place.py", line, f"        np.random.shuffle(np.arange(3))\n{line}")
    entry = examined(text)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"


def test_our_own_random_state_is_left_as_it_was(examined):
    import random

    import numpy as np

    random.seed(11)
    np.random.seed(11)  # noqa: NPY002
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    examined(example("nielsen.py"))
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002
