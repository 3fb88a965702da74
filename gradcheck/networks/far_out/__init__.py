"""Problems far out of what is drawn at random: one extreme at a time, and the rest small.

A bug that shows only in a batch of 33, nine layers or inputs of 200 lies beyond every
problem of :mod:`gradcheck.networks.sampling`. Each kind is drawn once or more often.
Weights are scaled so that ``|z| <= 8`` and so that gradients stay well above rounding,
however deep.

What goes with an extreme is taken in turn, not at random: each pairing of output and loss
with each reduction, first those that no problem had by now, and each activation. Where a
combination is refused, and for code that handles certain networks only, a kind makes a
problem from one that the code answered.
"""

import itertools
from collections import deque
from collections.abc import Iterable

import numpy as np

from gradcheck.contract.posed import numbers
from gradcheck.networks.definitions import ACTIVATIONS, evaluate
from gradcheck.networks.far_out.kinds import (
    DEEPEST,
    FAR_OUT_KINDS,
    LARGEST_X,
    SMALL_WIDTHS,
    WIDEST,
    Kind,
    Start,
)
from gradcheck.networks.problem import Network, Problem
from gradcheck.networks.sampling import Support, fill_scaled

__all__ = ["DEEPEST", "FAR_OUT_KINDS", "LARGEST_X", "WIDEST", "Combination", "Extremes", "turns"]

#: Problems of more numbers are not drawn: of a network that is large itself, many samples
#: would take longer than all the rest.
_MOST_NUMBERS = 100_000

#: Output activation, loss and reduction.
Combination = tuple[str, str, str]

#: Depths of what is small, and how many of three: with a hidden layer, whose delta what is far
#: out must come through.
_DEPTHS = (2, 2, 3)

#: Samples of what is small: more than one, so that a mean is no sum.
_SAMPLES = (2, 3, 4, 5)

_PENALTIES = (0.0, 0.37, 0.0, 0.02)


def turns(count: int) -> list[str]:
    """List the kinds in the order in which they are drawn: each once, then again.

    Parameters
    ----------
    count : int
        How many at most.

    Returns
    -------
    list of str
        Keys of :data:`FAR_OUT_KINDS`.
    """
    most = max(kind.times for kind in FAR_OUT_KINDS.values())
    names = [n for turn in range(most) for n, kind in FAR_OUT_KINDS.items() if kind.times > turn]
    return names[:count]


class Extremes:
    """Draws problems far out, and takes in turn what goes with an extreme.

    Parameters
    ----------
    seed : int
    support : Support
        What may be asked.
    answered : iterable of Problem
        Problems that the code answered: small ones are taken as a start, and their combinations
        come last.
    """

    def __init__(self, seed: int, support: Support, answered: Iterable[Problem]) -> None:
        rng = np.random.default_rng((seed, 10))
        self._answered = sorted(
            (p for p in answered if not _constant(p.network)),
            key=lambda p: (p.network.depth == 1, p.params.size * p.batch.size),
        )
        pairings = [] if support.networks else support.pairings
        combinations = [(*pair, reduction) for pair in pairings for reduction in support.reductions]
        had = {_combination(p.network) for p in self._answered if _tells(p)}
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

    def draw(
        self, rng: np.random.Generator, kind: Kind, turn: int = 0, plain: bool = False
    ) -> Problem | None:
        """Draw one problem of a kind, that was drawn ``turn`` times before.

        None where the code, or what it started from, leaves no room for this kind. ``plain`` starts
        from a problem that was answered.
        """
        combination = None if plain else self._fitting(kind, turn)
        if combination:
            network, samples = self._small(rng, combination)
        else:
            fitting = [p for p in self._answered if _combination(p.network)[:2] in kind.pairings]
            smaller = fitting[: max(1, len(fitting) // 2)]
            if not smaller:
                return None
            small = smaller[int(rng.integers(len(smaller)))]
            network, samples = small.network, small.batch.size
        start = Start(rng, network, samples, self._support, self._next_hidden)
        return self._usable(kind.make(start, *kind.given))

    def draw_plain(self, rng: np.random.Generator, combination: Combination) -> Problem | None:
        """Draw a small problem of one of the :attr:`new` combinations; None if it is not usable."""
        network, samples = self._small(rng, combination)
        return self._usable(fill_scaled(rng, network, samples, one_hot=self._support.one_hot))

    def _fitting(self, kind: Kind, turn: int) -> Combination | None:
        """Return the next combination that a kind wishes best."""
        for pairings, reductions in kind.wishes(turn):
            for combination in self._combinations:
                if combination[:2] in pairings and combination[2] in reductions:
                    return combination
        return None

    def _small(self, rng: np.random.Generator, chosen: Combination) -> tuple[Network, int]:
        """Draw a small network of a combination, and a number of samples."""
        self._combinations.remove(chosen)
        self._combinations.append(chosen)
        output, loss, reduction = chosen
        depths = [d for d in _DEPTHS if d in self._support.depths] or list(self._support.depths)
        depth = int(rng.choice(depths)) if self._hidden else 1
        widths = rng.integers(SMALL_WIDTHS[0], SMALL_WIDTHS[1] + 1, size=depth + 1)
        if output != "softmax" and rng.random() < 0.25:
            widths[-1] = 1
        l2 = self._penalties[0] if self._support.l2 else 0.0
        self._penalties.rotate(-1)
        acts = (*self._next_hidden(depth - 1), output)
        sizes = [n for n in _SAMPLES if n in self._support.batch_sizes]
        samples = int(rng.choice(sizes or self._support.batch_sizes))
        return Network(tuple(map(int, widths)), acts, loss, reduction, l2), samples

    def _next_hidden(self, count: int) -> list[str]:
        names = list(itertools.islice(itertools.cycle(self._hidden), count))
        self._hidden.rotate(-count)
        return names

    def _usable(self, problem: Problem | None) -> Problem | None:
        """Return a problem that may be asked, and through whose layers something gets."""
        if problem is None or numbers(problem.network, problem.batch.size) > _MOST_NUMBERS:
            return None
        if not self._support.takes(problem):
            return None
        run = evaluate(problem.network, problem.params.pairs, problem.batch.x)
        layers = zip(problem.network.activations, run.z, strict=True)
        dead = any(name == "relu" and bool((z <= 0).all()) for name, z in layers)
        return None if dead else problem


def _tells(problem: Problem) -> bool:
    """Whether a mean is no sum, and an output with a kink is seen on both sides of it."""
    if problem.batch.size == 1:
        return False
    if not ACTIVATIONS[problem.network.activations[-1]].pieces:
        return True
    z = evaluate(problem.network, problem.params.pairs, problem.batch.x).z[-1]
    return bool((z < 0).any() and (z > 0).any())


def _constant(network: Network) -> bool:
    """Whether outputs depend on nothing: the softmax of one unit is always 1."""
    return network.activations[-1] == "softmax" and network.widths[-1] == 1


def _combination(network: Network) -> Combination:
    return network.activations[-1], network.loss, network.reduction
