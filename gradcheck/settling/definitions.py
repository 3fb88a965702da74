"""All the definitions that code may compute, held against its outputs and its loss."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradcheck.activations import ACTIVATIONS, HIDDEN_ACTIVATIONS
from gradcheck.forward import evaluate, penalty, reduce
from gradcheck.losses import LOSSES, REDUCTIONS
from gradcheck.network import Network
from gradcheck.problem import Floats, Problem

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

Activations = tuple[str, ...]


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


def same(one: Floats, two: Floats) -> NDArray[np.bool_]:
    """Where two arrays agree, entry by entry."""
    close: NDArray[np.bool_] = np.abs(one - two) <= SAME * (0.01 + np.abs(two))
    return close


def fitting(problem: Problem, outputs: Floats) -> tuple[list[Activations], float]:
    """Return the activations that give the outputs best, and the part of them they give."""
    best: list[Activations] = []
    most = 0.0
    if not outputs.any():
        return best, most  # zeros tell nothing
    for hidden in layers(problem.network.depth):
        inner = (*hidden, "identity")
        z = outputs_of(problem, inner)
        for name, activation in ACTIVATIONS.items():
            agree = same(outputs, activation.forward(z))
            part = 1.0 if agree.all() else float((agree & (outputs != 0)).mean())
            if part > most:
                best, most = [], part
            if part and part == most:
                best.append((*hidden, name))
        if most == 1.0 and len(set(hidden)) > 1:
            break
    return best, most


def definitions(outputs: str | None = None) -> Iterator[Definition]:
    """Yield the definitions of a loss that go with an output activation; plain ones first."""
    for scale in SCALES:
        for name, loss in LOSSES.items():
            if outputs is None or outputs in loss.outputs:
                for reduction in REDUCTIONS:
                    yield Definition(name, reduction, scale)


def loss_from(definition: Definition, outputs: Floats, problem: Problem) -> float:
    """Return the loss that a definition gives to some outputs, right or wrong."""
    y, n_out = problem.batch.y, outputs.shape[1]
    with np.errstate(all="ignore"):
        if definition.loss == "cross_entropy":
            each = -(y * np.log(np.where(y > 0, outputs, 1.0))).sum(axis=1)
        elif definition.loss == "binary_cross_entropy":
            each = -np.log(np.where(y > 0.5, outputs, 1.0 - outputs)).sum(axis=1)
        else:
            z = outputs
            each = np.asarray(LOSSES[definition.loss].per_sample(z, outputs, y))
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
        value = loss_from(definition, outputs, problem)
        if np.isfinite(value) and abs(claimed - value) <= SAME * (1e-3 + abs(value)):
            found.append(definition)
    return found


def penalised(problem: Problem, l2: float) -> float:
    """Return ``l2 / 2 * sum ||W||^2`` of a problem."""
    network = Network(problem.network.widths, _any(problem), "squared_error", "mean", l2)
    return float(penalty(network, problem.params.pairs))
