"""Inputs, targets, parameters and penalties unlike those drawn at random.

Batches, depths and widths beyond those drawn at random.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from gradcheck.networks.activations import ACTIVATIONS
from gradcheck.networks.far_out.filling import Companions, Filling, Start, digits, filled, resized
from gradcheck.networks.forward_pass import activate, evaluate
from gradcheck.networks.losses import LOSSES
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Batch, Floats, Params, Problem
from gradcheck.networks.sampling import MAX_BATCH, MAX_DEPTH, MAX_Z, Support

Make = Callable[[np.random.Generator, Start, Support, Companions], Problem | None]


def batch(low: int, high: int) -> Make:
    """Between so many samples."""

    def make(
        rng: np.random.Generator, start: Start, support: Support, companions: Companions
    ) -> Problem | None:
        if not set(range(2, MAX_BATCH + 1)) <= set(support.batch_sizes):
            return None  # it is for certain sizes
        return filled(rng, start.network, int(rng.integers(low, high + 1)), support)

    return make


def depth(low: int, high: int) -> Make:
    """Between so many layers."""

    def make(
        rng: np.random.Generator, start: Start, support: Support, companions: Companions
    ) -> Problem | None:
        if support.networks:
            return _beyond(rng, start, support, lambda n: low <= n.depth <= high)
        if not support.activations or MAX_DEPTH not in support.depths:
            return None
        layers = int(rng.integers(low, high + 1))
        network = start.network
        out = 1 if network.widths[-1] == 1 else 3
        acts = (*companions.hidden(layers - 1), network.activations[-1])
        network = replace(network, widths=(*(3,) * layers, out), activations=acts)
        return filled(rng, network, start.samples, support)

    return make


def width(place: str, low: int, high: int) -> Make:
    """So many units in the first layer, a hidden one or the last."""

    def make(
        rng: np.random.Generator, start: Start, support: Support, companions: Companions
    ) -> Problem | None:
        def wide(network: Network) -> bool:
            n = network.widths
            there = {"first": n[:1], "hidden": n[1:-1], "last": n[-1:]}[place]
            return any(low <= each <= high for each in there)

        if support.networks:
            return _beyond(rng, start, support, wide)
        network = start.network
        if place == "hidden" and network.depth == 1:
            if not support.activations or 2 not in support.depths:
                return None
            widths = (3, 2, network.widths[-1])
            acts = (*companions.hidden(1), network.activations[-1])
            network = replace(network, widths=widths, activations=acts)
        network = resized(network, **{place: int(rng.integers(low, high + 1))})
        return filled(rng, network, start.samples, support)

    return make


def square(
    rng: np.random.Generator, start: Start, support: Support, companions: Companions
) -> Problem | None:
    """As many samples as units in every layer, so that no shape tells one from another."""
    if support.networks or 4 not in support.batch_sizes:
        return None
    network = replace(start.network, widths=(4,) * (start.network.depth + 1))
    return filled(rng, network, 4, support)


def single(
    rng: np.random.Generator, start: Start, support: Support, companions: Companions
) -> Problem | None:
    """One sample, and one unit a layer, so that every axis can be lost."""
    if support.networks or 1 not in support.batch_sizes:
        return None
    if start.network.activations[-1] == "softmax":
        return None
    network = replace(start.network, widths=(1,) * (start.network.depth + 1))
    return filled(rng, network, 1, support)


def _beyond(
    rng: np.random.Generator, start: Start, support: Support, suited: Callable[[Network], bool]
) -> Problem | None:
    """Take one of the larger networks that code for certain sizes was seen to handle."""
    fitting = [network for network in support.larger if suited(network)]
    if not fitting:
        return None
    network = fitting[int(rng.integers(len(fitting)))]
    return filled(rng, network, start.samples, support)


#: The largest inputs and targets.
LARGEST_X = 1000.0

Values = Callable[[np.random.Generator, tuple[int, int]], Floats]


# --- inputs -----------------------------------------------------------------------------------


def inputs(draw: Values) -> Make:
    """Inputs of a kind."""

    def make(
        rng: np.random.Generator, start: Start, support: Support, companions: Companions
    ) -> Problem | None:
        shape = (start.samples, start.network.widths[0])
        return filled(rng, start.network, start.samples, support, x=draw(rng, shape))

    return make


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


def given(draw: Callable[[np.random.Generator, Network, int], Floats]) -> Make:
    """Targets of a kind, for a loss whose targets may be any numbers."""

    def make(
        rng: np.random.Generator, start: Start, support: Support, companions: Companions
    ) -> Problem | None:
        network, samples = start
        if support.one_hot or not is_squared(network.activations[-1], network.loss):
            return None
        if network.widths[-1] == 1 and not support.networks:
            network = replace(network, widths=(*network.widths[:-1], 3))
        return filled(rng, network, samples, support, y=draw(rng, network, samples))

    return make


def one_hot(rng: np.random.Generator, network: Network, samples: int) -> Floats:
    """Rows with a single one."""
    width = network.widths[-1]
    return np.eye(width)[rng.integers(width, size=samples)]


def large_targets(rng: np.random.Generator, network: Network, samples: int) -> Floats:
    """From 10 to 1000."""
    return large(rng, (samples, network.widths[-1]))


def same_targets(
    rng: np.random.Generator, start: Start, support: Support, companions: Companions
) -> Problem | None:
    """Every sample has the same target."""
    problem = filled(rng, start.network, start.samples, support)
    rows = np.repeat(problem.batch.y[:1], start.samples, axis=0)
    return _with(problem, rows)


def samples_alike(
    rng: np.random.Generator, start: Start, support: Support, companions: Companions
) -> Problem | None:
    """The same sample again and again, its target too."""
    x = alike(rng, (start.samples, start.network.widths[0]))
    problem = filled(rng, start.network, start.samples, support, x=x)
    return _with(problem, np.repeat(problem.batch.y[:1], start.samples, axis=0))


def targets_met(
    rng: np.random.Generator, start: Start, support: Support, companions: Companions
) -> Problem | None:
    """The first output is its target on every sample, and has a z of exactly zero."""
    network, samples = start
    elementwise = ACTIVATIONS[network.activations[-1]].elementwise
    kink = ACTIVATIONS[network.activations[-1]].slopes is not None
    if support.one_hot or not elementwise or kink or not is_squared("", network.loss):
        return None
    if network.widths[-1] == 1 and not support.networks:
        network = replace(network, widths=(*network.widths[:-1], 2))
    problem = filled(rng, network, samples, support, manner=Filling(zero=(network.depth,)))
    y = problem.batch.y.copy()
    y[:, 0] = activate(network)(network.depth, np.zeros((1, network.widths[-1])))[0, 0]
    return _with(problem, y)


def all_met(
    rng: np.random.Generator, start: Start, support: Support, companions: Companions
) -> Problem | None:
    """Every output is its target, so that the penalty alone is left."""
    network, samples = start
    output = ACTIVATIONS[network.activations[-1]]
    if support.one_hot or support.networks or not support.l2:
        return None
    if not output.elementwise or output.slopes is not None or not is_squared("", network.loss):
        return None
    network = replace(network, l2=network.l2 or 0.37)
    problem = filled(rng, network, samples, support, manner=Filling(blank=(network.depth,)))
    pairs = problem.params.copies()
    pairs[-1][1][:] = 0.0
    y = np.broadcast_to(output.forward(np.zeros(1)), problem.batch.y.shape)
    return Problem(network, Params(pairs), Batch(problem.batch.x, y))


def nearly_met(
    rng: np.random.Generator, start: Start, support: Support, companions: Companions
) -> Problem | None:
    """Every output is nearly its target, so that little is left to learn."""
    network, samples = start
    if support.one_hot or not is_squared("", network.loss):
        return None
    if not support.networks:
        network = replace(network, l2=0.0)
    problem = filled(rng, network, samples, support)
    outputs = evaluate(network, problem.params.pairs, problem.batch.x).a[-1]
    y = outputs + 1e-3 * rng.choice((-1.0, 1.0), outputs.shape) * rng.uniform(0.2, 1, outputs.shape)
    return _with(problem, y)


def _with(problem: Problem, y: Floats) -> Problem:
    """Return the problem with other targets."""
    return replace(problem, batch=Batch(problem.batch.x, y))


# --- parameters -------------------------------------------------------------------------------


def parameters(manner: Callable[[Network], Filling]) -> Make:
    """Parameters of a kind."""

    def make(
        rng: np.random.Generator, start: Start, support: Support, companions: Companions
    ) -> Problem | None:
        network, samples = start
        return filled(rng, network, samples, support, manner=manner(network))

    return make


def steep(part: int, parts: int) -> Make:
    """Layers that come near the largest ``|z|``, one of every activation.

    Some of them a problem, so that the network stays small.
    """

    def make(
        rng: np.random.Generator, start: Start, support: Support, companions: Companions
    ) -> Problem | None:
        network = _hidden(rng, start.network, support, list(support.activations)[part::parts])
        if network is None:
            return None
        every = range(1, network.depth)
        manner = Filling(steep=every or (network.depth,))
        return filled(rng, network, start.samples, support, manner=manner)

    return make


def zero_z(part: int) -> Make:
    """Units with a pre-activation of exactly zero, in a layer of every activation without a kink.

    Half of them a problem, so that the network stays small.
    """

    def make(
        rng: np.random.Generator, start: Start, support: Support, companions: Companions
    ) -> Problem | None:
        smooth = [name for name in support.activations if _smooth(name)]
        network = _hidden(rng, start.network, support, smooth[part::2])
        if network is None or (support.networks and part):
            return None
        hidden_or_all = network.activations[:-1] or network.activations
        zero = [n for n, name in enumerate(hidden_or_all, start=1) if _smooth(name)]
        manner = Filling(zero=zero)
        return filled(rng, network, start.samples, support, manner=manner) if zero else None

    return make


def on_a_kink(
    rng: np.random.Generator, start: Start, support: Support, companions: Companions
) -> Problem | None:
    """A single sample, and in a layer of every activation with a kink a unit on it."""
    kinked = [name for name in support.activations if ACTIVATIONS[name].slopes is not None]
    if 1 not in support.batch_sizes:
        return None
    network = _hidden(rng, start.network, support, kinked)
    if network is None:
        return None
    zero = [n for n, name in enumerate(network.activations[:-1], start=1) if not _smooth(name)]
    manner = Filling(zero=zero)
    return filled(rng, network, 1, support, manner=manner) if zero else None


def _hidden(
    rng: np.random.Generator, network: Network, support: Support, names: Sequence[str]
) -> Network | None:
    """Give a network a hidden layer of each activation, as deep as is handled."""
    if support.networks or not support.activations:
        return network
    depth = max((d for d in support.depths if d <= len(names) + 1), default=1)
    if depth < 2:
        return None
    hidden = [str(name) for name in rng.permutation(list(names))[: depth - 1]]
    acts = (*hidden, network.activations[-1])
    widths = (2, *(3,) * (depth - 1), max(2, network.widths[-1]))
    return replace(network, widths=widths, activations=acts)


def _smooth(name: str) -> bool:
    return ACTIVATIONS[name].slopes is None and ACTIVATIONS[name].elementwise


def sure_and_right(
    rng: np.random.Generator, start: Start, support: Support, companions: Companions
) -> Problem | None:
    """Outputs near the largest ``|z|`` of a loss of classes, all right."""
    network, samples = start
    if not is_logarithmic("", network.loss):
        return None
    if not support.networks:
        network = replace(network, l2=0.0)
    samples = 1 if 1 in support.batch_sizes else samples
    problem = filled(rng, network, samples, support, manner=Filling(steep=(network.depth,)))
    outputs = evaluate(network, problem.params.pairs, problem.batch.x).a[-1]
    return _with(problem, _likeliest(outputs, network, support))


def sure_and_wrong(
    rng: np.random.Generator, start: Start, support: Support, companions: Companions
) -> Problem | None:
    """A sample whose outputs reach the largest ``|z|`` both ways, and are all wrong."""
    network, samples = start
    if not is_logarithmic("", network.loss):
        return None
    problem = filled(rng, network, samples, support)
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
    y[sample] = _likeliest(1.0 - outputs, network, support)[sample]
    return Problem(network, Params(pairs), Batch(problem.batch.x, y))


def _likeliest(outputs: Floats, network: Network, support: Support) -> Floats:
    """Return the targets that outputs are nearest to."""
    if LOSSES[network.loss].targets == "one_hot" or support.one_hot:
        nearest: Floats = np.eye(outputs.shape[1])[outputs.argmax(axis=1)]
    else:
        nearest = np.round(outputs)
    return nearest


def one_softmax_unit(
    rng: np.random.Generator, start: Start, support: Support, companions: Companions
) -> Problem | None:
    """A softmax over one unit, which is 1 whatever its input."""
    if support.networks or start.network.activations[-1] != "softmax":
        return None
    network = replace(start.network, widths=(*start.network.widths[:-1], 1))
    return filled(rng, network, start.samples, support)


# --- penalties --------------------------------------------------------------------------------


def penalty(low: float, high: float, alone: bool = False) -> Make:
    """A weight penalty between two numbers, with two digits, the ends among them.

    Of one layer ``alone``, where the code handles that.
    """

    def make(
        rng: np.random.Generator, start: Start, support: Support, companions: Companions
    ) -> Problem | None:
        if support.networks or not support.l2:
            return None
        value = float(f"{10 ** rng.uniform(np.log10(low), np.log10(high)):.1e}")
        network = replace(start.network, l2=min(max(value, low), high))
        if alone and 1 in support.depths:
            ends = (network.widths[0], network.widths[-1])
            network = replace(network, widths=ends, activations=network.activations[-1:])
        return filled(rng, network, start.samples, support)

    return make
