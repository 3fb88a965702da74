"""Every worked example agrees for the three implementations, and only for right ones."""

from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gradcheck.execution.calling import InProcess
from gradcheck.execution.session import drive
from gradcheck.networks.worked_examples import EXAMPLES, NotRun, Reproduction
from gradcheck.networks.worked_examples.classification import (
    VERIFIED_SAMPLES,
    digits,
    moons,
    share_right,
)
from gradcheck.networks.worked_examples.small_systems import START, fit
from gradcheck.networks.worked_examples.worked_example import above, below, chunks, printed
from gradcheck.reading.loading import load
from gradcheck.reading.target import shipped
from tests.tiers import THOROUGH, sampled

BY_NAME = {example.name: example for example in EXAMPLES}

#: The outputs of the first forward of two-two-two under the bug "hidden output used twice" on
#: output 2: h2 stands in the place of h1 in its sum.
OUTPUTS_WITH_HIDDEN_USED_TWICE = (0.751365070, 0.773245489)

#: Its total error after 1 round, and its outputs after 10 000, under "updated before used".
ERROR_WITH_UPDATED_BEFORE_USED = 0.291027924
OUTPUTS_WITH_UPDATED_BEFORE_USED = (0.015912196, 0.984065734)

LARGE = ("sine-1-4-1", "two-moons", "digits")
#: More than five seconds each.
SLOW = {
    ("matrix", "sine-1-4-1"),
    ("matrix", "two-moons"),
    ("matrix", "two-two-two"),
    ("jax_autodiff", "linear-1-1"),
    ("jax_autodiff", "four-three-one"),
}

#: As long, and their numbers are reproduced by another implementation: `gradcheck report` has them.
LEFT_OUT = {
    ("scalar_loops", "sine-and-constant"),
    ("scalar_loops", "two-two-two"),
    ("jax_autodiff", "two-two-two"),
}


def _runs() -> list[Any]:
    runs = []
    for implementation in ("matrix", "scalar_loops", "jax_autodiff"):
        for name in BY_NAME:
            if (implementation, name) in LEFT_OUT and not THOROUGH:
                continue
            extent = "short" if name in LARGE and implementation != "matrix" else "full"
            marks = [pytest.mark.slow] if (implementation, name) in SLOW else []
            key = f"{implementation}-{name}-{extent}"
            runs.append(pytest.param(implementation, name, extent, id=key, marks=marks))
    return runs


def implementation_named(name: str) -> ModuleType:
    if name == "jax_autodiff":
        pytest.importorskip("jax")
    return load(shipped(name))


def outcome(code: Any, name: str, extent: str = "full") -> Reproduction:
    return drive(BY_NAME[name].run(extent), InProcess(code))


@pytest.mark.parametrize(("implementation", "name", "extent"), _runs())
def test_every_published_number_is_reproduced(implementation: str, name: str, extent: str) -> None:
    found = outcome(implementation_named(implementation), name, extent)
    assert found.results, f"{name} compared nothing"
    missed = [result for result in found.results if not result.agrees]
    assert not missed, f"{implementation} misses in {name}: {missed}"
    assert found.points, f"{name} names no point to verify the gradient at"
    largest = max(point.batch.size for point in found.points)
    assert largest <= 200, f"{name} wants {largest} samples verified"


@pytest.mark.parametrize("name", ["two-moons", "digits"])
def test_the_short_extent_verifies_64_samples_before_and_after_20_steps(name: str) -> None:
    found = outcome(implementation_named("matrix"), name, "short")
    sizes = [point.batch.size for point in found.points]
    assert sizes == [VERIFIED_SAMPLES] * 2, f"{name} verifies on {sizes} samples"
    assert found.points[0].params != found.points[1].params, f"{name} did not train"
    assert len(found.results[0].curve) == 21, "a loss at the start and after each of 20 steps"


@pytest.mark.parametrize("name", sampled(sorted(BY_NAME), 4))
def test_the_same_run_gives_the_same_numbers(name: str) -> None:
    code = implementation_named("matrix")
    first, second = outcome(code, name, "short"), outcome(code, name, "short")
    assert first == second, f"two runs of {name} differ"


