"""What the loss of code may mean otherwise than the definition, with a gradient that agrees.

Much code writes ``log(a + 1e-12)`` or ``log(clip(a, 1e-12, 1 - 1e-12))``. One epsilon that
explains its loss on every problem is taken for what it is. In float32 the loss of an ordinary
problem hardly shows such a constant. But where the last layer has weights of zero and a bias
that makes the output of the right class ``e**-80``, a sample's loss is minus the logarithm of
the constant, in any arithmetic.

And some penalise the biases too, in the loss and in the gradient alike.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradcheck.comparison.calibration import UNIT32
from gradcheck.comparison.compare import Arithmetic, allowed, within
from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.networks.definitions import LOSSES, loss_of, penalty
from gradcheck.networks.fast_estimate import Truths
from gradcheck.networks.problem import Batch, Params, Problem
from gradcheck.networks.scope import Asking
from gradcheck.oracle.estimate import UNIT

LARGEST_EPSILON = 1e-6

#: Problems on which the penalty's way has to show.
ENOUGH_PENALTIES = 2

#: The output of the right class is ``exp(-FAR)``; a larger power overflows in float32.
FAR = 80.0

#: A loss this near to FAR, or beyond, is that of no constant.
NEAR_FAR = 2.0

#: A constant beyond this is none against a logarithm of zero, but another loss.
LARGEST_GUARD = 1e-3

Answers = Mapping[Problem, Observation]


def conventions(
    truths: Truths, answers: Answers, off: Callable[[Arithmetic], Sequence[Problem]]
) -> Asking[Arithmetic]:
    """Find the conventions of a code's loss: a constant, a cut, or a penalty of the biases.

    Parameters
    ----------
    answers : mapping of Problem to Observation
        What it says of problems.
    off : callable
        Returns the problems on which that is not explained by conventions known so far.
    """
    found = Arithmetic(biases=_counts_biases(answers, truths))
    unexplained = off(found)
    if not unexplained:
        return found
    logarithmic = [p for p in answers if LOSSES[p.network.loss].logarithmic]
    alone = askable(logarithmic) if any(p in logarithmic for p in unexplained) else None
    known = (yield from guard(alone)) if alone is not None else None
    if known is not None and not known.added:
        return replace(found, cut=known.value)

    def explains(constant: float, unit: float = UNIT) -> bool:
        """Whether a constant explains all losses."""
        truth = {p: truths.of(p, constant, found.biases) for p in logarithmic}
        return not any(truth[p].loss_off(answers[p].loss, unit) for p in logarithmic)

    epsilon = 0.0
    if known is not None and known.value <= 1.01 * LARGEST_EPSILON:
        epsilon = known.value * any(explains(known.value, unit) for unit in (UNIT, UNIT32))
    if not epsilon:
        recovered = _recovered(answers, logarithmic, truths, found.biases)
        epsilon = next(filter(explains, recovered), 0.0)
    if not epsilon:
        return found
    note = f"a constant of {epsilon:.1e} stands inside the logarithms"
    return replace(found, epsilon=epsilon, notes=(note,))


def _counts_biases(answers: Answers, truths: Truths) -> bool:
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
            right = within(claim, truth.gradient[name].value, allowed(truth, name, UNIT32))
            off.append((truth.loss_off(answer.loss, UNIT32), not right))
        if any(off[1]):
            return False
        asked += 1
        told += all(off[0])
    return told >= min(ENOUGH_PENALTIES, max(asked, 1))


def _recovered(
    answers: Answers, logarithmic: list[Problem], truths: Truths, biases: bool
) -> Iterator[float]:
    """Recover one constant from the losses of ordinary problems: a tidy one first."""
    solved = []
    for problem in logarithmic:
        loss, plain = answers[problem].loss, truths.of(problem, biases=biases)
        if not plain.loss_off(loss):
            continue
        if not truths.of(problem, 1.01 * LARGEST_EPSILON, biases).loss <= loss <= plain.loss:
            return
        solved.append(_solved(problem, loss))
    if solved:
        epsilon = float(np.median(solved))
        yield from (float(f"{epsilon:.0e}"), epsilon)


def _solved(problem: Problem, loss: float) -> float:
    """Find the epsilon that gives a loss, by bisection: the loss falls as it grows."""
    low, high = 0.0, LARGEST_EPSILON * 1.01
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if loss_of(problem, middle) < loss else (middle, high)
    return 0.5 * (low + high)


@dataclass(frozen=True)
class Guard:
    """A constant in the logarithms.

    It is ``added`` to the output; else the output is cut off there, which changes nothing above.
    """

    value: float
    added: bool


def askable(problems: Iterable[Problem]) -> Problem | None:
    """Return the smallest problem whose last layer can be set for this, if there is any."""
    fitting = [
        problem
        for problem in problems
        if LOSSES[problem.network.loss].logarithmic
        and (problem.network.activations[-1] != "softmax" or problem.network.widths[-1] > 1)
    ]
    # without a penalty, where there is one: some code counts the biases in it
    size = {p: (p.network.l2 != 0, p.params.size * p.batch.size) for p in fitting}
    return min(fitting, key=size.__getitem__, default=None)


def guard(problem: Problem) -> Asking[Guard | None]:
    """Ask for the constant, of a problem from :func:`askable`.

    None where the loss is as defined, not finite, or not that of a constant.
    """
    far = yield from _loss(problem, -FAR)
    if not (-math.log(LARGEST_GUARD) < far < FAR - NEAR_FAR):  # false for NaN too
        return None
    value = math.exp(-far)
    at = yield from _loss(problem, math.log(value))
    added = at < far - 0.5 * math.log(2)  # -log(2 value), where a cut-off says -log(value)
    return Guard(float(f"{value:.2e}"), added)


def _loss(problem: Problem, power: float) -> Asking[float]:
    """Return the loss of one sample whose right output is ``exp(power)``, without the penalty."""
    network, samples, width = problem.network, problem.batch.size, problem.network.widths[-1]
    pairs = problem.params.copies()
    w, b = np.zeros_like(pairs[-1][0]), np.zeros_like(pairs[-1][1])
    if network.activations[-1] == "softmax":
        b[0] = power + math.log(width - 1)
    else:
        b[:] = -FAR  # outputs of next to nothing where nothing is right
        b[0] = power
    pairs[-1] = (w, b)
    y = np.zeros((samples, width))
    y[:, 0] = 1.0
    asked = replace(problem, params=Params(pairs), batch=Batch(problem.batch.x, y))
    observation = yield Request(Call.LOSS_AND_GRADS, asked)
    if observation.failure:
        return math.nan
    count = samples if network.reduction == "sum" else 1
    return float((observation.loss - penalty(network, pairs)) / count)
