"""All the definitions that code may compute, held against its outputs and its loss."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gradcheck.networks.activations import ACTIVATIONS, HIDDEN_ACTIVATIONS
from gradcheck.networks.forward_pass import evaluate, penalty, reduce
from gradcheck.networks.losses import LOSSES, REDUCTIONS
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Floats, Problem

#: Relative difference up to which outputs and losses are the same here. What is settled is
#: which definition is meant; whether it is met is judged later, and sharply.
SAME = 3e-6

#: With more layers than this, hidden layers are taken to share an activation.
MIXED = 3

#: Constants by which a code's own loss may differ from a definition, told as what they are.
SCALES: dict[str, Callable[[int], float]] = {
    "": lambda n_out: 1.0,
    "1/2": lambda n_out: 0.5,
    "2": lambda n_out: 2.0,
    "1/n": lambda n_out: 1.0 / n_out,
    "1/(2n)": lambda n_out: 0.5 / n_out,
    "2/n": lambda n_out: 2.0 / n_out,
}

#: What code adds inside its logarithms, as far as it can be seen here.
EPSILONS = (0.0, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)

Activations = tuple[str, ...]

#: Output activations that code often leaves to its loss, which then takes logits.
FUSED = tuple(dict.fromkeys(o for loss in LOSSES.values() if loss.cancels for o in loss.outputs))


@dataclass(frozen=True)
class Definition:
    """What a batch's loss is, given the outputs.

    Attributes
    ----------
    loss, reduction : str
    scale : str
        A key of :data:`SCALES`: the code's own loss is so many times the definition.
    """

    loss: str
    reduction: str
    scale: str = ""

    def told(self) -> str:
        """Say it in words."""
        factor = f"{self.scale} x " if self.scale else ""
        return f"{factor}{self.loss} {self.reduction}"


def layers(depth: int) -> Iterator[Activations]:
    """Yield what the hidden layers may apply: one activation first, then several."""
    hidden = depth - 1
    for name in HIDDEN_ACTIVATIONS if hidden else ("",):
        yield (name,) * hidden
    if 1 < hidden < MIXED:
        for names in itertools.product(HIDDEN_ACTIVATIONS, repeat=hidden):
            if len(set(names)) > 1:
                yield names


def outputs_of(problem: Problem, activations: Activations) -> Floats:
    """Return the outputs of a problem's parameters under other activations."""
    network = Network(problem.network.widths, activations, "squared_error")
    return np.asarray(evaluate(network, problem.params.pairs, problem.batch.x).a[-1])


def fused(width: int) -> Iterator[str]:
    """Yield the output activations that logits of so many units may go into."""
    yield from (name for name in FUSED if width > 1 or name != "softmax")


def applied(activation: str, numbers: Floats) -> Floats:
    """Return what an activation makes of what code returns."""
    with np.errstate(all="ignore"):
        return np.asarray(ACTIVATIONS[activation].forward(numbers))


def same(one: Floats, two: Floats) -> NDArray[np.bool_]:
    """Where two arrays agree, entry by entry."""
    close: NDArray[np.bool_] = np.abs(one - two) <= SAME * (0.01 + np.abs(two))
    return close


@lru_cache(maxsize=64)
def _outputs_table(problem: Problem) -> tuple[list[Activations], Floats]:
    """Return all activations, and the outputs that each gives: (K, N, n[L])."""
    names: list[Activations] = []
    stack = []
    for hidden in layers(problem.network.depth):
        z = outputs_of(problem, (*hidden, "identity"))
        for name, activation in ACTIVATIONS.items():
            if name == "softmax" and z.shape[-1] == 1:
                continue  # ones, whatever went before
            names.append((*hidden, name))
            stack.append(activation.forward(z))
    return names, np.array(stack)


def fitting(problem: Problem, outputs: Floats) -> tuple[list[Activations], float]:
    """Return the activations that give the outputs of most units, and the part of them."""
    names, stack = _outputs_table(problem)
    if not outputs.any():
        return [], 0.0  # zeros tell nothing
    agree = same(outputs, stack)
    # whole units, for a bug in one of them; single samples may agree by chance
    units = (agree & (outputs != 0)).all(axis=1).mean(axis=-1)
    parts = np.where(agree.all(axis=(1, 2)), 1.0, units)
    most = float(parts.max())
    best = [names[k] for k in np.flatnonzero(parts == most)] if most else []
    return best, most


def definitions(outputs: str | None = None) -> Iterator[Definition]:
    """Yield the definitions of a loss that go with an output activation; plain ones first."""
    for scale in SCALES:
        for name, loss in LOSSES.items():
            if outputs is None or outputs in loss.outputs:
                for reduction in REDUCTIONS:
                    yield Definition(name, reduction, scale)


def loss_from(
    definition: Definition, outputs: Floats, problem: Problem, epsilon: float = 0.0
) -> float:
    """Return the loss that a definition gives to some outputs, right or wrong.

    ``epsilon`` is what code may add inside its logarithms.
    """
    y, n_out = problem.batch.y, outputs.shape[1]
    with np.errstate(all="ignore"):
        moved = outputs + epsilon * (2.0 * y - 1.0)  # a + epsilon, and 1 - a + epsilon
        each = np.asarray(LOSSES[definition.loss].of_outputs(moved, y))
    network = Network(problem.network.widths, _any(problem), "squared_error", definition.reduction)
    return float(reduce(network, each)) * SCALES[definition.scale](n_out)


def _any(problem: Problem) -> Activations:
    return ("sigmoid",) * problem.network.depth


def matching_losses(
    problem: Problem, outputs: Floats, activation: str, claimed: float
) -> list[Definition]:
    """Return the definitions that give a claimed loss to some outputs."""
    found: list[Definition] = []
    if claimed == 0:  # a counter, or a sum not yet begun
        return found
    for definition in definitions(activation):
        added = EPSILONS if LOSSES[definition.loss].logarithmic else (0.0,)
        values = [loss_from(definition, outputs, problem, epsilon) for epsilon in added]
        if any(abs(claimed - v) <= SAME * (1e-3 + abs(v)) for v in values if np.isfinite(v)):
            found.append(definition)
    return found


@lru_cache(maxsize=64)
def _loss_table(
    problem: Problem, mixed: bool
) -> tuple[list[tuple[Activations, Definition]], Floats]:
    """Return the definitions whose hidden layers are alike, or mixed; and the loss of each."""
    rows, values = [], []
    for acts, outputs in zip(*_outputs_table(problem), strict=True):
        if (len(set(acts[:-1])) > 1) is mixed:
            for definition in definitions(acts[-1]):
                rows.append((acts, definition))
                values.append(loss_from(definition, outputs, problem))
    return rows, np.array(values)


def giving(problem: Problem, claimed: float) -> list[tuple[Activations, Definition]]:
    """Return all definitions that give a claimed loss, plain ones first."""
    for mixed in (False, True) if claimed else ():
        rows, values = _loss_table(problem, mixed)
        with np.errstate(invalid="ignore"):
            close = np.abs(claimed - values) <= SAME * (1e-3 + np.abs(values))
        if close.any():
            return [rows[k] for k in np.flatnonzero(close)]
    return []


def penalised(problem: Problem, l2: float, biases: bool = False) -> float:
    """Return ``l2 / 2 * sum ||W||^2`` of a problem, and of its biases where they count too."""
    network = Network(problem.network.widths, _any(problem), "squared_error", "mean", l2)
    more = sum(float((b * b).sum()) for _, b in problem.params.pairs) if biases else 0.0
    return float(penalty(network, problem.params.pairs)) + 0.5 * l2 * more
