"""How does the code under test compute? Found before anything is judged.

Three questions, each answered from its numbers alone:

- does it put a constant inside its logarithms? One epsilon that explains its loss on
  every problem is taken for what it is; in float32 it is read where it stands alone
  (:mod:`gradcheck.networks.guard`);
- does its penalty count the biases too, in the loss and in the gradient alike? Then it is judged
  by that, and told;
- are its answers off by what float32 arithmetic costs, and is that error *rough*?
  Rounding is a different error at every point, however near; the error of a wrong
  formula is a smooth function. So the code is asked again nearby: an error that
  stays is a bug, however small, and one that jumps is rounding;
- are they rougher than float32, or cut to decimals? That is a fault of arithmetic.
"""

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np

from gradcheck.comparison.compare import Arithmetic
from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.networks.fast_estimate import BiasesToo, Truths
from gradcheck.networks.forward_pass import loss_of
from gradcheck.networks.guard import askable, guard
from gradcheck.networks.losses import LOSSES
from gradcheck.networks.problem import Batch, Floats, Params, Problem
from gradcheck.oracle.estimate import UNIT

UNIT32 = 2.0**-24
LARGEST_EPSILON = 1e-6

#: Problems looked at.
PROBLEMS = 24

#: Problems on which the penalty's way has to show.
ENOUGH = 2

#: Nearby points, how near, and on how many problems.
NEARBY = 3
NEAR = 1e-4
ASKED = 5

#: An error is rough when asking nearby changes it by more than this part of itself.
ROUGH = 0.2

#: A coarse error by more than this: float16 often rounds nearby points alike. Over 40 seeds
#: the part is above 0.10 for float16, and below 0.006 for tan, which varies fast at its poles.
ROUGH16 = 0.05

#: Coarse misses are looked into when there are more than this many for each fine one.
MANY = 0.25

#: Most tensors: some code computes a part in a wider type.
MOST = 0.7

#: What a cast to float16 leaves, as a part of the largest entry.
FLOAT16 = 2.0**-10

#: Rounding to at most this many decimals is recognised.
DECIMALS = 12

Questions = Generator[Request, Observation, Arithmetic]


@dataclass(frozen=True)
class _Miss:
    """A tensor, or the loss, that float64 arithmetic does not explain.

    Attributes
    ----------
    problem : Problem
    tensor : str
        ``""`` for the loss.
    within32 : bool
        Whether float32 arithmetic would explain it.
    """

    problem: Problem
    tensor: str
    within32: bool


def calibrate(problems: tuple[Problem, ...], truths: Truths) -> Questions:
    """Find the arithmetic of the code under test."""
    answers: dict[Problem, Observation] = {}
    # what is wider comes far out: narrow digits there alone are not the arithmetic of the code
    widest = max((max(p.network.widths) for p in problems[:PROBLEMS]), default=0)
    usual = [p for p in problems if max(p.network.widths) <= widest]
    logarithmic = [p for p in usual if LOSSES[p.network.loss].logarithmic]
    for problem in dict.fromkeys((*problems[:PROBLEMS], *logarithmic[:PROBLEMS])):
        observation = yield Request(Call.LOSS_AND_GRADS, problem)
        if not observation.failure:
            answers[problem] = observation
    misses = [m for p, o in answers.items() for m in _misses(p, o, truths, 0.0)]
    biases = bool(misses) and _counts_biases(answers, truths)
    if biases:
        truths = BiasesToo(truths)
        misses = [m for p, o in answers.items() for m in _misses(p, o, truths, 0.0)]
    epsilon, cut = (yield from _constants(answers, misses, truths)) if misses else (0.0, 0.0)
    if epsilon:
        misses = [m for p, o in answers.items() for m in _misses(p, o, truths, epsilon)]
    gradients = [miss for miss in misses if miss.tensor]
    losses = [miss for miss in misses if not miss.tensor]
    arithmetic = Arithmetic(epsilon=epsilon, cut=cut, biases=biases)
    if epsilon:
        note = f"a constant of {epsilon:.1e} stands inside the logarithms"
        arithmetic = replace(arithmetic, notes=(note,))
    if gradients:
        arithmetic = yield from _gradient_arithmetic(arithmetic, gradients, answers, truths)
    if losses and all(miss.within32 for miss in losses):
        rough = yield from _roughness(losses, truths, epsilon)
        if _representable(losses, answers, np.float32) or rough >= ROUGH:
            arithmetic = replace(arithmetic, loss_unit=UNIT32)
    if UNIT32 in (arithmetic.unit, arithmetic.loss_unit):
        notes = (*arithmetic.notes, "float32 arithmetic")
        arithmetic = replace(arithmetic, loss_unit=UNIT32, notes=notes)
    return arithmetic


