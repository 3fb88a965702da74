"""gradcheck itself: one problem, every parameter, with error bars."""

from collections.abc import Callable

from gradcheck.comparison.compare import FLOAT64, judge
from gradcheck.comparison.verdict import Verdict, worst
from gradcheck.contract.posed import by_name
from gradcheck.networks.fast_estimate import Truth
from gradcheck.networks.problem import Pair, Problem

ESTIMATE = "gradcheck: estimate and bars of every parameter"
VERDICT = "gradcheck: whole verdict"
NAMES = (ESTIMATE, VERDICT)


def verdict(problem: Problem, claim: list[Pair]) -> Verdict:
    """Judge a claimed gradient: estimate, witness, comparison."""
    truth = Truth(problem)
    assert not truth.disagreements, f"our own fault: the witnesses disagree on {problem}"
    return worst(j.verdict for j in judge(by_name(claim), truth, FLOAT64))


def checker(name: str, problem: Problem, claim: list[Pair]) -> Callable[[], bool | None]:
    """Return the estimate alone, or a whole verdict; None is *unresolved*."""
    if name == ESTIMATE:
        return lambda: bool(Truth(problem).gradient)
    answers = {Verdict.CORRECT: True, Verdict.UNRESOLVED: None}
    return lambda: answers.get(verdict(problem, claim), False)
