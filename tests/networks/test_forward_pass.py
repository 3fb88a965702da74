"""Evaluation against loops over numbers, in stacks, and restarted from a layer."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.networks.definitions import activate, batch_loss, evaluate, loss_of, resume
from gradcheck.networks.problem import Network, Params, Problem
from tests import strategies

pytestmark = pytest.mark.last_bits

Rows = list[list[float]]

SCALAR: dict[str, Callable[[float], float]] = {
    "identity": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + math.exp(-z)),
    "tanh": math.tanh,
    "relu": lambda z: max(0.0, z),
    "leaky_relu": lambda z: z if z > 0 else 0.01 * z,
    "elu": lambda z: z if z > 0 else math.expm1(z),
    "softplus": lambda z: math.log1p(math.exp(z)),
    "silu": lambda z: z / (1 + math.exp(-z)),
    "gelu": lambda z: z * math.erfc(-z / math.sqrt(2)) / 2,
}


def apply_scalar(name: str, row: list[float]) -> list[float]:
    if name != "softmax":
        return [SCALAR[name](z) for z in row]
    powers = [math.exp(z) for z in row]
    return [power / math.fsum(powers) for power in powers]


def by_loops(problem: Problem) -> tuple[list[Rows], list[Rows]]:
    """Return z[1..L] and a[0..L], one number at a time."""
    zs: list[Rows] = []
    activations: list[Rows] = [problem.batch.x.tolist()]
    for name, (w, b) in zip(problem.network.activations, problem.params, strict=True):
        zs.append(
            [
                [
                    math.fsum([*(row[i] * float(w[i, j]) for i in range(len(row))), float(b[j])])
                    for j in range(len(b))
                ]
                for row in activations[-1]
            ]
        )
        activations.append([apply_scalar(name, row) for row in zs[-1]])
    return zs, activations


def stacked(problem: Problem, axes: tuple[int, ...], seed: int) -> list[Params]:
    """Return as many points as a stack of these axes has."""
    rng = np.random.default_rng(seed)
    return [
        Params((w + 0.1 * rng.standard_normal(w.shape), b) for w, b in problem.params)
        for _ in range(math.prod(axes))
    ]


def as_stack(points: list[Params], axes: tuple[int, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    layers = zip(*points, strict=True)
    return [
        (
            np.array([w for w, _ in layer]).reshape(*axes, *layer[0][0].shape),
            np.array([b for _, b in layer]).reshape(*axes, *layer[0][1].shape),
        )
        for layer in layers
    ]


AXES = st.sampled_from([(1,), (3,), (2, 2), (2, 1, 3)])


@given(strategies.problems())
def test_every_activation_agrees_with_a_loop_over_numbers(problem: Problem) -> None:
    run = evaluate(problem.network, problem.params.pairs, problem.batch.x)
    for layer, expected in enumerate(by_loops(problem)[1]):
        assert np.allclose(run.a[layer], expected, rtol=1e-12, atol=1e-13), (
            f"a[{layer}] of {problem.network}:\n{run.a[layer]}\nis not\n{np.array(expected)}"
        )


@given(strategies.problems())
def test_every_pre_activation_agrees_with_a_loop_over_numbers(problem: Problem) -> None:
    run = evaluate(problem.network, problem.params.pairs, problem.batch.x)
    for layer, expected in enumerate(by_loops(problem)[0], start=1):
        assert np.allclose(run.z[layer - 1], expected, rtol=1e-12, atol=1e-12), (
            f"z[{layer}] of {problem.network}:\n{run.z[layer - 1]}\nis not\n{np.array(expected)}"
        )


@given(strategies.problems())
def test_shapes_of_an_evaluation_are_samples_by_width(problem: Problem) -> None:
    run = evaluate(problem.network, problem.params.pairs, problem.batch.x)
    shapes = [a.shape for a in run.a]
    expected = [(problem.batch.size, n) for n in problem.network.widths]
    assert shapes == expected, f"a[0..L] of {problem.network} have shapes {shapes}"
    assert [z.shape for z in run.z] == expected[1:], f"z[1..L]: {[z.shape for z in run.z]}"


@given(strategies.problems(), AXES, st.integers(0, 99))
def test_the_outputs_of_a_stack_are_those_of_its_points_one_by_one(
    problem: Problem, axes: tuple[int, ...], seed: int
) -> None:
    points = stacked(problem, axes, seed)
    x = problem.batch.x
    a = evaluate(problem.network, as_stack(points, axes), x).a[-1]
    alone = np.array([evaluate(problem.network, point.pairs, x).a[-1] for point in points])
    expected = alone.reshape(*axes, *alone.shape[1:])
    assert a.shape == expected.shape, f"a stack {axes} gives outputs of shape {a.shape}"
    assert np.allclose(a, expected, rtol=1e-12, atol=1e-13), f"{problem.network} in a stack {axes}"


@given(strategies.problems(), AXES, st.integers(0, 99))
def test_the_losses_of_a_stack_are_those_of_its_points_one_by_one(
    problem: Problem, axes: tuple[int, ...], seed: int
) -> None:
    points = stacked(problem, axes, seed)
    x, y = problem.batch.x, problem.batch.y
    losses = batch_loss(problem.network, as_stack(points, axes), x, y)
    alone = [float(batch_loss(problem.network, point.pairs, x, y)) for point in points]
    assert losses.shape == axes, f"a stack {axes} gives losses of shape {losses.shape}"
    assert np.allclose(losses.ravel(), alone, rtol=1e-11, atol=1e-13), (
        f"{problem.network} in a stack {axes}: {losses.ravel()} are not {alone}"
    )


@given(strategies.problems(), st.integers(1, 3))
def test_a_stack_of_inputs_meets_the_same_parameters(problem: Problem, copies: int) -> None:
    x = np.stack([problem.batch.x * (k + 1) for k in range(copies)])
    a = evaluate(problem.network, problem.params.pairs, x).a[-1]
    for k in range(copies):
        alone = evaluate(problem.network, problem.params.pairs, x[k]).a[-1]
        assert np.allclose(a[k], alone, rtol=1e-12, atol=1e-13), (
            f"{problem.network}: inputs {k} of a stack give {a[k]}, alone {alone}"
        )


@given(strategies.problems())
def test_a_pass_resumed_from_any_layer_ends_where_the_full_pass_ends(problem: Problem) -> None:
    network, pairs = problem.network, problem.params.pairs
    run = evaluate(network, pairs, problem.batch.x)
    for layer in range(1, network.depth + 1):
        resumed = resume(network, pairs, {layer: run.z[layer - 1]})
        z, a = resumed.z[-1], resumed.a[-1]
        for name, got, full in (("z", z, run.z[-1]), ("a", a, run.a[-1])):
            assert np.allclose(got, full, rtol=1e-12, atol=1e-13), (
                f"{network} resumed from z[{layer}]: {name} is {got}, not {full}"
            )


@given(strategies.problems(), AXES)
def test_a_stack_of_pre_activations_is_resumed_one_by_one(
    problem: Problem, axes: tuple[int, ...]
) -> None:
    network, pairs = problem.network, problem.params.pairs
    z1 = evaluate(network, pairs, problem.batch.x).z[0]
    shifts = np.linspace(-0.5, 0.5, math.prod(axes)).reshape(*axes, 1, 1)
    run = resume(network, pairs, {1: z1 + shifts})
    z, a = run.z[-1], run.a[-1]
    for index in np.ndindex(axes):
        alone = resume(network, pairs, {1: z1 + float(shifts[index].item())})
        assert np.allclose(z[index], alone.z[-1], rtol=1e-12, atol=1e-12), (
            f"{network} at {index}: z"
        )
        assert np.allclose(a[index], alone.a[-1], rtol=1e-12, atol=1e-13), (
            f"{network} at {index}: a"
        )


@given(strategies.problems())
def test_passes_resumed_together_end_where_each_ends_alone(problem: Problem) -> None:
    network, pairs = problem.network, problem.params.pairs
    run = evaluate(network, pairs, problem.batch.x)
    starts = {
        layer: run.z[layer - 1] + np.linspace(-0.5, 0.5, 2 + layer)[:, None, None]
        for layer in range(1, network.depth + 1, 2)
    }
    together = resume(network, pairs, starts)
    alone = [resume(network, pairs, {layer: z}) for layer, z in starts.items()]
    for what in ("z", "a"):
        ends = np.concatenate([getattr(one, what)[-1] for one in alone])
        assert np.allclose(getattr(together, what)[-1], ends, rtol=1e-12, atol=1e-12), (
            f"{network}: resumed from layers {list(starts)} together, another {what} comes out"
        )


@given(strategies.problems())
def test_complex_parameters_without_an_imaginary_part_change_nothing(problem: Problem) -> None:
    pairs = [(w.astype(complex), b.astype(complex)) for w, b in problem.params]
    x, y = problem.batch.x, problem.batch.y
    value = complex(batch_loss(problem.network, pairs, x, y))
    assert value.imag == 0, f"{problem.network}: the loss has an imaginary part {value.imag}"
    assert math.isclose(value.real, loss_of(problem), rel_tol=1e-11, abs_tol=1e-13), (
        f"{problem.network}: {value.real!r} for complex, {loss_of(problem)!r} for real parameters"
    )


@given(strategies.problems())
def test_activations_given_in_place_of_the_plain_ones_are_used_by_layer(problem: Problem) -> None:
    plain, seen = activate(problem.network), []

    def note(layer: int, z: np.ndarray) -> np.ndarray:
        seen.append(layer)
        return plain(layer, z)

    run = evaluate(problem.network, problem.params.pairs, problem.batch.x, note)
    assert seen == list(range(1, problem.network.depth + 1)), f"applied to the layers {seen}"
    expected = evaluate(problem.network, problem.params.pairs, problem.batch.x).a[-1]
    assert np.allclose(run.a[-1], expected, rtol=1e-12, atol=1e-13), (
        f"the same activations gave {run.a[-1]}, not {expected}"
    )


def test_a_network_worked_by_hand_has_that_loss() -> None:
    network = Network((2, 1, 1), ("relu", "identity"), "half_squared_error", "mean", 0.1)
    pairs = [(np.array([[1.0], [2.0]]), np.array([0.5])), (np.array([[3.0]]), np.array([-1.0]))]
    x, y = np.array([[1.0, 1.0], [-1.0, -1.0]]), np.array([[9.0], [0.0]])
    # z1 = 3.5, -2.5; a1 = 3.5, 0; a2 = 9.5, -1; losses 0.125, 0.5; penalty 0.05 * (1 + 4 + 9)
    value = float(batch_loss(network, pairs, x, y))
    assert value == pytest.approx(0.3125 + 0.7, abs=1e-15), f"the loss is {value}, not 1.0125"
