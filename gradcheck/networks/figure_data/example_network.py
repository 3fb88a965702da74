"""One failing network, tensor by tensor, and the loss differenced by its worst entry."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcheck.comparison.compare import Judgement, named
from gradcheck.comparison.verdict import Verdict
from gradcheck.contract.protocol import Observation
from gradcheck.networks.context import Plan
from gradcheck.networks.diagnosis import Diagnosis
from gradcheck.networks.diagnosis.recover_deltas import survey
from gradcheck.networks.figure_data.slopes import tolerance
from gradcheck.networks.forward_pass import batch_loss
from gradcheck.networks.problem import Floats, Problem
from gradcheck.oracle.ladder import extrapolate, steps

#: Steps of the picture, four a decade.
SWEEP = 10.0 ** -np.arange(0.0, 13.0, 0.25)

#: Of a large tensor, the rows and columns around its worst entry: at most so many.
WINDOW = 12


def specimen(
    plan: Plan, asked: Sequence[tuple[Problem, Observation]], diagnoses: Sequence[Diagnosis]
) -> dict[str, Any] | None:
    """Choose a failing network that shows the fault, and lay it out.

    The one is chosen on which every diagnosed layer stands out and no other; of
    those one with several units a layer, for a picture of one weight shows little;
    of those the smallest.
    """
    wanted = {d.name.layer for d in diagnoses if d.name.layer}
    candidates = [
        (_fitness(problem, sites, wanted), index, sites)
        for index, (problem, observation) in enumerate(asked)
        for sites in [_sites(plan, problem, observation)]
    ]
    if not candidates:
        return None
    _, chosen, sites = min(candidates, key=lambda each: each[:2])
    problem, observation = asked[chosen]
    judgements = plan.judge(problem, observation.tensors)
    worst = max(judgements, key=_severity)
    truth = plan.truth(problem)
    claims = named(observation.tensors)
    tensors = {}
    for j in judgements:
        estimate = truth.gradient[j.tensor]
        bars = estimate.error + estimate.interval + truth.rounding(plan.arithmetic.unit)[j.tensor]
        arrays = {"claimed": claims[j.tensor], "expected": estimate.value, "error_bar": bars}
        tensors[j.tensor] = {"verdict": j.verdict, "worst_entry": j.place, **_cut(arrays, j.entry)}
    return {
        "network": str(problem.network),
        "samples": problem.batch.size,
        "sites": [{"part": part, "layer": layer} for part, layer in sites],
        "worst_entry": worst.place,
        "tensors": tensors,
        "sweep": _sweep(problem, worst),
    }


def _sites(plan: Plan, problem: Problem, observation: Observation) -> list[tuple[str, int]]:
    found = survey(problem, observation, tolerance(plan.arithmetic))
    return [(flag.part, flag.layer) for flag in found.flags]


def _fitness(
    problem: Problem, sites: Sequence[tuple[str, int]], wanted: set[int]
) -> tuple[int, int, bool, bool, int]:
    flagged = {layer for _, layer in sites}
    narrow = min(problem.network.widths) < 2
    size = problem.params.size * problem.batch.size
    shallow = problem.network.depth < 2
    return len(wanted - flagged), len(flagged - wanted), shallow, narrow, size


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
    differences, noise = _differences(problem, judgement, moves)
    slope = extrapolate(rungs, differences[len(SWEEP) :], noise)
    return {
        "entry": judgement.place,
        "claimed": judgement.claimed,
        "expected": judgement.expected,
        "error_bar": judgement.bar,
        "steps": SWEEP,
        "errors": np.abs(differences[: len(SWEEP)] - judgement.expected),
        "ladder": {
            "steps": rungs,
            "chosen_step": slope.step,
            "error": abs(slope.value - judgement.expected),
            "error_bar": slope.error,
        },
    }


def _differences(problem: Problem, judgement: Judgement, moves: Floats) -> tuple[Floats, float]:
    layer, which = int(judgement.tensor[1:]), judgement.tensor[0] == "b"
    stack = [list(pair) for pair in problem.params.pairs]
    tensor = stack[layer - 1][which]
    moved = np.repeat(tensor[None], 2 * len(moves), axis=0)
    flat = int(np.ravel_multi_index(judgement.entry, tensor.shape))
    moved.reshape(len(moved), -1)[:, flat] += np.concatenate((moves, -moves))
    stack[layer - 1][which] = moved
    pairs = [(w, b) for w, b in stack]
    losses = batch_loss(problem.network, pairs, problem.batch.x, problem.batch.y)
    up, down = np.split(np.broadcast_to(losses, 2 * len(moves)), 2)
    noise = 4 * 2.0**-53 * (1.0 + float(np.abs(losses).max()))
    return (up - down) / (2 * moves), noise
