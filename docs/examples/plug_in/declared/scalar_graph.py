"""A graph of scalars that know their parents; gradients are left on them."""

import math


class Value:
    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents, self.push = data, 0.0, parents, lambda: None

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other))

        def push():
            self.grad += out.grad
            other.grad += out.grad

        out.push = push
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other))

        def push():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out.push = push
        return out

    def tanh(self):
        out = Value(math.tanh(self.data), (self,))

        def push():
            self.grad += (1 - out.data**2) * out.grad

        out.push = push
        return out

    def backward(self):
        order, seen = [], set()

        def visit(value):
            if value not in seen:
                seen.add(value)
                for parent in value.parents:
                    visit(parent)
                order.append(value)

        visit(self)
        self.grad = 1.0
        for value in reversed(order):
            value.push()


class Mlp:
    def __init__(self, widths):
        pairs = list(zip(widths[:-1], widths[1:]))
        self.w = [[[Value(0.0) for _ in range(a)] for _ in range(b)] for a, b in pairs]
        self.b = [[Value(0.0) for _ in range(b)] for _, b in pairs]

    def __call__(self, x):
        for weights, biases in zip(self.w, self.b):
            x = [sum((v * w for v, w in zip(x, row)), b).tanh() for row, b in zip(weights, biases)]
        return x

    def loss(self, x, y):
        errors = [out + -float(target) for out, target in zip(self([Value(v) for v in x]), y)]
        return sum((e * e for e in errors), Value(0.0))
