"""Each rule judged alone, on the code's own deltas: for several bugs, and unknown ones.

Where no catalogued bug explains a wrong rule, its site and what it implies are told. A delta
is the product of what comes back and of a slope. Where the targets and everything above change
and the implied slope ``D / (D_above W^T)`` does not, the slope is at fault; where it changes,
what comes back is. What a wrong weight gradient adds to the right one is a penalty when it
stays as the targets change.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from gradcheck.comparison.verdict import written_factor
from gradcheck.contract.protocol import Call, Request
from gradcheck.networks.bugs.textbook import Rule
from gradcheck.networks.definitions import LOSSES
from gradcheck.networks.diagnosis.hypotheses import (
    ACCEPT,
    LARGEST_CLASS,
    REJECT,
    another_number_at,
    hypotheses_at,
    plain_number,
)
from gradcheck.networks.diagnosis.observations import Observations, multiple_of, same
from gradcheck.networks.diagnosis.probe_setup import ProbeSetup, other_targets, other_weights_above
from gradcheck.networks.diagnosis.recover_deltas import (
    FACTOR,
    RecoveredDeltas,
    WrongRule,
    agreed,
    delta_beside,
    extra,
    factor_at,
    implied_derivative,
    implied_slope,
    is_multiple,
    left_unexplained,
    recover_deltas,
)
from gradcheck.networks.diagnosis.result import (
    FIX_FIRST,
    BugAtPlace,
    Diagnosis,
    Implied,
    Questions,
    localised,
    named,
    placed,
)
from gradcheck.networks.diagnosis.whole_network import common_factor, forward_fault
from gradcheck.networks.problem import Floats, Network
from gradcheck.networks.scope import Asking

_HOPELESS = Diagnosis(
    BugAtPlace("", "returned_gradient", None),
    "unknown",
    "In every layer more than one thing is wrong, so that no place stands out: what is returned "
    "has little to do with the gradient.",
    "Look whether the gradients are returned in the order of the layers, and of this very batch; "
    "then get the output layer right, and work downwards.",
)


def place_by_place(setup: ProbeSetup, observations: Observations) -> Questions:
    """Recover the code's deltas, and judge each rule alone."""
    result, forward = forward_fault(setup, observations)
    recovered = _recovered(setup, observations, forward)
    wrong_rules = list(dict.fromkeys(wrong for found in recovered for wrong in found.wrong_rules))
    wrong_rules.sort(key=lambda wrong: -wrong.layer)
    either = _either(setup, recovered, wrong_rules)
    result += common_factor(recovered)
    result += _untrained(setup, recovered, wrong_rules)
    if _hopeless(setup, wrong_rules):
        return [*result, _HOPELESS]
    blind = max((found.blind_below for found in recovered), default=0)
    for wrong in wrong_rules:
        mine = [found for found in recovered if wrong in found.wrong_rules]
        here = (
            _from_catalogue(setup, wrong, mine)
            or another_number_at(setup, wrong, mine)
            or _two_at_once(setup, wrong, mine)
        )
        if not here:
            others = [found for found in recovered if wrong not in found.wrong_rules]
            here = [(yield from _localised(wrong, mine, others, setup.tolerance))]
            if wrong in either:
                above = BugAtPlace("", _site_above(wrong.layer, setup.network), wrong.layer)
                here = [replace(d, also=(*d.also, above)) for d in here]
        if wrong.layer == blind > 1:
            here = [replace(d, explanation=f"{d.explanation} {FIX_FIRST}") for d in here]
        result += here
    return result


def _recovered(
    setup: ProbeSetup, observations: Observations, forward: Mapping[str, Rule] | None
) -> list[RecoveredDeltas]:
    """Recover the deltas of every probe; a factor that only batches have is taken out first."""
    answered = sorted(observations.gradients(), key=lambda row: row[0].batch.size)
    recovered: list[RecoveredDeltas] = []
    top = WrongRule("delta", setup.network.depth)
    clean_top = False
    for problem, answer, _ in answered:
        found = recover_deltas(problem, answer, setup.tolerance, forward=forward)
        if problem.batch.size == 1:
            clean_top = clean_top or top not in found.wrong_rules
        elif clean_top and top in found.wrong_rules and top.layer in found.deltas:
            delta, expected = found.deltas[top.layer], found.expected[top.layer]
            c = multiple_of(delta, expected, setup.tolerance)
            if c and abs(c - 1.0) > FACTOR:
                scaled = recover_deltas(problem, answer, setup.tolerance, c, forward)
                found = min(found, scaled, key=lambda each: len(each.wrong_rules))
        recovered.append(found)
    return recovered


