"""Bugs that are one plain number on the networks at hand, and another on wider ones.

A mean over two outputs is a half, and a half that was written for another reason is the
same function there. So the number takes part as a rival: a wider network, where the code
handles one, tells them apart, and where it handles none the number is told, and no name.
"""

from dataclasses import replace

import numpy as np

from gradcheck.networks.bugs import CATALOGUE, Bug
from gradcheck.networks.bugs.textbook import LAYERED, RULES, Textbook
from gradcheck.networks.diagnosis.diagnosis import Diagnosis
from gradcheck.networks.diagnosis.hypotheses import Hypothesis, Ranking
from gradcheck.networks.diagnosis.observations import Evidence
from gradcheck.networks.diagnosis.place import placed
from gradcheck.networks.diagnosis.probe_setup import Case
from gradcheck.networks.diagnosis.probes import probe
from gradcheck.networks.diagnosis.recover_deltas import textbook_pass
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Problem

#: Numbers that are written for many reasons. Others, a third, are no accident.
PLAIN = (0.5, 2.0, 0.1, 10.0)

#: By this part two numbers may differ and be one.
SAME = 1e-9


def with_plain_numbers(case: Case, ranking: Ranking, evidence: Evidence) -> Ranking:
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
    case: Case, hypothesis: Hypothesis, problems: list[Problem]
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


def only_a_number(case: Case, diagnosis: Diagnosis, number: float) -> Diagnosis:
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
