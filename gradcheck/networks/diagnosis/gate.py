"""The last question: does what was named predict a problem that took no part in naming it?

Whatever way a name was found, it is planted once more, together with all others, and asked
other values, another number of samples, and where the code handles one another network. A
name that does not predict what the code says there is taken back: the place remains.
"""

import math
from collections.abc import Generator, Iterator
from dataclasses import replace

from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.networks.bugs.textbook import Rule, Textbook
from gradcheck.networks.context import NetworkContext
from gradcheck.networks.diagnosis.diagnosis import Diagnosis
from gradcheck.networks.diagnosis.hypotheses import ACCEPT, REJECT, known_rules, named_bug
from gradcheck.networks.diagnosis.observations import Observations, Simulation, unexplained
from gradcheck.networks.diagnosis.place import placed
from gradcheck.networks.diagnosis.probe_setup import RATES, ProbeSetup, gather, on, probes
from gradcheck.networks.diagnosis.recover_deltas import (
    PARTS,
    RecoveredDeltas,
    WrongRule,
    left_unexplained,
    observed_at,
    survey,
)
from gradcheck.networks.diagnosis.update_and_forward import Bare, same_loss
from gradcheck.networks.network import Network

Questions = Generator[Request, Observation, list[Diagnosis]]

#: Seed of the problems that no name is chosen on.
FRESH = 7

#: Other networks asked on.
ELSEWHERE = 2


def gated(plan: NetworkContext, case: ProbeSetup, diagnoses: list[Diagnosis]) -> Questions:
    """Take back every name that does not predict what it was not chosen on."""
    if not any(d.name.bug for d in diagnoses) or case.repeated:
        return diagnoses
    fresh = yield from gather(_requests(plan, case, diagnoses))
    if not fresh.answers:
        return diagnoses
    if not _predicted(case, fresh, diagnoses):
        surveys = _surveyed(case, fresh, diagnoses)
        diagnoses = [
            d
            if not d.name.bug or _predicts(case, d, diagnoses, fresh, surveys)
            else taken_back(case, d)
            for d in diagnoses
        ]
    if Call.LOSS_AND_GRADS not in case.calls:
        return diagnoses
    diagnoses = yield from _penalised_otherwise(plan, case, diagnoses)
    if [d.name.site for d in diagnoses] == ["batch_reduction"]:
        return (yield from _reduced_otherwise(plan, case, diagnoses))
    for network in _elsewhere(plan, case):
        there = on(plan, case, network)
        if not any(d.name.bug and d.name.site in PARTS for d in diagnoses):
            break
        seen = yield from gather(_told_apart(there, probes(there, FRESH)))
        if _predicted(there, seen, diagnoses):
            continue
        surveys = _surveyed(there, seen, diagnoses)
        diagnoses = [
            taken_back(case, d) if d.name.bug and _refuted(there, d, diagnoses, surveys) else d
            for d in diagnoses
        ]
    return diagnoses


def _reduced_otherwise(
    plan: NetworkContext, case: ProbeSetup, diagnoses: list[Diagnosis]
) -> Questions:
    """Take a name of the mean back that does not hold where the loss is a sum, or the other way."""
    mine = case.network
    others = (p.network for p in plan.problems if p.network.depth == mine.depth)
    other = next((n for n in others if n.loss == mine.loss and n.reduction != mine.reduction), None)
    if other is None:
        return diagnoses
    there = on(plan, case, other)
    seen = yield from gather(_told_apart(there, probes(there, FRESH)))
    if not seen.answers or _predicted(there, seen, diagnoses):
        return diagnoses
    return [taken_back(case, d) for d in diagnoses]