def _either(
    setup: ProbeSetup, recovered: list[RecoveredDeltas], wrong_rules: list[WrongRule]
) -> list[WrongRule]:
    """Return wrong weight gradients that may be wrong deltas; those are taken from the list.

    Where samples are mixed up in the product, some batches look as if the deltas were.
    """
    either = []
    for wrong in [w for w in wrong_rules if w.part == "weight"]:
        delta = WrongRule("delta", wrong.layer)
        raised = [found for found in recovered if delta in found.wrong_rules]
        if not raised or any(wrong in found.wrong_rules for found in raised):
            continue
        if all(_bias_fits(found, wrong.layer, setup.tolerance) for found in raised):
            wrong_rules.remove(delta)
            either.append(wrong)
    return either


def _bias_fits(found: RecoveredDeltas, layer: int, tolerance: float) -> bool:
    scale = found.textbook().apply("scale") * (found.factor or 1.0)
    return same(found.claims[f"b{layer}"], scale * found.expected[layer].sum(axis=0), tolerance)


def _untrained(
    setup: ProbeSetup, recovered: list[RecoveredDeltas], wrong_rules: list[WrongRule]
) -> list[Diagnosis]:
    """Tell layers whose gradient is all zeros, the penalty's too; they are taken from the list.

    Without a penalty a delta that is cut off looks the same, and is told as that.
    """
    layers = [
        layer
        for layer in range(1, setup.network.depth + 1)
        if not any(found.claims[f"{kind}{layer}"].any() for found in recovered for kind in "Wb")
        and (
            setup.network.l2
            or {WrongRule("weight", layer), WrongRule("bias", layer)} <= set(wrong_rules)
        )
    ]
    if not layers:
        return []
    wrong_rules[:] = [wrong for wrong in wrong_rules if wrong.layer not in layers]
    which = f"layers {layers[0]} to {layers[-1]}" if len(layers) > 1 else f"layer {layers[0]}"
    text = f"Your code returns zeros for {which}: by them, nothing there is ever trained."
    fix = "Let the backward pass go on to the first layer."
    return [localised("returned_gradient", None, text, fix)]


def _hopeless(setup: ProbeSetup, wrong_rules: list[WrongRule]) -> bool:
    """Whether in every layer two things or more are wrong: then no place stands out."""
    layers = [wrong.layer for wrong in wrong_rules]
    depth = setup.network.depth
    return depth > 1 and all(layers.count(layer) > 1 for layer in range(1, depth + 1))


def _from_catalogue(
    setup: ProbeSetup, wrong: WrongRule, recovered: list[RecoveredDeltas]
) -> list[Diagnosis]:
    """Name the bug at a place, if one and only one function in the catalogue is it."""
    scored = [
        (left_unexplained(h.bug.rules, wrong, recovered, setup.noise), h)
        for h in hypotheses_at(setup.network, wrong)
    ]
    fitting = [(left, h) for left, h in scored if left <= ACCEPT]
    rival = min((left for left, _ in scored if left > ACCEPT), default=float("inf"))
    if rival < REJECT or not 0 < len(fitting) <= LARGEST_CLASS or len(recovered) < 2:
        return []
    problems = [found.problem for found in recovered]
    if all(plain_number(setup, h, problems)[1] for _, h in fitting):
        return []  # a number is told: it may stand there for another reason
    left, best = fitting[0]
    names = [h.at(wrong.layer) for _, h in fitting]
    return [named(best.bug, names, setup.network, left, rival)]


def _two_at_once(
    setup: ProbeSetup, wrong: WrongRule, recovered: list[RecoveredDeltas]
) -> list[Diagnosis]:
    """Name two bugs in one place: of different rules that make one tensor."""
    if len(recovered) < 2 or is_multiple(wrong, recovered, setup.tolerance):
        return []  # of one number, 0.2, two bugs are made too easily: 2 and 0.1

    def left(rules: Mapping[str, Rule], problems: list[RecoveredDeltas] = recovered) -> float:
        return left_unexplained(rules, wrong, problems, setup.noise)

    for one, two in itertools.combinations(hypotheses_at(setup.network, wrong), 2):
        if set(one.bug.rules) & set(two.bug.rules):
            continue
        if min(left(one.bug.rules), left(two.bug.rules)) <= ACCEPT:
            continue  # the other would have no part in it
        rules = {**one.bug.rules, **two.bug.rules}
        if left(rules, recovered[:1]) <= ACCEPT and (rest := left(rules)) <= ACCEPT:
            return [named(h.bug, [h.at(wrong.layer)], setup.network, rest) for h in (one, two)]
    return []


