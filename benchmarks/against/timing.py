"""Time: interleaved repetitions, and the median of the ratios within a round.

Processor time of this one process is measured, with one thread each, so that other
work on the machine shifts it little; what shift there is meets both sides of a ratio.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.against.ours import ESTIMATE, VERDICT
from benchmarks.against.work import NETWORKS, implementation, problem_for
from gradcheck.networks.definitions import loss_of

#: Rounds of all that is quick; what takes longer takes part while it keeps to its budget.
ROUNDS = 15
BUDGET = 12.0

#: What is predicted to take longer than this is not run.
PATIENCE = 150.0

#: Evaluations of the loss a parameter costs, of those that look at each one.
EVALUATIONS = {
    "torch gradcheck, slow": 2,
    "scipy approx_fprime": 1,
    "scipy check_grad": 1,
    "numdifftools Gradient": 25,
}

Say = Callable[[str], None]


def seconds(run: Callable[[], Any]) -> float:
    """Return the processor time of one call."""
    start = time.process_time()
    run()
    return time.process_time() - start


def measure(peers: dict[str, Any], say: Say) -> list[dict[str, Any]]:
    """Time everybody on every network."""
    return [_measure(text, peers, say) for text in NETWORKS]


def _measure(text: str, peers: dict[str, Any], say: Say) -> dict[str, Any]:
    problem = problem_for(text)
    _, claim = implementation().loss_and_grads(
        problem.network, problem.params.copies(), problem.batch
    )
    evaluation = min(seconds(lambda: loss_of(problem)) for _ in range(20))
    runs, predicted = {}, {}
    for name, peer in peers.items():
        predicted[name] = EVALUATIONS.get(name, 0) * problem.params.size * evaluation
        if predicted[name] <= PATIENCE:
            runs[name] = peer.checker(name, problem, claim)
    times: dict[str, list[float]] = {name: [] for name in runs}
    ratios: dict[str, dict[str, list[float]]] = {name: {} for name in runs}
    for name, run_ in runs.items():
        if predicted[name] < 1.0:
            seconds(run_)  # compiling and first calls
    for round_ in range(ROUNDS):
        say(f"{text}: round {round_ + 1} of {ROUNDS}")
        now: dict[str, float] = {}
        for name, run_ in runs.items():
            if (
                round_ == 0
                or sum(times[name]) + times[name][0] < BUDGET
                or name
                in (
                    ESTIMATE,
                    VERDICT,
                )
            ):
                now[name] = seconds(run_)
                times[name].append(now[name])
        for name in now:
            for own in (ESTIMATE, VERDICT):
                ratios[name].setdefault(own, []).append(now[name] / now[own])
    return {
        "network": text,
        "samples": problem.batch.size,
        "parameters": problem.params.size,
        "rows": [
            {
                "name": name,
                "seconds": statistics.median(times[name]),
                "repetitions": len(times[name]),
                "ratio_to_estimate": statistics.median(ratios[name][ESTIMATE]),
                "ratio_to_verdict": statistics.median(ratios[name][VERDICT]),
            }
            if name in runs
            else {"name": name, "predicted_seconds": predicted[name]}
            for name in peers
        ],
    }