def test_names_are_unique_and_every_example_has_a_source() -> None:
    assert len(BY_NAME) == len(EXAMPLES) == 9, f"names: {[e.name for e in EXAMPLES]}"
    assert all(e.title and e.source for e in EXAMPLES), "an example lacks its title or source"


def _with_gradient_scaled(code: Any, scale_w: float, scale_b: float) -> Any:
    def loss_and_grads(network: Any, params: Any, batch: Any) -> Any:
        loss, grads = code.loss_and_grads(network, params, batch)
        return loss, [(scale_w * dw, scale_b * db) for dw, db in grads]

    def step(network: Any, params: Any, batch: Any, rate: float) -> Any:
        _, grads = loss_and_grads(network, params, batch)
        pairs = zip(params, grads, strict=True)
        return [(w - rate * dw, b - rate * db) for (w, b), (dw, db) in pairs]

    return SimpleNamespace(loss_and_grads=loss_and_grads, forward=code.forward, step=step)


@pytest.mark.slow
def test_a_gradient_twice_too_large_does_not_agree() -> None:
    code = _with_gradient_scaled(implementation_named("matrix"), 2.0, 2.0)
    missed = {r.quantity for r in outcome(code, "two-two-two").results if not r.agrees}
    assert {"dE/dw5", "dE/dw1", "new w5", "new w1"} <= missed, f"only {missed} disagree"


@pytest.mark.parametrize(
    "name", ["four-three-one", "sine-1-4-1", "xor", "linear-1-1", "two-moons", "digits"]
)
def test_a_gradient_of_the_wrong_sign_never_agrees(name: str) -> None:
    code = _with_gradient_scaled(implementation_named("matrix"), -1.0, -1.0)
    session = InProcess(code)
    fault = ""
    agreed = False
    try:
        agreed = all(result.agrees for result in drive(BY_NAME[name].run("short"), session).results)
    except NotRun as ending:
        fault = "" if ending.unsupported else str(ending)
    assert fault or not agreed, f"{name} agrees uphill"


def _sigmoid(z: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-z))


def test_the_page_closes_with_the_numbers_of_weights_updated_before_used() -> None:
    (w1, b1), (w2, b2) = START.params.copies()
    x, y = START.batch.x, START.batch.y
    hidden, out, errors = _sigmoid(x @ w1 + b1), np.zeros(0), []
    for _ in range(10_000):
        out = _sigmoid(hidden @ w2 + b2)
        delta = (out - y) * out * (1 - out)
        w2 = w2 - 0.5 * hidden.T @ delta
        w1 = w1 - 0.5 * x.T @ ((delta @ w2.T) * hidden * (1 - hidden))  # w2 is the new one
        hidden = _sigmoid(x @ w1 + b1)
        out = _sigmoid(hidden @ w2 + b2)
        errors.append(0.5 * float(((out - y) ** 2).sum()))
    assert round(errors[0], 9) == ERROR_WITH_UPDATED_BEFORE_USED, f"error {errors[0]}"
    outputs = tuple(round(float(value), 9) for value in out[0])
    assert outputs == OUTPUTS_WITH_UPDATED_BEFORE_USED, f"outputs {out}"


def test_a_hidden_output_used_twice_gives_the_published_first_outputs() -> None:
    (w1, b1), (w2, b2) = START.params.copies()
    hidden = _sigmoid(START.batch.x @ w1 + b1)[0]
    first = _sigmoid(hidden @ w2[:, 0] + b2[0])
    second = _sigmoid(hidden[1] * (w2[0, 1] + w2[1, 1]) + b2[1])
    outputs = (round(float(first), 9), round(float(second), 9))
    assert outputs == OUTPUTS_WITH_HIDDEN_USED_TWICE, f"outputs {outputs}"


