"""What honest backprop loses to its own arithmetic.

Textbook code forms ``1 - tanh(z)**2`` or ``a (1 - a)`` and loses digits where a unit
saturates; that is no bug. How much is lost is not guessed but sampled, by Monte
Carlo arithmetic (Parker, UCLA CSD-970002, 1997): the differentiated forward is run
again with a random error of a few units of roundoff in

- every activation, absolute on the scale 1 + abs(z), because 1 + erf, log(1 + e^z) and
  e^z - 1 cancel on that scale;
- every local slope, likewise, because slopes are formed from activations;
- the residual of a logarithmic loss, because ``a - y`` cancels; of binary cross-entropy by what
  ``(a - y) / (a (1 - a))`` makes of an error of the slope that it is multiplied by;
- every term of the sum over samples.

The last run has the errors of the one before the other way round: where a z is next to zero, one
of them comes to the other side of a kink.

The spread over a few runs, times :data:`MARGIN`, is granted to the code under test
on top of the oracle's own bar: once with the roundoff of float64, and, for code
that is seen to compute in float32, with that of float32.

How roundoff spreads: the gradient again, cheaply, at a stack of moved points.

Bars and grants need the gradient at several points that differ by roundoff, and only how
far it varies there. For that, every layer's slopes are chained backwards:

    delta[l] = (delta[l+1] W[l+1]^T) * Im phi(z[l] + ih) / h

which costs a backward pass, where following every unit's move costs one forward a unit.
Values come from :mod:`~gradcheck.networks.fast_estimate.complex_step`, bars from here:
:data:`SPREADS` times the largest change is what rounding may have done. Against 80-bit and
mpmath truth the error has stayed within 19 spreads, with 8 u of the tensor's norm as a floor.

How far a constant in the logarithms may move a gradient, where outputs are next to 0 or 1.

With ``log(a + c)``, ``log(clip(a, c, 1 - c))`` or an output that was rounded by u, the slope
of a term at its output's z is between nothing and its own, and off by no more than a part of
``(c + u) / a``. What that comes to below is bounded by a backward pass of absolute values.
"""

import copy
from collections.abc import Callable, Iterator

import numpy as np

from gradcheck.networks.definitions import (
    LOSSES,
    Activate,
    activate,
    evaluate,
    separable,
)
from gradcheck.networks.fast_estimate.complex_step import (
    FURTHEST,
    Linearised,
    Points,
    Stack,
    at_own_point,
    linearised,
    spread,
    weighed,
)
from gradcheck.networks.problem import Floats, Problem
from gradcheck.oracle.estimate import UNIT, length
from gradcheck.oracle.evaluation import Array, rows_of

#: The bar is this many times the largest change among the moved runs.
SPREADS = 30.0

#: ... plus this many units of roundoff of the tensor's norm.
FLOOR = 8.0


def bars(parts: Linearised, stack: Stack) -> Stack:
    """Return the error bars of a gradient, which is the first run of the stack."""
    found = [_bars(parts, layer, delta, stack[layer - 1]) for layer, delta in deltas(parts)]
    return found[::-1]


def floor(values: Floats) -> float:
    """Return the part of a tensor's bars that is alike for all its entries."""
    return FLOOR * UNIT * length(values)


def bar(spread_: Floats, least: float) -> Floats:
    """Return bars from how far roundoff moves each entry, and their :func:`floor`."""
    return SPREADS * spread_ + least


def _bars(
    parts: Linearised, layer: int, delta: Floats, runs: tuple[Array, Array]
) -> tuple[Floats, Floats]:
    least_w, least_b = (floor(values[0]) for values in runs)
    if layer == 1:
        apart = delta[1:] - delta[:1]
        spread_b = np.abs(apart.sum(axis=1)).max(axis=0)
        return _bars_of_first_weights(parts, apart, least_w), bar(spread_b, least_b)
    dw, db = parts.gradient(layer, delta)
    return bar(spread(dw), least_w), bar(spread(db), least_b)


