"""Code in another process gives the answers that it gives in this one."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from gradcheck.contract.protocol import Call, Request
from gradcheck.execution import process
from gradcheck.execution.calling import InProcess
from gradcheck.execution.limits import Limits, WorkerLostError
from gradcheck.execution.sandbox import Launch
from gradcheck.execution.session import Remote
from gradcheck.networks import sampling
from gradcheck.reading.loading import load
from gradcheck.reading.target import parse_target, shipped
from tests.execution.remote.asking import COUNTING, GRADIENT, PATIENT, PROBLEM, SHORT, lost

pytestmark = pytest.mark.last_bits


def numbers(here, there):
    """Yield everything that two answers say in numbers."""
    yield "loss", here.loss, there.loss
    yield "outputs", here.outputs, there.outputs
    assert here.tensors.keys() == there.tensors.keys()
    for name, array in here.tensors.items():
        yield name, array, there.tensors[name]


def alike(one, two):
    """Whether two computations of the same thing agree.

    Not to the last bits: numpy's functions have other ones where an array lies otherwise in
    memory, and it does so in another process.
    """
    size = np.abs(np.nan_to_num(one)).max(initial=0.0)
    return np.allclose(one, two, rtol=0.0, atol=1e-12 * size, equal_nan=True)


def test_answers_are_those_of_the_same_code_in_this_process(level):
    local = InProcess(load(shipped("matrix")))
    remote = Remote(Launch(parse_target(str(shipped("matrix"))), Limits()))
    assert remote.level == level, f"ran at level {remote.level}"
    for index in range(12):
        problem = sampling.problem(3, index)
        for call in Call:
            request = Request(call, problem, learning_rate=0.1, rounds=2)
            here, there = local.ask(request), remote.ask(request)
            for name in ("notes", "changed", "aliased", "overwrote", "failure"):
                one, two = getattr(here, name), getattr(there, name)
                assert one == two, f"{name}: {one}, {two}"
            for name, one, two in numbers(here, there):
                assert alike(one, two), f"{name}: {one}, {two}"
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


def test_an_answer_that_was_there_in_time_is_taken_late(session):
    code = session("def loss_and_grads(network, params, batch):\n    return 1.0, params")
    code.begin(GRADIENT)
    # as if the oracle had taken longer meanwhile than a call may
    code._begun = replace(code._begun, since=code._begun.since - PATIENT.timeout)
    assert code.ask(GRADIENT).loss == 1.0, "an answer that was there counts as late"


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
    with pytest.raises(WorkerLostError, match="no attribute missing"):
        session("x = 1", attribute=":missing")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has the threads already")
def test_a_channel_of_threads_does_the_same(session, monkeypatch):
    monkeypatch.setattr(process, "BEST", process.Threaded)
    begun = session(shipped("matrix").read_text(encoding="utf-8"))
    here = InProcess(load(shipped("matrix"))).ask(GRADIENT)
    assert alike(here.loss, begun.ask(GRADIENT).loss), "answers differ"
    endless = "def loss_and_grads(n, p, b):\n    while True: pass"
    end = lost(session(endless, SHORT, name="other.py"))
    assert end.kind == "timeout", f"the end is {end.kind}"
