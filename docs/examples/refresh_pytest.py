"""Put the example output in docs/pytest.md as it is now.

Run ``python docs/examples/refresh_pytest.py``.
"""

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "pytest.md"
OUTPUT = re.compile(r"<!-- made by: .*? -->\n```text\n(?P<output>.*?)```", re.S)
OPTIONS = "--gradcheck-impl tanh_student.py --gradcheck-seed 7 -k gradient --color no"


def output() -> str:
    """Run pytest on the student of the README and return what it says of the failure."""
    loading = (
        [] if entry_points(group="pytest11", name="gradcheck") else ["gradcheck.testing.plugin"]
    )
    command = [sys.executable, "-m", "pytest", *(f"-p{name}" for name in loading)]
    folder = ROOT / "docs" / "examples"
    run = subprocess.run(
        [*command, *OPTIONS.split(), "-pno:cacheprovider", "-c", os.devnull],
        cwd=folder,
        env={**os.environ, "COLUMNS": "96", "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        encoding="utf-8",
    )
    assert "FAILURES" in run.stdout, run.stdout + run.stderr
    lines = run.stdout.splitlines()
    first = next(i for i, line in enumerate(lines) if "FAILURES" in line)
    last = next(i for i, line in enumerate(lines) if "short test summary" in line)
    return "\n".join(line.rstrip() for line in lines[first + 1 : last]) + "\n"


def refreshed(text: str) -> str:
    """Return the page with the output put in."""
    match = OUTPUT.search(text)
    assert match, "the page has no example to refresh"
    start, end = match.span("output")
    return text[:start] + output() + text[end:]


if __name__ == "__main__":
    PAGE.write_text(refreshed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
