"""The learning rate of code that trains: set where it can be, else taken from the source."""

import ast
from types import ModuleType

import pytest

from gradcheck.reading.source import built_in
from tests.tiers import sampled

pytestmark = pytest.mark.slow  # each starts a worker, or several

SCRIPT = """
import numpy as np
np.random.seed(0)
X = np.random.randn(8, 3)
y = np.random.randn(8, 2)
W1 = np.random.randn(3, 4); b1 = np.zeros(4)
W2 = np.random.randn(4, 2); b2 = np.zeros(2)
for {counter} in range(100):
    h = np.tanh(X @ W1 + b1)
    out = h @ W2 + b2
    loss = np.mean(np.sum((out - y) ** 2, axis=1))
    dout = 2 * (out - y) / len(X)
    dh = dout @ W2.T * {slope}
    W1 -= {rate} * (X.T @ dh); b1 -= {rate} * dh.sum(axis=0)
    W2 -= {rate} * (h.T @ dout); b2 -= {bias_rate} * dout.sum(axis=0)
"""

OBJECT = """
import numpy as np
class Net:
    def __init__(self):
        self.W = np.random.randn(3, 2)
        self.b = np.zeros(2)
        self.lr = 0.037
    def fit_one(self, x, y):
        p = x @ self.W + self.b
        d = {factor} * (p - y) / len(x)
        self.W -= self.lr * x.T @ d
        self.b -= self.lr * d.sum(0)
        return np.mean(np.sum((p - y)**2, axis=1))
X = np.random.randn(20, 3)
y = np.random.randn(20, 2)
net = Net()
for epoch in range(100):
    loss = net.fit_one(X, y)
"""

IN_PLACE = """
import numpy as np
class Net:
    def __init__(self, n_in=3, n_out=2):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)
    def forward(self, x):
        return np.tanh(x @ self.W + self.b)
    def loss(self, x, y):
        return np.mean(np.sum((self.forward(x) - y) ** 2, axis=1))
    def train(self, x, y):
        p = self.forward(x)
        d = 2 * (p - y) / len(x) * {slope}
        self.W -= 3e-4 * x.T @ d
        self.b -= 3e-4 * d.sum(0)
"""


def script(rate="0.037", slope="(1 - h ** 2)", counter="epoch", bias_rate=None):
    return SCRIPT.format(rate=rate, slope=slope, counter=counter, bias_rate=bias_rate or rate)


@pytest.mark.parametrize("rate", sampled(["0.03", "1e-4", "0.7"]))
def test_a_script_whose_rate_is_written_out_is_correct(examined, rate):
    entry = examined(script(rate))
    assert entry["verdict"] == "correct", entry
    assert entry["adapter"]["conventions"]["rate"] == f"built in, {float(rate):g}", entry["adapter"]


def test_a_rate_that_is_written_out_hides_no_wrong_derivative(examined):
    entry = examined(script(slope="(1 - h)"))
    assert entry["verdict"] == "wrong", entry
    assert [d["bug"] for d in entry["diagnoses"]] == ["tanh_derivative_not_squared"], entry


def test_a_loop_may_call_its_counter_as_python_calls_a_function(examined):
    assert examined(script(counter="iter"))["verdict"] == "correct"


@pytest.mark.usefixtures("undiagnosed")
def test_biases_that_are_trained_at_another_rate_are_not_passed_over(examined):
    entry = examined(script(bias_rate="0.03"))
    assert entry["verdict"] == "wrong", f"{entry['verdict']}, read as {entry['adapter']}"


@pytest.mark.usefixtures("undiagnosed")
@pytest.mark.parametrize(("factor", "verdict"), [("2", "correct"), ("1", "wrong")])
def test_the_rate_that_an_object_of_a_script_keeps_is_set(examined, factor, verdict):
    assert examined(OBJECT.format(factor=factor))["verdict"] == verdict


