"""The primary estimate: the complex step, ``Im f(x + ih) / h``.

No difference is formed, so nothing cancels and ``h`` can be tiny; the truncation
error is of order h**2 and vanishes. (Squire and Trapp, SIAM Review 40, 1998;
Martins, Sturdza and Alonso, ACM TOMS 29, 2003.)

The step is taken at the pre-activations ``z[l][:, j]``. A loss is a sum over samples, so
one move serves all samples, and ``dz/dW = a[l-1]`` is the definition of z:
``dL/dW = a[l-1]^T dL/dz``. With h of 1e-50 a move leaves every real part as it is, to the
last bit. So the forward is evaluated once for all moves (:func:`linearised`), and only
imaginary parts are carried on: through an activation as its own complex step says, through
a layer by its W, and at the end by the loss' complex step
(:func:`by_preactivation`). Where the loss is a sum of terms of its outputs, one move serves
all outputs, too. Under a softmax each output is felt in every other, but only through the sum
that they share: many are moved together (:func:`_by_one_sum`), few each by itself.

The bar is measured, not assumed: the gradient is formed again at points that roundoff cannot
tell from the problem's own (:class:`Points`), and how far it varies there is the measure
(:mod:`gradcheck.networks.fast_estimate.rounding`). There every parameter, target and sample's
share of the sum is moved by a few units of roundoff. (Targets and shares, because ``a - y`` and
the sum over samples may cancel where saturated units no longer feel their parameters.) The first
layer's parameters are felt through ``z[1]`` alone, so there ``z[1]`` is moved, as far as they
would move it: they may be a million, and need not be drawn one by one. They would move samples
that are alike together, and others each by itself; so it is moved in both ways.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gradcheck.contract.posed import by_name
from gradcheck.networks.definitions import (
    ACTIVATIONS,
    LOSSES,
    Activate,
    Evaluation,
    Nested,
    Pairs,
    activate,
    largest,
    resume,
    separable,
    total,
    until_loss,
)
from gradcheck.networks.problem import Batch, Floats, Network, Pair, Problem
from gradcheck.oracle.estimate import UNIT, Estimate
from gradcheck.oracle.evaluation import Array, blocks, rows_of

#: The imaginary step. Its square is far below any roundoff; 1e-50 keeps products
#: of it above underflow down to gradients of 1e-250.
STEP = 1e-50

#: From so many outputs on, those that meet in one sum are moved together: moving each by itself
#: costs the square of their number.
MANY = 32

#: A stack of gradients: one (dW, db) a layer, with a leading axis.
Stack = list[tuple[Array, Array]]

#: How many points beside the first.
MOVES = 4

#: How far, in units of roundoff of what is moved.
FURTHEST = 4.0


@dataclass(frozen=True)
class Points:
    """R points; the first is exact. The second axis of each array is for moves.

    ``z`` is the first layer's pre-activation, (R, 1, N, n[1]). W is (R, 1, n[l-1], n[l]); the first
    layer's may be one for all. Targets are (R, 1, N, n[L]), or (N, n[L]) for all; ``shares`` is
    what each sample's loss counts for in the batch's, (R or 1, N, 1).
    """

    z: Array
    pairs: Pairs
    y: Floats
    shares: Floats

    @property
    def first(self) -> "Points":
        """The exact point alone."""
        pairs = [(w[:1], b[:1]) for w, b in self.pairs]
        y = self.y[:1] if self.y.ndim == 4 else self.y
        return Points(self.z[:1], pairs, y, self.shares[:1])


def points_of(problem: Problem, pairs: Pairs) -> Points:
    """Return the points with these parameters, W of shape (R, n[l-1], n[l])."""
    stacked = [(w[:, None], b[:, None]) for w, b in pairs]
    w, b = stacked[0]
    z = problem.batch.x @ w + b[..., None, :]
    shares = np.ones((1, 1, problem.batch.size))
    return Points(z, stacked, problem.batch.y, weighed(problem, shares))


def points_near(problem: Problem, z: Floats, rng: np.random.Generator) -> Points:
    """Return a problem's own point and :data:`MOVES` beside it; z[1] is (N, n[1])."""
    x, (w, b) = problem.batch.x, problem.params.pairs[0]
    squares = b * b + np.zeros_like(z)
    for rows in rows_of(w, x, 2):
        squares += np.square(x[:, rows]) @ np.square(w[rows])
    reach = FURTHEST * UNIT * np.sqrt(squares)
    stack = rng.uniform(-1.0, 1.0, (1 + MOVES, 1, *z.shape))
    stack += rng.uniform(-1.0, 1.0, (1 + MOVES, 1, 1, z.shape[1]))
    stack *= reach
    stack[0] = 0.0
    stack += z
    later = moved(problem.params.pairs[1:], rng)
    pairs = [(w[None, None], b[None, None]), *((v[:, None], c[:, None]) for v, c in later)]
    y, shares = moved_batch(problem.batch, rng)
    return Points(stack, pairs, y, weighed(problem, shares))


