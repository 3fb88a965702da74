"""How code computes is read off its numbers, and a smooth error is never taken for rounding."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradcheck.comparison.calibration import UNIT32, calibrate
from gradcheck.comparison.compare import FLOAT64, Arithmetic
from gradcheck.contract.posed import Tensors
from gradcheck.oracle.estimate import UNIT
from tests.checks.canned import PROBLEMS, Answer, Asked, RowsSubject, failed, right


def rounded(cast: Any, *, loss: bool = True) -> Answer:
    """Answer with numbers that went through a cast."""

    def answer(request: Any) -> Any:
        plain = right(request)
        gradient = {name: cast(array) for name, array in plain.tensors.items()}
        own = float(cast(np.array(plain.loss))) if loss else plain.loss
        return replace(plain, loss=own, tensors=Tensors(gradient))

    return answer


def found(answer: Answer) -> Arithmetic:
    known: Arithmetic = Asked(answer).result(calibrate(RowsSubject(), PROBLEMS))
    return known


def through(dtype: str) -> Any:
    return lambda array: array.astype(dtype).astype(float)


def test_right_numbers_are_of_float64_and_nothing_more_is_asked() -> None:
    asked = Asked(right)
    assert asked.result(calibrate(RowsSubject(), PROBLEMS)) == FLOAT64
    assert [r.problem for r in asked.requests] == list(PROBLEMS), "each once"


def test_float32_is_recognised_in_gradient_and_loss() -> None:
    known = found(rounded(through("float32")))
    assert (known.unit, known.loss_unit, known.fault) == (UNIT32, UNIT32, ""), known
    assert known.notes == ("float32 arithmetic",), known.notes


def test_rounding_that_jumps_from_point_to_point_is_float32_too() -> None:
    rough = rounded(lambda a: through("float32")(a * 1.1) / 1.1)
    assert found(rough).unit == UNIT32, "not representable in float32, but as rough"


def test_a_loss_alone_in_float32_leaves_the_gradient_in_float64() -> None:
    def answer(request: Any) -> Any:
        plain = right(request)
        return replace(plain, loss=float(np.float32(plain.loss)))

    known = found(answer)
    assert (known.unit, known.loss_unit) == (UNIT, UNIT32), known


def test_float16_is_a_fault_of_arithmetic() -> None:
    known = found(rounded(through("float16"), loss=False))
    assert known.fault == "float16_arithmetic", known


@pytest.mark.parametrize("decimals", [2, 4, 6])
def test_rounding_to_decimals_is_a_fault_that_says_to_how_many(decimals: int) -> None:
    known = found(rounded(lambda array: np.round(array, decimals), loss=False))
    assert known.fault == "rounded_to_decimals", known
    assert f"{decimals} decimals" in known.notes[0], known.notes


@pytest.mark.parametrize("factor", [1 + 1e-9, 1 + 1e-7, 1.01, 2.0])
def test_a_smooth_error_however_small_is_no_rounding(factor: float) -> None:
    def answer(request: Any) -> Any:
        plain = right(request)
        return replace(plain, tensors=Tensors({n: factor * a for n, a in plain.tensors.items()}))

    known = found(answer)
    assert (known.unit, known.fault) == (UNIT, ""), f"times {factor}: {known}"


def test_failed_answers_are_passed_over() -> None:
    assert found(lambda request: failed()) == FLOAT64
