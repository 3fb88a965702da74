"""autograd's check_grads, reverse mode."""

from collections.abc import Callable

import autograd.numpy as np
from autograd.extend import defvjp, primitive
from autograd.test_util import check_grads

from benchmarks.against.work import flat, pairs_of
from gradcheck.networks.definitions import batch_loss
from gradcheck.networks.problem import Pair, Problem

NAMES = ("autograd check_grads",)


def checker(name: str, problem: Problem, claim: list[Pair]) -> Callable[[], bool]:
    """Return the check of a forward whose backward answers the claim."""
    network, batch, claimed = problem.network, problem.batch, flat(claim)

    @primitive
    def by_hand(theta):  # type: ignore[no-untyped-def]
        return float(batch_loss(network, pairs_of(theta, network), batch.x, batch.y))

    defvjp(by_hand, lambda answer, theta: lambda g: g * claimed)
    theta = np.array(flat(problem.params))

    def check() -> bool:
        try:
            check_grads(by_hand, modes=["rev"], order=1)(theta)
        except AssertionError:
            return False
        return True

    return check
