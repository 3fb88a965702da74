"""Small hand-written backprops, right and wrong, as a student would hand them in."""

ONE_NETWORK = """
import numpy as np

networks = ["2-2-2 sigmoid,sigmoid half_squared_error"]
batch_sizes = [1]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def loss_and_grads(network, params, batch):
    (W1, b1), (W2, b2) = params
    h = sigmoid(batch.x @ W1 + b1)
    o = sigmoid(h @ W2 + b2)
    d2 = (o - batch.y) * o * (1 - o)
    d1 = (d2 @ W2.T) * h * (1 - h)
    loss = 0.5 * ((o - batch.y) ** 2).sum()
    return loss, [(batch.x.T @ d1, d1[0]), (h.T @ d2, d2[0])]
"""

ONE_NETWORK_WRONG = ONE_NETWORK.replace("* h * (1 - h)", "* h * (1 + h)")

TANH = """
import numpy as np


def derivative(z):
    return 1 - np.tanh(z) ** 2


def loss_and_grads(network, params, batch):
    if set(network.activations) != {"tanh"} or network.loss != "half_squared_error":
        raise NotImplementedError(str(network))
    a, zs = [batch.x], []
    for W, b in params:
        zs.append(a[-1] @ W + b)
        a.append(np.tanh(zs[-1]))
    scale = 1 / len(batch.x) if network.reduction == "mean" else 1.0
    loss = scale * 0.5 * np.sum((a[-1] - batch.y) ** 2)
    loss += 0.5 * network.l2 * sum(np.sum(W * W) for W, _ in params)
    delta = (a[-1] - batch.y) * derivative(zs[-1])
    grads = []
    for layer in reversed(range(len(params))):
        W, b = params[layer]
        grads.insert(0, (scale * a[layer].T @ delta + network.l2 * W, scale * delta.sum(axis=0)))
        if layer:
            delta = (delta @ W.T) * derivative(zs[layer - 1])
    return loss, grads
"""

TAN_BUG = TANH.replace("1 - np.tanh(z) ** 2", "1 - np.tanh(z) * np.tan(z)")
ALIASING = TANH.replace("return loss, grads", "return loss, [(W, b) for W, b in params]")
OTHER_LOSS = TANH.replace("scale * 0.5 *", "scale *").replace(
    "delta = (a[-1] - batch.y) *", "delta = 2 * (a[-1] - batch.y) *"
)
BIAS_FORGOTTEN = TANH.replace("scale * delta.sum(axis=0)", "np.zeros_like(b)")
NOT_SUMMED = TANH.replace("scale * delta.sum(axis=0)", "scale * delta")
NAN = TANH.replace("return loss, grads", "return loss, [(W * np.nan, b) for W, b in grads]")
COUNTS_CALLS = TANH.replace("def derivative", "calls = []\n\n\ndef derivative").replace(
    "    return loss, grads",
    "    calls.append(1)\n    return loss, [(W * (1 + 1e-3 * len(calls)), b) for W, b in grads]",
)