def _penalised_otherwise(
    plan: NetworkContext, case: ProbeSetup, diagnoses: list[Diagnosis]
) -> Questions:
    """Take a name of the penalty back that does not hold with another strength of it.

    All that a name was chosen on has one l2, and of one l2 a constant is some multiple.
    """
    mine = case.network
    strengths = (p.network.l2 for p in plan.problems if p.network.l2 not in (0.0, mine.l2))
    other = min(strengths, key=lambda l2: abs(math.log(l2)), default=None)
    if other is None or not any(_of_penalty(d) for d in diagnoses):
        return diagnoses
    there = on(plan, case, replace(mine, l2=other))
    seen = yield from gather(_told_apart(there, probes(there, FRESH)))
    if not seen.answers or _predicted(there, seen, diagnoses):
        return diagnoses
    surveys = _surveyed(there, seen, diagnoses)
    return [
        taken_back(case, d)
        if surveys and _of_penalty(d) and not _holds(there, d, diagnoses, seen, surveys)
        else d
        for d in diagnoses
    ]


def _of_penalty(diagnosis: Diagnosis) -> bool:
    return bool(diagnosis.name.bug) and diagnosis.name.site == "regularisation"


def _holds(
    case: ProbeSetup,
    diagnosis: Diagnosis,
    diagnoses: list[Diagnosis],
    seen: Observations,
    surveys: list[RecoveredDeltas],
) -> bool:
    """Whether its part is wrong here too, and so as it says."""
    layer, part = diagnosis.name.layer, _part(diagnosis)
    shown = part is None or any(
        f.part == part and layer in (None, f.layer) for s in surveys for f in s.flags
    )
    return shown and _predicts(case, diagnosis, diagnoses, seen, surveys)


def _predicted(case: ProbeSetup, fresh: Observations, diagnoses: list[Diagnosis]) -> bool:
    """Whether all that was named, together, is what the code does; with biases or without.

    What was named in some layers may stand in others too, where it did not show.
    """
    everywhere: dict[str, Rule] = {}
    for diagnosis in diagnoses:
        everywhere |= named_bug(diagnosis).rules if diagnosis.name.bug else {}
    simulations: tuple[Simulation, ...] = (Textbook,) if case.network.l2 else (Textbook, Bare)
    return any(
        unexplained(fresh, rules, case.noise, simulation=s) <= ACCEPT
        for rules in (known_rules(diagnoses), everywhere)
        for s in simulations
    )


def _requests(
    plan: NetworkContext, case: ProbeSetup, diagnoses: list[Diagnosis]
) -> tuple[Request, ...]:
    """Other values, and where it can be had another number of samples; steps for an update."""
    asked = _told_apart(case, probes(case, FRESH))
    used = {request.problem.batch.size for request in (*asked, *probes(case, 0))}
    other = [n for n in plan.support.batch_sizes if n > 1 and n not in used]
    if other:
        asked += (_of_size(case, asked[-1], min(other, key=lambda n: abs(n - 4)), 9),)
    if Call.STEP not in case.calls and any(d.name.site == "update" for d in diagnoses):
        asked += tuple(
            replace(request, call=Call.STEP, learning_rate=RATES[0], anew=False)
            for request in asked
        )
    return asked


def _told_apart(case: ProbeSetup, asked: tuple[Request, ...]) -> tuple[Request, ...]:
    """Add a problem of several samples that each layer tells apart, where there is none."""
    sizes = [request.problem.batch.size for request in asked]
    able = next((n for n in case.sizes if n > 1), 1)
    if able == 1 or able in sizes:
        return asked
    return (*asked, _of_size(case, asked[-1], able, 8))


def _of_size(case: ProbeSetup, request: Request, samples: int, index: int) -> Request:
    """Ask about other values and so many samples."""
    return replace(request, problem=case.probe(samples, (FRESH, index, 5)), anew=False)


def _surveyed(
    case: ProbeSetup, evidence: Observations, diagnoses: list[Diagnosis]
) -> list[RecoveredDeltas]:
    """Survey what was answered, with the forward that was named."""
    forward = known_rules(d for d in diagnoses if d.name.site == "forward")
    return [
        survey(request.problem, answer, case.tolerance, forward=forward or None)
        for request, answer in zip(evidence.requests, evidence.answers, strict=True)
        if answer.failure is None and request.call is Call.LOSS_AND_GRADS
    ]