@pytest.mark.usefixtures("undiagnosed")
@pytest.mark.parametrize(("slope", "verdict"), [("(1 - p ** 2)", "correct"), ("1", "wrong")])
def test_a_class_that_trains_at_a_rate_of_its_own_is_read(examined, slope, verdict):
    assert examined(IN_PLACE.format(slope=slope))["verdict"] == verdict


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("for i in x:\n    W -= 0.03 * dW", (0.03, 1.0)),
        ("for i in x:\n    W = W - dW * step", (0.25, 1.0)),
        ("for i in x:\n    W += dW / 50", (0.02, 1.0)),
        ("for i in x:\n    d = 0.1 * e\n    W += d", (1.0, 0.1)),
        ("for i in x:\n    loss = 0.5 * e\n    W -= 2 * dW", (1.0,)),
    ],
)
def test_what_parameters_are_changed_by_comes_before_what_leads_there(text, rates):
    module = ModuleType("script")
    module.step = 0.25
    module.__gradcheck_loop__ = ast.parse(text).body[0]
    assert built_in(module) == rates


RATE_IN_DELTA = """
import numpy as np
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
Y = np.array([[0], [1], [1], [0]])
L = .1
Wh = np.random.uniform(size=(2, 3))
Wz = np.random.uniform(size=(3, 1))
for i in range(2000):
    H = 1 / (1 + np.exp(-np.dot(X, Wh)))
    Z = np.dot(H, Wz)
    E = Y - Z
    dZ = E * L
    Wz += H.T.dot(dZ)
    dH = dZ.dot(Wz.T) * H * (1 - H)
    Wh += X.T.dot(dH)
"""


def test_a_rate_inside_the_delta_is_taken_for_no_factor_of_a_mean(examined):
    entry = examined(RATE_IN_DELTA)
    assert entry["adapter"]["conventions"]["rate"] == "built in, 0.1", entry["adapter"]
    told = [(d["bug"], d["layer"]) for d in entry["diagnoses"]]
    assert told == [("weights_updated_inside_gradient", 1)], f"told {told}"


SHRINKING = """
import numpy as np
class Net:
    def __init__(self, n_in, n_hidden, n_out, lr=0.5):
        self.W1 = np.random.randn(n_in, n_hidden); self.b1 = np.zeros(n_hidden)
        self.W2 = np.random.randn(n_hidden, n_out); self.b2 = np.zeros(n_out)
        self.lr, self.decay, self.t = lr, 0.97, 0
    def forward(self, X):
        self.h = np.tanh(X @ self.W1 + self.b1)
        return self.h @ self.W2 + self.b2
    def loss(self, X, y):
        return 0.5 * np.sum((self.forward(X) - y) ** 2) / len(X)
    def train_step(self, X, y, lr=0.1, epoch=3):
        self.t += 1
        {before}
        d = {factor} * (self.forward(X) - y) / len(X)
        dh = d @ self.W2.T * (1 - self.h ** 2)
        self.W1 -= {rate} * X.T @ dh; self.b1 -= {rate} * dh.sum(axis=0)
        {between}
        self.W2 -= {rate} * self.h.T @ d; self.b2 -= {rate} * d.sum(axis=0)
        {after}
"""

KEPT, LOCAL = "self.lr *= self.decay", "lr = lr / (1 + 0.1 * epoch)"
TIMED = "eff = self.lr / (1 + self.decay * self.t)"


def shrinking(before="", rate="self.lr", factor="1", between="", after=""):
    parts = {"before": before, "between": between, "after": after}
    return SHRINKING.format(rate=rate, factor=factor, **parts)


@pytest.mark.parametrize(
    ("code", "used"),
    sampled(
        [
            (shrinking(TIMED, "eff"), "0.507614 of it is used"),
            (shrinking(KEPT), "0.97 of it is used"),
            (shrinking(after=KEPT), "all of it is used"),
            (shrinking(rate="self.lr * self.decay ** self.t"), "0.97 of it is used"),
            (shrinking(LOCAL, "lr"), "0.909091 of it is used"),
        ],
        3,
    ),
)
def test_a_rate_that_code_shrinks_before_it_uses_it_is_read_as_what_is_left(examined, code, used):
    entry = examined(code)
    assert entry["verdict"] == "correct", entry["findings"]
    assert entry["adapter"]["conventions"]["rate"] == f"can be set; {used}", entry["adapter"]


