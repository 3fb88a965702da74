"""scipy.optimize: approx_fprime, and check_grad, which is its distance from the claim.

check_grad gives a number and leaves the verdict to the reader. Here it is accepted below
1e-5 of the claim's norm, or below 1e-5: what torch would call close.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import approx_fprime, check_grad

from benchmarks.against.work import flat, pairs_of
from gradcheck.networks.definitions import batch_loss
from gradcheck.networks.problem import Pair, Problem

FORWARD_DIFFERENCES, CHECK = "scipy approx_fprime", "scipy check_grad"
NAMES = (FORWARD_DIFFERENCES, CHECK)

CLOSE = 1e-5


def checker(name: str, problem: Problem, claim: list[Pair]) -> Callable[[], bool]:
    """Return forward differences alone, or their comparison with the claim."""
    network, batch, claimed = problem.network, problem.batch, flat(claim)
    theta = flat(problem.params)

    def loss(vector: np.ndarray) -> float:
        return float(batch_loss(network, pairs_of(vector, network), batch.x, batch.y))

    if name == FORWARD_DIFFERENCES:
        return lambda: bool(len(approx_fprime(theta, loss)))
    allowed = CLOSE * max(1.0, float(np.linalg.norm(claimed)))
    return lambda: bool(check_grad(loss, lambda _: claimed, theta) <= allowed)
