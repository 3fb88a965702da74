"""Bugs with a number in them that differs from code to code: the number is recovered.

What such a bug computes is linear in its number, so that two simulations, with 0 and
with 1, give the number that fits best. It is accepted as any other hypothesis is: if
nothing of the error is left, on problems that it was not fitted to.

Bugs that are one plain number on the networks at hand, and another on wider ones.

A mean over two outputs is a half, and a half that was written for another reason is the
same function there. So the number takes part as a rival: a wider network, where the code
handles one, tells them apart, and where it handles none the number is told, and no name.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gradcheck.networks.bugs import CATALOGUE, Bug
from gradcheck.networks.bugs.textbook import LAYERED, RULES, Rule, Textbook
from gradcheck.networks.diagnosis.diagnosis import Diagnosis, Name
from gradcheck.networks.diagnosis.hypotheses import (
    ACCEPT,
    Hypothesis,
    Ranking,
    hypotheses,
    of_class,
)
from gradcheck.networks.diagnosis.observations import Observations, numbers, simulate, unexplained
from gradcheck.networks.diagnosis.place import placed
from gradcheck.networks.diagnosis.probe_setup import ProbeSetup, probe
from gradcheck.networks.diagnosis.recover_deltas import (
    SITES_OF,
    RecoveredDeltas,
    WrongRule,
    left_unexplained,
    observed_at,
    predicted_by,
    textbook_pass,
)
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Floats, Problem

#: Below this a number is none.
SMALL = 1e-9


def with_free_number(
    case: ProbeSetup, evidence: Observations, held_out: Observations, listed: Sequence[Hypothesis]
) -> list[Diagnosis]:
    """Name a bug of which only the number differs from the catalogue's.

    Parameters
    ----------
    evidence : Observations
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


def at_a_place(
    case: ProbeSetup, flag: WrongRule, surveys: list[RecoveredDeltas]
) -> list[Diagnosis]:
    """Name a bug at a flagged place by what the code's own numbers around it give."""
    if len(surveys) < 2:
        return []
    for hypothesis in hypotheses(case.network, SITES_OF[flag.part]):
        free = hypothesis.bug.free
        if free is None or hypothesis.everywhere or hypothesis.layer not in (flag.layer, None):
            continue
        seen = observed_at(flag, surveys[0])
        zero, one = (predicted_by(free.rules(n), flag, surveys[0]) for n in (0.0, 1.0))
        if seen is None or zero is None or one is None:
            continue
        number = _best_number(seen, zero, one)
        if number is None:
            continue
        fitted = replace(hypothesis, bug=hypothesis.bug.having(number))
        left = left_unexplained(fitted.bug.rules, flag, surveys, case.noise)
        if left <= ACCEPT:
            name = Name(fitted.bug.slug, fitted.bug.site, flag.layer)
            return [_told(of_class(fitted, [name], case.network, left), fitted, number)]
    return []


def _fitted(evidence: Observations, hypothesis: Hypothesis) -> float | None:
    free = hypothesis.bug.free
    request, answer = evidence.requests[0], evidence.answers[0]
    if free is None or hypothesis.everywhere or answer.failure is not None:
        return None

    def computed(number: float) -> Floats:
        rules: dict[str, Rule] = dict(
            replace(hypothesis, bug=hypothesis.bug.having(number)).rules()
        )
        return numbers(request, simulate(rules, (request,))[0])

    return _best_number(numbers(request, answer), computed(0.0), computed(1.0))


def _best_number(seen: Floats, zero: Floats, one: Floats) -> float | None:
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


#: Numbers that are written for many reasons. Others, a third, are no accident.
PLAIN = (0.5, 2.0, 0.1, 10.0)

#: By this part two numbers may differ and be one.
SAME = 1e-9


def with_plain_numbers(case: ProbeSetup, ranking: Ranking, evidence: Observations) -> Ranking:
    """Set the plain number that a hypothesis comes to here beside it, as a rival."""
    problems = [request.problem for request in evidence.requests]
    numbers = [plain_number(case, h, problems) for _, h in ranking.fitting]
    known = [n for n, by_width in numbers if not by_width]
    rivals = [
        (left, replace(h, bug=_as_number(h.bug, number)))
        for (left, h), (number, by_width) in zip(ranking.fitting, numbers, strict=True)
        if by_width and number is not None and number not in known
    ]
    return replace(ranking, fitting=[*ranking.fitting, *rivals[:1]])


def without_plain_numbers(ranking: Ranking) -> tuple[Ranking, float | None]:
    """Take the numbers out again; the one that fits beside bugs is returned."""
    left = [float(h.bug.title) for _, h in ranking.fitting if not h.bug.slug]
    named = [(residual, h) for residual, h in ranking.fitting if h.bug.slug]
    return replace(ranking, fitting=named), left[0] if left and named else None


def plain_number(
    case: ProbeSetup, hypothesis: Hypothesis, problems: list[Problem]
) -> tuple[float | None, bool]:
    """Return the plain number that a bug comes to, and whether wider layers give another."""
    number = _number(hypothesis, problems)
    plain = next((n for n in PLAIN if number is not None and abs(number - n) <= SAME), None)
    if plain is None:
        return None, False
    mine = case.network
    wider = Network(
        tuple(n + 1 for n in mine.widths), mine.activations, mine.loss, mine.reduction, mine.l2
    )
    there = _number(hypothesis, [probe(wider, 2, (0,), case.one_hot)])
    return plain, there is None or abs(there - plain) > SAME


def _number(hypothesis: Hypothesis, problems: list[Problem]) -> float | None:
    """Return by what a bug multiplies the one rule that it replaces, where it does no more."""
    if len(hypothesis.bug.rules) != 1 or hypothesis.bug.remembers:
        return None
    ((rule, wrong),) = hypothesis.bug.rules.items()
    found = []
    for problem in problems:
        p = textbook_pass(problem)
        Textbook().backward(p)
        for layer in hypothesis.struck(problem.network):
            at = (layer,) if rule in LAYERED else ()
            try:
                one, two = np.asarray(wrong(p, *at)), np.asarray(RULES[rule](p, *at))
            except Exception:  # a planted rule may raise, as real code does
                return None
            square = float((two * two).sum()) if one.shape == two.shape else 0.0
            number = float((one * two).sum()) / square if square else 0.0
            off = float(np.linalg.norm(one - number * two)) if square else np.inf
            found.append(number if off <= SAME * np.sqrt(square) else np.nan)
    if not found or not np.isfinite(found).all() or np.ptp(found) > SAME:
        return None
    return found[0]


def _as_number(bug: Bug, number: float) -> Bug:
    """Return what multiplies by a number where a bug does something else."""
    ((rule, _),) = bug.rules.items()
    right = RULES[rule]
    return replace(
        bug,
        slug="",
        title=f"{number:g}",
        rules={rule: lambda p, *at: number * right(p, *at)},
        free=None,
    )


def only_a_number(case: ProbeSetup, diagnosis: Diagnosis, number: float) -> Diagnosis:
    """Tell the place and the number, and what else it may be, for nothing tells them apart."""
    name = diagnosis.name
    text, mend = placed(name.site, name.layer, case.network)
    return replace(
        diagnosis,
        name=replace(name, bug=""),
        certainty="localised",
        explanation=f"{text} It is {number:g} times what it should be: "
        f"{CATALOGUE[name.bug].title}, or one number is wrong. The networks that your code handles "
        "do not tell which.",
        fix=mend,
        also=(name, *diagnosis.also),
        recovered={"factor": number},
    )