def weighed(problem: Problem, shares: Floats) -> Floats:
    """Return what each sample counts for, (R, N, 1), from its share, (R, 1, N)."""
    weights: Floats = np.swapaxes(shares, 1, 2)
    return weights / problem.batch.size if problem.network.reduction == "mean" else weights


def moved(params: Iterable[Pair], rng: np.random.Generator) -> Pairs:
    """Stack the parameters and :data:`MOVES` copies, moved by roundoff: W is (R, n[l-1], n[l])."""
    return [(_moved(w, rng), _moved(b, rng)) for w, b in params]


def moved_batch(batch: Batch, rng: np.random.Generator) -> tuple[Array, Array]:
    """Stack targets, (R, 1, N, n[L]), and what samples count for, (R, 1, N), likewise."""
    targets = _moved(batch.y, rng)
    return targets[:, None], _moved(np.ones(batch.size), rng)[:, None]


def _moved(array: Floats, rng: np.random.Generator) -> Floats:
    stack = rng.uniform(1.0 - FURTHEST * UNIT, 1.0 + FURTHEST * UNIT, (1 + MOVES, *array.shape))
    stack[0] = 1.0
    stack *= array
    return stack


@dataclass(frozen=True)
class Linearised:
    """A stack of forwards, (R, 1, N, n[l]), and how steep each of their parts is.

    In ``run``, ``a[l - 1]`` is the activation of layer l. ``slopes`` are the derivatives of each
    hidden activation by its own z, (R, 1, N, n[l]); ``delta`` is that of the batch's loss by the
    output's, (R, N, n[L]).
    """

    problem: Problem
    points: Points
    run: Evaluation
    slopes: list[Floats]
    delta: Floats

    @property
    def first(self) -> "Linearised":
        """The exact point alone."""
        run = Evaluation([z[:1] for z in self.run.z], [a[:1] for a in self.run.a])
        slopes = [slope[:1] for slope in self.slopes]
        return Linearised(self.problem, self.points.first, run, slopes, self.delta[:1])

    def gradient(self, layer: int, delta: Floats) -> tuple[Array, Array]:
        """Make ``dW = a^T delta + l2 W`` and ``db = sum delta``: the definition of z, and l2's.

        ``delta`` is by z[layer], (R, N, n[layer]).
        """
        inputs = self.run.a[layer - 2][:, 0] if layer > 1 else self.problem.batch.x
        dw = np.swapaxes(inputs, -1, -2) @ delta
        if self.problem.network.l2:
            dw += self.problem.network.l2 * self.points.pairs[layer - 1][0][:, 0]
        return dw, delta.sum(axis=-2)


def linearised(
    problem: Problem,
    points: Points,
    apply: Activate | None = None,
    epsilon: float = 0.0,
    tilt: Array | None = None,
) -> Linearised:
    """Run the forward at a stack of points, and take a complex step in each part of it.

    ``apply`` replaces the activations; it sees z of shape (R, 1 or more, N, n[l]). ``epsilon``
    stands inside a logarithm of the loss. ``tilt``, (R, 1, N, n[L]), is added to the derivative of
    the loss by the output's pre-activation; see :mod:`gradcheck.networks.fast_estimate.rounding`.
    """
    network = problem.network
    apply = apply or activate(network)
    until = until_loss(network, apply, epsilon)
    run = resume(network, points.pairs, {1: points.z}, until)
    slopes = [
        apply(layer, z + 1j * STEP).imag / STEP for layer, z in enumerate(run.z[:-1], start=1)
    ]
    delta = points.shares * _output(network, points.y, run.z[-1], until, epsilon, tilt)
    return Linearised(problem, points, run, slopes, delta)


def at_own_point(problem: Problem) -> Linearised:
    """Run the forward of a problem alone, and take a complex step in each part of it."""
    pairs = [(w[None], b[None]) for w, b in problem.params.pairs]
    return linearised(problem, points_of(problem, pairs))


def _output(
    network: Network, y: Floats, z: Array, until: Activate, epsilon: float, tilt: Array | None
) -> Floats:
    """Return the derivative of each sample's loss by the output's z, (R, N, n[L])."""
    if separable(network):  # then one move serves all units
        moved = z + 1j * STEP
        terms = LOSSES[network.loss].each(moved, until(network.depth, moved), y, epsilon)
        delta = (terms.imag / STEP)[:, 0]
    else:
        one = _one_sum(network, z, until, epsilon) if z.shape[-1] >= MANY else None
        if one is not None:
            delta = _by_one_sum(network, y, z, until, epsilon, one)
        else:
            delta = _by_unit(network, y, z, until, epsilon)
    return delta if tilt is None else delta + tilt[:, 0]


