"""Problems unlike those drawn at random, each made from a small start.

Batches, depths and widths; inputs, targets, parameters and penalties. A maker returns None
where the code, or the start, leaves no room for its kind.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradcheck.networks.definitions import ACTIVATIONS, LOSSES, activate, evaluate
from gradcheck.networks.problem import Batch, Floats, Network, Params, Problem
from gradcheck.networks.sampling import (
    MAX_BATCH,
    MAX_DEPTH,
    MAX_Z,
    PLAIN_FILLING,
    Filling,
    Support,
    digits,
    fill_scaled,
)

#: Smallest and largest width of what is small.
SMALL_WIDTHS = (2, 4)

#: The largest inputs and targets.
LARGEST_X = 1000.0


@dataclass(frozen=True)
class Start:
    """What a problem far out is made from.

    Attributes
    ----------
    rng : numpy.random.Generator
    network : Network
        A small one.
    samples : int
    support : Support
        What the code handles.
    hidden : callable
        Returns the next activations of so many hidden layers.
    """

    rng: np.random.Generator
    network: Network
    samples: int
    support: Support
    hidden: Callable[[int], list[str]]

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
        one_hot = self.support.one_hot
        return fill_scaled(self.rng, network, samples, x, y, one_hot, filling)

    def beyond(self, suited: Callable[[Network], bool]) -> Problem | None:
        """Take one of the larger networks that code for certain sizes was seen to handle."""
        fitting = [network for network in self.support.larger if suited(network)]
        if not fitting:
            return None
        return self.filled(fitting[int(self.rng.integers(len(fitting)))])


# --- sizes ------------------------------------------------------------------------------------


def batch(start: Start, low: int, high: int) -> Problem | None:
    """Between so many samples."""
    if not set(range(2, MAX_BATCH + 1)) <= set(start.support.batch_sizes):
        return None  # it is for certain sizes
    return start.filled(samples=int(start.rng.integers(low, high + 1)))


def depth(start: Start, low: int, high: int) -> Problem | None:
    """Between so many layers."""
    support, network = start.support, start.network
    if support.networks:
        return start.beyond(lambda n: low <= n.depth <= high)
    if not support.activations or MAX_DEPTH not in support.depths:
        return None
    layers = int(start.rng.integers(low, high + 1))
    out = 1 if network.widths[-1] == 1 else 3
    acts = (*start.hidden(layers - 1), network.activations[-1])
    return start.filled(replace(network, widths=(*(3,) * layers, out), activations=acts))


def width(start: Start, place: str, low: int, high: int) -> Problem | None:
    """So many units in the ``first`` layer, a ``hidden`` one or the ``last``."""

    def wide(network: Network) -> bool:
        n = network.widths
        there = {"first": n[:1], "hidden": n[1:-1], "last": n[-1:]}[place]
        return any(low <= each <= high for each in there)

    support, network = start.support, start.network
    if support.networks:
        return start.beyond(wide)
    if place == "hidden" and network.depth == 1:
        if not support.activations or 2 not in support.depths:
            return None
        acts = (*start.hidden(1), network.activations[-1])
        network = replace(network, widths=(3, 2, network.widths[-1]), activations=acts)
    widths = [min(n, SMALL_WIDTHS[1]) for n in network.widths]
    index = {"first": 0, "hidden": len(widths) // 2, "last": -1}[place]
    widths[index] = int(start.rng.integers(low, high + 1))
    return start.filled(replace(network, widths=tuple(widths)))


def square(start: Start) -> Problem | None:
    """As many samples as units in every layer, so that no shape tells one from another."""
    if start.support.networks or 4 not in start.support.batch_sizes:
        return None
    return start.filled(replace(start.network, widths=(4,) * (start.network.depth + 1)), 4)


def single(start: Start) -> Problem | None:
    """One sample, and one unit a layer, so that every axis can be lost."""
    if start.support.networks or 1 not in start.support.batch_sizes:
        return None
    if start.network.activations[-1] == "softmax":
        return None
    return start.filled(replace(start.network, widths=(1,) * (start.network.depth + 1)), 1)


def one_softmax_unit(start: Start) -> Problem | None:
    """A softmax over one unit, which is 1 whatever its input."""
    if start.support.networks or start.network.activations[-1] != "softmax":
        return None
    return start.filled(replace(start.network, widths=(*start.network.widths[:-1], 1)))


# --- inputs -----------------------------------------------------------------------------------

Values = Callable[[np.random.Generator, tuple[int, int]], Floats]


def inputs(start: Start, draw: Values) -> Problem:
    """Inputs of a kind."""
    return start.filled(x=draw(start.rng, (start.samples, start.network.widths[0])))


def large(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Of every size from 10 to 1000, the largest exactly that."""
    x = 10 ** rng.uniform(1, np.log10(LARGEST_X), shape) * rng.choice((-1.0, 1.0), shape)
    x.ravel()[int(rng.integers(x.size))] = LARGEST_X
    return digits(x, 4)


