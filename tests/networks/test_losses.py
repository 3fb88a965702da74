"""The table of losses against mpmath, and the reduction over a batch."""

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.networks.definitions import (
    ACTIVATIONS,
    LOSSES,
    activate,
    batch_loss,
    evaluate,
    loss_of,
    penalty,
    reduce,
    separable,
)
from gradcheck.networks.problem import Network, Problem
from tests import strategies

pytestmark = pytest.mark.last_bits

STEP = 1e-50
DIGITS = 60

#: The textbook's definitions, of outputs in any number of digits.
DEFINITIONS: dict[str, Callable[[list[Any], list[Any]], Any]] = {
    "half_squared_error": lambda a, y: sum((p - q) ** 2 for p, q in zip(a, y, strict=True)) / 2,
    "squared_error": lambda a, y: sum((p - q) ** 2 for p, q in zip(a, y, strict=True)),
    "mean_squared_error": lambda a, y: (
        sum((p - q) ** 2 for p, q in zip(a, y, strict=True)) / len(a)
    ),
    "cross_entropy": lambda a, y: -sum(q * mpmath.log(p) for p, q in zip(a, y, strict=True)),
    "binary_cross_entropy": lambda a, y: (
        -sum(q * mpmath.log(p) + (1 - q) * mpmath.log(1 - p) for p, q in zip(a, y, strict=True))
    ),
}

LOGARITHMIC = ("cross_entropy", "binary_cross_entropy")
OUTPUT = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}

EACH = pytest.mark.parametrize("name", LOSSES)


@st.composite
def rows(draw: st.DrawFn, name: str) -> tuple[list[float], list[float]]:
    """Draw a pre-activation and a target that the loss may have."""
    n = draw(st.integers(1, 4))
    z = draw(st.lists(st.floats(-8.0, 8.0), min_size=n, max_size=n))
    if LOSSES[name].targets == "one_hot":
        return z, np.eye(n)[draw(st.integers(0, n - 1))].tolist()
    entry = st.sampled_from((0.0, 1.0)) if LOSSES[name].targets == "binary" else st.floats(-8, 8)
    return z, draw(st.lists(entry, min_size=n, max_size=n))


def outputs(name: str, z: list[Any]) -> list[Any]:
    """Return the output activation of a row by mpmath: identity where any will do."""
    if name == "cross_entropy":
        powers = [mpmath.exp(v) for v in z]
        return [power / mpmath.fsum(powers) for power in powers]
    if name == "binary_cross_entropy":
        return [1 / (1 + mpmath.exp(-v)) for v in z]
    return z


def true_loss(name: str, z: list[float], y: list[float]) -> Any:
    return DEFINITIONS[name](outputs(name, [mpmath.mpf(v) for v in z]), [mpmath.mpf(v) for v in y])


def loss(name: str, z: np.ndarray, y: list[float], epsilon: float | None = None) -> Any:
    row, target = z[None], np.array([y])
    a = ACTIVATIONS[OUTPUT.get(name, "identity")].forward(row)
    if epsilon is None:
        return LOSSES[name].per_sample(row, a, target)[0]
    through_logarithm = LOSSES[name].through_logarithm
    assert through_logarithm is not None, f"{name} has no form with a logarithm"
    return through_logarithm(row, a, target, epsilon)[0].sum()


def test_the_table_holds_the_five_defined_losses() -> None:
    assert set(LOSSES) == set(DEFINITIONS), f"the table holds {sorted(LOSSES)}"


@EACH
@given(data=st.data())
def test_a_loss_agrees_with_the_textbook_in_60_digits(name: str, data: st.DataObject) -> None:
    z, y = data.draw(rows(name))
    value = float(loss(name, np.array(z), y))
    with mpmath.workdps(DIGITS):
        truth = float(true_loss(name, z, y))
    # a loss near 0 is a difference of numbers near 1, and has an absolute error only
    assert math.isclose(value, truth, rel_tol=1e-13, abs_tol=1e-15), (
        f"{name} of z = {z}, y = {y} is {value!r}, not {truth!r}"
    )


