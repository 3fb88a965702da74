"""The primary estimate: the complex step, ``Im f(x + ih) / h``.

No difference is formed, so nothing cancels and ``h`` can be tiny; the truncation
error is of order h**2 and vanishes. (Squire and Trapp, SIAM Review 40, 1998;
Martins, Sturdza and Alonso, ACM TOMS 29, 2003.)

Two ways to the same numbers:

- :func:`by_preactivation` moves each pre-activation ``z[l][:, j]`` once. A loss is
  a sum over samples, so one move serves all samples, and ``dz/dW = a[l-1]`` is the
  definition of z: ``dL/dW = a[l-1]^T dL/dz``. By the same definition a moved unit of a
  hidden layer moves the next pre-activation along its row of W; from there on the
  forward is evaluated.
- :func:`by_parameter` moves every entry of every parameter by itself. It assumes
  nothing and costs the width of a layer more; the suite holds the first way
  against it.

The bar is measured, not assumed: the gradient is formed again
(:mod:`gradcheck.oracle.chain`) with every parameter, every target and every sample's
share of the sum moved by at most 2 ulp, and :data:`SPREADS` times the largest change is
what rounding may have done. (Targets and shares, because ``a - y`` and the sum over
samples may cancel where saturated units no longer feel their parameters.) Against 80-bit
and mpmath truth the error has stayed within 19 spreads, with 8 u of the tensor's norm as
a floor.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gradcheck.activations import Array
from gradcheck.forward import (
    Activate,
    Evaluation,
    activate,
    evaluate,
    restart,
    sample_losses,
    until_loss,
)
from gradcheck.forward.evaluation import Pairs
from gradcheck.network import Network
from gradcheck.oracle.estimate import UNIT, Estimate, length
from gradcheck.problem import Batch, Floats, Params, Problem

#: The imaginary step. Its square is far below any roundoff; 1e-50 keeps products
#: of it above underflow down to gradients of 1e-250.
STEP = 1e-50

#: The bar is this many times the largest change among the moved runs.
SPREADS = 30.0

#: ... plus this many units of roundoff of the tensor's norm.
FLOOR = 8.0

#: How many runs with moved parameters.
MOVES = 4

#: Largest block of complex numbers evaluated at once, in bytes.
BLOCK = 64 * 2**20

#: Arrays of the block's size that numpy holds at once while it evaluates an activation.
_TEMPORARIES = 6

#: A stack of gradients: one (dW, db) a layer, with a leading axis.
Stack = list[tuple[Array, Array]]


def moved(params: Params, rng: np.random.Generator, runs: int = MOVES) -> Pairs:
    """Stack the parameters and ``runs`` copies of them, moved by at most 2 ulp.

    Returns
    -------
    pairs : list of (W, b)
        W of shape (1 + runs, n[l-1], n[l]); the first of each stack is exact.
    """
    return [(_moved(w, rng, runs), _moved(b, rng, runs)) for w, b in params]


def moved_batch(batch: Batch, rng: np.random.Generator, runs: int = MOVES) -> tuple[Array, Array]:
    """Stack the targets and the samples' shares, likewise.

    Returns
    -------
    targets : array
        (1 + runs, 1, N, n[L]).
    shares : array
        (1 + runs, 1, N); about 1.
    """
    targets = _moved(batch.y, rng, runs)
    return targets[:, None], _moved(np.ones(batch.size), rng, runs)[:, None]


def _moved(array: Floats, rng: np.random.Generator, runs: int) -> Floats:
    ulps = rng.integers(-2, 3, size=(runs, *array.shape), dtype=np.int8)
    ulp = np.where(array == 0.0, 0.0, np.spacing(np.abs(array)))  # of zero: subnormal, and slow
    stack = np.empty((1 + runs, *array.shape))
    stack[0] = array
    np.multiply(ulps, ulp, out=stack[1:])
    stack[1:] += array
    return stack


def by_preactivation(
    problem: Problem,
    pairs: Pairs,
    apply: Activate | None = None,
    epsilon: float = 0.0,
    tilt: Array | None = None,
    batch: tuple[Array, Array] | None = None,
) -> Stack:
    """Differentiate a stack of points at the pre-activations.

    Parameters
    ----------
    problem : Problem
        Gives the network and the batch.
    pairs : list of (W, b)
        W of shape (R, n[l-1], n[l]): the points.
    apply : callable, optional
        Replaces the activations; sees z of shape (R, 1 or more, N, n[l]).
    epsilon : float
        Inside a logarithm of the loss.
    tilt : array, optional
        (R, 1, N, n[L]). Added to the derivative of the loss by the output's
        pre-activation; see :mod:`gradcheck.oracle.rounding`.
    batch : (targets, shares), optional
        From :func:`moved_batch`.

    Returns
    -------
    gradients : list of (dW, db)
        dW of shape (R, n[l-1], n[l]).
    """
    objective, run, scale = begun(problem, pairs, apply, epsilon, tilt, batch)
    return [
        assembled(problem, w, run.a[layer - 1], scale * delta_at(objective, layer, run))
        for layer, (w, _) in enumerate(pairs, start=1)
    ]


def begun(
    problem: Problem,
    pairs: Pairs,
    apply: Activate | None,
    epsilon: float,
    tilt: Array | None,
    batch: tuple[Array, Array] | None,
) -> "tuple[Objective, Evaluation, Array]":
    """Run the forward at a stack of points; arguments as of :func:`by_preactivation`.

    Returns
    -------
    objective : Objective
    run : Evaluation
    scale : array
        What each sample's loss counts for, (R or 1, N, 1).
    """
    network, x = problem.network, problem.batch.x
    y, shares = batch or (problem.batch.y, np.ones((1, 1, len(x))))
    points = [(w[:, None], b[:, None]) for w, b in pairs]
    apply = apply or activate(network)
    scale = np.swapaxes(shares, 1, 2) / (len(x) if network.reduction == "mean" else 1.0)
    objective = Objective(network, points, y, apply, epsilon, tilt)
    return objective, evaluate(network, points, x, apply), scale


def assembled(problem: Problem, w: Array, a: Array, delta: Array) -> tuple[Array, Array]:
    """Make ``dW = a^T delta + l2 W`` and ``db = sum delta``: the definition of z, and l2's.

    Parameters
    ----------
    w : array
        (R, n[l-1], n[l]).
    a : array
        The layer's input, (R, 1, N, n[l-1]), or (N, n[0]) for the first.
    delta : array
        By z[l], each sample weighed, (R, N, n[l]).
    """
    inputs = a[:, 0] if a.ndim == 4 else a
    dw = np.swapaxes(inputs, -1, -2) @ delta
    if problem.network.l2:
        dw += problem.network.l2 * w
    return dw, delta.sum(axis=-2)


@dataclass(frozen=True)
class Objective:
    """The samples' losses as functions of any layer's pre-activation."""

    network: Network
    points: Pairs
    y: Array
    apply: Activate
    epsilon: float
    tilt: Array | None

    def slopes(self, layer: int, z: Array) -> Floats:
        """Return ``Im loss / STEP`` of each sample for moved z[layer], (R, units, N)."""
        apply = until_loss(self.network, self.apply, self.epsilon)
        z_out, a_out = restart(self.network, self.points, layer, z, apply)
        losses = sample_losses(self.network, z_out, a_out, self.y, self.epsilon)
        slopes: Floats = losses.imag
        if self.tilt is not None:
            slopes = slopes + (self.tilt * z_out.imag).sum(axis=-1)
        return slopes / STEP


def delta_at(objective: Objective, layer: int, run: Evaluation) -> Floats:
    """Return the derivative of each sample's loss by z[layer], (R, N, n[layer])."""
    network, z = objective.network, run.z[layer - 1]
    runs, _, samples, width = z.shape
    delta = np.empty((runs, samples, width))
    cost = runs * samples * max(network.widths[layer:]) * 16 * _TEMPORARIES
    moves = _output_moves if layer == network.depth else _hidden_moves
    for units, moved in moves(objective, layer, run, cost):
        slopes = objective.slopes(min(layer + 1, network.depth), moved)
        delta[:, :, units] = np.swapaxes(slopes, 1, 2)
    return delta


