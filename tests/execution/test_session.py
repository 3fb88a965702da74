"""Code under test, asked in this process: every ending becomes an observation."""

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gradcheck.contract.protocol import Call, ContractError, Observation, Request
from gradcheck.execution.calling import InProcess
from gradcheck.networks import sampling
from gradcheck.networks.bugs.textbook import Textbook
from gradcheck.networks.problem import Network, Problem

pytestmark = pytest.mark.last_bits

PROBLEM = sampling.fill(
    np.random.default_rng(0), Network.parse("2-3-1 tanh,sigmoid squared_error"), 4
)
GRADIENT = Request(Call.LOSS_AND_GRADS, PROBLEM)


def ask(function: Callable[..., Any], request: Request = GRADIENT) -> Observation:
    """Ask code that consists of one function."""
    return InProcess(SimpleNamespace(**{request.call.value: function})).ask(request)


def raising(error: BaseException) -> Callable[..., Any]:
    def function(*arguments: Any) -> Any:
        raise error

    return function


def where(function: Callable[..., Any]) -> str:
    """Where ``raising`` raises, as it is told."""
    return f"line {function.__code__.co_firstlineno + 1} of test_session.py, `raise error`"


def counting() -> tuple[SimpleNamespace, list[int]]:
    """Return right code whose calls are counted, and the count."""
    calls = [0]

    def loss_and_grads(*arguments: Any) -> Any:
        calls[0] += 1
        return Textbook().loss_and_grads(*arguments)

    return SimpleNamespace(loss_and_grads=loss_and_grads, step=Textbook().step), calls


def test_a_gradient_is_observed_as_the_code_gives_it() -> None:
    loss, grads = Textbook().loss_and_grads(PROBLEM.network, PROBLEM.params.copies(), PROBLEM.batch)
    code = SimpleNamespace(loss_and_grads=lambda network, params, batch: (loss, grads))
    seen = InProcess(code).ask(GRADIENT)
    assert seen.failure is None, f"right code failed: {seen.failure}"
    assert seen.loss == loss, f"the loss {loss} was observed as {seen.loss}"
    for (dw, db), (w, b) in zip(seen.tensors.pairs, grads, strict=True):
        assert np.array_equal(dw, w), f"dW {w} was observed as {dw}"
        assert np.array_equal(db, b), f"db {b} was observed as {db}"


def test_outputs_are_observed_as_the_code_gives_them() -> None:
    expected = Textbook().forward(PROBLEM.network, PROBLEM.params.copies(), PROBLEM.batch.x)
    code = SimpleNamespace(forward=lambda network, params, x: expected)
    seen = InProcess(code).ask(Request(Call.FORWARD, PROBLEM))
    assert np.array_equal(seen.outputs, expected), f"{expected} was observed as {seen.outputs}"


def test_every_call_gets_fresh_writable_copies() -> None:
    given: list[np.ndarray] = []

    def loss_and_grads(network: Any, params: Any, batch: Any) -> Any:
        given.extend([*(array for pair in params for array in pair), batch.x, batch.y])
        return Textbook().loss_and_grads(network, params, batch)

    session = InProcess(SimpleNamespace(loss_and_grads=loss_and_grads))
    for _ in range(2):
        session.ask(Request(Call.LOSS_AND_GRADS, PROBLEM, fresh=True))
    own = [*(array for _, array in PROBLEM.params.tensors()), PROBLEM.batch.x, PROBLEM.batch.y]
    assert len(given) == 12, f"the code saw {len(given)} arrays in two calls"
    assert all(array.flags.writeable for array in given), "an argument is read-only"
    shared = any(np.shares_memory(a, b) for a in given[:6] for b in (*given[6:], *own))
    assert not shared, "an argument shares memory with the problem or with another call"


def test_the_network_that_code_is_given_says_what_it_is() -> None:
    seen: dict[str, Any] = {}

    def loss_and_grads(network: Any, params: Any, batch: Any) -> Any:
        for name in ("widths", "activations", "loss", "reduction", "l2"):
            seen[name] = getattr(network, name)
        seen["str"] = str(network)
        return Textbook().loss_and_grads(network, params, batch)

    ask(loss_and_grads)
    expected = {
        "widths": (2, 3, 1),
        "activations": ("tanh", "sigmoid"),
        "loss": "squared_error",
        "reduction": "mean",
        "l2": 0.0,
        "str": "2-3-1 tanh,sigmoid squared_error mean",
    }
    assert seen == expected, f"the code saw {seen}"


ARGUMENTS = ("W1", "b1", "W2", "b2", "x", "y")


def argument(name: str, params: Any, batch: Any) -> np.ndarray:
    if name in "xy":
        return getattr(batch, name)
    return params[int(name[1:]) - 1]["Wb".index(name[0])]


@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_argument_that_is_written_to_is_named(name: str) -> None:
    def loss_and_grads(network: Any, params: Any, batch: Any) -> Any:
        answer = Textbook().loss_and_grads(network, params, batch)
        argument(name, params, batch).flat[0] += 1.0
        return answer

    seen = ask(loss_and_grads)
    assert seen.changed == (name,), f"{name} was written to; observed {seen.changed}"


