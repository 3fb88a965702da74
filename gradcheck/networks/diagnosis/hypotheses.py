"""Catalogued bugs as hypotheses, and how well each explains what was seen.

From hypotheses that fit to diagnoses that say so.

Bugs that are one function on one network, told apart on another.

Where the code handles several networks, each bug of a class is simulated on the others,
which costs no call; then the code is asked on the one where they differ most.
"""

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from gradcheck.contract.protocol import Observation, Request
from gradcheck.networks.bugs import CATALOGUE, Bug
from gradcheck.networks.bugs.textbook import LAYERED, RULES, Rule
from gradcheck.networks.diagnosis.diagnosis import Diagnosis, Name, explain
from gradcheck.networks.diagnosis.observations import Observations, numbers, simulate, unexplained
from gradcheck.networks.diagnosis.probe_setup import ProbeSetup, gather, probes
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Floats

#: A hypothesis that leaves less than this of the error unexplained is accepted...
ACCEPT = 1e-6

#: ... if every rival leaves at least this much.
REJECT = 1e-2


@dataclass(frozen=True)
class Hypothesis:
    """A bug, in one layer or (``layer`` None) everywhere it can strike.

    Attributes
    ----------
    bug : Bug
    layer : int or None
    everywhere : bool
        True for a layered bug in all its layers at once.
    """

    bug: Bug
    layer: int | None
    everywhere: bool = False

    def rules(self) -> Mapping[str, Rule]:
        """The textbook's rules that it replaces."""
        planted = self.bug.planted(self.layer).rules
        return {name: rule for name, rule in planted.items() if rule is not RULES[name]}

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

    def names(self, network: Network) -> tuple[Name, ...]:
        """Return the bug by name, once for each layer it strikes."""
        layers = self.bug.layers(network) if self.everywhere else (self.layer,)
        return tuple(Name(self.bug.slug, self.bug.site, layer) for layer in layers)


def hypotheses(network: Network, sites: Iterable[str] | None = None) -> list[Hypothesis]:
    """List every bug that can be planted in a network, layer by layer and everywhere."""
    wanted = None if sites is None else set(sites)
    listed = []
    for bug in CATALOGUE.values():
        if wanted is not None and bug.site not in wanted:
            continue
        layers = bug.layers(network)
        listed += [Hypothesis(bug, layer) for layer in layers]
        if len(layers) > 1:
            listed.append(Hypothesis(bug, None, everywhere=True))
    return listed


@dataclass(frozen=True)
class Ranking:
    """Hypotheses in order of what they leave unexplained.

    Attributes
    ----------
    fitting : list of (float, Hypothesis)
        Those that are accepted, best first.
    near : list of (float, Hypothesis)
        Others that leave less than :data:`REJECT`.
    rival : float
        What the best of the others leaves; infinite when there is none.
    """

    fitting: list[tuple[float, Hypothesis]]
    near: list[tuple[float, Hypothesis]]
    rival: float


def rank(evidence: Observations, candidates: Iterable[Hypothesis], noise: float) -> Ranking:
    """Simulate each hypothesis and compare."""
    fitting: list[tuple[float, Hypothesis]] = []
    near: list[tuple[float, Hypothesis]] = []
    rival = float("inf")
    for hypothesis in candidates:
        left = unexplained(evidence, hypothesis.rules(), noise, enough=REJECT)
        if left <= ACCEPT:
            fitting.append((left, hypothesis))
        else:
            rival = min(rival, left)
            near += [(left, hypothesis)] if left < REJECT else []
    fitting.sort(key=lambda item: (item[1].everywhere, not item[1].likely, item[0]))
    return Ranking(fitting, near, rival)


#: More members than this and a class says nothing.
LARGEST_CLASS = 4


def confirmed(ranking: Ranking, held_out: Observations, noise: float) -> Ranking:
    """Keep what also explains problems that it was not chosen on.

    Nor is a rival one any more that explains those worse.
    """
    kept = [
        (left, hypothesis)
        for left, hypothesis in ranking.fitting
        if unexplained(held_out, hypothesis.rules(), noise) <= ACCEPT
    ]
    near = [
        (max(left, unexplained(held_out, hypothesis.rules(), noise)), hypothesis)
        for left, hypothesis in ranking.near
    ]
    rival = min((left for left, _ in near), default=ranking.rival)
    return Ranking(kept, near, rival)


def classes(ranking: Ranking, network: Network) -> int:
    """Count the bugs among the hypotheses that fit."""
    return len({name for _, h in ranking.fitting for name in h.names(network)[:1]})


def name_fitting(ranking: Ranking, network: Network, evidence: Observations) -> list[Diagnosis]:
    """One diagnosis for each layer where the best hypothesis shows, from the top down."""
    left, best = ranking.fitting[0]
    rivals = [
        h for _, h in ranking.fitting if h is not best and not (h.everywhere and h.bug is best.bug)
    ]
    others = tuple(dict.fromkeys(name for h in rivals for name in h.names(network)))
    result = []
    problems = [request.problem for request in evidence.requests]
    for name in sorted(best.names(network), key=lambda n: -(n.layer or 0)):
        if best.everywhere and not any(best.bug.visible(p, name.layer) for p in problems):
            continue
        also = tuple(o for o in others if not best.everywhere or o.layer in (name.layer, None))
        also = tuple(o for o in also if o != name)
        result.append(of_class(best, [name, *also], network, left, ranking.rival))
    return result


