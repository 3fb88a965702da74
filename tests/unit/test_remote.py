"""Code in another process: the same answers, and an end whatever it does."""

import contextlib
import os
import sys
import tempfile
import textwrap
import time

import numpy as np
import pytest

from gradcheck import UsageError, sampling
from gradcheck.errors import SandboxError
from gradcheck.execution import channel, sandbox, staging, start
from gradcheck.execution.launch import Launch
from gradcheck.execution.limits import Limits
from gradcheck.execution.loading import load, shipped
from gradcheck.execution.lost import LostError
from gradcheck.execution.remote import Remote
from gradcheck.execution.session import InProcess
from gradcheck.execution.target import parse_target
from gradcheck.network import Network
from gradcheck.protocol import Call, Request

PROBLEM = sampling.fill(
    np.random.default_rng(0), Network.parse("2-3-1 tanh,sigmoid squared_error"), 4
)
GRADIENT = Request(Call.LOSS_AND_GRADS, PROBLEM)
SHORT = Limits(call_timeout=1.0, timeout=3.0)


@pytest.fixture(params=[level.number for level in sandbox.LEVELS])
def level(request, monkeypatch):
    """Run at each level that this machine has."""
    wanted = tuple(level for level in sandbox.LEVELS if level.number == request.param)
    if not wanted[0].available():
        pytest.skip(f"no {wanted[0].name} here; the attacks fail where it is required")
    monkeypatch.setattr(start, "LEVELS", wanted)
    return request.param


@pytest.fixture
def at_level_1(monkeypatch):
    monkeypatch.setattr(start, "LEVELS", sandbox.LEVELS[-1:])


@pytest.fixture
def session(tmp_path):
    """Return a function that starts a session with code, which is ended with the test."""
    sessions = []

    def begin(code, limits=SHORT, name="student.py", attribute=""):
        path = tmp_path / name
        path.write_text(textwrap.dedent(code), encoding="utf-8")
        sessions.append(Remote(Launch(parse_target(f"{path}{attribute}"), limits)))
        return sessions[-1]

    yield begin
    for each in sessions:
        each.close()


def lost(session, request=GRADIENT):
    with pytest.raises(LostError) as end:
        session.ask(request)
    return end.value


def test_answers_are_those_of_the_same_code_in_this_process(level):
    local = InProcess(load(shipped("matrix")))
    remote = Remote(Launch(parse_target(str(shipped("matrix"))), Limits()))
    assert remote.level == level, f"ran at level {remote.level}"
    for index in range(12):
        problem = sampling.problem(3, index)
        for call in Call:
            request = Request(call, problem, learning_rate=0.1, rounds=2)
            here, there = local.ask(request), remote.ask(request)
            for name in ("loss", "outputs", "notes", "changed", "aliased", "overwrote", "failure"):
                one, two = getattr(here, name), getattr(there, name)
                assert np.array_equal(one, two, equal_nan=name == "loss"), f"{name}: {one}, {two}"
            for one, two in zip(here.tensors, there.tensors, strict=True):
                assert all(map(np.array_equal, one, two)), f"tensors differ: {one}, {two}"
    remote.close()


OFFENCES = {
    "writes to its arguments": "params[0][0][...] = 0; return 0.0, [(+W, +b) for W, b in params]",
    "returns its arguments": "return 0.0, params",
    "raises": "raise ValueError('shapes differ')",
    "does not do this": "raise NotImplementedError('relu')",
    "returns nothing": "return None",
    "returns a triple": "return 0.0, [], 1",
    "returns text": "return 'zero', params",
    "returns shapes of its own": "return 0.0, [(W.T, b) for W, b in params]",
    "returns NaN": "return float('nan'), [(W * float('nan'), b * 1) for W, b in params]",
    "is interrupted": "raise SystemExit(3)",
}


@pytest.mark.parametrize("body", OFFENCES.values(), ids=OFFENCES)
def test_offences_are_told_as_in_this_process(session, tmp_path, body):
    code = f"def loss_and_grads(network, params, batch):\n    {body}\n"
    there = session(code).ask(GRADIENT)
    here = InProcess(load(tmp_path / "student.py")).ask(GRADIENT)
    for name in ("notes", "changed", "aliased", "overwrote", "failure"):
        one, two = getattr(here, name), getattr(there, name)
        assert one == two, f"{name} is {one} here and {two} there"


ENDINGS = {
    "timeout": "while True: pass",
    "crash": "import os; os._exit(3)",
    "flood": "while True: print('x' * 10000)",
    "memory": "return bytearray(2**40)",
}


