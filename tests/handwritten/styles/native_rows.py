import numpy as np


def act(name, z):
    if name == "tanh":
        return np.tanh(z)
    if name == "sigmoid":
        return 1 / (1 + np.exp(-z))
    if name == "relu":
        return np.maximum(z, 0)
    if name == "leaky_relu":
        return np.where(z > 0, z, 0.01 * z)
    if name == "identity":
        return z
    raise NotImplementedError(name)


def act_prime(name, z):
    if name == "tanh":
        return 1 - np.tanh(z) ** 2
    if name == "sigmoid":
        s = 1 / (1 + np.exp(-z))
        return s * (1 - s)
    if name == "relu":
        return (z > 0).astype(float)
    if name == "leaky_relu":
        return np.where(z > 0, 1.0, 0.01)
    return np.ones_like(z)


def loss_and_grads(network, params, batch):
    if network.loss != "half_squared_error":
        raise NotImplementedError(network.loss)
    acts = network.activations
    N = len(batch.x)
    scale = 1 / N if network.reduction == "mean" else 1.0

    # forward
    h = batch.x
    hs, zs = [h], []
    for (W, b), name in zip(params, acts):
        z = h @ W + b
        h = act(name, z)
        zs.append(z)
        hs.append(h)
    loss = 0.5 * scale * np.sum((h - batch.y) ** 2)
    for W, b in params:
        loss += 0.5 * network.l2 * np.sum(W**2)

    # backward
    grads = []
    delta = (h - batch.y) * act_prime(acts[-1], zs[-1])
    for i in range(len(params) - 1, -1, -1):
        W, b = params[i]
        dW = scale * hs[i].T @ delta + network.l2 * W
        db = scale * delta.sum(axis=0)
        grads.append((dW, db))
        if i > 0:
            delta = (delta @ W.T) * act_prime(acts[i - 1], zs[i - 1])
    grads.reverse()
    return loss, grads