def whole(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Whole numbers of both signs."""
    return rng.integers(-9, 10, shape).astype(float)


def counts(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Whole numbers from 0 to 255, as grey levels are."""
    x = rng.integers(0, 256, shape).astype(float)
    x.ravel()[int(rng.integers(x.size))] = 255.0
    return x


def shares(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Between 0 and 1, as scaled data are."""
    return np.round(rng.uniform(0.05, 1.0, shape), 2)


def bits(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Zeros and ones."""
    x = rng.integers(0, 2, shape).astype(float)
    x.ravel()[int(rng.integers(x.size))] = 1.0
    return x


def sparse(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Many zeros: all of the first sample, and where there are several all of an input."""
    x: Floats = np.round(rng.standard_normal(shape), 2) * rng.integers(0, 2, shape) + 0.0
    x[-1, 0] = 0.75
    if shape[1] > 1:
        x[:, -1] = 0.0
    if shape[0] > 1:
        x[0] = 0.0
    return x


def alike(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """The same sample again and again."""
    return np.repeat(np.round(rng.standard_normal((1, shape[1])), 2) + 0.0, shape[0], axis=0)


def nothing(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Zero, all of them."""
    return np.zeros(shape)


def small(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """From a millionth to a thousandth."""
    return digits(10 ** rng.uniform(-6, -3, shape) * rng.choice((-1.0, 1.0), shape), 3)


# --- targets ----------------------------------------------------------------------------------


def is_squared(output: str, loss: str, reduction: str = "") -> bool:
    """Whether targets may be any numbers."""
    return LOSSES[loss].targets == "real"


def is_logarithmic(output: str, loss: str, reduction: str = "") -> bool:
    """Whether targets are classes."""
    return not is_squared(output, loss)


def given(
    start: Start, draw: Callable[[np.random.Generator, tuple[int, int]], Floats]
) -> Problem | None:
    """Targets of a kind, for a loss whose targets may be any numbers."""
    network = start.network
    if start.support.one_hot or not is_squared(network.activations[-1], network.loss):
        return None
    if network.widths[-1] == 1 and not start.support.networks:
        network = replace(network, widths=(*network.widths[:-1], 3))
    return start.filled(network, y=draw(start.rng, (start.samples, network.widths[-1])))


def one_hot(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Rows with a single one."""
    return np.eye(shape[1])[rng.integers(shape[1], size=shape[0])]


def same_targets(start: Start) -> Problem:
    """Every sample has the same target."""
    problem = start.filled()
    return _with_targets(problem, np.repeat(problem.batch.y[:1], start.samples, axis=0))


def samples_alike(start: Start) -> Problem:
    """The same sample again and again, its target too."""
    problem = inputs(start, alike)
    return _with_targets(problem, np.repeat(problem.batch.y[:1], start.samples, axis=0))


def targets_met(start: Start) -> Problem | None:
    """The first output is its target on every sample, and has a z of exactly zero."""
    network = start.network
    if not _can_be_met(start) or not _smooth(network.activations[-1]):
        return None
    if network.widths[-1] == 1 and not start.support.networks:
        network = replace(network, widths=(*network.widths[:-1], 2))
    problem = start.filled(network, filling=Filling(zero=(network.depth,)))
    y = problem.batch.y.copy()
    y[:, 0] = activate(network)(network.depth, np.zeros((1, network.widths[-1])))[0, 0]
    return _with_targets(problem, y)


def all_met(start: Start) -> Problem | None:
    """Every output is its target, so that the penalty alone is left."""
    network, support = start.network, start.support
    if support.networks or not support.l2:
        return None
    if not _can_be_met(start) or not _smooth(network.activations[-1]):
        return None
    network = replace(network, l2=network.l2 or 0.37)
    problem = start.filled(network, filling=Filling(blank=(network.depth,)))
    pairs = problem.params.copies()
    pairs[-1][1][:] = 0.0
    met = ACTIVATIONS[network.activations[-1]].forward(np.zeros(1))
    y = np.broadcast_to(met, problem.batch.y.shape)
    return Problem(network, Params(pairs), Batch(problem.batch.x, y))


def nearly_met(start: Start) -> Problem | None:
    """Every output is nearly its target, so that little is left to learn."""
    network, rng = start.network, start.rng
    if not _can_be_met(start):
        return None
    if not start.support.networks:
        network = replace(network, l2=0.0)
    problem = start.filled(network)
    outputs = evaluate(network, problem.params.pairs, problem.batch.x).a[-1]
    y = outputs + 1e-3 * rng.choice((-1.0, 1.0), outputs.shape) * rng.uniform(0.2, 1, outputs.shape)
    return _with_targets(problem, y)


def _can_be_met(start: Start) -> bool:
    return not start.support.one_hot and is_squared("", start.network.loss)


def _with_targets(problem: Problem, y: Floats) -> Problem:
    return replace(problem, batch=Batch(problem.batch.x, y))


# --- parameters -------------------------------------------------------------------------------


def without_biases(start: Start) -> Problem:
    """Every bias is zero."""
    return start.filled(filling=Filling(biases=False))


def blank_layer(start: Start) -> Problem:
    """All weights of the last layer are zero."""
    return start.filled(filling=Filling(blank=(start.network.depth,)))


def steep(start: Start, part: int, parts: int) -> Problem | None:
    """Layers that come near the largest ``|z|``, one of every activation.

    Some of them a problem, so that the network stays small.
    """
    network = _hidden(start, list(start.support.activations)[part::parts])
    if network is None:
        return None
    every = range(1, network.depth)
    return start.filled(network, filling=Filling(steep=every or (network.depth,)))


def zero_z(start: Start, part: int) -> Problem | None:
    """Units with a pre-activation of exactly zero, in a layer of every activation without a kink.

    Half of them a problem, so that the network stays small.
    """
    smooth = [name for name in start.support.activations if _smooth(name)]
    network = _hidden(start, smooth[part::2])
    if network is None or (start.support.networks and part):
        return None
    hidden_or_all = network.activations[:-1] or network.activations
    zero = [n for n, name in enumerate(hidden_or_all, start=1) if _smooth(name)]
    return start.filled(network, filling=Filling(zero=zero)) if zero else None


def on_a_kink(start: Start) -> Problem | None:
    """A single sample, and in a layer of every activation with a kink a unit on it."""
    kinked = [name for name in start.support.activations if ACTIVATIONS[name].slopes is not None]
    if 1 not in start.support.batch_sizes:
        return None
    network = _hidden(start, kinked)
    if network is None:
        return None
    zero = [n for n, name in enumerate(network.activations[:-1], start=1) if not _smooth(name)]
    return start.filled(network, 1, filling=Filling(zero=zero)) if zero else None


def _hidden(start: Start, names: Sequence[str]) -> Network | None:
    """Give a network a hidden layer of each activation, as deep as is handled."""
    network, support = start.network, start.support
    if support.networks or not support.activations:
        return network
    depth = max((d for d in support.depths if d <= len(names) + 1), default=1)
    if depth < 2:
        return None
    hidden = [str(name) for name in start.rng.permutation(list(names))[: depth - 1]]
    acts = (*hidden, network.activations[-1])
    widths = (2, *(3,) * (depth - 1), max(2, network.widths[-1]))
    return replace(network, widths=widths, activations=acts)


def _smooth(name: str) -> bool:
    return ACTIVATIONS[name].slopes is None and ACTIVATIONS[name].elementwise


def sure_and_right(start: Start) -> Problem | None:
    """Outputs near the largest ``|z|`` of a loss of classes, all right."""
    network, support = start.network, start.support
    if not is_logarithmic("", network.loss):
        return None
    if not support.networks:
        network = replace(network, l2=0.0)
    samples = 1 if 1 in support.batch_sizes else start.samples
    problem = start.filled(network, samples, filling=Filling(steep=(network.depth,)))
    outputs = evaluate(network, problem.params.pairs, problem.batch.x).a[-1]
    return _with_targets(problem, _likeliest(outputs, network, support))


def sure_and_wrong(start: Start) -> Problem | None:
    """A sample whose outputs reach the largest ``|z|`` both ways, and are all wrong."""
    network = start.network
    if not is_logarithmic("", network.loss):
        return None
    problem = start.filled()
    pairs = problem.params.copies()
    z = evaluate(network, pairs, problem.batch.x).z[-1]
    sample = int(np.ptp(z, axis=1).argmax())
    w, b = pairs[-1]
    if z.shape[1] > 1:  # what several outputs have in common tells nothing
        b = b - (z[sample].max() + z[sample].min()) / 2.0
    largest = float(np.abs(z + (b - pairs[-1][1])).max())
    factor = 0.95 * MAX_Z / largest if largest > 0 else 1.0
    pairs[-1] = (digits(w * factor, 3), digits(b * factor, 3))
    outputs = evaluate(network, pairs, problem.batch.x).a[-1]
    y = problem.batch.y.copy()
    y[sample] = _likeliest(1.0 - outputs, network, start.support)[sample]
    return Problem(network, Params(pairs), Batch(problem.batch.x, y))


def _likeliest(outputs: Floats, network: Network, support: Support) -> Floats:
    """Return the targets that outputs are nearest to."""
    if LOSSES[network.loss].targets == "one_hot" or support.one_hot:
        nearest: Floats = np.eye(outputs.shape[1])[outputs.argmax(axis=1)]
    else:
        nearest = np.round(outputs)
    return nearest


def penalty(start: Start, low: float, high: float, alone: bool = False) -> Problem | None:
    """A weight penalty between two numbers, with two digits, the ends among them.

    Of one layer ``alone``, where the code handles that.
    """
    support = start.support
    if support.networks or not support.l2:
        return None
    value = float(f"{10 ** start.rng.uniform(np.log10(low), np.log10(high)):.1e}")
    network = replace(start.network, l2=min(max(value, low), high))
    if alone and 1 in support.depths:
        ends = (network.widths[0], network.widths[-1])
        network = replace(network, widths=ends, activations=network.activations[-1:])
    return start.filled(network)