Moves = Iterator[tuple[slice, Array]]


def _output_moves(objective: Objective, layer: int, run: Evaluation, cost: int) -> Moves:
    """Move each unit of the output's pre-activation, (R, units, N, n[L])."""
    z = run.z[layer - 1]
    width = z.shape[-1]
    for units in _blocks(width, cost):
        yield units, z + 1j * STEP * np.eye(width)[units][:, None, :]


def _hidden_moves(objective: Objective, layer: int, run: Evaluation, cost: int) -> Moves:
    """Move each unit of a hidden layer; seen at the next layer's pre-activation.

    A hidden activation acts on each unit by itself, so a moved unit changes its own
    activation alone, and the next pre-activation by that change times its row of W.
    """
    reached = objective.apply(layer, run.z[layer - 1] + 1j * STEP).imag  # (R, 1, N, n)
    columns = np.swapaxes(reached, 1, 3)  # (R, n, N, 1)
    rows = np.swapaxes(objective.points[layer][0], 1, 2)  # (R, n, 1, m)
    z_next = run.z[layer]  # (R, 1, N, m)
    for units in _blocks(columns.shape[1], cost):
        change = columns[:, units] * rows[:, units]
        moved = np.empty(change.shape, dtype=np.complex128)
        moved.real, moved.imag = z_next, change
        yield units, moved


