"""The ladder of real differences, on functions whose derivative is known."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.oracle.estimate import RUNGS, UNIT, Slope, extrapolate, steps

Scalar = Callable[[float], float]

#: name: f, f'.
FUNCTIONS: dict[str, tuple[Scalar, Scalar]] = {
    "3": (lambda x: 3.0, lambda x: 0.0),
    "2x - 1": (lambda x: 2.0 * x - 1.0, lambda x: 2.0),
    "x^2": (lambda x: x * x, lambda x: 2.0 * x),
    "x^3 - x": (lambda x: x**3 - x, lambda x: 3.0 * x * x - 1.0),
    "x^7": (lambda x: x**7, lambda x: 7.0 * x**6),
    "exp": (math.exp, math.exp),
    "exp(-x^2)": (lambda x: math.exp(-x * x), lambda x: -2.0 * x * math.exp(-x * x)),
    "sin": (math.sin, math.cos),
    "sin(5x)": (lambda x: math.sin(5.0 * x), lambda x: 5.0 * math.cos(5.0 * x)),
    "tanh": (math.tanh, lambda x: 1.0 / math.cosh(x) ** 2),
}


#: Points and a first step of few binary digits, so that x + h is exact.
POINTS = (np.arange(-128, 129) / 64.0).tolist()
FIRST = 2.0**-5


def slope_of(
    function: Scalar,
    x: float,
    first: float = FIRST,
    usable: int = RUNGS,
    noise: float | None = None,
) -> Slope:
    h = steps(first)
    up = np.array([function(x + step) for step in h.tolist()])
    down = np.array([function(x - step) for step in h.tolist()])
    if noise is None:
        noise = 4 * UNIT * float(np.abs((up, down)).max())
    return extrapolate(h, (up - down) / (2 * h), noise, usable)


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_the_bar_covers_the_error_everywhere(name: str) -> None:
    function, derivative = FUNCTIONS[name]
    for x in POINTS:
        slope = slope_of(function, x)
        error = abs(slope.value - derivative(x))
        assert error <= slope.error, (
            f"{name} at {x:.3g}: the ladder says {slope.value!r} ± {slope.error:.1e}, "
            f"it is {derivative(x)!r}"
        )


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_the_bar_is_tiny(name: str) -> None:
    function, _ = FUNCTIONS[name]
    for x in POINTS:
        error = slope_of(function, x).error
        scale = max(abs(function(x + d)) for d in (-FIRST, 0.0, FIRST)) + 0.01
        assert error <= 1e-10 * scale, (
            f"{name} at {x:.3g}: the bar is {error:.1e} where the function is {scale:.1e}"
        )


@given(
    st.lists(st.integers(-192, 192).map(lambda k: k / 64), min_size=1, max_size=8),
    st.sampled_from(POINTS),
)
def test_the_bar_covers_the_error_for_any_polynomial(coefficients: list[float], x: float) -> None:
    polynomial = np.polynomial.Polynomial(coefficients)
    absolute = np.polynomial.Polynomial(np.abs(coefficients))  # its terms do not cancel
    noise = 2 * len(coefficients) * UNIT * float(absolute(abs(x) + FIRST))
    slope = slope_of(lambda t: float(polynomial(t)), x, noise=noise)
    true = float(polynomial.deriv()(x))
    assert abs(slope.value - true) <= slope.error, (
        f"polynomial {coefficients} at {x!r}: the ladder says {slope.value!r} ± "
        f"{slope.error:.1e}, it is {true!r}"
    )


@pytest.mark.parametrize("halvings", range(1, 12))
def test_the_bar_covers_the_error_for_any_first_step(halvings: int) -> None:
    for x in POINTS:
        slope = slope_of(math.exp, x, first=0.5**halvings)
        assert abs(slope.value - math.exp(x)) <= slope.error, (
            f"exp at {x:.3g} from a first step of {0.5**halvings}: the ladder says "
            f"{slope.value!r} ± {slope.error:.1e}, it is {math.exp(x)!r}"
        )


@given(st.integers(0, 10**6), st.floats(1e-14, 1e-4))
def test_the_bar_covers_the_error_under_noise_of_the_stated_size(seed: int, level: float) -> None:
    rng = np.random.default_rng(seed)
    h = steps(0.05)
    values = np.sin(1.0 + np.stack((h, -h))) + level * rng.uniform(-1, 1, (2, RUNGS))
    slope = extrapolate(h, (values[0] - values[1]) / (2 * h), level)
    assert abs(slope.value - math.cos(1.0)) <= slope.error, (
        f"sin at 1 with noise of {level:.1e} (seed {seed}): the ladder says {slope.value!r} ± "
        f"{slope.error:.1e}, it is {math.cos(1.0)!r}"
    )


@given(st.integers(2, RUNGS))
def test_rungs_that_reach_across_a_kink_are_not_used(usable: int) -> None:
    # a kink just beyond the largest usable step
    distance = 1.5 * float(steps(FIRST)[RUNGS - usable])

    def function(t: float) -> float:
        return abs(t - distance)

    slope = slope_of(function, 0.0, usable=usable)
    assert abs(slope.value + 1.0) <= slope.error, (
        f"|t - {distance:.2g}| at 0 with {usable} rungs: {slope.value!r} ± {slope.error:.1e}"
    )
    assert slope.error < 1e-10, f"{usable} clean rungs give a bar of {slope.error:.1e}"


@pytest.mark.parametrize("usable", [0, 1])
def test_fewer_than_two_usable_rungs_say_nothing(usable: int) -> None:
    slope = slope_of(math.sin, 1.0, usable=usable)
    assert slope.error == float("inf"), f"{usable} rungs gave a bar of {slope.error}"


def test_rungs_that_are_not_finite_are_passed_over() -> None:
    h = steps(0.05)
    differences = (np.sin(1 + h) - np.sin(1 - h)) / (2 * h)
    differences[[0, 4]] = np.nan, np.inf
    slope = extrapolate(h, differences, 4 * UNIT)
    assert abs(slope.value - math.cos(1.0)) <= slope.error < 1e-10, (
        f"with two of nine rungs missing the ladder says {slope.value!r} ± {slope.error:.1e}"
    )


def test_nothing_finite_says_nothing() -> None:
    slope = extrapolate(steps(0.05), np.full(RUNGS, np.nan), 1e-16)
    assert slope.error == float("inf"), f"nine NaN gave a bar of {slope.error}"


def test_the_steps_halve_and_keep_leading_axes() -> None:
    h = steps(np.array([[0.08], [1.0]]))
    assert h.shape == (2, 1, RUNGS), f"steps have shape {h.shape}"
    assert (h[..., 1:] * 2 == h[..., :-1]).all(), f"steps do not halve: {h.tolist()}"