@pytest.mark.parametrize("name", ["W1", "b1", "W2", "b2"])
def test_an_argument_whose_memory_is_returned_is_named(name: str) -> None:
    def loss_and_grads(network: Any, params: Any, batch: Any) -> Any:
        loss, grads = Textbook().loss_and_grads(network, params, batch)
        pairs = [list(pair) for pair in grads]
        pairs[int(name[1:]) - 1]["Wb".index(name[0])] = argument(name, params, batch)
        return loss, pairs

    seen = ask(loss_and_grads)
    assert seen.aliased == (name,), f"{name} was returned; observed {seen.aliased}"


def test_a_view_of_an_argument_counts_as_its_memory() -> None:
    def forward(network: Any, params: Any, x: Any) -> Any:
        return x[:, :1]

    seen = ask(forward, Request(Call.FORWARD, PROBLEM))
    assert seen.aliased == ("x",), f"a view of x was returned; observed {seen.aliased}"


def test_right_code_changes_shares_and_overwrites_nothing() -> None:
    session = InProcess(Textbook())
    for _ in range(2):
        seen = session.ask(Request(Call.LOSS_AND_GRADS, PROBLEM, fresh=True))
        observed = (seen.changed, seen.aliased, seen.overwrote)
        assert observed == ((), (), False), f"right code was observed to do {observed}"


def test_arrays_of_the_last_answer_that_are_written_to_are_noticed() -> None:
    kept = [(np.zeros_like(w), np.zeros_like(b)) for w, b in PROBLEM.params]

    def loss_and_grads(network: Any, params: Any, batch: Any) -> Any:
        loss, grads = Textbook().loss_and_grads(network, params, batch)
        for pair, buffers in zip(grads, kept, strict=True):
            for value, buffer in zip(pair, buffers, strict=True):
                buffer[...] = value
        return loss, kept

    session = InProcess(SimpleNamespace(loss_and_grads=loss_and_grads))
    other = sampling.fill(np.random.default_rng(1), PROBLEM.network, 4)
    first, second = session.ask(GRADIENT), session.ask(Request(Call.LOSS_AND_GRADS, other))
    assert not first.overwrote, "the first call cannot have overwritten an answer"
    assert second.overwrote, "the second call wrote to the first call's arrays unnoticed"


def test_an_observation_keeps_its_numbers_when_the_code_reuses_its_arrays() -> None:
    kept = [(np.zeros_like(w), np.zeros_like(b)) for w, b in PROBLEM.params]
    seen = ask(lambda *arguments: (1.0, kept))
    kept[0][0][...] = 7.0
    assert (seen.tensors["W1"] == 0.0).all(), "an observation changed after the call"


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words for this")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("shapes differ"), "ValueError: shapes differ"),
        (ZeroDivisionError(), "ZeroDivisionError"),
        (ValueError("first\nsecond"), "ValueError: first"),
        (SystemExit(3), "SystemExit: 3"),
        (GeneratorExit(), "GeneratorExit"),
        (StopIteration(), "StopIteration"),
        (Unprintable(), "Unprintable"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_whatever_code_raises_is_a_failure_of_kind_exception(
    error: BaseException, message: str
) -> None:
    code = raising(error)
    failure = ask(code).failure
    assert failure is not None, f"{error!r} was not noticed"
    expected = "exception", f"{where(code)}: {message}"
    assert (failure.kind, failure.message) == expected, f"observed {failure}"


def test_a_keyboard_interrupt_stops_gradcheck() -> None:
    with pytest.raises(KeyboardInterrupt):
        ask(raising(KeyboardInterrupt()))


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (NotImplementedError("relu"), "unsupported", "relu"),
        (NotImplementedError(), "unsupported", ""),
        (MemoryError(), "memory", "the call ran out of memory on {}"),
        (ContractError("dW1 is odd"), "contract", "dW1 is odd"),
    ],
)
def test_some_exceptions_have_a_kind_of_their_own(
    error: Exception, kind: str, message: str
) -> None:
    code = raising(error)
    failure = ask(code).failure
    assert failure is not None, f"{error!r} was not noticed"
    expected = kind, message.format(where(code))
    assert (failure.kind, failure.message) == expected, f"observed {failure}"


@pytest.mark.parametrize(
    "answer",
    [None, 1.0, (1.0,), (1.0, [], 2.0), {"loss": 1.0}, (1.0, None), (None, []), (1.0, [1.0, 2.0])],
)
def test_an_answer_of_another_form_is_a_failure_of_kind_contract(answer: Any) -> None:
    failure = ask(lambda *arguments: answer).failure
    assert failure is not None, f"the answer {answer!r} was taken"
    assert failure.kind == "contract", f"the answer {answer!r} is {failure}"


def test_a_triple_is_told_from_a_pair_in_the_message() -> None:
    failure = ask(lambda *arguments: (1.0, [], None)).failure
    assert failure is not None, "a triple was taken for (loss, grads)"
    assert failure.message.endswith("got tuple of length 3"), f"the message is {failure.message!r}"


