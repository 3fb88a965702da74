"""A function of several tensors: directions for each, entries only where one fails."""

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.comparison.verdict import Verdict
from gradcheck.errors import UsageError
from gradcheck.functions import tensors
from gradcheck.functions.check_function import check_function
from gradcheck.oracle.function import Interval, Values

Floats = np.ndarray
Tensors = dict[str, Floats]


def at(seed: int) -> Tensors:
    rng = np.random.default_rng(seed)
    return {"W": rng.standard_normal((3, 4)), "b": rng.standard_normal(4)}


def loss(p: Tensors) -> float:
    return float(np.tanh(p["W"].sum(axis=-2) + p["b"]).sum(axis=-1))


def stacked_loss(p: Tensors) -> Floats:
    total: Floats = np.tanh(p["W"].sum(axis=-2) + p["b"]).sum(axis=-1)
    return total


def gradient(p: Tensors) -> Tensors:
    slope = 1 - np.tanh(p["W"].sum(axis=0) + p["b"]) ** 2
    return {"W": np.tile(slope, (3, 1)), "b": slope}


@given(st.integers(0, 10_000))
def test_a_right_gradient_of_named_tensors_is_correct(seed: int) -> None:
    result = check_function(loss, at(seed), gradient(at(seed)), seed=seed)
    assert result.verdict is Verdict.CORRECT, f"seed {seed}: {result.message}"
    assert set(result.tensors) == {"W", "b"}, f"judged {set(result.tensors)}"


def test_two_rungs_that_agree_by_accident_call_nothing_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # it happens once in some 100 000 ladders: two rungs are off by the same, and the bar is small
    honest, accidents = tensors.directional_of, []

    def off_once(values: Values, x: Floats, v: Floats, *first: float, **how: bool) -> Interval:
        estimate = honest(values, x, v, *first, **how)
        if first or accidents:
            return estimate
        accidents.append(v)
        return Interval(estimate.low + 6e-11, estimate.high + 6e-11, 1e-12)

    monkeypatch.setattr(tensors, "directional_of", off_once)
    result = check_function(loss, at(616), gradient(at(616)), seed=616)
    assert accidents, "no direction was made to be off"
    assert result.verdict is Verdict.CORRECT, result.message


def test_a_contradiction_on_both_ladders_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = tensors.directional_of

    def off(values: Values, x: Floats, v: Floats, *first: float, **how: bool) -> Interval:
        estimate = honest(values, x, v, *first, **how)
        return Interval(estimate.low + 6e-11, estimate.high + 6e-11, 1e-12)

    monkeypatch.setattr(tensors, "directional_of", off)
    result = check_function(loss, at(616), gradient(at(616)), seed=616)
    assert result.verdict is Verdict.WRONG, result.message


@given(st.integers(0, 10_000), st.integers(0, 2), st.integers(0, 3))
def test_a_wrong_entry_is_named_and_so_is_its_tensor(seed: int, i: int, j: int) -> None:
    claim = gradient(at(seed))
    claim["W"][i, j] += 0.01
    result = check_function(loss, at(seed), claim, seed=seed)
    assert result.verdict is Verdict.WRONG, f"seed {seed}: {result.message}"
    assert result.tensors["b"].verdict is Verdict.CORRECT, "b is right and was called wrong"
    found = result.tensors["W"]
    assert found.entry == (i, j), f"W[{i},{j}] is off, named is {found.entry}"
    assert abs(found.claimed - found.expected - 0.01) <= found.error_bar + 1e-9, f"{found}"
    assert f"W[{i},{j}]" in result.message, result.message


def counted(function: Any) -> tuple[Any, list[int]]:
    calls = [0]

    def count(p: Any) -> Any:
        calls[0] += 1
        return function(p)

    return count, calls


def test_entries_are_looked_at_only_in_tensors_that_fail() -> None:
    right, calls = counted(loss)
    result = check_function(right, at(1), gradient(at(1)))
    assert [t.looked_at for t in result.tensors.values()] == [0, 0], "entries of right tensors"
    wrong = gradient(at(1))
    wrong["b"] = wrong["b"] * 1.01
    other, more = counted(loss)
    result = check_function(other, at(1), wrong)
    assert {n: t.looked_at for n, t in result.tensors.items()} == {"W": 0, "b": 4}
    assert more[0] > calls[0], "no entry was differenced"


