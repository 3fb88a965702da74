"""Each rule judged alone, on the code's own deltas: for several bugs, and unknown ones."""

import itertools
from collections.abc import Generator, Mapping
from dataclasses import replace

import numpy as np

from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.networks.bugs.textbook import Rule
from gradcheck.networks.diagnosis.diagnosis import FIX_FIRST, Diagnosis, Name
from gradcheck.networks.diagnosis.hypotheses import (
    ACCEPT,
    LARGEST_CLASS,
    REJECT,
    Hypothesis,
    hypotheses,
    of_class,
)
from gradcheck.networks.diagnosis.observations import Observations
from gradcheck.networks.diagnosis.place import is_multiple, localise
from gradcheck.networks.diagnosis.probe_setup import ProbeSetup
from gradcheck.networks.diagnosis.recover_deltas import (
    FACTOR,
    SITES_OF,
    RecoveredDeltas,
    WrongRule,
    left_unexplained,
    same,
    survey,
)
from gradcheck.networks.diagnosis.recovered_numbers import at_a_place, plain_number
from gradcheck.networks.diagnosis.update_and_forward import forward_fault
from gradcheck.networks.diagnosis.whole_gradient import common_factor

Questions = Generator[Request, Observation, list[Diagnosis]]


_HOPELESS = Diagnosis(
    Name("", "returned_gradient", None),
    "unknown",
    "In every layer more than one thing is wrong, so that no place stands out: what is returned "
    "has little to do with the gradient.",
    "Look whether the gradients are returned in the order of the layers, and of this very batch; "
    "then get the output layer right, and work downwards.",
)


def place_by_place(case: ProbeSetup, evidence: Observations, held_out: Observations) -> Questions:
    """Recover the code's deltas, and judge each rule alone."""
    result, forward = forward_fault(case, evidence, held_out)
    surveys = _surveys(case, evidence, held_out, forward=forward)
    flags = list(dict.fromkeys(flag for s in surveys for flag in s.flags))
    flags.sort(key=lambda flag: -flag.layer)
    either = _either(case, surveys, flags)
    result += common_factor(surveys)
    result += _untrained(case, surveys, flags)
    if _hopeless(case, flags):
        return [*result, _HOPELESS]
    blind = max((s.blind_below for s in surveys), default=0)
    for flag in flags:
        mine = [s for s in surveys if flag in s.flags]
        several = (
            _from_catalogue(case, flag, mine)
            or at_a_place(case, flag, mine)
            or _two_at_once(case, flag, mine)
        )
        if not several:
            others = [s for s in surveys if flag not in s.flags]
            several = [(yield from localise(flag, mine, others, case.tolerance))]
            if flag in either:
                site = "loss_derivative" if flag.layer == case.network.depth else "delta_recursion"
                several = [replace(d, also=(*d.also, Name("", site, flag.layer))) for d in several]
        if flag.layer == blind > 1:
            several = [replace(d, explanation=f"{d.explanation} {FIX_FIRST}") for d in several]
        result += several
    return result


def _either(
    case: ProbeSetup, surveys: list[RecoveredDeltas], flags: list[WrongRule]
) -> list[WrongRule]:
    """Weight flags that stand for a delta's as well; that one is taken away.

    Where samples are mixed up in the product, some batches look as if the deltas were.
    """
    found = []
    for flag in [f for f in flags if f.part == "weight"]:
        delta = WrongRule("delta", flag.layer)
        raised = [s for s in surveys if delta in s.flags]
        if not raised or any(flag in s.flags for s in raised):
            continue
        if all(_bias_fits(s, flag.layer, case.tolerance) for s in raised):
            flags.remove(delta)
            found.append(flag)
    return found


def _bias_fits(found: RecoveredDeltas, layer: int, tolerance: float) -> bool:
    scale = found.textbook().apply("scale") * (found.factor or 1.0)
    return same(found.claims[f"b{layer}"], scale * found.expected[layer].sum(axis=0), tolerance)


def _untrained(
    case: ProbeSetup, surveys: list[RecoveredDeltas], flags: list[WrongRule]
) -> list[Diagnosis]:
    """Layers whose gradient is all zeros, the penalty's part too; their flags are taken away.

    Without a penalty a delta that is cut off looks the same, and is left to its own flag.
    """
    layers = [
        layer
        for layer in range(1, case.network.depth + 1)
        if not any(s.claims[f"{kind}{layer}"].any() for s in surveys for kind in "Wb")
        and (
            case.network.l2 or {WrongRule("weight", layer), WrongRule("bias", layer)} <= set(flags)
        )
    ]
    if not layers:
        return []
    flags[:] = [flag for flag in flags if flag.layer not in layers]
    which = f"layers {layers[0]} to {layers[-1]}" if len(layers) > 1 else f"layer {layers[0]}"
    text = f"Your code returns zeros for {which}: by them, nothing there is ever trained."
    mend = "Let the backward pass go on to the first layer."
    return [Diagnosis(Name("", "returned_gradient", None), "localised", text, mend)]