def _counts_biases(answers: dict[Problem, Observation], truths: Truths) -> bool:
    """Whether losses and the last bias' gradients all have a penalty of the biases, and agree.

    By the last bias, since what is wrong below it is another matter. Of few problems one alone
    may have a penalty: nothing but that one is judged otherwise then.
    """
    told = asked = 0
    for problem, answer in answers.items():
        if not problem.network.l2 or not any(b.any() for _, b in problem.params.pairs):
            continue
        name, claim = list(answer.tensors.items())[-1]
        off = []
        for truth in (truths.of(problem), truths.of(problem, biases=True)):
            estimate = truth.gradient[name]
            allowed = estimate.error + estimate.interval + truth.rounding(UNIT32)[name]
            right = bool((np.abs(claim - estimate.value) <= allowed).all())
            off.append((truth.loss_off(answer.loss, UNIT32), not right))
        if any(off[1]):
            return False
        asked += 1
        told += all(off[0])
    return told >= min(ENOUGH, max(asked, 1))


def _gradient_arithmetic(
    arithmetic: Arithmetic,
    misses: list[_Miss],
    answers: dict[Problem, Observation],
    truths: Truths,
) -> Questions:
    fine = [miss for miss in misses if miss.within32]
    coarse = [miss for miss in misses if not miss.within32]
    decimals = _decimals(misses, answers, truths)
    if decimals is not None:
        note = f"gradients are rounded to {decimals} decimals"
        return _faulty(arithmetic, "rounded_to_decimals", note)
    if _representable(coarse, answers, np.float16) and _close(coarse, answers, truths):
        note = "gradients carry no more digits than float16 has"
        return _faulty(arithmetic, "float16_arithmetic", note)
    if len(coarse) > MANY * len(fine):
        rough = yield from _roughness(coarse, truths, arithmetic.epsilon)
        if rough >= ROUGH16:
            note = "the error jumps from point to point, as with too few digits"
            return _faulty(arithmetic, "low_precision_arithmetic", note)
    if fine:
        rough = yield from _roughness(fine, truths, arithmetic.epsilon)
        if _representable(fine, answers, np.float32) or rough >= ROUGH:
            return replace(arithmetic, unit=UNIT32)
    return arithmetic


def _faulty(arithmetic: Arithmetic, fault: str, note: str) -> Arithmetic:
    return replace(arithmetic, fault=fault, notes=(*arithmetic.notes, note))


def _misses(
    problem: Problem, observation: Observation, truths: Truths, epsilon: float
) -> list[_Miss]:
    """List what float64 arithmetic does not explain."""
    truth = truths.of(problem, epsilon)
    misses = []
    if truth.loss_off(observation.loss):
        misses.append(_Miss(problem, "", not truth.loss_off(observation.loss, UNIT32)))
    for name, claim in observation.tensors.items():
        estimate = truth.gradient[name]
        difference = np.abs(claim - estimate.value)
        bars = estimate.error + estimate.interval
        if epsilon:
            bars = bars + np.abs(truths.of(problem).gradient[name].value - estimate.value)
        if (difference <= bars).all() or (difference <= bars + truth.rounding(UNIT)[name]).all():
            continue
        if np.isfinite(claim).all():
            within = bool((difference <= bars + truth.rounding(UNIT32)[name]).all())
            misses.append(_Miss(problem, name, within))
    return misses


def _roughness(
    misses: list[_Miss], truths: Truths, epsilon: float
) -> Generator[Request, Observation, float]:
    """Return how much errors change from point to point, as a part of their size.

    0 for a smooth error, about 1 for independent ones; the median over misses.
    """
    shares = []
    rng = np.random.default_rng(len(misses))
    problems = list(dict.fromkeys(miss.problem for miss in misses))[:ASKED]
    for problem in problems:
        errors: dict[str, list[Floats]] = {m.tensor: [] for m in misses if m.problem == problem}
        for _ in range(NEARBY):
            near = _nearby(problem, rng)
            observation = yield Request(Call.LOSS_AND_GRADS, near)
            if observation.failure:
                continue
            truth = truths.of(near, epsilon)
            claims = observation.tensors
            for name, list_of_errors in errors.items():
                error = (
                    claims[name] - truth.gradient[name].value
                    if name
                    else np.array([observation.loss - truth.loss])
                )
                list_of_errors.append(error)
        shares += [_share(list_of_errors) for list_of_errors in errors.values()]
    finite = [share for share in shares if np.isfinite(share)]
    return float(np.median(finite)) if finite else 0.0


def _share(errors: list[Floats]) -> float:
    """Variance over points as a part of the mean square."""
    if len(errors) < 2:
        return float("nan")
    stack = np.stack(errors)
    square = float((stack * stack).mean())
    return float(stack.var(axis=0).mean()) / square if square > 0 else float("nan")


