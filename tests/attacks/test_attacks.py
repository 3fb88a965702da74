"""Files that try to fool, break or rob the harness, at every sandbox level.

Numbers are those of ``expected.py``. At each level: no false "correct", a record at the
end of every run, no process and no file left behind; and at level 3 nothing is read
that should not be.
"""

import ctypes
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

import gradcheck
from gradcheck.execution import limits, sandbox
from tests.attacks.expected import EXPECTED

HERE = Path(__file__).parent
FILES = {int(path.stem[7:9]): path for path in sorted((HERE / "submissions").glob("*.py"))}

#: These are asked of a process of their own: they look at, or aim at, the grader itself.
APART = (34, 40, 54, 57)

TOGETHER = [number for number in FILES if number not in APART]

#: Seconds for one call and for all; jax takes its time to be imported, and those that never
#: come back are waited for to the end.
BUDGETS = {30: (60.0, 120.0), **dict.fromkeys((1, 2, 3, 4, 44), (0.7, 2.0))}
USUAL = (15.0, 90.0)  # what comes back is not waited for, and a machine may be busy

#: Set where bubblewrap must work: then a level that cannot be had fails the test.
REQUIRED = "GRADCHECK_REQUIRE_SANDBOX"

pytestmark = [
    pytest.mark.shut_in,
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux", reason="the attacks are written for Linux, where both levels exist"
    ),
]


def levels(number):
    return tuple(level for level in sandbox.SANDBOX_LEVELS if level.number == number)


@pytest.fixture(params=[1, 3], ids=["level1", "level3"])
def level(request, monkeypatch):
    """Let every worker run at this level, and fail or skip where it cannot."""
    monkeypatch.setattr(sandbox, "SANDBOX_LEVELS", levels(request.param))
    if request.param == 3 and not bubblewrap_works():
        say = f"sandbox level 3 cannot be had here: {sandbox._FAILED.get(3)}"
        if os.environ.get(REQUIRED):
            pytest.fail(f"{say}, but {REQUIRED} is set")
        pytest.skip(say)
    return request.param


def bubblewrap_works():
    if 3 not in sandbox._FAILED:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sandbox, "SANDBOX_LEVELS", levels(3))
            gradcheck.check(FILES[8], examples=20)
    return 3 not in sandbox._FAILED


