"""What a problem far out is made from: a small network, and what goes with its extreme.

What goes with an extreme is taken in turn, not at random: each pairing of output and loss
with each reduction, first those that no problem had by now, and each activation.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from gradcheck.networks.activations import ACTIVATIONS
from gradcheck.networks.forward_pass import evaluate
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Problem
from gradcheck.networks.sampling import Support

#: Output activation, loss and reduction.
Combination = tuple[str, str, str]

#: ``(output, loss, reduction) -> bool``.
Accepts = Callable[[str, str, str], bool]

#: Depths of what is small, and how many of three: with a hidden layer, whose delta what is far
#: out must come through.
_DEPTHS = (2, 2, 3)

#: Widths of what is small.
_WIDTHS = (2, 4)

#: Samples of what is small: more than one, so that a mean is no sum.
_SAMPLES = (2, 3, 4, 5)

_PENALTIES = (0.0, 0.37, 0.0, 0.02)


class Start(NamedTuple):
    """A network and a number of samples."""

    network: Network
    samples: int


class Companions:
    """Takes what goes with an extreme in turn.

    Parameters
    ----------
    seed : int
    support : Support
    answered : sequence of Problem
        Their combinations come last.
    """

    def __init__(self, seed: int, support: Support, answered: Sequence[Problem]) -> None:
        rng = np.random.default_rng((seed, 10))
        pairings = [] if support.networks else support.pairings
        combinations = [(*pair, reduction) for pair in pairings for reduction in support.reductions]
        had = {_combination(p.network) for p in answered if _tells(p)}
        self._new = {c for c in combinations if c not in had}
        order = [combinations[int(n)] for n in rng.permutation(len(combinations))]
        self._combinations = deque(sorted(order, key=lambda c: c in had))
        self._hidden = deque(map(str, rng.permutation(list(support.activations))))
        self._penalties = deque(_PENALTIES)
        self._support = support

    @property
    def new(self) -> list[Combination]:
        """Combinations that no problem had by now."""
        return [c for c in self._combinations if c in self._new]

    def had(self, problem: Problem) -> None:
        """Note a problem that is compared."""
        if _tells(problem):
            self._new.discard(_combination(problem.network))

    def next(self, *wishes: Accepts) -> Combination | None:
        """Return the next combination that meets the first wish that any meets; None if none is.

        Parameters
        ----------
        wishes : callable
            The best first.
        """
        for accepts in wishes:
            for combination in self._combinations:
                if accepts(*combination):
                    return combination
        return None

    def start(self, rng: np.random.Generator, chosen: Combination) -> Start:
        """Draw a small network of a combination."""
        self._combinations.remove(chosen)
        self._combinations.append(chosen)
        output, loss, reduction = chosen
        depths = [d for d in _DEPTHS if d in self._support.depths] or list(self._support.depths)
        depth = int(rng.choice(depths)) if self._hidden else 1
        widths = rng.integers(_WIDTHS[0], _WIDTHS[1] + 1, size=depth + 1)
        if output != "softmax" and rng.random() < 0.25:
            widths[-1] = 1
        l2 = self._penalties[0] if self._support.l2 else 0.0
        self._penalties.rotate(-1)
        network = Network(
            tuple(map(int, widths)), (*self.hidden(depth - 1), output), loss, reduction, l2
        )
        sizes = [n for n in _SAMPLES if n in self._support.batch_sizes]
        return Start(network, int(rng.choice(sizes or self._support.batch_sizes)))

    def hidden(self, count: int) -> list[str]:
        """Return the next activations of so many hidden layers."""
        names = []
        for _ in range(count):
            names.append(self._hidden[0])
            self._hidden.rotate(-1)
        return names


def _tells(problem: Problem) -> bool:
    """Whether a mean is no sum, and an output with a kink is seen on both sides of it."""
    if problem.batch.size == 1:
        return False
    if not ACTIVATIONS[problem.network.activations[-1]].pieces:
        return True
    z = evaluate(problem.network, problem.params.pairs, problem.batch.x).z[-1]
    return bool((z < 0).any() and (z > 0).any())


def _combination(network: Network) -> Combination:
    return network.activations[-1], network.loss, network.reduction


def resized(network: Network, **widths: int) -> Network:
    """Return a network of other widths at places ``first``, ``hidden`` or ``last``."""
    new = [min(n, _WIDTHS[1]) for n in network.widths]
    place = {"first": 0, "hidden": len(new) // 2, "last": -1}
    for name, width in widths.items():
        new[place[name]] = width
    return replace(network, widths=tuple(new))
