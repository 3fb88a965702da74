"""A weight gradient of another shape, taken for a product of the wrong two factors.

dW[l] is a product of what enters the layer and of its delta. Where the widths differ, a
wrong factor gives another shape; the numbers then say which factor it was.
"""

from collections.abc import Callable, Sequence

import numpy as np

from gradcheck.networks.bugs import CATALOGUE
from gradcheck.networks.bugs.textbook import Pass
from gradcheck.networks.diagnosis.advice import explain
from gradcheck.networks.diagnosis.diagnosis import Diagnosis, Name
from gradcheck.networks.diagnosis.recover_deltas import same, textbook_pass
from gradcheck.networks.problem import Floats, Problem

#: What a bug multiplies in place of the inputs and the delta of layer l: the layers of both.
_FACTORS: dict[str, Callable[[int], tuple[int, int]]] = {
    "own_output_for_input": lambda layer: (layer, layer),
    "network_input_for_every_layer": lambda layer: (0, layer),
    "weight_gradient_of_layer_above": lambda layer: (layer - 1, layer + 1),
}


def wrong_product(
    answers: Sequence[tuple[Problem, Floats]], layer: int, tolerance: float
) -> Diagnosis | None:
    """Name the wrong factors of dW of a layer; None where no two factors explain every answer.

    Parameters
    ----------
    answers : sequence of (Problem, array)
        What was returned for dW of the layer, of any shape.
    layer : int
    tolerance : float
        Numbers are right when they are so near.
    """
    passes = [_worked(problem) for problem, _ in answers]
    for slug, factors in _FACTORS.items():
        inputs, delta = factors(layer)
        if delta > passes[0].last or not all(
            _is(array, p, inputs, delta, tolerance)
            for (_, array), p in zip(answers, passes, strict=True)
        ):
            continue
        bug, name = CATALOGUE[slug], Name(slug, "weight_gradient", layer)
        text = explain(bug, name, answers[0][0].network)
        return Diagnosis(name, "named", text, bug.mend)
    return None


def _worked(problem: Problem) -> Pass:
    p = textbook_pass(problem)
    for layer in range(p.last, 0, -1):
        p.propagate(layer)
    return p


def _is(array: Floats, p: Pass, inputs: int, delta: int, tolerance: float) -> bool:
    left, right = p.a[inputs], p.delta[delta]
    products = [float(p.apply("scale")) * (left.T @ right)]  # of the batch, or of one sample
    products += [np.outer(a, d) for a, d in zip(left, right, strict=True)]
    return any(
        array.shape == turned.shape and same(array, turned, tolerance)
        for product in products
        for turned in (product, product.T)
    )
