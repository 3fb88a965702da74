"""Layer objects: the backward leaves the gradient on them, a step is taken apart."""

import numpy as np


class Dense:
    def __init__(self, n_in, n_out, f, df):
        self.w, self.b = np.random.randn(n_in, n_out), np.zeros((1, n_out))
        self.f, self.df = f, df

    def forward(self, x):
        self.x = x
        self.z = x @ self.w + self.b
        return self.f(self.z)

    def backward(self, upstream):
        delta = upstream * self.df(self.z)
        self.grad_w = self.x.T @ delta
        self.grad_b = delta.sum(axis=0, keepdims=True)
        return delta @ self.w.T


class Model:
    def __init__(self, sizes):
        tanh = (np.tanh, lambda z: 1 - np.tanh(z) ** 2)
        linear = (lambda z: z, np.ones_like)
        pairs = list(zip(sizes[:-1], sizes[1:]))
        kinds = [tanh] * (len(pairs) - 1) + [linear]
        self.stack = [Dense(a, b, *kind) for (a, b), kind in zip(pairs, kinds)]

    def predict(self, x):
        for layer in self.stack:
            x = layer.forward(x)
        return x

    def accumulate(self, x, y):
        upstream = 2 * (self.predict(x) - y) / y.size
        for layer in reversed(self.stack):
            upstream = layer.backward(upstream)

    def apply(self, rate):
        for layer in self.stack:
            layer.w = layer.w - rate * layer.grad_w
            layer.b = layer.b - rate * layer.grad_b
