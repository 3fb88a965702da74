"""Signs that a gradient was not written by hand: evidence, never a verdict.

Numerical differentiation gives itself away by its cost. A hand-written backprop costs
some forwards, however many parameters there are; differences cost two forwards a
parameter. Code that loops over weights one by one gets slower with the parameters
too, but as much with the samples. So the exponents of the time in both are compared.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.networks import sampling
from gradcheck.networks.dense_networks import NetworkContext
from gradcheck.networks.problem import Network, Problem

NUMERICAL = "numerical_differentiation"
AUTOMATIC = "automatic_differentiation"
PROCESSES = "processes_started"

#: Samples of the small problem, and of the one with more samples.
FEW, MANY = 2, 20

#: Batch sizes that code must be known to handle before one is tried that was not probed.
_ANY_BATCH = 4

#: Timings of each problem in a round. The fastest of all rounds counts: other programs on the
#: machine only make a call slower. A flag is raised when it shows in a second round too.
_TIMINGS, _ROUNDS, _SHOWN = 6, 4, 2

#: A call of so many seconds is timed once: no clock is that far off.
_SLOW = 0.2

#: How much more the exponent in the parameters is than that in the samples, from which a cost
#: is that of differences; and below which no third round is asked for: after two, a busy
#: machine hides less than that.
_STEEP, _FLAT = 0.5, 0.1

#: The exponent in the parameters that differences have at the least: theirs is one. Threads of
#: a matrix library that wait for each other on a busy machine were seen to cost 0.6, and
#: differences 0.86 where a call to the worker costs as much as a small gradient.
_LEAST = 0.75


@dataclass(frozen=True)
class Suspicion:
    """A sign, and what it rests on: one sentence with the numbers."""

    kind: str
    evidence: str


Timings = Generator[Request, Observation, list[Suspicion]]


def library_flags(libraries: Sequence[str]) -> list[Suspicion]:
    """Flag libraries that differentiate by themselves."""
    text = f"the code imports {', '.join(libraries)}"
    return [Suspicion(AUTOMATIC, text)] if libraries else []


def process_flags(spawned: int) -> list[Suspicion]:
    """Flag processes that the code started."""
    plural = "processes" if spawned > 1 else "process"
    text = f"the code started {spawned} {plural} of its own; all were ended"
    return [Suspicion(PROCESSES, text)] if spawned else []


def cost_flags(plan: NetworkContext) -> Timings:
    """Time the gradient with more parameters, then with more samples.

    Silent where the code handles one network or one batch size only: then there is
    nothing to compare.
    """
    problems = _problems(plan)
    if not problems:
        return []
    fastest, shown = [math.inf] * len(problems), 0
    for rounds in range(1, _ROUNDS + 1):
        seconds = [math.inf] * len(problems)
        for _ in range(_TIMINGS):  # in turn, so that all see the same machine
            for index, problem in enumerate(problems):
                if _SLOW < seconds[index] < math.inf:
                    continue
                observation = yield Request(Call.LOSS_AND_GRADS, problem, fresh=True)
                if observation.failure:
                    return []
                seconds[index] = min(seconds[index], max(observation.seconds, 1e-9))
        fastest = [min(pair) for pair in zip(fastest, seconds, strict=True)]
        steepness = _steepness(problems, fastest)
        shown += steepness >= _STEEP
        if shown >= _SHOWN:
            return [Suspicion(NUMERICAL, _evidence(problems, fastest))]
        if steepness < _FLAT and rounds >= _SHOWN:
            return []
    return []


def _steepness(problems: Sequence[Problem], seconds: Sequence[float]) -> float:
    """Return by how much the cost's exponent in the parameters exceeds that in the samples.

    Where it is less than differences have, that shows nothing, and may yet.
    """
    small, wide, long = problems
    slower, longer = math.log(seconds[1] / seconds[0]), math.log(seconds[2] / seconds[0])
    by_parameters = slower / math.log(wide.params.size / small.params.size)
    by_samples = max(0.0, longer / math.log(long.batch.size / small.batch.size))
    more = by_parameters - by_samples
    return more if by_parameters >= _LEAST else min(more, _FLAT)


def _evidence(problems: Sequence[Problem], seconds: Sequence[float]) -> str:
    """Say what the timings of the small, the wide and the long problem show."""
    small, wide, long = problems
    slower, longer = seconds[1] / seconds[0], seconds[2] / seconds[0]
    return (
        f"a gradient takes {slower:.1f} times as long with {wide.params.size} parameters in place "
        f"of {small.params.size}, and {longer:.1f} times as long with {long.batch.size} samples in "
        f"place of {small.batch.size}: the cost of differences, not of a backprop"
    )


def _problems(plan: NetworkContext) -> tuple[Problem, ...]:
    """Return a small problem, one with more parameters, one with more samples; or nothing."""
    support = plan.subject.support
    if support.networks or not plan.problems or len(support.batch_sizes) < _ANY_BATCH:
        return ()
    base = plan.problems[0].network
    hidden = support.activations[:1] if 2 in support.depths else ()
    widths, wider = ((3, 4, 2), (10, 60, 8)) if hidden else ((3, 5), (40, 25))
    rng = np.random.default_rng((plan.seed, 11))
    small, wide = (
        Network(n, (*hidden, base.activations[-1]), base.loss, base.reduction)
        for n in (widths, wider)
    )
    posed = ((small, FEW), (wide, FEW), (small, MANY))
    return tuple(sampling.fill(rng, network, samples) for network, samples in posed)