@pytest.mark.usefixtures("undiagnosed")
@pytest.mark.parametrize(
    "code",
    sampled(
        [
            shrinking(factor="0.97"),
            shrinking(factor="2"),
            shrinking(TIMED, "eff", factor="2"),
            shrinking(KEPT, factor="2"),
            shrinking(between=KEPT),
            shrinking(rate="0.97 * self.lr"),
            shrinking("m = len(X)", "self.lr / m"),
            shrinking("eff = 2 * self.lr", "eff"),
        ],
        3,
    ),
)
def test_a_factor_that_no_shrinking_explains_is_wrong(examined, code):
    entry = examined(code)
    assert entry["verdict"] == "wrong", f"{entry['verdict']}, read as {entry['adapter']}"


@pytest.mark.usefixtures("undiagnosed")
@pytest.mark.parametrize(
    ("before", "rate", "factor", "verdict"),
    sampled(
        [
            ("lr *= decay", "lr", "1", "correct"),
            ("now = lr / (1 + decay * (epoch + 1))", "now", "1", "correct"),
            ("now = lr / (1 + decay * (epoch + 1))", "now", "2", "wrong"),
            ("lr *= decay", "lr", "2", "wrong"),
        ]
    ),
)
def test_a_rate_that_a_loop_shrinks_is_read_too(examined, before, rate, factor, verdict):
    code = script(rate).replace("range(100):", f"range(100):\n    {before}")
    code = code.replace("dout = 2", f"dout = 2 * {factor}").replace(
        "X = ", "lr, decay = 0.1, 0.97\nX = ", 1
    )
    entry = examined(code)
    assert entry["verdict"] == verdict, f"{entry['verdict']}, read as {entry['adapter']}"


DATA = """
import numpy as np
inputs = []
labels = []
for i in range(300):
    a = np.random.random_sample() * 2 - 1
    b = np.random.random_sample() * 2 - 1
    inputs.append([a, b])
    labels.append([1, 0] if a > b else [0, 1])
inputs = np.array(inputs)
labels = np.array(labels)
"""

OBJECT_A_SAMPLE = (
    """
import numpy as np
class Network:
    def __init__(self, n_in, n_hidden, n_out):
        self.W1 = np.random.randn(n_hidden, n_in); self.b1 = np.random.randn(n_hidden)
        self.W2 = np.random.randn(n_out, n_hidden); self.b2 = np.random.randn(n_out)
        self.lr, self.t = 0.01, 0
    def train(self, x, label):
        h = 1 / (1 + np.exp(-(self.W1.dot(x) + self.b1)))
        out = self.W2.dot(h) + self.b2
        loss = np.square(out - label).sum()
        d = {factor} * 2 * (out - label)
        dh = self.W2.T.dot(d) * h * (1 - h)
        {shrink}
        self.W1 -= {rate} * np.outer(dh, x); self.b1 -= {rate} * dh
        self.W2 -= {rate} * np.outer(d, h); self.b2 -= {rate} * d
        return loss
"""
    + DATA
    + """
net = Network(2, 6, 2)
for epoch in range(1000):
    total = 0
    for i in range(len(inputs)):
        total += net.train(inputs[i], labels[i])
    print(epoch, total)
"""
)

CLASS_A_SAMPLE = """
import numpy as np
class Net:
    def __init__(self, n_in=3, n_hidden=4, n_out=2, lr=0.1):
        self.W1 = np.random.randn(n_in, n_hidden); self.b1 = np.zeros(n_hidden)
        self.W2 = np.random.randn(n_hidden, n_out); self.b2 = np.zeros(n_out)
        self.lr, self.t = lr, 0
    def forward(self, x):
        self.h = np.tanh(x @ self.W1 + self.b1)
        return self.h @ self.W2 + self.b2
    def fit(self, X, Y):
        for x, y in zip(X, Y):
            d = self.forward(x) - y
            dh = self.W2 @ d * (1 - self.h{power})
            {shrink}
            self.W1 -= {rate} * np.outer(x, dh); self.b1 -= {rate} * dh
            self.W2 -= {rate} * np.outer(self.h, d); self.b2 -= {rate} * d
"""