@pytest.mark.parametrize(("kind", "body"), ENDINGS.items(), ids=ENDINGS)
def test_every_end_has_its_kind_and_comes_within_the_budget(session, level, kind, body):
    if kind == "memory" and sys.platform in ("darwin", "win32"):
        pytest.skip("address space has no limit here")
    begun = session(f"def loss_and_grads(network, params, batch):\n    {body}\n")
    begin = time.monotonic()
    end = lost(begun)
    assert end.kind == kind, f"the end is {end.kind}: {end.message}"
    assert time.monotonic() - begin < SHORT.call_timeout + 5, "the budget was overdrawn"
    begin = time.monotonic()
    assert lost(begun) is end, "a lost worker was asked again"
    assert time.monotonic() - begin < 0.1, "the budget was paid twice"


COUNTING = """
    calls = 0

    def loss_and_grads(network, params, batch):
        global calls
        calls += 1
        return float(calls), [(+W, +b) for W, b in params]
"""


def test_what_was_begun_is_asked_once_and_in_its_turn(session):
    code = session(COUNTING)
    first, second = (Request(Call.LOSS_AND_GRADS, sampling.problem(3, index)) for index in (0, 1))
    code.begin(first)
    code.begin(second)  # one at a time: nothing happens
    assert code.ask(second).loss == 2.0, "the question asked came before the one begun"
    assert code.ask(first).loss == 1.0, "the answer to what was begun is lost"
    code.begin(first)
    assert code.ask(first).loss == 1.0, "what is remembered was asked again"
    assert code.calls == 2, f"{code.calls} calls for two questions"


def test_what_must_not_be_remembered_is_not_begun(session):
    code = session(COUNTING)
    code.begin(Request(Call.LOSS_AND_GRADS, PROBLEM, fresh=True))
    assert code.calls == 0, "a fresh answer was begun beforehand"


@pytest.mark.parametrize(("kind", "body"), ENDINGS.items(), ids=ENDINGS)
def test_an_end_that_was_begun_is_told_when_it_is_asked_for(session, at_level_1, kind, body):
    code = session(f"def loss_and_grads(network, params, batch):\n    {body}\n")
    start_time = time.monotonic()
    code.begin(GRADIENT)
    begun = time.monotonic() - start_time
    end = lost(code)
    assert end.kind == kind, f"the end is {end.kind}: {end.message}"
    assert begun < 0.5, f"beginning waited for {begun:.1f} s"
    other = Request(Call.LOSS_AND_GRADS, sampling.problem(3, 0))
    code.begin(other)
    assert lost(code, other).kind == end.kind, "it came back to life"


def test_a_spare_worker_that_cannot_start_spoils_no_answer(session, at_level_1, monkeypatch):
    code = session(COUNTING)

    def nothing_left(self):
        raise SandboxError("no process can be started")

    monkeypatch.setattr(start.Starting, "_begin", nothing_left)
    code.begin(GRADIENT)
    assert code.ask(GRADIENT).loss == 1.0, "the worker that runs was lost too"
    end = lost(code, Request(Call.LOSS_AND_GRADS, PROBLEM, anew=True))
    assert end.kind == "sandbox", f"a worker that cannot be had is {end.kind}"


def test_an_answer_that_was_there_in_time_is_taken_late(session):
    limits = Limits(call_timeout=0.3, timeout=3.0)
    code = session("def loss_and_grads(network, params, batch):\n    return 1.0, params", limits)
    code.begin(GRADIENT)
    time.sleep(0.5)  # the oracle takes longer than a call may
    assert code.ask(GRADIENT).loss == 1.0, "an answer that was there counts as late"


def test_all_calls_together_have_a_budget(session, at_level_1):
    slow = "import time\ndef loss_and_grads(n, p, b):\n    time.sleep(0.3)\n    return 0.0, p"
    begun = session(slow, Limits(call_timeout=2.0, timeout=0.8))
    fresh = Request(Call.LOSS_AND_GRADS, PROBLEM, fresh=True)
    for _ in range(2):
        begun.ask(fresh)
    end = lost(begun, fresh)
    assert end.kind == "timeout", f"the end is {end.kind}"
    assert "all calls together" in end.message, end.message


@pytest.mark.skipif(sys.platform != "linux", reason="memory in use is read from /proc")
def test_memory_in_use_is_watched_over_all_processes(session, level):
    code = """
        import os
        import time
        import numpy as np

        def loss_and_grads(network, params, batch):
            os.fork()
            kept = np.ones(2**24)  # 128 MB in each process
            time.sleep(5)
    """
    end = lost(session(code, Limits(call_timeout=4.0, memory=200 * 2**20)))
    assert end.kind == "memory", f"the end is {end.kind}: {end.message}"


