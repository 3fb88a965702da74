"""Catalogued bugs as hypotheses, and how well each explains what was observed.

A bug alone comes first; then one whose number differs from the catalogue's; then two at once.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradcheck.comparison.verdict import written_factor
from gradcheck.networks.bugs import CATALOGUE, SITES, Bug
from gradcheck.networks.bugs.textbook import LAYERED, RULES, Rule, Textbook, only_in
from gradcheck.networks.diagnosis.observations import (
    Observations,
    explained,
    multiple_of,
    numbers,
    simulate,
    textbook_pass,
    unexplained,
)
from gradcheck.networks.diagnosis.probe_setup import ProbeSetup, probe
from gradcheck.networks.diagnosis.recover_deltas import (
    PARTS,
    SITES_OF,
    RecoveredDeltas,
    WrongRule,
    is_multiple,
    left_unexplained,
    observed_at,
    predicted_by,
    recover_all,
)
from gradcheck.networks.diagnosis.result import BugAtPlace, Diagnosis, named, taken_back
from gradcheck.networks.problem import Floats, Network, Problem

#: A hypothesis that leaves less than this of the error unexplained is accepted...
ACCEPT = 1e-6

#: ... if every rival leaves at least this much.
REJECT = 1e-2

#: More members than this and a class says nothing.
LARGEST_CLASS = 4


@dataclass(frozen=True)
class Hypothesis:
    """A bug, in one layer or (``layer`` None) everywhere it can strike.

    A layered bug in all its layers at once is ``everywhere``. With a ``number`` it is no bug, but
    the right rule multiplied by that.
    """

    bug: Bug
    layer: int | None
    everywhere: bool = False
    number: float | None = None

    def rules(self) -> Mapping[str, Rule]:
        """The textbook's rules that it replaces."""
        rules = self.bug.rules
        return rules if self.layer is None else only_in(self.layer, rules)

    def struck(self, network: Network) -> tuple[int, ...]:
        """Return the layers in which it stands, all for a rule that belongs to none."""
        layers = self.bug.layers(network) if self.layer is None else (self.layer,)
        return tuple(n for n in layers if n is not None) or tuple(range(1, network.depth + 1))

    @property
    def likely(self) -> bool:
        """Whether of several bugs that are one function this is the one that is mostly written.

        A sign or a factor of the output is rather the error's than the slope's, and nothing is
        rather not sent back than sent through weights that cancel.
        """
        return self.bug.site == "loss_derivative" or self.bug.slug == "gradient_cut"

    def at(self, layer: int | None) -> BugAtPlace:
        """Return the bug by name in a layer."""
        return BugAtPlace(self.bug.slug, self.bug.site, layer)

    def names(self, network: Network) -> tuple[BugAtPlace, ...]:
        """Return the bug by name, once for each layer it strikes."""
        layers = self.bug.layers(network) if self.everywhere else (self.layer,)
        return tuple(map(self.at, layers))

    def shown(self, network: Network, observations: Observations) -> Iterator[BugAtPlace]:
        """Yield its names in the layers where it makes a difference, from the top down."""
        problems = [request.problem for request in observations.requests]
        for name in sorted(self.names(network), key=lambda n: -(n.layer or 0)):
            if not self.everywhere or any(self.bug.visible(p, name.layer) for p in problems):
                yield name


def hypotheses(network: Network, sites: Collection[str] = SITES) -> list[Hypothesis]:
    """List every bug that can be planted in a network, layer by layer and everywhere."""
    listed = []
    for bug in CATALOGUE.values():
        layers = bug.layers(network) if bug.site in sites else ()
        listed += [Hypothesis(bug, layer) for layer in layers]
        if len(layers) > 1:
            listed.append(Hypothesis(bug, None, everywhere=True))
    return listed


def hypotheses_at(network: Network, wrong: WrongRule) -> list[Hypothesis]:
    """List the bugs that can make one rule wrong in one layer."""
    return [
        h
        for h in hypotheses(network, SITES_OF[wrong.part])
        if not h.everywhere and h.layer in (wrong.layer, None)
    ]


