"""Is this checkout slower than another one? ``python -m benchmarks.pairs CHECKOUT PYTHON [ROUNDS]``.

CHECKOUT is the other one, and PYTHON the interpreter of an environment in which it is installed.
Both take turns, so that they see the same machine: a cold check of right files, as wall time and as
processor time, and in a process of its own each estimate, verdict and rate of ``docs/benchmarks.md``.
For each figure the median of the ratios is printed, this one over the other.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

ROUNDS = 15

#: Run in either checkout: processor seconds of its own estimate and verdict.
WARM = """
import json, os, sys
os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.insert(0, os.getcwd())
from benchmarks.against import ours, rate, timing, work
found = {}
for text in timing.NETWORKS:
    problem = work.problem_for(text)
    _, claim = work.implementation().loss_and_grads(
        problem.network, problem.params.copies(), problem.batch
    )
    for name in (ours.ESTIMATE, ours.VERDICT):
        run = ours.checker(name, problem, claim)
        timing.seconds(run)
        found[f"{name}, {text}"] = min(timing.seconds(run) for _ in range(15))
found["a verdict at the rate of rate.py"] = 1.0 / rate.measure()["verdicts_per_second"]
print(json.dumps(found))
"""


def main(checkout: str, python: str, rounds: str = str(ROUNDS)) -> None:
    """Measure and print; a first round is not counted."""
    sides = {"other": (Path(checkout), python), "this": (ROOT, sys.executable)}
    ratios: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        wrong = (ROOT / "docs" / "examples" / "tanh_student.py").read_text(encoding="utf-8")
        right = Path(folder) / "right.py"
        right.write_text(wrong.replace("* np.tan(", "* np.tanh("), encoding="utf-8")
        for number in range(int(rounds) + 1):
            turns = [*sides] if number % 2 else [*sides][::-1]
            found = {side: _measured(*sides[side], right) for side in turns}
            for figure, seconds in found["this"].items():
                if number:
                    ratios.setdefault(figure, []).append(seconds / found["other"][figure])
    for figure, each in ratios.items():
        print(f"{statistics.median(each):6.3f}  {figure}")


def _measured(checkout: Path, python: str, right: Path) -> dict[str, float]:
    warm = subprocess.run(
        [python, "-c", WARM], cwd=checkout, capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(warm.stdout)
    for file in (right, checkout / "implementations" / "matrix.py"):
        begin, before = time.perf_counter(), os.times()
        command = [python, "-m", "gradcheck", "check", str(file), "--seed=1"]
        subprocess.run(command, cwd=right.parent, capture_output=True, check=True)
        after = os.times()
        found[f"a cold check of {file.name}"] = time.perf_counter() - begin
        found[f"a cold check of {file.name}, processor"] = (
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system
        )
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
