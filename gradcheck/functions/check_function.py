"""Checking the gradient of any function: random directions, a verdict, a bound.

For code that is no network. Only values of the function are used; what cannot be
told from them is ``unresolved``. Every tensor is judged along random directions of its
own; single entries are looked at only in tensors that fail.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradcheck.comparison.verdict import Verdict
from gradcheck.contract.posed import Floats
from gradcheck.errors import UsageError
from gradcheck.functions.tensors import FunctionCheck, TensorCheck, checked_again, judged, summed_up
from gradcheck.oracle.function import EVALUATIONS, Values, in_stacks, one_by_one, real, short_floats

#: Directions unless told otherwise: an error of 100 bars escapes them with 1e-14.
DEFAULT_DIRECTIONS = 7

#: Said beforehand when a check is foreseen to take longer, in seconds.
SAID = 1.0

#: Called with one sentence.
Say = Callable[[str], None]


def check_function(
    function: Callable[[Any], Any],
    point: Any,
    gradient: Any,
    *,
    directions: int = DEFAULT_DIRECTIONS,
    seed: int = 0,
    stacked: bool = False,
    progress: Say = lambda what: None,
) -> FunctionCheck:
    """Judge a claimed gradient of a function at a point.

    Parameters
    ----------
    function : callable
        From a float64 array of the point's shape to one number; where the point has
        named tensors, from a dictionary of arrays.
    point : array_like, or mapping of str to array_like
    gradient : array_like, or mapping of str to array_like
        Of the point's names and shapes.
    directions : int
        How many random directions of each tensor are differenced.
    seed : int
        Of the directions.
    stacked : bool
        The function takes many points at once: arrays with one more axis in front, (K,
        *shape), to K numbers. That it gives the same as one by one is tried first.
    progress : callable, optional
        Told beforehand, in one sentence, what takes longer than a second.

    Returns
    -------
    FunctionCheck
        With a :class:`~gradcheck.functions.tensors.TensorCheck` for each tensor.

    Raises
    ------
    UsageError
        When names or shapes differ, the point is not finite, there is nothing to
        compare, a function said to take stacks does not, or a point, gradient or value is
        complex or no number at all.
    """
    if directions < 1:
        raise UsageError(f"directions must be 1 or more; got {directions}")
    tensors, claims, named = _read(point, gradient)
    if not all(np.isfinite(claim).all() for claim in claims.values()):
        return FunctionCheck.not_finite()
    if stacked:
        _try_stacks(function, tensors, named)
    domain = _Domain()
    value = _foresee(function, tensors, named, directions, stacked, progress)
    rng = np.random.default_rng(seed)
    checked: dict[str, TensorCheck] = {}
    for name, claim in claims.items():
        values, x = _values_by(function, tensors, name, named, stacked, domain), tensors[name]
        checked[name] = judged(values, x, claim, directions, rng)
        if checked[name].verdict is not Verdict.CORRECT or checked[name].on_kink:
            short = short_floats(gradient[name] if named else gradient)
            checked[name] = checked_again(checked[name], values, x, claim, directions, rng, short)
    return summed_up(checked, value, domain.raised)


def _read(point: Any, gradient: Any) -> tuple[dict[str, Floats], dict[str, Floats], bool]:
    """Return tensors and claims by name, and whether the caller named them."""
    named = isinstance(point, Mapping)
    if named != isinstance(gradient, Mapping):
        raise UsageError("point and gradient must both be arrays, or both have named tensors")
    points, claims = (point, gradient) if named else ({"": point}, {"": gradient})
    if set(points) != set(claims):
        raise UsageError(
            f"the gradient must have the point's tensors {sorted(points)}; got {sorted(claims)}"
        )
    tensors = {str(n): real(points[n], f"the point{_of(n)}") for n in points}
    claimed = {str(n): real(claims[n], f"the gradient{_of(n)}") for n in points}
    for name, x in tensors.items():
        of = _of(name)
        if x.shape != claimed[name].shape or x.size == 0:
            raise UsageError(
                f"the gradient{of} must have the point's shape {x.shape}; got {claimed[name].shape}"
            )
        if not np.isfinite(x).all():
            raise UsageError(f"the point{of} has an entry that is not finite")
    if not tensors:
        raise UsageError("the point has no tensor: there is nothing to compare")
    return tensors, claimed, named


def _of(name: Any) -> str:
    return f" of {name}" if name != "" else ""


def _values_by(
    function: Callable[[Any], Any],
    tensors: dict[str, Floats],
    name: str,
    named: bool,
    stacked: bool,
    domain: "_Domain | None" = None,
) -> Values:
    """Return the function of one tensor alone, at a stack of points; copies throughout."""

    def at(moved: Floats) -> Any:
        if not named:
            return function(moved.copy())
        lead = moved.shape[: moved.ndim - tensors[name].ndim]
        return function(
            {
                other: moved.copy() if other == name else np.broadcast_to(x, lead + x.shape).copy()
                for other, x in tensors.items()
            }
        )

    return (in_stacks if stacked else one_by_one)((domain or _Domain()).within(at, stacked))


class _Domain:
    """Where a function raises it has no value; what it raised first is kept."""

    raised: Exception | None = None

    def within(self, function: Callable[[Any], Any], stacked: bool) -> Callable[[Any], Any]:
        def values(points: Floats) -> Any:
            try:
                return function(points)
            except UsageError:
                raise
            except Exception as error:  # the function's own code may raise anything
                self.raised = self.raised or error
                if not stacked:
                    return float("nan")
                if len(points) == 1:
                    return np.array([np.nan])
                alone = [values(points[k : k + 1]) for k in range(len(points))]
                return np.concatenate(alone)  # one of them may have spoiled the others

        return values


def _try_stacks(function: Callable[[Any], Any], tensors: dict[str, Floats], named: bool) -> None:
    name, x = next(iter(tensors.items()))
    points = np.stack([x, x + 0.01 * max(1.0, float(np.abs(x).max()))])
    single = _values_by(function, tensors, name, named, False)(points)
    domain = _Domain()
    try:
        together = _values_by(function, tensors, name, named, True, domain)(points)
        error = None if np.isnan(single).any() else domain.raised
    except ValueError as shape:
        error = shape
    if error is not None:
        raise UsageError(
            f"the function does not take a stack of points ({type(error).__name__}: {error}); "
            f"leave stacked out"
        )
    size = np.abs(single) + float(np.abs(single).max())
    if not (np.abs(together - single) <= 1e-9 * size)[np.isfinite(single)].all():
        raise UsageError("the function gives other values for a stack of points than one by one")


def _foresee(
    function: Callable[[Any], Any],
    tensors: dict[str, Floats],
    named: bool,
    directions: int,
    stacked: bool,
    progress: Say,
) -> float:
    """Say what the check will take, if that is long; return the function's value."""
    name, x = next(iter(tensors.items()))
    values = _values_by(function, tensors, name, named, stacked)
    count = EVALUATIONS * directions * len(tensors)
    start = time.perf_counter()
    value = float(values(x[None])[0])
    seconds = count * (time.perf_counter() - start)
    if seconds > SAID:
        noun = "tensor" if len(tensors) == 1 else "tensors"
        progress(
            f"{directions} directions of {len(tensors)} {noun}, about {count} values of the "
            f"function: about {seconds:.0f} s"
        )
    return value
