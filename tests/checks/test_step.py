"""step: where a step led is turned back into a gradient and judged."""

from dataclasses import replace

import numpy as np
import pytest

from gradcheck.checks.step import CHECK
from gradcheck.comparison.verdict import Verdict
from gradcheck.contract.posed import Tensors
from gradcheck.contract.protocol import Call
from tests.checks.canned import PROBLEMS, context, failed, finding, findings, right, with_gradient


def test_a_step_down_the_gradient_is_correct() -> None:
    found = finding(CHECK, right)
    assert (found.verdict, found.problems) == (Verdict.CORRECT, len(PROBLEMS)), found.message


def test_a_step_up_the_gradient_is_said_to_add_it() -> None:
    found = finding(CHECK, with_gradient(lambda r, g: -g))
    assert found.verdict is Verdict.WRONG, found.message
    assert found.message.startswith("The step adds the gradient"), found.message


@pytest.mark.parametrize(
    ("fault", "change"),
    [
        ("half of the rate", lambda r, g: g / 2),
        ("no rate at all", lambda r, g: g / r.learning_rate),
        ("the weights decayed", lambda r, g: g + 0.01 * np.array(r.problem.p)),
    ],
)
def test_another_step_is_wrong_and_not_said_to_add_the_gradient(fault, change) -> None:
    found = finding(CHECK, with_gradient(change))
    assert found.verdict is Verdict.WRONG, f"{fault}: {found.message}"
    assert found.message.startswith("The step is not params - learning_rate * gradient"), fault


def test_parameters_that_are_not_finite_are_wrong() -> None:
    found = finding(
        CHECK, lambda r: replace(right(r), tensors=Tensors({"p": np.nan * right(r).tensors["p"]}))
    )
    assert found.verdict is Verdict.WRONG, found.message


def test_failed_answers_are_passed_over_and_nothing_compared_is_no_finding() -> None:
    found = finding(CHECK, lambda r: failed() if r.problem in PROBLEMS[:4] else right(r))
    assert found.problems == 20, found.message
    assert findings(CHECK, lambda r: failed()) == []
    assert findings(CHECK, right, context(offers=(Call.LOSS_AND_GRADS,))) == []