@dataclass(frozen=True)
class Ranking:
    """Hypotheses in order of what they leave unexplained: those accepted first, best first.

    Of the others those are ``near`` that leave less than :data:`REJECT`; ``rival`` is what the best
    of all others leaves, infinite when there is none.
    """

    fitting: list[tuple[float, Hypothesis]]
    near: list[tuple[float, Hypothesis]]
    rival: float

    def names_one(self, network: Network) -> bool:
        """Whether some function in the catalogue fits, and no other comes near."""
        names = {name for _, h in self.fitting for name in h.names(network)[:1]}
        return self.rival >= REJECT and 0 < len(names) <= LARGEST_CLASS


def rank(observations: Observations, candidates: Iterable[Hypothesis], noise: float) -> Ranking:
    """Simulate each hypothesis and compare."""
    scored = [(unexplained(observations, h.rules(), noise, enough=REJECT), h) for h in candidates]
    fitting = [(left, h) for left, h in scored if left <= ACCEPT]
    fitting.sort(key=lambda item: (item[1].everywhere, not item[1].likely, item[0]))
    near = [(left, h) for left, h in scored if ACCEPT < left < REJECT]
    rival = min((left for left, _ in scored if left > ACCEPT), default=float("inf"))
    return Ranking(fitting, near, rival)


def confirmed(ranking: Ranking, held_out: Observations, noise: float) -> Ranking:
    """Keep what also explains problems that it was not chosen on.

    Nor is a rival one any more that explains those worse.
    """

    def left_there(hypothesis: Hypothesis) -> float:
        return unexplained(held_out, hypothesis.rules(), noise)

    kept = [(left, h) for left, h in ranking.fitting if left_there(h) <= ACCEPT]
    near = [(max(left, left_there(h)), h) for left, h in ranking.near]
    return Ranking(kept, near, min((left for left, _ in near), default=ranking.rival))


def name_fitting(ranking: Ranking, network: Network, observations: Observations) -> list[Diagnosis]:
    """Return one diagnosis for each layer where the best hypothesis shows, from the top down."""
    left, best = ranking.fitting[0]
    rivals = [
        h for _, h in ranking.fitting if h is not best and not (h.everywhere and h.bug is best.bug)
    ]
    others = tuple(dict.fromkeys(name for h in rivals for name in h.names(network)))
    result = []
    for name in best.shown(network, observations):
        also = [o for o in others if not best.everywhere or o.layer in (name.layer, None)]
        names = [name, *(o for o in also if o != name)]
        result.append(named(best.bug, names, network, left, ranking.rival))
    return result


# ---- another number in a bug -------------------------------------------------------------

#: A number smaller than this is zero.
SMALLEST_NUMBER = 1e-9


def another_number(
    setup: ProbeSetup, observations: Observations, listed: Sequence[Hypothesis]
) -> list[Diagnosis]:
    """Name a bug of which only the number differs from the catalogue's.

    What such a bug computes is linear in its number, so that two simulations of the first answer,
    with 0 and with 1, give the number that fits best. It is accepted as any other hypothesis is:
    if nothing of the error is left, on problems too that it was not fitted to.
    """
    if not observations.answers or observations.answers[0].failure is not None:
        return []
    request, answer = observations.requests[0], observations.answers[0]
    return _with_its_number(
        setup,
        (h for h in listed if not h.everywhere),
        numbers(request, answer),
        lambda h: numbers(request, simulate(h.rules(), (request,))[0]),
        lambda h: unexplained(observations, h.rules(), setup.noise),
    )


def another_number_at(
    setup: ProbeSetup, wrong: WrongRule, recovered: list[RecoveredDeltas]
) -> list[Diagnosis]:
    """Name a bug at one place with the number that the code's own numbers around it give."""
    observed = observed_at(wrong, recovered[0])
    if len(recovered) < 2 or observed is None:
        return []
    return _with_its_number(
        setup,
        (replace(h, layer=wrong.layer) for h in hypotheses_at(setup.network, wrong)),
        observed,
        lambda h: predicted_by(h.bug.rules, wrong, recovered[0]),
        lambda h: left_unexplained(h.bug.rules, wrong, recovered, setup.noise),
    )


