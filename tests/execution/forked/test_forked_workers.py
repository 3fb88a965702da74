"""A forked worker is to an examination what a started one is."""

import signal
import subprocess

import pytest

import gradcheck
from gradcheck.execution import process
from tests.execution.forked import workers
from tests.integration import students

pytestmark = pytest.mark.skipif(not workers.POSSIBLE, reason="workers are started here")

CHANCES = """
import numpy as np
import random

print(random.random(), np.random.rand())
raise ValueError(f"{random.random()} {np.random.rand()}")
"""


def entry_of(path):
    entry = gradcheck.check(path, seed=3, examples=20).data["implementations"][0]
    return {name: entry[name] for name in ("verdict", "error", "notes", "diagnoses", "scope")}


@pytest.mark.parametrize("code", [students.TANH, students.TAN_BUG], ids=["right", "wrong"])
def test_what_is_said_is_what_is_said_of_a_started_worker(monkeypatch, tmp_path, code):
    path = tmp_path / "student.py"
    path.write_text(code, encoding="utf-8")
    forked = entry_of(path)
    monkeypatch.undo()
    assert process.subprocess is subprocess, "workers are forked still"
    assert forked == entry_of(path)


def test_each_worker_has_chances_of_its_own(tmp_path):
    path = tmp_path / "student.py"
    path.write_text(CHANCES, encoding="utf-8")
    said = {entry_of(path)["error"]["message"] for _ in range(3)}
    assert len(said) == 3, f"the same twice: {said}"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import os\nos._exit(7)", "exit code 7"),
        (f"import os\nos.kill(os.getpid(), {int(signal.SIGSEGV)})", "SIGSEGV"),
    ],
)
def test_how_a_worker_ended_is_told(tmp_path, code, told):
    path = tmp_path / "student.py"
    path.write_text(code, encoding="utf-8")
    error = entry_of(path)["error"]
    assert told in error["message"], error
