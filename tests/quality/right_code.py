"""Right code on random problems, judged: what is said of it, and how finely."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from gradcheck.comparison.compare import FLOAT64, judge
from gradcheck.comparison.verdict import Verdict
from gradcheck.contract.protocol import Call, Request
from gradcheck.execution.calling import InProcess
from gradcheck.networks import sampling
from gradcheck.networks.fast_estimate import Truths
from gradcheck.networks.problem import Problem

IMPLEMENTATIONS = ("matrix", "scalar_loops", "jax_autodiff")


@dataclass(frozen=True)
class Judged:
    """How one problem came out: its name, tensors that are not right, and its resolution."""

    name: str
    problem: Problem
    bad: dict[str, tuple[str, str]]
    on_kink: bool
    resolution: float

    @property
    def alarms(self) -> dict[str, str]:
        """What is not right and no kink excuses: wrong anywhere, or unresolved off kinks."""
        return {
            place: why
            for place, (verdict, why) in self.bad.items()
            if verdict == "wrong" or not self.on_kink
        }


@cache
def random_problems(architectures: int, draws: int) -> tuple[tuple[str, Problem], ...]:
    """Architectures of so many draws each: jax compiles each architecture once."""
    found = []
    for a in range(architectures):
        network, samples = sampling.architecture(np.random.default_rng((51, a)))
        for d in range(draws):
            kind = list(sampling.PROBLEM_KINDS)[d % len(sampling.PROBLEM_KINDS)]
            problem = sampling.fill(np.random.default_rng((51, a, d)), network, samples, kind)
            found.append((f"draw {d} ({kind}) of architecture {a}", problem))
    return tuple(found)


def judged(code: Any, named: tuple[tuple[str, Problem], ...], truths: Truths) -> Iterator[Judged]:
    session = InProcess(code)
    for name, problem in named:
        observation = session.ask(Request(Call.LOSS_AND_GRADS, problem, fresh=True))
        assert observation.failure is None, f"{name}, {problem.network}: {observation.failure}"
        truth = truths.of(problem)
        judgements = judge(observation.tensors, truth, FLOAT64)
        bad = {
            j.place: (j.verdict.value, f"says {j.claimed!r}, it is {j.expected!r} ± {j.bar:.1e}")
            for j in judgements
            if j.verdict is not Verdict.CORRECT
        }
        resolutions = [j.resolution for j in judgements if not np.isnan(j.resolution)]
        kinks = truth.kinks.count > 0
        yield Judged(name, problem, bad, kinks, max(resolutions, default=float("nan")))
