"""The truth by definition: central differences of an mpmath forward, with 70 digits.

Nothing of gradcheck's arithmetic is used, and no derivative: activations and losses
are written here once more, as the definitions have them, and a parameter is moved
by 1e-25. The truncation error is then of the order of 1e-50, the rounding error of
the order of 1e-45: the float64 result is the derivative to its last digit.

A move of W[l][i, j] moves z[l][:, j] alone, so the forward is resumed from there.
"""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
from mpmath import mp

from gradcheck.networks.fast_estimate import Truth
from gradcheck.networks.problem import Problem

DIGITS = 70
STEP = mpmath.mpf(10) ** -25

#: Entries whose truth is looked at in each problem.
ENTRIES = 10

#: Part of the entries whose truth lies within one bar, and how far out the rest may be.
COVERED = 0.999
FURTHEST = 10.0

Number = Any
Row = list[Number]


def _sigmoid(z: Number) -> Number:
    return 1 / (1 + mp.exp(-z))


ACTIVATIONS: dict[str, Callable[[Number], Number]] = {
    "identity": lambda z: z,
    "sigmoid": _sigmoid,
    "tanh": mp.tanh,
    "relu": lambda z: max(z, mp.zero),
    "leaky_relu": lambda z: z if z > 0 else z / 100,
    "elu": lambda z: z if z > 0 else mp.expm1(z),
    "softplus": lambda z: mp.log1p(mp.exp(z)),
    "silu": lambda z: z * _sigmoid(z),
    "gelu": lambda z: z * mp.ncdf(z),
}


def _activate(name: str, row: Row) -> Row:
    if name == "softmax":
        powers = [mp.exp(z) for z in row]
        total = mp.fsum(powers)
        return [power / total for power in powers]
    phi = ACTIVATIONS[name]
    return [phi(z) for z in row]


def _squares(a: Row, y: Row) -> Number:
    return mp.fsum((a_j - y_j) ** 2 for a_j, y_j in zip(a, y, strict=True))


LOSSES: dict[str, Callable[[Row, Row], Number]] = {
    "half_squared_error": lambda a, y: _squares(a, y) / 2,
    "squared_error": _squares,
    "mean_squared_error": lambda a, y: _squares(a, y) / len(y),
    "cross_entropy": lambda a, y: (
        -mp.fsum(y_j * mp.log(a_j) for a_j, y_j in zip(a, y, strict=True))
    ),
    "binary_cross_entropy": lambda a, y: (
        -mp.fsum(
            y_j * mp.log(a_j) + (1 - y_j) * mp.log(1 - a_j) for a_j, y_j in zip(a, y, strict=True)
        )
    ),
}


