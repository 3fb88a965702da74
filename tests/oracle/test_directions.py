"""Random directions, and the bound on what they miss."""

import math
from itertools import pairwise

import numpy as np
import pytest

from gradcheck.oracle.estimate import drawn, miss_probability, smallest_seen

#: An estimate may be off by a third of the bar of agreement.
SHOWN = 4.0 / 3.0

RUNS = 200_000

#: Shapes of errors, some of which other kinds of directions miss at any size.
ERRORS = {
    "one entry": np.array([1.0, 0.0, 0.0, 0.0]),
    "two opposite entries": np.array([1.0, -1.0, 0.0, 0.0]),
    "all equal": np.ones(4),
    "alternating": np.array([1.0, -1.0, 1.0, -1.0]),
}


@pytest.mark.parametrize("name", list(ERRORS))
@pytest.mark.parametrize("ratio", [1.5, 3.0, 10.0, 30.0])
def test_an_error_is_missed_no_more_often_than_the_bound_says(name: str, ratio: float) -> None:
    error = ERRORS[name] / np.linalg.norm(ERRORS[name]) * ratio  # in bars
    shown = np.abs(drawn(np.random.default_rng(3), RUNS, (4,)) @ error)
    missed = float((shown <= SHOWN).mean())
    bound = miss_probability(ratio, 1)
    spare = 4 * math.sqrt(bound * (1 - min(bound, 1.0)) / RUNS)
    assert missed <= bound + spare, (
        f"{name}, {ratio} bars: one direction misses it in {missed:.4f} of {RUNS} runs, the bound "
        f"is {bound:.4f}"
    )


@pytest.mark.parametrize("directions", [2, 3])
def test_several_directions_miss_no_more_often_than_the_bound_says(directions: int) -> None:
    for ratio in (2.0, 5.0):
        v = drawn(np.random.default_rng(directions), RUNS * directions, (4,))
        shown = np.abs(v @ (ERRORS["alternating"] / 2 * ratio)).reshape(RUNS, directions)
        missed = float((shown <= SHOWN).all(axis=1).mean())
        bound = miss_probability(ratio, directions)
        spare = 4 * math.sqrt(bound / RUNS)
        assert missed <= bound + spare, (
            f"{ratio} bars: {directions} directions all miss it in {missed:.5f} of {RUNS} runs, "
            f"the bound is {bound:.5f}"
        )


def test_the_bound_is_not_idle() -> None:
    ratio = 10.0  # two entries of one size are the worst that can be: a cube cut by its diagonal
    error = ERRORS["two opposite entries"] / np.sqrt(2.0) * ratio
    shown = np.abs(drawn(np.random.default_rng(5), RUNS, (4,)) @ error)
    missed, bound = float((shown <= SHOWN).mean()), miss_probability(ratio, 1)
    assert bound <= 1.1 * missed, f"an error of 10 bars is missed in {missed}; the bound is {bound}"


def test_more_directions_miss_less() -> None:
    for ratio in np.geomspace(1.1, 1e6, 40).tolist():
        chances = [miss_probability(ratio, k) for k in range(1, 10)]
        assert all(a > b for a, b in pairwise(chances)), (
            f"at {ratio:.3g} bars the chances for 1, 2, ... directions are {chances}"
        )


def test_larger_errors_are_missed_less() -> None:
    for directions in (1, 3, 7):
        chances = [miss_probability(ratio, directions) for ratio in np.geomspace(1.1, 1e6, 40)]
        assert all(a > b for a, b in pairwise(chances)), (
            f"with {directions} directions the chances for growing errors are {chances}"
        )


@pytest.mark.parametrize("ratio", [0.0, -1.0, 0.1, 1.0])
def test_an_error_within_the_bar_may_always_be_missed(ratio: float) -> None:
    chance = miss_probability(ratio, 3)
    assert chance == 1.0, f"an error of {ratio} bars is said to be missed with only {chance}"


@pytest.mark.parametrize("directions", [1, 3, 7])
@pytest.mark.parametrize("probability", [1e-2, 1e-9])
def test_the_smallest_error_seen_is_missed_with_just_that_probability(
    directions: int, probability: float
) -> None:
    bar = 3e-11
    size = smallest_seen(bar, directions, probability)
    chance = miss_probability(size / bar, directions)
    assert chance == pytest.approx(probability, rel=1e-9), (
        f"{directions} directions: an error of {size:.2e} is missed with {chance}, not "
        f"{probability}"
    )


def test_directions_have_variance_one_and_are_replayable() -> None:
    v = drawn(np.random.default_rng(9), 20_000, (2, 3))
    assert v.shape == (20_000, 2, 3), f"directions have shape {v.shape}"
    covariance = np.cov(v.reshape(len(v), -1).T)
    assert np.abs(covariance - np.eye(6)).max() < 0.05, f"covariance {covariance.tolist()}"
    again = drawn(np.random.default_rng(9), 20_000, (2, 3))
    assert np.array_equal(v, again), "the same seed gives other directions"
