"""How roundoff spreads: the gradient again, cheaply, at a stack of moved points.

Bars and grants need the gradient at several points that differ by roundoff, and only how
far it varies there. For that, every layer's slopes are taken by a complex step and chained:

    delta[L] by :func:`~gradcheck.oracle.complex_step.delta_at`
    delta[l] = (delta[l+1] W[l+1]^T) * Im phi(z[l] + ih) / h

which costs a backward pass, where restarting the forward for every unit costs one
forward a unit. No estimate is made here: values come from
:func:`~gradcheck.oracle.complex_step.by_preactivation`, which follows each move forwards.
"""

import numpy as np

from gradcheck.activations import Array
from gradcheck.forward import Activate
from gradcheck.forward.evaluation import Pairs
from gradcheck.oracle.complex_step import STEP, Stack, assembled, begun, delta_at
from gradcheck.problem import Floats, Problem


def by_chain(
    problem: Problem,
    pairs: Pairs,
    apply: Activate | None = None,
    epsilon: float = 0.0,
    tilt: Array | None = None,
    batch: tuple[Array, Array] | None = None,
) -> Stack:
    """Differentiate a stack of points by the chain rule over layers.

    Same arguments and result as
    :func:`~gradcheck.oracle.complex_step.by_preactivation`.
    """
    objective, run, scale = begun(problem, pairs, apply, epsilon, tilt, batch)
    depth = problem.network.depth
    delta: Floats = scale * delta_at(objective, depth, run)
    gradients: Stack = []
    for layer in range(depth, 0, -1):
        w, _ = pairs[layer - 1]
        gradients.insert(0, assembled(problem, w, run.a[layer - 1], delta))
        if layer > 1:
            slopes = objective.apply(layer - 1, run.z[layer - 2] + 1j * STEP).imag[:, 0] / STEP
            delta = (delta @ np.swapaxes(w, -1, -2)) * slopes
    return gradients
