"""What a check costs from a cold start, in multiples of importing numpy.

Run ``python benchmarks/cold_start.py [ROUNDS]``. The commands take turns, so that all see
the same machine; medians are compared. A first round is not counted: it leaves the bytecode
that an installed package has. With ``PYTHONDONTWRITEBYTECODE`` set, gradcheck is compiled
every time, and numpy is not.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from gradcheck.contract.protocol import Call, Request
from gradcheck.execution.limits import Limits
from gradcheck.execution.sandbox import Launch
from gradcheck.execution.session import Remote
from gradcheck.networks import sampling
from gradcheck.reading.target import parse_target

ROOT = Path(__file__).resolve().parents[1]
WRONG = ROOT / "docs" / "examples" / "tanh_student.py"
RIGHT = WRONG.read_text(encoding="utf-8").replace("* np.tan(", "* np.tanh(")

#: Phases that take less, in seconds, are not shown.
SMALL = 0.003

#: Calls whose round trip is timed, each of the smallest answer there is.
CALLS = 2000

#: Run in a process of its own: what a check does, and when it begins with it.
PHASES = """
import json, sys, time
told = [("import numpy", time.perf_counter())]
import numpy
told.append(("import gradcheck", time.perf_counter()))
from gradcheck.run import api
told.append(("start the worker, load the file", time.perf_counter()))
note = lambda what: told.append((what, time.perf_counter()))
record = api.check(sys.argv[1], seed=1, progress=note)
told.append(("", time.perf_counter()))
print(json.dumps([[what, after - at] for (what, at), (_, after) in zip(told, told[1:])]))
"""

#: What gradcheck's own names of its phases mean.
MEANING = {
    "support": "find out what the code handles",
    "problems": "ask 200 problems; both witnesses, meanwhile",
}

ECHO = """
def loss_and_grads(network, params, batch):
    return 0.0, params
"""


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        right = Path(folder) / "right.py"
        right.write_text(RIGHT, encoding="utf-8")
        echo = Path(folder) / "echo.py"
        echo.write_text(ECHO, encoding="utf-8")
        matrix = str(ROOT / "implementations" / "matrix.py")
        commands = {
            "import numpy": ["-c", "import numpy"],
            "check, right": ["-m", "gradcheck", "check", str(right), "--seed", "1"],
            "check, right, every activation": ["-m", "gradcheck", "check", matrix, "--seed", "1"],
            "check, wrong, with diagnosis": ["-m", "gradcheck", "check", str(WRONG), "--seed", "1"],
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for counted in range(rounds + 1):
            for name, arguments in commands.items():
                begin = time.perf_counter()
                subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True)
                if counted:
                    seconds[name].append(time.perf_counter() - begin)
        print(f"bytecode is {'compiled every time' if sys.dont_write_bytecode else 'kept'}")
        unit = statistics.median(seconds["import numpy"])
        for name, values in seconds.items():
            median = statistics.median(values)
            print(f"{name:32} {median:6.3f} s  {median / unit:5.1f} x")
        show_phases(right, rounds)
        show_plugin(Path(folder), rounds)
        show_round_trip(echo)


def show_phases(path: Path, rounds: int) -> None:
    seconds: dict[str, list[float]] = {}
    for counted in range(rounds + 1):
        words = [sys.executable, "-c", PHASES, str(path)]
        run = subprocess.run(words, cwd=ROOT, capture_output=True, check=True)
        taken: dict[str, float] = {}
        for what, took in json.loads(run.stdout):
            # on a slow machine the witnesses tell how far they are
            phase = "problems" if what.startswith("witnesses") else what
            taken[phase] = taken.get(phase, 0.0) + took
        for phase, took in taken.items() if counted else ():
            seconds.setdefault(phase, []).append(took)
    for what, values in seconds.items():
        median = statistics.median(values)
        if median > SMALL:
            print(f"  {MEANING.get(what, what):44} {1e3 * median:4.0f} ms")


def show_plugin(folder: Path, rounds: int) -> None:
    test = folder / "test_nothing.py"
    test.write_text("def test_nothing():\n    pass\n", encoding="utf-8")
    plain = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)]
    commands = {"without": [*plain, "-p", "no:gradcheck"], "with": plain}
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for counted in range(4 * rounds + 1):  # a small difference of two long times
        for name, words in commands.items():
            begin = time.perf_counter()
            subprocess.run(words, cwd=folder, capture_output=True, check=True)
            if counted:
                seconds[name].append(time.perf_counter() - begin)
    more = [b - a for a, b in zip(seconds["without"], seconds["with"], strict=True)]
    print(f"pytest starts {1e3 * statistics.median(more):.1f} ms later with the plugin")


def show_round_trip(path: Path) -> None:
    session = Remote(Launch(parse_target(str(path)), Limits()))
    problem = sampling.problem(1, 0)
    request = Request(Call.LOSS_AND_GRADS, problem, fresh=True)
    trips = [session.ask(request).seconds for _ in range(CALLS)]
    low, middle, high = (np.percentile(trips, q) * 1e3 for q in (10, 50, 90))
    print(
        f"a round trip at sandbox level {session.level}: {middle:.3f} ms ({low:.3f} to {high:.3f})"
    )
    session.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
