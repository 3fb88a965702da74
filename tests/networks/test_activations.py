"""The table of activations against mpmath."""

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.networks.definitions import ACTIVATIONS, HIDDEN_ACTIVATIONS, LEAKY_SLOPE, softmax

STEP = 1e-50
DIGITS = 60

#: The definitions, to any number of digits.
DEFINITIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
    "tanh": mpmath.tanh,
    "relu": lambda z: max(z, mpmath.mpf(0)),
    "leaky_relu": lambda z: z if z > 0 else mpmath.mpf(LEAKY_SLOPE) * z,
    "elu": lambda z: z if z > 0 else mpmath.expm1(z),
    "softplus": lambda z: mpmath.log(1 + mpmath.exp(z)),
    "silu": lambda z: z / (1 + mpmath.exp(-z)),
    "gelu": lambda z: z * mpmath.erfc(-z / mpmath.sqrt(2)) / 2,
}

#: Where silu and gelu turn, their slope crosses zero and has no relative accuracy.
TURNS = {"silu": -1.2784645427610738, "gelu": -0.7517915246935645}

#: As far as the gradient is judged; beyond, only that the numbers are finite matters.
Z = st.floats(-8.0, 8.0).map(lambda z: z if abs(z) > 1e-30 else 0.0)

ELEMENTWISE = pytest.mark.parametrize("name", HIDDEN_ACTIVATIONS)


def complex_slope(name: str, z: float) -> float:
    return float(ACTIVATIONS[name].forward(np.array([complex(z, STEP)])).imag[0]) / STEP


def true_slope(name: str, z: float) -> float:
    """Return the derivative by mpmath, from the side z lies on; at 0 from the left."""
    side = (1 if z > 0 else -1) if ACTIVATIONS[name].pieces else 0
    h = mpmath.mpf(10) ** -20
    with mpmath.workdps(DIGITS):
        return float(mpmath.diff(DEFINITIONS[name], mpmath.mpf(z), h=h, direction=side))


def test_the_table_holds_the_ten_defined_activations() -> None:
    defined = {*DEFINITIONS, "softmax"}
    assert set(ACTIVATIONS) == defined, f"the table holds {sorted(ACTIVATIONS)}"


def test_softmax_alone_may_not_stand_in_a_hidden_layer() -> None:
    assert set(HIDDEN_ACTIVATIONS) == set(DEFINITIONS), f"hidden: {HIDDEN_ACTIVATIONS}"


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_row_is_found_under_its_own_name(name: str) -> None:
    assert ACTIVATIONS[name].name == name, f"{name} leads to {ACTIVATIONS[name].name}"


@ELEMENTWISE
@given(z=Z)
def test_a_forward_agrees_with_the_definition_in_60_digits(name: str, z: float) -> None:
    value = float(ACTIVATIONS[name].forward(np.array([z]))[0])
    with mpmath.workdps(DIGITS):
        truth = float(DEFINITIONS[name](mpmath.mpf(z)))
    assert math.isclose(value, truth, rel_tol=1e-13), f"{name}({z!r}) = {value!r}, not {truth!r}"


@ELEMENTWISE
@given(z=Z)
def test_the_real_part_of_a_complex_forward_is_the_real_forward(name: str, z: float) -> None:
    real = float(ACTIVATIONS[name].forward(np.array([z]))[0])
    of_complex = float(ACTIVATIONS[name].forward(np.array([complex(z, STEP)])).real[0])
    assert math.isclose(of_complex, real, rel_tol=1e-14, abs_tol=STEP), (
        f"{name}({z!r}) is {real!r} for real and {of_complex!r} for complex arguments"
    )


@ELEMENTWISE
@given(z=Z)
def test_the_complex_step_gives_the_derivative_to_1e_13(name: str, z: float) -> None:
    slope, truth = complex_slope(name, z), true_slope(name, z)
    near_zero = 1e-13 if abs(z - TURNS.get(name, math.inf)) < 0.2 else 0.0
    assert math.isclose(slope, truth, rel_tol=1e-13, abs_tol=near_zero), (
        f"{name}'({z!r}) = {slope!r} by complex step, not {truth!r}"
    )


@ELEMENTWISE
@given(z=Z)
def test_the_declared_derivative_agrees_with_the_complex_step(name: str, z: float) -> None:
    derivative = ACTIVATIONS[name].derivative
    assert derivative is not None, f"{name} declares no derivative"
    declared, slope = float(derivative(np.array([z]))[0]), complex_slope(name, z)
    assert math.isclose(declared, slope, rel_tol=1e-14, abs_tol=1e-15), (
        f"{name} declares the slope {declared!r} at {z!r}, the complex step gives {slope!r}"
    )


