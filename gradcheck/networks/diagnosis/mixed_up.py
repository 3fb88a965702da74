"""Right numbers in wrong places: what is returned was put together in another order."""

import numpy as np

from gradcheck.contract.protocol import Tensors
from gradcheck.networks.diagnosis.diagnosis import Diagnosis, Name
from gradcheck.networks.diagnosis.observations import Evidence
from gradcheck.networks.diagnosis.recover_deltas import same
from gradcheck.networks.problem import Floats


def mixed_up(tolerance: float, *parts: Evidence) -> list[Diagnosis]:
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
        for layer in range(1, len(answered[0][1]) + 1)
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
    return np.concatenate([tensor.ravel() for tensor in tensors[layer - 1]])


def _sorted(tensors: Tensors, layer: int) -> Floats:
    return np.sort(_row(tensors, layer))
