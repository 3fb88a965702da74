"""What code says of one problem, and by what it is found out there."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from gradcheck.checks.step import judge_step
from gradcheck.comparison.compare import loss_differs
from gradcheck.comparison.verdict import Verdict
from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.execution.calling import InProcess
from gradcheck.networks.bugs.bug import RATE
from gradcheck.networks.bugs.textbook import Textbook
from gradcheck.networks.dense_networks import NetworkContext
from gradcheck.networks.problem import Problem

#: Answers this close are the same.
SAME = 1e-14


@dataclass(frozen=True)
class Answers:
    """What code says of a problem.

    Attributes
    ----------
    gradient, step : Observation
    impure : bool
        Whether it touched what is not its own.
    """

    gradient: Observation
    step: Observation
    impure: bool


def answers(code: Any, problem: Problem, after: tuple[Problem, ...] = ()) -> Answers:
    """Ask for a gradient and a step; of code with a memory, after other questions."""
    session = InProcess(code)
    calls = (*after, problem)
    last: list[Observation] = []
    impure = False
    for call in (Call.LOSS_AND_GRADS, Call.STEP):
        for asked in calls:
            said = session.ask(Request(call, asked, learning_rate=RATE, fresh=True))
            impure = impure or bool(said.changed or said.aliased or said.overwrote)
        last.append(said)
    return Answers(last[0], last[1], impure)


def flags(said: Answers, problem: Problem, plan: NetworkContext) -> list[str]:
    """Say by what code with these answers is found out on this very problem."""
    found = ["purity"] if said.impure else []
    if said.gradient.failure:
        found.append(f"contract: {said.gradient.failure.message}")
    else:
        judgements = plan.judge(problem, said.gradient.tensors)
        found += [f"gradient of {j.tensor}" for j in judgements if j.verdict is Verdict.WRONG]
        if loss_differs(said.gradient.loss, plan.truth(problem), plan.arithmetic):
            found.append("loss")
    if said.step.failure:
        found.append(f"contract: {said.step.failure.message}")
    else:
        judgements = judge_step(plan, problem, said.step, RATE)
        found += [f"step of {j.tensor}" for j in judgements if j.verdict is Verdict.WRONG]
    return found


def makes_no_difference(said: Answers, problem: Problem) -> bool:
    """Whether all answers are the textbook's, up to 1e-14 of a tensor's norm."""
    if said.impure or said.gradient.failure or said.step.failure:
        return False
    right = _right_answers(problem)
    pairs = [(np.array([right.gradient.loss]), np.array([said.gradient.loss]))]
    for one, two in ((right.gradient, said.gradient), (right.step, said.step)):
        pairs += zip(one.tensors.values(), two.tensors.values(), strict=True)
    return all(
        float(np.linalg.norm(one - two)) <= SAME * float(np.linalg.norm(one)) for one, two in pairs
    )


@lru_cache(maxsize=1024)
def _right_answers(problem: Problem) -> Answers:
    return answers(Textbook(), problem)
