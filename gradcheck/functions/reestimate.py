"""A tensor that fails is heard again, where its claim may be right all the same.

A gradient computed in float32 fails when it is held to the precision of float64. So its
arithmetic is looked at, but only in what fails; of what stays wrong the worst entry is found.
"""

from dataclasses import replace

import numpy as np

from gradcheck.comparison.verdict import Verdict
from gradcheck.contract.answers import Floats
from gradcheck.functions.tensors import ENTRIES, TensorCheck, judged, worst_entry
from gradcheck.oracle.function import Values

#: Granted to what is shorter than float64, as a part of the gradient's norm: so many of its units.
UNITS = 32.0

#: Entries are of like size where none is so many times as large as another.
WIDTH = 100.0

#: Numbers of so few bits say nothing of the arithmetic they come from.
_FEW_BITS = 2.0**16


def heard_again(
    found: TensorCheck,
    values: Values,
    x: Floats,
    claim: Floats,
    directions: int,
    rng: np.random.Generator,
    short: str = "",
) -> TensorCheck:
    """Return the verdict on a tensor that is not correct, with the entry furthest off.

    The claim was handed over in the arithmetic that ``short`` names; where that is
    float64 its numbers may show another.
    """
    short = short or ("float32" if in_float32(claim) else "")
    grant = UNITS * float(np.finfo(short).eps) / 2.0 if short else 0.0
    doubted = found.verdict is not Verdict.CORRECT
    groups = grouped(x)
    if grant or len(groups) > 1:
        found = judged(values, x, claim, directions, rng, grant, groups)
    if found.verdict is not Verdict.WRONG and found.on_kink and 1 < x.size <= ENTRIES:
        # along single entries the interval on a kink is all that there is
        alone = judged(values, x, claim, min(directions, 2), rng, grant, _apart(x))
        found = alone if alone.verdict is Verdict.WRONG else found
    if found.verdict is Verdict.WRONG:
        order = rng.permutation(x.size)[:ENTRIES]
        found = worst_entry(found, values, x, claim, order, grant)
    if doubted and short and found.verdict is Verdict.CORRECT:
        found = replace(found, note=f"{short} arithmetic")
    return found


def grouped(x: Floats) -> list[Floats]:
    """Group entries of like size: of a vector of mixed sizes one step is never right for all.

    Returns
    -------
    groups : list of array
        1 in each group's own entries, else 0; zeros are a group of their own.
    """
    sizes = np.abs(x)
    groups = []
    left = sizes > 0
    while left.any():
        here = left & (sizes > sizes[left].max() / WIDTH)
        groups.append(here.astype(float))
        left &= ~here
    zeros = sizes == 0
    return groups + ([zeros.astype(float)] if zeros.any() else [])


def _apart(x: Floats) -> list[Floats]:
    """Return each entry as a group of its own."""
    return list(np.eye(x.size).reshape(x.size, *x.shape))


def in_float32(claim: Floats) -> bool:
    """Whether a claim's numbers show that it was computed in float32."""
    with np.errstate(over="ignore"):
        short = claim.astype(np.float32).astype(float)
    if not (short == claim).all():
        return False
    mantissas = np.frexp(claim)[0] * _FEW_BITS
    return bool((mantissas != np.round(mantissas)).any())
