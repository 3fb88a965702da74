"""Real differences: all directions at once, in bounded memory, told by moved parameters."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from gradcheck.networks import sampling
from gradcheck.networks.definitions import Evaluation, activate, batch_loss, evaluate
from gradcheck.networks.fast_estimate import Truth, witness
from gradcheck.networks.fast_estimate.complex_step import Linearised
from gradcheck.networks.fast_estimate.witness import REACH, SLACK
from gradcheck.networks.problem import Network, Problem
from gradcheck.oracle import evaluation
from gradcheck.oracle.estimate import Slope, drawn, extrapolate, steps
from tests import strategies


def along(problem: Problem) -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    return [drawn(rng, 3, tensor.shape) for _, tensor in problem.params.tensors()]


def forward(problem: Problem) -> Evaluation:
    apply = Truth(problem)._pinned
    return evaluate(problem.network, problem.params.pairs, problem.batch.x, apply)


def told(problem: Problem) -> list[tuple[str, np.ndarray, Slope]]:
    """Return tensor, direction and slope of each."""
    apply, run, moves, each = Truth(problem)._pinned, forward(problem), [], []
    for (name, _), stack in zip(problem.params.tensors(), along(problem), strict=True):
        layer = int(name[1:])
        if name[0] == "W":
            rows = evaluation.blocks(stack.shape[1], stack[:, 0].size)
            parts = ((some, stack[:, some]) for some in rows)
            moves.append(witness.of_weights(problem, run, layer, parts))
        else:
            moves.append(witness.of_biases(problem, layer, stack))
        each += [(name, v) for v in stack]
    apply = apply or activate(problem.network)
    slopes = witness.slopes(problem, run, apply, moves, REACH)
    return [(name, v, slope) for (name, v), slope in zip(each, slopes, strict=True)]


def one_by_one(problem: Problem, name: str, direction: np.ndarray) -> Slope:
    """Difference along one direction from whole forwards, a step at a time."""
    h, values, index = steps(1e-3), [], 2 * int(name[1:]) - 2 + (name[0] == "b")
    for step in h:
        losses = []
        for signed in (step, -step):
            pairs = problem.params.copies()
            pairs[index // 2][index % 2][...] += signed * direction
            x, y = problem.batch.x, problem.batch.y
            losses.append(float(batch_loss(problem.network, pairs, x, y)))
        values.append((losses[0] - losses[1]) / (2 * step))
    return extrapolate(h, np.array(values), 1e-14 * (1.0 + abs(losses[0])))


SMOOTH = replace(sampling.EVERYTHING, activations=("tanh",))


@pytest.mark.parametrize("index", range(12))
def test_slopes_are_those_of_whole_forwards_one_by_one(index: int) -> None:
    problem = sampling.problem(18, index, SMOOTH)
    for name, direction, slope in told(problem):
        plain = one_by_one(problem, name, direction)
        bars = SLACK * (slope.error + plain.error)
        assert abs(slope.value - plain.value) <= bars, (
            f"problem(18, {index}), {problem.network}, {name}: together {slope.value:.15g} ± "
            f"{slope.error:.1e}, one by one {plain.value:.15g} ± {plain.error:.1e}"
        )


@given(strategies.problems())
def test_blocks_of_any_size_tell_the_same(problem: Problem) -> None:
    whole = told(problem)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "BLOCK", 1)
        pieces = told(problem)
    assert len(whole) == len(pieces), f"{len(whole)} slopes at once, {len(pieces)} one by one"
    for (name, _, one), (_, _, other) in zip(whole, pieces, strict=True):
        bars = 2 * (one.error + other.error)
        assert not abs(one.value - other.value) > bars, (
            f"{problem.network}, {name}: at once {one.value:.15g} ± {one.error:.1e}, one "
            f"direction at a time {other.value:.15g} ± {other.error:.1e}"
        )


def test_how_z_moves_is_seen_on_moved_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    # an estimate that takes the layer's input for something else is contradicted
    network = Network.parse("3-4-2 tanh,identity half_squared_error")
    problem = sampling.fill(np.random.default_rng(0), network, 4)
    truth = Truth(problem)
    honest = Linearised.gradient

    def off(parts: Linearised, layer: int, delta: np.ndarray) -> object:
        dw, db = honest(parts, layer, delta)
        return (1.0 + 1e-7 * (layer == 1)) * dw, db

    monkeypatch.setattr(Linearised, "gradient", off)
    against = {second.tensor for second in truth.disagreements}
    assert against == {"W1"}, f"dW1 is off by 1e-7 of itself, contradicted are {against}"