def test_code_without_a_step_is_not_run_and_that_is_no_fault() -> None:
    matrix = implementation_named("matrix")
    code = SimpleNamespace(loss_and_grads=matrix.loss_and_grads, forward=matrix.forward)
    with pytest.raises(NotRun, match="no function step") as ending:
        outcome(code, "four-three-one")
    assert ending.value.unsupported, "what is not offered must read as unsupported"


def test_code_that_raises_is_not_run_and_that_is_a_fault() -> None:
    matrix = implementation_named("matrix")

    def step(*arguments: Any) -> Any:
        raise ZeroDivisionError("by hand")

    code = SimpleNamespace(loss_and_grads=matrix.loss_and_grads, step=step)
    with pytest.raises(NotRun, match="ZeroDivisionError: by hand") as ending:
        outcome(code, "four-three-one")
    assert not ending.value.unsupported, "an exception must not read as unsupported"


@pytest.mark.parametrize("name", ["two-two-two", "four-three-one", "xor", "linear-1-1"])
def test_steps_to_parameters_that_are_not_finite_never_agree(name: str) -> None:
    matrix = implementation_named("matrix")

    def step(network: Any, params: Any, batch: Any, rate: float) -> Any:
        return [(w * np.nan, b) for w, b in params]

    code = SimpleNamespace(loss_and_grads=matrix.loss_and_grads, forward=matrix.forward, step=step)
    with pytest.raises(NotRun, match="finite"):
        outcome(code, name)


@pytest.mark.parametrize(
    ("text", "value", "agrees"),
    [
        (".000438568", 0.0004385677, True),
        (".000438568", 0.0004385687, False),
        (".511301270", 0.5113012704, True),
        (".511301270", 0.5113012706, False),
        ("3.51085e-05", 3.510854e-05, True),
        ("3.51085e-05", 3.510856e-05, False),
        ("3.00", 3.0049, True),
        ("3.00", 3.0051, False),
        (".5", float("nan"), False),
        (".5", float("inf"), False),
    ],
)
def test_a_printed_number_agrees_to_half_a_unit_of_its_last_digit(
    text: str, value: float, agrees: bool
) -> None:
    result = printed("a number", text, value)
    assert result.agrees is agrees, f"{value} against {text}: {result}"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_no_bound_holds_for_a_number_that_is_not_finite(value: float) -> None:
    assert not below("x", 1.0, value).agrees, f"{value} is not below 1"
    assert not above("x", 1.0, value).agrees, f"{value} is not above 1"


def test_an_output_that_is_not_finite_is_no_right_answer() -> None:
    answers = np.array([[0.9, 0.1], [np.nan, 0.1], [0.2, 0.8], [0.8, 0.2]])
    targets = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    assert share_right(answers, targets) == 0.5, "two of four are right"


@pytest.mark.parametrize(("rounds", "parts"), [(5000, 50), (7, 50), (101, 4), (1, 1)])
def test_chunks_are_nearly_equal_and_add_up(rounds: int, parts: int) -> None:
    sizes = chunks(rounds, parts)
    assert sum(sizes) == rounds, f"{sizes} do not add up to {rounds}"
    assert len(sizes) == min(rounds, parts), f"{len(sizes)} chunks"
    assert max(sizes) - min(sizes) <= 1, f"{sizes} are not nearly equal"


def test_the_digits_are_the_1797_of_the_test_set() -> None:
    batch = digits()
    counts = batch.y.sum(axis=0).astype(int).tolist()
    assert counts == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180], f"counts {counts}"
    assert batch.x.shape == (1797, 64), f"pixels of shape {batch.x.shape}"
    assert (batch.x.min(), batch.x.max()) == (0.0, 1.0), "pixels are not scaled to [0, 1]"


def test_the_moons_are_2000_points_of_two_equal_classes() -> None:
    batch = moons()
    assert batch.size == 2000, f"{batch.size} points"
    assert batch.y.sum(axis=0).tolist() == [1000, 1000], "the classes differ in size"


def test_the_least_squares_line_is_the_published_one() -> None:
    ((w, b),) = fit()
    assert round(float(w[0, 0]), 3) == 0.500, f"slope {w}"
    assert round(float(b[0]), 2) == 3.00, f"intercept {b}"
