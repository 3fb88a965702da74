"""From hypotheses that fit to diagnoses that say so."""

from collections.abc import Iterable, Mapping

from gradcheck.networks.bugs import CATALOGUE, Bug
from gradcheck.networks.bugs.textbook import LAYERED, RULES, Rule
from gradcheck.networks.diagnosis.advice import explain
from gradcheck.networks.diagnosis.diagnosis import Diagnosis, Name
from gradcheck.networks.diagnosis.hypotheses import ACCEPT, Hypothesis, Ranking
from gradcheck.networks.diagnosis.observations import Evidence, unexplained
from gradcheck.networks.network import Network

#: More members than this and a class says nothing.
LARGEST_CLASS = 4


def confirmed(ranking: Ranking, held_out: Evidence, noise: float) -> Ranking:
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


def name_fitting(ranking: Ranking, network: Network, evidence: Evidence) -> list[Diagnosis]:
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
