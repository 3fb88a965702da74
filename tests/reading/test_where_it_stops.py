"""Code that is known by its names and does not run is told with the line that stops it."""

import re

import pytest

from gradcheck.reading.loading import load, readings
from tests.reading.conftest import EXAMPLES, example, planted

#: After which line of an example a line is put that fails, and how it is read.
BACKWARDS = {
    "cs231n.py": ("            return scores", "cs231n (TwoLayerNet: loss)"),
    "deeplearning_ai.py": ("def backward_propagation", "deeplearning.ai (forward_propagation"),
    "gradients_only.py": ("def gradients", "gradients (gradients)"),
    "in_place.py": ("    def train", "in place (NeuralNetwork: train)"),
    "nielsen.py": ("    def backprop", "nielsen (Network: backprop)"),
    "ng.py": ("def nnCostFunction", "flat vector (nnCostFunction)"),
    "scipy_objective.py": ("def objective", "flat vector (objective)"),
    "two_two_two.py": ("for step in", "script"),
    "native.py": ("def loss_and_grads", ""),
}


def with_line(name, after, line):
    """Put a line after another one; return the text and its number."""
    lines = example(name).splitlines()
    at = next(i for i, each in enumerate(lines) if each.startswith(after)) + 1
    following = next(each for each in lines[at:] if each.strip())
    indent = re.match(" *", following)[0]
    if after.strip().startswith("return"):
        indent = indent[: len(following) - len(following.lstrip())]
    lines.insert(at, f"{indent}{line}")
    return "\n".join(lines) + "\n", at + 1


@pytest.mark.parametrize("name", BACKWARDS)
def test_a_name_that_is_missing_in_a_backward_is_told_with_its_line(examined, name):
    after, reading = BACKWARDS[name]
    text, number = with_line(name, after, "dz2 = missing - 1")
    entry = examined(text)
    error = entry["error"]
    assert error["kind"] == "exception", error
    assert (error["file"], error["line"]) == ("student.py", number), error
    assert error["text"] == "dz2 = missing - 1", error
    assert "NameError: name 'missing' is not defined" in error["message"], error
    assert reading in error["message"], error
    assert "UnsuitedError" not in error["message"], error


@pytest.mark.parametrize("name", ["deeplearning_ai.py", "nielsen.py", "in_place.py", "cs231n.py"])
def test_shapes_that_do_not_fit_in_a_backward_are_told_with_their_line(examined, name):
    after, _ = BACKWARDS[name]
    text, number = with_line(name, after, "dz2 = np.ones((7, 3)) @ np.ones((4, 4))")
    error = examined(text)["error"]
    assert error["kind"] == "exception", error
    assert error["line"] == number, error
    assert "ValueError" in error["message"], error


DECLARED = EXAMPLES / "declared"

WORDS = {
    "gradients": ("net.backward(x, y)", "net.backwarb(x, y)", "no attribute 'backwarb'"),
    "weights": ('weights="W[{l}]"', 'weights="V[{l}]"', "no attribute 'V'"),
    "weight_gradients": ('weight_gradients="dW', 'weight_gradients="dV', "have shape ()"),
    "loss": ("net.cost(x, y)", "net.cots(x, y)", "no attribute 'cots'"),
    "build": ("code.Deep(", "code.Depe(", "no attribute 'Depe'"),
}


@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_a_declaration_that_fails_is_named_with_its_line(examined, word):
    old, new, said = WORDS[word]
    text = (DECLARED / "keyed_by_layer.py").read_text(encoding="utf-8")
    declaration = (DECLARED / "keyed_by_layer.gradcheck.py").read_text(encoding="utf-8")
    assert declaration.count(old) == 1, f"{old!r} is not once in the example"
    changed = declaration.replace(old, new)
    number = changed[: changed.index(new)].count("\n") + 1
    error = examined(text, declaration=changed)["error"]
    assert f"{word}= of the declaration (line {number})" in error["message"], error
    assert said in error["message"], error
    assert (error["file"], error["line"]) == ("student.gradcheck.py", number), error
    assert "loss_and_grads" not in error["message"], error


MISTYPED = {
    "path": ('["v", "w"]', '["v", "q"]', "weights= of the declaration (line 6): there is no q"),
    "word": ("forward=lambda", "forwad=lambda", "there is no word forwad=; did you mean forward?"),
    "value": ('"one vector"', '"on vector"', "samples= cannot be 'on vector'; did you mean 'one"),
    "network": ('"3-4-2 sigmoid,', '"3-4-2 sigmod,', "network= of the declaration: unknown"),
    "build": ("code.Perceptrons", "code.Perceptron", "module 'student' has no attribute"),
}