def _bars_of_first_weights(parts: Linearised, apart: Floats, least: float) -> Floats:
    """Return the bars of dW[1], some rows at a time: it may be the largest tensor.

    ``apart`` is how far delta[1] is from the first run's, (R - 1, N, n[1]); inputs are the same.
    """
    (w, _), x, l2 = parts.problem.params.pairs[0], parts.problem.batch.x, parts.problem.network.l2
    bars_w = np.empty(w.shape)
    for rows in rows_of(w, x, len(apart)):
        moved = x[:, rows].T @ apart
        furthest = np.abs(moved, out=moved).max(axis=0)
        if l2:  # the one place where the first W itself is felt
            furthest += FURTHEST * UNIT * l2 * np.abs(w[rows])
        bars_w[rows] = bar(furthest, least)
    return bars_w


def deltas(parts: Linearised) -> Iterator[tuple[int, Floats]]:
    """Yield each layer and the derivative by its z, (R, N, n[l]), from the last to the first."""
    delta = parts.delta
    for layer in range(parts.problem.network.depth, 0, -1):
        yield layer, delta
        if layer > 1:
            w = parts.points.pairs[layer - 1][0][:, 0]
            delta = (delta @ np.swapaxes(w, -1, -2)) * parts.slopes[layer - 2][:, 0]


#: Runs with random roundoff, of their own and with the last one's the other way round.
DRAWN, RUNS = 4, 5

#: Size of one random error, in units of roundoff.
SIZE = 2.0

#: The budget is this many times the spread. Textbook code in float32 has stayed within
#: 1.2 spreads on 17 784 tensors (benchmarks/rounding.py).
MARGIN = 5.0


def budget(
    problem: Problem,
    unit: float,
    rng: np.random.Generator,
    apply: Activate | None = None,
) -> dict[str, Floats]:
    """Return by tensor name what arithmetic of roundoff ``unit`` may cost each entry.

    That is 2**-53 or 2**-24 for the code under test. ``apply`` replaces the activations, on kinks.
    """
    network, samples = problem.network, problem.batch.size
    level = SIZE * unit

    def errors(*shape: int) -> Floats:
        return _errors(rng, level, (1, *shape))

    value = {layer: errors(samples, n) for layer, n in enumerate(network.widths)}
    slope = {layer: errors(samples, n) for layer, n in enumerate(network.widths)}
    exact = apply or activate(network)

    def rounded(layer: int, z: Array) -> Array:
        scale = 1.0 + np.abs(z.real)
        noise = value[layer] + 1j * slope[layer] * z.imag if np.iscomplexobj(z) else value[layer]
        result: Array = exact(layer, z) + noise * scale
        return result

    # every term of the sums is moved by moving the weights and inputs it is made of
    w, b = problem.params.pairs[0]
    before = copy.deepcopy(rng) if network.l2 else None
    z: Array = np.zeros((1 + RUNS, 1, samples, len(b)))
    for rows in _rows(problem, 1):  # it may be the largest tensor: its errors are never held whole
        z[:, 0] += problem.batch.x[:, rows] @ _moved(rng, level, w[rows])
    z += _moved(rng, level, b)[:, None, None]
    later = [(_moved(rng, level, v), _moved(rng, level, c)) for v, c in problem.params.pairs[1:]]
    pairs = [(w[None, None], b[None, None]), *((v[:, None], c[:, None]) for v, c in later)]
    shares = weighed(problem, np.ones((1, 1, samples)))
    logarithmic = LOSSES[network.loss].logarithmic
    tilt = errors(samples, network.widths[-1]) if logarithmic else None
    if tilt is not None and LOSSES[network.loss].targets == "binary":
        tilt = tilt * _of_a_quotient(problem, unit)
    parts = linearised(problem, Points(z, pairs, problem.batch.y, shares), rounded, tilt=tilt)

    def weights(layer: int, rows: slice) -> Floats:
        if layer > 1:
            return later[layer - 2][0][:, rows]
        assert before is not None
        return _moved(before, level, w[rows])  # drawn once more, in the same order

    granted = []
    for layer, delta in deltas(parts):
        biases = delta.sum(axis=-2)
        largest = float(np.abs(biases[0]).max(initial=0.0))
        granted += [
            (f"b{layer}", _granted(spread(biases), largest, unit)),
            (f"W{layer}", _of_weights(parts, layer, delta, weights, unit)),
        ]
    return dict(reversed(granted))


def _errors(rng: np.random.Generator, level: float, shape: tuple[int, ...]) -> Floats:
    """Draw random errors for every run, (1 + RUNS, *shape); the first run has none."""
    drawn = rng.standard_normal((1 + DRAWN, *shape))
    drawn[0] = 0.0
    drawn *= level
    return np.concatenate((drawn, -drawn[-1:]))


