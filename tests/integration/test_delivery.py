"""Verdicts reach whoever can still be reached, and an end leaves nothing behind."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import gradcheck
from gradcheck.run import options as replayed
from tests.integration import students

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes of POSIX")

#: Escape sequences that would clear a screen, set a title and ring; and a line of its own.
EVIL = "a\x1b[2J\x1b]0;owned\x07\rb\nc.py"

SLOW = """
import time
time.sleep(300)
"""


#: What nohup ignores is heeded again. It is a program that becomes ours, and no preexec_fn:
#: that one forks this process, of which a test before may have made one with threads (jax).
HEEDING = "import os, signal, sys; signal.signal(int(sys.argv[1]), signal.SIG_DFL); "
HEEDING += "os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"


def program(*arguments, heeding, **options):
    words = [sys.executable, "-c", HEEDING, str(int(heeding))]
    words += ["-m", "gradcheck", *map(str, arguments)]
    return subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


@POSIX
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_leaves_no_folder_and_no_worker(write, tmp_path, name):
    folder = tmp_path / "temporary"
    folder.mkdir()
    path = write(SLOW)
    patient = ("--timeout", "300", "--call-timeout", "300")  # the signal may come late
    number = getattr(signal, name)
    environment = {**os.environ, "TMPDIR": str(folder)}
    run = program("check", path, *patient, heeding=number, env=environment)
    end = time.monotonic() + 120
    while not list(folder.glob("gradcheck-*/scratch")) and time.monotonic() < end:
        time.sleep(0.02)
    assert list(folder.iterdir()), "it never started"
    time.sleep(0.5)
    run.send_signal(number)
    out, err = run.communicate(timeout=300)
    assert run.returncode == 128 + number, f"{run.returncode}: {out}{err}"
    assert "Traceback" not in err, err
    left = [p.name for p in folder.iterdir()]
    assert not left, f"left behind: {left}"


#: A signal comes while something runs whose exceptions Python drops.
LOST = """
import os, signal, time, weakref
from gradcheck import cli

HANGUP = "def {name}(_):\\n    os.kill(os.getpid(), signal.SIGTERM)\\n    sum(range(1000))\\n"
names = {{"os": os, "signal": signal}}
exec(compile(HANGUP, "{file}", "exec"), names)
signal.signal(signal.SIGTERM, cli._end)
class Lock: pass
lock = Lock()
{how}
try:
    del lock
    time.sleep(60)
except cli.Ended as end:
    print("ended by", end.number)
