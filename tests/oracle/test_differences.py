"""Two ways to difference the forward: whole forwards for small networks, resumed for large."""

import numpy as np
import pytest
from hypothesis import given

from gradcheck import sampling, strategies
from gradcheck.forward import activate
from gradcheck.network import Network
from gradcheck.oracle import Truth, resumed, whole
from gradcheck.oracle.directions import gaussian
from gradcheck.oracle.reach import REACH
from gradcheck.oracle.witness import SLACK
from gradcheck.problem import Problem


def directions(problem: Problem) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    return {name: gaussian(rng, 3, tensor.shape) for name, tensor in problem.params.tensors()}


@given(strategies.problems())
def test_both_ways_give_the_same_slopes(problem: Problem) -> None:
    apply = Truth(problem)._pinned or activate(problem.network)
    along = directions(problem)
    first = whole.slopes(problem, along, apply, REACH)
    second = resumed.slopes(problem, along, apply, REACH)
    assert list(first) == list(second) == list(along), f"{list(first)} and {list(second)}"
    for name in along:
        for one, other in zip(first[name], second[name], strict=True):
            if not np.isfinite(one.error + other.error):
                continue  # too near a kink for one of them
            bars = SLACK * (one.error + other.error)
            assert abs(one.value - other.value) <= bars, (
                f"{problem.network}, {name}: whole {one.value:.15g} ± {one.error:.1e}, resumed "
                f"{other.value:.15g} ± {other.error:.1e}"
            )


@pytest.mark.parametrize(
    ("widths", "small"), [("2-2-2", True), ("8-8-8", True), ("784-30-10", False)]
)
def test_small_networks_are_differenced_whole(widths: str, small: bool) -> None:
    network = Network.parse(f"{widths} tanh,sigmoid half_squared_error")
    problem = sampling.fill(np.random.default_rng(0), network, 8)
    assert whole.fits(problem, 3) is small, f"{widths}: differenced whole is {not small}"


def test_the_witness_for_large_networks_agrees_on_random_problems(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(whole, "STACK", 0)
    for index in range(200):
        problem = sampling.problem(16, index)
        against = Truth(problem).disagreements
        assert not against, (
            f"problem(16, {index}), {problem.network}: {against[0].tensor} is "
            f"{against[0].expected:.15g}, differences say {against[0].slope.value:.15g} ± "
            f"{against[0].slope.error:.1e}"
        )
