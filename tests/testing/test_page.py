"""docs/pytest.md shows what a reader will see."""

import re
import runpy
import sys
from pathlib import Path

import pytest

from gradcheck.testing.plugin import OPTIONS_OF_PYTEST, SETTINGS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "pytest.md").read_text(encoding="utf-8")


def without_bars(text):
    """Leave out what the last bit of a machine's arithmetic decides: bars, and the worst entry."""
    return re.sub(r"; \w+\[.*", "; ...", re.sub(r"± \S+", "± ...", text))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="paths are written with backslashes there")
def test_the_output_on_the_page_is_what_pytest_prints():
    refresh = runpy.run_path(str(ROOT / "docs" / "examples" / "refresh_pytest.py"))
    assert without_bars(refresh["refreshed"](PAGE)) == without_bars(PAGE), (
        "the example output is old; run: python docs/examples/refresh_pytest.py"
    )


def test_every_option_of_the_plugin_is_on_the_page():
    options = [f"--gradcheck-{name}" for name, *_ in OPTIONS_OF_PYTEST] + list(SETTINGS)
    missing = [option for option in options if option not in PAGE]
    assert not missing, f"not on the page: {missing}"
