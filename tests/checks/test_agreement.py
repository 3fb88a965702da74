"""agreement: two gradients are held against each other, and the outlier's peer is named."""

from gradcheck.checks.agreement import CHECK
from gradcheck.comparison.verdict import Verdict
from tests.checks.canned import PROBLEMS, context, failed, finding, findings, right, with_gradient

TWO = context(peers=("matrix", "scalar"))
off = with_gradient(lambda request, gradient: 1.001 * gradient)


def test_equal_gradients_agree_with_every_peer() -> None:
    found = finding(CHECK, right, TWO)
    assert found.verdict is Verdict.CORRECT, found.message
    assert (found.problems, found.message) == (48, "Agrees with matrix, scalar."), found


def test_the_peer_that_says_something_else_is_named_with_the_tensor() -> None:
    found = finding(CHECK, lambda r: off(r) if r.of == "scalar" else right(r), TWO)
    assert found.verdict is Verdict.WRONG, found.message
    assert found.message == "Disagrees with scalar on 24 problems (first in code.p)."


def test_rounding_of_both_is_no_disagreement() -> None:
    near = with_gradient(lambda request, gradient: gradient * (1 + 4e-16))
    assert finding(CHECK, lambda r: near(r) if r.of else right(r), TWO).verdict is Verdict.CORRECT


def test_failed_answers_of_either_are_passed_over_and_no_peer_is_no_finding() -> None:
    bad = PROBLEMS[:4]
    found = finding(CHECK, lambda r: failed() if r.of and r.problem in bad else right(r), TWO)
    assert found.problems == 40, found.message
    found = finding(CHECK, lambda r: failed() if not r.of and r.problem in bad else right(r), TWO)
    assert found.problems == 40, found.message
    assert findings(CHECK, lambda r: failed(), TWO) == []
    assert findings(CHECK, right) == []
