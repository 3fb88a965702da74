"""Our contract outside, columns (W a + b, one column per sample) inside."""

import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def loss_and_grads(network, params, batch):
    if network.loss != "binary_cross_entropy" or network.l2 != 0:
        raise NotImplementedError(str(network))
    if any(a != "tanh" for a in network.activations[:-1]):
        raise NotImplementedError("hidden layers are tanh")
    X, Y = batch.x.T, batch.y.T
    m = X.shape[1]
    Ws = [W.T for W, _ in params]
    bs = [b.reshape(-1, 1) for _, b in params]
    L = len(Ws)

    A = [X]
    for l in range(L):
        Z = np.dot(Ws[l], A[l]) + bs[l]
        A.append(sigmoid(Z) if l == L - 1 else np.tanh(Z))

    cost = -np.sum(Y * np.log(A[L]) + (1 - Y) * np.log(1 - A[L]))
    dZ = A[L] - Y
    if network.reduction == "mean":
        cost = cost / m
        dZ = dZ / m

    out = []
    for l in reversed(range(L)):
        dW = np.dot(dZ, A[l].T)
        db = np.sum(dZ, axis=1)
        out.insert(0, (dW.T, db))
        if l > 0:
            dA = np.dot(Ws[l].T, dZ)
            dZ = dA * (1 - A[l] ** 2)
    return cost, out
