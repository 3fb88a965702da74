"""Growth: time and peak memory per parameter over the family n-30-10.

``python -m benchmarks.against.growth N`` measures one member in a process of its own,
because a process does not forget its peak.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

FAMILY = (30, 100, 300, 1000, 3300, 10_000, 33_000)

ROOT = Path(__file__).resolve().parents[2]


def measure(say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Measure the family, each member in a fresh process."""
    rows = []
    for n in FAMILY:
        say(f"growth: {n}-30-10")
        run = subprocess.run(
            [sys.executable, "-m", "benchmarks.against.growth", str(n)],
            cwd=ROOT,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        rows.append(json.loads(run.stdout))
    return rows


def _peak() -> float:
    """Return this process' peak of memory in bytes; Linux' getrusage tells the parent's too."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return float(line.split()[1]) * 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def member(n: int) -> dict[str, Any]:
    """Measure one network."""
    from benchmarks.against import ours
    from benchmarks.against.timing import seconds
    from benchmarks.against.work import implementation, problem_for

    problem = problem_for(f"{n}-30-10 tanh,softmax cross_entropy")
    _, claim = implementation().loss_and_grads(
        problem.network, problem.params.copies(), problem.batch
    )
    run = ours.checker(ours.VERDICT, problem, claim)
    before = _peak()
    assert run(), f"{n}-30-10 did not come out correct"
    times = sorted(seconds(run) for _ in range(5))
    size = problem.params.size
    return {
        "network": f"{n}-30-10",
        "parameters": size,
        "seconds": times[2],
        "microseconds_per_parameter": 1e6 * times[2] / size,
        "peak_bytes": _peak(),
        "bytes_per_parameter": (_peak() - before) / size,
    }


if __name__ == "__main__":
    print(json.dumps(member(int(sys.argv[1]))))
