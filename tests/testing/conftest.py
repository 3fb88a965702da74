"""Running pytest with the plugin on a folder of its own."""

from importlib.metadata import entry_points

import pytest

import gradcheck
import gradcheck.testing.pytest_run
from tests.integration import students

INSTALLED = bool(entry_points(group="pytest11", name="gradcheck"))


@pytest.fixture(scope="session", autouse=True)
def _everything_loaded(tmp_path_factory):
    """Load here what an examination loads: a run inside forgets what it was first to load."""
    path = tmp_path_factory.mktemp("loaded") / "student.py"
    path.write_text(students.TAN_BUG, encoding="utf-8")
    gradcheck.check(path, examples=20, seed=1)


@pytest.fixture
def run(pytester, monkeypatch):
    """Return a function that runs pytest in a folder of its own, with few problems."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    loading = [] if INSTALLED else ["-p", "gradcheck.testing.plugin"]

    def run(*arguments, examples=20, subprocess=False):
        given = [*loading, "-W", "error", "-rA"]
        if examples:
            given += ["--gradcheck-examples", str(examples)]
        runner = pytester.runpytest_subprocess if subprocess else pytester.runpytest_inprocess
        return runner(*given, *map(str, arguments))

    return run


@pytest.fixture
def write(pytester):
    """Return a function that writes a file of the folder and returns its path."""

    def write(name, text):
        path = pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write
