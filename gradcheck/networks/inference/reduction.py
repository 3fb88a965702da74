"""Mean or sum? Where a network is named without its reduction, the numbers of the code say.

The loss says it first: it is that of one reduction, or (where it is none that is known) a
batch's is the sum or the mean of its samples'. Else the gradient says it, likewise. What
neither tells is asked for: assumed, it would make right code wrong.
"""

from collections.abc import Generator
from dataclasses import replace

import numpy as np

from gradcheck.contract.protocol import Call, Failure, Observation, Request
from gradcheck.networks.fast_estimate.truth import Truth
from gradcheck.networks.inference import closeness
from gradcheck.networks.losses import REDUCTIONS
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Floats, Problem

#: Relative difference up to which two numbers are the same here.
SAME = 1e-6

Questions = Generator[Request, Observation, tuple[str, str]]


def with_each(problem: Problem) -> dict[str, Problem]:
    """Return a problem by each reduction."""
    return {
        name: replace(problem, network=replace(problem.network, reduction=name))
        for name in REDUCTIONS
    }


def reduction(problem: Problem, reading: int) -> Questions:
    """Find the reduction by which the code's numbers go together.

    Returns
    -------
    reduction : str
        Empty where they do not tell.
    how : str
        By what it was told.
    """
    if problem.batch.size == 1:
        return "mean", "of one sample a call it is the sum, too"
    whole = yield Request(Call.LOSS_AND_GRADS, problem, reading=reading)
    if whole.failure is not None:
        return "", ""
    variants = with_each(problem)
    fitting = [name for name, each in variants.items() if fits(each, whole)]
    if len(fitting) == 1:
        return fitting[0], "as its loss says"
    singles = []
    for n in range(problem.batch.size):
        single = replace(problem, batch=problem.batch.select([n]))
        answer = yield Request(Call.LOSS_AND_GRADS, single, reading=reading)
        singles += [answer] if answer.failure is None else []
    complete = len(singles) == problem.batch.size
    if complete and np.isfinite(whole.loss):
        penalty = Truth(problem).penalty
        parts = np.array([answer.loss - penalty for answer in singles])
        found = _made_of(np.array([whole.loss - penalty]), parts[:, None])
        if found:
            return found, "as its losses of a batch and of its samples say"
    shares = {name: closeness.share(each, whole) for name, each in variants.items()}
    best = max(shares, key=shares.__getitem__)
    if shares[best] >= closeness.ENOUGH and min(shares.values()) < shares[best]:
        return best, "as its gradient says"
    if complete:
        w = problem.network.l2 * problem.params.pairs[-1][0]
        parts = np.array([answer.tensors[-1][0] - w for answer in singles])
        found = _made_of(whole.tensors[-1][0] - w, parts)
        if found:
            return found, "as its gradients of a batch and of its samples say"
    return "", ""


def fits(problem: Problem, answer: Observation) -> bool:
    """Whether a claimed loss is that of a problem."""
    loss = Truth(problem).loss
    return bool(abs(answer.loss - loss) <= SAME * abs(loss))


def _made_of(whole: Floats, parts: Floats) -> str:
    """Say whether something is the sum or the mean of its parts, along their first axis."""
    for name, value in (("sum", parts.sum(axis=0)), ("mean", parts.mean(axis=0))):
        size = float(np.abs(value).max())
        if size and np.allclose(whole, value, rtol=SAME, atol=SAME * size):
            return name
    return ""


def demanded(network: Network) -> Failure:
    """Say that the reduction is needed, and how to write it."""
    short = str(network).replace(f" {network.reduction}", "", 1)
    text = (
        f"the network {short!r} says neither mean nor sum, and the numbers of the code fit "
        f"neither: write '{replace(network, reduction='mean')}' or "
        f"'{replace(network, reduction='sum')}'"
    )
    return Failure("unsupported", text)
