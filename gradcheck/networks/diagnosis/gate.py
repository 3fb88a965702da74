"""What a name predicts that took no part in finding it: other values, other networks.

Bugs that are one function on one network are told apart on another. And whatever way a name
was found, it is planted once more, together with all others, and asked other values, another
number of samples, and where the code handles one another network. A name that does not
predict what the code does there is taken back: the place remains.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from gradcheck.contract.protocol import Call, Request
from gradcheck.networks.bugs import CATALOGUE
from gradcheck.networks.bugs.textbook import Rule
from gradcheck.networks.dense_networks import NetworkContext
from gradcheck.networks.diagnosis.hypotheses import ACCEPT, REJECT, Hypothesis, Ranking
from gradcheck.networks.diagnosis.observations import (
    Observations,
    numbers,
    same,
    simulate,
    unexplained,
)
from gradcheck.networks.diagnosis.probe_setup import PROBE_RATES, ProbeSetup, gather, on, probes
from gradcheck.networks.diagnosis.recover_deltas import (
    PARTS,
    RecoveredDeltas,
    WrongRule,
    left_unexplained,
    observed_at,
    recover_all,
)
from gradcheck.networks.diagnosis.result import (
    Diagnosis,
    Questions,
    known_rules,
    named_bug,
    taken_back,
)
from gradcheck.networks.diagnosis.whole_network import same_losses, simulations
from gradcheck.networks.problem import Floats, Network
from gradcheck.networks.scope import Asking

#: Seed of the problems that no name is chosen on.
FRESH = 7

#: Other networks that names are asked on.
OTHER_NETWORKS = 2

#: Networks asked on to tell bugs apart, and networks simulated in search of them.
NETWORKS_ASKED, NETWORKS_SIMULATED = 3, 40


def separate(setup: ProbeSetup, networks: Iterable[Network], ranking: Ranking) -> Asking[Ranking]:
    """Drop from a class what other networks, that the code handles, show it not to be."""
    fitting = ranking.fitting
    others = [n for n in dict.fromkeys(networks) if n != setup.network][:NETWORKS_SIMULATED]
    for _ in range(NETWORKS_ASKED):
        members = [_anywhere(h, setup.network) for _, h in fitting]
        if len({h.bug.slug for h in members}) < 2:
            break
        groups = {n: _groups(replace(setup, network=n), members) for n in others}
        best = max(others, key=lambda n: groups[n], default=None)
        if best is None or groups[best] < 2:
            break
        others.remove(best)
        observations = yield from gather(probes(replace(setup, network=best), 0))
        kept = [
            item
            for item, h in zip(fitting, members, strict=True)
            if unexplained(observations, h.rules(), setup.noise) <= ACCEPT
        ]
        fitting = kept or fitting
    return replace(ranking, fitting=fitting)


def _anywhere(hypothesis: Hypothesis, network: Network) -> Hypothesis:
    """Plant a bug everywhere that had one layer to be in: on other networks it may have more."""
    alone = len(hypothesis.bug.layers(network)) == 1
    return replace(hypothesis, layer=None, everywhere=True) if alone else hypothesis


def _groups(setup: ProbeSetup, members: list[Hypothesis]) -> int:
    """Count how many different answers the members give on a network; 0 if one has no place."""
    if not all(h.everywhere or h.layer in h.bug.layers(setup.network) for h in members):
        return 0
    request = probes(setup, 0)[-1]
    different: list[Floats] = []
    for hypothesis in members:
        answer = simulate(hypothesis.rules(), (request,))[0]
        row = numbers(request, answer) if answer.failure is None else np.zeros(0)
        if not any(same(row, other, setup.tolerance) for other in different):
            different.append(row)
    return len(different)


@dataclass(frozen=True)
class _Answers:
    """What code answered about the network of a setup, held against all that was named before."""

    setup: ProbeSetup
    diagnoses: list[Diagnosis]
    seen: Observations

    @cached_property
    def recovered(self) -> list[RecoveredDeltas]:
        """The code's deltas, by the forward that was named."""
        forward = _named_forward(self.diagnoses) or None
        return recover_all(self.seen, self.setup.tolerance, forward)

    def predicted(self) -> bool:
        """Whether all that was named, together, is what the code does; with biases or without.

        What was named in some layers may stand in others too, where it did not show.
        """
        return any(
            unexplained(self.seen, rules, self.setup.noise, simulation=simulation) <= ACCEPT
            for rules in (known_rules(self.diagnoses), _everywhere(self.diagnoses))
            for simulation in simulations(self.setup.network)
        )

    def not_predicted_by(self, name: Diagnosis) -> bool:
        """Whether a name does not predict its own place, whatever is wrong elsewhere."""
        layer, part = name.name.layer, _part(name)
        if part is not None and layer is not None:
            here = [d for d in self.diagnoses if _part(d) == part and d.name.layer == layer]
            wrong = WrongRule(part, layer)
            mine = [found for found in self.recovered if wrong in found.wrong_rules]
            return left_unexplained(known_rules(here), wrong, mine, self.setup.noise) > ACCEPT
        # a name of no layer concerns the loss, the step, or all
        if name.name.site == "forward":
            return not same_losses(self.setup, self.seen, _named_forward(self.diagnoses))
        if any(not d.name.bug for d in self.diagnoses):
            return False  # the rest is not known: it cannot be predicted
        if name.name.site != "update":
            return True
        alone = known_rules(d for d in self.diagnoses if d is not name)
        return unexplained(self.seen, alone, self.setup.noise) > ACCEPT

    def refute(self, name: Diagnosis) -> bool:
        """Whether its part is wrong on another network, in no layer so as it says."""
        bug, part = named_bug(name), _part(name)
        able = bug.layers(self.setup.network)
        shown: dict[WrongRule, list[RecoveredDeltas]] = {}
        for found in self.recovered:
            for wrong in found.wrong_rules:
                here = wrong.part == part and wrong.layer in able
                if here and observed_at(wrong, found) is not None:
                    shown.setdefault(wrong, []).append(found)
        together = _everywhere(d for d in self.diagnoses if d.name.bug and _part(d) == part)
        return bool(shown) and all(
            left_unexplained(rules, wrong, mine, self.setup.noise) >= REJECT
            for wrong, mine in shown.items()
            for rules in (bug.rules, together)
        )

    def refute_penalty(self, name: Diagnosis) -> bool:
        """Whether with another strength its part is right, or wrong in another way than it says."""
        if not self.recovered or not _of_penalty(name):
            return False
        rules = {wrong for found in self.recovered for wrong in found.wrong_rules}
        layer, part = name.name.layer, _part(name)
        shown = any(w.part == part and layer in (None, w.layer) for w in rules)
        return not shown or self.not_predicted_by(name)

    def unrefuted(
        self, network: Network, refutes: Callable[["_Answers", Diagnosis], bool]
    ) -> list[Diagnosis]:
        """Take back the names that are refuted; none where together they predict every answer."""
        if not self.seen.answers or self.predicted():
            return self.diagnoses
        return [
            taken_back(d, network) if d.name.bug and refutes(self, d) else d for d in self.diagnoses
        ]