SCRIPT_A_SAMPLE = (
    DATA
    + """
lr, decay, t = 0.05, 0.01, 0
W1 = np.random.randn(2, 6); b1 = np.zeros(6)
W2 = np.random.randn(6, 2); b2 = np.zeros(2)
for epoch in range(1000):
    {each_epoch}
    for x, y in zip(inputs, labels):
        h = np.tanh(x @ W1 + b1)
        out = h @ W2 + b2
        loss = np.sum((out - y) ** 2)
        d = {factor} * 2 * (out - y)
        dh = W2 @ d * (1 - h ** 2)
        {shrink}
        W1 -= {rate} * np.outer(x, dh); b1 -= {rate} * dh
        W2 -= {rate} * np.outer(h, d); b2 -= {rate} * d
"""
)

OBJECT_RATE = "now = self.lr / (1 + 0.01 * self.t)"


def object_a_sample(shrink, rate="self.lr", factor="1"):
    return OBJECT_A_SAMPLE.format(shrink=shrink, rate=rate, factor=factor)


def class_a_sample(shrink, rate="self.lr", power=" ** 2"):
    return CLASS_A_SAMPLE.format(shrink=shrink, rate=rate, power=power)


def script_a_sample(shrink="pass", rate="lr", factor="1", each_epoch="pass"):
    return SCRIPT_A_SAMPLE.format(shrink=shrink, rate=rate, factor=factor, each_epoch=each_epoch)


@pytest.mark.parametrize(
    ("code", "part"),
    sampled(
        [
            (object_a_sample("self.lr *= 0.9999999"), "0.9999999"),
            (object_a_sample("self.lr *= 0.5"), "0.5"),
            (class_a_sample(f"self.t += 1; {OBJECT_RATE}", "now"), "0.990099"),
            (class_a_sample("self.lr *= 0.9999999"), "0.9999999"),
            (script_a_sample("lr *= 0.5"), "0.5"),
            (class_a_sample("self.lr *= 0.5"), "0.5"),
            (script_a_sample(each_epoch="lr *= 0.9999999"), "0.9999999"),
            (script_a_sample("lr *= 0.9999999"), "0.9999999"),
            (script_a_sample("t += 1", "lr / (1 + decay * t)"), "0.990099"),
            (script_a_sample(each_epoch="lr *= 0.999"), "0.999"),
        ],
        3,
    ),
)
def test_a_rate_that_shrinks_at_each_sample_or_epoch_is_read_whatever_the_factor(
    examined, code, part
):
    entry = examined(code)
    assert entry["verdict"] == "correct", entry["findings"]
    rate = entry["adapter"]["conventions"]["rate"]
    assert rate.endswith(f"; {part} of it is used"), f"the rate is told as: {rate}"


@pytest.mark.usefixtures("undiagnosed")
@pytest.mark.parametrize(
    "code",
    [
        object_a_sample("self.lr *= 0.9999999", factor="0.5"),
        object_a_sample("self.lr *= 0.5", factor="0.5"),
        class_a_sample("self.lr *= 0.5", power=""),
        script_a_sample("lr *= 0.5", factor="0.5"),
    ],
)
def test_a_rate_that_shrinks_at_each_sample_hides_no_wrong_gradient(examined, code):
    entry = examined(code)
    assert entry["verdict"] == "wrong", f"{entry['verdict']}, read as {entry['adapter']}"


@pytest.mark.usefixtures("undiagnosed")
def test_weights_trained_at_a_rate_that_shrinks_between_them_are_wrong(examined):
    code = object_a_sample("pass").replace("; self.b1 -=", "; self.lr *= 0.9999999; self.b1 -=")
    entry = examined(code)
    assert entry["verdict"] == "wrong", f"{entry['verdict']}, read as {entry['adapter']}"
