"""Code that trains may tell another multiple of its loss: the rate takes that up."""

import pytest

SCRIPT = """\
import numpy as np

np.random.seed(3)
X = np.random.randn(6, 3)
Y = np.random.rand(6, 3)
W1 = np.random.randn(3, 4) * 0.5
b1 = np.zeros(4)
W2 = np.random.randn(4, 3) * 0.5
b2 = np.zeros(3)
rate = 0.1

for epoch in range(2000):
    h = 1 / (1 + np.exp(-(X @ W1 + b1)))
    out = 1 / (1 + np.exp(-(h @ W2 + b2)))
    loss = LOSS
    d2 = (out - Y) * out * (1 - out)
    d1 = d2 @ W2.T * h * (1 - h)
    W1 -= rate * X.T @ d1
    b1 -= rate * d1.sum(axis=0)
    W2 -= rate * h.T @ d2
    b2 -= rate * d2.sum(axis=0)
    if epoch % 500 == 0:
        print(epoch, loss)
"""

#: Means of squares, where it goes down half their sum.
TOLD = [
    "np.mean((out - Y) ** 2)",
    "((out - Y) ** 2).sum() / len(X)",
    "((out - Y) ** 2).sum(1).mean()",
]

#: One slip from the loss that is told, by the name that it has.
SLIPS = {
    "batch_mean_missing": "0.5 * ((out - Y) ** 2).sum() / len(X)",
    "factor_two_missing": "((out - Y) ** 2).sum()",
}


NET = """\
import numpy as np


class Net:
    def __init__(self):
        self.W1 = np.random.randn(3, 4) * 0.5
        self.b1 = np.zeros((1, 4))
        self.W2 = np.random.randn(4, 1) * 0.5
        self.b2 = np.zeros((1, 1))

    def train(self, X, y, epochs, rate):
        for _ in range(epochs):
            h = 1 / (1 + np.exp(-(X @ self.W1 + self.b1)))
            self.out = 1 / (1 + np.exp(-(h @ self.W2 + self.b2)))
            d2 = (y - self.out) * self.out * (1 - self.out)
            d1 = d2 @ self.W2.T * h * (1 - h)
            self.W2 += rate * h.T @ d2
            self.b2 += rate * d2.sum(axis=0, keepdims=True)
            self.W1 += rate * X.T @ d1
            self.b1 += rate * d1.sum(axis=0, keepdims=True)
            self.loss = np.mean((y - self.out) ** 2)

    def predict(self, X):
        h = 1 / (1 + np.exp(-(X @ self.W1 + self.b1)))
        return 1 / (1 + np.exp(-(h @ self.W2 + self.b2)))
"""


def script(loss, old="", new=""):
    assert SCRIPT.count(old) or not old, f"{old} is not in the script"
    return SCRIPT.replace("LOSS", loss).replace(old, new)


@pytest.mark.parametrize("loss", TOLD)
def test_a_script_that_goes_down_a_multiple_of_the_loss_it_tells_is_right(examined, loss):
    entry = examined(script(loss))
    assert entry["verdict"] == "correct", [f["message"] for f in entry["findings"]]
    told = [note for note in entry["notes"] if "the rate takes up" in note]
    assert told, f"nothing says that its loss is another multiple: {entry['notes']}"


def test_a_class_that_trains_by_a_rate_is_right_as_well(examined):
    entry = examined(NET)
    assert entry["adapter"]["name"] == "in place"
    assert entry["verdict"] == "correct", [f["message"] for f in entry["findings"]]


@pytest.mark.parametrize("name", SLIPS)
def test_one_slip_from_the_loss_that_is_told_has_its_name(examined, name):
    entry = examined(script(SLIPS[name]))
    told = [bug["bug"] for d in entry["diagnoses"] for bug in (d, *d["also"])]
    assert name in told, f"told are {told}: {[f['message'] for f in entry['findings']]}"


@pytest.mark.parametrize(
    ("old", "new", "tensors"),
    [
        ("d1.sum(axis=0)", "d1.mean(axis=0)", {"b1"}),
        ("h * (1 - h)", "h * (1 + h)", {"W1", "b1"}),
        ("h.T @ d2", "h.T @ d2 * 3", {"W2"}),
    ],
)
def test_what_is_wrong_in_one_tensor_alone_no_rate_takes_up(examined, old, new, tensors):
    entry = examined(script(TOLD[0], old, new))
    (gradient,) = [f for f in entry["findings"] if f["check"] == "gradient"]
    wrong = {name for name, t in gradient["tensors"].items() if t["verdict"] == "wrong"}
    assert wrong == tensors, f"wrong are {wrong}, not {tensors}: {gradient['message']}"
