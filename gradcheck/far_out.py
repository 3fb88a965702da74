"""Problems far out of what is drawn at random: one extreme at a time, and the rest small.

A bug that shows only in a batch of 33, nine layers or inputs of 200 lies beyond every
problem of :mod:`gradcheck.sampling`. Each kind below is drawn once. Weights are scaled so
that ``|z| <= 8`` and so that gradients stay well above rounding, however deep.

A kind makes a problem from one that the code answered, so that activations, loss and
reduction go together there; kinds that change numbers alone keep its network and batch size.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from gradcheck.activations import ACTIVATIONS
from gradcheck.forward import activate, evaluate
from gradcheck.network import Network
from gradcheck.problem import Batch, Floats, Params, Problem
from gradcheck.sampling import MAX_BATCH, MAX_DEPTH, MAX_WIDTH, MAX_Z, Support, targets
from gradcheck.sizes import numbers

#: Deepest and widest networks, largest batches and inputs.
DEEPEST = 10
WIDEST = 64
LARGEST_BATCH = 70
LARGEST_X = 1000.0

#: Problems of more numbers are not drawn: of a network that is large itself, many samples
#: would take longer than all the rest.
LARGEST = 100_000

#: Weights of a layer that neither kill a signal nor blow it up, by activation, times
#: ``1 / sqrt(n_in)``: about one over the slope at zero, and enough to bend it.
_GAIN = {"sigmoid": 4.0, "softplus": 2.0, "silu": 2.0, "gelu": 2.0, "softmax": 2.0}
_USUAL_GAIN = 1.5

Kind = Callable[[np.random.Generator, Problem, Support], Problem | None]


def draw(
    rng: np.random.Generator, kind: str, answered: Sequence[Problem], support: Support
) -> Problem | None:
    """Draw one problem of a kind.

    Parameters
    ----------
    kind : str
        One of :data:`KINDS`.
    answered : sequence of Problem
        Problems that the code answered; small ones are taken as a start.

    Returns
    -------
    Problem or None
        None where the code, or the problem it started from, leaves no room for this kind.
    """
    small = sorted(filter(_telling, answered), key=lambda p: p.params.size * p.batch.size)
    small = small[: max(1, len(small) // 2)]
    if not small:
        return None
    problem = KINDS[kind](rng, small[int(rng.integers(len(small)))], support)
    if problem is None or numbers(problem.network, problem.batch.size) > LARGEST:
        return None
    return None if _dead(problem) else problem


def _telling(problem: Problem) -> bool:
    """Whether the outputs depend on anything: those of a softmax over one unit do not."""
    return problem.network.activations[-1] != "softmax" or problem.network.widths[-1] > 1


def _dead(problem: Problem) -> bool:
    """Whether nothing gets through some layer, so that nothing below could be seen wrong."""
    run = evaluate(problem.network, problem.params.pairs, problem.batch.x)
    return any(
        name == "relu" and bool((z <= 0).all())
        for name, z in zip(problem.network.activations, run.z, strict=True)
    )


def _any_batch(support: Support) -> bool:
    """Whether batches of all usual sizes are handled, so that it is not for certain ones."""
    return set(range(2, MAX_BATCH + 1)) <= set(support.batch_sizes)


def _batch(low: int, high: int) -> Kind:
    def make(rng: np.random.Generator, base: Problem, support: Support) -> Problem | None:
        if not _any_batch(support):
            return None
        return filled(rng, base.network, int(rng.integers(low, high + 1)), support)

    return make


def _depth(low: int, high: int) -> Kind:
    def make(rng: np.random.Generator, base: Problem, support: Support) -> Problem | None:
        if support.networks or not support.activations or MAX_DEPTH not in support.depths:
            return None
        depth = int(rng.integers(low, high + 1))
        hidden = [str(rng.choice(support.activations)) for _ in range(depth - 1)]
        out = 1 if base.network.widths[-1] == 1 else 3
        network = replace(
            base.network,
            widths=(*(3,) * depth, out),
            activations=(*hidden, base.network.activations[-1]),
        )
        return filled(rng, network, base.batch.size, support)

    return make


def _width(low: int, high: int) -> Kind:
    def make(rng: np.random.Generator, base: Problem, support: Support) -> Problem | None:
        if support.networks:
            return None
        widths = [min(n, 3) for n in base.network.widths]
        widths[int(rng.integers(len(widths)))] = int(rng.integers(low, high + 1))
        network = replace(base.network, widths=tuple(widths))
        return filled(rng, network, base.batch.size, support)

    return make


def _l2(low: float, high: float) -> Kind:
    def make(rng: np.random.Generator, base: Problem, support: Support) -> Problem | None:
        if support.networks or not support.l2:
            return None
        # with two digits, the ends among them
        value = float(f"{10 ** rng.uniform(np.log10(low), np.log10(high)):.1e}")
        network = replace(base.network, l2=min(max(value, low), high))
        return filled(rng, network, base.batch.size, support)

    return make


def _large_inputs(rng: np.random.Generator, base: Problem, support: Support) -> Problem | None:
    """Inputs of every size from 10 to 1000, the largest exactly that."""
    shape = base.batch.x.shape
    x = 10 ** rng.uniform(1, np.log10(LARGEST_X), shape) * rng.choice((-1.0, 1.0), shape)
    x.ravel()[int(rng.integers(x.size))] = LARGEST_X
    return filled(rng, base.network, base.batch.size, support, _digits(x, 4))


def _whole_inputs(rng: np.random.Generator, base: Problem, support: Support) -> Problem | None:
    """Inputs that are whole numbers, such as counts and grey levels."""
    x = rng.integers(-9, 10, base.batch.x.shape).astype(float)
    return filled(rng, base.network, base.batch.size, support, x)


def _zero_z(part: int) -> Kind:
    """Units with a pre-activation of exactly zero, in a layer of every activation without a kink.

    Half of them a problem, so that the network stays small.
    """

    def make(rng: np.random.Generator, base: Problem, support: Support) -> Problem | None:
        network = base.network
        if not support.networks and support.activations:
            smooth = [name for name in support.activations if _smooth(name)]
            mine = smooth[part::2]
            depth = max((d for d in support.depths if d <= len(mine) + 1), default=1)
            if depth < 2:
                return None
            hidden = [str(name) for name in rng.permutation(mine)[: depth - 1]]
            acts = (*hidden, network.activations[-1])
            network = replace(network, widths=(2, *(3,) * (depth - 1), 2), activations=acts)
        elif part:
            return None
        hidden_or_all = network.activations[:-1] or network.activations
        zero = [n for n, name in enumerate(hidden_or_all, start=1) if _smooth(name)]
        return filled(rng, network, base.batch.size, support, zero=zero) if zero else None

    return make


def _smooth(name: str) -> bool:
    return ACTIVATIONS[name].slopes is None and ACTIVATIONS[name].elementwise


def _one_softmax_unit(rng: np.random.Generator, base: Problem, support: Support) -> Problem | None:
    """A softmax over one unit, which is 1 whatever its input."""
    losses = [loss for output, loss in support.pairings if output == "softmax"]
    if support.networks or not losses:
        return None
    network = replace(
        base.network,
        widths=(*base.network.widths[:-1], 1),
        activations=(*base.network.activations[:-1], "softmax"),
        loss=str(rng.choice(losses)),
    )
    return filled(rng, network, base.batch.size, support)


#: What is drawn, under the name by which it is told.
KINDS: dict[str, Kind] = {
    "batch 33": _batch(33, 33),
    "depth 10": _depth(DEEPEST, DEEPEST),
    "inputs to 1000": _large_inputs,
    "width 64": _width(WIDEST, WIDEST),
    "whole inputs": _whole_inputs,
    "z of 0": _zero_z(0),
    "z of 0 again": _zero_z(1),
    "l2 over 1": _l2(1.1, 10.0),
    "l2 under 0.01": _l2(1e-4, 9e-3),
    "batch 65": _batch(65, 65),
    "batch 9 to 32": _batch(MAX_BATCH + 1, 32),
    "batch 34 to 70": _batch(34, LARGEST_BATCH),
    "depth 6 to 9": _depth(MAX_DEPTH + 1, DEEPEST - 1),
    "width 9 to 63": _width(MAX_WIDTH + 1, WIDEST - 1),
    "softmax of one unit": _one_softmax_unit,
}


def filled(
    rng: np.random.Generator,
    network: Network,
    samples: int,
    support: Support,
    x: Floats | None = None,
    zero: Sequence[int] = (),
) -> Problem:
    """Draw parameters and a batch whose signal reaches every layer, forth and back.

    Parameters
    ----------
    x : array, optional
        Inputs to take.
    zero : sequence of int
        Layers whose first unit gets a z of exactly zero.
    """
    if x is None:
        x = np.round(rng.standard_normal((samples, network.widths[0])), 2) + 0.0
    apply = activate(network)
    pairs, a = [], x
    for layer, (name, (n_in, n_out)) in enumerate(
        zip(network.activations, network.shapes, strict=True), start=1
    ):
        reach = max(1.0, float(np.sqrt(np.mean(a * a))))  # inputs of 1000 ask for small weights
        size = _GAIN.get(name, _USUAL_GAIN) / np.sqrt(n_in) / reach
        w = _digits(size * rng.standard_normal((n_in, n_out)), 3)
        b = _digits(0.5 * rng.standard_normal(n_out), 3)
        if ACTIVATIONS[name].pieces:  # most units on the side where something gets through
            b = np.abs(b) + 0.5
        if layer in zero:
            w[:, 0], b[0] = 0.0, 0.0
        largest = float(np.abs(a @ w + b).max())
        if largest > MAX_Z:
            w, b = _digits(w * (0.9 * MAX_Z / largest), 3), _digits(b * (0.9 * MAX_Z / largest), 3)
        pairs.append((w, b))
        a = apply(layer, a @ w + b)
    return Problem(
        network, Params(pairs), Batch(x, targets(rng, network, samples, support.one_hot))
    )


def _digits(values: Floats, digits: int) -> Floats:
    """Round to so many digits that count: decimals would make nothing of small weights."""
    with np.errstate(divide="ignore"):
        places = np.floor(np.log10(np.abs(values)))
    unit = 10.0 ** (np.where(np.isfinite(places), places, 0.0) - digits + 1)
    rounded: Floats = np.round(values / unit) * unit + 0.0
    return rounded
