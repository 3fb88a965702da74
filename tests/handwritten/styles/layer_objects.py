"""Layers as objects, each with forward and backward; a network is a list of them."""

import numpy as np


class Dense:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad):
        self.dW = self.x.T @ grad
        self.db = grad.sum(axis=0)
        return grad @ self.W.T


class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return np.where(self.mask, x, 0.0)

    def backward(self, grad):
        return grad * self.mask


class Tanh:
    def forward(self, x):
        self.out = np.tanh(x)
        return self.out

    def backward(self, grad):
        return grad * (1 - self.out**2)


class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, grad):
        return grad * self.out * (1 - self.out)


class Softmax:
    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.out = e / e.sum(axis=1, keepdims=True)
        return self.out

    def backward(self, grad):
        dot = (grad * self.out).sum(axis=1, keepdims=True)
        return self.out * (grad - dot)


class SquaredLoss:
    def forward(self, out, y):
        self.diff = out - y
        return np.sum(self.diff**2)

    def backward(self):
        return 2 * self.diff


class CrossEntropy:
    def forward(self, out, y):
        self.out, self.y = out, y
        return -np.sum(y * np.log(out))

    def backward(self):
        return -self.y / self.out


LAYERS = {"relu": ReLU, "tanh": Tanh, "sigmoid": Sigmoid, "softmax": Softmax}
LOSSES = {"squared_error": SquaredLoss, "cross_entropy": CrossEntropy}


def build(network, params):
    layers = []
    for (W, b), name in zip(params, network.activations):
        layers.append(Dense(W, b))
        if name == "identity":
            continue
        if name not in LAYERS:
            raise NotImplementedError(name)
        layers.append(LAYERS[name]())
    return layers


def loss_and_grads(network, params, batch):
    if network.loss not in LOSSES or network.l2:
        raise NotImplementedError(str(network))
    layers = build(network, params)
    criterion = LOSSES[network.loss]()
    out = batch.x
    for layer in layers:
        out = layer.forward(out)
    loss = criterion.forward(out, batch.y)
    grad = criterion.backward()
    if network.reduction == "mean":
        loss = loss / len(batch.x)
        grad = grad / len(batch.x)
    for layer in reversed(layers):
        grad = layer.backward(grad)
    return loss, [(layer.dW, layer.db) for layer in layers if isinstance(layer, Dense)]
