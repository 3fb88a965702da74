"""Differences in place of a backprop."""

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
    grads, h = [(np.zeros_like(W), np.zeros_like(b)) for W, b in params], 6e-6
    for pair, grad in zip(params, grads):
        for tensor, slopes in zip(pair, grad):
            for place in np.ndindex(tensor.shape):
                kept = tensor[place]
                tensor[place] = kept + h
                above = loss_of(network, params, batch)
                tensor[place] = kept - h
                below = loss_of(network, params, batch)
                tensor[place] = kept
                slopes[place] = (above - below) / (2 * h)
    return loss_of(network, params, batch), grads