def by_parameter(
    problem: Problem,
    pairs: Pairs,
    apply: Activate | None = None,
    batch: tuple[Array, Array] | None = None,
) -> Stack:
    """Differentiate a stack of points, one parameter entry at a time.

    The plain way: everything from the moved entry on is evaluated anew. Same
    arguments and result as :func:`by_preactivation`, without its shortcuts.
    """
    gradients: Stack = []
    for layer, (w, b) in enumerate(pairs, start=1):
        gradients.append(
            (
                _entries(problem, pairs, layer, 0, w, apply, batch),
                _entries(problem, pairs, layer, 1, b, apply, batch),
            )
        )
    return gradients


def _entries(
    problem: Problem,
    pairs: Pairs,
    layer: int,
    which: int,
    tensor: Array,
    apply: Activate | None,
    batch: tuple[Array, Array] | None,
) -> Floats:
    network, x = problem.network, problem.batch.x
    y, shares = batch or (problem.batch.y, np.ones((1, 1, len(x))))
    runs, size = len(tensor), tensor[0].size
    gradient = np.empty((runs, size))
    cost = runs * (size + len(x) * max(network.widths)) * 16 * _TEMPORARIES
    for entries in _blocks(size, cost):
        step = 1j * STEP * np.eye(size)[entries].reshape(-1, *tensor.shape[1:])
        points = [(w[:, None], b[:, None]) for w, b in pairs]
        pair = list(points[layer - 1])
        pair[which] = pair[which] + step
        points[layer - 1] = (pair[0], pair[1])
        run = evaluate(network, points, x, apply)
        losses = sample_losses(network, run.z[-1], run.a[-1], y).imag / STEP
        gradient[:, entries] = (shares * losses).sum(axis=-1)
    if network.reduction == "mean":
        gradient /= len(x)
    gradient = gradient.reshape(tensor.shape)
    return gradient + network.l2 * tensor if which == 0 else gradient


def _blocks(count: int, cost: int) -> Iterator[slice]:
    """Cut ``range(count)`` so that a block of items of ``cost`` bytes stays in bounds."""
    size = max(1, BLOCK // cost)
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def estimates(stack: Stack, moved_runs: Stack | None = None) -> dict[str, Estimate]:
    """Turn a stack of gradients, the exact point first, into estimates by tensor name.

    Parameters
    ----------
    stack : Stack
        Its first run is the estimate.
    moved_runs : Stack, optional
        The runs whose spread makes the bars, if they are others.
    """
    named = {}
    for layer, (pair, moved_pair) in enumerate(zip(stack, moved_runs or stack, strict=True), 1):
        for kind, runs, moved_ in zip("Wb", pair, moved_pair, strict=True):
            floor = FLOOR * UNIT * length(runs[0])
            named[f"{kind}{layer}"] = Estimate(runs[0], SPREADS * spread(moved_) + floor)
    return named


def spread(runs: Floats) -> Floats:
    """Return the largest distance of any run from the first, entry by entry."""
    largest: Floats = np.abs(runs[1] - runs[0])
    for run in runs[2:]:
        np.maximum(largest, np.abs(run - runs[0]), out=largest)
    return largest
