"""A class a layer, as courses write it: each keeps what its backward needs."""

import numpy as np
from scipy.special import erf

SLOPED = {
    "identity": (lambda z: z, lambda z, a: np.ones_like(z)),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z, a: a * (1 - a)),
    "tanh": (lambda z: np.tanh(z), lambda z, a: 1 - a**2),
    "relu": (lambda z: np.maximum(0, z), lambda z, a: (z > 0).astype(float)),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda z, a: np.where(z > 0, 1, 0.01)),
    "elu": (
        lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
        lambda z, a: np.where(z > 0, 1, np.exp(np.minimum(z, 0))),
    ),
    "softplus": (lambda z: np.log1p(np.exp(z)), lambda z, a: 1 / (1 + np.exp(-z))),
    "silu": (
        lambda z: z / (1 + np.exp(-z)),
        lambda z, a: (1 + z - a) / (1 + np.exp(-z)),
    ),
    "gelu": (
        lambda z: 0.5 * z * (1 + erf(z / np.sqrt(2))),
        lambda z, a: 0.5 * (1 + erf(z / np.sqrt(2))) + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi),
    ),
}


class Dense:
    def __init__(self, W, b, l2):
        self.W, self.b, self.l2 = W, b, l2

    def forward(self, a):
        self.a = a
        return a @ self.W + self.b

    def backward(self, dz):
        self.dW = self.a.T @ dz + self.l2 * self.W
        self.db = dz.sum(axis=0)
        return dz @ self.W.T


class Activation:
    def __init__(self, name):
        if name not in SLOPED:
            raise NotImplementedError(name)
        self.f, self.slope = SLOPED[name]

    def forward(self, z):
        self.z, self.out = z, self.f(z)
        return self.out

    def backward(self, da):
        return da * self.slope(self.z, self.out)


class Softmax:
    def forward(self, z):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        self.out = e / e.sum(axis=1, keepdims=True)
        return self.out

    def backward(self, da):
        return self.out * (da - (da * self.out).sum(axis=1, keepdims=True))


class Squared:
    def __init__(self, factor):
        self.factor = factor

    def forward(self, a, y):
        self.difference = a - y
        return self.factor * (self.difference**2).sum(axis=1)

    def backward(self):
        return 2 * self.factor * self.difference


class CrossEntropy:
    def forward(self, a, y):
        self.a, self.y = a, y
        return -np.log((a * y).sum(axis=1))

    def backward(self):
        return -self.y / self.a


class BinaryCrossEntropy:
    def forward(self, a, y):
        self.a, self.y = a, y
        return -(y * np.log(a) + (1 - y) * np.log(1 - a)).sum(axis=1)

    def backward(self):
        return (self.a - self.y) / (self.a * (1 - self.a))


def criterion(name, outputs):
    if name == "cross_entropy":
        return CrossEntropy()
    if name == "binary_cross_entropy":
        return BinaryCrossEntropy()
    factors = {"half_squared_error": 0.5, "squared_error": 1.0, "mean_squared_error": 1 / outputs}
    return Squared(factors[name])


def build(network, params):
    layers = []
    for name, (W, b) in zip(network.activations, params, strict=True):
        layers.append(Dense(W, b, network.l2))
        layers.append(Softmax() if name == "softmax" else Activation(name))
    return layers


def forward(network, params, x):
    for layer in build(network, params):
        x = layer.forward(x)
    return x


def loss_and_grads(network, params, batch):
    layers = build(network, params)
    loss_layer = criterion(network.loss, batch.y.shape[1])
    out = batch.x
    for layer in layers:
        out = layer.forward(out)
    losses = loss_layer.forward(out, batch.y)
    samples = len(batch.x)
    penalty = sum(0.5 * network.l2 * (W**2).sum() for W, _ in params)
    grad = loss_layer.backward()
    if network.reduction == "mean":
        loss = losses.mean() + penalty
        grad = grad / samples
    else:
        loss = losses.sum() + penalty
    for layer in reversed(layers):
        grad = layer.backward(grad)
    return loss, [(layer.dW, layer.db) for layer in layers[::2]]