@pytest.fixture
def nothing_left(tmp_path, monkeypatch):
    """Check that a run leaves no process and no file."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = set(limits.below(os.getpid()))
    yield
    end = time.monotonic() + 5.0  # what was killed takes a moment to be gone
    while (left := survivors(before)) and time.monotonic() < end:
        time.sleep(0.02)
    assert not left, f"processes were left behind: {left}"
    files = [str(path) for path in tmp_path.rglob("*")]
    assert not files, f"files were left behind: {files[:5]}"


def survivors(before):
    """Return the command lines of processes below this one that were not there before."""
    below = [p for p in limits.below(os.getpid()) if p not in before]
    return [command_line(p) for p in below if limits.alive(p)]


def command_line(process):
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()[:80]
    except OSError:
        return b""


def examined(number):
    call_timeout, timeout = BUDGETS.get(number, USUAL)
    record = gradcheck.check(
        FILES[number], examples=20, seed=5, call_timeout=call_timeout, timeout=timeout
    )
    (entry,) = json.loads(record.to_json())["implementations"]
    return entry


def hold(entry, number, level):
    """Hold an entry of a record against what is expected."""
    expected = EXPECTED[number]
    error = entry["error"] or {"kind": None, "message": ""}
    told = f"verdict {entry['verdict']}, error {error}, flags {entry['flags']}"
    assert entry["verdict"] in expected.verdicts, f"expected {expected.verdicts}; got {told}"
    assert entry["sandbox"] == level, f"ran at level {entry['sandbox']}, not {level}"
    if entry["verdict"] == "error":
        assert error["kind"] in expected.kinds, f"expected {expected.kinds}; got {told}"
        assert len(error["message"]) < 1000, "a stranger's text fills the record"
    if expected.flag:
        kinds = [flag["kind"] for flag in entry["flags"]]
        assert expected.flag in kinds, f"expected the flag {expected.flag}; got {told}"
    if expected.note:
        assert expected.note in entry["notes"], f"notes are {entry['notes']}"
    if level == 3:
        assert "LEAKED" not in json.dumps(entry), f"something was read: {told}"


def test_every_attack_of_the_list_has_a_file():
    assert sorted(FILES) == sorted(EXPECTED) == [n for n in range(1, 62) if n != 53], (
        "53 is made by its own test"
    )


@pytest.mark.parametrize(
    "number", [n for n in FILES if n not in APART], ids=lambda n: FILES[n].stem
)
def test_an_attack_comes_to_nothing(number, level, nothing_left, undiagnosed):
    hold(examined(number), number, level)


def apart(number, level, environment):
    """Run a check as a program of its own and return the entry of its record."""
    program = (
        "import sys; from gradcheck.execution import sandbox; "
        f"wanted = tuple(l for l in sandbox.SANDBOX_LEVELS if l.number == {level}); "
        "sandbox.SANDBOX_LEVELS = wanted; "
        "from gradcheck.cli import main; main()"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, "check", FILES[number], "--json", "-", "--examples", "20"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.stdout, f"no record: exit code {run.returncode}, {run.stderr}"
    return json.loads(run.stdout)["implementations"][0]


def test_a_token_in_the_environment_of_the_grader_is_not_seen(level):
    entry = apart(34, level, {"ATTACK_TOKEN": "secret"})
    if level == 3 or scopes_signals():
        hold(entry, 34, level)


def test_the_grader_is_not_killed(level):
    if level == 1 and not scopes_signals():
        pytest.skip("this kernel lets a process signal any other of its user (no landlock 6)")
    hold(apart(40, level, {}), 40, level)


def test_a_key_in_the_session_of_the_grader_is_not_read(level):
    """The key is added to a session of its own, in which the grader is then started."""
    number = {"x86_64": (248, 250), "aarch64": (217, 219)}.get(platform.machine())
    if number is None:
        pytest.skip("the numbers of system calls are known for two machines")
    libc = ctypes.CDLL(None)
    if libc.syscall(number[1], 1, None) < 0:
        pytest.skip("this kernel has no keyrings")
    secret = b"secret"
    if libc.syscall(number[0], b"user", b"gradcheck-attack-54", secret, len(secret), -3) < 0:
        pytest.skip("no key can be added here")
    hold(apart(54, level, {}), 54, level)
    assert "LEAKED" not in json.dumps(apart(54, level, {})), "the key was read"


@pytest.mark.parametrize("number", [55, 56])
def test_memory_and_namespaces_cannot_be_had_at_any_level(number, level):
    if platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip("the numbers of system calls are known for two machines")
    entry = examined(number)
    assert "LEAKED" not in json.dumps(entry), f"it got {entry['error']}"


def test_the_limits_of_the_grader_stay(level):
    hold(apart(57, level, {}), 57, level)


def scopes_signals():
    """Say whether landlock can keep signals in."""
    return ctypes.CDLL(None).syscall(444, None, 0, 1) >= 6


@pytest.mark.parametrize("kind", ["link", "pipe", "device", "folder"])
def test_what_is_no_plain_file_is_refused_by_name(kind, tmp_path):
    path = tmp_path / "student.py"
    if kind == "link":
        path.symlink_to(FILES[50])
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path = Path("/dev/zero")
    with pytest.raises(gradcheck.UsageError) as refusal:
        gradcheck.check(path)
    assert str(path) in str(refusal.value), f"the message names no file: {refusal.value}"


def test_a_secret_beside_the_submission_is_not_seen_at_level_3(tmp_path, level):
    """The walk of attack 33, aimed: it is told where to look."""
    for name in ("answer_key.py", "other_submission.py"):
        (tmp_path / name).write_text("secret = 1\n", encoding="utf-8")
    student = tmp_path / "student.py"
    places = [str(tmp_path), str(Path(gradcheck.__file__).parent), str(Path.home())]
    student.write_text(
        f"import os\nseen = [p for p in {places!r} if os.path.exists(p) and os.listdir(p)]\n"
        f"raise RuntimeError(f'seen: {{seen}}')\n",
        encoding="utf-8",
    )
    record = gradcheck.check(student)
    message = record.data["implementations"][0]["error"]["message"]
    if level == 3:
        seen = message.partition("seen: ")[2]
        assert not any(place in seen for place in places[:2]), f"a worker saw {seen}"


def test_code_cannot_be_examined_below_the_level_that_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(sandbox, "SANDBOX_LEVELS", levels(1))
    with pytest.raises(gradcheck.InternalError, match="level 3"):
        gradcheck.check(FILES[50], min_sandbox=3)
