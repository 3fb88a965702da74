"""The primary estimate: two ways to it agree, in bounded memory."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from gradcheck.networks import sampling
from gradcheck.networks.definitions import PAIRINGS, Evaluation, Pairs, evaluate
from gradcheck.networks.fast_estimate import Truth, complex_step, rounding
from gradcheck.networks.fast_estimate.complex_step import (
    Stack,
    by_preactivation,
    estimates,
    linearised,
    spread,
)
from gradcheck.networks.problem import Batch, Network, Problem
from gradcheck.oracle import Estimate, evaluation
from tests import strategies
from tests.networks.fast_estimate.by_parameter import by_parameter

pytestmark = pytest.mark.last_bits

MEGABYTE = 1e6


def both_ways(problem: Problem) -> list[tuple[str, Estimate, Estimate]]:
    """Estimate a gradient at the pre-activations and at every parameter by itself."""
    rng = np.random.default_rng(1)
    on_kink = Truth(problem).kinks
    apply = on_kink.pinned(problem, np.ones(on_kink.count)) if on_kink.count else None
    near = complex_step.points_near(problem, plain_run(problem).z[0], rng)
    parts = linearised(problem, near, apply)
    stack = by_preactivation(parts.first)
    short = estimates(stack, rounding.bars(parts, stack))
    pairs = complex_step.moved(problem.params, rng)
    stack = by_parameter(problem, pairs, apply, complex_step.moved_batch(problem.batch, rng))
    bars = [tuple(rounding.bar(spread(t), rounding.floor(t[0])) for t in p) for p in stack]
    plain = estimates(stack, bars)
    return [(name, short[name], plain[name]) for name in short]


def plain_run(problem: Problem) -> Evaluation:
    return evaluate(problem.network, problem.params.pairs, problem.batch.x)


def at_preactivations(problem: Problem, pairs: Pairs) -> Stack:
    return by_preactivation(linearised(problem, complex_step.points_of(problem, pairs)))


def assert_both_ways_agree(problem: Problem, called: str) -> None:
    norms = []
    for name, short, plain in both_ways(problem):
        apart = np.abs(short.value - plain.value) - (short.error + plain.error)
        assert (apart <= 0).all(), (
            f"{called}, {problem.network}, {name}: at the pre-activations {short.value.tolist()}, "
            f"one parameter at a time {plain.value.tolist()}: their bars do not overlap"
        )
        norms.append((np.linalg.norm(short.error), np.linalg.norm(plain.error)))
    # over all tensors: in a tensor of one entry, four runs may happen to move nothing
    bars = np.linalg.norm(norms, axis=0)
    assert max(bars) <= 10 * min(bars), (
        f"{called}, {problem.network}: bars of norm {bars[0]:.1e} at the pre-activations and "
        f"{bars[1]:.1e} one parameter at a time"
    )


@given(strategies.problems())
def test_both_ways_agree_on_every_kind_of_network(problem: Problem) -> None:
    assert_both_ways_agree(problem, "a drawn problem")


@pytest.mark.parametrize(("output", "loss"), PAIRINGS)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_both_ways_agree_for_every_output_and_loss(output: str, loss: str, reduction: str) -> None:
    support = replace(
        sampling.EVERYTHING, pairings=((output, loss),), reductions=(reduction,), depths=(1, 2, 3)
    )
    for index in range(0, 15, 3):
        problem = sampling.problem(3, index, support)
        assert_both_ways_agree(problem, f"problem(3, {index}) of that pairing")


def alike(one: np.ndarray, two: np.ndarray) -> bool:
    """Whether two computations of the same numbers agree; last bits are promised by nobody."""
    return np.allclose(one, two, rtol=0.0, atol=1e-11 * (1.0 + np.abs(one).max(initial=0.0)))


@pytest.mark.parametrize("block", [1, 2000, 50_000])
def test_the_size_of_a_block_changes_no_digit(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(0, 60, 5):
        problem = sampling.problem(4, index)
        pairs = complex_step.moved(problem.params, np.random.default_rng(index))
        for way in (at_preactivations, by_parameter):
            with monkeypatch.context() as patch:
                whole = way(problem, pairs)
                patch.setattr(evaluation, "BLOCK", block)
                pieces = way(problem, pairs)
            for layer, (one, two) in enumerate(zip(whole, pieces, strict=True), start=1):
                for kind, a, b in zip("Wb", one, two, strict=True):
                    assert alike(a, b), (
                        f"problem(4, {index}), {way.__name__}, {kind}{layer}: blocks of {block} "
                        f"bytes change the estimate by {np.abs(a - b).max():.1e}"
                    )


def test_the_weight_penalty_adds_l2_times_the_weights() -> None:
    for index in range(40):
        problem = sampling.problem(6, index)
        with_it = replace(problem, network=replace(problem.network, l2=0.37))
        without = replace(problem, network=replace(problem.network, l2=0.0))
        pairs = [(w[None], b[None]) for w, b in problem.params.pairs]
        one = at_preactivations(with_it, pairs)
        two = at_preactivations(without, pairs)
        for layer, (w, _) in enumerate(problem.params, start=1):
            (dw, db), (dw_plain, db_plain) = one[layer - 1], two[layer - 1]
            assert alike(dw[0], dw_plain[0] + 0.37 * w), (
                f"problem(6, {index}), W{layer}: the penalty adds something else than l2 W"
            )
            assert alike(db, db_plain), f"problem(6, {index}), b{layer}: the penalty reaches a bias"


def test_the_gradient_of_the_penalty_alone_is_exact() -> None:
    for index in range(20):
        problem = sampling.problem(7, index)
        network = replace(problem.network, l2=0.37)
        silent = replace(problem, network=network, batch=_no_input(problem))
        gradient = Truth(silent).gradient["W1"].value
        expected = 0.37 * problem.params.pairs[0][0]
        assert np.array_equal(gradient, expected), (
            f"problem(7, {index}) with x = 0: dW1 is {gradient.tolist()}, l2 W is "
            f"{expected.tolist()}"
        )


def _no_input(problem: Problem) -> Batch:
    return Batch(np.zeros_like(problem.batch.x), problem.batch.y)


@pytest.fixture(scope="module")
def large() -> Problem:
    network = Network.parse("784-30-10 sigmoid,softmax cross_entropy")
    return sampling.fill(np.random.default_rng(0), network, 32)


@pytest.mark.parametrize("what", ["gradient", "rounding", "second_estimates"])
def test_a_784_30_10_network_stays_below_200_megabytes(what: str, large: Problem) -> None:
    truth = Truth(large)
    _ = truth.gradient if what == "second_estimates" else None
    tracemalloc.start()
    try:
        _ = truth.rounding() if what == "rounding" else getattr(truth, what)
        peak = tracemalloc.get_traced_memory()[1] / MEGABYTE
    finally:
        tracemalloc.stop()
    assert peak < 200, f"{what} of {large.network} with N = 32 takes {peak:.0f} MB"


def test_a_784_30_10_network_is_estimated_sharply_and_both_witnesses_agree(large: Problem) -> None:
    truth = Truth(large)
    assert truth.gradient["W1"].value.shape == (784, 30), "dW1 has the wrong shape"
    coarse = {name: e.resolution for name, e in truth.gradient.items() if e.resolution > 1e-12}
    assert not coarse, f"{large.network}: resolutions {coarse}"
    assert not truth.disagreements, f"{large.network}: {truth.disagreements}"
