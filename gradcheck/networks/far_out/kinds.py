"""Kinds of problems unlike those drawn at random, each made from a small start.

Batches, depths and widths; inputs, targets, parameters and penalties. A maker returns None
where the code, or the start, leaves no room for its kind.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck.networks.definitions import (
    ACTIVATIONS,
    LOSSES,
    PAIRINGS,
    REDUCTIONS,
    evaluate,
)
from gradcheck.networks.problem import Batch, Floats, Network, Params, Problem
from gradcheck.networks.sampling import (
    MAX_BATCH,
    MAX_DEPTH,
    MAX_WIDTH,
    MAX_Z,
    PLAIN_FILLING,
    Filling,
    Support,
    digits,
    fill_scaled,
)

#: Smallest and largest width of what is small.
SMALL_WIDTHS = (2, 4)

#: Deepest and widest networks, largest batches, inputs and targets.
DEEPEST = 10
WIDEST = 64
LARGEST_FAR_OUT_BATCH = 70
LARGEST_X = 1000.0

#: ``(rng, shape) -> values``: inputs or targets of a kind.
Values = Callable[[np.random.Generator, tuple[int, int]], Floats]

#: Pairs of output activation and loss.
Pairings = frozenset[tuple[str, str]]

ANY: Pairings = frozenset(PAIRINGS)
SQUARED: Pairings = frozenset(pair for pair in ANY if LOSSES[pair[1]].targets == "real")
CLASSES = ANY - SQUARED
CROSS_ENTROPY: Pairings = frozenset(pair for pair in ANY if pair[1] == "cross_entropy")
BINARY: Pairings = frozenset(pair for pair in ANY if pair[1] == "binary_cross_entropy")
SOFTMAX: Pairings = frozenset(pair for pair in ANY if pair[0] == "softmax")
ELEMENTWISE = ANY - SOFTMAX


@dataclass(frozen=True)
class Start:
    """A small network that a problem far out is made from.

    ``hidden`` returns the next activations of so many hidden layers.
    """

    rng: np.random.Generator
    network: Network
    samples: int
    support: Support
    hidden: Callable[[int], list[str]]

    @property
    def output(self) -> str:
        """The output activation."""
        return self.network.activations[-1]

    @property
    def squared(self) -> bool:
        """Whether its loss takes any numbers as targets."""
        return LOSSES[self.network.loss].targets == "real"

    @property
    def free_targets(self) -> bool:
        """Whether the code takes any numbers as targets of that loss."""
        return self.squared and not self.support.one_hot

    @property
    def without_penalty(self) -> Network:
        """The network without a weight penalty, where that is free."""
        return self.network if self.support.networks else replace(self.network, l2=0.0)

    def filled(
        self,
        network: Network | None = None,
        samples: int = 0,
        x: Floats | None = None,
        y: Floats | None = None,
        filling: Filling = PLAIN_FILLING,
    ) -> Problem:
        """Draw parameters and a batch, of another network or size where one is given."""
        network, samples = network or self.network, samples or self.samples
        return fill_scaled(self.rng, network, samples, x, y, self.support.one_hot, filling)

    def wider(self, outputs: int) -> Network:
        """Return the network with so many outputs where it has one, and its sizes are free."""
        network = self.network
        if network.widths[-1] > 1 or self.support.networks:
            return network
        return replace(network, widths=(*network.widths[:-1], outputs))

    def beyond(self, suited: Callable[[Network], bool]) -> Problem | None:
        """Take one of the larger networks that code for certain sizes was seen to handle."""
        fitting = [network for network in self.support.larger if suited(network)]
        return self.filled(fitting[int(self.rng.integers(len(fitting)))]) if fitting else None


def _batch(start: Start, low: int, high: int) -> Problem | None:
    if not start.support.any_batch:
        return None
    return start.filled(samples=int(start.rng.integers(low, high + 1)))


def _depth(start: Start, low: int, high: int) -> Problem | None:
    support = start.support
    if support.networks:
        return start.beyond(lambda n: low <= n.depth <= high)
    if not support.activations or MAX_DEPTH not in support.depths:
        return None
    layers = int(start.rng.integers(low, high + 1))
    widths = (*(3,) * layers, 1 if start.network.widths[-1] == 1 else 3)
    acts = (*start.hidden(layers - 1), start.output)
    return start.filled(replace(start.network, widths=widths, activations=acts))


#: Layers by their place.
_PLACES = {"first": slice(0, 1), "hidden": slice(1, -1), "last": slice(-1, None)}


def _width(start: Start, place: str, low: int, high: int) -> Problem | None:
    """So many units in the ``first`` layer, a ``hidden`` one or the ``last``."""
    support, network = start.support, start.network
    if support.networks:
        return start.beyond(lambda n: any(low <= w <= high for w in n.widths[_PLACES[place]]))
    if place == "hidden" and network.depth == 1:
        if not support.activations or 2 not in support.depths:
            return None
        acts = (*start.hidden(1), start.output)
        network = replace(network, widths=(3, 2, network.widths[-1]), activations=acts)
    widths = [min(n, SMALL_WIDTHS[1]) for n in network.widths]
    index = {"first": 0, "hidden": len(widths) // 2, "last": -1}[place]
    widths[index] = int(start.rng.integers(low, high + 1))
    return start.filled(replace(network, widths=tuple(widths)))


def _all_sizes(start: Start, size: int) -> Problem | None:
    """So many samples, and units in every layer: no shape tells one from another."""
    if start.support.networks or size not in start.support.batch_sizes:
        return None
    if size == 1 and start.output == "softmax":
        return None
    return start.filled(replace(start.network, widths=(size,) * (start.network.depth + 1)), size)


def _one_softmax_unit(start: Start) -> Problem | None:
    """A softmax over one unit, which is 1 whatever its input."""
    if start.support.networks or start.output != "softmax":
        return None
    return start.filled(replace(start.network, widths=(*start.network.widths[:-1], 1)))


def _inputs(start: Start, draw: Values) -> Problem:
    return start.filled(x=draw(start.rng, (start.samples, start.network.widths[0])))


def _large(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Of every size from 10 to 1000, the largest exactly that."""
    x = 10 ** rng.uniform(1, np.log10(LARGEST_X), shape) * rng.choice((-1.0, 1.0), shape)
    x.ravel()[int(rng.integers(x.size))] = LARGEST_X
    return digits(x, 4)