def gated(context: NetworkContext, setup: ProbeSetup, diagnoses: list[Diagnosis]) -> Questions:
    """Take back every name that does not predict what it was not chosen on."""
    if not any(d.name.bug for d in diagnoses) or setup.repeated:
        return diagnoses
    fresh = yield from gather(_requests(context, setup, diagnoses))
    answers = _Answers(setup, diagnoses, fresh)
    diagnoses = answers.unrefuted(setup.network, _Answers.not_predicted_by)
    if not fresh.answers or Call.LOSS_AND_GRADS not in setup.calls:
        return diagnoses
    mine, networks = setup.network, list(dict.fromkeys(p.network for p in context.problems))
    diagnoses = [taken_back(d, mine) if _is_a_constant(d, networks) else d for d in diagnoses]
    if any(_of_penalty(d) for d in diagnoses):
        # all that a name was chosen on has one l2, and of one l2 a constant is some multiple
        strengths = (n.l2 for n in networks if n.l2 not in (0.0, mine.l2))
        nearest = sorted(strengths, key=lambda l2: abs(math.log(l2)))[:1]
        others = [replace(mine, l2=l2) for l2 in nearest]
        diagnoses = yield from _asked_on(context, setup, others, diagnoses, _Answers.refute_penalty)
    if [d.name.site for d in diagnoses] == ["batch_reduction"]:
        # a name of the mean has to hold where the loss is a sum, and the other way round
        alike = (n for n in networks if (n.depth, n.loss) == (mine.depth, mine.loss))
        others = [n for n in alike if n.reduction != mine.reduction][:1]
        return (yield from _asked_on(context, setup, others, diagnoses, lambda *known: True))
    if any(d.name.site in PARTS for d in diagnoses):
        others = _elsewhere(networks, mine)
        diagnoses = yield from _asked_on(context, setup, others, diagnoses, _Answers.refute)
    return diagnoses


