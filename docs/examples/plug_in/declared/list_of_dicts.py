"""A network that is a list of layers of dicts; the bias is the last weight of a neuron."""

import math
import random


def initialize_network(n_inputs, n_hidden, n_outputs):
    hidden = [{"weights": [random.random() for _ in range(n_inputs + 1)]} for _ in range(n_hidden)]
    output = [{"weights": [random.random() for _ in range(n_hidden + 1)]} for _ in range(n_outputs)]
    return [hidden, output]


def forward_propagate(network, row):
    inputs = row
    for layer in network:
        new_inputs = []
        for neuron in layer:
            weights = neuron["weights"]
            activation = weights[-1] + sum(w * x for w, x in zip(weights[:-1], inputs))
            neuron["output"] = 1.0 / (1.0 + math.exp(-activation))
            new_inputs.append(neuron["output"])
        inputs = new_inputs
    return inputs


def backward_propagate_error(network, expected):
    for i in reversed(range(len(network))):
        layer = network[i]
        errors = []
        if i != len(network) - 1:
            for j in range(len(layer)):
                errors.append(sum(n["weights"][j] * n["delta"] for n in network[i + 1]))
        else:
            for j, neuron in enumerate(layer):
                errors.append(neuron["output"] - expected[j])
        for j, neuron in enumerate(layer):
            neuron["delta"] = errors[j] * neuron["output"] * (1.0 - neuron["output"])


def update_weights(network, row, l_rate):
    for i in range(len(network)):
        inputs = row if i == 0 else [neuron["output"] for neuron in network[i - 1]]
        for neuron in network[i]:
            for j in range(len(inputs)):
                neuron["weights"][j] -= l_rate * neuron["delta"] * inputs[j]
            neuron["weights"][-1] -= l_rate * neuron["delta"]


def train_row(network, row, expected, l_rate):
    forward_propagate(network, row)
    backward_propagate_error(network, expected)
    update_weights(network, row, l_rate)
