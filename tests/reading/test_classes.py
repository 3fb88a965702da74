"""Classes as textbooks of deep learning have them: layers that share arrays with a dictionary."""

import pytest

from tests.reading.conftest import sites, wrong_checks

pytestmark = pytest.mark.slow  # each starts a worker, or several

BOOK = """
import numpy as np


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def cross_entropy_error(y, t):
    return -np.sum(t * np.log(y + 1e-7)) / len(y)


class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(axis=0)
        return dout @ self.W.T


class Relu:
    def forward(self, x):
        self.mask = x <= 0
        return np.where(self.mask, 0, x)

    def backward(self, dout):
        return np.where(self.mask, 0, dout)


class TwoLayerNet:
    def __init__(self, input_size, hidden_size, output_size):
        self.params = {}
        self.params["W1"] = np.random.randn(input_size, hidden_size)
        self.params["b1"] = np.zeros(hidden_size)
        self.params["W2"] = np.random.randn(hidden_size, output_size)
        self.params["b2"] = np.zeros(output_size)
        self.first = Affine(self.params["W1"], self.params["b1"])
        self.relu = Relu()
        self.second = Affine(self.params["W2"], self.params["b2"])

    def predict(self, x):
        return self.second.forward(self.relu.forward(self.first.forward(x)))

    def loss(self, x, t):
        self.y = softmax(self.predict(x))
        return cross_entropy_error(self.y, t)

    def numerical_gradient(self, x, t):
        grads = {}
        for key, param in self.params.items():
            grad = np.zeros_like(param)
            for i in np.ndindex(*param.shape):
                old = param[i]
                param[i] = old + 1e-4
                up = self.loss(x, t)
                param[i] = old - 1e-4
                grad[i] = (up - self.loss(x, t)) / 2e-4
                param[i] = old
            grads[key] = grad
        return grads

    def gradient(self, x, t):
        self.loss(x, t)
        d = (self.y - t) / len(t)
        self.first.backward(self.relu.backward(self.second.backward(d)))
        grads = {"W1": self.first.dW, "b1": self.first.db}
        return {**grads, "W2": self.second.dW, "b2": self.second.db}
"""


def test_layers_that_share_arrays_with_a_dictionary_are_read(examined):
    entry = examined(BOOK)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert entry["adapter"]["conventions"]["loss"] == "cross_entropy mean", entry["adapter"]
    assert "gradient" in entry["adapter"]["conventions"]["calls"], entry["adapter"]
    assert "numerical" not in entry["adapter"]["conventions"]["calls"], "differences were judged"


def test_a_bug_in_a_layer_of_such_a_class_is_wrong(examined):
    entry = examined(BOOK.replace("return np.where(self.mask, 0, dout)", "return dout"))
    assert entry["verdict"] == "wrong", f"{entry['verdict']}: {entry['error']}"
    assert ("activation_derivative", 1) in sites(entry), entry["diagnoses"]


NAMED = """
import numpy as np


class Net:
    def __init__(self):
        self.W1, self.W2 = np.random.randn(2, 3), np.random.randn(3, 1)

    def forward(self, X):
        self.a = np.tanh(X @ self.W1)
        return self.a @ self.W2

    def costFunction(self, X, y):
        return 0.5 * np.sum((y - self.forward(X)) ** 2)

    def METHOD(self, X, y):
        d = self.forward(X) - y
        FIRST = X.T @ ((d @ self.W2.T) * (1 - self.a**2))
        SECOND = self.a.T @ d
        return FIRST, SECOND
"""
NAMES = [
    ("costFunctionPrime", "dJdW1", "dJdW2"),
    ("gradients", "W1_grad", "W2_grad"),
    ("backprop", "gradient_w1", "gradient_w2"),
]


@pytest.mark.parametrize(("method", "first", "second"), NAMES, ids=[n for n, _, _ in NAMES])
def test_gradients_are_known_by_the_names_they_go_by(examined, method, first, second):
    text = NAMED.replace("METHOD", method).replace("FIRST", first).replace("SECOND", second)
    entry = examined(text)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert entry["adapter"]["conventions"]["loss"] == "half_squared_error sum", entry["adapter"]


ONE_OUTPUT = """
import numpy as np


def forward(X, W1, b1, W2, b2):
    A1 = np.tanh(W1 @ X + b1)
    A2 = 1 / (1 + np.exp(-(W2 @ A1 + b2)))
    return A1, A2


def calculate_cost(A2, Y):
    return np.squeeze(-(Y @ np.log(A2).T + (1 - Y) @ np.log(1 - A2).T) / Y.shape[1])


def backward(X, Y, A1, A2, W2):
    m = X.shape[1]
    d2 = (A2 - Y) / m
    d1 = (W2.T @ d2) * (1 - A1**2)
    return d1 @ X.T, d1.sum(axis=1, keepdims=True), d2 @ A1.T, d2.sum(axis=1, keepdims=True)
"""


def test_a_cost_for_one_output_settles_the_loss_for_one_output(examined):
    entry = examined(ONE_OUTPUT)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert entry["adapter"]["conventions"]["loss"] == "binary_cross_entropy mean", entry["adapter"]


#: What no role goes by: arguments that only speak of what they are the sizes of, or one list.
SIZES = """
import numpy as np


class Net:
    def __init__(self, ARGUMENTS):
        FIRST
        self.W1, self.b1 = np.random.rand(i, h), np.zeros(h)
        self.W2, self.b2 = np.random.rand(h, o), np.zeros(o)

    def forward(self, X):
        self.h = np.tanh(X @ self.W1 + self.b1)
        return self.h @ self.W2 + self.b2

    def backward(self, X, y, lr):
        d = self.forward(X) - y
        e = (d @ self.W2.T) * (1 - self.h**2)
        self.W2 -= lr * self.h.T @ d
        self.b2 -= lr * d.sum(0)
        self.W1 -= lr * X.T @ e
        self.b1 -= lr * e.sum(0)
"""


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        ("n_in, n_hid, n_out", "i, h, o = n_in, n_hid, n_out"),
        ("in_sz, out_sz, nn_hdim", "i, h, o = in_sz, nn_hdim, out_sz"),
        ("plan", "i, h, o = plan"),
    ],
)
def test_sizes_are_given_to_arguments_that_only_speak_of_them(examined, arguments, first):
    text = SIZES.replace("ARGUMENTS", arguments).replace("FIRST", first)
    entry = examined(text)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"


def test_no_number_is_given_to_an_argument_that_does_not_speak_of_sizes(examined):
    """Opened, a small number is a file of the process that asks."""
    text = SIZES.replace("ARGUMENTS", "path, mode, seed").replace("FIRST", "open(path).read()")
    error = examined(text)["error"]
    assert "how an object of Net is made is unknown" in error["message"], error
