"""Rate: verdicts a second on random problems of depth 1 to 5, of matrix.py."""

from typing import Any

from benchmarks.against import ours
from benchmarks.against.timing import seconds
from benchmarks.against.work import implementation
from gradcheck.comparison.verdict import Verdict
from gradcheck.networks import sampling

PROBLEMS = 400


def measure() -> dict[str, Any]:
    """Judge random problems, one after another."""
    code = implementation()
    problems = [sampling.problem(5, index) for index in range(PROBLEMS)]

    def judge_all() -> None:
        for problem in problems:
            _, claim = code.loss_and_grads(problem.network, problem.params.copies(), problem.batch)
            assert ours.verdict(problem, claim) is not Verdict.WRONG

    judge_all()
    best = sorted(seconds(judge_all) for _ in range(3))[1]
    return {"problems": PROBLEMS, "verdicts_per_second": PROBLEMS / best}