def _is_a_constant(diagnosis: Diagnosis, networks: Sequence[Network]) -> bool:
    """Whether a width that a name speaks of is a 1 or a 2 wherever the code can be asked.

    Code without a division, or without the 2 of a square, gives the same numbers then.
    """
    bug = CATALOGUE.get(diagnosis.name.bug)
    if bug is None or bug.of_width is None:
        return False
    sizes = {network.widths[bug.of_width] for network in networks}
    return len(sizes) == 1 and sizes <= {1, 2}


def _asked_on(
    context: NetworkContext,
    setup: ProbeSetup,
    networks: list[Network],
    diagnoses: list[Diagnosis],
    refutes: Callable[[_Answers, Diagnosis], bool],
) -> Questions:
    """Ask about other networks while anything is named, and take back what they refute."""
    for network in networks:
        if any(d.name.bug for d in diagnoses):
            there = on(context, setup, network)
            seen = yield from gather(_with_samples_apart(there, probes(there, FRESH)))
            diagnoses = _Answers(there, diagnoses, seen).unrefuted(setup.network, refutes)
    return diagnoses


def _of_penalty(diagnosis: Diagnosis) -> bool:
    return bool(diagnosis.name.bug) and diagnosis.name.site == "regularisation"


def _everywhere(diagnoses: Iterable[Diagnosis]) -> dict[str, Rule]:
    """Merge the rules of what was named, each in all layers."""
    rules: dict[str, Rule] = {}
    for diagnosis in diagnoses:
        rules |= named_bug(diagnosis).rules if diagnosis.name.bug else {}
    return rules


def _requests(
    context: NetworkContext, setup: ProbeSetup, diagnoses: list[Diagnosis]
) -> tuple[Request, ...]:
    """Other values, and where it can be had another number of samples; steps for an update."""
    asked = _with_samples_apart(setup, probes(setup, FRESH))
    used = {request.problem.batch.size for request in (*asked, *probes(setup, 0))}
    other = [n for n in context.subject.support.batch_sizes if n > 1 and n not in used]
    if other:
        asked += (_of_size(setup, asked[-1], min(other, key=lambda n: abs(n - 4)), 9),)
    if Call.STEP not in setup.calls and any(d.name.site == "update" for d in diagnoses):
        asked += tuple(
            replace(request, call=Call.STEP, learning_rate=PROBE_RATES[0], anew=False)
            for request in asked
        )
    return asked


def _with_samples_apart(setup: ProbeSetup, asked: tuple[Request, ...]) -> tuple[Request, ...]:
    """Add a problem of several samples that each layer tells apart, where there is none."""
    sizes = [request.problem.batch.size for request in asked]
    able = next((n for n in setup.sizes if n > 1), 1)
    if able == 1 or able in sizes:
        return asked
    return (*asked, _of_size(setup, asked[-1], able, 8))


def _of_size(setup: ProbeSetup, request: Request, samples: int, index: int) -> Request:
    return replace(request, problem=setup.probe(samples, (FRESH, index, 5)), anew=False)


def _named_forward(diagnoses: Iterable[Diagnosis]) -> dict[str, Rule]:
    return dict(known_rules(d for d in diagnoses if d.name.site == "forward"))


def _part(diagnosis: Diagnosis) -> str | None:
    """Which tensor a name is about; a penalty is that of the weights, or of the biases."""
    if diagnosis.name.site == "regularisation":
        rules = named_bug(diagnosis).rules if diagnosis.name.bug else {}
        return "bias" if any(rule.startswith("bias") for rule in rules) else "weight"
    return PARTS.get(diagnosis.name.site)


def _elsewhere(networks: list[Network], mine: Network) -> list[Network]:
    """Networks of as many layers with other activations in them; those that differ most first."""

    def different(network: Network) -> int:
        both = zip(network.activations, mine.activations, strict=False)
        return sum(one != two for one, two in both)

    others = (n for n in networks if n.loss == mine.loss and n.depth >= min(2, mine.depth))
    return sorted((n for n in others if n != mine), key=different, reverse=True)[:OTHER_NETWORKS]
