"""What a catalogued bug is: data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.bugs.textbook import Textbook, only_in
from gradcheck.problem import Problem

#: A difference of this part of a tensor's norm makes a bug visible.
VISIBLE = 1e-9

_RATE = 0.173


@dataclass(frozen=True)
class Bug:
    """One bug that people write.

    Attributes
    ----------
    slug : str
        Readable name, as in the record.
    title : str
        One line.
    site : str
        Which kind of rule is wrong; see the design's list of sites.
    wrong, right : str
        The formulas, side by side.
    why : str
        Why people write it.
    mend : str
        What to change.
    rules : mapping of str to callable
        The textbook's rules that it replaces.
    """

    slug: str
    title: str
    site: str
    wrong: str
    right: str
    why: str
    mend: str
    rules: Mapping[str, Callable[..., Any]]

    def planted(self, layer: int | None = None) -> Textbook:
        """Return an implementation that has this bug, everywhere or in one layer."""
        return Textbook(self.rules if layer is None else only_in(layer, self.rules))

    def visible(self, problem: Problem, layer: int | None = None) -> bool:
        """Whether the bug makes a difference on a problem.

        It does when the loss, a tensor of the gradient, or the parameters after a
        step differ from the textbook's by more than :data:`VISIBLE` of their norm,
        or in shape.
        """
        right, wrong = _answers(Textbook(), problem), _answers(self.planted(layer), problem)
        return any(_differ(r, w) for r, w in zip(right, wrong, strict=True))


def _answers(code: Textbook, problem: Problem) -> list[np.ndarray]:
    """Everything the code says of a problem: loss, gradient, and where a step leads."""
    params = problem.params
    loss, grads = code.loss_and_grads(problem.network, params.copies(), problem.batch)
    stepped = code.step(problem.network, params.copies(), problem.batch, _RATE)
    moved = [
        tuple((after - before) / _RATE for after, before in zip(new, old, strict=True))
        for new, old in zip(stepped, params, strict=True)
    ]
    return [np.array(loss), *(t for pair in grads for t in pair), *(t for p in moved for t in p)]


def _differ(right: np.ndarray, wrong: np.ndarray) -> bool:
    if right.shape != wrong.shape:
        return wrong.shape != (1, *right.shape) or _differ(right, wrong[0])
    size = float(np.linalg.norm(right))
    return not float(np.linalg.norm(right - wrong)) <= VISIBLE * size + 1e-14