def _hopeless(case: ProbeSetup, flags: list[WrongRule]) -> bool:
    """Whether in every layer two things or more are wrong: then no place stands out."""
    layers = range(1, case.network.depth + 1)
    return case.network.depth > 1 and all(
        sum(flag.layer == layer for flag in flags) > 1 for layer in layers
    )


def _two_at_once(
    case: ProbeSetup, flag: WrongRule, surveys: list[RecoveredDeltas]
) -> list[Diagnosis]:
    """Two bugs in one place: of different rules that make one tensor."""
    if len(surveys) < 2 or is_multiple(flag, surveys, case.tolerance):
        return []  # of one number, 0.2, two bugs are made too easily: 2 and 0.1
    here = [
        h
        for h in hypotheses(case.network, SITES_OF[flag.part])
        if not h.everywhere and h.layer in (flag.layer, None)
    ]
    for one, two in itertools.combinations(here, 2):
        if set(one.bug.rules) & set(two.bug.rules):
            continue
        alone = (left_unexplained(h.bug.rules, flag, surveys, case.noise) for h in (one, two))
        if min(alone) <= ACCEPT:
            continue  # the other would have no part in it
        rules = {**one.bug.rules, **two.bug.rules}
        if left_unexplained(rules, flag, surveys[:1], case.noise) > ACCEPT:
            continue
        left = left_unexplained(rules, flag, surveys, case.noise)
        if left <= ACCEPT:
            return [
                of_class(h, [Name(h.bug.slug, h.bug.site, flag.layer)], case.network, left)
                for h in (one, two)
            ]
    return []


def _from_catalogue(
    case: ProbeSetup, flag: WrongRule, surveys: list[RecoveredDeltas]
) -> list[Diagnosis]:
    """Name the bug at a place, if one and only one function in the catalogue is it."""
    fitting: list[tuple[float, Hypothesis]] = []
    rival = float("inf")
    for hypothesis in hypotheses(case.network, SITES_OF[flag.part]):
        if hypothesis.everywhere or hypothesis.layer not in (flag.layer, None):
            continue
        left = left_unexplained(hypothesis.bug.rules, flag, surveys, case.noise)
        if left <= ACCEPT:
            fitting.append((left, hypothesis))
        else:
            rival = min(rival, left)
    if not fitting or rival < REJECT or len(fitting) > LARGEST_CLASS or len(surveys) < 2:
        return []
    numbers = [plain_number(case, h, [s.problem for s in surveys]) for _, h in fitting]
    if all(by_width for _, by_width in numbers):
        return []  # a number is told: it may stand there for another reason
    left, best = fitting[0]
    names = [Name(h.bug.slug, h.bug.site, flag.layer) for _, h in fitting]
    return [of_class(best, names, case.network, left, rival)]


def _surveys(
    case: ProbeSetup, *parts: Observations, forward: Mapping[str, Rule] | None = None
) -> list[RecoveredDeltas]:
    """Survey every probe; a factor that only batches have is taken out first."""
    answered = [
        (request.problem, answer)
        for part in parts
        for request, answer in zip(part.requests, part.answers, strict=True)
        if answer.failure is None and request.call is Call.LOSS_AND_GRADS
    ]
    answered.sort(key=lambda item: item[0].batch.size)
    surveys: list[RecoveredDeltas] = []
    clean_top = False
    for problem, answer in answered:
        found = survey(problem, answer, case.tolerance, forward=forward)
        top = case.network.depth
        if problem.batch.size == 1:
            clean_top = clean_top or WrongRule("delta", top) not in found.flags
        elif clean_top and WrongRule("delta", top) in found.flags and top in found.deltas:
            c = _multiple(found, top, case.tolerance)
            scaled = survey(problem, answer, case.tolerance, c, forward) if c else found
            if len(scaled.flags) < len(found.flags):
                found = scaled
        surveys.append(found)
    return surveys


def _multiple(found: RecoveredDeltas, layer: int, tolerance: float) -> float | None:
    delta, expected = found.deltas[layer], found.expected[layer]
    square = float((expected * expected).sum())
    c = float((delta * expected).sum()) / square if square else 0.0
    close = float(np.linalg.norm(delta - c * expected)) <= tolerance * float(np.linalg.norm(delta))
    return c if close and c and abs(c - 1.0) > FACTOR else None