def of_class(
    best: Hypothesis,
    names: list[Name],
    network: Network,
    residual: float = float("nan"),
    rival: float = float("nan"),
) -> Diagnosis:
    """Return the diagnosis of a bug, or of several that are one function here.

    Parameters
    ----------
    best : Hypothesis
        The bug that is explained.
    names : list of Name
        Its own first.
    """
    return Diagnosis(
        names[0],
        "class" if len(names) > 1 else "named",
        explain(best.bug, names[0], network) + _not_told_from(names),
        best.bug.mend,
        also=tuple(names[1:]),
        residual=residual,
        rival_residual=rival,
    )


def _not_told_from(names: list[Name]) -> str:
    """Say which other bugs of the catalogue compute the same here.

    What is the same at the same place, of one activation alone, is no other thing to look for.
    """
    first = names[0]
    others = dict.fromkeys(
        CATALOGUE[n.bug].title
        for n in names[1:]
        if n.bug != first.bug
        and not (
            (n.site, n.layer) == (first.site, first.layer)
            and CATALOGUE[n.bug].activation
            and not CATALOGUE[first.bug].activation
        )
    )
    return f" These numbers do not tell it from: {'; '.join(others)}." if others else ""


def known_rules(diagnoses: Iterable[Diagnosis]) -> Mapping[str, Rule]:
    """Merge the rules of what was named, each in its layer and with its number."""
    by_layer: dict[str, dict[int, Rule]] = {}
    rules: dict[str, Rule] = {}
    for diagnosis in diagnoses:
        if not diagnosis.name.bug:
            continue
        bug, layer = named_bug(diagnosis), diagnosis.name.layer
        for rule, wrong in bug.rules.items():
            if layer is not None and rule in LAYERED:
                by_layer.setdefault(rule, {})[layer] = wrong
            else:
                rules[rule] = wrong
    return rules | {rule: _in_layers(rule, wrong) for rule, wrong in by_layer.items()}


def named_bug(diagnosis: Diagnosis) -> Bug:
    """Return the bug that a diagnosis names, with the number that was recovered."""
    bug = CATALOGUE[diagnosis.name.bug]
    number = diagnosis.recovered.get(bug.free.name) if bug.free is not None else None
    return bug.having(number) if number is not None else bug


def _in_layers(rule: str, wrong: Mapping[int, Rule]) -> Rule:
    """Each layer's own wrong rule, and the textbook's in the others."""
    return lambda p, layer: wrong.get(layer, RULES[rule])(p, layer)


#: Networks asked on, and networks simulated in search of them.
ROUNDS = 3
SEARCHED = 40


def separate(
    case: ProbeSetup, networks: Iterable[Network], ranking: Ranking
) -> Generator[Request, Observation, Ranking]:
    """Drop from a class what another network shows it not to be.

    Parameters
    ----------
    networks : iterable of Network
        That the code handles.
    """
    fitting = ranking.fitting
    others = [n for n in dict.fromkeys(networks) if n != case.network][:SEARCHED]
    for _ in range(ROUNDS):
        members = [_elsewhere(h, case.network) for _, h in fitting]
        if len({h.bug.slug for h in members}) < 2:
            break
        groups = {n: _groups(replace(case, network=n), members) for n in others}
        best = max(others, key=lambda n: groups[n], default=None)
        if best is None or groups[best] < 2:
            break
        others.remove(best)
        there = replace(case, network=best)
        evidence = yield from gather(probes(there, 0))
        kept = [
            told
            for told, h in zip(fitting, members, strict=True)
            if unexplained(evidence, h.rules(), case.noise) <= ACCEPT
        ]
        fitting = kept or fitting
    return replace(ranking, fitting=fitting)


def _elsewhere(hypothesis: Hypothesis, network: Network) -> Hypothesis:
    """A bug in the only layer where it can be is a bug wherever it can be."""
    alone = len(hypothesis.bug.layers(network)) == 1
    return replace(hypothesis, layer=None, everywhere=True) if alone else hypothesis


def _applies(hypothesis: Hypothesis, network: Network) -> bool:
    return hypothesis.everywhere or hypothesis.layer in hypothesis.bug.layers(network)


def _groups(case: ProbeSetup, members: list[Hypothesis]) -> int:
    """Count how many different answers the members give on a network; 0 if one has no place."""
    if not all(_applies(h, case.network) for h in members):
        return 0
    request = probes(case, 0)[-1]
    different: list[Floats] = []
    for hypothesis in members:
        answer = simulate(hypothesis.rules(), (request,))[0]
        row = numbers(request, answer) if answer.failure is None else np.zeros(0)
        if not any(_alike(row, other, case.tolerance) for other in different):
            different.append(row)
    return len(different)


def _alike(one: Floats, two: Floats, tolerance: float) -> bool:
    if one.shape != two.shape:
        return False
    size = max(float(np.linalg.norm(one)), float(np.linalg.norm(two)))
    return bool(float(np.linalg.norm(one - two)) <= tolerance * size)
