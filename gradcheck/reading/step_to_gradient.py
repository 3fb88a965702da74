"""From a step to the gradient that it follows: ``(before - after) / rate``.

Forming the difference costs digits. So the rate is huge where it can be chosen, and the
weight's own digits vanish beside the change. Code that changes weights before it is done
reading them takes a step that is no multiple of its rate: then the gradient is what is
left as the rate goes to zero, and the rest shows in the check of the step. A rate that
is built in cannot be chosen; then parameters are given in extended precision.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.contract.answers import Floats, Pair

#: ``step(pairs, rate) -> pairs after``.
Step = Callable[[list[Any], float], list[Any]]

#: Two rates, powers of two, so that scaling rounds nothing.
HUGE = (2.0**30, 2.0**31)

#: Changes that agree to this part are the same multiple of the rate.
SAME = 1e-9


def extended(array: Floats) -> Any:
    """Return an array in extended precision, where the machine has it."""
    return array.astype(np.longdouble)


def flat(pairs: list[Any]) -> Any:
    """Return all numbers of some pairs in a row."""
    return np.concatenate([np.asarray(a).ravel() for pair in pairs for a in pair])


def shaped(values: Any, like: list[Pair]) -> list[Pair]:
    """Cut a row of numbers into pairs again."""
    pairs, start = [], 0
    for pair in like:
        parts = []
        for array in pair:
            part = values[start : start + array.size]
            parts.append(np.asarray(part, dtype=np.float64).reshape(array.shape))
            start += array.size
        pairs.append((parts[0], parts[1]))
    return pairs


def gradient(step: Step, pairs: list[Pair], rate: float | None, depth: int) -> list[Pair]:
    """Return the gradient that a step follows.

    Parameters
    ----------
    rate : float or None
        The rate that is built in; None when it can be chosen.
    depth : int
        Layers: the implied gradient of a step that reads changed weights is a polynomial in
        the rate, of degree ``2**(depth - 1) - 1``.
    """
    if rate is not None:
        return shaped(_change(step, pairs, rate, wide=True) / rate, pairs)
    one, two = (_change(step, pairs, r) / r for r in HUGE)
    parts, start = [], 0
    several = None
    for array in (array for pair in pairs for array in pair):
        cut = slice(start, start + array.size)
        start += array.size
        # what the difference of two parameters cannot show
        hidden = 4.0 * np.finfo(float).eps * float(np.abs(array).max(initial=0.0)) / HUGE[0]
        if _same(one[cut], two[cut], hidden):
            parts.append(two[cut])
            continue
        if several is None:
            several = _at_small_rates(step, pairs, depth)
        whole, half, polynomial = (values[cut] for values in several)
        power = any(_same(whole, half * factor) for factor in (1.0, 4.0))
        parts.append(whole if power else polynomial)
    return shaped(np.concatenate(parts), pairs)


def _same(one: Any, two: Any, hidden: float = 0.0) -> bool:
    finite = np.isfinite(one).all() and np.isfinite(two).all()
    allowed = SAME * max(np.abs(one).max(), 1e-300) + hidden
    return bool(finite and np.abs(one - two).max() <= allowed)


def _change(step: Step, pairs: list[Pair], rate: float, wide: bool = False) -> Any:
    given = [(extended(w), extended(b)) for w, b in pairs] if wide else pairs
    before = flat(given)
    after = flat(step([(w.copy(), b.copy()) for w, b in given], rate))
    return before - after


def _at_small_rates(step: Step, pairs: list[Pair], depth: int) -> tuple[Any, Any, Any]:
    """Return the changes at the rates 1 and 1/2, and what is implied at a rate of zero.

    Where a rate is ignored or squared, the change at a rate of 1 is the gradient.
    """
    count = min(2 ** (depth - 1), 8) if depth > 1 else 2
    rates = np.cos((2 * np.arange(count, dtype=np.longdouble) + 1) * np.pi / (2 * count))
    limit = np.zeros_like(extended(flat(pairs)))
    for rate in rates:
        others = rates[rates != rate]
        share = np.prod(others / (others - rate))
        limit = limit + share * _change(step, pairs, float(rate), wide=True) / float(rate)
    changes = (_change(step, pairs, rate, wide=True) for rate in (1.0, 0.5))
    return (*changes, limit)
