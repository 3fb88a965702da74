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
"""

import copy
from collections.abc import Callable, Iterator

import numpy as np

from gradcheck.networks.fast_estimate.chain import deltas
from gradcheck.networks.fast_estimate.complex_step import Sloped, sloped
from gradcheck.networks.fast_estimate.complex_step import spread as spread_of
from gradcheck.networks.fast_estimate.points import Points, weighed
from gradcheck.networks.forward_pass import Activate, activate, evaluate
from gradcheck.networks.losses import LOSSES
from gradcheck.networks.problem import Floats, Problem
from gradcheck.oracle.blocks import rows_of
from gradcheck.oracle.elementary import Array

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

    Parameters
    ----------
    unit : float
        Unit roundoff of the code under test: 2**-53 or 2**-24.
    apply : callable, optional
        Replaces the plain activations, on kinks.
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
    parts = sloped(problem, Points(z, pairs, problem.batch.y, shares), rounded, tilt=tilt)

    def weights(layer: int, rows: slice) -> Floats:
        if layer > 1:
            return later[layer - 2][0][:, rows]
        assert before is not None
        return _moved(before, level, w[rows])  # drawn once more, in the same order

    granted = []
    for layer, delta in deltas(parts):
        granted += [
            (f"b{layer}", _of_biases(delta.sum(axis=-2), unit)),
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
    parts: Sloped,
    layer: int,
    delta: Floats,
    weights: Callable[[int, slice], Floats],
    unit: float,
) -> Floats:
    """Return the grant of a layer's dW, formed some rows at a time.

    Parameters
    ----------
    weights : callable
        Returns some rows of a layer's W at every run, (1 + RUNS, rows, n[l]).
    """
    problem = parts.problem
    inputs = parts.run.a[layer - 2][:, 0] if layer > 1 else problem.batch.x
    spread, largest = np.empty(problem.params.pairs[layer - 1][0].shape), 0.0
    for rows in _rows(problem, layer):
        runs = np.swapaxes(inputs[..., rows], -1, -2) @ delta
        if problem.network.l2:
            runs += problem.network.l2 * weights(layer, rows)
        largest = max(largest, float(np.abs(runs[0]).max(initial=0.0)))
        spread[rows] = spread_of(runs)
    return _granted(spread, largest, unit)


def _of_biases(runs: Floats, unit: float) -> Floats:
    """Likewise of a layer's db, (1 + RUNS, n[l])."""
    return _granted(spread_of(runs), float(np.abs(runs[0]).max(initial=0.0)), unit)


def _granted(spread: Floats, largest: float, unit: float) -> Floats:
    """Return what is granted for the spread of each entry, in place of it.

    Parameters
    ----------
    largest : float
        The largest entry of the tensor itself.
    """
    typical = float(np.sqrt(np.square(spread).mean()))
    np.maximum(spread, typical, out=spread)
    spread += unit * largest
    spread *= MARGIN
    return spread