@EACH
@given(data=st.data())
def test_the_complex_step_of_a_loss_is_its_derivative(name: str, data: st.DataObject) -> None:
    z, y = data.draw(rows(name))
    j = data.draw(st.integers(0, len(z) - 1))
    stepped = np.array(z, dtype=complex)
    stepped[j] += STEP * 1j
    slope = float(loss(name, stepped, y).imag) / STEP
    with mpmath.workdps(DIGITS):
        truth = float(
            mpmath.diff(lambda v: true_loss(name, [*z[:j], v, *z[j + 1 :]], y), mpmath.mpf(z[j]))
        )
    assert math.isclose(slope, truth, rel_tol=1e-13, abs_tol=1e-14), (
        f"d {name} / d z[{j}] at z = {z}, y = {y} is {slope!r} by complex step, not {truth!r}"
    )


@pytest.mark.parametrize("far", [1e4, -1e4])
@pytest.mark.parametrize("imaginary", [None, STEP], ids=["real", "stepped"])
@pytest.mark.parametrize("hot", [0, 1])
@EACH
def test_a_loss_is_finite_and_silent_far_out(
    name: str, hot: int, imaginary: float | None, far: float
) -> None:
    z = np.array([far, -far]) if imaginary is None else np.array([complex(far, imaginary), -far])
    value = loss(name, z, np.eye(2)[hot].tolist())  # a warning is an error
    assert np.isfinite(value), f"{name} of z = {z} is {value}"


@pytest.mark.parametrize(
    ("name", "z", "y"),
    [
        ("cross_entropy", [1e4, 0.0], [0.0, 1.0]),
        ("binary_cross_entropy", [1e4], [0.0]),
        ("binary_cross_entropy", [-1e4], [1.0]),
    ],
)
def test_a_logarithmic_loss_far_on_the_wrong_side_is_the_distance(
    name: str, z: list[float], y: list[float]
) -> None:
    value = float(loss(name, np.array(z), y))
    assert value == 1e4, f"{name} of z = {z}, y = {y} is {value}, expected 1e4"


@pytest.mark.parametrize("epsilon", [1e-15, 1e-12, 1e-8, 1e-7])
@pytest.mark.parametrize("name", LOGARITHMIC)
@given(data=st.data())
def test_a_logarithm_with_epsilon_agrees_with_its_definition(
    name: str, epsilon: float, data: st.DataObject
) -> None:
    z, y = data.draw(rows(name))
    value = float(loss(name, np.array(z), y, epsilon))
    with mpmath.workdps(DIGITS):
        a, e = outputs(name, [mpmath.mpf(v) for v in z]), mpmath.mpf(epsilon)
        truth = -sum(q * mpmath.log(p + e) for p, q in zip(a, y, strict=True))
        if name == "binary_cross_entropy":
            truth -= sum((1 - q) * mpmath.log(1 - p + e) for p, q in zip(a, y, strict=True))
    assert math.isclose(value, float(truth), rel_tol=1e-13, abs_tol=1e-15), (
        f"{name} with epsilon {epsilon} of z = {z}, y = {y} is {value!r}, not {float(truth)!r}"
    )


@EACH
def test_only_logarithmic_losses_have_a_form_with_a_logarithm(name: str) -> None:
    has = LOSSES[name].through_logarithm is not None
    assert has == (name in LOGARITHMIC), f"{name}: a form with a logarithm is {has}"


@given(strategies.problems())
def test_epsilon_changes_no_loss_without_a_logarithm(problem: Problem) -> None:
    changed = not np.isclose(loss_of(problem, 1e-3), loss_of(problem), rtol=1e-12, atol=1e-13)
    logarithmic = problem.network.loss in LOGARITHMIC
    assert changed <= logarithmic, f"epsilon changed the {problem.network.loss}"


