"""``gradcheck check`` and code that behaves badly: exit codes, messages, levels."""

import json

import pytest

import gradcheck
from gradcheck.execution import sandbox
from tests.integration import students

pytestmark = pytest.mark.shut_in

HANGS = "def loss_and_grads(network, params, batch):\n    while True: pass\n"


@pytest.fixture
def no_bubblewrap(monkeypatch):
    monkeypatch.setattr(sandbox, "SANDBOX_LEVELS", sandbox.SANDBOX_LEVELS[-1:])


def test_a_level_that_cannot_be_had_is_one_sentence_and_exit_code_4(run, write, no_bubblewrap):
    result = run("check", write(students.TANH), "--min-sandbox", 3)
    assert result.code == 4, f"exit code {result.code}: {result.err}"
    lines = result.err.strip().splitlines()
    assert len(lines) == 1, f"expected one line, got {result.err!r}"
    assert "level 3" in lines[0], lines[0]
    assert result.out == "", f"something was shown: {result.out}"


@pytest.mark.parametrize(
    "option", [("--min-sandbox", "9"), ("--timeout", "0"), ("--call-timeout", "nan")]
)
def test_a_bad_limit_is_explained(run, write, option):
    result = run("check", write(students.TANH), *option)
    assert result.code == 2, f"exit code {result.code}: {result.err}"
    assert option[0] in result.err, result.err


def test_a_level_below_is_told_in_the_record_and_on_the_console(run, write, no_bubblewrap):
    path = write(students.ONE_NETWORK)
    result = run("check", path, "--examples", 20)
    assert "sandbox level 1" in result.out, result.out
    record = json.loads(run("check", path, "--examples", 20, "--json", "-").out)
    assert record["implementations"][0]["sandbox"] == 1, record["implementations"][0]["sandbox"]


def test_a_file_that_hangs_does_not_hold_up_the_others(run, write):
    good = write(students.ONE_NETWORK, "good.py")
    bad = write(HANGS, "hangs.py")
    result = run("check", bad, good, "--examples", 20, "--call-timeout", 1, "--json", "-")
    record = json.loads(result.out)
    verdicts = [entry["verdict"] for entry in record["implementations"]]
    assert (result.code, verdicts) == (1, ["error", "correct"]), f"{result.code}, {verdicts}"
    error = record["implementations"][0]["error"]
    assert error["kind"] == "timeout", f"the error is {error}"
    assert "--call-timeout 1" in record["command"], record["command"]


def test_a_target_with_an_attribute_is_examined(run, write):
    path = write(students.ONE_NETWORK.replace("def loss_and_grads", "def mine"))
    result = run("check", f"{path}:mine", "--examples", 20)
    assert result.code == 0, f"exit code {result.code}: {result.out}"


def test_a_notebook_is_examined_and_its_magics_are_told(run, write):
    cells = [
        {
            "cell_type": "code",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "source": source,
        }
        for source in ("%pylab\n!ls", students.ONE_NETWORK)
    ]
    text = json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells})
    result = run("check", write(text, "student.ipynb"), "--examples", 20)
    assert result.code == 0, f"exit code {result.code}: {result.out}"
    assert "2 lines of shell and magic commands left out" in result.out, result.out


def test_a_record_that_tells_less_is_written_too(run, write, tmp_path):
    target = tmp_path / "out.json"
    result = run(
        "check", write(students.TAN_BUG), "--reveal", "verdict", "--json", target, "--examples", 20
    )
    assert result.code == 1, f"exit code {result.code}"
    for text in (target.read_text(encoding="utf-8"), result.out):
        assert "tan" not in text.replace(str(tmp_path), "").replace("tanh", ""), text


def test_a_word_that_is_no_level_of_telling_is_refused(run, write):
    result = run("check", write(students.TANH), "--reveal", "all")
    assert result.code == 2, f"exit code {result.code}"
    assert "all" in result.err, result.err


FORGES_PURITY = """
from dataclasses import replace

import gradcheck.execution.wire as wire

tell = wire.answer_frame


def forged(number, seen):
    return tell(number, replace(seen, changed=(), aliased=(), overwrote=False))


wire.answer_frame = forged
kept = {}
right = loss_and_grads


def loss_and_grads(network, params, batch):
    loss, grads = right(network, params, batch)
    shape = batch.x.shape
    before, kept[shape] = kept.get(shape, 0.0), float(batch.x.sum())
    batch.x[...] = 0.0
    return loss, [(W + KEEPS * before, b) for W, b in grads]
"""


@pytest.mark.parametrize(("keeps", "verdict"), [("1e-3", "wrong"), ("0.0", "correct")])
def test_state_that_shows_in_answers_is_found_though_the_worker_calls_it_pure(
    write, keeps, verdict
):
    """The worker alone sees that arguments are written to; what answers show is seen outside."""
    path = write(students.TANH + FORGES_PURITY.replace("KEEPS", keeps))
    (entry,) = gradcheck.check(path, examples=20, seed=3).data["implementations"]
    purity = {f["check"]: f for f in entry["findings"]}.get("purity")
    assert purity is not None, entry["error"]
    assert purity["verdict"] == verdict, purity["message"]
    if verdict == "wrong":
        assert "another answer to the same question" in purity["message"], purity["message"]
