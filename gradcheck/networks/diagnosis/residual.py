"""A hypothesis at one flagged place, fed with the code's own numbers around it.

Because everything above the place is taken from the code itself, other bugs elsewhere
do not disturb: each place is judged alone.
"""

from collections.abc import Mapping

import numpy as np

from gradcheck.networks.bugs.textbook import Pass, Rule
from gradcheck.networks.diagnosis.recover_deltas import Flag, Survey
from gradcheck.networks.problem import Floats

#: Sites whose bugs can raise a flag of each kind.
SITES = {
    "delta": ("activation_derivative", "delta_recursion", "loss_derivative"),
    "weight": ("weight_gradient", "regularisation"),
    "bias": ("bias_gradient", "regularisation"),
}

#: What a rule that stands in one layer makes.
PARTS = {site: part for part, sites in SITES.items() for site in sites}


def left_unexplained(
    rules: Mapping[str, Rule], flag: Flag, surveys: list[Survey], noise: float
) -> float:
    """Return what wrong rules leave of the error at a flagged place, at worst over surveys."""
    worst = 0.0
    told = False
    for survey in surveys:
        observed = observed_at(flag, survey)
        if observed is None:
            continue
        right = predicted_by({}, flag, survey)
        guess = predicted_by(rules, flag, survey)
        if right is None or guess is None or guess.shape != observed.shape:
            return float("inf")
        error = float(np.linalg.norm(observed - right))
        size = float(np.linalg.norm(right))
        left = float(np.linalg.norm(observed - guess))
        floor = 300 * noise * max(size, float(np.linalg.norm(observed)))
        told = told or error > floor
        if not left <= floor:
            worst = max(worst, left / max(error, 1e-3 * size, 1e-300))
    return worst if told else float("inf")


def observed_at(flag: Flag, survey: Survey) -> Floats | None:
    """Return what the code has at a place; None where that cannot be told."""
    if flag.part == "delta":
        return survey.deltas.get(flag.layer)
    if flag.layer not in survey.deltas:
        return None
    return survey.claims[f"{'W' if flag.part == 'weight' else 'b'}{flag.layer}"]


def predicted_by(rules: Mapping[str, Rule], flag: Flag, survey: Survey) -> Floats | None:
    """Apply rules at one place, to the code's own numbers above it."""
    p = _prepared(rules, flag, survey)
    if p is None:
        return None
    with np.errstate(all="ignore"):
        if flag.part == "delta":
            top = flag.layer == p.last
            value = p.apply("output_delta") if top else p.apply("hidden_delta", flag.layer)
        elif flag.part == "weight":
            value = p.apply("weight_gradient", flag.layer)
        else:
            value = p.apply("bias_gradient", flag.layer)
    return np.asarray(value)


def _prepared(rules: Mapping[str, Rule], flag: Flag, survey: Survey) -> Pass | None:
    p = survey.textbook()
    p.rules = {**p.rules, **rules}
    lowest = flag.layer + 1 if flag.part == "delta" else flag.layer
    for layer in range(p.last, lowest - 1, -1):
        if layer not in survey.deltas:
            return None
        p.delta[layer] = survey.deltas[layer]
        if layer > flag.layer:
            p.grads[layer] = (survey.claims[f"W{layer}"], survey.claims[f"b{layer}"])
            p.apply("visit", layer)
    if survey.factor is not None:
        scale, factor = p.rules["scale"], survey.factor
        p.rules = {**p.rules, "scale": lambda q: factor * scale(q)}
    return p
