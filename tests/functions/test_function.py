"""The gradient of any function: right, wrong, or not to be told from its values."""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradcheck
from gradcheck.comparison.verdict import Verdict
from gradcheck.errors import UsageError
from gradcheck.functions.check_function import check_function
from gradcheck.functions.tensors import FunctionCheck
from gradcheck.oracle.function import directional_of, one_by_one
from tests.tiers import sampled, telling

Floats = np.ndarray
Function = Callable[[Floats], float]
Gradient = Callable[[Floats], Floats]

_A = np.random.default_rng(1).standard_normal((5, 5))
_SQUARE = _A + _A.T

SMOOTH: dict[str, tuple[Function, Gradient]] = {
    "linear": (lambda x: float(_A[0] @ x), lambda x: _A[0]),
    "quadratic": (lambda x: float(0.5 * x @ _SQUARE @ x), lambda x: _SQUARE @ x),
    "sum of sin": (lambda x: float(np.sin(x).sum()), np.cos),
    "sum of sin(20 x)": (lambda x: float(np.sin(20 * x).sum()), lambda x: 20 * np.cos(20 * x)),
    "sum of exp": (lambda x: float(np.exp(x).sum()), np.exp),
    "norm": (lambda x: float(np.linalg.norm(x)), lambda x: x / np.linalg.norm(x)),
    "log-sum-exp": (
        lambda x: float(np.log(np.exp(x).sum())),
        lambda x: np.exp(x) / np.exp(x).sum(),
    ),
    "tiny": (lambda x: 1e-12 * float(np.sin(x).sum()), lambda x: 1e-12 * np.cos(x)),
    "cube of a square": (lambda x: float(x @ x) ** 3, lambda x: 6 * float(x @ x) ** 2 * x),
}

KINKED: dict[str, tuple[Function, Gradient]] = {
    "sum of |x|": (lambda x: float(np.abs(x).sum()), np.sign),
    "largest": (lambda x: float(x.max()), lambda x: (x == x.max()).astype(float)),
    "sum of relu": (lambda x: float(np.maximum(x, 0).sum()), lambda x: (x > 0).astype(float)),
}

EVERY = {**SMOOTH, **KINKED}


def point(seed: int) -> Floats:
    return np.random.default_rng(seed).standard_normal(5)


def said(result: FunctionCheck) -> str:
    return f"{result.verdict.value}: {result.message} (resolution {result.resolution:.1e})"


@pytest.mark.parametrize("name", list(EVERY))
def test_a_right_gradient_is_correct(name: str) -> None:
    function, gradient = EVERY[name]
    for seed in range(30):
        result = check_function(function, point(seed), gradient(point(seed)), seed=seed)
        assert result.verdict is Verdict.CORRECT or _all_dead(name, seed), (
            f"{name} at point {seed}: {said(result)}"
        )


def _all_dead(name: str, seed: int) -> bool:
    return name == "sum of relu" and not (point(seed) > 0).any()


@pytest.mark.parametrize("name", list(EVERY))
def test_a_gradient_wrong_by_a_millionth_is_wrong(name: str) -> None:
    function, gradient = EVERY[name]
    for seed in range(30):
        claim = gradient(point(seed)) * (1 + 1e-6)
        result = check_function(function, point(seed), claim, seed=seed)
        assert result.verdict is Verdict.WRONG or _all_dead(name, seed), (
            f"{name} at point {seed}, times 1 + 1e-6: {said(result)}"
        )


@pytest.mark.parametrize("name", list(SMOOTH))
def test_one_entry_that_is_wrong_is_wrong(name: str) -> None:
    function, gradient = SMOOTH[name]
    for seed in range(10):
        claim = gradient(point(seed)).copy()
        claim[seed % 5] += 1e-6 * np.linalg.norm(claim)
        result = check_function(function, point(seed), claim, seed=seed)
        assert result.verdict is Verdict.WRONG, f"{name} at point {seed}: {said(result)}"


