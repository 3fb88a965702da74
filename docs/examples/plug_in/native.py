import numpy as np


def loss_and_grads(network, params, batch):
    if set(network.activations) != {"tanh"} or network.loss != "half_squared_error":
        raise NotImplementedError(str(network))
    a = [batch.x]
    for W, b in params:
        a.append(np.tanh(a[-1] @ W + b))
    scale = 1 / len(batch.x) if network.reduction == "mean" else 1.0
    loss = scale * 0.5 * np.sum((a[-1] - batch.y) ** 2)
    loss += 0.5 * network.l2 * sum(np.sum(W * W) for W, _ in params)
    delta = (a[-1] - batch.y) * (1 - a[-1] ** 2)
    grads = []
    for l in reversed(range(len(params))):
        W, b = params[l]
        grads.insert(0, (scale * a[l].T @ delta + network.l2 * W, scale * delta.sum(axis=0)))
        if l:
            delta = (delta @ W.T) * (1 - a[l] ** 2)
    return loss, grads
