"""A tensor that fails is heard again, where its claim may be right all the same.

A gradient computed in float32 fails when it is held to the precision of float64. So its
arithmetic is looked at, but only in what fails; of what stays wrong the worst entry is found.
"""

from dataclasses import replace

import numpy as np

from gradcheck.function_tensors import ENTRIES, TensorCheck, judged, worst_entry
from gradcheck.oracle.function import Values
from gradcheck.problem import Floats
from gradcheck.verdict import Verdict

#: Granted to float32, as a part of the gradient's norm: 32 of its units.
FLOAT32 = 32.0 * 2.0**-24

#: Numbers of so few bits say nothing of the arithmetic they come from.
_FEW_BITS = 2.0**16


def heard_again(
    found: TensorCheck,
    values: Values,
    x: Floats,
    claim: Floats,
    directions: int,
    rng: np.random.Generator,
) -> TensorCheck:
    """Return the verdict on a tensor that is not correct, with the entry furthest off."""
    grant = FLOAT32 if in_float32(claim) else 0.0
    if grant and found.verdict is Verdict.WRONG:
        found = judged(values, x, claim, directions, rng, grant)
    if found.verdict is Verdict.WRONG and x.size > 1:
        order = rng.permutation(x.size)[:ENTRIES]
        found = worst_entry(found, values, x, claim, order, grant)
    if grant and found.verdict is Verdict.CORRECT:
        found = replace(found, note="float32 arithmetic")
    return found


def in_float32(claim: Floats) -> bool:
    """Whether a claim was computed in float32, whatever it is handed over as."""
    with np.errstate(over="ignore"):
        short = claim.astype(np.float32).astype(float)
    if not (short == claim).all():
        return False
    mantissas = np.frexp(claim)[0] * _FEW_BITS
    return bool((mantissas != np.round(mantissas)).any())
