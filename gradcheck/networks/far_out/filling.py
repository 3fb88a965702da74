"""Parameters and a batch whose signal reaches every layer, forth and back, however deep.

What a problem far out is made from: a small network, and what goes with its extreme.

What goes with an extreme is taken in turn, not at random: each pairing of output and loss
with each reduction, first those that no problem had by now, and each activation.
"""

from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from gradcheck.networks.activations import ACTIVATIONS
from gradcheck.networks.forward_pass import activate, evaluate
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Batch, Floats, Params, Problem
from gradcheck.networks.sampling import MAX_Z, Support, targets

#: Weights of a layer that neither kill a signal nor blow it up, times ``1 / sqrt(n_in)``: of most
#: activations, at most, and of those whose units feel each other.
_USUAL_GAIN, _LARGEST_GAIN, _SHARED_GAIN = 1.5, 4.0, 2.0

#: By how much z is moved from zero to see the slope there.
_BY = 1e-3

#: How near to the largest ``|z|`` a layer is brought.
_NEAR = 0.95


@dataclass(frozen=True)
class Filling:
    """What parameters are made to contain.

    Attributes
    ----------
    zero : collection of int
        Layers whose first unit gets a z of exactly zero.
    steep : collection of int
        Layers whose largest ``|z|`` is just below the bound.
    blank : collection of int
        Layers whose weights are all zero.
    biases : bool
        Whether there are any.
    """

    zero: Collection[int] = ()
    steep: Collection[int] = ()
    blank: Collection[int] = ()
    biases: bool = True


PLAIN = Filling()


def filled(
    rng: np.random.Generator,
    network: Network,
    samples: int,
    support: Support,
    x: Floats | None = None,
    y: Floats | None = None,
    manner: Filling = PLAIN,
) -> Problem:
    """Draw parameters and a batch.

    Parameters
    ----------
    x, y : array, optional
        Inputs and targets to take.
    manner : Filling, optional
    """
    if x is None:
        x = np.round(rng.standard_normal((samples, network.widths[0])), 2) + 0.0
    apply = activate(network)
    pairs, a = [], x
    for layer, (name, (n_in, n_out)) in enumerate(
        zip(network.activations, network.shapes, strict=True), start=1
    ):
        reach = max(1.0, float(np.sqrt(np.mean(a * a))))  # inputs of 1000 ask for small weights
        size = _gain(name) / np.sqrt(n_in) / reach
        w = digits(size * rng.standard_normal((n_in, n_out)), 3)
        b = digits(0.5 * rng.standard_normal(n_out), 3) * manner.biases
        if ACTIVATIONS[name].pieces and manner.biases:
            # of hidden units most on the side where something gets through; outputs on both
            b = np.abs(b) + 0.5 if layer < network.depth else _between(a @ w)
        elif ACTIVATIONS[name].pieces and layer > 1:
            w = np.abs(w)
        if layer in manner.zero:
            w[:, 0], b[0] = 0.0, 0.0
        w = w * (layer not in manner.blank)
        largest = float(np.abs(a @ w + b).max())
        if largest > MAX_Z or (layer in manner.steep and largest > 0):
            factor = _NEAR * MAX_Z / largest
            w, b = digits(w * factor, 3), digits(b * factor, 3)
        pairs.append((w, b))
        a = apply(layer, a @ w + b)
    if y is None:
        y = targets(rng, network, samples, support.one_hot)
    return Problem(network, Params(pairs), Batch(x, y))


def _gain(name: str) -> float:
    """About one over the slope at zero, and enough to bend it."""
    row = ACTIVATIONS[name]
    if not row.elementwise:
        return _SHARED_GAIN
    if row.pieces:  # its slope at zero is one of two
        return _USUAL_GAIN
    below, above = row.forward(np.array([-_BY, _BY]))
    slope = abs(float(above - below)) / (2.0 * _BY)
    return float(np.clip(round(1.0 / max(slope, _BY), 1), _USUAL_GAIN, _LARGEST_GAIN))


def _between(z: Floats) -> Floats:
    """Return biases that leave half the samples on either side of zero, and none on it."""
    ordered = np.sort(z, axis=0)
    low, high = ordered[(len(z) - 1) // 2], ordered[len(z) // 2]
    if len(z) % 2 and len(z) > 1:
        low = ordered[len(z) // 2 - 1]
    return digits(np.where(high - low > 0.01, -(low + high) / 2.0, 0.3 - high), 3)


def digits(values: Floats, count: int) -> Floats:
    """Round to so many digits that count: decimals would make nothing of small weights."""
    with np.errstate(divide="ignore"):
        places = np.floor(np.log10(np.abs(values)))
    unit = 10.0 ** (np.where(np.isfinite(places), places, 0.0) - count + 1)
    rounded: Floats = np.round(values / unit) * unit + 0.0
    return rounded


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
