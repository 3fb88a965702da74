"""How many files of gradcheck a check of right code walks through.

Run ``python -m benchmarks.corridors [FILE]``: the files of the package of which some function is
entered between ``main`` and the verdict, by a profiler in this process and in the worker.
What writes the answer (``renderers/``) is left out, and so is what a module does when it is
imported. The worker runs without bubblewrap, which would keep its profiler from telling.
"""

import contextlib
import io
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "gradcheck/"

#: Set for the code of functions; that of modules and classes is without it.
OF_A_FUNCTION = 1

#: Put before what a worker runs: it tells each file of which a function is entered.
HOOK = """
import os, sys
def _watch(to=os.open({path!r}, os.O_WRONLY | os.O_APPEND), seen=set()):
    def profile(frame, event, argument):
        code = frame.f_code
        if event == "call" and code.co_flags & 1 and code.co_filename not in seen:
            seen.add(code.co_filename)
            os.write(to, (code.co_filename + "\\n").encode())
    sys.setprofile(profile)
_watch()
"""


class Entered:
    """Collects the files whose functions are entered, here and in workers.

    Parameters
    ----------
    told : Path
        A file that workers append to.
    """

    def __init__(self, told: Path) -> None:
        self._told = told
        self._here: set[str] = set()

    def profile(self, frame: FrameType, event: str, _: object) -> None:
        """Be called by the interpreter at each call."""
        if event == "call" and frame.f_code.co_flags & OF_A_FUNCTION:
            self._here.add(frame.f_code.co_filename)

    def popen(self, arguments: Any, *rest: Any, **how: Any) -> subprocess.Popen[bytes]:
        """Start a process; a worker with the hook before its own script."""
        if "-c" in arguments:
            at = list(arguments).index("-c") + 1
            hook = HOOK.format(path=str(self._told))
            arguments = [*arguments[:at], hook + arguments[at], *arguments[at + 1 :]]
        return _popen(arguments, *rest, **how)

    def files(self) -> tuple[list[str], list[str]]:
        """Return the files of the package, sorted: of this process, of workers."""
        there = set(self._told.read_text(encoding="utf-8").splitlines())
        return _of_package(self._here), _of_package(there)


_popen = subprocess.Popen


def _of_package(paths: set[str]) -> list[str]:
    inside = {path.rpartition(PACKAGE)[2] for path in paths if PACKAGE in path}
    return sorted(path for path in inside if not path.startswith("renderers/"))


def walk(file: Path) -> tuple[list[str], list[str]]:
    """Check a file and return the files entered on the way.

    Parameters
    ----------
    file : Path
        An implementation.

    Returns
    -------
    parent, worker : list of str
        Paths inside the package.
    """
    from gradcheck.cli import main

    with tempfile.NamedTemporaryFile(suffix=".txt") as told:
        Path(told.name).chmod(0o666)
        entered = Entered(Path(told.name))
        subprocess.Popen = entered.popen  # type: ignore[assignment, misc]
        os.environ["PATH"] = os.devnull
        sys.argv = ["gradcheck", "check", str(file), "--seed", "1"]
        threading.setprofile(entered.profile)
        sys.setprofile(entered.profile)
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
                main()
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]
        return entered.files()


def run() -> None:
    """Print the files and how many they are."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "implementations" / "matrix.py"
    parent, worker = walk(file)
    for name, files in (("here", parent), ("in the worker", worker)):
        print(f"{name}: {len(files)}")
        print("".join(f"    {path}\n" for path in files), end="")
    print(f"files entered, renderers apart: {len(set(parent) | set(worker))}")


if __name__ == "__main__":
    run()
