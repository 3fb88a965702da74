# scipy.optimize.minimize(objective, theta, args=(X, y), jac=True)
import numpy as np

n_inputs, n_hidden, n_outputs = 2, 4, 1


def objective(theta, X, y):
    a = n_inputs * n_hidden
    b = a + n_hidden
    c = b + n_hidden * n_outputs
    W1, b1 = theta[:a].reshape(n_inputs, n_hidden), theta[a:b]
    W2, b2 = theta[b:c].reshape(n_hidden, n_outputs), theta[c:]
    h = np.tanh(X @ W1 + b1)
    residual = h @ W2 + b2 - y
    loss = np.mean(residual**2)
    d_out = 2 * residual / len(X)
    d_h = (d_out @ W2.T) * (1 - h * h)
    parts = [X.T @ d_h, d_h.sum(axis=0), h.T @ d_out, d_out.sum(axis=0)]
    return loss, np.concatenate([part.ravel() for part in parts])
