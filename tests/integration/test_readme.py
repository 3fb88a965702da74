"""The README shows what a reader will see."""

import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def alike_everywhere(text):
    """Leave out what depends on the machine: time, and error bars, which are made of last bits."""
    text = re.sub(r"± \de-\d+", "± ...", text)
    return re.sub(r"\d+\.\d s(, sandbox level \d)?\)", "... s)", text)


@pytest.mark.skipif(sys.platform == "win32", reason="paths are written with backslashes there")
def test_the_output_in_the_readme_is_what_the_command_prints():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    refresh = runpy.run_path(str(ROOT / "docs" / "examples" / "refresh_readme.py"))
    now = refresh["refreshed"](text)
    assert alike_everywhere(now) == alike_everywhere(text), (
        "the README's example output is old; run: python docs/examples/refresh_readme.py"
    )


def test_the_readme_opens_with_the_output_and_then_gives_the_two_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    places = [
        text.index("is WRONG"),
        text.index("pip install -e . && python -m gradcheck report"),
        text.index("pip install -e '.[test]' && pytest"),
    ]
    assert places == sorted(places), "output first, then the two commands"
