"""Units that know the edges into them; gradients are left on the edges, a step is separate."""

import math


class Edge:
    def __init__(self, source):
        self.source, self.weight, self.gradient = source, 0.0, 0.0


class Unit:
    def __init__(self, sources):
        self.edges = [Edge(source) for source in sources]
        self.bias, self.value, self.delta = 0.0, 0.0, 0.0

    def activate(self):
        total = self.bias + sum(edge.weight * edge.source.value for edge in self.edges)
        self.value = math.tanh(total)


class Net:
    def __init__(self, *widths):
        self.inputs = [Unit([]) for _ in range(widths[0])]
        self.layers = []
        below = self.inputs
        for width in widths[1:]:
            below = [Unit(below) for _ in range(width)]
            self.layers.append(below)

    def forward(self, x):
        for unit, value in zip(self.inputs, x):
            unit.value = value
        for layer in self.layers:
            for unit in layer:
                unit.activate()
        return [unit.value for unit in self.layers[-1]]

    def backward(self, x, y):
        self.forward(x)
        for layer in self.layers:
            for unit in layer:
                unit.delta = 0.0
        for unit, target in zip(self.layers[-1], y):
            unit.delta = unit.value - target
        for layer in reversed(self.layers):
            for unit in layer:
                unit.delta *= 1 - unit.value**2
                for edge in unit.edges:
                    edge.gradient = unit.delta * edge.source.value
                    edge.source.delta += unit.delta * edge.weight
