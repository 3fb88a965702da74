"""What an adapter is asked about: a network's sizes and names, and trial questions.

Adapters run where nothing of gradcheck's mathematics can be imported, so they know a
network by what it says of itself, and make up small ones to see whether code answers.
"""

import math
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradcheck.contract.answers import Pair


@dataclass(frozen=True)
class Trial:
    """A network made up to see whether code answers: sigmoid everywhere."""

    widths: tuple[int, ...]
    loss: str = "squared_error"
    reduction: str = "mean"
    l2: float = 0.0

    @property
    def depth(self) -> int:
        """The number of layers."""
        return len(self.widths) - 1

    @property
    def activations(self) -> tuple[str, ...]:
        """One name a layer."""
        return ("sigmoid",) * self.depth

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """The shape of every W."""
        return tuple(zip(self.widths[:-1], self.widths[1:], strict=True))

    def question(self, samples: int) -> tuple[list[Pair], Any]:
        """Return parameters and a batch; targets are one-hot, or 0 and 1 in turn."""
        rng = np.random.default_rng(0)
        pairs = [(rng.normal(size=s), rng.normal(size=s[1])) for s in self.shapes]
        rows, width = np.arange(samples), self.widths[-1]
        y = np.eye(width)[rows % width] if width > 1 else (rows % 2 == 0)[:, None].astype(float)
        return pairs, SimpleNamespace(x=rng.normal(size=(samples, self.widths[0])), y=y)


#: What each hidden activation gives for an input of 1.
AT_ONE: dict[str, float] = {
    "identity": 1.0,
    "sigmoid": 1.0 / (1.0 + math.exp(-1.0)),
    "tanh": math.tanh(1.0),
    "relu": 1.0,
    "leaky_relu": 1.0,
    "elu": 1.0,
    "softplus": math.log1p(math.e),
    "silu": 1.0 / (1.0 + math.exp(-1.0)),
    "gelu": 0.5 * (1.0 + math.erf(math.sqrt(0.5))),
}
