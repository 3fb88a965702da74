"""Running the command line inside the test's own process."""

import sys
from dataclasses import dataclass

import pytest

from gradcheck import cli


@dataclass(frozen=True)
class Run:
    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch, capsys):
    """Return a function that runs ``gradcheck ARGUMENTS`` and says how it ended."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["gradcheck", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        return Run(end.value.code or 0, captured.out, captured.err)

    return run


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file of code and returns its path."""

    def write(text, name="student.py"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write