@pytest.mark.parametrize("name", list(SMOOTH))
def test_a_zero_gradient_of_a_function_that_is_not_flat_is_wrong(name: str) -> None:
    result = check_function(SMOOTH[name][0], point(3), np.zeros(5))
    assert result.verdict is Verdict.WRONG, f"{name}, gradient zero: {said(result)}"


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_gradient_that_is_not_finite_is_wrong(bad: float) -> None:
    for seed in range(5):
        claim = np.cos(point(seed))
        claim[seed] = bad
        result = check_function(lambda x: float(np.sin(x).sum()), point(seed), claim)
        assert result.verdict is Verdict.WRONG, f"an entry is {bad}: {said(result)}"
        assert "finite" in result.message, f"an entry is {bad}; the message is {result.message!r}"


@pytest.mark.parametrize("name", ["right", "wrong"])
def test_where_the_function_has_no_finite_value_nothing_can_be_told(name: str) -> None:
    def function(x: Floats) -> float:
        return float(np.log(x).sum()) if (x > 0).all() else float("nan")

    at = np.array([1.0, -2.0, 3.0])
    claim = 1 / at if name == "right" else np.ones(3)
    result = check_function(function, at, claim)
    assert result.verdict is Verdict.UNRESOLVED, f"log at {at}, a {name} gradient: {said(result)}"


def test_at_the_end_of_the_domain_nothing_can_be_told() -> None:
    def function(x: Floats) -> float:
        return float(np.sqrt(x).sum()) if (x >= 0).all() else float("nan")

    for claim in ([0.0, 0.25], [1.0, 0.25]):
        result = check_function(function, [0.0, 4.0], claim)
        assert result.verdict is Verdict.UNRESOLVED, f"sqrt at 0, claim {claim}: {said(result)}"


def test_near_the_end_of_the_domain_steps_stay_inside() -> None:
    def function(x: Floats) -> float:
        return float(np.log(x).sum()) if (x > 0).all() else float("nan")

    at = np.array([1e-3, 2.0])
    result = check_function(function, at, 1 / at)
    assert result.verdict is Verdict.CORRECT, f"log near 0: {said(result)}"


@pytest.mark.parametrize("claim", [-1.0, 0.0, 0.3, 1.0])
def test_on_a_kink_any_slope_between_the_one_sided_ones_is_accepted(claim: float) -> None:
    result = check_function(lambda x: float(np.abs(x).sum()), [0.0], [claim])
    assert result.verdict is Verdict.CORRECT, f"|x| at 0, slope {claim}: {said(result)}"
    assert result.on_kink, f"|x| at 0 is not said to be a kink: {said(result)}"
    assert "kink" in result.message, f"the message does not say so: {result.message!r}"


@pytest.mark.parametrize("claim", [1.5, -1.5, 1.001])
def test_on_a_kink_a_slope_beyond_the_one_sided_ones_is_wrong(claim: float) -> None:
    result = check_function(lambda x: float(np.abs(x).sum()), [0.0], [claim])
    assert result.verdict is Verdict.WRONG, f"|x| at 0, slope {claim}: {said(result)}"


def test_the_derivative_on_a_kink_is_the_interval_between_the_one_sided_ones() -> None:
    for direction, low, high in ((1.0, -1.0, 3.0), (-2.0, -6.0, 2.0)):
        values = one_by_one(lambda x: float(np.where(x > 0, 3 * x, -x)[0]))
        slope = directional_of(values, np.zeros(1), np.array([direction]))
        # along -2 the two one-sided derivatives trade places
        expected = sorted((low, high))
        assert (slope.low, slope.high) == pytest.approx(tuple(expected), abs=1e-3), (
            f"3x for x > 0, else -x, at 0 along {direction}: {slope}"
        )


@pytest.mark.parametrize("distance", [1e-1, 1e-2, 1e-3, 3e-4])
def test_a_kink_close_by_is_not_reached_across(distance: float) -> None:
    at = np.array([distance, -2 * distance, 1.0])
    result = check_function(lambda x: float(np.abs(x).sum()), at, np.sign(at))
    assert result.verdict is Verdict.CORRECT, f"|x| at {at}: {said(result)}"
    result = check_function(lambda x: float(np.abs(x).sum()), at, [0.0, -1.0, 1.0])
    assert result.verdict is Verdict.WRONG, f"|x| at {at}, one slope zero: {said(result)}"