def _by_unit(network: Network, y: Floats, z: Array, until: Activate, epsilon: float) -> Floats:
    """Move the units of the output one by one: each is felt in the terms of all."""
    runs, _, samples, width = z.shape
    delta = np.empty((runs, samples, width))
    for units in blocks(width, runs * samples * width, size=16):
        moved = np.empty((runs, units.stop - units.start, samples, width), dtype=np.complex128)
        moved.real, moved.imag = z, STEP * np.eye(width)[units][:, None, :]
        losses = LOSSES[network.loss].per_sample(moved, until(network.depth, moved), y, epsilon)
        delta[:, :, units] = np.swapaxes(losses.imag / STEP, 1, 2)
    return delta


def _one_sum(network: Network, z: Array, until: Activate, epsilon: float) -> Nested | None:
    """Return the loss by one sum in which its units meet: by either part with the other held.

    None where none is known. Of outputs that are shares of a sum, what is added to the shares,
    and moved with them (:mod:`gradcheck.networks.fast_estimate.rounding`), stays beside.
    """
    loss, inner = LOSSES[network.loss], ACTIVATIONS[network.activations[-1]].share
    if loss.nested is not None and not epsilon:
        return loss.nested
    if inner is None or (loss.logarithmic and not epsilon):
        return None
    parts = inner(z - largest(z))
    whole = total(parts)
    together = until(network.depth, z + 1j * STEP)  # a softmax does not feel such a move
    beside = together - parts / whole[..., None]

    def each(a: Array, y: Array) -> Array:
        return loss.each(a, a, y, epsilon)  # with shares as outputs, none reads z

    return Nested(
        inner,
        lambda moved, y: total(each(parts / moved[..., None] + beside.real, y)),
        lambda shifted, y: each(inner(shifted) / whole[..., None] + beside, y),
    )


def _by_one_sum(
    network: Network, y: Floats, z: Array, until: Activate, epsilon: float, loss: Nested
) -> Floats:
    """Move all units of the output at once, and by itself the largest of each sample.

    The loss is moved by each unit's own part, with the sum held; and by the sum, once, which each
    unit moves by its part in it. That costs a few evaluations where moving each unit by itself
    costs one for each. Where the largest unit saturates, the two parts cancel.
    """
    shifted = z - largest(z)
    moved = shifted + 1j * STEP
    within, own = loss.inner(moved).imag / STEP, loss.plain(moved, y).imag / STEP
    whole = total(loss.inner(shifted)) + 1j * STEP
    delta: Floats = within * (loss.outer(whole, y).imag / STEP)[..., None] + own
    top = shifted.argmax(axis=-1)[..., None]
    alone = z.astype(np.complex128)
    np.put_along_axis(alone, top, np.take_along_axis(alone, top, -1) + 1j * STEP, -1)
    losses = LOSSES[network.loss].per_sample(alone, until(network.depth, alone), y, epsilon)
    np.put_along_axis(delta, top, (losses.imag / STEP)[..., None], -1)
    return delta[:, 0]


def by_preactivation(parts: Linearised) -> Stack:
    """Follow a move of every pre-activation forwards to the loss: dW is (R, n[l-1], n[l])."""
    depth = parts.problem.network.depth
    followed = [parts.gradient(layer, _followed(parts, layer)) for layer in range(1, depth)]
    return [*followed, parts.gradient(depth, parts.delta)]


def _followed(parts: Linearised, layer: int) -> Floats:
    """Return the derivative of the batch's loss by a hidden layer's z, (R, N, n[layer])."""
    network = parts.problem.network
    runs, _, samples, width = parts.run.z[layer - 1].shape
    delta = np.empty((runs, samples, width))
    columns = np.swapaxes(parts.slopes[layer - 1], 1, 3)  # (R, n, N, 1)
    rows = np.swapaxes(parts.points.pairs[layer][0], 1, 2)  # (R, n, 1, m)
    for units in blocks(width, runs * samples * max(network.widths[layer:])):
        change = columns[:, units] * rows[:, units]  # of z[layer + 1], as each unit moves
        for later in range(layer + 1, network.depth):
            change = (change * parts.slopes[later - 1]) @ parts.points.pairs[later][0]
        delta[:, :, units] = np.einsum("runk,rnk->rnu", change, parts.delta)
    return delta


def estimates(stack: Stack, bars: Stack) -> dict[str, Estimate]:
    """Make estimates, the first run of the stack, with bars, by tensor name."""
    named = by_name(bars)
    return {name: Estimate(runs[0], named[name]) for name, runs in by_name(stack).items()}


def spread(runs: Floats) -> Floats:
    """Return the largest distance of any run from the first, entry by entry."""
    apart = runs[1:] - runs[:1]
    largest: Floats = np.abs(apart, out=apart).max(axis=0)
    return largest
