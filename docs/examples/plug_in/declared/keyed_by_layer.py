"""Dicts keyed by layer number, layers from 1, samples in columns."""

import numpy as np


class Deep:
    def __init__(self, widths):
        self.depth = len(widths) - 1
        self.W = {l: np.random.randn(widths[l], widths[l - 1]) for l in range(1, self.depth + 1)}
        self.b = {l: np.zeros((widths[l], 1)) for l in range(1, self.depth + 1)}

    def forward(self, X):
        self.Z, self.A = {}, {0: X}
        for l in range(1, self.depth + 1):
            self.Z[l] = self.W[l] @ self.A[l - 1] + self.b[l]
            self.A[l] = np.maximum(self.Z[l], 0) if l < self.depth else self.Z[l]
        return self.A[self.depth]

    def cost(self, X, Y):
        return np.sum((self.forward(X) - Y) ** 2) / (2 * X.shape[1])

    def backward(self, X, Y):
        self.forward(X)
        self.dW, self.db = {}, {}
        delta = (self.A[self.depth] - Y) / X.shape[1]
        for l in range(self.depth, 0, -1):
            self.dW[l] = delta @ self.A[l - 1].T
            self.db[l] = delta.sum(axis=1, keepdims=True)
            if l > 1:
                delta = (self.W[l].T @ delta) * (self.Z[l - 1] > 0)
