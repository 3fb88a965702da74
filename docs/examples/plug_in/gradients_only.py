import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def gradients(X, y, W1, b1, W2, b2):
    h = np.tanh(X @ W1 + b1)
    out = sigmoid(h @ W2 + b2)
    d_out = (out - y) * out * (1 - out)
    d_h = (d_out @ W2.T) * (1 - h**2)
    dW2 = h.T @ d_out
    db2 = d_out.sum(axis=0)
    dW1 = X.T @ d_h
    db1 = d_h.sum(axis=0)
    return dW1, db1, dW2, db2
