"""purity: what a call touches, and what an answer depends on beside the question."""

from dataclasses import replace

import numpy as np
import pytest

from gradcheck.checks.purity import CHECK
from gradcheck.comparison.verdict import Verdict
from gradcheck.contract.posed import Tensors
from gradcheck.contract.protocol import Call
from tests.checks.canned import context, failed, finding, right


def changing(amount):
    """Answer each question a little differently every time."""
    times = iter(range(10**6))

    def answer(request):
        plain = right(request)
        grown = {n: t * (1 + amount * next(times)) for n, t in plain.tensors.items()}
        return replace(plain, tensors=Tensors(grown))

    return answer


def test_answers_that_depend_on_the_question_alone_are_correct() -> None:
    found = finding(CHECK, right)
    assert (found.verdict, found.notes) == (Verdict.CORRECT, ()), found


def test_questions_come_back_in_the_opposite_order_and_begin_afresh() -> None:
    asked = []
    finding(CHECK, lambda r: (asked.append(r), right(r))[1])
    forth = asked[: len(asked) // 2 - 1]
    back = [(r.call, r.problem) for r in asked[len(forth) : 2 * len(forth)]]
    assert back[::-1] == [(r.call, r.problem) for r in forth], "not the same, backwards"
    assert [i for i, r in enumerate(asked) if r.anew] == [0, len(forth)], "not started afresh"
    assert all(r.fresh for r in asked), "an old answer would do"


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ({"changed": ("W1", "W2", "x")}, "Loss_and_grads writes to its arguments: W and x (24"),
        ({"aliased": ("b1",)}, "Loss_and_grads returns memory of its arguments: b (24"),
        ({"overwrote": True}, "Loss_and_grads changes arrays that an earlier call returned (24"),
    ],
)
def test_what_the_session_saw_is_told_with_the_times(seen, said) -> None:
    known = context(offers=(Call.LOSS_AND_GRADS,))
    found = finding(CHECK, lambda r: replace(right(r), **seen), known)
    assert found.verdict is Verdict.WRONG, found.message
    calls = found.problems
    assert found.message.startswith(said.replace("(24", f"({calls} times)")), found.message
    assert len(found.failing) == 1, "one example is enough"


def test_another_answer_to_the_same_question_is_wrong() -> None:
    found = finding(CHECK, changing(1e-6))
    assert found.verdict is Verdict.WRONG, found.message
    assert "gives another answer to the same question" in found.message, found.message


def test_last_digits_that_differ_are_a_note() -> None:
    found = finding(CHECK, changing(1e-16))
    assert found.verdict is Verdict.CORRECT, found.message
    assert found.notes == ("answers to the same question differ in the last digits",), found


def test_an_answer_that_fails_when_asked_again_is_wrong() -> None:
    seen: set[object] = set()

    def once(request):
        key = request.call, request.problem
        answer = failed() if key in seen else right(request)
        seen.add(key)
        return answer

    found = finding(CHECK, once)
    assert "answered once and failed when asked again" in found.message, found.message


def test_nothing_answered_is_unresolved() -> None:
    assert finding(CHECK, lambda r: failed()).verdict is Verdict.UNRESOLVED


def test_nan_that_stays_nan_is_the_same_answer() -> None:
    found = finding(CHECK, lambda r: replace(right(r), loss=np.nan, tensors=right(r).tensors))
    assert found.verdict is Verdict.CORRECT, found.message