def _localised(
    wrong: WrongRule,
    recovered: list[RecoveredDeltas],
    others: list[RecoveredDeltas],
    tolerance: float,
) -> Asking[Diagnosis]:
    """Find the site of a wrong rule that no catalogued bug explains; asks one more problem.

    The rule is wrong on the problems of ``recovered``, and not on ``others``. A number is told
    that holds in every one: what several samples have and one has not is none.
    """
    found = next((f for f in recovered if wrong.layer in f.deltas), recovered[0])
    other: RecoveredDeltas | None = None
    problem = (
        other_weights_above(found.problem, wrong.layer, 3)
        if wrong.part == "delta" and wrong.layer < found.problem.network.depth
        else other_targets(found.problem, 3)
    )
    observation = yield Request(Call.LOSS_AND_GRADS, problem)
    if observation.failure is None:
        other = recover_deltas(problem, observation, tolerance, found.factor, found.forward)
    every = [*recovered, *others]
    every += [other] if other is not None and wrong in other.wrong_rules else []
    place = _Place(wrong, found, other, every, tolerance)
    return place.of_delta() if wrong.part == "delta" else place.of_gradient()


@dataclass(frozen=True)
class _Place:
    """A wrong rule that no catalogued bug explains, on the problem of ``found``.

    In ``other`` only what comes back, or the targets, are others; None where that was not answered.
    """

    wrong: WrongRule
    found: RecoveredDeltas
    other: RecoveredDeltas | None
    every: list[RecoveredDeltas]
    tolerance: float

    def of_delta(self) -> Diagnosis:
        """Is the slope at fault, or what comes back?"""
        found, layer, network = self.found, self.wrong.layer, self.found.problem.network
        above = _site_above(layer, network)
        either = [above, "activation_derivative"]
        if layer not in found.deltas:  # too many samples for the layer's inputs to tell them apart
            return self._told(either, {})
        tolerance = 1e3 * self.tolerance
        factor = factor_at(self.wrong, self.every, tolerance)
        numbers = {"factor": factor} if factor is not None else {}
        has_slope = not LOSSES[network.loss].cancels and network.activations[-1] != "softmax"
        if layer == network.depth and not has_slope:
            return self._told(either, numbers)
        first = implied_slope(found, layer)
        second = implied_slope(self.other, layer) if self.other is not None else None
        if first is None or second is None or not _same_where_known(first, second, tolerance):
            return self._told(either, numbers)
        implied = implied_derivative(layer, [found])
        pair = delta_beside(layer, found)
        if pair is None or multiple_of(*pair, tolerance) is not None:
            # a factor may stand in either place
            sites = either[::-1] if numbers else either
            return self._told(sites, numbers, implied, explained=above)
        return self._told(["activation_derivative"], numbers, implied)

    def of_gradient(self) -> Diagnosis:
        """Is what the code adds to the right gradient independent of the targets?"""
        wrong, found, other = self.wrong, self.found, self.other
        sites = [wrong.rule]
        added = extra(wrong, found)
        moved = extra(wrong, other) if other is not None else None
        if added is not None and moved is not None and same(added, moved, 1e4 * self.tolerance):
            # where no gradient arrives, nothing depends on the targets
            arrives = found.deltas[wrong.layer].any()
            sites = ["regularisation"] if arrives else [wrong.rule, "regularisation"]
        numbers = {"factor": factor_at(wrong, self.every, 1e3 * self.tolerance)}
        if sites == ["regularisation"]:
            start = found.problem.network.l2 if wrong.part == "weight" else 0.0
            beside = (_penalty_beside(wrong, each) for each in self.every)
            numbers["coefficient"] = agreed(start, beside, 1e4 * self.tolerance)
        return self._told(sites, {n: value for n, value in numbers.items() if value is not None})

    def _told(
        self,
        sites: list[str],
        numbers: dict[str, float],
        implied: Implied | None = None,
        explained: str = "",
    ) -> Diagnosis:
        """Tell the site, or that which is ``explained``, with what was recovered."""
        layer, network = self.wrong.layer, self.found.problem.network
        explanation, fix = placed(explained or sites[0], layer, network)
        if "factor" in numbers:
            explanation += f" It is {written_factor(numbers['factor'])} times what it should be."
        if "coefficient" in numbers:
            coefficient = f"{numbers['coefficient']:.6g}, where l2 is {network.l2:.6g}"
            explanation += f" The coefficient in it is {coefficient}."
        also = tuple(BugAtPlace("", site, layer) for site in sites[1:])
        diagnosis = localised(sites[0], layer, explanation, fix, also)
        return replace(diagnosis, recovered=numbers, implied=implied)


def _site_above(layer: int, network: Network) -> str:
    """Return the site of what comes to a layer from above."""
    return "loss_derivative" if layer == network.depth else "delta_recursion"


def _same_where_known(one: Floats, two: Floats, tolerance: float) -> bool:
    known = np.isfinite(one) & np.isfinite(two)
    return bool(known.any()) and same(one[known], two[known], tolerance)


def _penalty_beside(wrong: WrongRule, found: RecoveredDeltas) -> tuple[Floats, Floats] | None:
    """Return what the code adds, and the parameters, which a penalty is a multiple of."""
    added = extra(wrong, found)
    w, b = found.problem.params.pairs[wrong.layer - 1]
    return None if added is None else (added, w if wrong.part == "weight" else b)
