"""Code in another process comes to an end whatever it does, and the end has a kind."""

import contextlib
import itertools
import os
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from gradcheck.contract.protocol import Call, Request
from gradcheck.errors import SandboxError, UsageError
from gradcheck.execution import session as sessions
from gradcheck.execution.limits import Limits, WorkerLostError, hidden
from gradcheck.execution.sandbox import Worker
from gradcheck.networks import sampling
from gradcheck.networks.problem import Network
from tests.execution.remote.asking import COUNTING, GRADIENT, PATIENT, PROBLEM, SHORT, lost

ENDINGS = {
    "timeout": "while True: pass",
    "crash": "import os; os._exit(3)",
    "flood": "while True: print('x' * 10000)",
    "memory": "return bytearray(2**40)",
}


@pytest.mark.parametrize(("kind", "body"), ENDINGS.items(), ids=ENDINGS)
def test_every_end_has_its_kind_and_is_paid_for_once(session, level, kind, body):
    if kind == "memory" and sys.platform in ("darwin", "win32"):
        pytest.skip("address space has no limit here")
    limits = SHORT if kind == "timeout" else PATIENT
    begun = session(f"def loss_and_grads(network, params, batch):\n    {body}\n", limits)
    end = lost(begun)
    assert end.kind == kind, f"the end is {end.kind}: {end.message}"
    calls, waited = begun.calls, begun.waited
    assert lost(begun) is end, "a lost worker gave another end"
    assert (begun.calls, begun.waited) == (calls, waited), "a lost worker was asked again"


@pytest.mark.parametrize(("kind", "body"), ENDINGS.items(), ids=ENDINGS)
def test_an_end_that_was_begun_is_told_when_it_is_asked_for(session, at_level_1, kind, body):
    limits = SHORT if kind == "timeout" else PATIENT
    code = session(f"def loss_and_grads(network, params, batch):\n    {body}\n", limits)
    code.begin(GRADIENT)
    end = lost(code)
    assert end.kind == kind, f"the end is {end.kind}: {end.message}"
    other = Request(Call.LOSS_AND_GRADS, sampling.problem(3, 0))
    code.begin(other)
    assert lost(code, other).kind == end.kind, "it came back to life"


def test_beginning_does_not_wait_for_the_answer(session, at_level_1, tmp_path):
    """The code answers once a file is there, which is written after the question was begun."""
    code = f"""
        import os, time

        def loss_and_grads(network, params, batch):
            while not os.path.exists({str(tmp_path / "begun")!r}):
                time.sleep(0.01)
            return 1.0, params
    """
    begun = session(code)
    begun.begin(GRADIENT)
    (tmp_path / "begun").touch()
    assert begun.ask(GRADIENT).loss == 1.0


def test_a_spare_worker_that_cannot_start_spoils_no_answer(session, at_level_1, monkeypatch):
    code = session(COUNTING)

    def nothing_left(self):
        raise SandboxError("no process can be started")

    monkeypatch.setattr(Worker, "_start", nothing_left)
    code.begin(GRADIENT)
    assert code.ask(GRADIENT).loss == 1.0, "the worker that runs was lost too"
    end = lost(code, Request(Call.LOSS_AND_GRADS, PROBLEM, anew=True))
    assert end.kind == "sandbox", f"a worker that cannot be had is {end.kind}"


def test_all_calls_together_have_a_budget(session, at_level_1):
    code = """
        calls = 0

        def loss_and_grads(network, params, batch):
            global calls
            calls += 1
            while calls > 2:
                pass
            return 0.0, params
    """
    begun = session(code)
    fresh = Request(Call.LOSS_AND_GRADS, PROBLEM, fresh=True)
    for _ in range(2):
        before = begun.waited
        begun.ask(fresh)
        assert begun.waited > before, "a call cost nothing of the budget"
    begun._left = 0.5  # of what all calls may take; this one alone might take more
    end = lost(begun, fresh)
    assert end.kind == "timeout", f"the end is {end.kind}"
    assert "all calls together" in end.message, end.message


