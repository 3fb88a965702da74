"""The harness proves its power: is a planted bug found, by which checks, and named?"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gradcheck import sampling
from gradcheck.bugs import Bug
from gradcheck.calibration import calibrate
from gradcheck.checks import CHECKS
from gradcheck.diagnosis import Diagnosis, diagnose
from gradcheck.execution.driving import drive
from gradcheck.execution.session import InProcess
from gradcheck.network import Network
from gradcheck.oracle import Truths
from gradcheck.plan import Plan
from gradcheck.problem import Problem
from gradcheck.verdict import Finding, Verdict

#: Checks that look at the code itself; the others compare its answers with one another.
FINDERS = ("contract", "loss", "gradient", "purity", "step")

#: Asked only when none of the finders has found anything: it takes longer.
LAST = ("saturation", "batch_additivity", "permutation")

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
    arithmetic = drive(calibrate(problems, truths), session)
    plan = Plan(problems, arithmetic=arithmetic, truths=truths, seed=seed)
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
