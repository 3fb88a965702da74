"""What honest backprop loses to its own arithmetic.

Textbook code forms ``1 - tanh(z)**2`` or ``a (1 - a)`` and loses digits where a unit
saturates; that is no bug. How much is lost is not guessed but sampled, by Monte
Carlo arithmetic (Parker, UCLA CSD-970002, 1997): the differentiated forward is run
again with a random error of a few units of roundoff in

- every activation, absolute on the scale 1 + abs(z), because 1 + erf, log(1 + e^z) and
  e^z - 1 cancel on that scale;
- every local slope, likewise, because slopes are formed from activations;
- the residual of a logarithmic loss, because ``a - y`` cancels;
- every term of the sum over samples.

The spread over a few runs, times :data:`MARGIN`, is granted to the code under test
on top of the oracle's own bar: once with the roundoff of float64, and, for code
that is seen to compute in float32, with that of float32.
"""

import numpy as np

from gradcheck.elementary import Array
from gradcheck.forward import Activate, activate
from gradcheck.losses import LOSSES
from gradcheck.oracle import points
from gradcheck.oracle.chain import by_chain
from gradcheck.oracle.complex_step import sloped
from gradcheck.oracle.complex_step import spread as spread_of
from gradcheck.problem import Floats, Problem

#: Runs with random roundoff.
RUNS = 4

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
        drawn = rng.standard_normal((1 + RUNS, 1, *shape))
        drawn[0] = 0.0
        return level * drawn

    value = {layer: errors(samples, n) for layer, n in enumerate(network.widths)}
    slope = {layer: errors(samples, n) for layer, n in enumerate(network.widths)}
    exact = apply or activate(network)

    def rounded(layer: int, z: Array) -> Array:
        scale = 1.0 + np.abs(z.real)
        noise = value[layer] + 1j * slope[layer] * z.imag if np.iscomplexobj(z) else value[layer]
        result: Array = exact(layer, z) + noise * scale
        return result

    # every term of the sums is moved by moving the weights and inputs it is made of
    pairs = [
        (w * (1.0 + errors(*w.shape)[:, 0]), b * (1.0 + errors(*b.shape)[:, 0]))
        for w, b in problem.params
    ]
    logarithmic = LOSSES[network.loss].logarithmic
    tilt = errors(samples, network.widths[-1]) if logarithmic else None
    stack = by_chain(sloped(problem, points.of(problem, pairs), rounded, tilt=tilt))
    return {
        f"{kind}{layer}": _granted(runs, unit)
        for layer, pair in enumerate(stack, start=1)
        for kind, runs in zip("Wb", pair, strict=True)
    }


def _granted(runs: Floats, unit: float) -> Floats:
    spread = spread_of(runs)
    typical = float(np.sqrt((spread * spread).mean()))
    largest = float(np.abs(runs[0]).max(initial=0.0))
    granted: Floats = MARGIN * (np.maximum(spread, typical) + unit * largest)
    return granted