class Definition:
    """A problem in numbers of 70 digits.

    Attributes
    ----------
    a, z : list of list of list
        ``a[l][n][j]`` and ``z[l][n][j]``; layers from 0, of which z has none.
    """

    def __init__(self, problem: Problem) -> None:
        self.network = problem.network
        self.y = [[mp.mpf(y) for y in row] for row in problem.batch.y.tolist()]
        # columns[l][j] are the weights into unit j of layer l
        self.columns: list[list[Row]] = [[]]
        self.biases: list[Row] = [[]]
        for w_all, b_all in problem.params:
            self.columns.append([[mp.mpf(w) for w in column] for column in w_all.T.tolist()])
            self.biases.append([mp.mpf(b) for b in b_all.tolist()])
        self.l2 = mp.mpf(self.network.l2)
        with mp.workdps(DIGITS):
            self.a: list[list[Row]] = [
                [[mp.mpf(x) for x in row] for row in problem.batch.x.tolist()]
            ]
            self.z: list[list[Row]] = [[]]
            for layer in range(1, self.network.depth + 1):
                self.z.append([self._sums(layer, row) for row in self.a[-1]])
                self.a.append([_activate(self._phi(layer), row) for row in self.z[-1]])

    def _phi(self, layer: int) -> str:
        return self.network.activations[layer - 1]

    def _sums(self, layer: int, a: Row) -> Row:
        columns, biases = self.columns[layer], self.biases[layer]
        return [mp.fdot(a, w) + b for w, b in zip(columns, biases, strict=True)]

    def _sample_loss(self, layer: int, z: Row, y: Row) -> Number:
        """Resume from the pre-activations of one layer of one sample."""
        a = _activate(self._phi(layer), z)
        for later in range(layer + 1, self.network.depth + 1):
            a = _activate(self._phi(later), self._sums(later, a))
        return LOSSES[self.network.loss](a, y)

    def _moved_loss(self, layer: int, sample: int, unit: int, shift: Number) -> Number:
        """Return a sample's loss with z[layer][sample][unit] moved."""
        z, y = list(self.z[layer][sample]), self.y[sample]
        z[unit] += shift
        if layer == self.network.depth:
            return self._sample_loss(layer, z, y)
        # one unit of this layer changed, so the sums of the next change by its share alone
        change = ACTIVATIONS[self._phi(layer)](z[unit]) - self.a[layer][sample][unit]
        sums = zip(self.z[layer + 1][sample], self.columns[layer + 1], strict=True)
        return self._sample_loss(layer + 1, [s + change * w[unit] for s, w in sums], y)

    def _reduced(self, losses: list[Number]) -> Number:
        total = mp.fsum(losses)
        return total / len(losses) if self.network.reduction == "mean" else total

    def loss(self) -> float:
        """Return the loss of the batch."""
        with mp.workdps(DIGITS):
            pairs = zip(self.a[-1], self.y, strict=True)
            data = self._reduced([LOSSES[self.network.loss](a, y) for a, y in pairs])
            squares = mp.fsum(w**2 for layer in self.columns for column in layer for w in column)
            return float(data + self.l2 / 2 * squares)

    def derivative(self, name: str, entry: tuple[int, ...]) -> float:
        """Return the derivative of the batch's loss by one entry, ``("W2", (0, 3))``."""
        layer, unit = int(name[1:]), entry[-1]
        with mp.workdps(DIGITS):
            differences = []
            for sample, a in enumerate(self.a[layer - 1]):
                shift = STEP * a[entry[0]] if name[0] == "W" else STEP
                if not shift:
                    differences.append(mp.zero)  # the entry does not touch this sample
                    continue
                up = self._moved_loss(layer, sample, unit, shift)
                down = self._moved_loss(layer, sample, unit, -shift)
                differences.append((up - down) / (2 * STEP))
            return float(self._reduced(differences) + self._penalty_slope(name, entry))

    def _penalty_slope(self, name: str, entry: tuple[int, ...]) -> Number:
        if name[0] == "b":
            return mp.zero  # biases are not penalised
        w = self.columns[int(name[1:])][entry[1]][entry[0]]
        return self.l2 / 2 * ((w + STEP) ** 2 - (w - STEP) ** 2) / (2 * STEP)


Coordinate = tuple[str, tuple[int, ...]]


def coordinates(problem: Problem, count: int, rng: np.random.Generator) -> list[Coordinate]:
    """Draw entries of the parameters, each at most once if there are enough."""
    all_of_them = [
        (name, entry)
        for name, tensor in problem.params.tensors()
        for entry in np.ndindex(tensor.shape)
    ]
    chosen = rng.choice(len(all_of_them), count, replace=len(all_of_them) < count)
    return [all_of_them[int(k)] for k in chosen]


def errors_in_bars(problem: Problem, count: int, rng: np.random.Generator) -> list[list[float]]:
    """Return (error / bar, error / |truth|) of the oracle at randomly chosen entries."""
    definition, gradient = Definition(problem), Truth(problem).gradient
    found = []
    for name, entry in coordinates(problem, count, rng):
        true, estimate = definition.derivative(name, entry), gradient[name]
        error = abs(true - float(estimate.value[entry]))
        interval = np.broadcast_to(estimate.interval, estimate.value.shape)
        bar = float(estimate.error[entry] + interval[entry])
        found.append([_share(error, bar), _share(error, abs(true))])
    return found


def _share(error: float, size: float) -> float:
    if error == 0:
        return 0.0
    return error / size if size else float("inf")
