"""A result is true only when it is correct, and short as text."""

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest

import gradcheck
from gradcheck.comparison.verdict import Verdict
from gradcheck.errors import WrongGradientError
from gradcheck.functions.check_function import check_function
from gradcheck.functions.tensors import FunctionCheck
from gradcheck.records.build import new_record
from gradcheck.records.record import Record

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


def local_exception() -> FunctionCheck:
    class Odd(Exception):
        def __init__(self, a: int, b: int) -> None:
            super().__init__(f"{a} and {b}")

    def raises(x: Any) -> float:
        raise Odd(1, 2)

    return check_function(raises, X, X)


RESULTS = {
    "right": lambda: claimed(1.0),
    "wrong": lambda: claimed(1.1),
    "a tensor of it": lambda: claimed(1.0).tensors[""],
    "unresolved, with an exception": local_exception,
    "a record": lambda: record("wrong", "correct"),
}


@pytest.mark.parametrize("name", list(RESULTS))
def test_copies_are_equal_have_one_hash_and_say_the_same(name: str) -> None:
    result = RESULTS[name]()
    copies = [copy.copy(result), copy.deepcopy(result), pickle.loads(pickle.dumps(result))]
    for each in copies:
        assert each == result, f"{each!r} is not equal to {result!r}"
        assert (hash(each), str(each), bool(each)) == (hash(result), str(result), bool(result))
    assert len({result, *copies}) == 1
    assert result != RESULTS["wrong" if name == "right" else "right"]()
    assert result != str(result)
    raised = getattr(copies[-1], "exception", None)
    assert raised is None or "Odd" in repr(raised), f"what was raised became {raised!r}"


@pytest.mark.parametrize("name", list(RESULTS))
def test_every_result_can_be_written_as_json(name: str) -> None:
    result = RESULTS[name]()
    told = json.loads(result.to_json(), parse_constant=lambda word: pytest.fail(word))
    verdict = told["verdict"] if "verdict" in told else told["implementations"][0]["verdict"]
    assert verdict == result.verdict


def test_verdicts_are_words_in_every_way() -> None:
    for verdict in Verdict:
        word = str(verdict)
        assert word == verdict, "the other way round"
        assert {word: 1}[verdict] == 1, "as a key"
        assert verdict in ("correct", "wrong", "unresolved", "error")
        assert f"{verdict}" == word
        assert pickle.loads(pickle.dumps(verdict)) is verdict
        assert Verdict(word) is verdict
        assert verdict != word.upper()


@pytest.mark.parametrize("name", list(RESULTS))
def test_a_notebook_shows_no_more_of_a_result_than_its_line(name: str) -> None:
    result = RESULTS[name]()
    # what a notebook asks an object for; a record shows its table and figures too
    for asked in ("_repr_pretty_", "_repr_mimebundle_", "_repr_markdown_", "_ipython_display_"):
        assert not hasattr(result, asked), f"{name} has {asked}"
    assert hasattr(result, "_repr_html_") == isinstance(result, Record)
    assert len(repr([result, {"a": result}]).splitlines()) == 1