def _whole_to(most: int) -> Values:
    """Whole numbers from 0 on, the largest among them."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
        x = rng.integers(0, most + 1, shape).astype(float)
        x.ravel()[int(rng.integers(x.size))] = most
        return x

    return draw


def _sparse(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Many zeros: all of the first sample, and where there are several all of an input."""
    x: Floats = np.round(rng.standard_normal(shape), 2) * rng.integers(0, 2, shape) + 0.0
    x[-1, 0] = 0.75
    if shape[1] > 1:
        x[:, -1] = 0.0
    if shape[0] > 1:
        x[0] = 0.0
    return x


def _alike(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return np.repeat(np.round(rng.standard_normal((1, shape[1])), 2) + 0.0, shape[0], axis=0)


def _small(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """From a millionth to a thousandth."""
    return digits(10 ** rng.uniform(-6, -3, shape) * rng.choice((-1.0, 1.0), shape), 3)


def _targets(start: Start, draw: Values) -> Problem | None:
    if not start.free_targets:
        return None
    network = start.wider(3)
    return start.filled(network, y=draw(start.rng, (start.samples, network.widths[-1])))


def _same_targets(start: Start, draw: Values | None = None) -> Problem:
    """Every sample has the same target; inputs of a kind, perhaps."""
    problem = _inputs(start, draw) if draw else start.filled()
    return _with_targets(problem, np.repeat(problem.batch.y[:1], start.samples, axis=0))


def _targets_met(start: Start) -> Problem | None:
    """The first output is its target on every sample, and has a z of exactly zero."""
    if not start.free_targets or not _smooth(start.output):
        return None
    network = start.wider(2)
    problem = start.filled(network, filling=Filling(zero=(network.depth,)))
    y = problem.batch.y.copy()
    y[:, 0] = ACTIVATIONS[start.output].forward(np.zeros(1))
    return _with_targets(problem, y)


def _all_met(start: Start) -> Problem | None:
    """Every output is its target, so that the penalty alone is left."""
    network, support = start.network, start.support
    if support.networks or not support.l2 or not start.free_targets or not _smooth(start.output):
        return None
    network = replace(network, l2=network.l2 or 0.37)
    problem = start.filled(network, filling=Filling(blank=(network.depth,)))
    pairs = problem.params.copies()
    pairs[-1][1][:] = 0.0
    met = ACTIVATIONS[start.output].forward(np.zeros(1))
    y = np.broadcast_to(met, problem.batch.y.shape)
    return Problem(network, Params(pairs), Batch(problem.batch.x, y))


def _nearly_met(start: Start) -> Problem | None:
    """Every output is nearly its target, so that little is left to learn."""
    rng = start.rng
    if not start.free_targets:
        return None
    problem = start.filled(start.without_penalty)
    outputs = _outputs(problem)
    y = outputs + 1e-3 * rng.choice((-1.0, 1.0), outputs.shape) * rng.uniform(0.2, 1, outputs.shape)
    return _with_targets(problem, y)


def _with_targets(problem: Problem, y: Floats) -> Problem:
    return replace(problem, batch=Batch(problem.batch.x, y))


def _outputs(problem: Problem) -> Floats:
    return evaluate(problem.network, problem.params.pairs, problem.batch.x).a[-1]


def _steep(start: Start, part: int, parts: int) -> Problem | None:
    """Layers that come near the largest ``|z|``, one of every activation.

    Some of them a problem, so that the network stays small.
    """
    network = _with_hidden(start, start.support.activations[part::parts])
    if network is None:
        return None
    every = range(1, network.depth)
    return start.filled(network, filling=Filling(steep=every or (network.depth,)))


def _zero_z(start: Start, part: int) -> Problem | None:
    """Units with a pre-activation of exactly zero, in a layer of every activation without a kink.

    Half of them a problem, so that the network stays small.
    """
    network = _with_hidden(start, list(filter(_smooth, start.support.activations))[part::2])
    if network is None or (start.support.networks and part):
        return None
    hidden_or_all = network.activations[:-1] or network.activations
    zero = [n for n, name in enumerate(hidden_or_all, start=1) if _smooth(name)]
    return start.filled(network, filling=Filling(zero=zero)) if zero else None


def _on_a_kink(start: Start) -> Problem | None:
    """A single sample, and in a layer of every activation with a kink a unit on it."""
    kinked = [name for name in start.support.activations if ACTIVATIONS[name].slopes is not None]
    network = _with_hidden(start, kinked) if 1 in start.support.batch_sizes else None
    if network is None:
        return None
    zero = [n for n, name in enumerate(network.activations[:-1], start=1) if not _smooth(name)]
    return start.filled(network, 1, filling=Filling(zero=zero)) if zero else None


def _with_hidden(start: Start, names: Sequence[str]) -> Network | None:
    """Give a network a hidden layer of each activation, as deep as is handled."""
    network, support = start.network, start.support
    if support.networks or not support.activations:
        return network
    depth = max((d for d in support.depths if d <= len(names) + 1), default=1)
    if depth < 2:
        return None
    hidden = [str(name) for name in start.rng.permutation(list(names))[: depth - 1]]
    widths = (2, *(3,) * (depth - 1), max(2, network.widths[-1]))
    return replace(network, widths=widths, activations=(*hidden, start.output))


def _smooth(name: str) -> bool:
    return ACTIVATIONS[name].slopes is None and ACTIVATIONS[name].elementwise


def _sure_and_right(start: Start) -> Problem | None:
    """Outputs near the largest ``|z|`` of a loss of classes, all right."""
    if start.squared:
        return None
    network = start.without_penalty
    samples = 1 if 1 in start.support.batch_sizes else start.samples
    problem = start.filled(network, samples, filling=Filling(steep=(network.depth,)))
    return _with_targets(problem, _likeliest(start, _outputs(problem)))


def _sure_and_wrong(start: Start) -> Problem | None:
    """A sample whose outputs reach the largest ``|z|`` both ways, and are all wrong."""
    if start.squared:
        return None
    problem = start.filled()
    pairs = problem.params.copies()
    z = evaluate(start.network, pairs, problem.batch.x).z[-1]
    sample = int(np.ptp(z, axis=1).argmax())
    w, b = pairs[-1]
    if z.shape[1] > 1:  # what several outputs have in common tells nothing
        b = b - (z[sample].max() + z[sample].min()) / 2.0
    largest = float(np.abs(z + (b - pairs[-1][1])).max())
    factor = 0.95 * MAX_Z / largest if largest > 0 else 1.0
    pairs[-1] = (digits(w * factor, 3), digits(b * factor, 3))
    problem = replace(problem, params=Params(pairs))
    y = problem.batch.y.copy()
    y[sample] = _likeliest(start, 1.0 - _outputs(problem))[sample]
    return _with_targets(problem, y)


def _likeliest(start: Start, outputs: Floats) -> Floats:
    """Return the targets that outputs are nearest to."""
    if LOSSES[start.network.loss].targets == "one_hot" or start.support.one_hot:
        nearest: Floats = np.eye(outputs.shape[1])[outputs.argmax(axis=1)]
        return nearest
    return np.round(outputs)


def _penalty(start: Start, low: float, high: float, alone: bool = False) -> Problem | None:
    """A weight penalty between two numbers, with two digits, the ends among them.

    Of one layer ``alone``, where the code handles that.
    """
    support, network = start.support, start.network
    if support.networks or not support.l2:
        return None
    value = float(f"{10 ** start.rng.uniform(np.log10(low), np.log10(high)):.1e}")
    network = replace(network, l2=min(max(value, low), high))
    if alone and 1 in support.depths:
        ends = (network.widths[0], network.widths[-1])
        network = replace(network, widths=ends, activations=network.activations[-1:])
    return start.filled(network)


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
    pairings : frozenset of (str, str)
        The outputs and losses that it can be made with.
    in_turn : tuple of frozenset
        Those of them that go with it best, in turn, where it is drawn more than once.
    numbers_alone : bool
        It changes numbers alone: the first is made from a network that was answered, where
        a refusal shows as one by numbers.
    """

    make: Callable[..., Problem | None]
    given: tuple[Any, ...] = ()
    times: int = 1
    pairings: Pairings = ANY
    in_turn: tuple[Pairings, ...] = (SQUARED, CLASSES)
    numbers_alone: bool = False

    def wishes(self, turn: int) -> Iterator[tuple[Pairings, Sequence[str]]]:
        """Yield pairings and reductions: those that go with it best on a turn, then all."""
        if self.times > 1:
            best = self.pairings & self.in_turn[turn % len(self.in_turn)]
            yield best, REDUCTIONS[turn % 2 :][:1]
        yield self.pairings, REDUCTIONS


def _inputs_of(draw: Values, times: int = 2) -> Kind:
    return Kind(_inputs, (draw,), times, numbers_alone=True)


_LAST_LAYER = ("last", WIDEST, WIDEST)

#: What is drawn, under the name by which it is told. A scope tells widths of outputs alone: each
#: way to form a first delta is asked the widest.
FAR_OUT_KINDS: dict[str, Kind] = {
    "batch 33": Kind(_batch, (33, 33), 2),
    "batch 65": Kind(_batch, (65, 65), 2, in_turn=(CLASSES, SQUARED)),
    "depth 10": Kind(_depth, (DEEPEST, DEEPEST), 2),
    "inputs to 1000": _inputs_of(_large),
    "hidden width 9 to 32": Kind(_width, ("hidden", MAX_WIDTH + 1, 32), 2),
    "cross_entropy of 64 outputs": Kind(_width, _LAST_LAYER, pairings=CROSS_ENTROPY),
    "squared errors of 64 outputs": Kind(_width, _LAST_LAYER, 2, SQUARED, (ELEMENTWISE, SOFTMAX)),
    "whole inputs": _inputs_of(lambda rng, shape: rng.integers(-9, 10, shape).astype(float)),
    "inputs not negative": _inputs_of(lambda rng, shape: rng.uniform(0.05, 1.0, shape).round(2)),
    "z of 0": Kind(_zero_z, (0,)),
    "z of 0 again": Kind(_zero_z, (1,)),
    "z of 0 on a kink": Kind(_on_a_kink),
    "l2 over 1": Kind(_penalty, (1.1, 9.9)),
    "l2 under 0.01": Kind(_penalty, (1.1e-4, 9e-3)),
    "batch 9 to 32": Kind(_batch, (MAX_BATCH + 1, 32), 2, in_turn=(CLASSES, SQUARED)),
    "batch 34 to 70": Kind(_batch, (34, LARGEST_FAR_OUT_BATCH), 2),
    "depth 6 to 9": Kind(_depth, (MAX_DEPTH + 1, DEEPEST - 1), 2, in_turn=(CLASSES, SQUARED)),
    "l2 10": Kind(_penalty, (10.0, 10.0, True)),
    "l2 0.0001": Kind(_penalty, (1e-4, 1e-4, True)),
    "width 64": Kind(_width, ("hidden", WIDEST, WIDEST)),
    "64 inputs": Kind(_width, ("first", WIDEST, WIDEST)),
    "9 to 63 inputs": Kind(_width, ("first", MAX_WIDTH + 1, WIDEST - 1)),
    "hidden width 33 to 63": Kind(_width, ("hidden", 33, WIDEST - 1)),
    "9 to 63 outputs": Kind(_width, ("last", MAX_WIDTH + 1, WIDEST - 1)),
    "binary_cross_entropy of 64 outputs": Kind(_width, _LAST_LAYER, pairings=BINARY),
    "softmax of one unit": Kind(_one_softmax_unit, pairings=SOFTMAX),
    "one input": Kind(_width, ("first", 1, 1), 2),
    "one hidden unit": Kind(_width, ("hidden", 1, 1)),
    "one output": Kind(_width, ("last", 1, 1), 2, ELEMENTWISE, (ANY,)),
    "inputs 0 and 1": _inputs_of(_whole_to(1)),
    "inputs to 255": _inputs_of(_whole_to(255), 1),  # as grey levels are
    "inputs with zeros": Kind(_inputs, (_sparse,)),
    "inputs of 0": Kind(_inputs, (lambda rng, shape: np.zeros(shape),)),
    "samples alike": Kind(_same_targets, (_alike,)),
    "inputs under 0.001": Kind(_inputs, (_small,)),
    "one-hot targets": Kind(
        _targets,
        (lambda rng, shape: np.eye(shape[1])[rng.integers(shape[1], size=shape[0])],),
        2,
        SQUARED,
        (ANY,),
    ),
    "targets to 1000": Kind(_targets, (_large,), 2, SQUARED, (ANY,)),
    "targets all the same": Kind(_same_targets, (), 2),
    "targets met": Kind(_targets_met, pairings=SQUARED & ELEMENTWISE),
    "all targets met": Kind(_all_met, pairings=SQUARED & ELEMENTWISE),
    "targets nearly met": Kind(_nearly_met, pairings=SQUARED),
    "z to 8": Kind(_steep, (0, 3)),
    "z to 8 again": Kind(_steep, (1, 3)),
    "z to 8 once more": Kind(_steep, (2, 3)),
    "cross_entropy of a sure and wrong output": Kind(_sure_and_wrong, pairings=CROSS_ENTROPY),
    "binary_cross_entropy of sure and wrong outputs": Kind(_sure_and_wrong, pairings=BINARY),
    "outputs sure and right": Kind(_sure_and_right, pairings=CLASSES),
    "biases of 0": Kind(lambda start: start.filled(filling=Filling(biases=False))),
    "a layer of 0": Kind(lambda start: start.filled(filling=Filling(blank=(start.network.depth,)))),
    "as many samples as units": Kind(_all_sizes, (4,)),
    "single units": Kind(_all_sizes, (1,)),
}