def _with_its_number(
    setup: ProbeSetup,
    listed: Iterable[Hypothesis],
    observed: Floats,
    predicted: Callable[[Hypothesis], Floats | None],
    left: Callable[[Hypothesis], float],
) -> list[Diagnosis]:
    """Name the first bug that leaves nothing with the number that fits best."""
    for hypothesis in listed:
        bug = hypothesis.bug
        if bug.free is None:
            continue
        zero, one = (predicted(replace(hypothesis, bug=bug.having(n))) for n in (0.0, 1.0))
        if zero is None or one is None or observed.shape != zero.shape:
            continue
        number = multiple_of(observed - zero, one - zero, np.inf)
        if number is None or abs(number) <= SMALLEST_NUMBER:
            continue
        fitted = replace(hypothesis, bug=bug.having(number))
        if (rest := left(fitted)) <= ACCEPT:
            diagnosis = named(fitted.bug, [fitted.at(fitted.layer)], setup.network, rest)
            return [replace(diagnosis, recovered={bug.free.name: number})]
    return []


# ---- a plain number in place of a bug ----------------------------------------------------

#: Numbers that are written for many reasons. Others, a third, are no accident.
PLAIN_NUMBERS = (0.5, 2.0, 0.1, 10.0)

#: By this part two numbers may differ and be one.
ONE_NUMBER = 1e-9


def with_plain_numbers(setup: ProbeSetup, ranking: Ranking, observations: Observations) -> Ranking:
    """Set the plain number that a hypothesis comes to here beside it, as a rival.

    A mean over two outputs is a half, and a half that was written for another reason is the
    same function there. A wider network, where the code handles one, tells them apart.
    """
    problems = [request.problem for request in observations.requests]
    found = [plain_number(setup, h, problems) for _, h in ranking.fitting]
    known = [number for number, by_width in found if not by_width]
    rivals = [
        (left, _as_number(h, number))
        for (left, h), (number, by_width) in zip(ranking.fitting, found, strict=True)
        if by_width and number is not None and number not in known
    ]
    return replace(ranking, fitting=[*ranking.fitting, *rivals[:1]])


def without_plain_numbers(ranking: Ranking) -> tuple[Ranking, float | None]:
    """Take the numbers out again; the one that fits beside bugs is returned."""
    left = [h.number for _, h in ranking.fitting if h.number is not None]
    bugs = [(residual, h) for residual, h in ranking.fitting if h.number is None]
    return replace(ranking, fitting=bugs), left[0] if left and bugs else None


def plain_number(
    setup: ProbeSetup, hypothesis: Hypothesis, problems: list[Problem]
) -> tuple[float | None, bool]:
    """Return the plain number that a bug comes to, and whether wider layers give another."""
    number = _number(hypothesis, problems)
    plain = next(
        (n for n in PLAIN_NUMBERS if number is not None and abs(number - n) <= ONE_NUMBER), None
    )
    if plain is None:
        return None, False
    wider = replace(setup.network, widths=tuple(n + 1 for n in setup.network.widths))
    there = _number(hypothesis, [probe(wider, 2, (0,), setup.one_hot)])
    return plain, there is None or abs(there - plain) > ONE_NUMBER


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
            number = multiple_of(one, two, ONE_NUMBER)
            if number is None:
                return None
            found.append(number)
    return found[0] if found and np.ptp(found) <= ONE_NUMBER else None


def _as_number(hypothesis: Hypothesis, number: float) -> Hypothesis:
    """Return what multiplies by a number where a bug does something else."""
    ((rule, _),) = hypothesis.bug.rules.items()
    right = RULES[rule]
    rules = {rule: lambda p, *at: number * right(p, *at)}
    bug = replace(hypothesis.bug, slug="", rules=rules, free=None)
    return replace(hypothesis, bug=bug, number=number)


def only_a_number(setup: ProbeSetup, diagnosis: Diagnosis, number: float) -> Diagnosis:
    """Tell the place and the number, and what else it may be, for nothing tells them apart."""
    name, nameless = diagnosis.name, taken_back(diagnosis, setup.network)
    return replace(
        nameless,
        explanation=f"{nameless.explanation} It is {written_factor(number)} times what it should "
        f"be: {CATALOGUE[name.bug].title}, or one number is wrong. The networks that your code "
        "handles do not tell which.",
        also=(name, *diagnosis.also),
        recovered={"factor": number},
    )


