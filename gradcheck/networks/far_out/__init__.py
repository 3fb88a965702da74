"""Problems far out of what is drawn at random: one extreme at a time, and the rest small.

A bug that shows only in a batch of 33, nine layers or inputs of 200 lies beyond every
problem of :mod:`gradcheck.networks.sampling`. Each kind below is drawn once or more often.
Weights are scaled so that ``|z| <= 8`` and so that gradients stay well above rounding,
however deep.

What goes with an extreme is taken in turn, not at random: each pairing of output and loss
with each reduction, first those that no problem had by now, and each activation. Where a
combination is refused, and for code that handles certain networks only, a kind makes a
problem from one that the code answered.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.contract.posed import numbers
from gradcheck.networks.definitions import ACTIVATIONS, REDUCTIONS, evaluate
from gradcheck.networks.far_out import kinds
from gradcheck.networks.far_out.kinds import (
    LARGEST_X,
    SMALL_WIDTHS,
    Start,
    is_logarithmic,
    is_squared,
)
from gradcheck.networks.problem import Network, Problem
from gradcheck.networks.sampling import MAX_BATCH, MAX_DEPTH, MAX_WIDTH, Support, fill_scaled

__all__ = [
    "DEEPEST",
    "FAR_OUT_KINDS",
    "LARGEST_FAR_OUT_BATCH",
    "LARGEST_X",
    "WIDEST",
    "Combination",
    "Companions",
    "draw",
    "turns",
]

#: Deepest and widest networks, largest batches.
DEEPEST = 10
WIDEST = 64
LARGEST_FAR_OUT_BATCH = 70

#: Problems of more numbers are not drawn: of a network that is large itself, many samples
#: would take longer than all the rest.
_MOST_NUMBERS = 100_000

#: Output activation, loss and reduction.
Combination = tuple[str, str, str]

#: ``(output, loss, reduction) -> bool``.
Accepts = Callable[[str, str, str], bool]

#: Depths of what is small, and how many of three: with a hidden layer, whose delta what is far
#: out must come through.
_DEPTHS = (2, 2, 3)

#: Samples of what is small: more than one, so that a mean is no sum.
_SAMPLES = (2, 3, 4, 5)

_PENALTIES = (0.0, 0.37, 0.0, 0.02)


def _any(output: str, loss: str, reduction: str) -> bool:
    return True


def _of_loss(*names: str) -> Accepts:
    return lambda output, loss, reduction: loss in names


_SQUARED_FIRST: tuple[Accepts, ...] = (is_squared, is_logarithmic)
_CLASSES_FIRST: tuple[Accepts, ...] = (is_logarithmic, is_squared)


@dataclass(frozen=True)
class Kind:
    """A kind of problem far out.

    Attributes
    ----------
    make : callable
        Makes one from a small start, and what is given.
    given : tuple
        What it is made with.
    times : int
        How often it is drawn: with a mean and with a sum in turn.
    accepts : callable
        ``(output, loss, reduction) -> bool``: the combinations that it can be made with.
    numbers_alone : bool
        It changes numbers alone: the first is made from a network that was answered, where
        a refusal shows as one by numbers.
    in_turn : tuple of callable
        What goes with it best, in turn, of what it accepts; for one that is drawn more than
        once and accepts anything, squared losses and those of classes.
    """

    make: Callable[..., Problem | None]
    given: tuple[Any, ...] = ()
    times: int = 1
    accepts: Accepts = _any
    numbers_alone: bool = False
    in_turn: tuple[Accepts, ...] = ()

    def wished(self, turn: int) -> Accepts:
        """What goes with it best on a turn."""
        usual = _SQUARED_FIRST if self.times > 1 and self.accepts is _any else (_any,)
        families = self.in_turn or usual
        family = families[turn % len(families)]

        def accepts(output: str, loss: str, reduction: str) -> bool:
            wanted = REDUCTIONS[turn % 2] if self.times > 1 else reduction
            mine = self.accepts(output, loss, reduction) and family(output, loss, reduction)
            return mine and reduction == wanted

        return accepts


def _inputs(draw: kinds.Values, times: int = 2) -> Kind:
    return Kind(kinds.inputs, (draw,), times, numbers_alone=True)


def _wide_outputs(*losses: str) -> Kind:
    # a scope tells widths of outputs alone: each way to form a first delta is asked the widest
    return Kind(kinds.width, ("last", WIDEST, WIDEST), 1, _of_loss(*losses))


def _sure_and_wrong(*losses: str) -> Kind:
    return Kind(kinds.sure_and_wrong, (), 1, _of_loss(*losses))


def _squared_elementwise(output: str, loss: str, reduction: str) -> bool:
    return output != "softmax" and is_squared(output, loss)


def _elementwise(output: str, loss: str, reduction: str) -> bool:
    return output != "softmax"


def _softmax(output: str, loss: str, reduction: str) -> bool:
    return output == "softmax"


#: What is drawn, under the name by which it is told.
FAR_OUT_KINDS: dict[str, Kind] = {
    "batch 33": Kind(kinds.batch, (33, 33), 2),
    "batch 65": Kind(kinds.batch, (65, 65), 2, in_turn=_CLASSES_FIRST),
    "depth 10": Kind(kinds.depth, (DEEPEST, DEEPEST), 2),
    "inputs to 1000": _inputs(kinds.large),
    "hidden width 9 to 32": Kind(kinds.width, ("hidden", MAX_WIDTH + 1, 32), 2),
    "cross_entropy of 64 outputs": _wide_outputs("cross_entropy"),
    "squared errors of 64 outputs": Kind(
        kinds.width, ("last", WIDEST, WIDEST), 2, is_squared, in_turn=(_elementwise, _softmax)
    ),
    "whole inputs": _inputs(kinds.whole),
    "inputs not negative": _inputs(kinds.shares),
    "z of 0": Kind(kinds.zero_z, (0,)),
    "z of 0 again": Kind(kinds.zero_z, (1,)),
    "z of 0 on a kink": Kind(kinds.on_a_kink),
    "l2 over 1": Kind(kinds.penalty, (1.1, 9.9)),
    "l2 under 0.01": Kind(kinds.penalty, (1.1e-4, 9e-3)),
    "batch 9 to 32": Kind(kinds.batch, (MAX_BATCH + 1, 32), 2, in_turn=_CLASSES_FIRST),
    "batch 34 to 70": Kind(kinds.batch, (34, LARGEST_FAR_OUT_BATCH), 2),
    "depth 6 to 9": Kind(kinds.depth, (MAX_DEPTH + 1, DEEPEST - 1), 2, in_turn=_CLASSES_FIRST),
    "l2 10": Kind(kinds.penalty, (10.0, 10.0, True)),
    "l2 0.0001": Kind(kinds.penalty, (1e-4, 1e-4, True)),
    "width 64": Kind(kinds.width, ("hidden", WIDEST, WIDEST)),
    "64 inputs": Kind(kinds.width, ("first", WIDEST, WIDEST)),
    "9 to 63 inputs": Kind(kinds.width, ("first", MAX_WIDTH + 1, WIDEST - 1)),
    "hidden width 33 to 63": Kind(kinds.width, ("hidden", 33, WIDEST - 1)),
    "9 to 63 outputs": Kind(kinds.width, ("last", MAX_WIDTH + 1, WIDEST - 1)),
    "binary_cross_entropy of 64 outputs": _wide_outputs("binary_cross_entropy"),
    "softmax of one unit": Kind(kinds.one_softmax_unit, (), 1, _softmax),
    "one input": Kind(kinds.width, ("first", 1, 1), 2),
    "one hidden unit": Kind(kinds.width, ("hidden", 1, 1)),
    "one output": Kind(kinds.width, ("last", 1, 1), 2, _elementwise),
    "inputs 0 and 1": _inputs(kinds.bits),
    "inputs to 255": _inputs(kinds.counts, 1),
    "inputs with zeros": Kind(kinds.inputs, (kinds.sparse,)),
    "inputs of 0": Kind(kinds.inputs, (kinds.nothing,)),
    "samples alike": Kind(kinds.samples_alike),
    "inputs under 0.001": Kind(kinds.inputs, (kinds.small,)),
    "one-hot targets": Kind(kinds.given, (kinds.one_hot,), 2, is_squared),
    "targets to 1000": Kind(kinds.given, (kinds.large,), 2, is_squared),
    "targets all the same": Kind(kinds.same_targets, (), 2),
    "targets met": Kind(kinds.targets_met, (), 1, _squared_elementwise),
    "all targets met": Kind(kinds.all_met, (), 1, _squared_elementwise),
    "targets nearly met": Kind(kinds.nearly_met, (), 1, is_squared),
    "z to 8": Kind(kinds.steep, (0, 3)),
    "z to 8 again": Kind(kinds.steep, (1, 3)),
    "z to 8 once more": Kind(kinds.steep, (2, 3)),
    "cross_entropy of a sure and wrong output": _sure_and_wrong("cross_entropy"),
    "binary_cross_entropy of sure and wrong outputs": _sure_and_wrong("binary_cross_entropy"),
    "outputs sure and right": Kind(kinds.sure_and_right, (), 1, is_logarithmic),
    "biases of 0": Kind(kinds.without_biases),
    "a layer of 0": Kind(kinds.blank_layer),
    "as many samples as units": Kind(kinds.square),
    "single units": Kind(kinds.single),
}


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

    def start(self, rng: np.random.Generator, chosen: Combination) -> tuple[Network, int]:
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
        network = Network(
            tuple(map(int, widths)), (*self.hidden(depth - 1), output), loss, reduction, l2
        )
        sizes = [n for n in _SAMPLES if n in self._support.batch_sizes]
        return network, int(rng.choice(sizes or self._support.batch_sizes))

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


def smallest_first(problems: Iterable[Problem]) -> list[Problem]:
    """Order problems by size, those of one layer last, but for outputs that depend on nothing.

    Parameters
    ----------
    problems : iterable of Problem

    Returns
    -------
    list of Problem
        Without those of a softmax of one unit, which is always 1.
    """
    dependent = [
        p for p in problems if p.network.activations[-1] != "softmax" or p.network.widths[-1] > 1
    ]
    return sorted(dependent, key=lambda p: (p.network.depth == 1, p.params.size * p.batch.size))


def draw(
    rng: np.random.Generator,
    kind: Kind,
    answered: Sequence[Problem],
    support: Support,
    companions: Companions,
    turn: int = 0,
    plain: bool = False,
) -> Problem | None:
    """Draw one problem of a kind.

    Parameters
    ----------
    rng : numpy.random.Generator
    kind : Kind
    answered : sequence of Problem
        Problems that the code answered, smallest first: small ones are taken as a start.
    support : Support
        What may be asked.
    companions : Companions
        What goes with it, where that is free.
    turn : int
        How often it was drawn before.
    plain : bool
        Whether to start from a problem that was answered.

    Returns
    -------
    Problem or None
        None where the code, or what it started from, leaves no room for this kind.
    """
    combination = None if plain else companions.next(kind.wished(turn), kind.accepts)
    if combination:
        network, samples = companions.start(rng, combination)
    else:
        small = _small(rng, kind, answered)
        if small is None:
            return None
        network, samples = small.network, small.batch.size
    start = Start(rng, network, samples, support, companions.hidden)
    problem = kind.make(start, *kind.given)
    return problem if problem is not None and _usable(problem, support) else None


def draw_plain(
    rng: np.random.Generator, combination: Combination, support: Support, companions: Companions
) -> Problem | None:
    """Draw a small problem of an output, a loss and a reduction.

    Parameters
    ----------
    rng : numpy.random.Generator
    combination : tuple of str
        Output activation, loss and reduction; one of ``companions.new``.
    support : Support
        What may be asked.
    companions : Companions
        Choose widths, hidden activations and the penalty.

    Returns
    -------
    Problem or None
        None where the code leaves no room for it, or nothing gets through a layer.
    """
    problem = fill_scaled(rng, *companions.start(rng, combination), one_hot=support.one_hot)
    return problem if _usable(problem, support) else None


def _small(rng: np.random.Generator, kind: Kind, answered: Sequence[Problem]) -> Problem | None:
    """Choose one of the smaller problems that were answered and go with a kind."""
    fitting = [
        p
        for p in answered
        if kind.accepts(p.network.activations[-1], p.network.loss, p.network.reduction)
    ]
    small = fitting[: max(1, len(fitting) // 2)]
    return small[int(rng.integers(len(small)))] if small else None


def _usable(problem: Problem, support: Support) -> bool:
    if numbers(problem.network, problem.batch.size) > _MOST_NUMBERS:
        return False
    return _within(problem, support) and not _dead(problem)


def _within(problem: Problem, support: Support) -> bool:
    """Whether code for certain networks or batch sizes is asked no others, whatever the kind."""
    sizes, networks = set(support.batch_sizes), (*support.networks, *support.larger)
    if support.most_samples and problem.batch.size > support.most_samples:
        return False
    every = set(range(2, MAX_BATCH + 1)) <= sizes
    if problem.batch.size not in sizes and not (every and problem.batch.size > MAX_BATCH):
        return False
    return not support.networks or problem.network in networks


def _dead(problem: Problem) -> bool:
    """Whether nothing gets through some layer, so that nothing below could be seen wrong."""
    run = evaluate(problem.network, problem.params.pairs, problem.batch.x)
    return any(
        name == "relu" and bool((z <= 0).all())
        for name, z in zip(problem.network.activations, run.z, strict=True)
    )
