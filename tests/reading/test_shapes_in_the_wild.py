"""Shapes that hand-written backprop has in public: recognised without a word, and judged."""

import pytest

from tests.reading.conftest import sites, wrong_checks

pytestmark = pytest.mark.slow

SIGMOID = """
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))

"""

#: What it is, its code, the adapter, and conventions that are told.
RIGHT = {
    "a script without biases whose rate is built in": (
        SIGMOID
        + """
X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
y = np.array([[0], [1], [1], [0]])
syn0 = np.random.random((3, 4))
syn1 = np.random.random((4, 1))
for j in range(60000):
    l1 = sigmoid(X @ syn0)
    l2 = sigmoid(l1 @ syn1)
    l2_error = y - l2
    if j % 10000 == 0:
        print("Error:", np.mean(np.abs(l2_error)))
    l2_delta = l2_error * l2 * (1 - l2)
    l1_delta = l2_delta.dot(syn1.T) * l1 * (1 - l1)
    syn1 += l1.T.dot(l2_delta)
    syn0 += X.T.dot(l1_delta)
""",
        "script",
        {"rate": "built in, 1", "outputs": "l2"},
    ),
    "a script of single numbers whose biases are shared and never trained": (
        """
import math

eta, t1, t2, i1, i2 = 0.5, 0.01, 0.99, 0.05, 0.1
w1, w2, w3, w4, w5, w6, w7, w8 = 0.15, 0.2, 0.25, 0.3, 0.4, 0.45, 0.5, 0.55
b1, b2 = 0.35, 0.6


def f(z):
    return 1 / (1 + math.exp(-z))


while True:
    h1 = f(w1 * i1 + w2 * i2 + b1)
    h2 = f(w3 * i1 + w4 * i2 + b1)
    out_1 = f(w5 * h1 + w6 * h2 + b2)
    out_2 = f(w7 * h1 + w8 * h2 + b2)
    total = 0.5 * (t1 - out_1) ** 2 + 0.5 * (t2 - out_2) ** 2
    e1 = (out_1 - t1) * out_1 * (1 - out_1)
    e2 = (out_2 - t2) * out_2 * (1 - out_2)
    g1 = (e1 * w5 + e2 * w7) * h1 * (1 - h1)
    g2 = (e1 * w6 + e2 * w8) * h2 * (1 - h2)
    w1, w2, w3, w4 = w1 - eta * g1 * i1, w2 - eta * g1 * i2, w3 - eta * g2 * i1, w4 - eta * g2 * i2
    w5, w6, w7, w8 = w5 - eta * e1 * h1, w6 - eta * e1 * h2, w7 - eta * e2 * h1, w8 - eta * e2 * h2
""",
        "script",
        {"weights": "out x in", "outputs": "out", "loss": "half_squared_error"},
    ),
    "a script that trains sample by sample in an inner loop": (
        """
import numpy as np

X = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 1], [0, 0, 1]])
y = np.array([[0], [1], [1], [0]])
w01 = np.random.randn(3, 4) * 0.5
w12 = np.random.randn(4, 1) * 0.5
lr = 0.5
for epoch in range(100):
    total_error = 0
    for i in range(len(X)):
        hidden = np.tanh(X[i] @ w01)
        output = hidden @ w12
        total_error += 0.5 * ((output - y[i]) ** 2)[0]
        d_out = output - y[i]
        d_hid = (d_out @ w12.T) * (1 - hidden**2)
        w12 -= lr * np.outer(hidden, d_out)
        w01 -= lr * np.outer(X[i], d_hid)
""",
        "script",
        {"rate": "lr", "loss": "half_squared_error mean"},
    ),
    "a class that is given its data when it is made": (
        SIGMOID
        + """
class Network:
    def __init__(self, x, y):
        self.input, self.y = x, y
        self.weights1 = np.random.rand(self.input.shape[1], 4)
        self.weights2 = np.random.rand(4, 1)

    def feedforward(self):
        self.layer1 = sigmoid(self.input @ self.weights1)
        self.output = sigmoid(self.layer1 @ self.weights2)

    def backprop(self):
        out = 2 * (self.y - self.output) * self.output * (1 - self.output)
        hidden = (out @ self.weights2.T) * self.layer1 * (1 - self.layer1)
        self.weights1 += self.input.T @ hidden
        self.weights2 += self.layer1.T @ out
""",
        "in place",
        {"calls": "feedforward, backprop", "loss": "squared_error sum"},
    ),
    "a class of sizes of its own, with a forward and a backward": (
        SIGMOID
        + """
class NN:
    def __init__(self):
        self.inputSize, self.hiddenSize, self.outputSize = 2, 3, 1
        self.W1 = np.random.randn(self.inputSize, self.hiddenSize)
        self.W2 = np.random.randn(self.hiddenSize, self.outputSize)

    def forward(self, X):
        self.z2 = sigmoid(X @ self.W1)
        return sigmoid(self.z2 @ self.W2)

    def backward(self, X, y, o):
        delta = (y - o) * o * (1 - o)
        hidden = delta.dot(self.W2.T) * self.z2 * (1 - self.z2)
        self.W1 += X.T.dot(hidden)
        self.W2 += self.z2.T.dot(delta)
""",
        "in place",
        {"calls": "forward, backward", "rate": "built in, 1"},
    ),
    "a class of any depth whose layers have a unit that is always on": (
        SIGMOID
        + """
class NeuralNetwork:
    def __init__(self, layers, alpha=0.1):
        self.W, self.alpha = [], alpha
        for i in range(len(layers) - 2):
            self.W.append(np.random.randn(layers[i] + 1, layers[i + 1] + 1))
        self.W.append(np.random.randn(layers[-2] + 1, layers[-1]))

    def fit(self, X, y, epochs=1000):
        X = np.c_[X, np.ones(len(X))]
        for epoch in range(epochs):
            for x, target in zip(X, y):
                self.fit_partial(x, target)

    def fit_partial(self, x, y):
        A = [np.atleast_2d(x)]
        for w in self.W:
            A.append(sigmoid(A[-1] @ w))
        D = [(A[-1] - y) * A[-1] * (1 - A[-1])]
        for layer in range(len(A) - 2, 0, -1):
            D.append((D[-1] @ self.W[layer].T) * A[layer] * (1 - A[layer]))
        D = D[::-1]
        for layer in range(len(self.W)):
            self.W[layer] += -self.alpha * A[layer].T @ D[layer]

    def predict(self, X):
        p = np.c_[np.atleast_2d(X), np.ones(len(X))]
        for w in self.W:
            p = sigmoid(p @ w)
        return p
""",
        "in place",
        {"calls": "fit_partial", "rate": "can be set"},
    ),
    "a class with a fit of many epochs and the rate on the class": (
        """
import numpy as np


class MLP:
    lr = 0.01

    def __init__(self, n_inputs=3, n_hidden=4, n_outputs=2):
        self.W1, self.b1 = np.random.randn(n_inputs, n_hidden), np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, n_outputs), np.zeros(n_outputs)
        self.losses = []

    def forward(self, X):
        self.h = np.tanh(X @ self.W1 + self.b1)
        return self.h @ self.W2 + self.b2

    def fit(self, X, y, epochs=1000, verbose=True):
        for epoch in range(epochs):
            out = self.forward(X)
            self.losses.append(np.mean((out - y) ** 2))
            d = 2 * (out - y) / out.size
            dh = d @ self.W2.T * (1 - self.h**2)
            self.W2 -= self.lr * self.h.T @ d
            self.b2 -= self.lr * d.sum(0)
            self.W1 -= self.lr * X.T @ dh
            self.b1 -= self.lr * dh.sum(0)
            if verbose:
                print(self.losses[-1])
""",
        "in place",
        {"calls": "fit", "activations": "tanh,identity"},
    ),
    "layer objects that update themselves on the way back": (
        SIGMOID
        + """
class Layer:
    def __init__(self, n_in, n_out):
        self.weights, self.bias = np.random.randn(n_in, n_out), np.random.randn(1, n_out)

    def forward(self, x):
        self.x = x
        self.a = sigmoid(x @ self.weights + self.bias)
        return self.a

    def backward(self, grad, learning_rate):
        delta = grad * self.a * (1 - self.a)
        below = delta @ self.weights.T
        self.weights -= learning_rate * self.x.T @ delta
        self.bias -= learning_rate * delta.sum(axis=0, keepdims=True)
        return below


class Network:
    def __init__(self, layers):
        self.layers = [Layer(a, b) for a, b in zip(layers[:-1], layers[1:])]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def train(self, X, Y, epochs, learning_rate):
        for _ in range(epochs):
            grad = 2 * (self.forward(X) - Y) / len(X)
            for layer in reversed(self.layers):
                grad = layer.backward(grad, learning_rate)
""",
        "in place",
        {"calls": "train", "loss": "squared_error mean"},
    ),
    "a class whose backward returns the gradient, last layer first": (
        """
import numpy as np


class Net:
    def __init__(self, n_in, n_hidden, n_out):
        self.W1, self.b1 = np.random.randn(n_in, n_hidden), np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, n_out), np.zeros(n_out)

    def forward(self, X):
        self.h = np.tanh(X @ self.W1 + self.b1)
        return self.h @ self.W2 + self.b2

    def backward(self, X, y):
        d = (self.forward(X) - y) / len(X)
        grad_out, slope_out = self.h.T @ d, d.sum(axis=0)
        d = (d @ self.W2.T) * (1 - self.h**2)
        return grad_out, slope_out, X.T @ d, d.sum(axis=0)
""",
        "gradients",
        {"class": "Net", "loss": "half_squared_error mean", "calls": "forward, backward"},
    ),
    "functions of any depth with caches": (
        SIGMOID
        + """
def L_model_forward(X, parameters):
    A, caches, L = X, [], len(parameters) // 2
    for l in range(1, L + 1):
        Z = parameters["W" + str(l)] @ A + parameters["b" + str(l)]
        caches.append((A, Z, parameters["W" + str(l)]))
        A = np.maximum(0, Z) if l < L else sigmoid(Z)
    return A, caches


def compute_cost(AL, Y):
    return np.squeeze(-np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / Y.shape[1])


def L_model_backward(AL, Y, caches):
    grads, m = {}, Y.shape[1]
    dZ = AL - Y
    for l in reversed(range(len(caches))):
        A, Z, W = caches[l]
        grads["dW" + str(l + 1)] = dZ @ A.T / m
        grads["db" + str(l + 1)] = np.sum(dZ, axis=1, keepdims=True) / m
        if l:
            dZ = (W.T @ dZ) * (caches[l - 1][1] > 0)
            grads["dA" + str(l)] = dZ
    return grads
""",
        "deeplearning.ai",
        {"loss": "binary_cross_entropy mean", "activations": "relu,sigmoid"},
    ),
    "a class of any depth in float32, unless it is told otherwise": (
        """
import numpy as np


class FullyConnectedNet:
    def __init__(self, hidden_dims, input_dim=3072, num_classes=10, reg=0.0, dtype=np.float32):
        dims = [input_dim, *hidden_dims, num_classes]
        self.reg, self.dtype, self.L, self.params = reg, dtype, len(dims) - 1, {}
        for i in range(self.L):
            self.params["W%d" % (i + 1)] = np.random.randn(dims[i], dims[i + 1]).astype(dtype)
            self.params["b%d" % (i + 1)] = np.zeros(dims[i + 1], dtype)

    def loss(self, X, y=None):
        a, seen = X.astype(self.dtype), []
        for i in range(1, self.L + 1):
            z = a @ self.params["W%d" % i] + self.params["b%d" % i]
            seen.append((a, z))
            a = np.maximum(z, 0) if i < self.L else z
        if y is None:
            return a
        p = np.exp(a - a.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        N, grads = len(X), {}
        loss = -np.log(p[np.arange(N), y]).sum() / N
        d = p.copy()
        d[np.arange(N), y] -= 1
        d /= N
        for i in range(self.L, 0, -1):
            W = self.params["W%d" % i]
            loss += 0.5 * self.reg * np.sum(W * W)
            d = d * (seen[i - 1][1] > 0) if i < self.L else d
            grads["W%d" % i] = seen[i - 1][0].T @ d + self.reg * W
            grads["b%d" % i] = d.sum(0)
            d = d @ W.T
        return loss, grads
""",
        "cs231n",
        {"penalty": "reg = l2", "class": "FullyConnectedNet"},
    ),
}