# ---- two bugs at once --------------------------------------------------------------------

#: A site that takes no part: what destroys digits explains too much together with anything else.
NOT_IN_PAIRS = "numerics"

#: As many of the bugs that explain something alone are paired with all others.
PAIRED_WITH_ALL = 12

Pairing = tuple[Hypothesis, Hypothesis]


def two_bugs(
    setup: ProbeSetup,
    observations: Observations,
    held_out: Observations,
    listed: Sequence[Hypothesis],
) -> list[Diagnosis]:
    """Name two bugs that together explain everything; nothing if that is not sure.

    Trying all pairs would take minutes. But one of two bugs alone mostly explains some
    tensor: what lies above the other, or what the other has no part in. So the bugs that
    explain most come first, and only those are paired with all others.
    """
    network = setup.network
    listed = [h for h in listed if h.bug.site != NOT_IN_PAIRS]
    pairings = [
        pairing
        for pairing in _pairings(setup, observations, listed)
        if unexplained(held_out, _merged(pairing), setup.noise) <= ACCEPT
        and not _one_number(setup, pairing, observations + held_out)
    ]
    # those that strike in more places than others need more coincidences
    places = [sum(len(h.names(network)) for h in pairing) for pairing in pairings]
    pairings = [p for p, count in zip(pairings, places, strict=True) if count == min(places)]
    if not pairings:
        return []
    best = pairings[0]
    sides = [_side(network, best, pairings, place) for place in (0, 1)]
    names = {name for side in sides for name in side}
    one_story = all(h.names(network)[0] in names for pairing in pairings for h in pairing)
    if max(map(len, sides)) > LARGEST_CLASS or not one_story:
        return []
    left = unexplained(observations, _merged(best), setup.noise)
    result = [
        named(hypothesis.bug, [own, *(n for n in side if n.bug != own.bug)], network, left)
        for hypothesis, side in zip(best, sides, strict=True)
        for own in hypothesis.shown(network, observations)
    ]
    return sorted(result, key=lambda d: -(d.name.layer or 0))


def _pairings(
    setup: ProbeSetup, observations: Observations, listed: Sequence[Hypothesis]
) -> list[Pairing]:
    alone = explained(observations, {}, setup.noise)
    scores = [(explained(observations, h.rules(), setup.noise), h) for h in listed]
    scores = [(score, h) for score, h in scores if score > alone]
    scores.sort(key=lambda item: (-item[0], item[1].everywhere))
    found: list[Pairing] = []
    for index, (_, one) in enumerate(scores[:PAIRED_WITH_ALL]):
        before = {h for _, h in scores[:index]}
        for two in listed:
            if two in before or set(one.bug.rules) & set(two.bug.rules):
                continue
            if unexplained(observations, _merged((one, two)), setup.noise, REJECT) <= ACCEPT:
                found.append((one, two))
    return found


def _one_number(setup: ProbeSetup, pairing: Pairing, observations: Observations) -> bool:
    """Whether both stand in one place, and make one number there: 2 and 1/4 are a half."""
    one, two = pairing
    part = PARTS.get(one.bug.site)
    if part is None or PARTS.get(two.bug.site) != part:
        return False
    recovered = recover_all(observations, setup.tolerance)
    shared = set(one.struck(setup.network)) & set(two.struck(setup.network))
    return any(
        is_multiple(wrong, [f for f in recovered if wrong in f.wrong_rules], setup.tolerance)
        for wrong in (WrongRule(part, layer) for layer in shared)
    )


def _merged(pairing: Pairing) -> Mapping[str, Rule]:
    return {**pairing[0].rules(), **pairing[1].rules()}


def _side(network: Network, best: Pairing, pairings: list[Pairing], place: int) -> list[BugAtPlace]:
    """The names that one half of the best pairing has, the other half staying."""
    other = best[1 - place]
    halves = [p[0] if p[1] is other else p[1] for p in pairings if other in p]
    names = [name for h in (best[place], *halves) for name in h.names(network)[:1]]
    return list(dict.fromkeys(names))