def _nearby(problem: Problem, rng: np.random.Generator) -> Problem:
    """Move everything a little: data that code casts to float32 are rounded anew too."""
    pairs = [
        (
            w + NEAR * rng.standard_normal(w.shape),
            b + NEAR * rng.standard_normal(b.shape),
        )
        for w, b in problem.params.pairs
    ]
    x, y = problem.batch.x, problem.batch.y
    x = x + NEAR * rng.standard_normal(x.shape)
    if LOSSES[problem.network.loss].targets == "real":
        y = y + NEAR * rng.standard_normal(y.shape)
    return replace(problem, params=Params(pairs), batch=Batch(x, y))


def _claims(misses: list[_Miss], answers: dict[Problem, Observation]) -> list[Floats]:
    return [
        answers[m.problem].tensors[m.tensor] if m.tensor else np.array([answers[m.problem].loss])
        for m in misses
    ]


def _representable(
    misses: list[_Miss], answers: dict[Problem, Observation], dtype: type[np.floating]
) -> bool:
    """Whether most of these tensors hold nothing but numbers of a narrower type."""
    claims = _claims(misses, answers)
    with np.errstate(over="ignore"):
        narrow = [bool(c.any() and (c == c.astype(dtype)).all()) for c in claims]
    return bool(narrow) and sum(narrow) >= MOST * len(narrow)


def _close(misses: list[_Miss], answers: dict[Problem, Observation], truths: Truths) -> bool:
    """Whether these tensors are off by no more than a cast to float16 explains."""
    return all(
        (error <= FLOAT16 * max(float(np.abs(claim).max()), 1e-4)).all()
        for claim, error in zip(
            _claims(misses, answers), _errors(misses, answers, truths), strict=True
        )
    )


def _decimals(
    misses: list[_Miss], answers: dict[Problem, Observation], truths: Truths
) -> int | None:
    """Return to how many decimals all these tensors are rounded, if they are.

    Short decimals alone prove nothing, for short inputs give short products: the
    error has to be what rounding to so many decimals leaves. Nor do zeros: they have
    no decimals, and small gradients that are left out are off by no more.
    """
    claims, errors = _claims(misses, answers), _errors(misses, answers, truths)
    if sum(np.count_nonzero(claim) for claim in claims) < 3:
        return None
    for decimals in range(1, DECIMALS + 1):
        if all((np.round(claim, decimals) == claim).all() for claim in claims):
            left = 0.51 * 10.0**-decimals
            return decimals if all((error <= left).all() for error in errors) else None
    return None


def _errors(
    misses: list[_Miss], answers: dict[Problem, Observation], truths: Truths
) -> list[Floats]:
    """Return how far each of these tensors is from the truth."""
    expected = [truths.of(m.problem).gradient[m.tensor].value for m in misses]
    claims = _claims(misses, answers)
    return [np.abs(c - e) for c, e in zip(claims, expected, strict=True)]


def _constants(
    answers: dict[Problem, Observation], misses: list[_Miss], truths: Truths
) -> Generator[Request, Observation, tuple[float, float]]:
    """Recover one constant inside the logarithms that explains all losses: added, or a cut."""
    logarithmic = [p for p in answers if LOSSES[p.network.loss].logarithmic]
    alone = askable(logarithmic) if any(miss.problem in logarithmic for miss in misses) else None
    found = (yield from guard(alone)) if alone is not None else None
    if found is not None and not found.added:
        return 0.0, found.value
    if found is not None and found.value <= 1.01 * LARGEST_EPSILON:
        for unit in (UNIT, UNIT32):
            if all(_explains(p, answers[p].loss, found.value, truths, unit) for p in logarithmic):
                return found.value, 0.0
    return _epsilon(answers, logarithmic, truths), 0.0


def _epsilon(
    answers: dict[Problem, Observation], logarithmic: list[Problem], truths: Truths
) -> float:
    """Recover one constant from the losses of ordinary problems, or zero."""
    off = [p for p in logarithmic if truths.of(p).loss_off(answers[p].loss)]
    found = [e for p in off if (e := _solve(p, answers[p].loss, truths)) is not None]
    if not off or len(found) < len(off):
        return 0.0
    epsilon = float(np.median(found))
    tidy = float(f"{epsilon:.0e}")
    for candidate in (tidy, epsilon):
        if all(_explains(p, answers[p].loss, candidate, truths) for p in logarithmic):
            return candidate
    return 0.0


def _explains(
    problem: Problem, loss: float, epsilon: float, truths: Truths, unit: float = UNIT
) -> bool:
    return not truths.of(problem, epsilon).loss_off(loss, unit)


def _solve(problem: Problem, loss: float, truths: Truths) -> float | None:
    """Find the epsilon that gives a loss, by bisection: the loss falls as it grows."""
    low, high = 0.0, LARGEST_EPSILON * 1.01
    if not truths.of(problem, high).loss <= loss <= truths.of(problem).loss:
        return None
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if loss_of(problem, middle) < loss else (middle, high)
    return 0.5 * (low + high)
