"""permutation: gradients in another order are held against the first, in that order."""

import numpy as np

from gradcheck.checks.metamorphic import PERMUTATION, SHUFFLED
from gradcheck.comparison.verdict import Verdict
from tests.checks.canned import context, failed, finding, findings, right, with_gradient


def test_a_gradient_that_follows_every_order_is_correct() -> None:
    found = finding(PERMUTATION, right)
    assert (found.verdict, found.problems) == (Verdict.CORRECT, 2 * SHUFFLED), found.message


def test_a_unit_that_is_treated_apart_is_wrong_by_the_order_of_units() -> None:
    found = finding(PERMUTATION, with_gradient(lambda r, g: g * (1 + np.eye(len(g))[0])))
    assert found.verdict is Verdict.WRONG, found.message
    assert "the order of inputs matters, first in code.p" in found.message, found.message
    assert len(found.failing) == SHUFFLED, "no problem is shown twice"


def test_a_sample_that_is_treated_apart_is_wrong_by_the_order_of_samples() -> None:
    found = finding(PERMUTATION, with_gradient(lambda r, g: g * np.sum(r.problem.x[0])))
    assert found.verdict is Verdict.WRONG, found.message
    assert "the order of samples matters" in found.message, found.message


def test_failed_answers_are_passed_over_and_nothing_compared_is_no_finding() -> None:
    few = context().problems[:2]
    found = finding(PERMUTATION, lambda r: failed() if r.problem not in few else right(r))
    assert 0 < found.problems < SHUFFLED, found.message
    assert findings(PERMUTATION, lambda r: failed()) == []
