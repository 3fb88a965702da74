"""Put the example output in the README as it is now.

Run ``python docs/examples/refresh_readme.py``.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = re.compile(
    r"<!-- made by: python -m (?P<command>.+) -->\n```text\n(?P<output>.*?)```", re.S
)


def output_of(command: str) -> str:
    """Run ``python -m COMMAND`` at the root, as wide as a README is."""
    environment = {**os.environ, "COLUMNS": "96", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    run = subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        encoding="utf-8",
    )
    return "\n".join(line.rstrip() for line in run.stdout.splitlines()) + "\n"


def refreshed(text: str) -> str:
    """Return the README's text with the output of its command put in."""
    match = COMMAND.search(text)
    assert match, "the README has no example to refresh"
    start, end = match.span("output")
    return text[:start] + output_of(match["command"]) + text[end:]


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(refreshed(readme.read_text(encoding="utf-8")), encoding="utf-8")
