"""The order of a diagnosis: from cheap to expensive, stopping at what is sure.

At the end the diagnoses of one code are read together: no two of them contradict, and one
cause has one name.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradcheck.comparison.compare import Arithmetic
from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.networks.bugs import SITES
from gradcheck.networks.dense_networks import NetworkContext
from gradcheck.networks.diagnosis.gate import gated, separate
from gradcheck.networks.diagnosis.hypotheses import (
    REJECT,
    Hypothesis,
    Ranking,
    another_number,
    confirmed,
    hypotheses,
    name_fitting,
    only_a_number,
    rank,
    two_bugs,
    with_plain_numbers,
    without_plain_numbers,
)
from gradcheck.networks.diagnosis.observations import Observations, numbers, simulate, unexplained
from gradcheck.networks.diagnosis.place_by_place import place_by_place
from gradcheck.networks.diagnosis.probe_setup import (
    PROBE_RATES,
    ProbeSetup,
    again,
    gather,
    loosened,
    make_setup,
    probes,
)
from gradcheck.networks.diagnosis.recover_deltas import with_pictures
from gradcheck.networks.diagnosis.result import (
    BugAtPlace,
    Diagnosis,
    Questions,
    known_rules,
    localised,
    taken_back,
)
from gradcheck.networks.diagnosis.whole_network import (
    in_all_layers,
    mixed_up,
    update_fault,
    whole_multiple,
)
from gradcheck.networks.diagnosis.wrong_form import read_as, read_form
from gradcheck.networks.problem import Floats, Problem

#: Seeds of the problems that a hypothesis has to hold on without being chosen on them.
HELD_OUT = (1, 2, 3)

_ZERO = localised(
    "returned_gradient",
    None,
    "Every gradient that your code returns is zero: by it, nothing is ever trained.",
    "Write the backward pass, or look where what it found is lost before it is returned.",
)

_PENALTY_ALONE = localised(
    "returned_gradient",
    None,
    "Every gradient that your code returns is that of the weight penalty alone: nothing of the "
    "data is in it.",
    "Look where what the backward pass found is lost before it is returned.",
)

_KEPT = localised(
    "state",
    None,
    "Your code answers the same question differently when it is asked again: something is kept "
    "between calls, or drawn at random.",
    "Look for what outlives a call: module variables, attributes, caches, default arguments.",
)

_FAULTS = {
    "float16_arithmetic": (
        "gradient_in_float16",
        "The gradients carry no more digits than float16 has.",
        "Compute in float64, or at least in float32.",
    ),
    "rounded_to_decimals": (
        "gradient_rounded",
        "The gradients are rounded to decimals.",
        "Return them unrounded; round only when printing.",
    ),
    "low_precision_arithmetic": (
        "",
        "The error of the gradient jumps from point to point, as with too few digits.",
        "Compute in float64, or at least in float32, and round nothing on the way.",
    ),
}


def _of_arithmetic(arithmetic: Arithmetic) -> list[Diagnosis]:
    if not arithmetic.fault:
        return []
    bug, explanation, fix = _FAULTS[arithmetic.fault]
    name = BugAtPlace(bug, "numerics", None)
    return [Diagnosis(name, "named" if bug else "localised", explanation, fix)]


def diagnose(context: NetworkContext, findings: list[Finding]) -> Questions:
    """Name what is wrong, or say how far it can be told.

    Parameters
    ----------
    context : NetworkContext
    findings : list of Finding
        Of every check.

    Returns
    -------
    list of Diagnosis
        The first cause first.
    """
    bad = {f.check: f for f in findings if f.verdict in (Verdict.WRONG, Verdict.ERROR)}
    failing = [problem for f in bad.values() for problem in f.failing]
    # answers that change when asked again look as rough as a lack of digits
    arithmetic = Arithmetic() if "purity" in bad else context.arithmetic
    if not failing:
        return _of_arithmetic(arithmetic)
    setup = make_setup(context, bad, failing)
    requests = probes(setup, 0)
    observations = yield from gather(requests)
    if any(a.failure is not None and a.failure.kind != "contract" for a in observations.answers):
        return []
    if _all_right(observations, setup.noise):  # it shows on special values only: take those
        setup = replace(setup, network=failing[0].network)
        requests = again(setup, failing)
        observations = yield from gather(requests)
    if _all_right(observations, setup.noise):
        if arithmetic.fault:
            return _of_arithmetic(arithmetic)
        if not {"gradient", "loss", "step"} & set(bad):
            return []
        return [_KEPT if setup.repeated else _on(setup, _seldom(observations, failing))]
    of_form, form = read_form(observations)
    of_form = [_on(setup, diagnosis) for diagnosis in of_form]
    if of_form and (form is None or form.whole):
        return of_form
    questions = _of_numbers(context, setup, bad, arithmetic, requests)
    return of_form + (yield from (questions if form is None else read_as(form, questions)))


def _of_numbers(
    context: NetworkContext,
    setup: ProbeSetup,
    bad: Collection[str],
    arithmetic: Arithmetic,
    requests: tuple[Request, ...],
) -> Questions:
    """Name what is wrong with numbers that have the agreed form; requests are asked again for it.

    A fault of arithmetic is an explanation if no bug is.
    """
    observations = yield from gather(requests)
    if any(answer.failure is None for answer in observations.answers) and (
        not _some(observations.answers) and _some(observations.right)
    ):
        return [_on(setup, _ZERO)]
    if _in_float32(observations):
        setup = loosened(setup)
    listed = _candidates(setup, observations, ("numerics",) if arithmetic.fault else SITES)
    ranking = rank(observations, listed, setup.noise)
    for seed in HELD_OUT:
        held_out = yield from gather(probes(setup, seed))
        ranking = confirmed(ranking, held_out, setup.noise)
        if not ranking.fitting or ranking.rival >= REJECT:
            break  # else a rival is near by chance: ask again
    ranking = with_plain_numbers(setup, ranking, observations)
    ranking = yield from separate(setup, (p.network for p in context.problems), ranking)
    ranking, number = without_plain_numbers(ranking)
    if _penalty_alone(setup, observations):
        fitting = dict.fromkeys(n for _, h in ranking.fitting for n in h.names(setup.network))
        return [_on(setup, replace(_PENALTY_ALONE, also=tuple(fitting)))]
    if ranking.names_one(setup.network):
        result = name_fitting(ranking, setup.network, observations)
        if number is not None:
            result = [only_a_number(setup, d, number) for d in result]
    elif arithmetic.fault:
        return _of_arithmetic(arithmetic)
    elif setup.repeated:
        return [_KEPT]
    else:
        result = yield from _beyond_one_bug(setup, observations, held_out, ranking, listed)
    gradients_alone = setup.calls == (Call.LOSS_AND_GRADS,)
    if "step" in bad and (gradients_alone or not result):
        result += yield from update_fault(setup, known_rules(result))
    result = yield from gated(context, setup, result)
    result = _consistent(setup, bad, result)
    if gradients_alone:
        result = yield from with_pictures(setup, result)
    return [_on(setup, diagnosis) for diagnosis in result]


def _candidates(
    setup: ProbeSetup, observations: Observations, sites: Collection[str]
) -> list[Hypothesis]:
    """List the bugs that may be it.

    Purity tells whether anything is kept between calls: pure code is not explained by memory,
    nor the other way round. And where only steps are wrong, a bug leaves the gradient as it is.
    """
    listed = [
        h
        for h in hypotheses(setup.network, sites)
        if (h.bug.site == "state" if setup.repeated else not h.bug.remembers)
    ]
    if setup.calls != (Call.STEP,):
        return listed
    asked = tuple(replace(r, call=Call.LOSS_AND_GRADS) for r in observations.requests)
    gradients = Observations(asked, simulate({}, asked))
    return [h for h in listed if unexplained(gradients, h.rules(), setup.noise, REJECT) == 0.0]


def _beyond_one_bug(
    setup: ProbeSetup,
    observations: Observations,
    held_out: Observations,
    ranking: Ranking,
    listed: Sequence[Hypothesis],
) -> Questions:
    """Explain what no single bug of the catalogue does: the first way that does is the answer."""
    every = observations + held_out
    result: list[Diagnosis] = []
    if not ranking.fitting:
        result = another_number(setup, every, listed)
        result = result or two_bugs(setup, observations, held_out, listed)
    if Call.LOSS_AND_GRADS in setup.calls:
        result = result or mixed_up(setup, every) or whole_multiple(setup, every)
        if not result:
            result = yield from place_by_place(setup, every)
            result = in_all_layers(setup, every, result)
    return result


def _on(setup: ProbeSetup, diagnosis: Diagnosis) -> Diagnosis:
    """Say on which network, and with which rate where a step is wrong and not its update."""
    rate = {"learning_rate": PROBE_RATES[0]}
    inside = setup.calls == (Call.STEP,) and diagnosis.name.site != "update"
    recovered = {**(rate if inside else {}), **diagnosis.recovered}
    return replace(diagnosis, network=str(setup.network), recovered=recovered)


def _seldom(observations: Observations, failing: list[Problem]) -> Diagnosis:
    """Say what is known where all that is asked is right, up to rounding.

    Code that is pure is not accused of keeping anything.
    """
    off = max(
        float(np.abs(numbers(request, answer) - numbers(request, right)).max())
        / (float(np.abs(numbers(request, right)).max()) + 1e-300)
        for request, answer, right in observations.rows()
    )
    count = len(dict.fromkeys(failing))
    which = "one problem" if count == 1 else f"{count} problems"
    return Diagnosis(
        BugAtPlace("", "returned_gradient", None),
        "unknown",
        f"Your code is wrong on {which}, there by at most {off:.0e} of the largest number, "
        "and right on every other that it was asked: no rule shows from so little.",
        "Replay the counter-example, and look at what is special in its numbers.",
    )


def _returned(answers: Sequence[Observation]) -> list[Floats]:
    return [t for a in answers if a.failure is None for t in a.tensors.values()]


def _some(answers: Sequence[Observation]) -> bool:
    return any(tensor.any() for tensor in _returned(answers))


def _penalty_alone(setup: ProbeSetup, observations: Observations) -> bool:
    """Whether nothing else is in what is returned."""
    return bool(setup.network.l2) and not any(
        db.any() or not np.allclose(dw, setup.network.l2 * w, rtol=1e-12, atol=0.0)
        for request, answer, _ in observations.rows()
        for (dw, db), (w, _) in zip(
            answer.tensors.pairs, request.problem.params.pairs, strict=False
        )
    )


def _in_float32(observations: Observations) -> bool:
    """Whether every number is one that float32 holds: a bug may hide the rounding."""
    with np.errstate(over="ignore"):
        return all(
            np.array_equal(t, t.astype(np.float32), equal_nan=True)
            for t in _returned(observations.answers)
        )


def _all_right(observations: Observations, noise: float) -> bool:
    return unexplained(observations, {}, noise) == 0.0


# ---- all diagnoses read together ---------------------------------------------------------


@dataclass(frozen=True)
class _OneThing:
    """Two bugs that are one thing said twice, and what is said in their place.

    It is told ``of_layer``, of each that has both; else once, where every layer has one of them.
    """

    bugs: frozenset[str]
    name: BugAtPlace
    explanation: str
    fix: str
    of_layer: bool = False


_OF_PENALTY = BugAtPlace("", "regularisation", None)

_ONE_THING = (
    _OneThing(
        frozenset(("weights_summed_biases_averaged", "bias_summed_weights_averaged")),
        BugAtPlace("", "batch_reduction", None),
        "In layer {layer} neither gradient is divided by the number of samples: both are summed "
        "where the loss is a mean.",
        "Divide both gradients of layer {layer} by the number of samples.",
        of_layer=True,
    ),
    _OneThing(
        frozenset(("weights_never_trained", "penalty_gradient_missing")),
        BugAtPlace("weights_never_trained", "weight_gradient", None),
        "In layer {layer} the weight gradient is zero, the penalty's part too: by it, the weights "
        "are never trained.",
        "Fill and return the gradient of every layer.",
        of_layer=True,
    ),
    # in the others loss and gradient go together: neither is wrong beside the other
    _OneThing(
        frozenset(("biases_penalised", "biases_penalised_in_loss")),
        _OF_PENALTY,
        "Your loss and your gradient both penalise the biases: they agree with each other, but the "
        "loss as defined penalises the weights alone.",
        "Leave the biases out of the penalty, in the loss and in the gradient.",
    ),
    _OneThing(
        frozenset(("penalty_missing_in_loss", "penalty_gradient_missing")),
        _OF_PENALTY,
        "Your loss and your gradient both leave the weight penalty out: they agree with each "
        "other, but l2 is not zero.",
        "Add the penalty to the loss, and its derivative to the gradient.",
    ),
    _OneThing(
        frozenset(("penalty_half_missing_in_loss", "penalty_gradient_doubled")),
        _OF_PENALTY,
        "Your loss and your gradient both have a penalty twice as strong as defined: they agree "
        "with each other, but the penalty has a factor of a half.",
        "Put the half before the penalty, and leave the 2 out of its derivative.",
    ),
)


def _consistent(
    setup: ProbeSetup, bad: Collection[str], diagnoses: list[Diagnosis]
) -> list[Diagnosis]:
    """Merge what is one thing, and take back names that cannot all be so."""
    depth = setup.network.depth
    for thing in _ONE_THING:
        for layer in range(1, depth + 1) if thing.of_layer else (None,):
            diagnoses = _merged(thing, layer, depth, diagnoses)
    diagnoses = [
        taken_back(d, setup.network) if _one_of_many(d, diagnoses) else d for d in diagnoses
    ]
    diagnoses = [d for d in diagnoses if not _told_better(d, bad, diagnoses)]
    own = [d for d in diagnoses if d.name.site == "forward"]
    if own and not {"gradient", "step", "purity", "contract"} & set(bad):
        own_loss = "Your gradient is that of this loss of yours."
        return [replace(d, explanation=f"{d.explanation} {own_loss}") for d in own]
    different: dict[tuple[BugAtPlace, str], Diagnosis] = {}
    for diagnosis in diagnoses:
        different.setdefault((diagnosis.name, diagnosis.explanation), diagnosis)
    return list(different.values())


def _told_better(
    diagnosis: Diagnosis, bad: Collection[str], diagnoses: Sequence[Diagnosis]
) -> bool:
    """Whether a place without a name is named by another, or is a loss that was found right."""
    if diagnosis.name.bug:
        return False
    if diagnosis.name.site == "forward" and not {"loss", "forward"} & set(bad):
        return True
    named = {(d.name.site, d.name.layer) for d in diagnoses if d.name.bug and d.name.layer}
    return any((n.site, n.layer) in named for n in (diagnosis.name, *diagnosis.also))


def _merged(
    thing: _OneThing, layer: int | None, depth: int, diagnoses: list[Diagnosis]
) -> list[Diagnosis]:
    """Put one diagnosis in the place of two that say one thing."""
    mine = [d.name.bug in thing.bugs and layer in (None, d.name.layer) for d in diagnoses]
    members = [d for d, is_mine in zip(diagnoses, mine, strict=True) if is_mine]
    layers = {d.name.layer for d in members} - {None}
    if {d.name.bug for d in members} != thing.bugs or (layer is None and len(layers) != depth):
        return diagnoses
    merged = Diagnosis(
        replace(thing.name, layer=layer),
        "named" if thing.name.bug else "localised",
        thing.explanation.format(layer=layer),
        thing.fix.format(layer=layer),
    )
    at = mine.index(True)
    rest = [d for d, is_mine in zip(diagnoses[at:], mine[at:], strict=True) if not is_mine]
    return [*diagnoses[:at], merged, *rest]


def _one_of_many(diagnosis: Diagnosis, diagnoses: list[Diagnosis]) -> bool:
    """Whether a rule is wrong in every layer, and a name fits in this one alone.

    There one formula is another by chance: sign(a) is 1 above a sigmoid.
    """
    same = [d for d in diagnoses if d.name.site == diagnosis.name.site and d.name.layer]
    named = [d for d in same if d.name.bug]
    return (
        named == [diagnosis]
        and len(same) > 2
        and len({d.name.layer for d in same}) == len(same)
        and diagnosis.name.site in ("weight_gradient", "bias_gradient", "delta_recursion")
    )
