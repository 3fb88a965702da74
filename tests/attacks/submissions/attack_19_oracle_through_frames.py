"""Looks for the right answer in the callers' frames, and in the harness's modules."""

import importlib
import sys

import numpy as np

networks = ["2-3-1 sigmoid,sigmoid half_squared_error"]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def right(params, batch):
    (W1, b1), (W2, b2) = params
    h = sigmoid(batch.x @ W1 + b1)
    o = sigmoid(h @ W2 + b2)
    d2 = (o - batch.y) * o * (1 - o) / len(batch.x)
    d1 = (d2 @ W2.T) * h * (1 - h)
    loss = 0.5 * ((o - batch.y) ** 2).sum() / len(batch.x)
    return loss, [(batch.x.T @ d1, d1.sum(axis=0)), (h.T @ d2, d2.sum(axis=0))]


def loss_and_grads(network, params, batch):
    frame = sys._getframe(1)
    while frame is not None:
        for name, value in {**frame.f_globals, **frame.f_locals}.items():
            if any(word in name.lower() for word in ("oracle", "truth", "expected", "estimate")):
                raise RuntimeError(f"LEAKED: {name} = {value!r}")
        frame = frame.f_back
    for name in ("gradcheck.oracle", "gradcheck.networks.bugs.textbook", "gradcheck.networks.definitions"):
        try:
            importlib.import_module(name)
        except ImportError:
            continue
        raise RuntimeError(f"LEAKED: {name}")
    loss, grads = right(params, batch)
    return loss, [(0 * W, 0 * b) for W, b in grads]