@pytest.mark.parametrize(("text", "adapter", "told"), RIGHT.values(), ids=RIGHT)
def test_a_shape_in_the_wild_is_recognised_and_right(examined, text, adapter, told):
    entry = examined(text)
    assert entry["adapter"]["name"] == adapter, f"{entry['adapter']}, {entry['error']}"
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    conventions = entry["adapter"]["conventions"]
    missing = {k: v for k, v in told.items() if v not in conventions.get(k, "")}
    assert not missing, f"told {conventions}"
    assert "float32 arithmetic" not in entry["notes"], entry["notes"]


ONE_BIAS = (
    SIGMOID
    + """
def forward_prop(W1, b1, W2, b2, X):
    Z1 = W1.dot(X) + b1
    A1 = np.maximum(Z1, 0)
    Z2 = W2.dot(A1) + b2
    A2 = np.exp(Z2) / sum(np.exp(Z2))
    return Z1, A1, Z2, A2


def backward_prop(Z1, A1, Z2, A2, W1, W2, X, Y):
    m = X.shape[1]
    dZ2 = A2 - Y
    dW2 = 1 / m * dZ2.dot(A1.T)
    db2 = 1 / m * np.sum(dZ2)
    dZ1 = W2.T.dot(dZ2) * (Z1 > 0)
    dW1 = 1 / m * dZ1.dot(X.T)
    db1 = 1 / m * np.sum(dZ1)
    return dW1, db1, dW2, db2
"""
)


def test_a_sum_without_an_axis_is_named_in_both_layers(examined):
    entry = examined(ONE_BIAS)
    assert entry["verdict"] == "wrong", f"{entry['verdict']}: {entry['error']}"
    found = {(d["bug"], d["layer"]) for d in entry["diagnoses"]}
    assert found == {("bias_gradient_one_number", 1), ("bias_gradient_one_number", 2)}, found


def test_a_loss_that_is_printed_and_a_gradient_of_half_of_it_differ(examined):
    text = RIGHT["a script that trains sample by sample in an inner loop"][0]
    entry = examined(text.replace("0.5 * ((output", "1.0 * ((output"))
    assert entry["verdict"] == "wrong", entry["verdict"]
    assert ("loss_derivative", 2) in sites(entry), f"diagnosed {entry['diagnoses']}"