@pytest.mark.parametrize("distance", telling(sampled(np.geomspace(1e-14, 1e-4, 11))))
def test_however_close_a_kink_a_right_gradient_is_never_called_wrong(distance: float) -> None:
    at = np.array([distance, -2 * distance, 1.0])
    for seed in range(20):
        result = check_function(lambda x: float(np.abs(x).sum()), at, np.sign(at), seed=seed)
        assert result.verdict is not Verdict.WRONG, f"|x| at {at}, seed {seed}: {said(result)}"


def hashed(x: Floats) -> float:
    """Noise between -1 and 1 that is the same whenever the point is."""
    digest = hashlib.blake2b(x.tobytes(), digest_size=8).digest()
    return int.from_bytes(digest, "little") / 2**63 - 1.0


@pytest.mark.parametrize("name", list(EVERY))
def test_a_right_gradient_of_a_noisy_function_is_never_called_wrong(name: str) -> None:
    function, gradient = EVERY[name]
    for level in np.geomspace(1e-15, 1e-1, 6).tolist():
        for seed in range(8):
            result = check_function(
                lambda x, level=level: function(x) + level * hashed(x),
                point(seed),
                gradient(point(seed)),
                seed=seed,
            )
            assert result.verdict is not Verdict.WRONG, (
                f"{name} at point {seed} with noise of {level:.0e}: {said(result)}"
            )


def test_a_right_gradient_of_a_function_that_draws_noise_anew_is_never_called_wrong() -> None:
    for level in np.geomspace(1e-15, 1e-1, 6).tolist():
        for seed in range(20):
            rng = np.random.default_rng(seed)
            result = check_function(
                lambda x, level=level, rng=rng: float(
                    np.sin(x).sum() + level * rng.standard_normal()
                ),
                point(seed),
                np.cos(point(seed)),
                seed=seed,
            )
            assert result.verdict is not Verdict.WRONG, (
                f"sum of sin at point {seed} with noise of {level:.0e}: {said(result)}"
            )


def test_a_right_gradient_of_a_kinked_noisy_function_is_never_called_wrong() -> None:
    # noise that hides a kink a thousandth away
    for level in (1e-4, 1e-3):
        for seed in range(100):
            result = check_function(
                lambda x, level=level: float(np.abs(x).sum()) + level * hashed(x),
                point(seed),
                np.sign(point(seed)),
                seed=seed,
            )
            assert result.verdict is not Verdict.WRONG, (
                f"sum of |x| at point {seed} with noise of {level:.0e}: {said(result)}"
            )


@pytest.mark.parametrize("decimals", [5, 6, 8, 10, 12])
@pytest.mark.parametrize("name", ["linear", "sum of sin", "log-sum-exp", "sum of |x|"])
def test_a_right_gradient_of_a_function_cut_to_decimals_is_never_called_wrong(
    name: str, decimals: int
) -> None:
    function, gradient = EVERY[name]
    for seed in range(30):
        result = check_function(
            lambda x: round(function(x), decimals), point(seed), gradient(point(seed)), seed=seed
        )
        assert result.verdict is not Verdict.WRONG, (
            f"{name} at point {seed}, cut to {decimals} decimals: {said(result)}"
        )


def test_a_function_in_float32_is_resolved_to_a_few_thousandths() -> None:
    for seed in range(20):
        at = point(seed)
        results = [
            check_function(lambda x: float(np.sin(x.astype(np.float32)).sum()), at, claim)
            for claim in (np.cos(at), np.cos(at) * 1.03)
        ]
        assert results[0].verdict is not Verdict.WRONG, f"point {seed}: {said(results[0])}"
        assert results[1].verdict is Verdict.WRONG, f"point {seed}, 3 % off: {said(results[1])}"


def test_too_noisy_a_function_is_unresolved_whatever_is_claimed() -> None:
    for claim in (np.cos(point(0)), 1.0001 * np.cos(point(0))):
        result = check_function(
            lambda x: float(np.sin(x).sum()) + 1e-2 * hashed(x), point(0), claim
        )
        assert result.verdict is Verdict.UNRESOLVED, f"noise of 1e-2: {said(result)}"


