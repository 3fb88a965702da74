"""Vectors of mixed scales: no step is right for all of their entries."""

from typing import Any

import numpy as np
import pytest

from benchmarks.functions import cases, right, wrong
from gradcheck.comparison.verdict import Verdict
from gradcheck.functions.check_function import check_function
from gradcheck.functions.tensors import FunctionCheck
from tests.tiers import telling

MIXED = np.array([1e-4, -2e-4, 1e4, 3e4])


def said(result: FunctionCheck) -> str:
    return f"{result.verdict.value}: {result.message} (resolution {result.resolution:.1e})"


@pytest.mark.parametrize("part", telling(range(4)))
def test_right_gradients_are_never_wrong_and_wrong_ones_never_correct(part: int) -> None:
    rng = np.random.default_rng(part)
    with np.errstate(all="ignore"):
        for number, case in enumerate(cases(1, seed=20)):
            if number % 20 != part:
                continue
            where = f"{case.kind}, {case.points}, case {number}"
            for what, claim in right(case.gradient):
                found = check_function(case.function, case.x, claim, seed=number)
                assert found.verdict is not Verdict.WRONG, f"{where}, {what}: {said(found)}"
            for what, claim in wrong(rng, case):
                found = check_function(case.function, case.x, claim, seed=number)
                assert found.verdict is not Verdict.CORRECT, f"{where}, {what}: {said(found)}"


FUNCTIONS: dict[str, tuple[Any, Any]] = {
    "logarithms": (lambda x: float(np.log(np.abs(x)).sum()), lambda x: 1 / x),
    "roots": (lambda x: float(np.sqrt(np.abs(x)).sum()), lambda x: 0.5 * x / np.abs(x) ** 1.5),
    "squares": (lambda x: float((x * x).sum()), lambda x: 2 * x),
    "waves": (
        lambda x: float(np.sin(x / np.abs(MIXED)).sum()),
        lambda x: np.cos(x / np.abs(MIXED)) / np.abs(MIXED),
    ),
}


@pytest.mark.parametrize("name", telling(FUNCTIONS))
def test_small_entries_beside_large_ones_are_judged_as_well(name: str) -> None:
    function, gradient = FUNCTIONS[name]
    for seed in range(8):
        found = check_function(function, MIXED, gradient(MIXED), seed=seed)
        assert found.verdict is Verdict.CORRECT, f"{name}, seed {seed}: {said(found)}"
        found = check_function(function, MIXED, gradient(MIXED) * 1.001, seed=seed)
        assert found.verdict is Verdict.WRONG, f"{name} times 1.001, seed {seed}: {said(found)}"


def test_a_wave_much_shorter_than_the_point_is_large_is_no_noise() -> None:
    x = np.array([1e-5, 2e6])
    scales = np.array([1e3, 1.0])
    for seed in range(8):
        found = check_function(
            lambda v: (scales * np.cos(v)).sum(), x, -scales * np.sin(x), seed=seed
        )
        assert found.verdict is not Verdict.WRONG, f"seed {seed}: {said(found)}"


def test_many_entries_on_a_kink_each_are_never_called_wrong_for_it() -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        a, x = rng.standard_normal(12), np.zeros(12)
        x[0] = 1e6 if seed % 2 else 1.0  # large values hide a kink in their rounding
        gradient = a * (x > 0)
        found = check_function(lambda v, a=a: (a * np.maximum(v, 0)).sum(), x, gradient, seed=seed)
        assert found.verdict is not Verdict.WRONG, f"seed {seed}: {said(found)}"


def test_beyond_the_slopes_of_a_single_entry_on_a_kink_a_claim_is_wrong() -> None:
    x = np.zeros(4)
    gradient = np.array([0.5, 0.0, -1.5, 1.0])
    found = check_function(lambda v: np.abs(v).sum(), x, gradient)
    assert found.verdict is Verdict.WRONG, said(found)
    assert found.tensors[""].entry == (2,), found.tensors[""]


def test_entries_beside_some_on_a_kink_are_judged_without_them() -> None:
    x = np.array([0.0, 3.0, -200.0, 0.0])
    found = check_function(lambda v: np.abs(v).sum(), x, np.sign(x))
    assert found.verdict is Verdict.CORRECT, said(found)
    assert "would have been seen" not in found.message, found.message
    found = check_function(lambda v: np.abs(v).sum(), x, 1.01 * np.sign(x))
    assert found.verdict is Verdict.WRONG, said(found)


CLAIMS = {
    "float64": (lambda v: np.sin(v).sum(), np.cos),
    "a claim in float32": (lambda v: np.sin(v).sum(), lambda v: np.cos(v).astype(np.float32)),
    "values in float32": (lambda v: np.sin(v).astype(np.float32).sum(), np.cos),
    "all in float32": (
        lambda v: np.sin(v.astype(np.float32)).sum(),
        lambda v: np.cos(v.astype(np.float32)),
    ),
}


@pytest.mark.parametrize("name", list(CLAIMS))
def test_the_bound_on_what_was_missed_says_what_the_sentence_says(name: str) -> None:
    function, gradient = CLAIMS[name]
    for size in (1, 3, 40):
        x = np.random.default_rng(size).standard_normal(size)
        tensors, claim = {"a": x, "b": 2 - x}, {"a": gradient(x), "b": gradient(2 - x)}
        found = check_function(lambda t: function(t["a"]) + function(t["b"]), tensors, claim)
        assert found.verdict is not Verdict.WRONG, f"{size} entries: {said(found)}"
        for told in (found, *found.tensors.values()):
            if told.verdict is Verdict.CORRECT:
                assert told.miss_probability <= 1e-9 * (1 + 1e-6), f"{size} entries: {told}"
                assert f"{told.smallest_seen:.0e} of its norm" in told.message, told.message
        if found.verdict is Verdict.CORRECT:
            assert "missed with a probability below 1e-9" in found.message, found.message
    assert name != "float64" or found.verdict is Verdict.CORRECT, said(found)


def test_what_is_handed_over_in_float32_is_held_to_its_digits() -> None:
    x = np.array([1e-4, -1e-4, 2e-4])
    claim = np.cos(x).astype(np.float32)  # 1, of few bits: the numbers do not show it
    found = check_function(lambda v: np.sin(v).sum(), x, claim)
    assert found.verdict is Verdict.CORRECT, said(found)
    assert "float32" in found.message, found.message
    found = check_function(lambda v: np.sin(v).sum(), x, claim.astype(float))
    assert found.verdict is Verdict.WRONG, said(found)
    for precision in (np.float32, np.float16):
        found = check_function(lambda v: np.sin(v).sum(), x, (1.1 * claim).astype(precision))
        assert found.verdict is Verdict.WRONG, f"{precision}: {said(found)}"
    found = check_function(lambda v: np.sin(v).sum(), x + 1, np.cos(x + 1).astype(np.float16))
    assert found.verdict is not Verdict.WRONG, said(found)
