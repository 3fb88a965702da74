"""batch_additivity: a batch's gradient is held against its samples' together."""

import numpy as np

from gradcheck.checks.metamorphic import BATCH_ADDITIVITY, BATCHES
from gradcheck.comparison.verdict import Verdict
from tests.checks.canned import (
    PROBLEMS,
    RowsSubject,
    context,
    failed,
    finding,
    findings,
    right,
    with_gradient,
)


def test_a_mean_of_the_samples_is_correct() -> None:
    found = finding(BATCH_ADDITIVITY, right)
    assert (found.verdict, found.problems) == (Verdict.CORRECT, BATCHES), found.message


def test_a_sum_in_place_of_the_mean_is_wrong_and_says_so() -> None:
    found = finding(BATCH_ADDITIVITY, with_gradient(lambda r, g: g * len(r.problem.x)))
    assert found.verdict is Verdict.WRONG, found.message
    assert "the gradient is not the mean of its samples' gradients" in found.message
    assert "first in code.p" in found.message, found.message


def test_a_gradient_that_is_wrong_by_samples_alike_breaks_nothing() -> None:
    found = finding(BATCH_ADDITIVITY, with_gradient(lambda r, g: 1.1 * g))
    assert found.verdict is Verdict.CORRECT, "of wrong samples the mean is right"


def test_batches_of_as_many_kinds_as_possible_come_first() -> None:
    asked = []
    finding(BATCH_ADDITIVITY, lambda r: (asked.append(r.problem), right(r))[1])
    batches = [p for p in asked if len(p.x) > 1]
    kinds = {len(p.p) for p in PROBLEMS if len(p.x) > 1}
    assert {len(p.p) for p in batches[: len(kinds)]} == kinds, batches


def test_a_batch_one_of_whose_samples_fails_is_passed_over() -> None:
    sample = next(p for p in PROBLEMS if len(p.x) > 1).x[0]
    found = finding(BATCH_ADDITIVITY, lambda r: failed() if r.problem.x == (sample,) else right(r))
    assert (found.verdict, found.problems) == (Verdict.CORRECT, BATCHES - 1), found.message


def test_code_that_takes_no_single_samples_or_answers_nothing_has_no_finding() -> None:
    assert findings(BATCH_ADDITIVITY, right, context(subject=RowsSubject(single=False))) == []
    assert findings(BATCH_ADDITIVITY, lambda r: failed()) == []


def test_an_answer_that_is_not_finite_is_not_related_to_others() -> None:
    assert findings(BATCH_ADDITIVITY, with_gradient(lambda r, g: np.nan * g)) == []
