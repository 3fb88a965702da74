"""Real differences: all directions at once, in bounded memory, told by moved parameters."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from gradcheck import sampling, strategies
from gradcheck.forward import Evaluation, activate, evaluate
from gradcheck.forward.objective import batch_loss
from gradcheck.network import Network
from gradcheck.oracle import Truth, blocks, differences
from gradcheck.oracle.directions import drawn
from gradcheck.oracle.ladder import Slope, extrapolate, steps
from gradcheck.oracle.reach import REACH
from gradcheck.oracle.witness import SLACK
from gradcheck.problem import Problem


def along(problem: Problem) -> differences.Directions:
    rng = np.random.default_rng(7)
    return {name: drawn(rng, 3, tensor.shape) for name, tensor in problem.params.tensors()}


def forward(problem: Problem) -> Evaluation:
    apply = Truth(problem)._pinned
    return evaluate(problem.network, problem.params.pairs, problem.batch.x, apply)


def told(problem: Problem) -> dict[str, list[Slope]]:
    apply = Truth(problem)._pinned or activate(problem.network)
    return differences.slopes(problem, forward(problem), apply, along(problem), REACH)


def one_by_one(problem: Problem, name: str, direction: np.ndarray) -> Slope:
    """Difference along one direction from whole forwards, a step at a time."""
    index, h, values = list(along(problem)).index(name), steps(1e-3), []
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
    for name, slopes in told(problem).items():
        for direction, slope in zip(along(problem)[name], slopes, strict=True):
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
        patch.setattr(blocks, "BLOCK", 1)
        pieces = told(problem)
    assert list(whole) == list(pieces), f"{list(whole)} and {list(pieces)}"
    for name, slopes in whole.items():
        for one, other in zip(slopes, pieces[name], strict=True):
            bars = 2 * (one.error + other.error)
            assert not abs(one.value - other.value) > bars, (
                f"{problem.network}, {name}: at once {one.value:.15g} ± {one.error:.1e}, one "
                f"direction at a time {other.value:.15g} ± {other.error:.1e}"
            )


def test_how_z_moves_with_the_parameters_is_not_taken_on_trust(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = Network.parse("3-4-2 tanh,identity half_squared_error")
    problem = sampling.fill(np.random.default_rng(0), network, 4)
    right = {name: [s.value for s in slopes] for name, slopes in told(problem).items()}
    honest = differences._Tensor.speed.func  # type: ignore[attr-defined]
    monkeypatch.setattr(differences._Tensor, "speed", property(lambda tensor: 1.5 * honest(tensor)))
    for name, slopes in told(problem).items():
        for value, slope in zip(right[name], slopes, strict=True):
            assert abs(slope.value - 1.5 * value) > SLACK * slope.error, (
                f"{name}: with pre-activations that are believed to move half as far again the "
                f"slope is {slope.value:.4g} ± {slope.error:.1e}: an estimate that believes the "
                f"same, {1.5 * value:.4g}, is not contradicted"
            )
