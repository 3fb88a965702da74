"""The derivative that the code implies: points of it, the true curve, and the wrong formula's."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcheck.comparison.compare import Arithmetic
from gradcheck.contract.protocol import Observation
from gradcheck.networks.activations import ACTIVATIONS
from gradcheck.networks.bugs import CATALOGUE
from gradcheck.networks.bugs.textbook import RULES, Rule
from gradcheck.networks.context import Plan
from gradcheck.networks.diagnosis import Diagnosis
from gradcheck.networks.diagnosis.implied import implied_slope
from gradcheck.networks.diagnosis.recover_deltas import SAME, Flag, Survey, survey, textbook_pass
from gradcheck.networks.losses import LOSSES
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Batch, Floats, Params, Problem

RULE = "activation_derivative"

#: More points than this make a picture no clearer.
POINTS = 120

#: A point is taken only where at least this part of the largest delta comes back:
#: elsewhere it is a quotient of roundings.
AUDIBLE = 1e-4

#: Points further out than this say little: most activations are straight there.
REACH = 4.5

#: Where curves are sampled.
SAMPLES = 161


def tolerance(arithmetic: Arithmetic) -> float:
    """Return what part of its length a vector may be off and still be the same."""
    return max(SAME, 1e3 * arithmetic.unit)


def slopes(
    plan: Plan, asked: Sequence[tuple[Problem, Observation]], diagnoses: Sequence[Diagnosis]
) -> list[dict[str, Any]]:
    """Recover points of the derivative, for each activation that is at fault.

    Parameters
    ----------
    asked : sequence of (Problem, Observation)
        Problems on which the gradient is wrong.
    """
    suspected = {d.name.bug for d in diagnoses if d.name.site == RULE}
    if not suspected:
        return []
    points: dict[str, list[tuple[float, float]]] = {}
    for problem, observation in asked:
        found = survey(problem, observation, tolerance(plan.arithmetic))
        for layer in range(problem.network.depth, 0, -1):
            if Flag("delta", layer) in found.flags and layer in found.deltas:
                activation = problem.network.activations[layer - 1]
                points.setdefault(activation, []).extend(_implied(found, layer))
    entries = []
    for activation, seen in points.items():
        if ACTIVATIONS[activation].derivative is None or not seen:
            continue
        bug = next((slug for slug in suspected if _concerns(slug, activation)), "")
        entries.append(_entry(activation, bug, np.array(sorted(seen))))
    return entries


def _concerns(slug: str, activation: str) -> bool:
    return bool(slug) and CATALOGUE[slug].activation in (None, activation)


def _implied(found: Survey, layer: int) -> list[tuple[float, float]]:
    """Points of the derivative that the code's deltas give, near enough to zero to be told."""
    network = found.problem.network
    if layer == network.depth and LOSSES[network.loss].cancels:
        return []  # there the delta is a - y, and no slope is multiplied
    slope = implied_slope(found, layer, AUDIBLE)
    if slope is None:
        return []
    z = found.textbook().z[layer]
    told = np.isfinite(slope) & (np.abs(z) <= REACH)
    return list(zip(z[told].tolist(), slope[told].tolist(), strict=True))


def _entry(activation: str, bug: str, points: Floats) -> dict[str, Any]:
    kept = points[np.unique(np.linspace(0, len(points) - 1, POINTS).astype(int))]
    reach = float(np.clip(1.1 * np.abs(kept[:, 0]).max(), 1.5, REACH))
    grid = np.linspace(-reach, reach, SAMPLES)
    wrong = CATALOGUE[bug].rules.get(RULE) if bug else None
    return {
        "activation": activation,
        "bug": bug or None,
        "z": kept[:, 0],
        "derivative": kept[:, 1],
        "grid": grid,
        "right": sampled(RULES[RULE], activation, grid),
        "wrong": None if wrong is None else sampled(wrong, activation, grid),
    }


def sampled(rule: Rule, activation: str, grid: Floats) -> Floats | None:
    """Evaluate a rule for the derivative at single points.

    Returns
    -------
    values : array or None
        None when the rule is no function of z: it reaches for another layer, or mixes
        the samples.
    """
    network = Network((1, 1), (activation,), "half_squared_error")
    column = grid[:, None]
    problem = Problem(network, Params([([[1.0]], [0.0])]), Batch(column, np.zeros_like(column)))
    with np.errstate(all="ignore"):
        try:
            values = np.asarray(textbook_pass(problem, {RULE: rule}).apply(RULE, 1))
        except LookupError:
            return None
    return values[:, 0] if values.shape == column.shape else None
