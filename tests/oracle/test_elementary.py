"""Elementary functions close to the real axis: the same numbers, sooner."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gradcheck.oracle import evaluation

pytestmark = pytest.mark.last_bits

FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "exp": (evaluation.exp, mpmath.exp),
    "log": (evaluation.log, mpmath.log),
    "tanh": (evaluation.tanh, mpmath.tanh),
    "logistic": (evaluation.logistic, lambda z: 1 / (1 + mpmath.exp(-z))),
}

#: Below the angle up to which the first term is all there is, just below it, and above.
ANGLES = (0.0, 1e-200, 1e-50, 1e-20, 0.99 * 2.0**-27, 1.01 * 2.0**-27, 1e-3, 1.0)

EACH = pytest.mark.parametrize("name", list(FUNCTIONS))
IN_NUMPY = pytest.mark.parametrize("name", [name for name in FUNCTIONS if hasattr(np, name)])


#: Smaller numbers have fewer digits, or are no float64 at all: 5e-401.
SMALLEST = float(np.finfo(np.float64).tiny)


def off(got: float, expected: Any) -> float:
    """Return how far a number is off, in parts of it; where it is too small to have parts, 0."""
    apart = abs(mpmath.mpf(got) - expected)
    if apart <= SMALLEST:
        return 0.0
    return float(apart / abs(expected)) if expected else float(apart)


@EACH
@example(1.0, 1.0, 1e-200)  # the real part of its logarithm is 5e-401
@example(1.0 + 2.0**-52, 1.0, 1e-3)
@given(st.floats(1e-3, 20.0), st.sampled_from((1.0, -1.0)), st.sampled_from(ANGLES))
def test_real_and_imaginary_part_are_right_to_the_last_digits(
    name: str, x: float, sign: float, angle: float
) -> None:
    function, true = FUNCTIONS[name]
    z = complex(x if name == "log" else sign * x, angle * min(x, 1.0))
    got = complex(function(np.array([z]))[0])
    with mpmath.workdps(60):
        expected = true(mpmath.mpc(z))
        apart = (off(got.real, expected.real), off(got.imag, expected.imag))
        # log crosses zero at 1, where its real part has no relative accuracy
        near_one = name == "log" and abs(got.real - expected.real) <= 4e-16
    right = [part <= 1e-14 for part in apart]
    right[0] = right[0] or near_one
    assert all(right), f"{name}({z}) = {got}, not {expected}"


@IN_NUMPY
def test_real_numbers_go_to_numpy(name: str) -> None:
    x = np.linspace(0.1, 5.0, 50).reshape(5, 10)
    own, numpys = FUNCTIONS[name][0](x), getattr(np, name)(x)
    assert np.allclose(own, numpys, rtol=1e-15, atol=0.0), f"{name}: not numpy's"


@IN_NUMPY
def test_a_stack_with_one_number_far_from_the_axis_goes_to_numpy(name: str) -> None:
    z = np.array([[0.5 + 1e-50j, 1.0 + 0.5j]])
    own, numpys = FUNCTIONS[name][0](z), getattr(np, name)(z)
    assert np.allclose(own, numpys, rtol=1e-15, atol=0.0), f"{name}: not numpy's"


@pytest.mark.parametrize(("name", "low"), [("tanh", -1.0), ("logistic", 0.0)])
def test_nothing_overflows_far_out(name: str, low: float) -> None:
    z = np.array([-1e4, -800.0, 800.0, 1e4]) + 1e-50j
    with np.errstate(all="raise", under="ignore"):
        got = FUNCTIONS[name][0](z)
    assert np.array_equal(got.real, [low, low, 1.0, 1.0]), f"{name} of +-800 and +-1e4: {got}"
    assert ((got.imag >= 0) & (got.imag < 1e-200)).all(), f"imaginary parts {got.imag}"


def test_a_negative_number_close_to_the_axis_has_numpys_logarithm() -> None:
    z = np.array([-2.0 + 1e-50j])
    assert np.array_equal(evaluation.log(z), np.log(z)), f"log({z}) = {evaluation.log(z)}"
