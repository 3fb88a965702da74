"""The four verdicts: their order, the exit code of each, and the words in which they are told."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.comparison.verdict import Verdict, worst, written_factor

BEST_FIRST = (Verdict.CORRECT, Verdict.UNRESOLVED, Verdict.ERROR, Verdict.WRONG)

LISTS = st.lists(st.sampled_from(Verdict))


@pytest.mark.parametrize(("better", "worse"), [*itertools.combinations(BEST_FIRST, 2)])
def test_wrong_is_worse_than_error_than_unresolved_than_correct(
    better: Verdict, worse: Verdict
) -> None:
    assert worst((better, worse)) is worse, f"{worse} does not decide over {better}"
    assert worst((worse, better)) is worse, f"the order of {worse} and {better} matters"


def test_there_are_no_other_verdicts() -> None:
    words = [verdict.value for verdict in Verdict]
    assert words == ["correct", "unresolved", "error", "wrong"], f"the verdicts are {words}"


def test_the_worst_of_nothing_is_unresolved() -> None:
    assert worst(()) is Verdict.UNRESOLVED, f"the worst of nothing is {worst(())}"


@given(LISTS.filter(bool))
def test_the_worst_is_one_of_those_given_and_none_is_worse(verdicts: list[Verdict]) -> None:
    decided = worst(verdicts)
    assert decided in verdicts, f"{decided} is none of {verdicts}"
    ranks = [BEST_FIRST.index(verdict) for verdict in verdicts]
    assert BEST_FIRST.index(decided) == max(ranks), f"{decided} is not the worst of {verdicts}"


@given(LISTS.filter(bool), LISTS.filter(bool))
def test_the_worst_of_parts_is_the_worst_of_all(some: list[Verdict], more: list[Verdict]) -> None:
    of_parts, of_all = worst((worst(some), worst(more))), worst(some + more)
    assert of_parts is of_all, f"{of_parts} of parts, {of_all} of all: {some} and {more}"


def test_the_worst_reads_its_verdicts_once() -> None:
    decided = worst(iter([Verdict.ERROR, Verdict.CORRECT]))
    assert decided is Verdict.ERROR, f"the worst of an iterator is {decided}"


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict.CORRECT, 0),
        (Verdict.WRONG, 1),
        (Verdict.ERROR, 1),
        (Verdict.UNRESOLVED, 3),
    ],
)
def test_each_verdict_has_its_documented_exit_code(verdict: Verdict, code: int) -> None:
    assert verdict.exit_code == code, f"{verdict} leads to the exit code {verdict.exit_code}"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.5, "0.5"), (1 - 1e-7, "0.9999999"), (1 + 2e-12, "1.000000000002"), (-1.0, "-1"), (3, "3")],
)
def test_a_factor_is_written_with_the_digits_that_tell_it_from_one(number, text):
    assert written_factor(number) == text
