"""The second witness: real differences of the plain forward.

It shares no arithmetic with the complex step: real numbers, whole forwards, a
ladder of steps, three Gaussian directions a tensor. In every verdict the two have
to agree within their bars. Off kinks a disagreement is our own fault.

The first step lets no pre-activation move by more than 0.1, the scale on which
activations curve, and keeps every unit of a piecewise activation on its own side;
the sides are then checked at every rung, and rungs that cross are not used.
"""

from dataclasses import dataclass

import numpy as np

from gradcheck.activations import ACTIVATIONS, Array
from gradcheck.forward import Activate, Evaluation, evaluate, penalty, reduce, sample_losses
from gradcheck.forward.evaluation import Pairs
from gradcheck.oracle.complex_step import STEP
from gradcheck.oracle.directions import gaussian
from gradcheck.oracle.estimate import UNIT, Estimate
from gradcheck.oracle.ladder import RUNGS, Slope, extrapolate, steps
from gradcheck.problem import Floats, Problem

#: Directions a tensor.
DIRECTIONS = 3

#: How far a pre-activation may move at the first rung.
REACH = 0.1

#: Disagreement beyond this many joint bars is one.
SLACK = 10.0


@dataclass(frozen=True)
class Testimony:
    """What differences say along one direction, beside the primary estimate.

    Attributes
    ----------
    tensor : str
    slope : Slope
        From the ladder.
    expected : float
        The primary estimate's derivative along the direction.
    error : float
        The primary estimate's bar along the direction.
    """

    tensor: str
    slope: Slope
    expected: float
    error: float

    @property
    def agrees(self) -> bool:
        """Whether the two witnesses agree within their bars."""
        if not np.isfinite(self.slope.error):
            return True  # nothing usable between roundoff and a kink: silent
        return abs(self.slope.value - self.expected) <= SLACK * (self.slope.error + self.error)


def testimonies(
    problem: Problem,
    estimates: dict[str, Estimate],
    apply: Activate | None,
    rng: np.random.Generator,
) -> list[Testimony]:
    """Difference the plain forward along random directions of each tensor.

    Parameters
    ----------
    estimates : dict
        The primary estimates by tensor name, of the function that ``apply`` makes.
    apply : callable or None
        Activations with units on a kink pinned to one slope.
    """
    names = list(estimates)
    tangents = _tangents(problem, names, rng)
    first = _first_steps(problem, tangents, apply)
    h = steps(first)  # (D, K)
    values, noise, usable = _values(problem, tangents, h, apply)
    result = []
    for d, name in enumerate(np.repeat(names, DIRECTIONS)):
        slope = extrapolate(h[d], values[d], float(noise[d]), int(usable[d]))
        direction = tangents[_index(str(name))][d]
        estimate = estimates[str(name)]
        expected = float((estimate.value * direction).sum())
        error = float(np.linalg.norm(estimate.error * direction)) * 3.0
        result.append(Testimony(str(name), slope, expected, error))
    return result


def _index(name: str) -> int:
    return 2 * (int(name[1:]) - 1) + (name[0] == "b")


def _tangents(problem: Problem, names: list[str], rng: np.random.Generator) -> list[Floats]:
    """For each tensor a stack (D, *shape), zero but for the directions along it."""
    tangents = []
    count = DIRECTIONS * len(names)
    for i, (_, tensor) in enumerate(problem.params.tensors()):
        stack = np.zeros((count, *tensor.shape))
        rows = slice(DIRECTIONS * i, DIRECTIONS * (i + 1))
        stack[rows] = gaussian(rng, DIRECTIONS, tensor.shape)
        tangents.append(stack)
    return tangents


def _shifted(problem: Problem, tangents: list[Floats], step: Array) -> Pairs:
    """Return the parameters plus ``step`` (D, ...) times the tangents."""
    moved = []
    for (_, tensor), tangent in zip(problem.params.tensors(), tangents, strict=True):
        extra = step.ndim - 1
        stretched = tangent.reshape(len(tangent), *(1,) * extra, *tensor.shape)
        moved.append(tensor + step.reshape(*step.shape, *(1,) * tensor.ndim) * stretched)
    return list(zip(moved[::2], moved[1::2], strict=True))


def _first_steps(problem: Problem, tangents: list[Floats], apply: Activate | None) -> Floats:
    count = len(tangents[0])
    pairs = _shifted(problem, tangents, np.full(count, 1j * STEP))
    run = evaluate(problem.network, pairs, problem.batch.x, apply)
    first = np.full(count, REACH)
    for layer, z in enumerate(run.z, start=1):
        speed = np.abs(np.broadcast_to(z.imag, (count, *z.shape[-2:]))) / STEP
        fastest = speed.max(axis=(1, 2))
        first = np.minimum(first, REACH / np.maximum(fastest, 1e-300))
        if ACTIVATIONS[problem.network.activations[layer - 1]].pieces:
            distance = np.abs(z.real) / np.maximum(speed, 1e-300)
            distance = np.where(distance > 0, distance, np.inf)  # on the kink: pinned
            first = np.minimum(first, 0.5 * distance.min(axis=(1, 2)))
    nonzero: Floats = np.maximum(first, 1e-200)
    return nonzero


def _values(
    problem: Problem, tangents: list[Floats], h: Floats, apply: Activate | None
) -> tuple[Floats, Floats, Floats]:
    """Return central differences (D, K), noise of f (D,), usable rungs (D,)."""
    network, x, y = problem.network, problem.batch.x, problem.batch.y
    signed = np.stack((h, -h), axis=-1)  # (D, K, 2)
    pairs = _shifted(problem, tangents, signed)
    run = evaluate(network, pairs, x, apply)
    losses = sample_losses(network, run.z[-1], run.a[-1], y)  # (D, K, 2, N)
    data = reduce(network, losses[:, :, 0] - losses[:, :, 1])
    weights = np.asarray(penalty(network, pairs))
    weight_part = weights[..., 0] - weights[..., 1] if weights.ndim else 0.0
    differences = (data + weight_part) / (2.0 * h)
    magnitude = np.abs(losses) + np.abs(run.z[-1]).sum(axis=-1) + 1.0
    noise = 4.0 * UNIT * (reduce(network, magnitude) + np.abs(weights)).max(axis=(1, 2))
    return differences, noise, _same_side(problem, run, len(h))


def _same_side(problem: Problem, run: Evaluation, count: int) -> Floats:
    """Count, from the smallest step up, the rungs on which no unit changes sides."""
    same = np.ones((count, RUNGS), dtype=bool)
    for layer, z in enumerate(run.z, start=1):
        if ACTIVATIONS[problem.network.activations[layer - 1]].pieces:
            side = z > 0  # (D, K, 2, N, n)
            same &= (side == side[:, -1:, :1]).all(axis=(2, 3, 4))
    crossing = ~same[:, ::-1]
    return np.where(crossing.any(axis=1), crossing.argmax(axis=1), RUNGS).astype(float)
