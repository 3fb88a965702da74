"""numdifftools.Gradient, compared by np.allclose: it comes without a comparison of its own."""

from collections.abc import Callable

import numpy as np
from numdifftools import Gradient

from benchmarks.against.work import flat, pairs_of
from gradcheck.networks.definitions import batch_loss
from gradcheck.networks.problem import Pair, Problem

NAMES = ("numdifftools Gradient",)


def checker(name: str, problem: Problem, claim: list[Pair]) -> Callable[[], bool]:
    """Return the comparison of numdifftools' gradient with the claim."""
    network, batch, claimed = problem.network, problem.batch, flat(claim)
    theta = flat(problem.params)

    def loss(vector: np.ndarray) -> float:
        return float(batch_loss(network, pairs_of(vector, network), batch.x, batch.y))

    return lambda: bool(np.allclose(Gradient(loss)(theta), claimed))
