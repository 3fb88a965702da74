"""What is said of many judgements together is true of each."""

import pytest

from gradcheck.checks.definition import PICTURED_STEPS, Aggregate
from gradcheck.comparison.compare import Judgement
from gradcheck.comparison.verdict import Finding, Verdict
from tests.checks.canned import PROBLEMS, RowsSubject

RIGHT, WRONG, UNRESOLVED = Verdict.CORRECT, Verdict.WRONG, Verdict.UNRESOLVED


def judged(tensor: str, verdict: Verdict, claimed: float = 1.0, **more: object) -> Judgement:
    known = {"resolution": 1e-9, "excess": 2.0 if verdict is WRONG else 0.5} | more
    return Judgement(tensor, verdict, (0,), claimed, 1.0, 1e-9, **known)  # type: ignore[arg-type]


def together(*problems: list[Judgement]) -> Finding:
    """Make a finding of the judgements of some problems."""
    aggregate = Aggregate(RowsSubject())
    for problem, judgements in zip(PROBLEMS, problems, strict=False):
        aggregate.add(problem, judgements)
    return aggregate.finding("gradient", "Right.", "Wrong:")


def test_right_tensors_make_a_correct_finding_that_says_what_would_have_been_seen() -> None:
    found = together([judged("p", RIGHT)], [judged("p", RIGHT, resolution=1e-6)])
    assert (found.verdict, found.problems) == (RIGHT, 2), found
    assert found.message.startswith("Right. An error of one part in 1e+06"), found.message
    assert found.resolutions == (1e-9, 1e-6), found.resolutions


def test_one_wrong_tensor_decides_and_is_named_with_its_worst_entry() -> None:
    found = together(
        [judged("p", RIGHT), judged("q", WRONG, 3.0), judged("r", RIGHT)],
        [judged("p", RIGHT), judged("q", WRONG, 1.001), judged("r", RIGHT)],
    )
    assert found.verdict is WRONG, found
    assert "Wrong: code.q is wrong on 2 of 2 problems" in found.message, found.message
    assert "your code says 3, it is 1 ± 1e-09 (2 numbers)." in found.message, found.message
    assert found.tensors["q"].problem == PROBLEMS[0], "not the worst"
    assert len(found.tensors["q"].steps) == len(PICTURED_STEPS), "no steps for the picture"
    assert not found.tensors["p"].steps, "right tensors have no picture"


def test_tensors_stand_in_the_order_in_which_they_came() -> None:
    found = together([judged("b", RIGHT), judged("a", RIGHT)], [judged("b", RIGHT)])
    assert list(found.tensors) == ["b", "a"], found.tensors


def test_failing_problems_stand_smallest_first() -> None:
    found = together(*[[judged("p", WRONG)] for _ in range(6)])
    sizes = [RowsSubject().size(problem) for problem in found.failing]
    assert sizes == sorted(sizes), sizes
    assert len(sizes) == 6, sizes


@pytest.mark.parametrize(("rest", "verdict"), [(9, RIGHT), (1, RIGHT), (0, UNRESOLVED)])
def test_a_tensor_without_digits_once_is_set_aside_where_the_rest_speaks_for_it(
    rest: int, verdict: Verdict
) -> None:
    lost = judged("p", UNRESOLVED, note="the code's own digits are lost here", lost=True)
    found = together([lost], *[[judged("p", RIGHT)] for _ in range(rest)])
    assert found.verdict is verdict, f"{rest} others: {found.message}"
    told = any("set aside" in note for note in found.notes)
    assert told == (verdict is RIGHT), found.notes


def test_a_tensor_without_digits_too_often_is_unresolved() -> None:
    lost = [judged("p", UNRESOLVED, note="digits are lost", lost=True)]
    found = together(lost, lost, *[[judged("p", RIGHT)] for _ in range(8)])
    assert found.verdict is UNRESOLVED, found.message
    assert found.message == "could not be told for p: digits are lost", found.message


def test_zero_gradients_alone_compare_nothing() -> None:
    found = together([judged("p", RIGHT, 0.0, resolution=float("nan"))])
    assert found.verdict is UNRESOLVED, found
    assert found.message == "every gradient was zero: nothing was compared", found.message


def test_no_problem_at_all_is_unresolved() -> None:
    assert together().message == "nothing could be compared"


def test_kinks_are_counted_in_a_note() -> None:
    found = together([judged("p", RIGHT, note="on a kink: any slope will do")])
    assert any(note.startswith("1 tensors lay on a kink") for note in found.notes), found.notes


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([], True),
        ([judged("p", RIGHT)], False),
        ([judged("p", WRONG, 0.0)], False),
    ],
)
def test_a_tensor_that_is_trained_anywhere_is_not_called_never_trained(
    others: list[Judgement], said: bool
) -> None:
    zero = judged("p", WRONG, 0.0, all_zero=True)
    found = together(*[[each, judged("q", RIGHT)] for each in (zero, *others)])
    assert ("never trained" in found.message) == said, found.message
