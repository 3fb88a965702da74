"""The harness proves its power: is a planted bug found, by which checks, and named?"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gradcheck.checks import CHECKS
from gradcheck.checks.definition import Cost
from gradcheck.comparison.calibration import calibrate
from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.execution.calling import InProcess
from gradcheck.execution.session import drive
from gradcheck.networks import sampling
from gradcheck.networks.bugs import Bug
from gradcheck.networks.dense_networks import DenseNetworks, NetworkContext
from gradcheck.networks.diagnosis import Diagnosis, diagnose
from gradcheck.networks.fast_estimate import Truths
from gradcheck.networks.problem import Network, Problem

#: What is planted is a backprop, and it is alone: there are neither outputs nor peers to judge.
_NOT_ASKED = ("forward", "agreement")

#: Checks by which bugs are found; those that cost more, where none of the others has found any.
FINDERS, LAST = (
    tuple(c.slug for c in CHECKS if (c.cost is Cost.MUCH) == late and c.slug not in _NOT_ASKED)
    for late in (False, True)
)

#: Random problems, beside the bug's own example.
RANDOM_PROBLEMS = 12


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
    """Plant a bug, look for it, and let it be named.

    Parameters
    ----------
    bug : Bug
    seed : int
    truths : Truths

    Returns
    -------
    Proof
    """
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
    for index in range(RANDOM_PROBLEMS):
        yield sampling.problem(seed, index)
