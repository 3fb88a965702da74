"""Points that roundoff cannot tell from a problem's own."""

import numpy as np
from hypothesis import given

from gradcheck.networks import sampling
from gradcheck.networks.definitions import evaluate
from gradcheck.networks.fast_estimate import complex_step
from gradcheck.networks.problem import Batch, Network, Problem
from gradcheck.oracle.estimate import UNIT
from tests import strategies

#: A move is rounded to the nearest number too.
MOST = (complex_step.FURTHEST + 1.0) * UNIT


def near(problem: Problem) -> complex_step.Points:
    z = evaluate(problem.network, problem.params.pairs, problem.batch.x).z[0]
    return complex_step.points_near(problem, z, np.random.default_rng(3))


@given(strategies.problems())
def test_the_first_point_is_the_problems_own(problem: Problem) -> None:
    first = near(problem).first
    z = evaluate(problem.network, problem.params.pairs, problem.batch.x).z[0]
    assert np.array_equal(first.z[0, 0], z), f"{problem.network}: another z[1]"
    for layer, (pair, own) in enumerate(zip(first.pairs, problem.params, strict=True), start=1):
        for kind, moved, tensor in zip("Wb", pair, own, strict=True):
            assert np.array_equal(moved[0, 0], tensor), f"{problem.network}: another {kind}{layer}"
    assert np.array_equal(first.y[0, 0], problem.batch.y), f"{problem.network}: other targets"
    whole = 1.0 / problem.batch.size if problem.network.reduction == "mean" else 1.0
    assert np.array_equal(first.shares, np.full_like(first.shares, whole)), (
        f"{problem.network}, N = {problem.batch.size}: shares {first.shares.ravel().tolist()}"
    )


@given(strategies.problems())
def test_the_others_are_a_few_units_of_roundoff_away(problem: Problem) -> None:
    stack = near(problem)
    for layer, pair in enumerate(stack.pairs[1:], start=2):
        for kind, moved in zip("Wb", pair, strict=True):
            far = np.abs(moved - moved[:1]) > MOST * np.abs(moved[:1])
            assert not far.any(), f"{problem.network}: {kind}{layer} is moved too far"
    far = np.abs(stack.y - stack.y[:1]) > MOST * np.abs(stack.y[:1])
    assert not far.any(), f"{problem.network}: targets are moved too far"


@given(strategies.problems())
def test_the_first_z_is_moved_no_further_than_its_parameters_would(problem: Problem) -> None:
    stack = near(problem)
    (w, b), x = problem.params.pairs[0], problem.batch.x
    terms = np.abs(x) @ np.abs(w) + np.abs(b)
    moved = np.abs(stack.z[1:] - stack.z[:1])
    # alike in all samples and each by itself, and rounded
    far = moved > 2 * complex_step.FURTHEST * UNIT * terms + 2 * UNIT * np.abs(stack.z[:1])
    assert not far.any(), f"{problem.network}: z[1] is moved by up to {moved.max():.1e}"


@given(strategies.problems())
def test_zeros_are_not_moved(problem: Problem) -> None:
    silent = [(np.zeros_like(w), np.zeros_like(b)) for w, b in problem.params]
    for w, b in complex_step.moved(silent, np.random.default_rng(0)):
        assert not w.any(), f"{problem.network}: a zero weight is moved to {w.max():.1e}"
        assert not b.any(), f"{problem.network}: a zero bias is moved to {b.max():.1e}"


def test_samples_that_are_alike_move_together_in_part() -> None:
    network = Network.parse("5-3-2 tanh,identity half_squared_error mean")
    one = sampling.fill(np.random.default_rng(0), network, 1)
    batch = Batch(np.repeat(one.batch.x, 4000, axis=0), np.repeat(one.batch.y, 4000, axis=0))
    stack = near(Problem(network, one.params, batch))
    moves = (stack.z[1:] - stack.z[:1])[:, 0]
    together = np.abs(moves.mean(axis=1)) / moves.std(axis=1)
    assert together.max() > 0.3, f"of 4000 equal samples the mean moves by {together} of one's move"