@pytest.mark.parametrize("what", MISTYPED)
def test_a_declaration_that_is_mistyped_is_an_error_in_its_own_words(examined, what):
    old, new, said = MISTYPED[what]
    text = (DECLARED / "thresholds.py").read_text(encoding="utf-8")
    declaration = (DECLARED / "thresholds.gradcheck.py").read_text(encoding="utf-8")
    assert declaration.count(old) == 1, f"{old!r} is not once in the example"
    changed = declaration.replace(old, new)
    entry = examined(text, declaration=changed)
    assert entry["verdict"] == "error", f"{what} came out {entry['verdict']}"
    assert said in entry["error"]["message"], entry["error"]
    if what != "network":
        number = changed[: changed.index(new)].count("\n") + 1
        found = entry["error"]["file"], entry["error"]["line"]
        assert found == ("student.gradcheck.py", number), entry["error"]


def test_a_line_of_the_code_that_a_declaration_calls_is_told_as_such(examined):
    text = (DECLARED / "keyed_by_layer.py").read_text(encoding="utf-8")
    declaration = (DECLARED / "keyed_by_layer.gradcheck.py").read_text(encoding="utf-8")
    changed = text.replace(
        "def backward(self, X, Y):", "def backward(self, X, Y):\n        missing"
    )
    number = changed[: changed.index("        missing")].count("\n") + 1
    error = examined(changed, declaration=declaration)["error"]
    assert (error["file"], error["line"], error["text"]) == ("student.py", number, "missing"), error
    assert "gradients= of the declaration" in error["message"], error


UNKNOWN = """
import numpy as np


class Reader:
    def __init__(self, path, mode):
        self.lines = open(path).read()

    def tokens(self, skip):
        return self.lines.split(skip)


def helper(alpha, beta):
    return alpha + beta
"""


def test_where_nothing_is_recognised_it_is_said_what_was_found(examined):
    error = examined(UNKNOWN)["error"]
    assert error["kind"] == "contract", error
    assert "helper(alpha, beta)" in error["message"], error
    assert "Reader(path, mode) with tokens(skip)" in error["message"], error


def test_the_line_that_stopped_the_nearest_reading_stands_in_the_record(examined):
    text = planted("gradients_only.py", "dW1 = X.T @ d_h", "dW1 = X @ d_h")
    number = text[: text.index("dW1 = X @")].count("\n") + 1
    error = examined(text)["error"]
    assert error["kind"] == "contract", error
    assert f"stopped by line {number}, `dW1 = X @ d_h`: ValueError" in error["message"], error
    found = error["file"], error["line"], error["text"]
    assert found == ("student.py", number, "dW1 = X @ d_h"), error


ENGINE = """
class Value:
    def __init__(self, data):
        self.data = data + 0.0
        self.grad = 0.0

    def backward(self):
        self.grad = 1.0
"""

NEURON = """
class Unit:
    def __init__(self, inputs):
        self.weights = [0.1 for _ in inputs]

    def train(self, x, y):
        pass
"""


@pytest.mark.parametrize("text", [ENGINE, NEURON], ids=["Value", "Unit"])
def test_what_a_class_makes_of_a_guess_of_ours_is_not_told_as_its_fault(examined, text):
    error = examined(text)["error"]
    assert error["kind"] == "contract", error
    assert "TypeError" not in error["message"], error


CLAIMS = """
import numpy as np


class Criterion:
    def __init__(self, n_in, n_hidden, n_out):
        self.params = {"W1": np.zeros((n_in, n_hidden)), "W2": np.zeros((n_hidden, n_out))}

    def loss(self, x, t):
        raise ValueError("not this one")


"""


def test_an_adapter_that_fails_does_not_end_the_others(examined):
    text = example("deeplearning_ai.py")
    head, found, rest = text.partition("\n\n")
    assert found, "the example has no import of its own"
    entry = examined(f"{head}\n{CLAIMS}{rest}")
    assert entry["verdict"] == "correct", entry["error"]
    assert entry["adapter"]["name"] == "deeplearning.ai", entry["adapter"]


def test_readings_that_fit_nothing_do_not_end_the_others(examined):
    hinge = """
class LinearSVM:
    def __init__(self, input_dim, num_classes):
        self.params = {"W1": np.zeros((input_dim, num_classes)), "b1": np.zeros(num_classes)}

    def loss(self, X, y=None, reg=0.0):
        scores = X @ self.params["W1"] + self.params["b1"]
        if y is None:
            return scores
        return 17.0 + np.sum(scores), {"W1": X.T @ scores * 3, "b1": scores.sum(axis=0) * 5}


"""
    head, _, rest = example("deeplearning_ai.py").partition("\n\n")
    entry = examined(f"{head}\n{hinge}{rest}")
    assert entry["verdict"] == "correct", entry["error"]
    assert entry["adapter"]["name"] == "deeplearning.ai", entry["adapter"]


