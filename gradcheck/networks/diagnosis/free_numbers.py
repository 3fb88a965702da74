"""Bugs with a number in them that differs from code to code: the number is recovered.

What such a bug computes is linear in its number, so that two simulations, with 0 and
with 1, give the number that fits best. It is accepted as any other hypothesis is: if
nothing of the error is left, on problems that it was not fitted to.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gradcheck.networks.bugs.textbook import Rule
from gradcheck.networks.diagnosis import residual
from gradcheck.networks.diagnosis.diagnosis import Diagnosis, Name
from gradcheck.networks.diagnosis.hypotheses import ACCEPT, Hypothesis, hypotheses
from gradcheck.networks.diagnosis.naming import of_class
from gradcheck.networks.diagnosis.observations import Evidence, numbers, simulate, unexplained
from gradcheck.networks.diagnosis.probe_setup import Case
from gradcheck.networks.diagnosis.recover_deltas import Flag, Survey
from gradcheck.networks.problem import Floats

#: Below this a number is none.
SMALL = 1e-9


def with_free_number(
    case: Case, evidence: Evidence, held_out: Evidence, listed: Sequence[Hypothesis]
) -> list[Diagnosis]:
    """Name a bug of which only the number differs from the catalogue's.

    Parameters
    ----------
    evidence : Evidence
        The number is fitted to its first answer.
    """
    for hypothesis in listed:
        number = _fitted(evidence, hypothesis)
        if number is None:
            continue
        fitted = replace(hypothesis, bug=hypothesis.bug.having(number))
        rules = fitted.rules()
        left = max(unexplained(part, rules, case.noise) for part in (evidence, held_out))
        if left <= ACCEPT:
            names = list(fitted.names(case.network))[:1]
            return [_told(of_class(fitted, names, case.network, left), fitted, number)]
    return []


def at_a_place(case: Case, flag: Flag, surveys: list[Survey]) -> list[Diagnosis]:
    """Name a bug at a flagged place by what the code's own numbers around it give."""
    if len(surveys) < 2:
        return []
    for hypothesis in hypotheses(case.network, residual.SITES[flag.part]):
        free = hypothesis.bug.free
        if free is None or hypothesis.everywhere or hypothesis.layer not in (flag.layer, None):
            continue
        seen = residual.observed_at(flag, surveys[0])
        zero, one = (residual.predicted_by(free.rules(n), flag, surveys[0]) for n in (0.0, 1.0))
        if seen is None or zero is None or one is None:
            continue
        number = _number(seen, zero, one)
        if number is None:
            continue
        fitted = replace(hypothesis, bug=hypothesis.bug.having(number))
        left = residual.left_unexplained(fitted.bug.rules, flag, surveys, case.noise)
        if left <= ACCEPT:
            name = Name(fitted.bug.slug, fitted.bug.site, flag.layer)
            return [_told(of_class(fitted, [name], case.network, left), fitted, number)]
    return []


def _fitted(evidence: Evidence, hypothesis: Hypothesis) -> float | None:
    free = hypothesis.bug.free
    request, answer = evidence.requests[0], evidence.answers[0]
    if free is None or hypothesis.everywhere or answer.failure is not None:
        return None

    def computed(number: float) -> Floats:
        rules: dict[str, Rule] = dict(
            replace(hypothesis, bug=hypothesis.bug.having(number)).rules()
        )
        return numbers(request, simulate(rules, (request,))[0])

    return _number(numbers(request, answer), computed(0.0), computed(1.0))


def _number(seen: Floats, zero: Floats, one: Floats) -> float | None:
    """Return v where ``seen = zero + v (one - zero)`` fits best; None where it says nothing."""
    direction, off = one - zero, seen - zero
    square = float((direction * direction).sum())
    if not square or seen.shape != zero.shape or not np.isfinite(square):
        return None
    number = float((off * direction).sum()) / square
    return number if np.isfinite(number) and abs(number) > SMALL else None


def _told(diagnosis: Diagnosis, fitted: Hypothesis, number: float) -> Diagnosis:
    assert fitted.bug.free is not None
    return replace(diagnosis, recovered={fitted.bug.free.name: number})
