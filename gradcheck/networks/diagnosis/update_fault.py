"""A step that is not what the code's own gradient makes of it."""

from collections.abc import Generator, Mapping
from dataclasses import replace

import numpy as np

from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.networks.bugs.textbook import Rule, Textbook
from gradcheck.networks.diagnosis.diagnosis import Diagnosis, Name
from gradcheck.networks.diagnosis.free_numbers import with_free_number
from gradcheck.networks.diagnosis.hypotheses import ACCEPT, REJECT, hypotheses
from gradcheck.networks.diagnosis.naming import of_class
from gradcheck.networks.diagnosis.observations import Evidence, simulate, unexplained
from gradcheck.networks.diagnosis.probe_setup import RATES, Case, probes
from gradcheck.networks.diagnosis.recover_deltas import textbook_pass
from gradcheck.networks.diagnosis.without_biases import Bare
from gradcheck.networks.problem import Problem

Questions = Generator[Request, Observation, list[Diagnosis]]


def update_fault(case: Case, known: Mapping[str, Rule]) -> Questions:
    """Is the step what the code's own gradient makes of it?

    Parameters
    ----------
    known : mapping of str to callable
        Wrong rules that were named: a step has them too.
    """
    seen = []
    for seed in (0, 1):
        for request in probes(replace(case, calls=(Call.LOSS_AND_GRADS,)), seed):
            gradient = yield replace(request, anew=False)
            step = yield Request(Call.STEP, request.problem, learning_rate=RATES[seed])
            if gradient.failure is None and step.failure is None:
                seen.append((request.problem, gradient, step, RATES[seed]))
    if not seen or _updates_by({}, seen, case):
        return []
    fitting = [
        h
        for h in hypotheses(case.network, ("update",))
        if set(h.bug.rules) == {"update"} and _updates_by(h.bug.rules, seen, case)
    ]
    if not fitting:
        requests = tuple(Request(Call.STEP, p, learning_rate=rate) for p, _, _, rate in seen)
        steps = Evidence(requests, tuple(s for _, _, s, _ in seen), simulate({}, requests))
        listed = [
            h
            for h in hypotheses(case.network, ("update", "delta_recursion"))
            if not set(h.bug.rules) & set(known)
        ]
        for simulation in (Textbook,) if case.network.l2 else (Textbook, Bare):
            fitting = fitting or [
                h
                for h in listed
                if unexplained(steps, {**known, **h.rules()}, case.noise, REJECT, simulation)
                <= ACCEPT
            ]
        fitting.sort(key=lambda h: h.everywhere)
    if not fitting:
        told = with_free_number(case, *_halved(steps), hypotheses(case.network, ("update",)))
        if told:
            return told
        name = Name("", "update", None)
        text = "The step is not what your own gradient makes of it: params - rate * gradient."
        fix = "Look at the lines that change the parameters."
        return [Diagnosis(name, "localised", text, fix)]
    best, *rivals = fitting
    others = [n for h in rivals for n in h.names(case.network) if h.bug is not best.bug]
    return [
        of_class(best, [name, *(n for n in others if n.layer == name.layer)], case.network)
        for name in sorted(best.names(case.network), key=lambda n: -(n.layer or 0))
    ]


def _halved(steps: Evidence) -> tuple[Evidence, Evidence]:
    """What a number is fitted to, and what it is confirmed on: another rate, other values."""
    half = len(steps.requests) // 2
    return (
        Evidence(steps.requests[:half], steps.answers[:half], steps.right[:half]),
        Evidence(steps.requests[half:], steps.answers[half:], steps.right[half:]),
    )


def _updates_by(
    rules: Mapping[str, Rule],
    seen: list[tuple[Problem, Observation, Observation, float]],
    case: Case,
) -> bool:
    """Whether an update rule, fed with the code's own gradient, gives the code's own step."""
    for problem, gradient, step, rate in seen:
        p = textbook_pass(problem)
        p.rules, p.learning_rate = {**p.rules, **rules}, rate
        p.grads = dict(enumerate(gradient.tensors, start=1))
        moved = p.apply("update", list(gradient.tensors))
        for new, took in zip(moved, step.tensors, strict=True):
            for one, two in zip(new, took, strict=True):
                if one.shape != two.shape or np.abs(one - two).max() > 1e3 * case.noise * (
                    1.0 + np.abs(two).max()
                ):
                    return False
    return True
