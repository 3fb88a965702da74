"""Differences along the imaginary axis: as exact as a backprop."""

import numpy as np


def loss_of(network, params, batch):
    if set(network.activations) != {"tanh"} or network.loss != "half_squared_error":
        raise NotImplementedError(str(network))
    if network.l2 or network.reduction != "sum":
        raise NotImplementedError(str(network))
    a = batch.x
    for W, b in params:
        a = np.tanh(a @ W + b)
    return 0.5 * ((a - batch.y) ** 2).sum()


def loss_and_grads(network, params, batch):
    grads = [(np.zeros_like(W), np.zeros_like(b)) for W, b in params]
    moved = [(W.astype(complex), b.astype(complex)) for W, b in params]
    for pair, grad in zip(moved, grads):
        for tensor, slopes in zip(pair, grad):
            for place in np.ndindex(tensor.shape):
                kept = tensor[place]
                tensor[place] = kept + 1e-30j
                slopes[place] = loss_of(network, moved, batch).imag / 1e-30
                tensor[place] = kept
    return loss_of(network, params, batch), grads
