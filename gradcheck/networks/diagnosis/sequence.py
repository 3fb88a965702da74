"""The order of a diagnosis: from cheap to expensive, stopping at what is sure.

The diagnoses of one code, read together: no two of them contradict, one cause has one name.

Faults of arithmetic, named from what calibration saw.
"""

from collections.abc import Collection, Generator, Sequence
from dataclasses import replace

import numpy as np

from gradcheck.comparison.compare import Arithmetic
from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.networks.context import NetworkContext
from gradcheck.networks.diagnosis.diagnosis import Diagnosis, Name
from gradcheck.networks.diagnosis.form import read_as, read_form
from gradcheck.networks.diagnosis.gate import gated, taken_back
from gradcheck.networks.diagnosis.hypotheses import (
    LARGEST_CLASS,
    REJECT,
    Hypothesis,
    classes,
    confirmed,
    hypotheses,
    known_rules,
    name_fitting,
    rank,
    separate,
)
from gradcheck.networks.diagnosis.implied import with_pictures
from gradcheck.networks.diagnosis.observations import Observations, numbers, simulate, unexplained
from gradcheck.networks.diagnosis.place_by_place import place_by_place
from gradcheck.networks.diagnosis.probe_setup import (
    RATES,
    ProbeSetup,
    again,
    gather,
    loosened,
    make_case,
    probes,
)
from gradcheck.networks.diagnosis.recovered_numbers import (
    only_a_number,
    with_free_number,
    with_plain_numbers,
    without_plain_numbers,
)
from gradcheck.networks.diagnosis.two_bugs import two_bugs
from gradcheck.networks.diagnosis.update_and_forward import in_all_layers, update_fault
from gradcheck.networks.diagnosis.whole_gradient import mixed_up, whole_multiple
from gradcheck.networks.problem import Floats, Problem

#: Pairs of names that are one thing said twice: what is said of the two in their place.
#: The loss and the gradient go together there, so that neither is wrong beside the other.
TOGETHER = {
    frozenset(("biases_penalised", "biases_penalised_in_loss")): (
        "Your loss and your gradient both penalise the biases: they agree with each other, but the "
        "loss as defined penalises the weights alone.",
        "Leave the biases out of the penalty, in the loss and in the gradient.",
    ),
    frozenset(("penalty_missing_in_loss", "penalty_gradient_missing")): (
        "Your loss and your gradient both leave the weight penalty out: they agree with each "
        "other, but l2 is not zero.",
        "Add the penalty to the loss, and its derivative to the gradient.",
    ),
    frozenset(("penalty_half_missing_in_loss", "penalty_gradient_doubled")): (
        "Your loss and your gradient both have a penalty twice as strong as defined: they agree "
        "with each other, but the penalty has a factor of a half.",
        "Put the half before the penalty, and leave the 2 out of its derivative.",
    ),
}

#: The same for one layer: the site, the name that is kept, and what is said.
IN_ONE_LAYER = {
    frozenset(("weights_summed_biases_averaged", "bias_summed_weights_averaged")): (
        Name("", "batch_reduction", None),
        "In layer {layer} neither gradient is divided by the number of samples: both are summed "
        "where the loss is a mean.",
        "Divide both gradients of layer {layer} by the number of samples.",
    ),
    frozenset(("weights_never_trained", "penalty_gradient_missing")): (
        Name("weights_never_trained", "weight_gradient", None),
        "In layer {layer} the weight gradient is zero, the penalty's part too: by it, the weights "
        "are never trained.",
        "Fill and return the gradient of every layer.",
    ),
}


def consistent(
    case: ProbeSetup, bad: Collection[str], diagnoses: list[Diagnosis]
) -> list[Diagnosis]:
    """Merge what is one thing, and take back names that cannot all be so.

    Parameters
    ----------
    bad : collection of str
        The checks that are wrong.
    """
    for layer in range(1, case.network.depth + 1):
        diagnoses = _merged_in(layer, diagnoses)
    diagnoses = _merged(case, diagnoses)
    diagnoses = [taken_back(case, d) if _one_of_many(d, diagnoses) else d for d in diagnoses]
    own = [d for d in diagnoses if d.name.site == "forward"]
    if own and not {"gradient", "step", "purity", "contract"} & set(bad):
        return [replace(d, explanation=f"{d.explanation} {_OWN_LOSS}") for d in own]
    told = {(d.name, d.explanation): d for d in reversed(diagnoses)}
    return [d for d in diagnoses if told[d.name, d.explanation] is d]


_OWN_LOSS = "Your gradient is that of this loss of yours."


def _merged_in(layer: int, diagnoses: list[Diagnosis]) -> list[Diagnosis]:
    """Tell two names of one layer that are one thing as that."""
    here = {d.name.bug: d for d in diagnoses if d.name.layer == layer and d.name.bug}
    for pair, (name, text, mend) in IN_ONE_LAYER.items():
        if not pair <= set(here):
            continue
        told = Diagnosis(
            replace(name, layer=layer),
            "named" if name.bug else "localised",
            text.format(layer=layer),
            mend.format(layer=layer),
        )
        diagnoses = _in_place_of([here[bug] for bug in pair], told, diagnoses)
    return diagnoses