def test_a_file_that_cannot_be_imported_is_lost_with_its_reason(session, level):
    with pytest.raises(LostError) as end:
        session("import nosuchpackage")
    assert end.value.kind == "import", end.value.kind
    assert "nosuchpackage" in end.value.message, end.value.message
    assert end.value.level == level, f"told as level {end.value.level}"


def test_state_lives_on_between_calls_and_ends_with_the_process(session, level):
    counting = """
        calls = []
        def loss_and_grads(network, params, batch):
            calls.append(1)
            return float(len(calls)), [(W * 0, b * 0) for W, b in params]
    """
    begun = session(counting)
    fresh = Request(Call.LOSS_AND_GRADS, PROBLEM, fresh=True)
    assert [begun.ask(fresh).loss for _ in range(3)] == [1.0, 2.0, 3.0], "calls were not kept"
    for _ in range(2):  # the first takes the spare worker, the second a new one
        anew = begun.ask(Request(Call.LOSS_AND_GRADS, PROBLEM, anew=True))
        assert anew.loss == 1.0, f"a worker that is new has been called {anew.loss} times"
    assert begun.calls == 5, f"counted {begun.calls} calls"


def test_what_was_asked_before_is_recalled(session):
    begun = session("def loss_and_grads(n, params, b):\n    return 0.0, params")
    assert begun.ask(GRADIENT) is begun.ask(GRADIENT), "the same question got two answers"
    assert begun.calls == 1, f"called {begun.calls} times"


def test_the_child_sees_a_network_with_everything_the_contract_names(session):
    code = """
        def loss_and_grads(network, params, batch):
            raise ValueError((network.widths, network.activations, network.loss,
                network.reduction, network.l2, network.depth, network.shapes, str(network)))
    """
    network = PROBLEM.network
    seen = (network.widths, network.activations, network.loss, network.reduction, network.l2)
    seen = (*seen, network.depth, network.shapes, str(network))
    failure = session(code).ask(GRADIENT).failure
    assert failure is not None, "nothing was raised"
    assert failure.message.endswith(str(seen)), f"the code saw {failure.message}"


def test_declarations_and_offers_are_passed_on(session):
    begun = session(
        'networks = ["2-2 tanh squared_error"]\nbatch_sizes = [1, 3]\nstep = 3\n'
        "def forward(n, p, x): ...\ndef loss_and_grads(n, p, b): ..."
    )
    assert tuple(begun.networks) == ("2-2 tanh squared_error",), f"networks {begun.networks}"
    assert tuple(begun.batch_sizes) == (1, 3), f"batch sizes {begun.batch_sizes}"
    offered = [call for call in Call if begun.offers(call)]
    assert offered == [Call.LOSS_AND_GRADS, Call.FORWARD], f"offers {offered}"


@pytest.mark.parametrize("declared", ["'2-2'", "7", "[object()] * 300", "{1: 2}"])
def test_a_declaration_of_another_form_is_passed_on_as_what_it_is_not(session, declared):
    begun = session(f"networks = {declared}\ndef loss_and_grads(n, p, b): ...")
    assert isinstance(begun.networks, str), f"{declared} became {begun.networks!r}"


@pytest.mark.parametrize(
    ("attribute", "code"),
    [
        (":net", "class Net:\n    def loss_and_grads(self, n, p, b): return 2.0, p\nnet = Net()"),
        (":Net", "class Net:\n    def loss_and_grads(self, n, p, b): return 2.0, p"),
        (":mine", "def mine(n, p, b): return 2.0, p"),
        (":Box.inner", "class Box:\n    def inner(n, p, b): return 2.0, p"),
    ],
)
def test_an_attribute_of_a_file_can_be_examined(session, attribute, code):
    answer = session(code, attribute=attribute).ask(GRADIENT)
    assert answer.loss == 2.0, f"{attribute} answered {answer}"


def test_an_attribute_that_is_not_there_is_named(session):
    with pytest.raises(LostError, match="no attribute missing"):
        session("x = 1", attribute=":missing")


