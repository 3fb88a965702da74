"""What the code computes in place of the right rule, read off its numbers for a picture.

Several single samples are asked about at the same weights. A sample gives its delta in
every layer; what comes back to a layer, divided by the right derivative, is the code's
delta above times a matrix, which as many samples as that has units determine.
"""

from collections.abc import Generator, Iterable
from dataclasses import replace

import numpy as np

from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.networks.diagnosis.diagnosis import Diagnosis, Implied
from gradcheck.networks.diagnosis.probe_setup import ProbeSetup
from gradcheck.networks.diagnosis.recover_deltas import RecoveredDeltas, same, survey
from gradcheck.networks.problem import Floats

Questions = Generator[Request, Observation, list[Diagnosis]]

#: At most so many samples are asked about.
MOST = 9

#: Sites of which there is a picture.
PICTURED = ("activation_derivative", "delta_recursion")


def with_pictures(case: ProbeSetup, diagnoses: list[Diagnosis]) -> Questions:
    """Fill in the implied derivative or matrix where a diagnosis is of one."""
    if not any(_pictured(d) for d in diagnoses) or any(d.name.site == "forward" for d in diagnoses):
        return diagnoses
    surveys = yield from _samples(case)
    return [
        replace(d, implied=_implied(d, surveys) or d.implied) if _pictured(d) else d
        for d in diagnoses
    ]


def _pictured(diagnosis: Diagnosis) -> bool:
    return diagnosis.name.site in PICTURED and diagnosis.name.layer is not None


def _samples(case: ProbeSetup) -> Generator[Request, Observation, list[RecoveredDeltas]]:
    """Ask about single samples of one point; about batches where one sample cannot be had."""
    size = min(case.sizes)
    units = max(case.network.widths[1:])
    base = case.probe(size * min(units + 1, MOST), (2, 0, 5))
    surveys = []
    for start in range(0, base.batch.size, size):
        rows = range(start, start + size)
        problem = replace(base, batch=base.batch.select(rows))
        answer = yield Request(Call.LOSS_AND_GRADS, problem)
        if answer.failure is None:
            surveys.append(survey(problem, answer, case.tolerance))
    return surveys


def _implied(diagnosis: Diagnosis, surveys: list[RecoveredDeltas]) -> Implied | None:
    layer = diagnosis.name.layer or 0
    if diagnosis.name.site == "activation_derivative":
        return implied_derivative(layer, surveys)
    return implied_matrix(layer, surveys)


def implied_derivative(layer: int, surveys: Iterable[RecoveredDeltas]) -> Implied | None:
    """Return points (z, derivative) in order of z; None where there are none."""
    zs, slopes = [], []
    for found in surveys:
        slope = implied_slope(found, layer)
        if slope is None:
            continue
        known = np.isfinite(slope)
        zs.append(found.textbook().z[layer][known])
        slopes.append(slope[known])
    if not zs or not sum(z.size for z in zs):
        return None
    z, slope = np.concatenate(zs), np.concatenate(slopes)
    order = np.argsort(z)
    return Implied(z=z[order], derivative=slope[order])


def implied_slope(found: RecoveredDeltas, layer: int, audible: float = 1e-7) -> Floats | None:
    """Return what the code's delta is of what comes back; NaN where nothing comes back.

    Parameters
    ----------
    audible : float
        The part of the largest that has to come back: below it there is a quotient of roundings.
    """
    if layer not in found.deltas:
        return None
    p = found.textbook()
    p.delta = dict(found.deltas)
    back = p.apply("loss_derivative") if layer == p.last else p.apply("propagate", layer)
    usable = np.abs(back) > audible * np.abs(back).max(initial=0.0)
    slope: Floats = np.where(usable, found.deltas[layer] / np.where(usable, back, 1.0), np.nan)
    return slope


def implied_matrix(layer: int, surveys: list[RecoveredDeltas]) -> Implied | None:
    """Return the matrix M, (n[l], n[l+1]), with ``what comes back = delta[l+1] M^T``.

    None where samples do not determine it, or no matrix does that.
    """
    above, back = [], []
    for found in surveys:
        if layer not in found.deltas or layer + 1 not in found.deltas:
            continue
        slope = found.textbook().apply("activation_derivative", layer)
        if (np.abs(slope) < 1e-6).any():
            continue
        above.append(found.deltas[layer + 1])
        back.append(found.deltas[layer] / slope)
    if not above:
        return None
    deltas, came = np.concatenate(above), np.concatenate(back)
    if np.linalg.matrix_rank(deltas) < deltas.shape[1]:
        return None
    solution: Floats = np.asarray(np.linalg.lstsq(deltas, came, rcond=None)[0], dtype=np.float64)
    if not same(deltas @ solution, came, 1e-6):
        return None
    weights = surveys[0].problem.params.pairs[layer][0]
    return Implied(matrix=solution.T, weights=weights)
