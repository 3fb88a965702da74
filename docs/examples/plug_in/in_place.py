import numpy as np


class NeuralNetwork:
    def __init__(self, inputnodes, hiddennodes, outputnodes, learningrate):
        self.wih = np.random.normal(0.0, inputnodes**-0.5, (hiddennodes, inputnodes))
        self.who = np.random.normal(0.0, hiddennodes**-0.5, (outputnodes, hiddennodes))
        self.lr = learningrate

    def activation(self, x):
        return 1 / (1 + np.exp(-x))

    def train(self, inputs_list, targets_list):
        inputs = np.array(inputs_list, ndmin=2).T
        targets = np.array(targets_list, ndmin=2).T
        hidden = self.activation(np.dot(self.wih, inputs))
        final = self.activation(np.dot(self.who, hidden))
        output_errors = (targets - final) * final * (1.0 - final)
        hidden_errors = np.dot(self.who.T, output_errors) * hidden * (1.0 - hidden)
        self.who += self.lr * np.dot(output_errors, hidden.T)
        self.wih += self.lr * np.dot(hidden_errors, inputs.T)

    def query(self, inputs_list):
        inputs = np.array(inputs_list, ndmin=2).T
        hidden = self.activation(np.dot(self.wih, inputs))
        return self.activation(np.dot(self.who, hidden))
