# 3 layers: relu, tanh, softmax. Samples are columns.
import numpy as np


def softmax(Z):
    e = np.exp(Z - Z.max(axis=0, keepdims=True))
    return e / e.sum(axis=0, keepdims=True)


def init_params(n_x, n_h1, n_h2, n_y):
    W1 = np.random.randn(n_h1, n_x) * np.sqrt(2 / n_x)
    b1 = np.zeros((n_h1, 1))
    W2 = np.random.randn(n_h2, n_h1) * np.sqrt(1 / n_h1)
    b2 = np.zeros((n_h2, 1))
    W3 = np.random.randn(n_y, n_h2) * np.sqrt(1 / n_h2)
    b3 = np.zeros((n_y, 1))
    return W1, b1, W2, b2, W3, b3


def forward(X, W1, b1, W2, b2, W3, b3):
    Z1 = W1.dot(X) + b1
    A1 = np.maximum(Z1, 0)
    Z2 = W2.dot(A1) + b2
    A2 = np.tanh(Z2)
    Z3 = W3.dot(A2) + b3
    A3 = softmax(Z3)
    return Z1, A1, Z2, A2, Z3, A3


def compute_loss(A3, Y):
    m = Y.shape[1]
    return -np.sum(Y * np.log(A3)) / m


def backward(X, Y, Z1, A1, A2, A3, W2, W3):
    m = X.shape[1]
    dZ3 = (A3 - Y) / m
    dW3 = dZ3.dot(A2.T)
    db3 = dZ3.sum(axis=1, keepdims=True)
    dA2 = W3.T.dot(dZ3)
    dZ2 = dA2 * (1 - A2**2)
    dW2 = dZ2.dot(A1.T)
    db2 = dZ2.sum(axis=1, keepdims=True)
    dA1 = W2.T.dot(dZ2)
    dZ1 = dA1 * (Z1 > 0)
    dW1 = dZ1.dot(X.T)
    db1 = dZ1.sum(axis=1, keepdims=True)
    return dW1, db1, dW2, db2, dW3, db3


def train(X, Y, n_h1=16, n_h2=8, lr=0.1, steps=1000):
    W1, b1, W2, b2, W3, b3 = init_params(X.shape[0], n_h1, n_h2, Y.shape[0])
    for step in range(steps):
        Z1, A1, Z2, A2, Z3, A3 = forward(X, W1, b1, W2, b2, W3, b3)
        dW1, db1, dW2, db2, dW3, db3 = backward(X, Y, Z1, A1, A2, A3, W2, W3)
        W1, b1 = W1 - lr * dW1, b1 - lr * db1
        W2, b2 = W2 - lr * dW2, b2 - lr * db2
        W3, b3 = W3 - lr * dW3, b3 - lr * db3
        if step % 100 == 0:
            print(step, compute_loss(A3, Y))
    return W1, b1, W2, b2, W3, b3
