"""The harness proves its power: is a planted bug found, by which checks, and named?"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from gradcheck.checks import CHECKS
from gradcheck.checks.check import Cost
from gradcheck.checks.step import judge_step
from gradcheck.comparison.calibration import calibrate
from gradcheck.comparison.compare import loss_differs
from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.execution.session import InProcess, drive
from gradcheck.networks import sampling
from gradcheck.networks.bugs import Bug
from gradcheck.networks.bugs.bug import RATE
from gradcheck.networks.bugs.textbook import Textbook
from gradcheck.networks.context import DenseNetworks, NetworkContext
from gradcheck.networks.diagnosis import Diagnosis, diagnose
from gradcheck.networks.fast_estimate import Truths
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Problem

#: What is planted is a backprop, and it is alone: there are neither outputs nor peers to judge.
_NOT_ASKED = ("forward", "agreement")

#: Checks by which bugs are found; those that cost more, where none of the others has found any.
FINDERS, LAST = (
    tuple(c.slug for c in CHECKS if (c.cost is Cost.MUCH) == late and c.slug not in _NOT_ASKED)
    for late in (False, True)
)

#: Answers this close are the same.
SAME = 1e-14

#: Random problems, beside the bug's own example.
PROBLEMS = 12


@dataclass(frozen=True)
class Proof:
    """What came of a planted bug.

    Attributes
    ----------
    visible : int
        On how many problems it makes a difference.
    problems : int
    by : tuple of str
        The checks that found it.
    diagnoses : tuple of Diagnosis
    """

    visible: int
    problems: int
    by: tuple[str, ...]
    diagnoses: tuple[Diagnosis, ...]

    def names(self, slug: str) -> bool:
        """Whether the bug is among what was named."""
        return any(slug in (d.name.bug, *(n.bug for n in d.also)) for d in self.diagnoses)


def prove(bug: Bug, seed: int, truths: Truths) -> Proof:
    """Plant a bug, look for it, and let it be named."""
    session = InProcess(bug.planted())
    problems = tuple(dict.fromkeys(_problems(bug, seed)))
    subject = DenseNetworks(truths=truths)
    arithmetic = drive(calibrate(subject, problems), session)
    plan = NetworkContext(problems, subject, arithmetic, seed)
    findings: list[Finding] = []
    for slugs in (FINDERS, LAST):
        if not _bad(findings):
            findings += [f for c in CHECKS if c.slug in slugs for f in drive(c.run(plan), session)]
    diagnoses = drive(diagnose(plan, findings), session)
    visible = sum(bug.visible(problem) for problem in problems)
    return Proof(visible, len(problems), tuple(_bad(findings)), tuple(diagnoses))


def _bad(findings: list[Finding]) -> list[str]:
    return [f.check for f in findings if f.verdict in (Verdict.WRONG, Verdict.ERROR)]


def _problems(bug: Bug, seed: int) -> Iterator[Problem]:
    network = Network.parse(bug.example)
    for index in range(3):
        rng = np.random.default_rng((seed, index, 3))
        yield sampling.fill(rng, network, bug.samples)
    for index in range(PROBLEMS):
        yield sampling.problem(seed, index)


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