def _of_a_quotient(problem: Problem, unit: float) -> Floats:
    """Return one over how likely each target is, at most one over the unit; (N, n[L])."""
    z = evaluate(problem.network, problem.params.pairs, problem.batch.x).z[-1]
    against = (1.0 - 2.0 * problem.batch.y) * z
    factor: Floats = 1.0 + np.exp(np.minimum(against, -np.log(unit)))
    return factor


def _moved(rng: np.random.Generator, level: float, array: Floats) -> Floats:
    """Stack an array and its copies, each entry with a random error."""
    stack = _errors(rng, level, array.shape)
    stack += 1.0
    stack *= array
    return stack


def _rows(problem: Problem, layer: int) -> Iterator[slice]:
    return rows_of(problem.params.pairs[layer - 1][0], problem.batch.x, 1 + RUNS)


def _of_weights(
    parts: Linearised,
    layer: int,
    delta: Floats,
    weights: Callable[[int, slice], Floats],
    unit: float,
) -> Floats:
    """Return the grant of a layer's dW, formed some rows at a time.

    ``weights`` returns some rows of a layer's W at every run, (1 + RUNS, rows, n[l]).
    """
    problem = parts.problem
    inputs = parts.run.a[layer - 2][:, 0] if layer > 1 else problem.batch.x
    apart, largest = np.empty(problem.params.pairs[layer - 1][0].shape), 0.0
    for rows in _rows(problem, layer):
        runs = np.swapaxes(inputs[..., rows], -1, -2) @ delta
        if problem.network.l2:
            runs += problem.network.l2 * weights(layer, rows)
        largest = max(largest, float(np.abs(runs[0]).max(initial=0.0)))
        apart[rows] = spread(runs)
    return _granted(apart, largest, unit)


def _granted(apart: Floats, largest: float, unit: float) -> Floats:
    """Return what is granted for the spread of each entry, in place of it.

    ``largest`` is the largest entry of the tensor itself.
    """
    typical = float(np.sqrt(np.square(apart).mean()))
    np.maximum(apart, typical, out=apart)
    apart += unit * largest
    apart *= MARGIN
    return apart


#: Roundings of an output and of the constant beside it.
FEW = 4.0


def reach(problem: Problem, constant: float, unit: float) -> dict[str, Floats]:
    """Return by tensor name how far a constant in the logarithms may move each entry."""
    parts = at_own_point(problem)
    part = FEW * (constant + unit) / np.maximum(_seen(parts), np.finfo(float).tiny)
    return _below(parts, np.minimum(1.0, part))


def beyond(problem: Problem, cut: float) -> dict[str, Floats]:
    """Return how far each entry may move where outputs are kept from 0 and 1 by a cut."""
    parts = at_own_point(problem)
    seen = _seen(parts)
    return _below(parts, ((seen < cut) | (seen > 1.0 - cut)).astype(np.float64))


def _seen(parts: Linearised) -> Floats:
    """Return what the logarithms see: a, or 1 - a, (N, n[L]); one a sample under a softmax."""
    network, y = parts.problem.network, parts.problem.batch.y
    z, a = parts.run.z[-1][0, 0], parts.run.a[-1][0, 0]
    if separable(network):
        return np.asarray(np.exp(-LOSSES[network.loss].each(z, a, y)))
    return np.asarray(np.exp(-LOSSES[network.loss].per_sample(z, a, y)))[:, None]


def _below(parts: Linearised, part: Floats) -> dict[str, Floats]:
    """Carry a part of the output's delta down to every tensor, all signs alike."""
    problem = parts.problem
    moved: Floats = np.abs(parts.delta[0]) * part
    found = {}
    for layer in range(problem.network.depth, 0, -1):
        inputs = parts.run.a[layer - 2][0, 0] if layer > 1 else problem.batch.x
        found[f"W{layer}"] = np.abs(inputs).T @ moved
        found[f"b{layer}"] = moved.sum(axis=0)
        if layer > 1:
            w = problem.params.pairs[layer - 1][0]
            moved = (moved @ np.abs(w).T) * np.abs(parts.slopes[layer - 2][0, 0])
    return found
