import numpy as np


class TwoLayerNet(object):
    """affine - relu - affine - softmax."""

    def __init__(self, input_size, hidden_size, output_size, std=1e-4):
        self.params = {}
        self.params["W1"] = std * np.random.randn(input_size, hidden_size)
        self.params["b1"] = np.zeros(hidden_size)
        self.params["W2"] = std * np.random.randn(hidden_size, output_size)
        self.params["b2"] = np.zeros(output_size)

    def loss(self, X, y=None, reg=0.0):
        W1, b1 = self.params["W1"], self.params["b1"]
        W2, b2 = self.params["W2"], self.params["b2"]
        N, D = X.shape

        z1 = X.dot(W1) + b1
        h1 = np.maximum(z1, 0)
        scores = h1.dot(W2) + b2
        if y is None:
            return scores

        scores = scores - np.max(scores, axis=1, keepdims=True)
        exp_scores = np.exp(scores)
        probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
        correct_logprobs = -np.log(probs[range(N), y])
        data_loss = np.sum(correct_logprobs) / N
        reg_loss = reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
        loss = data_loss + reg_loss

        grads = {}
        dscores = probs.copy()
        dscores[range(N), y] -= 1
        dscores /= N

        grads["W2"] = np.dot(h1.T, dscores)
        grads["b2"] = np.sum(dscores, axis=0)

        dh1 = np.dot(dscores, W2.T)
        dz1 = dh1 * (z1 > 0)

        grads["W1"] = np.dot(X.T, dz1)
        grads["b1"] = np.sum(dz1, axis=0)

        grads["W2"] += 2 * reg * W2
        grads["W1"] += 2 * reg * W1
        return loss, grads

    def predict(self, X):
        return np.argmax(self.loss(X), axis=1)
