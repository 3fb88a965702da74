"""Claims in float32, and functions that raise outside their domain."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.comparison.verdict import Verdict
from gradcheck.functions.check_function import check_function

Floats = np.ndarray
SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.booleans())
def test_a_claim_in_float32_is_recognised_and_wrong_ones_are_caught(seed: int, wide: bool) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(6)
    claim = np.cos(x).astype(np.float32)
    handed = claim.astype(float) if wide else claim
    result = check_function(lambda x: float(np.sin(x).sum()), x, handed, seed=seed)
    assert result.ok, f"{result}"
    assert "float32 arithmetic" in result.message, f"{result}"
    claim[np.argmax(np.abs(claim))] *= np.float32(1.001)
    handed = claim.astype(float) if wide else claim
    result = check_function(lambda x: float(np.sin(x).sum()), x, handed, seed=seed)
    assert result.verdict is Verdict.WRONG, f"{result}"


@pytest.mark.parametrize("factor", [1.0, 1.001])
@pytest.mark.parametrize("x", [0.01, 1e-3, 1e-6, 3.0])
def test_near_the_edge_of_its_domain_a_function_that_raises_is_judged(
    x: float, factor: float
) -> None:
    result = check_function(lambda x: math.log(x[0]), [x], [factor / x])
    assert result.ok == (factor == 1.0), f"log at {x}: {result}"
    assert result.verdict is not Verdict.UNRESOLVED, f"log at {x}: {result}"


@pytest.mark.parametrize("stacked", [False, True])
def test_a_function_that_raises_at_the_point_is_unresolved_with_the_exception(
    stacked: bool,
) -> None:
    def refuses(x: Floats) -> float:
        raise ArithmeticError("no value here")

    result = check_function(refuses, np.ones(2), np.ones(2), stacked=stacked)
    assert result.verdict is Verdict.UNRESOLVED, f"{result}"
    assert "ArithmeticError: no value here" in result.message, f"{result}"
    assert isinstance(result.exception, ArithmeticError)


@pytest.mark.parametrize(("x", "value"), [(1000.0, "inf"), (math.nan, "nan")])
def test_a_function_without_a_finite_value_at_the_point_is_unresolved_and_says_its_value(
    x: float, value: str
) -> None:
    with np.errstate(over="ignore"):
        result = check_function(lambda p: float(np.exp(x * p[0])), np.ones(1), np.ones(1))
    assert result.verdict is Verdict.UNRESOLVED, f"{result}"
    assert f"is {value} at the point" in result.message, f"{result}"


def test_on_the_edge_of_its_domain_nobody_can_tell() -> None:
    result = check_function(lambda x: math.sqrt(x[0]) ** 3, [0.0], [0.0])
    assert result.verdict is Verdict.UNRESOLVED, f"{result}"


def test_a_zero_gradient_where_nothing_is_finite_does_not_pass_beside_what_is_right() -> None:
    point = {"a": np.ones(2), "b": np.zeros(2)}

    def function(p: dict[str, Floats]) -> float:
        return float(p["a"].sum()) if (p["b"] == 0).all() else float("nan")

    result = check_function(function, point, {"a": np.ones(2), "b": np.zeros(2)})
    assert result.verdict is Verdict.UNRESOLVED, f"{result}"
    assert not result.tensors["b"].zero, "of b no value was finite, so nothing is known to be zero"
