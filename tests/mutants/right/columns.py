"""Samples in columns and weights out x in, with a cache, as in an online course."""

import numpy as np


def sigmoid(Z):
    return 1 / (1 + np.exp(-Z))


def activate(Z, name):
    if name == "identity":
        return Z
    if name == "sigmoid":
        return sigmoid(Z)
    if name == "tanh":
        return np.tanh(Z)
    if name == "relu":
        return np.maximum(0, Z)
    if name == "leaky_relu":
        return np.where(Z > 0, Z, 0.01 * Z)
    if name == "elu":
        return np.where(Z > 0, Z, np.exp(np.minimum(Z, 0)) - 1)
    if name == "softplus":
        return np.logaddexp(0, Z)
    if name == "silu":
        return Z * sigmoid(Z)
    if name == "softmax":
        T = np.exp(Z - np.max(Z, axis=0, keepdims=True))
        return T / np.sum(T, axis=0, keepdims=True)
    raise NotImplementedError(name)


def activation_backward(dA, Z, A, name):
    if name == "identity":
        return dA
    if name == "sigmoid":
        return dA * A * (1 - A)
    if name == "tanh":
        return dA * (1 - A * A)
    if name == "relu":
        dZ = np.array(dA, copy=True)
        dZ[Z <= 0] = 0
        return dZ
    if name == "leaky_relu":
        return dA * np.where(Z > 0, 1, 0.01)
    if name == "elu":
        return dA * np.where(Z > 0, 1, np.exp(np.minimum(Z, 0)))
    if name == "softplus":
        return dA * sigmoid(Z)
    if name == "silu":
        s = sigmoid(Z)
        return dA * (s + Z * s * (1 - s))
    return A * (dA - np.sum(dA * A, axis=0, keepdims=True))


def compute_cost(AL, ZL, Y, network):
    m = Y.shape[1]
    if network.loss == "cross_entropy":
        S = ZL - np.max(ZL, axis=0, keepdims=True)
        total = -np.sum(Y * (S - np.log(np.sum(np.exp(S), axis=0, keepdims=True))))
    elif network.loss == "binary_cross_entropy":
        total = np.sum(np.logaddexp(0, ZL) - Y * ZL)
    else:
        total = np.sum((AL - Y) ** 2)
        if network.loss == "half_squared_error":
            total = total / 2
        elif network.loss == "mean_squared_error":
            total = total / Y.shape[0]
    return total / m if network.reduction == "mean" else total


def cost_backward(AL, ZL, Y, network):
    if network.loss in ("cross_entropy", "binary_cross_entropy"):
        return AL - Y
    scale = {"half_squared_error": 1, "squared_error": 2, "mean_squared_error": 2 / Y.shape[0]}
    dAL = scale[network.loss] * (AL - Y)
    return activation_backward(dAL, ZL, AL, network.activations[-1])


def model_forward(network, params, X):
    caches = []
    A = X.T
    for name, (W, b) in zip(network.activations, params, strict=True):
        A_prev = A
        Z = W.T @ A_prev + b.reshape(-1, 1)
        A = activate(Z, name)
        caches.append((A_prev, W.T, Z))
    return A, caches


def forward(network, params, x):
    return model_forward(network, params, x)[0].T


def loss_and_grads(network, params, batch):
    AL, caches = model_forward(network, params, batch.x)
    Y = batch.y.T
    m = Y.shape[1]
    L = len(caches)
    lambd = network.l2
    cost = compute_cost(AL, caches[-1][2], Y, network)
    cost += lambd / 2 * sum(np.sum(np.square(W)) for W, b in params)
    dZ = cost_backward(AL, caches[-1][2], Y, network)
    if network.reduction == "mean":
        dZ = dZ / m
    grads = []
    for layer in reversed(range(L)):
        A_prev, W, _ = caches[layer]
        dW = dZ @ A_prev.T + lambd * W
        db = np.sum(dZ, axis=1)
        grads.append((dW.T, db))
        if layer > 0:
            dA_prev = W.T @ dZ
            dZ = activation_backward(
                dA_prev, caches[layer - 1][2], A_prev, network.activations[layer - 1]
            )
    return cost, grads[::-1]