def _merged(case: ProbeSetup, diagnoses: list[Diagnosis]) -> list[Diagnosis]:
    """Tell a loss and a gradient that go together as one thing."""
    for pair, (text, mend) in TOGETHER.items():
        members = [d for d in diagnoses if d.name.bug in pair]
        layers = {d.name.layer for d in members} - {None}
        if {d.name.bug for d in members} == pair and len(layers) == case.network.depth:
            told = Diagnosis(Name("", "regularisation", None), "localised", text, mend)
            diagnoses = _in_place_of(members, told, diagnoses)
    return diagnoses


def _in_place_of(
    members: list[Diagnosis], told: Diagnosis, diagnoses: list[Diagnosis]
) -> list[Diagnosis]:
    gone = [id(d) for d in members]
    at = next(i for i, d in enumerate(diagnoses) if id(d) in gone)
    kept = [d for d in diagnoses if id(d) not in gone]
    return [*kept[:at], told, *kept[at:]]


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


def of_arithmetic(arithmetic: Arithmetic) -> list[Diagnosis]:
    """Return the diagnosis of a fault of arithmetic, if there is one."""
    if not arithmetic.fault:
        return []
    bug, explanation, fix = _FAULTS[arithmetic.fault]
    name = Name(bug, "numerics", None)
    return [Diagnosis(name, "named" if bug else "localised", explanation, fix)]


Questions = Generator[Request, Observation, list[Diagnosis]]

_ZERO = Diagnosis(
    Name("", "returned_gradient", None),
    "localised",
    "Every gradient that your code returns is zero: by it, nothing is ever trained.",
    "Write the backward pass, or look where what it found is lost before it is returned.",
)

_PENALTY_ALONE = Diagnosis(
    Name("", "returned_gradient", None),
    "localised",
    "Every gradient that your code returns is that of the weight penalty alone: nothing of the "
    "data is in it.",
    "Look where what the backward pass found is lost before it is returned.",
)

#: Seeds of the problems that a hypothesis has to hold on without being chosen on them.
HELD_OUT = (1, 2, 3)

_KEPT = Diagnosis(
    Name("", "state", None),
    "localised",
    "Your code answers the same question differently when it is asked again: something is kept "
    "between calls, or drawn at random.",
    "Look for what outlives a call: module variables, attributes, caches, default arguments.",
)


def _seldom(evidence: Observations, failing: list[Problem]) -> Diagnosis:
    """What is known where all that is asked is right, to what rounding costs, and state is not it.

    Code that is pure is not accused of keeping anything.
    """
    off = max(
        float(np.abs(numbers(request, answer) - numbers(request, right)).max())
        / (float(np.abs(numbers(request, right)).max()) + 1e-300)
        for request, answer, right in zip(
            evidence.requests, evidence.answers, evidence.right, strict=True
        )
    )
    count = len(dict.fromkeys(failing))
    which = "one problem" if count == 1 else f"{count} problems"
    return Diagnosis(
        Name("", "returned_gradient", None),
        "unknown",
        f"Your code is wrong on {which}, there by at most {off:.0e} of the largest number, "
        "and right on every other that it was asked: no rule shows from so little.",
        "Replay the counter-example, and look at what is special in its numbers.",
    )