@pytest.mark.parametrize("epsilon", [0.0, 1e-8])
@given(problem=strategies.problems(), data=st.data())
def test_where_outputs_are_separable_each_has_a_term_and_no_other_is_felt_in_it(
    epsilon: float, problem: Problem, data: st.DataObject
) -> None:
    network, y = problem.network, problem.batch.y
    if not separable(network):
        coupled = "softmax" in network.activations
        assert coupled, f"{network}: nothing couples the outputs"
        return
    last = activate(network)
    z = evaluate(network, problem.params.pairs, problem.batch.x).z[-1]
    terms = LOSSES[network.loss].each(z, last(network.depth, z), y, epsilon)
    whole = LOSSES[network.loss].per_sample(z, last(network.depth, z), y, epsilon)
    assert np.allclose(terms.sum(axis=-1), whole, rtol=1e-14), (
        f"{network}: terms {terms.tolist()} do not sum to {whole.tolist()}"
    )
    j = data.draw(st.integers(0, z.shape[1] - 1))
    moved = z.copy()
    moved[:, j] += 0.5
    after = LOSSES[network.loss].each(moved, last(network.depth, moved), y, epsilon)
    changed = ~np.isclose(after, terms, rtol=1e-12, atol=1e-13)
    changed[:, j] = False
    assert not changed.any(), f"{network}: output {j} is felt in terms {changed.tolist()}"


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), st.sampled_from(("mean", "sum")))
def test_the_reduction_is_the_mean_or_the_sum_of_the_samples(
    losses: list[float], reduction: str
) -> None:
    network = Network((1, 1), ("identity",), "squared_error", reduction)
    value = float(reduce(network, np.array(losses)))
    truth = math.fsum(losses) / (len(losses) if reduction == "mean" else 1)
    size = math.fsum(map(abs, losses))
    assert math.isclose(value, truth, rel_tol=0, abs_tol=1e-14 * size), (
        f"the {reduction} of {losses} is {value!r}, not {truth!r}"
    )


@given(strategies.problems())
def test_the_penalty_is_half_l2_times_the_squares_of_the_weights_alone(problem: Problem) -> None:
    network = problem.network
    value = float(penalty(network, problem.params.pairs))
    squares = math.fsum(float(v) ** 2 for w, _ in problem.params for v in w.flat)
    assert math.isclose(value, 0.5 * network.l2 * squares, rel_tol=1e-13), (
        f"the penalty of {network} is {value!r}, not {0.5 * network.l2 * squares!r}"
    )


@given(strategies.problems())
def test_the_loss_of_a_batch_is_its_reduced_losses_plus_the_penalty(problem: Problem) -> None:
    network, batch = problem.network, problem.batch
    parts = []
    for n in range(batch.size):
        one = batch.select([n])
        a, z = one.x, one.x
        for name, (w, b) in zip(network.activations, problem.params, strict=True):
            z = a @ w + b
            a = ACTIVATIONS[name].forward(z)
        parts.append(float(LOSSES[network.loss].per_sample(z, a, one.y)[0]))
    mean = len(parts) if network.reduction == "mean" else 1
    truth = math.fsum(parts) / mean + float(penalty(network, problem.params.pairs))
    value = loss_of(problem)
    assert math.isclose(value, truth, rel_tol=1e-13, abs_tol=1e-15), (
        f"the loss of {network} with N = {batch.size} is {value!r}, not {truth!r}"
    )


@given(strategies.problems())
def test_the_penalty_is_not_divided_by_the_number_of_samples(problem: Problem) -> None:
    twice = problem.batch.select([*range(problem.batch.size)] * 2)
    network, pairs = problem.network, problem.params.pairs
    data = float(batch_loss(network, pairs, twice.x, twice.y)) - float(penalty(network, pairs))
    once = loss_of(problem) - float(penalty(network, pairs))
    factor = 1.0 if network.reduction == "mean" else 2.0
    size = abs(loss_of(problem)) + float(penalty(network, pairs))
    assert math.isclose(data, factor * once, rel_tol=1e-12, abs_tol=1e-13 * size), (
        f"every sample twice takes the loss of {network} from {once!r} to {data!r}"
    )
