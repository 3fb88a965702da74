"""Two catalogued bugs at once, simulated together.

Trying all pairs would take minutes. But one of two bugs alone mostly explains some
tensor: what lies above the other, or what the other has no part in. So the bugs that
explain most come first, and only those are paired with all others.
"""

from collections.abc import Iterator, Mapping, Sequence

from gradcheck.contract.protocol import Call
from gradcheck.networks.bugs.textbook import Rule
from gradcheck.networks.diagnosis.diagnosis import Diagnosis, Name
from gradcheck.networks.diagnosis.hypotheses import (
    ACCEPT,
    LARGEST_CLASS,
    REJECT,
    Hypothesis,
    of_class,
)
from gradcheck.networks.diagnosis.observations import Observations, explained, unexplained
from gradcheck.networks.diagnosis.place import is_multiple
from gradcheck.networks.diagnosis.probe_setup import ProbeSetup
from gradcheck.networks.diagnosis.recover_deltas import PARTS, WrongRule, survey

#: Sites that take no part: what destroys digits explains too much together with anything else.
LEFT_OUT = ("numerics",)

#: As many of the bugs that explain something alone are paired with all others.
FIRST = 12

Pairing = tuple[Hypothesis, Hypothesis]


def two_bugs(
    case: ProbeSetup, evidence: Observations, held_out: Observations, listed: Sequence[Hypothesis]
) -> list[Diagnosis]:
    """Name two bugs that together explain everything; nothing if that is not sure.

    Parameters
    ----------
    held_out : Observations
        Problems on which the pair has to hold without being chosen on them.
    listed : sequence of Hypothesis
        None of which explains everything alone.
    """
    listed = [h for h in listed if h.bug.site not in LEFT_OUT]
    pairings = [
        pairing
        for pairing in _pairings(case, evidence, listed)
        if unexplained(held_out, _merged(pairing), case.noise) <= ACCEPT
        and not _one_number(case, pairing, (evidence, held_out))
    ]
    pairings = _simplest(pairings, case)
    if not pairings:
        return []
    best = pairings[0]
    sides = [_side(case, best, pairings, place) for place in (0, 1)]
    if max(len(side) for side in sides) > LARGEST_CLASS or not _one_story(pairings, sides, case):
        return []
    left = unexplained(evidence, _merged(best), case.noise)
    told = [
        of_class(hypothesis, [own, *(n for n in names if n.bug != own.bug)], case.network, left)
        for hypothesis, names in zip(best, sides, strict=True)
        for own in _shown(hypothesis, names[0], case, evidence)
    ]
    return sorted(told, key=lambda d: -(d.name.layer or 0))


def _shown(
    hypothesis: Hypothesis, first: Name, case: ProbeSetup, evidence: Observations
) -> Iterator[Name]:
    """Every layer in which a bug that is everywhere shows."""
    if not hypothesis.everywhere:
        yield first
        return
    problems = [request.problem for request in evidence.requests]
    for name in hypothesis.names(case.network):
        if any(hypothesis.bug.visible(p, name.layer) for p in problems):
            yield name


def _pairings(
    case: ProbeSetup, evidence: Observations, listed: Sequence[Hypothesis]
) -> list[Pairing]:
    alone = explained(evidence, {}, case.noise)
    scores = [(explained(evidence, h.rules(), case.noise), h) for h in listed]
    telling = [(score, h) for score, h in scores if score > alone]
    telling.sort(key=lambda item: (-item[0], item[1].everywhere))
    found: list[Pairing] = []
    for index, (_, one) in enumerate(telling[:FIRST]):
        before = {h for _, h in telling[:index]}
        for two in listed:
            if two in before or set(one.bug.rules) & set(two.bug.rules):
                continue
            if unexplained(evidence, _merged((one, two)), case.noise, REJECT) <= ACCEPT:
                found.append((one, two))
    return found


def _one_number(case: ProbeSetup, pairing: Pairing, parts: tuple[Observations, ...]) -> bool:
    """Whether both stand in one place, and make one number there: 2 and 1/4 are a half."""
    one, two = pairing
    parts_of = {PARTS.get(h.bug.site) for h in pairing}
    if len(parts_of) > 1 or None in parts_of:
        return False
    (part,) = parts_of
    shared = set(one.struck(case.network)) & set(two.struck(case.network))
    surveys = [
        survey(request.problem, answer, case.tolerance)
        for evidence in parts
        for request, answer in zip(evidence.requests, evidence.answers, strict=True)
        if answer.failure is None and request.call is Call.LOSS_AND_GRADS
    ]
    return any(
        is_multiple(flag, [s for s in surveys if flag in s.flags], case.tolerance)
        for flag in (WrongRule(str(part), layer) for layer in shared)
    )


def _simplest(pairings: list[Pairing], case: ProbeSetup) -> list[Pairing]:
    """Keep the pairings that strike in the fewest places: the others need more coincidences."""

    def places(pairing: Pairing) -> int:
        return sum(len(h.names(case.network)) for h in pairing)

    fewest = min(map(places, pairings), default=0)
    return [pairing for pairing in pairings if places(pairing) == fewest]


def _merged(pairing: Pairing) -> Mapping[str, Rule]:
    return {**pairing[0].rules(), **pairing[1].rules()}


def _side(case: ProbeSetup, best: Pairing, pairings: list[Pairing], place: int) -> list[Name]:
    """The names that one half of the best pairing has, the other half staying."""
    other = best[1 - place]
    halves = [p[0] if p[1] is other else p[1] for p in pairings if other in p]
    names = [name for h in (best[place], *halves) for name in h.names(case.network)[:1]]
    return list(dict.fromkeys(names))


def _one_story(pairings: list[Pairing], sides: list[list[Name]], case: ProbeSetup) -> bool:
    """Whether every pairing that fits is made of the names that are told."""
    told = {name for side in sides for name in side}
    return all(h.names(case.network)[0] in told for pairing in pairings for h in pairing)
