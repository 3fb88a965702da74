"""Arrays that code holds in two places are written into, not replaced in one of them."""

import pytest

from tests.reading.conftest import wrong_checks

pytestmark = pytest.mark.slow  # each starts a worker, or several

#: Layers hold the arrays that stand in a dict, as in a well-known book.
NET = """\
import numpy as np


class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = np.asarray(x)
        return self.x @ np.asarray(self.W) + np.asarray(self.b)

    def backward(self, d):
        self.dW, self.db = self.x.T @ d, d.sum(axis=0)
        return d @ np.asarray(self.W).T


class Net:
    def __init__(self, n0, n1, n2):
        self.params = {}
        PARAMS
        p = self.params
        self.layers = [Affine(p["W1"], p["b1"]), Affine(p["W2"], p["b2"])]

    def forward(self, x):
        self.h = np.tanh(self.layers[0].forward(x))
        return self.layers[1].forward(self.h)

    def loss(self, x, y):
        return 0.5 * np.sum((self.forward(x) - y) ** 2)

    def backward(self, x, y):
        d = self.forward(x) - y
        d = self.layers[1].backward(d)
        self.layers[0].backward(d * SLOPE)
        return [(layer.dW, layer.db) for layer in self.layers]

    def learn(self, x, y):
        self.backward(x, y)
        for n, layer in enumerate(self.layers, start=1):
            self.params[f"W{n}"] -= 0.1 * layer.dW
            self.params[f"b{n}"] -= 0.1 * layer.db
"""

ARRAYS = """\
for n, (i, o) in enumerate([(n0, n1), (n1, n2)], start=1):
            self.params[f"W{n}"] = np.random.randn(i, o)MORE
            self.params[f"b{n}"] = np.zeros(o)MORE"""

ONE_ROW = """\
self.theta = np.zeros((n0 + 1) * n1 + (n1 + 1) * n2)
        start = 0
        for name, shape in (("W1", (n0, n1)), ("b1", (n1,)), ("W2", (n1, n2)), ("b2", (n2,))):
            size = int(np.prod(shape))
            self.params[name] = self.theta[start : start + size].reshape(shape)
            start += size"""

ONE_ZERO = """\
zero = np.zeros(n1)
        self.params = {"W1": np.ones((n0, n1)), "b1": zero, "W2": np.ones((n1, n2)), "b2": zero}"""

DECLARATION = """\
from gradcheck.adapters import Declaration

declaration = Declaration(
    network="3-4-2 tanh,identity half_squared_error sum",
    build=lambda code, network: code.Net(*network.widths),
    weights="params['W{l}']", biases="params['b{l}']",
    loss=lambda net, x, y: net.loss(x, y), ASKED
)
"""

GRADIENTS = "gradients=lambda net, x, y: net.backward(x, y),"
TRAIN = "train=lambda net, x, y: net.learn(x, y), rate=0.1,"
RIGHT, WRONG = "(1 - self.h**2)", "(1 - self.h)"


def net(params=ARRAYS, slope=RIGHT, more=""):
    return NET.replace("PARAMS", params.replace("MORE", more)).replace("SLOPE", slope)


@pytest.mark.parametrize("asked", [GRADIENTS, TRAIN], ids=["gradients", "train"])
@pytest.mark.parametrize(
    "params",
    [ARRAYS, ONE_ROW, ARRAYS.replace("MORE", ".tolist()")],
    ids=["arrays", "parts of one row", "lists"],
)
def test_layers_that_hold_what_stands_in_a_dict_are_given_it(examined, params, asked):
    if "tolist" in params and asked is TRAIN:  # lists have no -=
        return
    entry = examined(net(params), declaration=DECLARATION.replace("ASKED", asked))
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"


@pytest.mark.parametrize("asked", [GRADIENTS, TRAIN], ids=["gradients", "train"])
def test_a_wrong_slope_in_such_code_is_wrong_and_placed(examined, asked):
    entry = examined(net(slope=WRONG), declaration=DECLARATION.replace("ASKED", asked))
    assert entry["verdict"] == "wrong", entry["error"]
    assert {(d["site"], d["layer"]) for d in entry["diagnoses"]} == {("activation_derivative", 1)}


def test_what_two_tensors_share_at_first_is_parted(examined):
    """A zero that two biases begin with is not one bias: the second is bound, as it always was."""
    text = net(ONE_ZERO).replace("p = self.params", "p = self.params\n        self.live = p")
    text = text.replace("np.asarray(self.b)", "self.b").replace(
        'self.layers = [Affine(p["W1"], p["b1"]), Affine(p["W2"], p["b2"])]',
        "self.layers = []",
    )
    text = text.replace(
        "    def forward(self, x):\n        self.h",
        "    def forward(self, x):\n        p = self.params\n"
        '        self.layers = [Affine(p["W1"], p["b1"]), Affine(p["W2"], p["b2"])]\n'
        "        self.h",
    )
    declaration = DECLARATION.replace("ASKED", GRADIENTS).replace("3-4-2", "3-4-4")
    entry = examined(text, declaration=declaration)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