def test_a_question_that_took_long_to_send_ends_by_the_budget_of_all_calls(
    session, at_level_1, monkeypatch
):
    code = """
        def loss_and_grads(network, params, batch):
            while True:
                pass
    """
    begun = session(code)
    begun._left = 0.5
    ticks = itertools.count(0.0, 0.2)  # a fifth of a second passes between any two looks
    clock = SimpleNamespace(perf_counter=lambda: next(ticks), monotonic=time.monotonic)
    monkeypatch.setattr(sessions, "time", clock)
    end = lost(begun, Request(Call.LOSS_AND_GRADS, PROBLEM, fresh=True))
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
            time.sleep(60)
    """
    limits = Limits(call_timeout=50.0, timeout=100.0, memory=200 * 2**20)
    end = lost(session(code, limits))
    assert end.kind == "memory", f"the end is {end.kind}: {end.message}"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked there")
def test_a_child_that_the_code_forks_gives_no_answer(session, level):
    code = """
        import os

        def loss_and_grads(network, params, batch):
            child = os.fork()
            if not child:
                raise ValueError("this is the child")
            os.waitpid(child, 0)
            return 0.0, params
    """
    begun = session(code)
    for _ in range(3):
        seen = begun.ask(Request(Call.LOSS_AND_GRADS, PROBLEM, fresh=True))
        assert seen.failure is None, f"the child answered: {seen.failure}"


def test_a_file_that_cannot_be_imported_is_lost_with_its_reason(session, level):
    with pytest.raises(WorkerLostError) as end:
        session("import nosuchpackage")
    assert end.value.kind == "import", end.value.kind
    assert "nosuchpackage" in end.value.message, end.value.message
    assert end.value.level == level, f"told as level {end.value.level}"


def test_a_worker_that_takes_no_input_is_a_timeout(session, at_level_1):
    """It answers before it has read: the pipe to it fills up."""
    code = """
        import os, time
        def loss_and_grads(network, params, batch):
            time.sleep(60)
    """
    begun = session(code, SHORT)
    big = sampling.fill(np.random.default_rng(0), Network.parse("200-200 tanh squared_error"), 200)
    assert lost(begun, Request(Call.LOSS_AND_GRADS, big)).kind == "timeout"


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), 1e9])
def test_a_budget_has_to_be_seconds(value):
    with pytest.raises(UsageError, match="--call-timeout must be seconds"):
        Limits(call_timeout=value)


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
    with contextlib.suppress(WorkerLostError):  # the spare worker may have read the file in time
        hostile.ask(anew)
    end = lost(hostile, anew)
    assert end.kind in ("sandbox", "crash"), f"a worker that cannot start is {end.kind}"
    honest = "def loss_and_grads(network, params, batch):\n    return 2.0, params"
    assert session(honest, name="other.py").ask(GRADIENT).loss == 2.0, "another worker was reached"


@pytest.mark.skipif(sys.platform != "linux", reason="watched on Linux")
def test_a_limit_of_ours_that_somebody_lowers_is_put_back_and_ends_the_submission(session):
    """Where no filter keeps the code from it; here the test itself lowers it."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    running = session("def loss_and_grads(network, params, batch): return 1.0, params\n")
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before[0] - 1, before[1]))
        patience = time.monotonic() + 10
        while resource.getrlimit(resource.RLIMIT_NOFILE) != before and time.monotonic() < patience:
            time.sleep(0.01)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == before, "it was not put back"
        end = lost(running)
        assert end.kind == "sandbox", f"it ended as {end.kind}: {end.message}"
        assert "RLIMIT_NOFILE" in end.message, end.message
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no files in memory here")
def test_a_file_in_memory_is_counted_though_nobody_maps_it():
    before = hidden([os.getpid()])
    held = os.memfd_create("held")
    try:
        os.write(held, bytes(5 * 2**20))
        again = os.dup(held)
        seen = hidden([os.getpid()]) - before
        os.close(again)
    finally:
        os.close(held)
    assert seen == 5 * 2**20, f"5 MB were seen as {seen} bytes"