"""

CALLBACK = 'kept = weakref.ref(lock, names["called"])'
FINALIZER = 'Lock.__del__ = names["__del__"]'


@POSIX
@pytest.mark.parametrize(
    ("name", "file", "how"),
    [
        ("called", "<frozen importlib._bootstrap>", CALLBACK),
        ("__del__", "lock.py", FINALIZER),
    ],
)
def test_a_signal_where_python_drops_what_is_raised_is_not_lost(name, file, how):
    text = LOST.format(name=name, file=file, how=how)
    run = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=300)
    assert run.stdout == f"ended by {int(signal.SIGTERM)}\n", f"{run.stdout}{run.stderr}"
    assert not run.stderr, run.stderr


@POSIX
def test_a_reader_that_goes_away_is_no_wrong_gradient(write):
    read, end = os.pipe()
    os.close(read)
    run = subprocess.run(
        [sys.executable, "-m", "gradcheck", "check", write(students.TANH), "--examples", "20"],
        stdout=end,
        stderr=subprocess.PIPE,
        text=True,
        timeout=300,
    )
    os.close(end)
    assert run.returncode == 141, f"exit code {run.returncode}: {run.stderr}"
    assert not run.stderr, f"it says {run.stderr}"


@POSIX
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_from_the_start_are_no_fault(write, closed):
    check = [sys.executable, "-m", "gradcheck", "check", str(write(students.TANH))]
    line = f"{shlex.join([*check, '--examples', '20'])} {closed}"
    run = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, f"exit code {run.returncode}: {run.stderr}"
    assert not run.stderr, run.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_standard_output_is_told_and_is_no_verdict(write):
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            [sys.executable, "-m", "gradcheck", "check", write(students.TANH), "--examples", "20"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
        )
    assert run.returncode == 4, f"exit code {run.returncode}: {run.stderr}"
    assert "standard output" in run.stderr, run.stderr
    assert len(run.stderr.splitlines()) == 1, run.stderr


@pytest.mark.parametrize("option", ["--json", "--csv", "--html"])
def test_a_disk_that_is_full_in_the_end_loses_no_verdict(run, write, tmp_path, monkeypatch, option):
    def full(path, text):
        raise gradcheck.UsageError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr("gradcheck.commands.write_whole", full)
    target = tmp_path / "out.file"
    result = run("check", write(students.TANH), "--examples", "20", option, target)
    assert "correct" in result.out, f"no verdict was shown: {result.out}{result.err}"
    assert result.code == 4, f"exit code {result.code}: {result.err}"
    assert "No space left" in result.err, result.err


def test_a_file_that_cannot_be_written_keeps_no_other_from_it(run, write, tmp_path, monkeypatch):
    from gradcheck.renderers import csv

    def fails(record):
        raise gradcheck.UsageError("cannot write")

    monkeypatch.setattr(csv, "render", fails)
    target = tmp_path / "out.json"
    options = ("--csv", tmp_path / "out.csv", "--json", target)
    result = run("check", write(students.TANH), "--examples", "20", *options)
    assert result.code == 4, f"exit code {result.code}: {result.err}"
    assert json.loads(target.read_text())["implementations"][0]["verdict"] == "correct"


def test_a_console_that_cannot_be_drawn_still_tells_the_verdicts(run, write, monkeypatch):
    def fails(record, screen):
        raise KeyError("a renderer's own fault")

    monkeypatch.setattr("gradcheck.renderers.console.show", fails)
    result = run("check", write(students.TANH), "--examples", "20")
    assert "student.py: correct" in result.out, f"{result.out}{result.err}"
    assert result.code == 4, f"exit code {result.code}: {result.err}"


@POSIX
@pytest.mark.parametrize("arguments", [(), ("--examples", "20", "--json", "-"), ("--nope",)])
def test_control_characters_of_a_name_never_reach_the_terminal(run, write, arguments):
    path = write(students.TANH, EVIL)
    result = run("check", path, *arguments)
    for stream in (result.out, result.err):
        assert "\x1b" not in stream, f"an escape sequence got through: {stream!r}"
        assert "\x07" not in stream, f"a bell got through: {stream!r}"
    missing = run("check", f"{path}.nowhere\x1b[2J.py")
    assert "\x1b" not in missing.err, f"an escape sequence got through: {missing.err!r}"


@POSIX
@pytest.mark.parametrize(
    "name", ["a b.py", "it's.py", "$(touch x).py", "`x`;&|.py", EVIL, "\udcff.py", "-x.py"]
)
def test_a_word_of_the_replay_line_is_that_word_in_a_shell(name):
    line = f"printf %s {replayed.quoted(name)}"
    said = subprocess.run(["bash", "-c", line], capture_output=True, timeout=60).stdout
    assert said == os.fsencode(name), f"a shell reads {said!r} in {line!r}"
    assert line.isprintable(), f"there are control characters in {line!r}"


def test_the_replay_line_replays_with_every_option_that_matters(run, write, tmp_path):
    folder = tmp_path / "two words"
    folder.mkdir()
    path = write(students.TANH, "two words/it's.py")
    network = "2-3-1 tanh,tanh half_squared_error mean"
    options = ("--network", network, "--examples", "21", "--timeout", "60", "--call-timeout", "9")
    options += ("--imports-only", "--reveal", "place", "--adapter", "native", "--seed", "5")
    first = run("check", path, *options)
    line = first.out.partition("Replay: python -m gradcheck ")[2].strip()
    words = shlex.split(line)
    assert words[:2] == ["check", str(path)], f"the path is not one word: {words}"
    said = dict(zip(words[2::1], [*words[3:], ""], strict=True))
    for name, value in zip(options[::2], options[1::2], strict=False):
        if name == "--imports-only":
            break
        assert said.get(name) == value, f"{name} is {said.get(name)!r} in {line}"
    for name in ("--imports-only", "--reveal", "--adapter", "--seed"):
        assert name in words, f"{name} is missing from {line}"
    again = run(*words)
    assert again.code == first.code, f"replayed: {again.out}{again.err}"


def test_many_files_are_replayed_by_a_pattern_that_is_exactly_these(tmp_path):
    names = [f"{tmp_path}/s{n:02}.py" for n in range(40)]
    for name in names:
        Path(name).write_text("")
    line = replayed.shown_line(names, ["--seed", "7"])
    told = shlex.split(line, comments=True)
    assert told == f"python -m gradcheck check {tmp_path}/*.py --seed 7".split(), line
    assert "the same 40 files" in line, line
    (tmp_path / "another.py").write_text("")
    other = replayed.shown_line(names, ["--seed", "7"])
    assert "*" not in other, f"the pattern also takes another.py: {other}"
    assert "the other 37 of 40" in other, other
    assert len(other) < 250 + 3 * len(str(tmp_path)), f"too long: {other}"
