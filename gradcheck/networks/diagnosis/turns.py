"""The forms in which one tensor comes back for another, and how each is turned back.

What a form looks like, what it is where every number is right so, and what to do.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradcheck.networks.problem import Floats, Problem


@dataclass(frozen=True)
class Turn:
    """Another form of one tensor, and how it is turned back.

    Attributes
    ----------
    back : callable
        ``back(array, problem, layer)`` returns the tensor, or None where it is not of this form.
    looks : str
        What it looks like.
    proven : str
        What is a fact when the numbers are right so.
    fix : str
    bug, site : str
        The catalogue's name of it, if it has one, and where it is made.
    kind : str
        ``W``, ``b`` or both.
    """

    back: Callable[[Floats, Problem, int], Floats | None]
    looks: str
    proven: str
    fix: str
    bug: str = ""
    site: str = "returned_gradient"
    kind: str = "Wb"


def _reshaped(array: Floats, shape: tuple[int, ...]) -> Floats | None:
    return array.reshape(shape) if array.size == int(np.prod(shape)) else None


def shape_of(problem: Problem, kind: str, layer: int) -> tuple[int, ...]:
    """Return the shape that a tensor must have."""
    shape: tuple[int, ...] = problem.params.pairs[layer - 1]["Wb".index(kind)].shape
    return shape


def _weights(array: Floats, problem: Problem, layer: int) -> Floats | None:
    return array if array.shape == shape_of(problem, "W", layer) else None


def _biases(array: Floats, problem: Problem, layer: int) -> Floats | None:
    return array if array.shape == shape_of(problem, "b", layer) else None


def _transposed(array: Floats, problem: Problem, layer: int) -> Floats | None:
    return array.T if array.T.shape == shape_of(problem, "W", layer) else None


def _summed(array: Floats, problem: Problem, layer: int) -> Floats | None:
    """Sum (N, n) or (n, N) over the samples."""
    n, units = problem.batch.size, problem.network.widths[layer]
    if array.shape == (n, units):
        return total(array, 0)
    return total(array, 1) if array.shape == (units, n) else None


def total(array: Floats, axis: int) -> Floats:
    """Return the sums over an axis."""
    total: Floats = array.sum(axis=axis)
    return total


def _squeezed(array: Floats, problem: Problem, layer: int) -> Floats | None:
    units = problem.network.widths[layer]
    return array.reshape(units) if array.size == units else None


def _of_samples(array: Floats, problem: Problem, layer: int) -> Floats | None:
    """One number a sample: what summing over the units gives."""
    n = problem.batch.size
    if array.shape not in ((n,), (1, n), (n, 1)):
        return None
    return array.reshape(n)


def _one_number(array: Floats, problem: Problem, layer: int) -> Floats | None:
    return array.reshape(()) if array.size == 1 else None


def _weights_of_vector(array: Floats, problem: Problem, layer: int) -> Floats | None:
    return _reshaped(array, shape_of(problem, "W", layer)) if array.ndim == 1 else None


TURNS = (
    Turn(_weights, "", "", "", kind="W"),
    Turn(_biases, "", "", "", kind="b"),
    Turn(
        _transposed,
        "it looks transposed",
        "it is transposed: the other way round every number in it is right",
        "Return it as W lies: a {input} for each input, a {output} for each unit.",
        "weight_gradient_transposed",
        "weight_gradient",
        "W",
    ),
    Turn(
        _weights_of_vector,
        "it looks flattened",
        "it is flattened: in the shape of W every number in it is right",
        "Reshape it to the shape of W before it is returned.",
        kind="W",
    ),
    Turn(
        _squeezed,
        "it has the right number of entries, in another shape",
        "its numbers are right, in another shape",
        "Return it in the shape of b: one number for each unit.",
        kind="b",
    ),
    Turn(
        _summed,
        "it looks as if it was not summed over the batch",
        "it was not summed over the batch: summed, every number in it is right",
        "Sum over the samples.",
        "bias_gradient_not_summed",
        "bias_gradient",
        "b",
    ),
)

#: Forms from which the tensor cannot be had again, but what they are can be shown.
LOST = (
    Turn(
        _of_samples,
        "there is one number for each sample, so it looks summed over the units",
        "it was summed over the units: there is one number for each sample, made of that "
        "sample's delta alone",
        "Sum along the other axis: over the samples, so that one number is left for each unit.",
        "bias_summed_over_units",
        "bias_gradient",
        "b",
    ),
    Turn(
        _one_number,
        "it looks as if it was summed over every axis",
        "it was summed over every axis: it is the sum over samples and units",
        "Sum over the samples only, so that one number is left for each unit.",
        "bias_gradient_one_number",
        "bias_gradient",
        "b",
    ),
)
