"""Sessions with code in another process, at each level that this machine has."""

import textwrap

import pytest

from gradcheck.execution import sandbox
from gradcheck.execution.sandbox import Launch
from gradcheck.execution.session import Remote
from gradcheck.reading.target import parse_target
from tests.execution.remote.asking import PATIENT


@pytest.fixture(autouse=True)
def _workers():
    """Start workers as users have them: here they themselves are tested."""


@pytest.fixture(params=[level.number for level in sandbox.SANDBOX_LEVELS])
def level(request, monkeypatch):
    """Run at each level that this machine has."""
    wanted = tuple(level for level in sandbox.SANDBOX_LEVELS if level.number == request.param)
    if not wanted[0].available():
        pytest.skip(f"no {wanted[0].name} here; the attacks fail where it is required")
    monkeypatch.setattr(sandbox, "SANDBOX_LEVELS", wanted)
    return request.param


@pytest.fixture
def at_level_1(monkeypatch):
    monkeypatch.setattr(sandbox, "SANDBOX_LEVELS", sandbox.SANDBOX_LEVELS[-1:])


@pytest.fixture
def session(tmp_path):
    """Return a function that starts a session with code, which is ended with the test."""
    sessions = []

    def begin(code, limits=PATIENT, name="student.py", attribute=""):
        path = tmp_path / name
        path.write_text(textwrap.dedent(code), encoding="utf-8")
        sessions.append(Remote(Launch(parse_target(f"{path}{attribute}"), limits)))
        return sessions[-1]

    yield begin
    for each in sessions:
        each.close()
