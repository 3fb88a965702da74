"""Problems far out of what is drawn at random: one extreme at a time, and the rest small.

A bug that shows only in a batch of 33, nine layers or inputs of 200 lies beyond every
problem of :mod:`gradcheck.networks.sampling`. Each kind below is drawn once or more often,
each time with another output, loss and reduction
(:mod:`gradcheck.networks.far_out.filling`). Weights are scaled so that ``|z| <= 8`` and
so that gradients stay well above rounding, however deep.

Where a combination is refused, and for code that handles certain networks only, a kind makes
a problem from one that the code answered.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from gradcheck.contract.sizes import numbers
from gradcheck.networks.far_out import kinds
from gradcheck.networks.far_out.filling import (
    Accepts,
    Combination,
    Companions,
    Filling,
    Start,
    filled,
)
from gradcheck.networks.far_out.kinds import (
    LARGEST_X,
    Make,
    batch,
    depth,
    is_logarithmic,
    is_squared,
    single,
    square,
    width,
)
from gradcheck.networks.forward_pass import evaluate
from gradcheck.networks.losses import REDUCTIONS
from gradcheck.networks.problem import Problem
from gradcheck.networks.sampling import MAX_BATCH, MAX_DEPTH, MAX_WIDTH, Support

__all__ = [
    "DEEPEST",
    "KINDS",
    "LARGEST_BATCH",
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
LARGEST_BATCH = 70

#: Problems of more numbers are not drawn: of a network that is large itself, many samples
#: would take longer than all the rest.
LARGEST = 100_000


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
        Makes one from a small start.
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

    make: Make
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
    return Kind(kinds.inputs(draw), times, numbers_alone=True)


def _wide_outputs(*losses: str) -> Kind:
    # a scope tells widths of outputs alone: each way to form a first delta is asked the widest
    return Kind(width("last", WIDEST, WIDEST), 1, _of_loss(*losses))


def _sure_and_wrong(*losses: str) -> Kind:
    return Kind(kinds.sure_and_wrong, 1, _of_loss(*losses))


def _squared_elementwise(output: str, loss: str, reduction: str) -> bool:
    return output != "softmax" and is_squared(output, loss)


def _elementwise(output: str, loss: str, reduction: str) -> bool:
    return output != "softmax"


def _softmax(output: str, loss: str, reduction: str) -> bool:
    return output == "softmax"


#: What is drawn, under the name by which it is told.
KINDS: dict[str, Kind] = {
    "batch 33": Kind(batch(33, 33), 2),
    "batch 65": Kind(batch(65, 65), 2, in_turn=_CLASSES_FIRST),
    "depth 10": Kind(depth(DEEPEST, DEEPEST), 2),
    "inputs to 1000": _inputs(kinds.large),
    "hidden width 9 to 32": Kind(width("hidden", MAX_WIDTH + 1, 32), 2),
    "cross_entropy of 64 outputs": _wide_outputs("cross_entropy"),
    "squared errors of 64 outputs": Kind(
        width("last", WIDEST, WIDEST), 2, is_squared, in_turn=(_elementwise, _softmax)
    ),
    "whole inputs": _inputs(kinds.whole),
    "inputs not negative": _inputs(kinds.shares),
    "z of 0": Kind(kinds.zero_z(0)),
    "z of 0 again": Kind(kinds.zero_z(1)),
    "z of 0 on a kink": Kind(kinds.on_a_kink),
    "l2 over 1": Kind(kinds.penalty(1.1, 9.9)),
    "l2 under 0.01": Kind(kinds.penalty(1.1e-4, 9e-3)),
    "batch 9 to 32": Kind(batch(MAX_BATCH + 1, 32), 2, in_turn=_CLASSES_FIRST),
    "batch 34 to 70": Kind(batch(34, LARGEST_BATCH), 2),
    "depth 6 to 9": Kind(depth(MAX_DEPTH + 1, DEEPEST - 1), 2, in_turn=_CLASSES_FIRST),
    "l2 10": Kind(kinds.penalty(10.0, 10.0, alone=True)),
    "l2 0.0001": Kind(kinds.penalty(1e-4, 1e-4, alone=True)),
    "width 64": Kind(width("hidden", WIDEST, WIDEST)),
    "64 inputs": Kind(width("first", WIDEST, WIDEST)),
    "9 to 63 inputs": Kind(width("first", MAX_WIDTH + 1, WIDEST - 1)),
    "hidden width 33 to 63": Kind(width("hidden", 33, WIDEST - 1)),
    "9 to 63 outputs": Kind(width("last", MAX_WIDTH + 1, WIDEST - 1)),
    "binary_cross_entropy of 64 outputs": _wide_outputs("binary_cross_entropy"),
    "softmax of one unit": Kind(kinds.one_softmax_unit, 1, _softmax),
    "one input": Kind(width("first", 1, 1), 2),
    "one hidden unit": Kind(width("hidden", 1, 1)),
    "one output": Kind(width("last", 1, 1), 2, _elementwise),
    "inputs 0 and 1": _inputs(kinds.bits),
    "inputs to 255": _inputs(kinds.counts, 1),
    "inputs with zeros": Kind(kinds.inputs(kinds.sparse)),
    "inputs of 0": Kind(kinds.inputs(kinds.nothing)),
    "samples alike": Kind(kinds.samples_alike),
    "inputs under 0.001": Kind(kinds.inputs(kinds.small)),
    "one-hot targets": Kind(kinds.given(kinds.one_hot), 2, is_squared),
    "targets to 1000": Kind(kinds.given(kinds.large_targets), 2, is_squared),
    "targets all the same": Kind(kinds.same_targets, 2),
    "targets met": Kind(kinds.targets_met, 1, _squared_elementwise),
    "all targets met": Kind(kinds.all_met, 1, _squared_elementwise),
    "targets nearly met": Kind(kinds.nearly_met, 1, is_squared),
    "z to 8": Kind(kinds.steep(0, 3)),
    "z to 8 again": Kind(kinds.steep(1, 3)),
    "z to 8 once more": Kind(kinds.steep(2, 3)),
    "cross_entropy of a sure and wrong output": _sure_and_wrong("cross_entropy"),
    "binary_cross_entropy of sure and wrong outputs": _sure_and_wrong("binary_cross_entropy"),
    "outputs sure and right": Kind(kinds.sure_and_right, 1, is_logarithmic),
    "biases of 0": Kind(kinds.parameters(lambda network: Filling(biases=False))),
    "a layer of 0": Kind(kinds.parameters(lambda network: Filling(blank=(network.depth,)))),
    "as many samples as units": Kind(square),
    "single units": Kind(single),
}


def turns(count: int) -> list[str]:
    """List the kinds in the order in which they are drawn, so many: each once, then again."""
    most = max(kind.times for kind in KINDS.values())
    names = [n for turn in range(most) for n, kind in KINDS.items() if kind.times > turn]
    return names[:count]


def smallest_first(problems: Iterable[Problem]) -> list[Problem]:
    """Order problems by size, those of one layer last, but for outputs that depend on nothing."""
    telling = [
        p for p in problems if p.network.activations[-1] != "softmax" or p.network.widths[-1] > 1
    ]
    return sorted(telling, key=lambda p: (p.network.depth == 1, p.params.size * p.batch.size))


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
    answered : sequence of Problem
        Problems that the code answered, smallest first: small ones are taken as a start.
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
    start = companions.start(rng, combination) if combination else _answered(rng, kind, answered)
    problem = kind.make(rng, start, support, companions) if start is not None else None
    return problem if problem is not None and _usable(problem, support) else None


def draw_plain(
    rng: np.random.Generator, combination: Combination, support: Support, companions: Companions
) -> Problem | None:
    """Draw a small problem of an output, a loss and a reduction."""
    problem = filled(rng, *companions.start(rng, combination), support)
    return problem if _usable(problem, support) else None


def _answered(rng: np.random.Generator, kind: Kind, answered: Sequence[Problem]) -> Start | None:
    fitting = [
        p
        for p in answered
        if kind.accepts(p.network.activations[-1], p.network.loss, p.network.reduction)
    ]
    small = fitting[: max(1, len(fitting) // 2)]
    if not small:
        return None
    problem = small[int(rng.integers(len(small)))]
    return Start(problem.network, problem.batch.size)


def _usable(problem: Problem, support: Support) -> bool:
    if numbers(problem.network, problem.batch.size) > LARGEST:
        return False
    return _within(problem, support) and not _dead(problem)


def _within(problem: Problem, support: Support) -> bool:
    """Whether code for certain networks or batch sizes is asked no others, whatever the kind."""
    sizes, networks = set(support.batch_sizes), (*support.networks, *support.larger)
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
