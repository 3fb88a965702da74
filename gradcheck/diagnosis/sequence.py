"""The order of a diagnosis: from cheap to expensive, stopping at what is sure."""

from collections.abc import Generator
from dataclasses import replace

from gradcheck.diagnosis.arithmetic import of_arithmetic
from gradcheck.diagnosis.case import Case, again, gather, make_case, probes
from gradcheck.diagnosis.diagnosis import Diagnosis, Name
from gradcheck.diagnosis.evidence import Evidence, unexplained
from gradcheck.diagnosis.hypotheses import REJECT, hypotheses, rank
from gradcheck.diagnosis.naming import LARGEST_CLASS, classes, confirmed, name_fitting
from gradcheck.diagnosis.place_by_place import place_by_place
from gradcheck.diagnosis.update_fault import update_fault
from gradcheck.plan import Plan
from gradcheck.problem import Problem
from gradcheck.protocol import Call, Observation, Request
from gradcheck.verdict import Finding, Verdict

Questions = Generator[Request, Observation, list[Diagnosis]]

_KEPT = Diagnosis(
    Name("", "state", None),
    "localised",
    "Your code answers the same question differently when it is asked again: something is kept "
    "between calls, or drawn at random.",
    "Look for what outlives a call: module variables, attributes, caches, default arguments.",
)


def diagnose(plan: Plan, findings: list[Finding]) -> Questions:
    """Name what is wrong, or say how far it can be told.

    Parameters
    ----------
    plan : Plan
    findings : list of Finding
        Of every check.

    Returns
    -------
    list of Diagnosis
        The first cause first.
    """
    bad = {f.check: f for f in findings if f.verdict in (Verdict.WRONG, Verdict.ERROR)}
    failing = [Problem.parse(text) for f in bad.values() for text in f.failing]
    # answers that change when asked again look as rough as a lack of digits
    fault = "" if "purity" in bad else plan.arithmetic.fault
    if not failing:
        return of_arithmetic(plan.arithmetic) if fault else []
    case = make_case(plan, bad, failing)
    evidence = yield from gather(probes(case, 0))
    if any(_broken(answer) for answer in evidence.answers):
        return []
    if _all_right(evidence, case.noise):  # it shows on special values only: take those
        case = replace(case, network=failing[0].network)
        evidence = yield from gather(again(case, failing))
    if _all_right(evidence, case.noise):
        if fault:
            return of_arithmetic(plan.arithmetic)
        return [_KEPT] if {"gradient", "loss", "step"} & set(bad) else []
    sites = ("numerics",) if fault else None
    ranking = rank(evidence, hypotheses(case.network, sites), case.noise)
    if ranking.fitting:
        held_out = yield from gather(probes(case, 1))
        ranking = confirmed(ranking, held_out, case.noise)
    told = ranking.rival >= REJECT and classes(ranking, case.network) <= LARGEST_CLASS
    if ranking.fitting and told:
        result = name_fitting(ranking, case.network, evidence)
        if "step" in bad and case.calls == (Call.LOSS_AND_GRADS,):
            result += yield from update_fault(case, ranking.fitting[0][1].rules())
        return _on(case, result)
    if fault:
        return of_arithmetic(plan.arithmetic)
    if case.repeated:
        return [_KEPT]
    if Call.LOSS_AND_GRADS not in case.calls:
        return []
    return _on(case, (yield from place_by_place(case, evidence, "step" in bad)))


def _on(case: Case, diagnoses: list[Diagnosis]) -> list[Diagnosis]:
    return [replace(diagnosis, network=str(case.network)) for diagnosis in diagnoses]


def _broken(answer: Observation) -> bool:
    """Whether an answer holds nothing to diagnose from."""
    return answer.failure is not None and answer.failure.kind != "contract"


def _all_right(evidence: Evidence, noise: float) -> bool:
    return unexplained(evidence, {}, noise) == 0.0
