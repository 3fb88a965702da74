"""A claim is right within bar, interval and rounding, and by nothing else."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from gradcheck.comparison.compare import (
    FLOAT64,
    Arithmetic,
    allowed,
    compare,
    judge,
    judge_tensor,
    loss_differs,
    rounded_bars,
    within,
)
from gradcheck.comparison.verdict import Verdict
from gradcheck.oracle.estimate import UNIT, Estimate
from tests.checks.canned import Kinks

VALUE = np.array([1.0, -2.0, 0.5])
BAR, ROUNDING = 1e-12, 1e-10


@dataclass
class Truth:
    """A gradient with given bars, on a kink or off, and what rounding may cost."""

    interval: float = 0.0
    kinks: Kinks = field(default_factory=Kinks)
    bar: float = BAR
    cost: float = ROUNDING
    value: Any = field(default_factory=VALUE.copy)
    loss: float = 1.0
    outputs: Any = None

    @property
    def gradient(self) -> dict[str, Estimate]:
        shape = self.value.shape
        error, interval = np.full(shape, self.bar), np.full(shape, self.interval)
        return {"p": Estimate(self.value, error, interval)}

    def rounding(self, unit: float) -> dict[str, Any]:
        return {"p": np.full(self.value.shape, self.cost * unit / UNIT)}

    def beyond(self, cut: float) -> dict[str, Any]:
        return {"p": np.array([1.0, 0.0, 0.0])}

    def guarded(self, constant: float, unit: float) -> dict[str, Any]:
        return self.beyond(constant)

    def loss_error(self, unit: float) -> float:
        return 8 * unit

    def outputs_error(self, unit: float) -> Any:
        return 8 * unit

    def loss_off(self, claim: float, unit: float, cut: float = 0.0) -> bool:
        return not abs(claim - self.loss + 0.1 * bool(cut)) <= 8 * unit


def off(by: float, entry: int = 1) -> Any:
    claim = VALUE.copy()
    claim[entry] += by
    return claim


@pytest.mark.parametrize(
    ("by", "verdict"),
    [
        (0.5 * BAR, Verdict.CORRECT),
        (0.5 * ROUNDING, Verdict.CORRECT),
        (2.0 * (BAR + ROUNDING), Verdict.WRONG),
        (np.nan, Verdict.WRONG),
        (np.inf, Verdict.WRONG),
    ],
)
def test_a_claim_agrees_within_bar_and_rounding(by: float, verdict: Verdict) -> None:
    found = judge_tensor("p", off(by), Truth(), FLOAT64)
    assert found.verdict is verdict, f"off by {by}: {found}"
    if verdict is Verdict.WRONG:
        assert found.place == "p[1]", f"off in entry 1: {found.place}"
        assert found.bar == pytest.approx(BAR + ROUNDING), "the bar that it was judged by"


def test_rounding_is_asked_for_only_where_the_bar_does_not_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[float] = []
    rounding = Truth.rounding

    def noted(truth: Truth, unit: float) -> dict[str, Any]:
        asked.append(unit)
        return rounding(truth, unit)

    monkeypatch.setattr(Truth, "rounding", noted)
    judge_tensor("p", off(0.5 * BAR), Truth(), FLOAT64)
    assert not asked, "it takes longer than the rest, and was not needed"
    judge_tensor("p", off(5 * BAR), Truth(), FLOAT64)
    assert asked == [UNIT], asked


def test_the_units_of_narrow_arithmetic_are_always_granted() -> None:
    narrow = Arithmetic(unit=2.0**-24)
    granted = ROUNDING * 2.0**29
    assert judge_tensor("p", off(0.5 * granted), Truth(), narrow).verdict is not Verdict.WRONG
    assert judge_tensor("p", off(2.0 * granted), Truth(), narrow).verdict is Verdict.WRONG


def test_on_a_kink_any_slope_between_the_one_sided_ones_is_right() -> None:
    kinked = Truth(interval=0.25, kinks=Kinks(1))
    between = judge_tensor("p", off(0.2), kinked, FLOAT64)
    assert (between.verdict, "on a kink" in between.note) == (Verdict.CORRECT, True), between
    assert judge_tensor("p", off(0.3), kinked, FLOAT64).verdict is Verdict.WRONG
    many = Truth(interval=0.25, kinks=Kinks(9, exhaustive=False))
    assert judge_tensor("p", off(0.3), many, FLOAT64).verdict is Verdict.UNRESOLVED


def test_a_bar_as_large_as_the_gradient_leaves_it_unresolved() -> None:
    assert judge_tensor("p", VALUE, Truth(bar=0.1), FLOAT64).verdict is Verdict.UNRESOLVED


def test_zero_beside_zero_is_right_and_has_no_resolution() -> None:
    nothing = Truth(value=np.zeros(3), bar=0.0, cost=0.0)
    found = judge_tensor("p", np.zeros(3), nothing, FLOAT64)
    assert (found.verdict, found.note) == (Verdict.CORRECT, "zero gradient"), found
    assert np.isnan(found.resolution), found
    assert judge_tensor("p", np.full(3, 1e-9), nothing, FLOAT64).verdict is Verdict.WRONG


def test_zero_where_there_is_a_gradient_is_said_to_be_all_zero() -> None:
    assert judge_tensor("p", np.zeros(3), Truth(), FLOAT64).all_zero
    assert not judge_tensor("p", off(1.0), Truth(), FLOAT64).all_zero


def test_where_outputs_are_cut_off_entries_may_be_off_as_far_as_that_goes() -> None:
    cut = Arithmetic(cut=1e-7)
    (first,) = judge({"p": off(0.9, 0)}, Truth(), cut)
    (second,) = judge({"p": off(0.9, 1)}, Truth(), cut)
    assert first.verdict is not Verdict.WRONG, "entry 0 may be off by 1"
    assert second.verdict is Verdict.WRONG, "entry 1 may not"


def test_compare_says_wrong_or_correct_and_leaves_the_resolution_open() -> None:
    estimate = Truth().gradient["p"]
    found = compare("p", off(1e-3), estimate, np.full(3, 1e-2))
    assert (found.verdict, found.excess) == (Verdict.CORRECT, pytest.approx(0.1)), found
    assert np.isnan(found.resolution), found
    assert compare("p", off(1e-1), estimate, np.full(3, 1e-2)).verdict is Verdict.WRONG


def test_what_is_allowed_is_bar_rounding_and_interval_together() -> None:
    truth = Truth(interval=0.25)
    assert rounded_bars(truth, "p", UNIT) == pytest.approx(BAR + ROUNDING)
    assert allowed(truth, "p", UNIT) == pytest.approx(BAR + ROUNDING + 0.25)


@pytest.mark.parametrize(("value", "inside"), [(0.5, True), (1.5, False), (np.nan, False)])
def test_within_a_limit_is_every_entry_and_never_nan(value: float, inside: bool) -> None:
    assert within(np.array([0.0, value]), np.zeros(2), 1.0) is inside


def test_a_loss_is_as_defined_or_as_it_is_with_outputs_cut_off() -> None:
    assert not loss_differs(1.0, Truth(), FLOAT64)
    assert loss_differs(0.9, Truth(), FLOAT64)
    assert not loss_differs(0.9, Truth(), Arithmetic(cut=1e-7))
    assert loss_differs(0.8, Truth(), Arithmetic(cut=1e-7))
