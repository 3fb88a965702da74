"""A threshold is subtracted from every unit's sum."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Perceptrons:
    def __init__(self, n_in, n_hidden, n_out):
        self.v, self.gamma = np.zeros((n_in, n_hidden)), np.zeros(n_hidden)
        self.w, self.theta = np.zeros((n_hidden, n_out)), np.zeros(n_out)

    def output(self, x):
        self.b = sigmoid(x @ self.v - self.gamma)
        return sigmoid(self.b @ self.w - self.theta)

    def learn(self, x, y, eta):
        out = self.output(x)
        g = out * (1 - out) * (y - out)
        e = self.b * (1 - self.b) * (self.w @ g)
        self.w += eta * np.outer(self.b, g)
        self.theta += -eta * g
        self.v += eta * np.outer(x, e)
        self.gamma += -eta * e
