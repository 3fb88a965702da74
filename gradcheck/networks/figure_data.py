"""What a picture of a fault is drawn from: numbers, gathered while the code can still be asked.

A renderer reads the record alone, so whatever it draws has to stand there. Nothing here
takes part in a verdict.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcheck.comparison.compare import Judgement, allowed
from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.contract.protocol import Call, Request
from gradcheck.networks.bugs import CATALOGUE, Bug
from gradcheck.networks.bugs.textbook import RULES, Rule
from gradcheck.networks.definitions import ACTIVATIONS, LOSSES
from gradcheck.networks.dense_networks import NetworkContext, differences
from gradcheck.networks.diagnosis import Diagnosis
from gradcheck.networks.diagnosis.observations import SAME, textbook_pass
from gradcheck.networks.diagnosis.recover_deltas import (
    RecoveredDeltas,
    implied_points,
    recover_deltas,
)
from gradcheck.networks.problem import Batch, Floats, Network, Params, Problem
from gradcheck.networks.scope import Asking
from gradcheck.oracle.estimate import UNIT, extrapolate, steps

RULE = "activation_derivative"

#: More points than this make a picture no clearer.
MOST_POINTS = 120

#: A point is taken only where at least this part of the largest delta comes back:
#: elsewhere it is a quotient of roundings.
LEAST_BACK = 1e-4

#: Points further out than this say little: most activations are straight there.
LARGEST_PICTURED_Z = 4.5

#: Where curves are sampled.
CURVE_POINTS = 161

#: Steps of the picture, four a decade.
SWEEP = 10.0 ** -np.arange(0.0, 13.0, 0.25)

#: Of a large tensor, the rows and columns around its worst entry: at most so many.
WINDOW = 12

#: Of the problems on which the gradient is wrong, at most this many are looked at.
MOST_PROBLEMS = 200


def illustrate(
    context: NetworkContext, findings: Sequence[Finding], diagnoses: Sequence[Diagnosis]
) -> Asking[dict[str, Any] | None]:
    """Gather what pictures of a wrong gradient need.

    Parameters
    ----------
    context : NetworkContext
    findings : sequence of Finding
        Of every check.
    diagnoses : sequence of Diagnosis

    Returns
    -------
    entry : dict or None
        ``specimen``: one failing network, tensor by tensor; ``slopes``: for each
        activation whose derivative is at fault, the points that the code's gradients
        imply, and the curves they may lie on. None where no gradient is wrong.
    """
    wrong = [f for f in findings if f.check == "gradient" and f.verdict is Verdict.WRONG]
    if not wrong:
        return None
    tolerance = max(SAME, 1e3 * context.arithmetic.unit)
    failing = []
    for problem in wrong[0].failing[:MOST_PROBLEMS]:
        observation = yield Request(Call.LOSS_AND_GRADS, problem)
        if observation.failure is None:
            failing.append(recover_deltas(problem, observation, tolerance))
    return {
        "specimen": _specimen(context, failing, diagnoses),
        "slopes": _slopes(failing, diagnoses),
    }


# ---- the derivative that the code implies, the true curve, and the wrong formula's --------


def _slopes(
    failing: Sequence[RecoveredDeltas], diagnoses: Sequence[Diagnosis]
) -> list[dict[str, Any]]:
    """Recover points of the derivative, for each activation that is at fault."""
    suspected = [d.name.bug for d in diagnoses if d.name.site == RULE]
    points: dict[str, list[Floats]] = {}
    for found in failing if suspected else ():
        network = found.problem.network
        for wrong in found.wrong_rules:
            # where the slope of the output cancels, none is multiplied there
            cancels = wrong.layer == network.depth and LOSSES[network.loss].cancels
            if wrong.part == "delta" and not cancels:
                seen = implied_points(wrong.layer, [found], LEAST_BACK)
                near = seen[np.abs(seen[:, 0]) <= LARGEST_PICTURED_Z]
                points.setdefault(network.activations[wrong.layer - 1], []).append(near)
    named = [CATALOGUE[slug] for slug in suspected if slug]
    every = {activation: np.concatenate(parts) for activation, parts in points.items()}
    return [
        _entry(activation, named, seen[np.lexsort(seen.T[::-1])])
        for activation, seen in every.items()
        if ACTIVATIONS[activation].derivative is not None and len(seen)
    ]


def _entry(activation: str, named: list[Bug], points: Floats) -> dict[str, Any]:
    kept = points[np.unique(np.linspace(0, len(points) - 1, MOST_POINTS).astype(int))]
    reach = float(np.clip(1.1 * np.abs(kept[:, 0]).max(), 1.5, LARGEST_PICTURED_Z))
    grid = np.linspace(-reach, reach, CURVE_POINTS)
    bug = next((bug for bug in named if bug.activation in (None, activation)), None)
    wrong = bug.rules.get(RULE) if bug else None
    return {
        "activation": activation,
        "bug": bug.slug if bug else None,
        "z": kept[:, 0],
        "derivative": kept[:, 1],
        "grid": grid,
        "right": sampled(RULES[RULE], activation, grid),
        "wrong": None if wrong is None else sampled(wrong, activation, grid),
    }


def sampled(rule: Rule, activation: str, grid: Floats) -> Floats | None:
    """Evaluate a rule for the derivative at single points.

    None when it is no function of z: it reaches for another layer, or mixes the samples.
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


