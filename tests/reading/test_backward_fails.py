"""A backward that fails where the forward runs is told: it is no reason to ask for less."""

import re
from types import ModuleType

import pytest

from gradcheck.reading.source import handles_batches
from tests.reading.conftest import planted, wrong_checks

pytestmark = pytest.mark.slow  # each starts a worker, or several


def finding(entry, check="contract"):
    assert entry["findings"], f"nothing was asked: {entry['error']}"
    return next(f for f in entry["findings"] if f["check"] == check)


DEEP = '''
import numpy as np


def sigmoid(Z):
    return 1 / (1 + np.exp(-Z))


def L_model_forward(X, parameters):
    caches, A = [], X
    L = len(parameters) // 2
    for l in range(1, L + 1):
        W, b = parameters["W" + str(l)], parameters["b" + str(l)]
        caches.append((A, W))
        A = W @ A + b
        A = sigmoid(A) if l == L else np.tanh(A)
    return A, caches


def compute_cost(AL, Y):
    return -np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / Y.shape[1]


def L_model_backward(AL, Y, caches):
    grads, m, L = {}, Y.shape[1], len(caches)
    dZ = AL - Y
    for l in reversed(range(L)):
        A_prev, W = caches[l]
        grads["dW" + str(l + 1)] = dZ @ A_prev.T / m
        grads["db" + str(l + 1)] = np.sum(dZ, axis=1, keepdims=True) / m
        dZ = (W.T @ dZ) * (1 - A_prev**2)
    return grads
'''  # fmt: skip

ROWS = '''
import numpy as np


def forward(X, W1, b1, W2, b2):
    h = np.tanh(X @ W1.T + b1)
    return h @ W2.T + b2, h


def loss(out, y):
    return np.sum((out - y) ** 2) / len(y)


def backward(X, y, W1, b1, W2, b2):
    out, h = forward(X, W1, b1, W2, b2)
    d2 = 2 * (out - y) / len(y)
    d1 = (d2 @ W2) * (1 - h**2)
    dW2, db2 = d2.T @ h, np.sum(d2, axis=0)
    dW1, db1 = d1.T @ X, np.sum(d1, axis=0)
    return dW1, db1, dW2, db2
'''  # fmt: skip

ONE_A_CALL = '''
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward(x, W1, b1, W2, b2):
    h = sigmoid(x @ W1 + b1)
    return sigmoid(h @ W2 + b2), h


def backward(x, y, W1, b1, W2, b2):
    a, h = forward(x, W1, b1, W2, b2)
    d2 = (a - y) * a * (1 - a)
    d1 = (d2 @ W2.T) * h * (1 - h)
    return np.outer(x, d1), d1, np.outer(h, d2), d2
'''  # fmt: skip

ONE_OUTPUT = '''
import numpy as np


def forward(X, W1, b1, W2, b2):
    h = np.tanh(X @ W1 + b1)
    return 1 / (1 + np.exp(-(h @ W2 + b2))), h


def cost(a, y):
    y = y.reshape(-1, 1)
    return -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a))


def backward(X, y, W1, b1, W2, b2):
    a, h = forward(X, W1, b1, W2, b2)
    d2 = (a - y.reshape(-1, 1)) / len(X)
    d1 = (d2 @ W2.T) * (1 - h**2)
    return X.T @ d1, d1.sum(axis=0), h.T @ d2, d2.sum(axis=0)
'''  # fmt: skip


def test_code_of_the_book_that_fails_with_hidden_layers_is_asked_for_them(examined):
    text = planted("nielsen.py", "activations[-l - 1]", "activations[-l]")
    entry = examined(text)
    assert entry["verdict"] != "correct", f"asked only {entry['supports']['networks']}"
    assert finding(entry)["verdict"] == "error", finding(entry)
    assert "has shape" in finding(entry)["message"], finding(entry)["message"]


