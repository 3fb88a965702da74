"""How does the code under test compute? Found before anything is judged.

Three questions, each answered from its numbers alone:

- does its loss mean something else than the definition, in a way that its gradient agrees
  with? Its subject knows which conventions there are;
- are its answers off by what float32 arithmetic costs, and is that error *rough*?
  Rounding is a different error at every point, however near; the error of a wrong
  formula is a smooth function. So the code is asked again nearby: an error that
  stays is a bug, however small, and one that jumps is rounding;
- are they rougher than float32, or cut to decimals? That is a fault of arithmetic.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradcheck.comparison.compare import FLOAT64, Arithmetic, within
from gradcheck.comparison.context import Problem, Subject
from gradcheck.contract.posed import Floats
from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.oracle.estimate import UNIT

UNIT32 = 2.0**-24

#: Nearby points, how near, and on how many problems.
NEARBY, NEAR, ON_PROBLEMS = 3, 1e-4, 5

#: An error is rough when asking nearby changes it by more than this part of itself.
ROUGH = 0.2

#: A coarse error by more than this: float16 often rounds nearby points alike. Over 40 seeds
#: the part is above 0.10 for float16, and below 0.006 for tan, which varies fast at its poles.
ROUGH16 = 0.05

#: Coarse misses are looked into when there are more than this many for each fine one.
COARSE_FOR_FINE = 0.25

#: Most tensors: some code computes a part in a wider type.
MOST_TENSORS = 0.7

#: What a cast to float16 leaves, as a part of the largest entry.
FLOAT16 = 2.0**-10

#: Rounding to at most this many decimals is recognised.
DECIMALS = 12

Calibration = Generator[Request, Observation, Arithmetic]


@dataclass(frozen=True)
class _Miss:
    """A tensor, or the loss (``""``), that float64 arithmetic does not explain.

    What the code says and how far off that is from the definition, and whether float32
    arithmetic would explain it.
    """

    problem: Problem
    tensor: str
    claim: Floats
    error: Floats
    within32: bool


def calibrate(subject: Subject, problems: Sequence[Problem]) -> Calibration:
    """Find the arithmetic of the code under test.

    Parameters
    ----------
    subject : Subject
    problems : sequence
        Of which some are asked.

    Yields
    ------
    Request

    Returns
    -------
    Arithmetic
    """
    answers: dict[Problem, Observation] = {}
    for problem in subject.calibrated_on(problems):
        observation = yield Request(Call.LOSS_AND_GRADS, problem)
        if not observation.failure:
            answers[problem] = observation
    arithmetic = FLOAT64
    misses = _misses(subject, answers, arithmetic)
    if misses:
        arithmetic = yield from subject.conventions(
            answers, lambda known: [miss.problem for miss in _misses(subject, answers, known)]
        )
        misses = _misses(subject, answers, arithmetic)
    gradients = [miss for miss in misses if miss.tensor]
    losses = [miss for miss in misses if not miss.tensor]
    if gradients:
        arithmetic = yield from _of_gradients(subject, arithmetic, gradients)
    if losses and all(miss.within32 for miss in losses):
        rough = yield from _roughness(subject, arithmetic, losses)
        if _representable(losses, np.float32) or rough >= ROUGH:
            arithmetic = replace(arithmetic, loss_unit=UNIT32)
    if UNIT32 in (arithmetic.unit, arithmetic.loss_unit):
        notes = (*arithmetic.notes, "float32 arithmetic")
        arithmetic = replace(arithmetic, loss_unit=UNIT32, notes=notes)
    return arithmetic


def _of_gradients(subject: Subject, known: Arithmetic, misses: list[_Miss]) -> Calibration:
    fine = [miss for miss in misses if miss.within32]
    coarse = [miss for miss in misses if not miss.within32]
    decimals = _decimals(misses)
    if decimals is not None:
        note = f"gradients are rounded to {decimals} decimals"
        return _faulty(known, "rounded_to_decimals", note)
    if _representable(coarse, np.float16) and _off_by_a_cast(coarse):
        note = "gradients carry no more digits than float16 has"
        return _faulty(known, "float16_arithmetic", note)
    if len(coarse) > COARSE_FOR_FINE * len(fine):
        rough = yield from _roughness(subject, known, coarse)
        if rough >= ROUGH16:
            note = "the error jumps from point to point, as with too few digits"
            return _faulty(known, "low_precision_arithmetic", note)
    if fine:
        rough = yield from _roughness(subject, known, fine)
        if _representable(fine, np.float32) or rough >= ROUGH:
            return replace(known, unit=UNIT32)
    return known


def _faulty(arithmetic: Arithmetic, fault: str, note: str) -> Arithmetic:
    return replace(arithmetic, fault=fault, notes=(*arithmetic.notes, note))


def _misses(
    subject: Subject, answers: Mapping[Problem, Observation], known: Arithmetic
) -> list[_Miss]:
    """List what float64 arithmetic does not explain."""
    misses = []
    for problem, observation in answers.items():
        truth = subject.truth(problem, known.epsilon, known.biases)
        plain = subject.truth(problem, biases=known.biases)
        if truth.loss_off(observation.loss, UNIT):
            claim = np.array([observation.loss])
            narrow = not truth.loss_off(observation.loss, UNIT32)
            misses.append(_Miss(problem, "", claim, np.abs(claim - plain.loss), narrow))
        for name, claim in observation.tensors.items():
            estimate, defined = truth.gradient[name], plain.gradient[name].value
            bars = estimate.error + estimate.interval
            if known.epsilon:
                bars = bars + np.abs(defined - estimate.value)
            if within(claim, estimate.value, bars):
                continue
            if within(claim, estimate.value, bars + truth.rounding(UNIT)[name]):
                continue
            if np.isfinite(claim).all():
                narrow = within(claim, estimate.value, bars + truth.rounding(UNIT32)[name])
                misses.append(_Miss(problem, name, claim, np.abs(claim - defined), narrow))
    return misses


def _roughness(
    subject: Subject, known: Arithmetic, misses: list[_Miss]
) -> Generator[Request, Observation, float]:
    """Return how much errors change from point to point, as a part of their size.

    0 for a smooth error, about 1 for independent ones; the median over misses.
    """
    parts = []
    rng = np.random.default_rng(len(misses))
    problems = list(dict.fromkeys(miss.problem for miss in misses))[:ON_PROBLEMS]
    for problem in problems:
        errors: dict[str, list[Floats]] = {m.tensor: [] for m in misses if m.problem == problem}
        for _ in range(NEARBY):
            near = subject.nearby(problem, rng, NEAR)
            observation = yield Request(Call.LOSS_AND_GRADS, near)
            if observation.failure:
                continue
            truth = subject.truth(near, known.epsilon, known.biases)
            for name, seen in errors.items():
                if name:
                    seen.append(observation.tensors[name] - truth.gradient[name].value)
                else:
                    seen.append(np.array([observation.loss - truth.loss]))
        parts += [_changing_part(seen) for seen in errors.values()]
    finite = [part for part in parts if np.isfinite(part)]
    return float(np.median(finite)) if finite else 0.0


def _changing_part(errors: list[Floats]) -> float:
    """Variance over points as a part of the mean square."""
    if len(errors) < 2:
        return float("nan")
    stack = np.stack(errors)
    square = float((stack * stack).mean())
    return float(stack.var(axis=0).mean()) / square if square > 0 else float("nan")


def _representable(misses: list[_Miss], dtype: type[np.floating]) -> bool:
    """Whether most of these tensors hold nothing but numbers of a narrower type."""
    claims = [miss.claim for miss in misses]
    with np.errstate(over="ignore"):
        narrow = [bool(c.any() and (c == c.astype(dtype)).all()) for c in claims]
    return bool(narrow) and sum(narrow) >= MOST_TENSORS * len(narrow)


def _off_by_a_cast(misses: list[_Miss]) -> bool:
    """Whether these tensors are off by no more than a cast to float16 explains."""
    return all(
        (miss.error <= FLOAT16 * max(float(np.abs(miss.claim).max()), 1e-4)).all()
        for miss in misses
    )


def _decimals(misses: list[_Miss]) -> int | None:
    """Return to how many decimals all these tensors are rounded, if they are.

    Short decimals alone prove nothing, for short inputs give short products: the
    error has to be what rounding to so many decimals leaves. Nor do zeros: they have
    no decimals, and small gradients that are left out are off by no more.
    """
    if sum(np.count_nonzero(miss.claim) for miss in misses) < 3:
        return None
    for decimals in range(1, DECIMALS + 1):
        if all((np.round(miss.claim, decimals) == miss.claim).all() for miss in misses):
            left = 0.51 * 10.0**-decimals
            return decimals if all((miss.error <= left).all() for miss in misses) else None
    return None