@pytest.mark.parametrize("z", [1e4, -1e4, 0.0, -0.0])
@pytest.mark.parametrize("imaginary", [None, 0.0, STEP], ids=["real", "flat", "stepped"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_forward_is_finite_and_silent_far_out(
    name: str, imaginary: float | None, z: float
) -> None:
    entry = z if imaginary is None else complex(z, imaginary)
    value = ACTIVATIONS[name].forward(np.array([[entry, 0.5, -1e4]]))  # a warning is an error
    assert np.isfinite(value).all(), f"{name}({entry}) = {value}"


@pytest.mark.parametrize("z", [1e4, -1e4, 0.0])
@ELEMENTWISE
def test_a_declared_derivative_is_finite_and_silent_far_out(name: str, z: float) -> None:
    derivative = ACTIVATIONS[name].derivative
    assert derivative is not None, f"{name} declares no derivative"
    slope = derivative(np.array([z]))
    assert np.isfinite(slope).all(), f"{name}'({z}) = {slope}"


@ELEMENTWISE
def test_slopes_are_given_exactly_where_the_first_derivative_jumps(name: str) -> None:
    sides = (complex_slope(name, -1e-9), complex_slope(name, 1e-9))
    jumps = abs(sides[0] - sides[1]) > 1e-6
    declared = ACTIVATIONS[name].slopes
    assert (declared is not None) == jumps, f"{name} declares {declared}; it has {sides}"
    assert declared is None or declared == (min(sides), max(sides)), (
        f"{name} declares the slopes {declared}; it has {sides}"
    )


@ELEMENTWISE
def test_pieces_are_declared_exactly_where_a_derivative_jumps_at_zero(name: str) -> None:
    h = 1e-4

    def curvature(z: float) -> float:
        return (complex_slope(name, z + h) - complex_slope(name, z - h)) / (2 * h)

    second = abs(curvature(2 * h) - curvature(-2 * h)) > 0.1
    first = abs(complex_slope(name, h) - complex_slope(name, -h)) > 0.1
    declared = ACTIVATIONS[name].pieces
    assert declared == (first or second), (
        f"{name} declares pieces = {declared}; slope jumps: {first}, curvature jumps: {second}"
    )


@ELEMENTWISE
def test_every_shape_is_kept_and_every_entry_computed_by_itself(name: str) -> None:
    z = np.linspace(-3.0, 3.0, 24).reshape(2, 3, 4)
    stacked = ACTIVATIONS[name].forward(z)
    single = np.array([float(ACTIVATIONS[name].forward(np.array(v))) for v in z.flat])
    assert stacked.shape == z.shape, f"{name} turns shape {z.shape} into {stacked.shape}"
    assert np.allclose(stacked.ravel(), single, rtol=1e-15, atol=0), f"{name} mixes entries"


ROWS = st.lists(st.floats(-50.0, 50.0), min_size=1, max_size=5)


@given(ROWS)
def test_softmax_agrees_with_the_definition_in_60_digits(row: list[float]) -> None:
    with mpmath.workdps(DIGITS):
        powers = [mpmath.exp(mpmath.mpf(z)) for z in row]
        truth = [float(power / mpmath.fsum(powers)) for power in powers]
    value = softmax(np.array([row]))[0]
    assert np.allclose(value, truth, rtol=1e-13, atol=0), f"softmax({row}) = {value}, not {truth}"


@given(ROWS, st.data())
def test_the_complex_step_of_softmax_is_its_jacobian(row: list[float], data: st.DataObject) -> None:
    moved = data.draw(st.integers(0, len(row) - 1))
    z = np.array([row], dtype=complex)
    z[0, moved] += STEP * 1j
    column = softmax(z)[0].imag / STEP
    a = softmax(np.array(row))
    truth = a[moved] * ((np.arange(len(row)) == moved) - a)
    assert np.allclose(column, truth, rtol=1e-12, atol=1e-15), (
        f"d softmax({row}) / d z[{moved}] = {column} by complex step, not {truth}"
    )


@given(ROWS, st.floats(-1e4, 1e4))
def test_softmax_rows_are_shares_wherever_they_are_shifted(row: list[float], shift: float) -> None:
    value = softmax(np.array([row]) + shift)[0]
    assert (value >= 0).all(), f"a negative share in {value}"
    assert math.isclose(value.sum(), 1.0, rel_tol=1e-14), f"{value} does not add up to 1"