def test_a_function_that_is_missing_is_unsupported() -> None:
    failure = InProcess(SimpleNamespace()).ask(GRADIENT).failure
    assert failure is not None, "a missing function gave an answer"
    assert failure.kind == "unsupported", f"a missing function is {failure}"


@pytest.mark.parametrize("call", Call)
def test_a_session_says_which_functions_the_code_offers(call: Call) -> None:
    session = InProcess(SimpleNamespace(**{call.value: lambda: None, "other": 3}))
    offered = [other for other in Call if session.offers(other)]
    assert offered == [call], f"code with {call.value} alone offers {offered}"


def test_what_is_not_callable_is_not_offered() -> None:
    session = InProcess(SimpleNamespace(step="later"))
    assert not session.offers(Call.STEP), "a text passes for a function"


def test_prints_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    def loss_and_grads(*arguments: Any) -> Any:
        print("epoch 1")  # noqa: T201
        sys.stdout.write("epoch 2\n")
        return Textbook().loss_and_grads(*arguments)

    ask(loss_and_grads)
    captured = capsys.readouterr()
    assert captured.out == "", f"standard output got {captured.out!r}"
    assert captured.err == "epoch 1\nepoch 2\n", f"standard error got {captured.err!r}"


def test_warnings_of_the_code_are_silenced(recwarn: pytest.WarningsRecorder) -> None:
    def loss_and_grads(*arguments: Any) -> Any:
        np.log(np.zeros(1)) / np.zeros(1)
        return Textbook().loss_and_grads(*arguments)

    failure = ask(loss_and_grads).failure
    assert failure is None, f"a division by zero became {failure}"
    assert not recwarn.list, f"warnings came through: {[str(w.message) for w in recwarn]}"


def test_a_question_asked_twice_is_answered_from_memory() -> None:
    code, calls = counting()
    session = InProcess(code)
    first, second = session.ask(GRADIENT), session.ask(GRADIENT)
    assert first is second, "the same question got two answers"
    assert (calls[0], session.calls) == (1, 1), f"called {calls[0]}, counted {session.calls}"


def test_a_fresh_question_is_asked_again_each_time() -> None:
    code, calls = counting()
    session = InProcess(code)
    session.ask(GRADIENT)
    for _ in range(2):
        session.ask(Request(Call.LOSS_AND_GRADS, PROBLEM, fresh=True))
    assert (calls[0], session.calls) == (3, 3), f"called {calls[0]}, counted {session.calls}"


def test_another_problem_is_another_question() -> None:
    code, calls = counting()
    session = InProcess(code)
    session.ask(GRADIENT)
    problem: Problem = sampling.fill(np.random.default_rng(1), PROBLEM.network, 4)
    session.ask(Request(Call.LOSS_AND_GRADS, problem))
    assert calls[0] == 2, f"two problems led to {calls[0]} calls"


@pytest.mark.parametrize("rounds", [1, 2, 5])
def test_each_round_of_a_step_starts_where_the_last_one_ended(rounds: int) -> None:
    request = Request(Call.STEP, PROBLEM, learning_rate=0.1, rounds=rounds)
    seen = InProcess(Textbook()).ask(request)
    pairs = PROBLEM.params.copies()
    for _ in range(rounds):
        pairs = Textbook().step(PROBLEM.network, pairs, PROBLEM.batch, 0.1)
    for (w, b), (expected_w, expected_b) in zip(seen.tensors.pairs, pairs, strict=True):
        # two computations: not to the last bits
        assert np.allclose(w, expected_w, rtol=1e-12), f"after {rounds} rounds {w}: {expected_w}"
        assert np.allclose(b, expected_b, rtol=1e-12), f"after {rounds} rounds {b}: {expected_b}"


def test_steps_that_diverge_are_numbers_and_no_failure() -> None:
    def step(network: Any, params: Any, batch: Any, rate: float) -> Any:
        return [(w * np.inf, b * np.nan) for w, b in params]

    seen = ask(step, Request(Call.STEP, PROBLEM, learning_rate=0.1, rounds=3))
    assert seen.failure is None, f"steps that diverge became {seen.failure}"
    assert np.isnan(seen.tensors["b1"]).all(), f"b1 was observed as {seen.tensors['b1']}"


def test_a_step_that_trains_in_place_may_return_its_arguments() -> None:
    def step(network: Any, params: Any, batch: Any, rate: float) -> Any:
        for pair, stepped in zip(
            params, Textbook().step(network, params, batch, rate), strict=True
        ):
            for array, value in zip(pair, stepped, strict=True):
                array[...] = value
        return params

    request = Request(Call.STEP, PROBLEM, learning_rate=0.1, rounds=3)
    in_place, plain = ask(step, request), InProcess(Textbook()).ask(request)
    assert in_place.failure is None, f"training in place failed: {in_place.failure}"
    one, two = in_place.tensors["W1"], plain.tensors["W1"]
    assert np.allclose(one, two, rtol=1e-12), "other weights in place"
    assert set(in_place.aliased) <= set(ARGUMENTS), f"aliased {in_place.aliased}"
