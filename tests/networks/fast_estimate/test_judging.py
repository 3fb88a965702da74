"""A claimed tensor beside the truth: which entry is furthest off, and by how many bars."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.comparison.compare import FLOAT64, Arithmetic, Judgement, judge_tensor
from gradcheck.comparison.verdict import Verdict
from gradcheck.networks import sampling
from gradcheck.networks.fast_estimate import Truth
from gradcheck.networks.problem import Floats, Network, Params, Problem
from gradcheck.oracle import evaluation

NETWORK = Network.parse("5-4-3 tanh,softmax cross_entropy")
TRUTH = Truth(sampling.fill(np.random.default_rng(0), NETWORK, 6))
TRUE = TRUTH.gradient["W1"]


def judged(claim: Floats, block: int = evaluation.BLOCK) -> Judgement:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "BLOCK", block)
        return judge_tensor("W1", claim, TRUTH, FLOAT64)


@pytest.mark.parametrize("block", [1, 1000, evaluation.BLOCK])
@given(places=st.lists(st.integers(0, TRUE.value.size - 1), min_size=2, max_size=2, unique=True))
def test_the_entry_furthest_off_is_named_in_blocks_of_any_size(
    block: int, places: list[int]
) -> None:
    claim = TRUE.value.copy()
    claim.flat[places[0]] += 1e-3
    claim.flat[places[1]] -= 1.0  # bars differ by far less than a factor of 1000
    judgement = judged(claim, block)
    entry = tuple(int(i) for i in np.unravel_index(places[1], claim.shape))
    assert judgement.verdict is Verdict.WRONG, f"off by 1 at {entry}: {judgement}"
    assert judgement.entry == entry, f"off by 1 at {entry}, named is {judgement.place}"
    off = 1.0 / judgement.bar
    assert judgement.excess == pytest.approx(off), f"{off:.3g} bars off, told {judgement.excess}"


@pytest.mark.parametrize("block", [1, evaluation.BLOCK])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@given(place=st.integers(0, TRUE.value.size - 1))
def test_what_is_not_finite_is_furthest_off(value: float, block: int, place: int) -> None:
    claim = TRUE.value + 1.0
    claim.flat[place] = value
    judgement = judged(claim, block)
    entry = tuple(int(i) for i in np.unravel_index(place, claim.shape))
    assert judgement.verdict is Verdict.WRONG, f"{value} at {entry}: {judgement}"
    assert (judgement.entry, judgement.excess) == (entry, np.inf), (
        f"{value} at {entry}: {judgement}"
    )


@pytest.mark.parametrize("block", [1, evaluation.BLOCK])
def test_where_nothing_but_zero_is_right_zero_is_in_its_bar(block: int) -> None:
    network = Network.parse("3-2-2 relu,identity half_squared_error")
    drawn = sampling.fill(np.random.default_rng(1), network, 4)
    (w, b), last = drawn.params.pairs
    silent = Params([(w, b - 100.0), last])  # no unit ever speaks
    truth = Truth(Problem(network, silent, drawn.batch))
    assert not truth.gradient["W1"].error.any(), "a bar where nothing can be off"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "BLOCK", block)
        zero = judge_tensor("W1", np.zeros((3, 2)), truth, FLOAT64)
        small = judge_tensor("W1", np.full((3, 2), 1e-9), truth, FLOAT64)
    assert (zero.verdict, zero.excess) == (Verdict.CORRECT, 0.0), f"zero for zero: {zero}"
    assert small.verdict is Verdict.WRONG, f"1e-9 for zero: {small}"


@pytest.mark.parametrize(
    ("off", "verdict", "lost"),
    [
        (1e-7, Verdict.CORRECT, False),  # its digits might have been lost, and were not
        (5e-3, Verdict.UNRESOLVED, True),
        (1.0, Verdict.WRONG, False),
    ],
)
def test_a_problem_says_nothing_only_where_digits_are_gone_and_not_where_they_may_be(
    off: float, verdict: Verdict, lost: bool
) -> None:
    truth = Truth(TRUTH.problem)
    norm = float(np.linalg.norm(TRUE.value))
    allowed = np.full(TRUE.value.shape, 1e-2 * norm)
    claim = TRUE.value.copy()
    claim[0, 0] += off * norm
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(truth, "rounding", lambda unit: {"W1": allowed})
        judgement = judge_tensor("W1", claim, truth, Arithmetic(unit=6e-8))
    assert (judgement.verdict, judgement.lost) == (verdict, lost), judgement
    assert off > 1e-7 or judgement.resolution <= 1e-3, judgement
