"""How far the outputs and the loss of one answer are those of a definition."""

from dataclasses import dataclass, field, replace

import numpy as np

from gradcheck.contract.protocol import Failure
from gradcheck.networks.inference.definitions import (
    Activations,
    Definition,
    applied,
    fitting,
    fused,
    giving,
    matching_losses,
    outputs_of,
)
from gradcheck.networks.problem import Floats, Problem

#: What a forward returns: the outputs; what goes into the output activation; whole numbers or
#: another number of them, such as classes; or something else.
OUTPUTS, LOGITS, CLASSES, OTHER = "outputs", "logits", "classes", "other"

#: The rank of a reading whose outputs are those of a network, and that gives no gradient.
BACKWARD_FAILS = 1.5

#: The ranks of a reading whose loss is known, and whose forward returns no outputs.
CLASSES_ASIDE, OTHER_ASIDE = 3.5, 2.5


@dataclass(frozen=True)
class Fault:
    """A question that code answers forwards and not backwards.

    Attributes
    ----------
    problem : Problem
    failure : Failure
    activations : list of tuple of str
        That give its outputs.
    """

    problem: Problem
    failure: Failure
    activations: list[Activations]


@dataclass(frozen=True)
class Fit:
    """How well a reading fits.

    Attributes
    ----------
    reading : int
    problem : Problem
        On which it was asked.
    rank : float
        4: outputs and loss (or the only one of them there is); 3.5 or 2.5: the loss alone,
        where the forward returns classes or something else; 3: outputs, and no loss;
        2: outputs, but the loss is none known; 1.5: outputs, and the gradient fails; 1: a
        part of the outputs, and perhaps the loss that goes with them; 0: nothing.
    activations : list of tuple of str
        That give its outputs or its loss.
    definitions : list of Definition
        That give its loss.
    faults : tuple of Fault
        Questions on which the code gave the outputs of a network, and failed to give a
        gradient: they are no reason to ask it something else.
    returns : str
        What its forward returns: :data:`OUTPUTS`, :data:`LOGITS`, :data:`CLASSES` or
        :data:`OTHER`; :data:`OUTPUTS` too where there is no forward.
    """

    reading: int
    problem: Problem
    rank: float
    activations: list[Activations] = field(default_factory=list)
    definitions: list[Definition] = field(default_factory=list)
    faults: tuple[Fault, ...] = ()
    returns: str = OUTPUTS

    def gives(self, problem: Problem, seen: Floats) -> bool:
        """Say whether what a forward returned are the outputs of a problem's own network."""
        activations = problem.network.activations
        outputs = applied(activations[-1], seen) if self.returns == LOGITS else seen
        wanted = outputs_of(problem, activations)
        return bool(np.allclose(outputs, wanted, rtol=1e-6, atol=1e-9))


def ranked(
    index: int,
    problem: Problem,
    outputs: Floats | None,
    claimed: float | None,
    among: Fit | None = None,
) -> Fit:
    """Hold one answer against every definition, or against those another answer left."""
    if outputs is None:
        return _by_loss(index, problem, claimed, among)
    fit = _by_outputs(index, problem, outputs, claimed)
    if fit.rank >= 3.0:
        return fit
    for name in fused(problem.network.widths[-1]):
        other = _by_outputs(index, problem, applied(name, outputs), claimed)
        acts = [each for each in other.activations if each[-1] == name]
        if acts and other.rank >= 2.0 and other.rank > fit.rank:
            fit = replace(other, activations=acts, returns=LOGITS)
    if fit.rank:
        return fit
    whole = bool((outputs == np.round(outputs)).all())
    loss = _by_loss(index, problem, claimed, among)
    aside = CLASSES_ASIDE if whole else OTHER_ASIDE
    return replace(loss, rank=min(loss.rank, aside), returns=CLASSES if whole else OTHER)


def _by_outputs(index: int, problem: Problem, outputs: Floats, claimed: float | None) -> Fit:
    """Hold outputs against every definition, and the loss against those with these outputs."""
    activations, part = fitting(problem, outputs)
    if not activations:
        return Fit(index, problem, 0)
    losses: dict[Activations, list[Definition]] = {}
    if claimed is not None:
        for acts in activations:
            found = matching_losses(problem, outputs, acts[-1], claimed)
            if found:
                losses[acts] = found
    if part < 1.0:
        rank = part * (1.0 if losses else 0.9 if claimed is None else 0.8)
    else:
        rank = 4.0 if losses else 3.0 if claimed is None else 2.0
    definitions = list(dict.fromkeys(d for found in losses.values() for d in found))
    return Fit(index, problem, rank, list(losses) or activations, definitions)


def _by_loss(index: int, problem: Problem, claimed: float | None, among: Fit | None) -> Fit:
    """Hold a loss alone against every definition; several samples leave but one."""
    found = giving(problem, claimed) if claimed is not None else []
    if among:
        found = [(acts, d) for acts, d in found if acts in among.activations]
    if found and problem.batch.size > 1:
        found = [(acts, d) for acts, d in found if acts == found[0][0]]
    acts = list(dict.fromkeys(acts for acts, _ in found))
    return Fit(index, problem, 4 if found else 0, acts, list(dict.fromkeys(d for _, d in found)))
