"""A result is true only when it is correct, and short as text."""

import json

import numpy as np
import pytest

import gradcheck
from gradcheck import FunctionCheck, Record, Verdict, WrongGradientError, check_function
from gradcheck.record import new_record

X = np.array([0.5, -1.0])


def claimed(factor: float) -> FunctionCheck:
    return check_function(lambda x: float((x**2).sum()), X, factor * 2 * X)


def record(*verdicts: str, agrees: bool = True) -> Record:
    entries = [
        {
            "name": "student",
            "verdict": verdict,
            "error": None,
            "findings": [{"check": "gradient", "verdict": verdict, "message": "A line.\n" * 99}],
        }
        for verdict in verdicts
    ]
    return new_record(1, "check", entries, worked_examples=[{"agrees": agrees}])


def test_a_right_gradient_is_true() -> None:
    result = claimed(1.0)
    assert result, f"{result} is not true"
    assert result.ok
    assert result.tensors[""].ok
    result.raise_if_wrong()


def test_a_wrong_gradient_is_false() -> None:
    result = claimed(1.1)
    assert not result, f"{result} is true"
    assert not result.ok
    assert not result.tensors[""]


def test_what_nobody_can_tell_is_false() -> None:
    result = check_function(lambda x: float("nan"), X, X)
    assert result.verdict is Verdict.UNRESOLVED
    assert not result
    with pytest.raises(WrongGradientError, match="unresolved"):
        result.raise_if_wrong()


def test_a_wrong_result_raises_an_assertion_error_that_says_what_is_wrong() -> None:
    with pytest.raises(AssertionError, match=r"^wrong: The gradient is wrong: .*at \["):
        claimed(1.1).raise_if_wrong()
    with pytest.raises(gradcheck.GradcheckError):
        claimed(1.1).raise_if_wrong()


@pytest.mark.parametrize("verdict", ["unresolved", "error", "wrong"])
def test_a_record_is_true_only_when_all_are_correct(verdict: str) -> None:
    assert record("correct", "correct").ok
    mixed = record("correct", verdict)
    assert not mixed, f"a record of correct and {verdict} is true"
    with pytest.raises(WrongGradientError, match=f"^{verdict}: student: gradient: A line"):
        mixed.raise_if_wrong()


def test_a_record_without_an_example_reproduced_is_false() -> None:
    missed = record("correct", agrees=False)
    assert not missed, f"{missed} is true"
    assert "not reproduced" in str(missed), f"{missed} does not say why"


def test_an_empty_record_is_false() -> None:
    assert not record(), "nothing was examined, and that is true"


@pytest.mark.parametrize("words", [("correct",), ("wrong", "correct"), ()])
def test_text_and_repr_are_one_short_line(words: tuple[str, ...]) -> None:
    for shown in (str(record(*words)), repr(record(*words)), repr(claimed(1.1)), str(claimed(1))):
        assert len(shown.splitlines()) == 1, f"not one line: {shown}"
        assert len(shown) < 400, f"not short: {shown}"


def test_verdicts_equal_their_words() -> None:
    for verdict in Verdict:
        assert verdict == verdict.value
        assert str(verdict) == verdict.value
        assert json.dumps(verdict) == f'"{verdict.value}"'
    assert claimed(1.1).verdict == "wrong"