# ---- one failing network, tensor by tensor ------------------------------------------------


def _specimen(
    context: NetworkContext, failing: Sequence[RecoveredDeltas], diagnoses: Sequence[Diagnosis]
) -> dict[str, Any] | None:
    """Choose a failing network that shows the fault, and lay it out.

    The one is chosen on which every diagnosed layer stands out and no other; of
    those one with several units a layer, for a picture of one weight shows little;
    of those the smallest.
    """
    wanted = {d.name.layer for d in diagnoses if d.name.layer}
    chosen = min(failing, key=lambda each: _unfitness(each, wanted), default=None)
    if chosen is None:
        return None
    problem, truth = chosen.problem, context.truth(chosen.problem)
    judgements = context.judge(problem, chosen.claims)
    worst = max(judgements, key=_severity)
    tensors = {}
    for j in judgements:
        arrays = {
            "claimed": chosen.claims[j.tensor],
            "expected": truth.gradient[j.tensor].value,
            "error_bar": allowed(truth, j.tensor, context.arithmetic.unit),
        }
        tensors[j.tensor] = {"verdict": j.verdict, "worst_entry": j.place, **_cut(arrays, j.entry)}
    return {
        "network": str(problem.network),
        "samples": problem.batch.size,
        "sites": [{"part": w.part, "layer": w.layer} for w in chosen.wrong_rules],
        "worst_entry": worst.place,
        "tensors": tensors,
        "sweep": _sweep(problem, worst),
    }


def _unfitness(each: RecoveredDeltas, wanted: set[int]) -> tuple[int, int, bool, bool, int]:
    network, shown = each.problem.network, {wrong.layer for wrong in each.wrong_rules}
    size = each.problem.params.size * each.problem.batch.size
    narrow, shallow = min(network.widths) < 2, network.depth < 2
    return len(wanted - shown), len(shown - wanted), shallow, narrow, size


def _severity(judgement: Judgement) -> tuple[int, float, float]:
    """Worst first: the verdict, then the error as part of the entry, then its size."""
    size = max(abs(judgement.expected), abs(judgement.claimed))
    error = abs(judgement.claimed - judgement.expected)
    share = error / size if size > 0 else 0.0
    return judgement.verdict.rank, -1.0 if np.isnan(error) else round(share, 1), error


def _cut(arrays: dict[str, Floats], entry: tuple[int, ...]) -> dict[str, Any]:
    """Keep the window around an entry, and say where it lies."""
    shape = arrays["claimed"].shape
    starts = [max(0, min(at - WINDOW // 2, n - WINDOW)) for at, n in zip(entry, shape, strict=True)]
    window = tuple(slice(start, start + WINDOW) for start in starts)
    kept = {name: np.broadcast_to(array, shape)[window] for name, array in arrays.items()}
    return {"shape": shape, "start": starts, **kept}


def _sweep(problem: Problem, judgement: Judgement) -> dict[str, Any] | None:
    """Difference the loss by one entry at many steps, and as the ladder does."""
    if judgement.verdict is not Verdict.WRONG:
        return None
    rungs = steps(0.05)
    moves = np.concatenate((SWEEP, rungs))
    quotients, losses = differences(problem, judgement, moves)
    noise = 4 * UNIT * (1.0 + float(np.abs(losses).max()))  # of the roundings of a loss
    slope = extrapolate(rungs, quotients[len(SWEEP) :], noise)
    return {
        "entry": judgement.place,
        "claimed": judgement.claimed,
        "expected": judgement.expected,
        "error_bar": judgement.bar,
        "steps": SWEEP,
        "errors": np.abs(quotients[: len(SWEEP)] - judgement.expected),
        "ladder": {
            "steps": rungs,
            "chosen_step": slope.step,
            "error": abs(slope.value - judgement.expected),
            "error_bar": slope.error,
        },
    }
