"""jax.test_util.check_grads, reverse mode, in float64, of a compiled forward."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
from jax.test_util import check_grads

from benchmarks.against.work import implementation
from gradcheck.networks.problem import Pair, Problem

NAMES = ("jax check_grads",)

jax.config.update("jax_enable_x64", True)


@lru_cache(maxsize=4)
def compiled(problem: Problem) -> Callable[..., Any]:
    """Return the loss as a function of the parameters; compiled once, for all claims."""
    jax.clear_caches()  # each problem has other shapes: thousands of programs would stay
    network, batch = problem.network, problem.batch
    code = implementation("jax_autodiff")

    def objective(params: Any) -> Any:
        z = a = batch.x
        for phi, (w, b) in zip(network.activations, params, strict=True):
            z = a @ w + b
            a = code.ACTIVATIONS[phi](z)
        losses = code.LOSSES[network.loss](z, a, batch.y).sum(axis=1)
        total = losses.mean() if network.reduction == "mean" else losses.sum()
        return total + 0.5 * network.l2 * sum((w * w).sum() for w, _ in params)

    return jax.jit(objective)


def checker(name: str, problem: Problem, claim: list[Pair]) -> Callable[[], bool]:
    """Return the check of a forward whose backward answers the claim."""
    by_hand = jax.custom_vjp(compiled(problem))
    by_hand.defvjp(
        lambda params: (by_hand(params), None),
        lambda _, g: ([(g * dw, g * db) for dw, db in claim],),
    )
    params = problem.params.copies()

    def check() -> bool:
        try:
            check_grads(by_hand, (params,), order=1, modes=["rev"])
        except AssertionError:
            return False
        return True

    return check
