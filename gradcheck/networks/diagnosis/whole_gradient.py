"""One factor on the whole gradient, or on every data part of it: the reduction, mostly.

Right numbers in wrong places: what is returned was put together in another order.

A weight gradient of another shape, taken for a product of the wrong two factors.

dW[l] is a product of what enters the layer and of its delta. Where the widths differ, a
wrong factor gives another shape; the numbers then say which factor it was.
"""

from collections.abc import Callable, Sequence

import numpy as np

from gradcheck.contract.problem import Tensors
from gradcheck.networks.bugs import CATALOGUE
from gradcheck.networks.bugs.textbook import Pass, Textbook
from gradcheck.networks.diagnosis.diagnosis import Diagnosis, Name, explain
from gradcheck.networks.diagnosis.observations import Observations
from gradcheck.networks.diagnosis.recover_deltas import FACTOR, RecoveredDeltas, same, textbook_pass
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Floats, Problem

#: Answers are one multiple of the right ones when nothing larger than this part is left.
MULTIPLE = 1e-6


def common_factor(surveys: list[RecoveredDeltas]) -> list[Diagnosis]:
    """Is every data part off by one factor?"""
    known = [(s.problem.batch.size, s.factor) for s in surveys if s.factor is not None]
    if not known:
        return []
    factors = dict(known)
    n, c = max(factors.items())
    network = surveys[0].problem.network
    if any(abs(found - factors[size]) > FACTOR * abs(found) for size, found in known):
        low, high = min(found for _, found in known), max(found for _, found in known)
        text = (
            "Every data part of the gradient is one multiple of what it should be, and another "
            f"one on every problem: from {low:.3g} to {high:.3g} times."
        )
        mend = "Look for a division by something that is computed from the gradient or the batch."
        return [Diagnosis(Name("", "returned_gradient", None), "localised", text, mend)]
    bug = _reduction(network, factors)
    if bug:
        name = Name(bug, CATALOGUE[bug].site, None)
        text, mend = explain(CATALOGUE[bug], name, network), CATALOGUE[bug].mend
        return [Diagnosis(name, "named", text, mend, recovered={"factor": c})]
    text = f"Every data part of the gradient is {c:.6g} times what it should be (N = {n})."
    if len({round(factor, 6) for factor in factors.values()}) > 1:
        mend = "Look at where the gradient is divided by the batch."
        name = Name("", "batch_reduction", None)
        return [Diagnosis(name, "localised", text, mend, recovered={"factor": c})]
    # the output's delta, the reduction, and with no penalty the whole are one function
    sites = ["loss_derivative", "batch_reduction"]
    sites = sites if network.l2 else ["returned_gradient", *sites]
    places = [Name("", s, network.depth if s == "loss_derivative" else None) for s in sites]
    mend = "Look for a constant where the error of the outputs is formed, and where sums end."
    return [
        Diagnosis(
            places[0], "localised", text, mend, also=tuple(places[1:]), recovered={"factor": c}
        )
    ]


def whole_multiple(*parts: Observations) -> list[Diagnosis]:
    """Is the whole gradient, with what the penalty gives, one multiple of the right one?"""
    answered = [
        (answer.tensors, truth.tensors)
        for part in parts
        for answer, truth in zip(part.answers, part.right, strict=True)
        if answer.failure is None
    ]
    claimed, right = ([_flat(both[side]) for both in answered] for side in (0, 1))
    square = sum(float(r @ r) for r in right)
    if not square or not all(np.isfinite(c).all() for c in claimed):
        return []
    factor = sum(float(c @ r) for c, r in zip(claimed, right, strict=True)) / square
    left = sum(float(np.square(c - factor * r).sum()) for c, r in zip(claimed, right, strict=True))
    if left > MULTIPLE**2 * factor**2 * square or abs(factor - 1) <= FACTOR or not factor:
        return []
    text = f"The whole gradient, penalty included, is {factor:.6g} times what it should be."
    mend = "Look at the end of the function, where the gradient is returned."
    name = Name("", "returned_gradient", None)
    return [Diagnosis(name, "localised", text, mend, recovered={"factor": factor})]


def _flat(tensors: Tensors) -> Floats:
    return np.concatenate([tensor.ravel() for tensor in tensors.values()])


def _reduction(network: Network, factors: dict[int, float]) -> str:
    """Name the factor when one catalogued reduction gives it at every batch size."""
    for bug in CATALOGUE.values():
        if bug.site != "batch_reduction" or set(bug.rules) != {"scale"}:
            continue
        fits = True
        for n, c in factors.items():
            y = np.zeros((n, network.widths[-1]))
            p = Pass(network, [], y, Textbook().rules, a={0: np.zeros((n, network.widths[0]))})
            right = p.apply("scale")
            wrong = bug.rules["scale"](p)
            fits = (
                fits
                and abs(wrong / right - 1.0) > FACTOR
                and abs(wrong / right - c) <= 1e-6 * abs(c)
            )
        if fits:
            return bug.slug
    return ""


def mixed_up(tolerance: float, *parts: Observations) -> list[Diagnosis]:
    """Say of which layers the entries are right and stand elsewhere; nothing if more is wrong."""
    answered = [
        (answer.tensors, right.tensors)
        for part in parts
        for answer, right in zip(part.answers, part.right, strict=True)
        if answer.failure is None and right.failure is None
    ]
    if len(answered) < 2:
        return []
    wrong = [
        layer
        for layer in range(1, len(answered[0][1].pairs) + 1)
        if not all(same(_row(a, layer), _row(r, layer), tolerance) for a, r in answered)
    ]
    told = []
    for layer in wrong:
        if not all(same(_sorted(a, layer), _sorted(r, layer), tolerance) for a, r in answered):
            return []
        text = (
            f"The gradients of layer {layer} have the right numbers in the wrong places: their "
            "entries are mixed up."
        )
        fix = f"Look at the lines that reshape, flatten or stack the gradients of layer {layer}."
        told.append(Diagnosis(Name("", "returned_gradient", layer), "localised", text, fix))
    return told


def _row(tensors: Tensors, layer: int) -> Floats:
    return np.concatenate([tensor.ravel() for tensor in tensors.pairs[layer - 1]])


def _sorted(tensors: Tensors, layer: int) -> Floats:
    return np.sort(_row(tensors, layer))


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