SLOW = """
import time


class Net:
    def __init__(self, n_in, n_hidden, n_out):
        self.W1 = [[0.1] * n_hidden for _ in range(n_in)]
        self.W2 = [[0.1] * n_out for _ in range(n_hidden)]

    def train(self, x, y):
        time.sleep(1000)
"""


def test_a_search_that_takes_too_long_is_told_as_one_and_not_as_the_import(examined):
    error = examined(SLOW, call_timeout=1.0)["error"]
    assert error["kind"] == "timeout", error
    assert "finding out how student.py can be asked" in error["message"], error
    assert "importing" not in error["message"], error


def test_a_search_without_time_ends_and_says_so(tmp_path):
    path = tmp_path / "student.py"
    path.write_text(example("in_place.py"), encoding="utf-8")
    (reading,) = readings(load(path), seconds=-1.0).readings
    assert reading.conventions.unrecognised.ended, reading


DIGITS = """
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Net:
    def __init__(self):
        self.W1, self.b1 = np.random.randn(784, 30) * 0.1, np.zeros(30)
        self.W2, self.b2 = np.random.randn(30, 10) * 0.1, np.zeros(10)

    def forward(self, x):
        self.x = x
        self.a1 = sigmoid(x @ self.W1 + self.b1)
        z = self.a1 @ self.W2 + self.b2
        e = np.exp(z - z.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p

    def backward(self, y):
        d = (self.p - y) / len(y)
        grads = {"W2": self.a1.T @ d, "b2": d.sum(axis=0)}
        d = d @ self.W2.T * self.a1 * (1 - self.a1)
        return grads | {"W1": self.x.T @ d, "b1": d.sum(axis=0)}
"""


@pytest.mark.slow
def test_a_class_for_handwritten_digits_gets_a_verdict(examined):
    entry = examined(DIGITS)
    assert entry["verdict"] == "correct", entry["error"]
    assert entry["supports"]["networks"][0].startswith("784-30-10 "), entry["supports"]


@pytest.mark.parametrize("name", ["ng.py", "scipy_objective.py"])
@pytest.mark.parametrize("line", ["d = {}['k']", "d = np.ones((7, 3)) @ np.ones((4, 4))"])
def test_a_function_of_a_vector_that_raises_is_told_first_by_its_interface(examined, name, line):
    after, reading = BACKWARDS[name]
    text, number = with_line(name, after, line)
    error = examined(text)["error"]
    told = f"student.py comes nearest to {reading}, stopped by line {number}, `{line}`: "
    assert error["message"].startswith(told), error
    assert (error["file"], error["line"], error["text"]) == ("student.py", number, line), error


#: It runs with samples in rows, and leaves its gradient under names of its own.
LEFT = """
import numpy as np


class Net:
    def __init__(self, sizes):
        self.W = [np.random.randn(i, o) for i, o in zip(sizes, sizes[1:])]
        self.b = [np.zeros(o) for o in sizes[1:]]

    def forward(self, X):
        self.a = [X]
        for W, b in zip(self.W, self.b):
            self.a.append(np.tanh(self.a[-1] @ W + b))
        return self.a[-1]

    def backward(self, X, y):
        d, self.slopes = self.forward(X) - y, []
        for W, a, below in zip(self.W[::-1], self.a[::-1], self.a[-2::-1]):
            d = d * (1 - a**2)
            self.slopes.append((below.T @ d, d.sum(0)))
            d = d @ W.T
"""


def test_code_that_runs_and_returns_nothing_is_told_that_and_no_exception_of_another_guess(
    examined,
):
    error = examined(LEFT)["error"]
    assert "Error: " not in error["message"], error
    assert "if its gradient is left elsewhere, say where in a declaration" in error["message"], (
        error
    )


def test_what_a_way_of_calling_raises_is_not_told_as_code_that_does_not_run(examined):
    error = examined(LEFT.replace("below.T @ d", "below @ d"))["error"]
    assert "`self.slopes.append((below @ d, d.sum(0)))`: ValueError" in error["message"], error
    assert "does not run" not in error["message"], error
    assert "if it is called otherwise, say so in a declaration" in error["message"], error


def test_a_test_of_gradients_is_no_gradient(examined):
    entry = examined(f"{example('gradients_only.py')}\n\ndef test_gradients(X, y): raise OSError\n")
    assert entry["verdict"] == "correct", entry["error"]


def test_a_gradient_of_the_shape_turned_is_said_to_look_transposed(examined):
    text = planted("deeplearning_ai.py", '"dW1": dW1', '"dW1": dW1.T')
    error = examined(text)["error"]
    assert "it looks transposed" in error["message"], error


FAILING = """
def loss_and_grads(network, params, batch):
    if len(params) > 1:
        raise ValueError(f"no {network} here")
    raise OSError("nor one layer")
"""


def test_the_network_on_which_code_fails_is_not_what_it_is_told_to_declare(examined):
    error = examined(FAILING)["error"]
    assert "networks = [...]" in error["message"], error