def diagnose(plan: NetworkContext, findings: list[Finding]) -> Questions:
    """Name what is wrong, or say how far it can be told.

    Parameters
    ----------
    plan : NetworkContext
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
    fault = "" if "purity" in bad else plan.arithmetic.fault
    if not failing:
        return of_arithmetic(plan.arithmetic) if fault else []
    case = make_case(plan, bad, failing)
    requests = probes(case, 0)
    evidence = yield from gather(requests)
    if any(_broken(answer) for answer in evidence.answers):
        return []
    if _all_right(evidence, case.noise):  # it shows on special values only: take those
        case = replace(case, network=failing[0].network)
        requests = again(case, failing)
        evidence = yield from gather(requests)
    if _all_right(evidence, case.noise):
        if fault:
            return of_arithmetic(plan.arithmetic)
        if not {"gradient", "loss", "step"} & set(bad):
            return []
        return [_KEPT if case.repeated else _on(case, _seldom(evidence, failing))]
    told, form = read_form(evidence)
    told = [_on(case, diagnosis) for diagnosis in told]
    if told and (form is None or form.whole):
        return told
    questions = _of_numbers(plan, case, bad, fault, requests)
    return told + (yield from (questions if form is None else read_as(form, questions)))


def _of_numbers(
    plan: NetworkContext,
    case: ProbeSetup,
    bad: dict[str, Finding],
    fault: str,
    requests: tuple[Request, ...],
) -> Questions:
    """Name what is wrong with numbers that have the agreed form."""
    evidence = yield from gather(requests)
    if any(answer.failure is None for answer in evidence.answers) and (
        not _some(evidence.answers) and _some(evidence.right)
    ):
        return [_on(case, _ZERO)]
    if _in_float32(evidence):
        case = loosened(case)
    listed = hypotheses(case.network, ("numerics",) if fault else None)
    # purity tells whether anything is kept between calls: pure code is not explained by memory,
    # nor the other way round
    listed = [
        h for h in listed if (h.bug.site == "state" if case.repeated else not h.bug.remembers)
    ]
    if case.calls == (Call.STEP,):
        listed = _of_steps(case, evidence, listed)
    ranking = rank(evidence, listed, case.noise)
    for seed in HELD_OUT:
        held_out = yield from gather(probes(case, seed))
        ranking = confirmed(ranking, held_out, case.noise)
        if not ranking.fitting or ranking.rival >= REJECT:
            break  # else a rival is near by chance: ask again
    ranking = with_plain_numbers(case, ranking, evidence)
    ranking = yield from separate(case, (p.network for p in plan.problems), ranking)
    ranking, number = without_plain_numbers(ranking)
    if _penalty_alone(case, evidence):
        fitting = dict.fromkeys(n for _, h in ranking.fitting for n in h.names(case.network))
        return [_on(case, replace(_PENALTY_ALONE, also=tuple(fitting)))]
    told = ranking.rival >= REJECT and classes(ranking, case.network) <= LARGEST_CLASS
    if ranking.fitting and told:
        result = name_fitting(ranking, case.network, evidence)
        if number is not None:
            result = [only_a_number(case, d, number) for d in result]
    elif fault:
        return of_arithmetic(plan.arithmetic)
    elif case.repeated:
        return [_KEPT]
    else:
        result = [] if ranking.fitting else with_free_number(case, evidence, held_out, listed)
        if not ranking.fitting and not result:
            result = two_bugs(case, evidence, held_out, listed)
        if not result and Call.LOSS_AND_GRADS in case.calls:
            result = mixed_up(case.tolerance, evidence, held_out)
        if not result and Call.LOSS_AND_GRADS in case.calls and case.network.l2:
            result = whole_multiple(evidence, held_out)
        if not result and Call.LOSS_AND_GRADS in case.calls:
            result = yield from place_by_place(case, evidence, held_out)
            result = in_all_layers(case, evidence, held_out, result)
    if "step" in bad and (case.calls == (Call.LOSS_AND_GRADS,) or not result):
        result += yield from update_fault(case, known_rules(result))
    result = yield from gated(plan, case, result)
    result = consistent(case, bad, result)
    if case.calls == (Call.LOSS_AND_GRADS,):
        result = yield from with_pictures(case, result)
    return [_on(case, diagnosis) for diagnosis in result]


def _on(case: ProbeSetup, diagnosis: Diagnosis) -> Diagnosis:
    """Say on which network, and with which rate a step was found to go wrong inside."""
    rate = {"learning_rate": RATES[0]}
    inside = case.calls == (Call.STEP,) and diagnosis.name.site != "update"
    recovered = {**(rate if inside else {}), **diagnosis.recovered}
    return replace(diagnosis, network=str(case.network), recovered=recovered)


def _of_steps(
    case: ProbeSetup, evidence: Observations, listed: list[Hypothesis]
) -> list[Hypothesis]:
    """Keep the bugs that leave the gradient as it is, where only steps are wrong."""
    asked = tuple(replace(r, call=Call.LOSS_AND_GRADS) for r in evidence.requests)
    right = simulate({}, asked)
    gradients = Observations(asked, right, right)
    return [h for h in listed if unexplained(gradients, h.rules(), case.noise, REJECT) == 0.0]


def _broken(answer: Observation) -> bool:
    """Whether an answer holds nothing to diagnose from."""
    return answer.failure is not None and answer.failure.kind != "contract"


def _returned(answers: Sequence[Observation]) -> list[Floats]:
    """Every tensor in some answers."""
    return [t for a in answers if a.failure is None for t in a.tensors.values()]


def _some(answers: Sequence[Observation]) -> bool:
    """Whether anything in them is not zero."""
    return any(tensor.any() for tensor in _returned(answers))


def _penalty_alone(case: ProbeSetup, evidence: Observations) -> bool:
    """Whether nothing else is in what is returned."""
    return bool(case.network.l2) and not any(
        db.any() or not np.allclose(dw, case.network.l2 * w, rtol=1e-12, atol=0.0)
        for request, answer in zip(evidence.requests, evidence.answers, strict=True)
        for (dw, db), (w, _) in zip(
            answer.tensors.pairs, request.problem.params.pairs, strict=False
        )
    )


def _in_float32(evidence: Observations) -> bool:
    """Whether every number is one that float32 holds: a bug may hide the rounding."""
    with np.errstate(over="ignore"):
        return all(
            np.array_equal(t, t.astype(np.float32), equal_nan=True)
            for t in _returned(evidence.answers)
        )


def _all_right(evidence: Observations, noise: float) -> bool:
    return unexplained(evidence, {}, noise) == 0.0
