"""Nothing of what check_function is handed may be lost on the way."""

import warnings
from typing import Any

import numpy as np
import pytest

from gradcheck.errors import UsageError
from gradcheck.functions.check_function import check_function

X = np.array([0.3, -1.2, 2.0])
Z = X + 1j * np.array([1.0, 2.0, 3.0])


def square(x: Any) -> Any:
    return (np.asarray(x) ** 2).sum()


CALLS = {
    "point": (square, Z, 2 * X),
    "point without imaginary part": (square, X + 0j, 2 * X),
    "point as a list": (square, Z.tolist(), 2 * X),
    "point of objects": (square, Z.astype(object), 2 * X),
    "point in single precision": (square, Z.astype(np.complex64), 2 * X),
    "gradient": (square, X, 2 * Z),
    "named point": (lambda t: square(t["a"]), {"a": Z}, {"a": 2 * X}),
    "named gradient": (lambda t: square(t["a"]), {"a": X}, {"a": 2 * Z}),
    "value of NumPy": (lambda x: np.complex128(square(x) + 1j), X, 2 * X),
    "value of Python": (lambda x: complex(square(x), 1.0), X, 2 * X),
    "value in an array": (lambda x: np.array([square(x) + 1j]), X, 2 * X),
    "value of an analytic function": (lambda x: square(x + 0j), X, 2 * X),
}


@pytest.mark.parametrize("what", list(CALLS))
def test_complex_numbers_are_refused_with_what_to_do(what: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UsageError, match=r"is complex; .* real and imaginary parts"):
            check_function(*CALLS[what])


def test_complex_values_of_stacks_are_refused() -> None:
    with pytest.raises(UsageError, match="complex"):
        check_function(lambda x: (x**2).sum(axis=-1) + 0j, X, 2 * X, stacked=True)


@pytest.mark.parametrize("value", [None, "text", np.zeros(2), {}], ids=repr)
def test_a_value_that_is_not_one_number_is_refused(value: Any) -> None:
    with pytest.raises(UsageError, match="the function's value must"):
        check_function(lambda x: value, X, 2 * X)


def test_masked_entries_are_refused() -> None:
    masked = np.ma.masked_array(X, mask=[True, False, False])
    with pytest.raises(UsageError, match="masked"):
        check_function(square, masked, 2 * X)


@pytest.mark.parametrize("kind", [int, np.float32, np.float16, bool, object])
def test_real_numbers_of_any_kind_are_taken(kind: type) -> None:
    x = np.array([1, 0, 1]).astype(kind)
    assert check_function(square, x, 2.0 * np.array([1, 0, 1])).ok, f"{kind} is not taken"
