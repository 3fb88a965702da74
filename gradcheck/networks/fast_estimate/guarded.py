"""How far a constant in the logarithms may move a gradient, where outputs are next to 0 or 1.

With ``log(a + c)``, ``log(clip(a, c, 1 - c))`` or an output that was rounded by u, the slope
of a term at its output's z is between nothing and its own, and off by no more than a part of
``(c + u) / a``. What that comes to below is bounded by a backward pass of absolute values.
"""

import numpy as np

from gradcheck.networks.fast_estimate import points
from gradcheck.networks.fast_estimate.complex_step import Sloped, sloped
from gradcheck.networks.forward_pass import output_terms, sample_losses, separable
from gradcheck.networks.problem import Floats, Problem

#: Roundings of an output and of the constant beside it.
FEW = 4.0


def reach(problem: Problem, constant: float, unit: float) -> dict[str, Floats]:
    """Return by tensor name how far each entry may move.

    Parameters
    ----------
    problem : Problem
        With a logarithmic loss.
    constant, unit : float
        In the logarithms, and the code's unit roundoff.
    """
    parts = _forward(problem)
    part = FEW * (constant + unit) / np.maximum(_seen(parts), np.finfo(float).tiny)
    return _below(parts, np.minimum(1.0, part))


def beyond(problem: Problem, cut: float) -> dict[str, Floats]:
    """Return how far each entry may move where only outputs beyond a cut may.

    Parameters
    ----------
    cut : float
        Outputs are kept between this and 1 less it.
    """
    parts = _forward(problem)
    seen = _seen(parts)
    return _below(parts, ((seen < cut) | (seen > 1.0 - cut)).astype(np.float64))


def _forward(problem: Problem) -> Sloped:
    """Return the forward at the problem's own point."""
    pairs = [(w[None], b[None]) for w, b in problem.params]
    return sloped(problem, points.of(problem, pairs))


def _seen(parts: Sloped) -> Floats:
    """Return what the logarithms see: a, or 1 - a, (N, n[L]); one a sample under a softmax."""
    network, y = parts.problem.network, parts.problem.batch.y
    z, a = parts.run.z[-1][0, 0], parts.run.a[-1][0, 0]
    if separable(network):
        return np.asarray(np.exp(-output_terms(network, z, a, y)))
    return np.asarray(np.exp(-sample_losses(network, z, a, y)))[:, None]


def _below(parts: Sloped, part: Floats) -> dict[str, Floats]:
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
