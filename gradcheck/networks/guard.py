"""What keeps the code's logarithms from zero? Asked where an output is next to zero.

Much code writes ``log(a + 1e-12)`` or ``log(clip(a, 1e-12, 1 - 1e-12))``. In float32 the loss
of an ordinary problem hardly shows such a constant. But where the last layer has weights of
zero and a bias that makes the output of the right class ``e**-80``, a sample's loss is minus
the logarithm of the constant, in any arithmetic.
"""

import math
from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace

import numpy as np

from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.networks.forward_pass import penalty
from gradcheck.networks.losses import LOSSES
from gradcheck.networks.problem import Batch, Params, Problem

#: The output of the right class is ``exp(-FAR)``; a larger power overflows in float32.
FAR = 80.0

#: A loss this near to FAR, or beyond, is that of no constant.
NEAR_FAR = 2.0

#: A constant beyond this is none against a logarithm of zero, but another loss.
LARGEST = 1e-3


@dataclass(frozen=True)
class Guard:
    """A constant in the logarithms.

    Attributes
    ----------
    value : float
    added : bool
        To the output; else the output is cut off there, which changes nothing above.
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


def guard(problem: Problem) -> Generator[Request, Observation, Guard | None]:
    """Ask for the constant.

    Parameters
    ----------
    problem : Problem
        From :func:`askable`.

    Returns
    -------
    Guard or None
        None where the loss is as defined, not finite, or not that of a constant.
    """
    far = yield from _loss(problem, -FAR)
    if not (-math.log(LARGEST) < far < FAR - NEAR_FAR):  # false for NaN too
        return None
    value = math.exp(-far)
    at = yield from _loss(problem, math.log(value))
    added = at < far - 0.5 * math.log(2)  # -log(2 value), where a cut-off says -log(value)
    return Guard(float(f"{value:.2e}"), added)


def _loss(problem: Problem, power: float) -> Generator[Request, Observation, float]:
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