def test_code_of_the_book_that_raises_with_hidden_layers_is_an_error_with_its_line(examined):
    text = planted("nielsen.py", "self.weights[-l + 1].T", "self.weights[-l - 1].T")
    entry = examined(text)
    assert entry["verdict"] != "correct", f"asked only {entry['supports']['networks']}"
    message = finding(entry)["message"] if entry["findings"] else entry["error"]["message"]
    assert "line " in message, message


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("reversed(range(L))", "reversed(range(1, L))", "no dW1 of shape"),
        ("reversed(range(L))", "range(L - 1, L)", "no dW1 of shape"),
    ],
)
def test_a_loop_that_never_reaches_the_first_layer_is_told_as_what_is_missing(
    examined, right, wrong, told
):
    assert right in DEEP
    entry = examined(DEEP.replace(right, wrong))
    assert entry["verdict"] == "error", entry["verdict"]
    functions = entry["adapter"]["conventions"]["functions"]
    assert "compute_cost" in functions, f"its loss was dropped: {functions}"
    assert told in entry["error"]["message"], entry["error"]


def test_the_same_code_with_its_whole_loop_is_correct(examined):
    entry = examined(DEEP)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [(DEEP, "axis=1", "axis=0"), (ROWS, "np.sum(d1, axis=0)", "np.sum(d1, axis=1)")],
    ids=["samples in columns", "samples in rows"],
)
def test_batches_that_fail_are_asked_where_the_source_handles_batches(examined, text, right, wrong):
    assert right in text
    entry = examined(text.replace(right, wrong))
    contract = finding(entry)
    assert contract["verdict"] == "error", contract
    assert re.match(r"db\d has shape", contract["message"]), contract["message"]
    named = [d["bug"] for d in entry["diagnoses"]]
    assert "bias_summed_over_units" in named, f"diagnosed {entry['diagnoses']}"


def test_code_that_nowhere_handles_a_batch_is_asked_for_one_sample_a_call(examined):
    entry = examined(ONE_A_CALL)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert entry["supports"]["batch_sizes"] == [1], entry["supports"]
    notes = [note for note in entry["notes"] if "batches of 2, 3, 4" in note]
    assert len(notes) == 1, f"what is not asked is told once: {entry['notes']}"


def test_code_that_is_built_for_one_output_is_no_error_with_several_and_it_is_told(examined):
    entry = examined(ONE_OUTPUT)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert any("one output only" in note for note in entry["notes"]), entry["notes"]


def module_of(text, tmp_path):
    file = tmp_path / "student.py"
    file.write_text(text, encoding="utf-8")
    module = ModuleType("student")
    exec(compile(text, str(file), "exec"), vars(module))
    return module


def body(line, extra=""):
    return f"import numpy as np\n\n\ndef backward(X, Y, d, h):\n    {line}\n\n\n{extra}"


SOFTMAX = "def softmax(z):\n    return np.exp(z) / np.sum(np.exp(z), axis=0)\n"
ONE_BY_ONE = "def train(X, Y):\n    for x, y in zip(X, Y):\n        backward(x, y)\n"
BY_INDEX = "def train(X, Y):\n    for i in range(len(X)):\n        backward(X[i], Y[i])\n"
BY_BATCH = (
    "def train(X, Y, batches):\n    for X_batch, Y_batch in batches:\n"
    "        backward(X_batch, Y_batch)\n"
)
SLICES = (
    "def train(X, Y):\n    for i in range(0, 9, 3):\n        backward(X[i:i + 3], Y[i:i + 3])\n"
)


@pytest.mark.parametrize(
    ("text", "handles"),
    [
        (body("return d.T @ h / len(X), d.sum(axis=0)"), True),
        (body("return d.T @ h / X.shape[0]"), True),
        (body("m = X.shape[1]\n    return d.T @ h / m"), True),
        (body("return np.sum(d, 0)"), True),
        (body("return np.outer(d, h), d"), False),
        (body("return np.outer(d, h) / 2, np.sum(d)"), False),
        (body("return np.outer(softmax(d) - Y, h)", SOFTMAX), False),
        (body("return d.sum(axis=0)", ONE_BY_ONE), False),
        (body("return d.sum(axis=0)", BY_INDEX), False),
        (body("return d.sum(axis=0)", BY_BATCH), True),
        (body("return d.sum(axis=0)", SLICES), True),
    ],
)
def test_whether_code_handles_batches_is_read_from_what_it_does(text, handles, tmp_path):
    assert handles_batches(module_of(text, tmp_path)) is handles, text