def test_of_a_large_tensor_that_fails_a_part_is_looked_at_and_counted() -> None:
    x = np.random.default_rng(0).standard_normal(1000)
    result = check_function(lambda p: float((p * p).sum()), x, 2.02 * x)
    found = result.tensors[""]
    assert found.verdict is Verdict.WRONG, found.message
    assert found.looked_at == 200, f"looked at {found.looked_at} of 1000"


@given(st.integers(0, 10_000))
def test_a_function_that_takes_stacks_gets_the_same_verdict_in_few_calls(seed: int) -> None:
    claim = gradient(at(seed))
    claim["b"] = claim["b"] * (1 + 1e-4 * (seed % 2))
    single, calls = counted(loss)
    together, few = counted(stacked_loss)
    one = check_function(single, at(seed), claim, seed=seed)
    all_ = check_function(together, at(seed), claim, seed=seed, stacked=True)
    assert one.verdict is all_.verdict, f"seed {seed}: {one.message} / {all_.message}"
    assert few[0] * 5 < calls[0], f"{few[0]} calls with stacks, {calls[0]} without"


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: float((x * x).sum()), "does not take a stack"),
        (lambda x: np.full(len(x), float((x * x).sum())) if x.ndim == 2 else x @ x, "other values"),
    ],
)
def test_a_function_that_only_claims_to_take_stacks_is_refused(function: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check_function(function, [1.0, 2.0], [2.0, 4.0], stacked=True)


@pytest.mark.parametrize("scale", [1e-14, 1e-9, 1e-4, 1.0, 1e6])
def test_the_step_follows_the_scale_of_the_point(scale: float) -> None:
    x = scale * np.array([0.5, -1.0, 2.0])

    def function(p: Floats) -> float:
        return float(np.sin(p / scale).sum())

    right = np.cos(x / scale) / scale
    result = check_function(function, x, right)
    assert result.verdict is Verdict.CORRECT, f"scale {scale}: {result.message}"
    result = check_function(function, x, right * (1 + 1e-5))
    assert result.verdict is Verdict.WRONG, f"scale {scale}, off by 1e-5: {result.message}"


def test_a_tensor_without_any_influence_is_told_and_spoils_nothing() -> None:
    point = {"used": np.array([1.0, 2.0]), "unused": np.array([3.0])}
    claim = {"used": np.cos(point["used"]), "unused": np.zeros(1)}
    result = check_function(lambda p: float(np.sin(p["used"]).sum()), point, claim)
    assert result.verdict is Verdict.CORRECT, result.message
    assert "Zero gradient: unused" in result.message, result.message
    assert result.tensors["unused"].zero, "the zero tensor is not marked"


def test_what_takes_long_is_said_beforehand_and_what_does_not_is_not() -> None:
    said: list[str] = []
    slow = iter([0.02] * 3)

    def function(p: Floats) -> float:
        time.sleep(next(slow, 0.0))
        return float((p * p).sum())

    check_function(function, [1.0, 2.0], [2.0, 4.0], progress=said.append)
    assert len(said) == 1, f"said {said}"
    assert "7 directions of 1 tensor, about 217 values" in said[0], said[0]
    quick: list[str] = []
    check_function(lambda p: float((p * p).sum()), [1.0, 2.0], [2.0, 4.0], progress=quick.append)
    assert not quick, f"said {quick} of a check that takes milliseconds"


@pytest.mark.parametrize(
    ("point", "claim", "said"),
    [
        ({"W": [1.0]}, [1.0], "both be arrays"),
        ({"W": [1.0]}, {"V": [1.0]}, r"tensors \['W'\]"),
        ({"W": [1.0]}, {"W": [1.0, 2.0]}, r"gradient of W must have the point's shape \(1,\)"),
        ({}, {}, "nothing to compare"),
        ({"W": [float("nan")]}, {"W": [1.0]}, "point of W has an entry that is not finite"),
    ],
)
def test_tensors_that_do_not_fit_are_a_usage_error(point: Any, claim: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check_function(lambda p: 0.0, point, claim)


@pytest.mark.parametrize(
    ("function", "point", "claim"),
    [
        (lambda v: v**3, 2.0, 11.0),
        (lambda p: p["b"] ** 3, {"b": 2.0}, {"b": 11.0}),
    ],
    ids=["a number", "a tensor of one number"],
)
def test_a_wrong_number_is_told_beside_the_right_one(function, point, claim):
    told = check_function(function, point, claim).message
    assert "it is 11 where 12 ±" in told, told
    assert "[]" not in told, told
