"""Problems drawn at random: ``problem(seed, index)``, replayable by the two numbers.

Values have two decimals, so that a failure reads well. Five problems in a row share an
architecture, which lets code that compiles a network compile it once.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from gradcheck.contract.posed import check_size
from gradcheck.errors import UsageError
from gradcheck.networks.definitions import (
    ACTIVATIONS,
    HIDDEN_ACTIVATIONS,
    LOSSES,
    PAIRINGS,
    REDUCTIONS,
    activate,
    evaluate,
)
from gradcheck.networks.problem import Batch, Floats, Network, Params, Problem

MAX_DEPTH = 5
MAX_WIDTH = 8
MAX_BATCH = 8

#: The gradient is judged on problems with no larger pre-activation than this.
MAX_Z = 8.0

#: Problems in a row that share an architecture.
PROBLEMS_ALIKE = 5

#: What a problem is made to contain, and how many of ten.
PROBLEM_KINDS: dict[str, int] = {"ordinary": 6, "dead": 1, "steep": 1, "duplicates": 1, "small": 1}

#: How the widths of a network relate, and how many of ten.
SHAPES: dict[str, int] = {"free": 5, "square": 4, "one_output": 1}

L2_VALUES = (0.0, 0.0, 0.1, 0.37, 0.02)

#: Weights of a layer that neither kill a signal nor blow it up, times ``1 / sqrt(n_in)``: of most
#: activations, at most, and of those whose units feel each other.
_USUAL_GAIN, _LARGEST_GAIN, _SHARED_GAIN = 1.5, 4.0, 2.0

#: By how much z is moved from zero to see the slope there.
_BY = 1e-3

#: How near to the largest ``|z|`` a layer is brought.
_NEAR = 0.95


@dataclass(frozen=True)
class Support:
    """What code under test handles: the problems it may be asked.

    Attributes
    ----------
    activations : tuple of str
        For hidden layers.
    pairings : tuple of (str, str)
        Output activation and loss.
    reductions : tuple of str
    l2 : bool
        Whether a weight penalty is handled.
    depths : tuple of int
    batch_sizes : tuple of int
    most_samples : int or None
        No batch may have more, however far out.
    networks : tuple of Network
        When not empty, exactly these and no others.
    larger : tuple of Network
        Beyond the sizes of those: networks that are asked once, not drawn at random.
    one_hot : bool
        Targets can only be one-hot rows, whatever the loss: the code takes labels.
    """

    activations: tuple[str, ...] = HIDDEN_ACTIVATIONS
    pairings: tuple[tuple[str, str], ...] = PAIRINGS
    reductions: tuple[str, ...] = REDUCTIONS
    l2: bool = True
    depths: tuple[int, ...] = tuple(range(1, MAX_DEPTH + 1))
    batch_sizes: tuple[int, ...] = tuple(range(1, MAX_BATCH + 1))
    most_samples: int | None = None
    networks: tuple[Network, ...] = field(default=())
    larger: tuple[Network, ...] = field(default=())
    one_hot: bool = False

    @property
    def any_batch(self) -> bool:
        """Whether batches may be of any size: that of code for certain sizes is given."""
        return set(range(2, MAX_BATCH + 1)) <= set(self.batch_sizes)

    def takes(self, problem: Problem) -> bool:
        """Whether code for certain networks or batch sizes is for this problem, too."""
        samples, free = problem.batch.size, self.any_batch and problem.batch.size > MAX_BATCH
        if samples not in self.batch_sizes and not free:
            return False
        if self.most_samples and samples > self.most_samples:
            return False
        return not self.networks or problem.network in (*self.networks, *self.larger)

    @property
    def empty(self) -> bool:
        """Whether nothing at all can be asked."""
        general = self.pairings and self.reductions and self.depths
        return not self.batch_sizes or not (self.networks or general)


EVERYTHING = Support()


def declared_support(networks: Any, batch_sizes: Any) -> Support | None:
    """Read the attributes ``networks`` and ``batch_sizes`` of an implementation.

    Parameters
    ----------
    networks, batch_sizes : object
        As they stand in a file; None where they do not.

    Returns
    -------
    Support or None
        None when nothing is declared.

    Raises
    ------
    UsageError
        When they are not a list of network texts and a list of positive int, or too large.
    """
    if networks is None and batch_sizes is None:
        return None
    support = EVERYTHING
    if networks is not None:
        if not isinstance(networks, Sequence) or isinstance(networks, str) or not networks:
            raise UsageError('networks must be a list of texts such as "2-3-1 tanh,sigmoid ..."')
        support = replace(support, networks=tuple(Network.parse(str(text)) for text in networks))
        for network in support.networks:
            check_size(network)
    if batch_sizes is not None:
        sizes = list(batch_sizes) if isinstance(batch_sizes, Sequence) else []
        if not sizes or not all(type(n) is int and n >= 1 for n in sizes):
            raise UsageError("batch_sizes must be a list of whole numbers, each 1 or more")
        support = replace(support, batch_sizes=tuple(sizes))
    return support


def problem(seed: int, index: int, support: Support = EVERYTHING) -> Problem:
    """Draw the problem of a given number.

    Parameters
    ----------
    seed, index : int
        The same two numbers and the same support give the same problem.
    support : Support

    Returns
    -------
    Problem
        With every ``|z| <= 8``.
    """
    network, samples = _shared(seed, index // PROBLEMS_ALIKE, support)
    rng = np.random.default_rng((seed, index // PROBLEMS_ALIKE, index % PROBLEMS_ALIKE))
    return fill(rng, network, samples, _choose(rng, PROBLEM_KINDS), support.one_hot)


@lru_cache(maxsize=4)
def _shared(seed: int, group: int, support: Support) -> tuple[Network, int]:
    """Draw what problems in a row share."""
    return architecture(np.random.default_rng((seed, group)), support)


def architecture(rng: np.random.Generator, support: Support = EVERYTHING) -> tuple[Network, int]:
    """Draw a network and a batch size."""
    samples = int(rng.choice(support.batch_sizes))
    if support.networks:
        return support.networks[int(rng.integers(len(support.networks)))], samples
    depths = [d for d in support.depths if d == 1 or support.activations]
    depth = int(rng.choice(depths))
    hidden = [str(rng.choice(support.activations)) for _ in range(depth - 1)]
    loss = str(rng.choice(list(dict.fromkeys(loss for _, loss in support.pairings))))
    output = str(rng.choice([output for output, name in support.pairings if name == loss]))
    network = Network(
        _widths(rng, depth),
        (*hidden, output),
        loss,
        str(rng.choice(support.reductions)),
        float(rng.choice(L2_VALUES)) if support.l2 else 0.0,
    )
    return network, samples


def _widths(rng: np.random.Generator, depth: int) -> tuple[int, ...]:
    shape = _choose(rng, SHAPES)
    if shape == "square":
        return (int(rng.integers(2, 6)),) * (depth + 1)
    widths = rng.integers(1, MAX_WIDTH + 1, size=depth + 1)
    if shape == "one_output":
        widths[-1] = 1
    return tuple(widths.tolist())


def fill(
    rng: np.random.Generator,
    network: Network,
    samples: int,
    kind: str = "ordinary",
    one_hot: bool = False,
) -> Problem:
    """Draw parameters and a batch for a network.

    Parameters
    ----------
    rng : numpy.random.Generator
    network : Network
    samples : int
    kind : str
        One of :data:`PROBLEM_KINDS`: ``dead`` cuts a hidden unit off, ``steep`` brings a
        layer near ``|z| = 8``, ``duplicates`` repeats a sample, ``small`` makes
        weights about 0.3.
    one_hot : bool
        Targets can only be one-hot rows.

    Returns
    -------
    Problem
        With every ``|z| <= 8``.

    Raises
    ------
    UsageError
        When it is too large to be asked.
    """
    check_size(network, samples)
    size = 0.3 if kind == "small" else 1.0
    x = _short(rng.standard_normal((samples, network.widths[0])))
    if kind == "duplicates" and samples > 1:
        x[-1] = x[0]
    y = targets(rng, network, samples, one_hot)
    apply = activate(network)
    pairs, a = [], x
    for layer, (n_in, n_out) in enumerate(network.shapes, start=1):
        w = _short(size * rng.standard_normal((n_in, n_out)) * rng.uniform(0.5, 1.5))
        b = _short(0.5 * size * rng.standard_normal(n_out))
        if kind == "dead" and layer < network.depth:
            w[:, 0], b[0] = 0.0, -0.5
        w, b = _within(a, w, b, at_least=kind == "steep" and layer == 1)
        pairs.append((w, b))
        a = apply(layer, a @ w + b)
    return Problem(network, Params(pairs), Batch(x, y))


@dataclass(frozen=True)
class Filling:
    """What parameters are made to contain.

    In ``zero`` layers the first unit gets a z of exactly zero, in ``steep`` ones the largest
    ``|z|`` is just below the bound, and in ``blank`` ones all weights are zero.
    """

    zero: Collection[int] = ()
    steep: Collection[int] = ()
    blank: Collection[int] = ()
    biases: bool = True


PLAIN_FILLING = Filling()


def fill_scaled(
    rng: np.random.Generator,
    network: Network,
    samples: int,
    x: Floats | None = None,
    y: Floats | None = None,
    one_hot: bool = False,
    filling: Filling = PLAIN_FILLING,
) -> Problem:
    """Draw parameters and a batch whose signal reaches every layer, forth and back.

    Inputs, (N, n[0]), and targets, (N, n[L]), may be given. Every ``|z| <= 8``, however deep.
    """
    if x is None:
        x = _short(rng.standard_normal((samples, network.widths[0])))
    apply = activate(network)
    pairs, a = [], x
    for layer, (name, (n_in, n_out)) in enumerate(
        zip(network.activations, network.shapes, strict=True), start=1
    ):
        reach = max(1.0, float(np.sqrt(np.mean(a * a))))  # inputs of 1000 ask for small weights
        size = _gain(name) / np.sqrt(n_in) / reach
        w = digits(size * rng.standard_normal((n_in, n_out)), 3)
        b = digits(0.5 * rng.standard_normal(n_out), 3) * filling.biases
        if ACTIVATIONS[name].pieces and filling.biases:
            # of hidden units most on the side where something gets through; outputs on both
            b = np.abs(b) + 0.5 if layer < network.depth else _between(a @ w)
        elif ACTIVATIONS[name].pieces and layer > 1:
            w = np.abs(w)
        if layer in filling.zero:
            w[:, 0], b[0] = 0.0, 0.0
        w = w * (layer not in filling.blank)
        largest = float(np.abs(a @ w + b).max())
        if largest > MAX_Z or (layer in filling.steep and largest > 0):
            factor = _NEAR * MAX_Z / largest
            w, b = digits(w * factor, 3), digits(b * factor, 3)
        pairs.append((w, b))
        a = apply(layer, a @ w + b)
    if y is None:
        y = targets(rng, network, samples, one_hot)
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
    return np.round(values / unit) * unit + 0.0


def targets(
    rng: np.random.Generator, network: Network, samples: int, one_hot: bool = False
) -> Floats:
    """Draw targets of the kind that the loss needs, (N, n[L]); one-hot rows if asked for."""
    wanted, width = LOSSES[network.loss].targets, network.widths[-1]
    if wanted == "one_hot" or one_hot:
        return np.eye(width)[rng.integers(width, size=samples)]
    if wanted == "binary":
        return rng.integers(0, 2, size=(samples, width)).astype(float)
    return _short(rng.standard_normal((samples, width)))


def saturated(seed: int, index: int, support: Support = EVERYTHING) -> Problem:
    """Draw a problem with one layer whose largest |z| is 10, 20, 29, 100, 1000 or 10000."""
    rng = np.random.default_rng((seed, index, 1))
    base = problem(seed, index, support)
    run = evaluate(base.network, base.params.pairs, base.batch.x)
    layer = int(rng.integers(base.network.depth))
    reach = float(rng.choice((10.0, 20.0, 29.0, 100.0, 1000.0, 10000.0)))
    largest = float(np.abs(run.z[layer]).max())
    factor = reach / largest if largest > 0 else 1.0
    pairs = base.params.copies()
    w, b = pairs[layer]
    pairs[layer] = (_short(w * factor), _short(b * factor))
    return replace(base, params=Params(pairs))


def _within(a: Floats, w: Floats, b: Floats, at_least: bool) -> tuple[Floats, Floats]:
    """Scale a layer so that its largest |z| is below the bound (or just below it)."""
    largest = float(np.abs(a @ w + b).max())
    if largest > MAX_Z or (at_least and largest > 0.5):
        factor = _NEAR * MAX_Z / largest
        decimals = _decimals(factor * w)
        w, b = _short(w * factor, decimals), _short(b * factor, decimals)
        while np.abs(a @ w + b).max() > MAX_Z:  # rounding to so many decimals
            w, b = _shorter(w, decimals), _shorter(b, decimals)
    return w, b


def _decimals(values: Floats) -> int:
    """Two, or as many more as the small weights of a wide layer need, not to become zeros."""
    typical = float(np.sqrt(np.mean(np.square(values))))
    return 2 if typical > 0.02 or typical == 0 else 1 - math.floor(math.log10(typical))


def _short(values: Floats, decimals: int = 2) -> Floats:
    return np.round(values, decimals) + 0.0  # + 0.0 turns -0.0 into 0.0


def _shorter(values: Floats, decimals: int) -> Floats:
    """Take a tenth away, and what is beyond the decimals: rounded up, 0.02 would stay 0.02."""
    units = np.rint(values * 10.0**decimals)
    return _short(np.trunc(0.9 * units) / 10.0**decimals, decimals)


def _choose(rng: np.random.Generator, table: dict[str, int]) -> str:
    shares = np.cumsum(list(table.values()), dtype=float)
    # what rng.choice(..., p=...) does, without its checks: they take longer than a problem
    return list(table)[int(np.searchsorted(shares / shares[-1], rng.random(), side="right"))]