def _predicts(
    case: ProbeSetup,
    diagnosis: Diagnosis,
    diagnoses: list[Diagnosis],
    fresh: Observations,
    surveys: list[RecoveredDeltas],
) -> bool:
    """Whether a name predicts its own place, whatever is wrong elsewhere."""
    layer, part = diagnosis.name.layer, _part(diagnosis)
    if part is None or layer is None:
        return _predicts_whole(case, diagnosis, diagnoses, fresh)
    here = [d for d in diagnoses if _part(d) == part and d.name.layer == layer]
    flag = WrongRule(part, layer)
    flagged = [s for s in surveys if flag in s.flags]
    return left_unexplained(known_rules(here), flag, flagged, case.noise) <= ACCEPT


def _predicts_whole(
    case: ProbeSetup, diagnosis: Diagnosis, diagnoses: list[Diagnosis], fresh: Observations
) -> bool:
    """Whether what a name of no layer concerns is as it says: the loss, the step, or all."""
    site = diagnosis.name.site
    if site == "forward":
        rules = known_rules(d for d in diagnoses if d.name.site == "forward")
        return all(
            same_loss(request.problem, answer.loss, rules, case)
            for request, answer in zip(fresh.requests, fresh.answers, strict=True)
            if answer.failure is None and request.call is Call.LOSS_AND_GRADS
        )
    if any(not d.name.bug for d in diagnoses):  # the rest is not known: it cannot be predicted
        return True
    alone = known_rules(d for d in diagnoses if d is not diagnosis)
    return site == "update" and unexplained(fresh, alone, case.noise) <= ACCEPT


def _refuted(
    case: ProbeSetup,
    diagnosis: Diagnosis,
    diagnoses: list[Diagnosis],
    surveys: list[RecoveredDeltas],
) -> bool:
    """Whether its part is wrong on another network, in no layer so as it says."""
    bug = named_bug(diagnosis)
    part = _part(diagnosis)
    able = bug.layers(case.network)
    told = {
        flag: [s for s in surveys if flag in s.flags and observed_at(flag, s) is not None]
        for flag in {f for s in surveys for f in s.flags if f.part == part and f.layer in able}
    }
    if not any(told.values()):
        return False
    together: dict[str, Rule] = {}
    for other in diagnoses:
        if other.name.bug and _part(other) == part:
            together |= named_bug(other).rules
    return all(
        left_unexplained(rules, flag, mine, case.noise) >= REJECT
        for flag, mine in told.items()
        if mine
        for rules in (bug.rules, together)
    )


def _part(diagnosis: Diagnosis) -> str | None:
    """Which tensor a name is about; a penalty is that of the weights, or of the biases."""
    if diagnosis.name.site == "regularisation":
        rules = named_bug(diagnosis).rules if diagnosis.name.bug else {}
        return "bias" if any(rule.startswith("bias") for rule in rules) else "weight"
    return PARTS.get(diagnosis.name.site)


def _elsewhere(plan: NetworkContext, case: ProbeSetup) -> Iterator[Network]:
    """Networks of as many layers with other activations in them; those that differ most first."""
    mine = case.network
    others = [
        n
        for n in dict.fromkeys(problem.network for problem in plan.problems)
        if n != mine and n.loss == mine.loss and n.depth >= min(2, mine.depth)
    ]

    def different(network: Network) -> int:
        return sum(
            one != two for one, two in zip(network.activations, mine.activations, strict=False)
        )

    yield from sorted(others, key=different, reverse=True)[:ELSEWHERE]


def taken_back(case: ProbeSetup, diagnosis: Diagnosis) -> Diagnosis:
    """Keep the place of a diagnosis, and no name."""
    name = replace(diagnosis.name, bug="")
    also = tuple(dict.fromkeys(replace(n, bug="") for n in diagnosis.also))
    told = placed(name.site, name.layer, case.network)
    return replace(
        diagnosis,
        name=name,
        certainty="localised",
        explanation=told[0],
        fix=told[1],
        also=tuple(n for n in also if n != name),
        recovered={},
    )