def test_a_constant_function_with_a_zero_gradient_compares_nothing() -> None:
    result = check_function(lambda x: 4.0, point(0), np.zeros(5))
    assert result.verdict is Verdict.UNRESOLVED, f"a constant: {said(result)}"
    assert "nothing was compared" in result.message, f"the message is {result.message!r}"


def test_where_the_function_is_too_rough_it_is_not_said_to_be_zero() -> None:
    # a kink a millionth away looks like noise
    result = check_function(lambda x: float(np.abs(x).sum()), [1e-6, 1.0], [1.0, 1.0])
    assert "zero" not in result.message, f"|x| near a kink: {said(result)}"


def test_a_constant_function_with_a_gradient_is_wrong() -> None:
    result = check_function(lambda x: 4.0, point(0), 1e-6 * np.ones(5))
    assert result.verdict is Verdict.WRONG, f"a constant, gradient 1e-6: {said(result)}"


def test_the_bound_on_what_was_missed_is_kept() -> None:
    function, gradient = SMOOTH["sum of exp"]
    for seed in range(30):
        at = point(seed)
        seen = check_function(function, at, gradient(at), seed=seed).smallest_seen
        assert 0 < seen < 1e-6, f"point {seed}: smallest error seen is {seen:.1e}"
        off = np.random.default_rng(seed + 1).standard_normal(5)
        off *= 1.05 * seen * np.linalg.norm(gradient(at)) / np.linalg.norm(off)
        result = check_function(function, at, gradient(at) + off, seed=seed + 100)
        assert result.verdict is Verdict.WRONG, (
            f"point {seed}: an error of 1.05 times the smallest seen ({seen:.1e}): {said(result)}"
        )


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 9))
def test_a_quadratic_of_any_size_is_judged_rightly(seed: int, size: int, directions: int) -> None:
    rng = np.random.default_rng(seed)
    matrix, at = rng.standard_normal((size, size)), rng.standard_normal(size)

    def function(x: Floats) -> float:
        return float(x @ matrix @ x)

    right = (matrix + matrix.T) @ at
    for claim, verdict in ((right, Verdict.CORRECT), (right * 1.001, Verdict.WRONG)):
        result = check_function(function, at, claim, directions=directions, seed=seed)
        assert result.verdict is verdict, (
            f"seed {seed}, {size} variables, {directions} directions: {said(result)}; "
            f"expected {verdict.value}"
        )


def test_the_point_may_have_any_shape_and_is_not_changed() -> None:
    at = np.arange(6.0).reshape(1, 2, 3) / 6
    kept = at.copy()

    def function(x: Floats) -> float:
        value = float(np.sin(x).sum())
        x += 1.0  # a function that writes to its argument
        return value

    result = check_function(function, at, np.cos(at))
    assert result.verdict is Verdict.CORRECT, f"shape {at.shape}: {said(result)}"
    assert np.array_equal(at, kept), "the caller's point was changed"


def test_the_same_seed_gives_the_same_answer() -> None:
    function, gradient = SMOOTH["sum of exp"]
    results = [check_function(function, point(1), gradient(point(1)), seed=5) for _ in range(2)]
    one, two = results
    assert one.verdict is two.verdict, f"{said(one)} and {said(two)}"
    apart = abs(one.resolution - two.resolution)
    assert apart <= 0.5 * one.resolution, f"{said(one)} and {said(two)}"


def test_it_is_a_public_name() -> None:
    assert gradcheck.check_function is check_function, "gradcheck.check_function is another one"


@pytest.mark.parametrize(
    ("at", "claim", "options", "words"),
    [
        ([1.0, 2.0], [1.0], {}, "shape"),
        ([[1.0, 2.0]], [1.0, 2.0], {}, "shape"),
        ([], [], {}, "shape"),
        ([float("nan")], [1.0], {}, "finite"),
        ([float("inf")], [1.0], {}, "finite"),
        ([1.0], [1.0], {"directions": 0}, "directions"),
        ([1.0], [1.0], {"directions": -3}, "directions"),
    ],
)
def test_arguments_that_cannot_be_used_are_usage_errors(
    at: Any, claim: Any, options: dict[str, int], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        check_function(lambda x: float(x.sum()), at, claim, **options)
