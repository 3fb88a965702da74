"""Thetas out x in with the bias column inside, gradients in a dict."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def with_ones(a):
    return np.column_stack([np.ones(len(a)), a])


def cost_and_slopes(thetas, data, labels):
    a1 = with_ones(data)
    a2 = with_ones(sigmoid(a1 @ thetas[0].T))
    h = sigmoid(a2 @ thetas[1].T)
    cost = -np.mean(np.sum(labels * np.log(h) + (1 - labels) * np.log(1 - h), axis=1))
    d3 = (h - labels) / len(data)
    d2 = (d3 @ thetas[1][:, 1:]) * a2[:, 1:] * (1 - a2[:, 1:])
    return {"J": cost, "slopes": {0: d2.T @ a1, 1: d3.T @ a2}}