def test_a_module_that_is_not_installed_is_found_here_and_copied(level, tmp_path, monkeypatch):
    package = tmp_path / "homework"
    package.mkdir()
    (package / "__init__.py").write_text("raise_if_imported_here = 1\n", encoding="utf-8")
    (package / "parts.py").write_text("value = 5.0\n", encoding="utf-8")
    (package / "net.py").write_text(
        "from homework.parts import value\ndef mine(n, p, b): return value, p\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    begun = Remote(Launch(parse_target("homework.net:mine"), SHORT))
    assert begun.ask(GRADIENT).loss == 5.0, "the module answered something else"
    assert "homework" not in sys.modules, "a stranger's package was imported into this process"
    begun.close()


@pytest.mark.parametrize("text", ["nosuchmodule_at_all:f", "nowhere/file.py:f", "nowhere.py"])
def test_a_target_that_is_not_there_is_refused(text):
    with pytest.raises(UsageError, match="there is no"):
        parse_target(text)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has the threads already")
def test_a_channel_of_threads_does_the_same(session, monkeypatch):
    monkeypatch.setattr(channel, "BEST", channel.Threaded)
    begun = session(shipped("matrix").read_text(encoding="utf-8"))
    here = InProcess(load(shipped("matrix"))).ask(GRADIENT)
    assert begun.ask(GRADIENT).loss == here.loss, "answers differ"
    end = lost(session("def loss_and_grads(n, p, b):\n    while True: pass", name="other.py"))
    assert end.kind == "timeout", f"the end is {end.kind}"


def test_a_worker_that_takes_no_input_is_a_timeout(session, at_level_1):
    """It answers before it has read: the pipe to it fills up."""
    code = """
        import os, time
        def loss_and_grads(network, params, batch):
            time.sleep(60)
    """
    begun = session(code)
    big = sampling.fill(np.random.default_rng(0), Network.parse("200-200 tanh squared_error"), 200)
    assert lost(begun, Request(Call.LOSS_AND_GRADS, big)).kind == "timeout"


def test_nothing_is_left_in_the_folder_for_temporary_files(tmp_path, monkeypatch, level):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    begun = Remote(Launch(parse_target(str(shipped("matrix"))), SHORT))
    assert any(tmp_path.iterdir()), "nothing was copied"
    begun.close()
    assert not any(tmp_path.iterdir()), f"left behind: {list(tmp_path.iterdir())}"


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), 1e9])
def test_a_budget_has_to_be_seconds(value):
    with pytest.raises(UsageError, match="--call-timeout must be seconds"):
        Limits(call_timeout=value)


def test_the_environment_of_a_worker_holds_nothing_of_ours(session, level, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "1")
    begun = session(
        "import os\nraise_it = 0\ndef loss_and_grads(n, p, b):\n"
        "    raise ValueError(sorted(os.environ))"
    )
    failure = begun.ask(GRADIENT).failure
    assert failure is not None, "nothing was raised"
    assert "SECRET_TOKEN" not in failure.message, failure.message
    assert os.environ["SECRET_TOKEN"] == "1"


def test_closing_twice_does_no_harm_to_the_folder_for_temporary_files(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tmp_path.chmod(0o755)
    launch = Launch(parse_target(str(shipped("matrix"))), SHORT)
    launch.close()
    launch.close()
    mode = tmp_path.stat().st_mode & 0o777
    assert mode == 0o755 or sys.platform == "win32", f"its rights are now {mode:o}"


@pytest.mark.skipif(sys.platform == "win32", reason="rights are another thing there")
def test_a_folder_without_rights_is_removed_too(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    submission = staging.stage(parse_target(str(shipped("matrix"))))
    locked = submission.scratch / "locked"
    (locked / "inside").mkdir(parents=True)
    locked.chmod(0)
    submission.close()
    assert not any(tmp_path.iterdir()), f"left behind: {list(tmp_path.iterdir())}"


def test_code_that_writes_to_its_worker_reaches_no_other_submission(session, at_level_1):
    code = """
        import gradcheck.execution.worker as worker

        def loss_and_grads(network, params, batch):
            with open(worker.__loader__.archive, "w") as file:
                file.write("no archive any more")
            return 1.0, params
    """
    hostile = session(code)
    assert hostile.ask(GRADIENT).loss == 1.0, "it could not do what it is to be held against"
    anew = Request(Call.LOSS_AND_GRADS, PROBLEM, anew=True)
    with contextlib.suppress(LostError):  # the spare worker may have read the file in time
        hostile.ask(anew)
    end = lost(hostile, anew)
    assert end.kind in ("sandbox", "crash"), f"a worker that cannot start is {end.kind}"
    honest = "def loss_and_grads(network, params, batch):\n    return 2.0, params"
    assert session(honest, name="other.py").ask(GRADIENT).loss == 2.0, "another worker was reached"
