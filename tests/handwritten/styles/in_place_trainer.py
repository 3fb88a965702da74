import numpy as np


class NeuralNetwork:
    def __init__(self, n_inputs, n_hidden, n_outputs, lr=0.1):
        self.lr = lr
        self.W1 = np.random.normal(0, 1, (n_inputs, n_hidden))
        self.b1 = np.zeros((1, n_hidden))
        self.W2 = np.random.normal(0, 1, (n_hidden, n_outputs))
        self.b2 = np.zeros((1, n_outputs))

    def sigmoid(self, x):
        return 1 / (1 + np.exp(-x))

    def forward(self, x):
        self.hidden = np.tanh(np.dot(x, self.W1) + self.b1)
        self.output = self.sigmoid(np.dot(self.hidden, self.W2) + self.b2)
        return self.output

    def loss(self, x, y):
        out = self.forward(x)
        return np.sum((y - out) ** 2) / 2

    def train(self, x, y):
        # forward
        out = self.forward(x)

        # output layer
        error = y - out
        d_output = error * out * (1 - out)

        # hidden layer
        error_hidden = np.dot(d_output, self.W2.T)
        d_hidden = error_hidden * (1 - self.hidden**2)

        # update
        self.W2 += self.lr * np.dot(self.hidden.T, d_output)
        self.b2 += self.lr * np.sum(d_output, axis=0, keepdims=True)
        self.W1 += self.lr * np.dot(x.T, d_hidden)
        self.b1 += self.lr * np.sum(d_hidden, axis=0, keepdims=True)
