"""Planting a bug and looking whether the checks find it, on problems of one's choice."""

import numpy as np

from gradcheck.checks import contract, gradient, primal, purity, step
from gradcheck.comparison.verdict import Verdict
from gradcheck.execution.calling import InProcess
from gradcheck.execution.session import drive
from gradcheck.networks import sampling
from gradcheck.networks.bugs.bug import others
from gradcheck.networks.dense_networks import DenseNetworks, NetworkContext
from gradcheck.networks.problem import Network

BAD = (Verdict.WRONG, Verdict.ERROR)


def shown_on(text, samples, seed=0):
    """A problem for a network given by its text."""
    return sampling.fill(np.random.default_rng(seed), Network.parse(text), samples)


def example(bug):
    """The problem on which a bug is said to show."""
    return shown_on(bug.example, bug.samples)


def flagged(bug, problem, truths, layer=None):
    """Name the checks that find a bug, asked about one problem.

    A bug of state is asked about other problems first, in the same session, as
    :meth:`gradcheck.networks.bugs.Bug.visible` does.
    """
    problems = (*others(problem), problem) if bug.site == "state" else (problem,)
    plan = NetworkContext(problems, DenseNetworks(truths=truths))
    session = InProcess(bug.planted(layer))
    found = set()
    for check in (contract.CHECK, primal.LOSS_CHECK, gradient.CHECK, step.CHECK, purity.CHECK):
        for finding in drive(check.run(plan), session):
            if finding.verdict in BAD:
                found.add(finding.check)
    return found
