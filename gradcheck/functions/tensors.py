"""One tensor of a function's gradient, and what that says of the whole.

A tensor that fails is checked again, where its claim may be right all the same.

A gradient computed in float32 fails when it is held to the precision of float64. So its
arithmetic is looked at, but only in what fails; of what stays wrong the worst entry is found.
"""

import math
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradcheck.comparison.compare import RESOLVED
from gradcheck.comparison.verdict import Judged, Verdict, one_line, worst
from gradcheck.contract.posed import Floats
from gradcheck.oracle.estimate import SLACK, UNIT, drawn, miss_probability, smallest_seen
from gradcheck.oracle.function import FIRST_STEP_AGAIN, Interval, Values, directional_of

#: A claim within this many bars agrees.
BARS = 3.0

#: Entries looked at in a tensor that fails; of larger ones, a random part.
ENTRIES = 200


@dataclass(frozen=True, repr=False, eq=False)
class TensorCheck(Judged):
    """How one tensor came out.

    Attributes
    ----------
    verdict : Verdict
    message : str
    resolution : float
        Largest bar of a direction over the gradient's norm.
    smallest_seen : float
        An error of this part of the gradient's norm would have been missed with a
        probability of at most 1e-9.
    miss_probability : float
        Bound on the probability that such an error went unseen; of one as large as a
        thousandth of the norm, if that is larger.
    on_kink : bool
    zero : bool
        Claim and estimate are both zero.
    entry : tuple of int or None
        In a tensor that fails, the entry furthest off among those looked at.
    claimed, expected, error_bar : float
        There.
    looked_at : int
        How many entries were.
    note : str
        What was granted, such as ``float32 arithmetic``.
    """

    verdict: Verdict
    message: str
    resolution: float
    smallest_seen: float
    miss_probability: float
    on_kink: bool
    zero: bool = False
    entry: tuple[int, ...] | None = None
    claimed: float = float("nan")
    expected: float = float("nan")
    error_bar: float = float("nan")
    looked_at: int = 0
    note: str = ""

    def _short(self) -> str:
        return _fault("", self)


@dataclass(frozen=True, repr=False, eq=False)
class FunctionCheck(Judged):
    """How a claimed gradient of a function came out; true only when it is correct.

    Attributes
    ----------
    verdict : Verdict
        The worst of any tensor; a tensor that is zero is right if not all are.
    message : str
    resolution, smallest_seen, miss_probability : float
        Of the tensor that is known worst; see :class:`TensorCheck`.
    on_kink : bool
        Whether any tensor is.
    tensors : mapping of str to TensorCheck
        By name; the name is empty for a point without names.
    exception : Exception or None
        What the function raised where nothing could be told for it.
    """

    verdict: Verdict
    message: str
    resolution: float
    smallest_seen: float
    miss_probability: float
    on_kink: bool
    tensors: Mapping[str, TensorCheck] = field(default_factory=dict)
    exception: Exception | None = field(default=None, compare=False)

    def _short(self) -> str:
        return one_line(self.message)

    def __getstate__(self) -> dict[str, Any]:
        """Keep what can be kept elsewhere: an exception may be of a class that cannot."""
        told = dict(vars(self))
        try:
            pickle.loads(pickle.dumps(self.exception))
        except Exception as error:  # it may do anything
            told["exception"] = RuntimeError(f"{self.exception!r} (cannot be kept: {error})")
        return told

    @classmethod
    def not_finite(cls) -> "FunctionCheck":
        """Return the verdict on a claim that is not finite."""
        message = "The gradient is wrong: it has entries that are not finite."
        return cls(Verdict.WRONG, message, float("inf"), float("inf"), 1.0, False)


def judged(
    values: Values,
    x: Floats,
    claim: Floats,
    directions: int,
    rng: np.random.Generator,
    grant: float = 0.0,
    groups: Sequence[Floats] = (),
) -> TensorCheck:
    """Judge a tensor along random directions.

    Of the claim's norm a part is granted to the arithmetic that it was computed in. Where
    its entries are grouped (1 in each group's own entries, else 0), each group is moved alone:
    what is missed in all of them together is at most the root of the sum of their squares.

    Two rungs of a ladder may agree by accident, about once in 100 000 ladders. So the first
    direction that contradicts the claim is checked again, on another ladder.
    """
    norm = float(np.linalg.norm(claim))
    rounding = SLACK * UNIT * float(np.sqrt(x.size)) * norm + grant * norm
    checked = [
        _checked_group(values, x, claim * group, group * drawn(rng, directions, x.shape), rounding)
        for group in groups or [np.ones(x.shape)]
    ]
    bar, size = math.hypot(*(h.bar for h in checked)), math.hypot(*(h.size for h in checked))
    # what lies between the slopes at both sides of a kink is not told apart
    told = bar + math.hypot(*(h.width for h in checked))
    resolution = bar / size if size > 0 else float("inf")
    seen = smallest_seen(told / size, directions) if size > 0 else float("inf")
    shown = max(1e-3, seen) * size
    known = np.isfinite((shown, told)).all()
    ratio = math.inf if told == 0 else shown / told if known else 0.0
    missed = miss_probability(ratio, directions)
    kink = any(h.width > 0 for h in checked)
    off = max((h.off for h in checked if np.isfinite(h.bar)), default=0.0)
    zero = size <= bar < float("inf") and not norm > 0
    if off > 1:
        verdict, message = Verdict.WRONG, f"it is off by {off:.1e} error bars"
    elif zero:
        verdict, message = Verdict.UNRESOLVED, "zero gradient"
    elif not resolution <= RESOLVED or any(h.doubtful for h in checked):
        verdict, message = Verdict.UNRESOLVED, "too noisy or too rough here to tell"
    elif kink:
        verdict, message = Verdict.CORRECT, "on a kink any slope between the one-sided ones will do"
    else:
        verdict, message = Verdict.CORRECT, f"an error of {seen:.0e} of its norm would be seen"
    return TensorCheck(verdict, message, resolution, seen, missed, kink, zero)


@dataclass
class _GroupCheck:
    """What the directions of a group say of a claim."""

    size: float  # of the gradient there, as claimed or found
    bar: float = 0.0  # the largest; infinite where the function has no finite values along one
    width: float = 0.0  # of the largest interval between the slopes at both sides of a kink
    off: float = 0.0  # how many bars the claim is off, at most, where nothing speaks for it
    doubtful: bool = False  # something may speak for it


def _checked_group(
    values: Values, x: Floats, claim: Floats, directions: Floats, rounding: float
) -> _GroupCheck:
    """Ask the function along directions."""
    group = _GroupCheck(float(np.linalg.norm(claim)))
    closer = True  # what is noise along one direction is that along the others
    for v in directions:
        claimed = float((claim * v).sum())
        estimate = directional_of(values, x, v, closer=closer)
        closer = estimate.varies
        if group.off <= 1 and estimate.distance(claimed) > BARS * estimate.error + rounding:
            estimate = directional_of(values, x, v, FIRST_STEP_AGAIN)
        bar = BARS * estimate.error + rounding
        if not np.isfinite((estimate.low, estimate.high, bar)).all():
            group.bar = float("inf")
            continue
        group.bar = max(group.bar, bar)
        group.width = max(group.width, estimate.high - estimate.low)
        group.size = max(group.size, abs(estimate.low), abs(estimate.high))
        off = estimate.distance(claimed)
        if off > bar and _may_be(estimate, claimed, v, rounding):
            group.doubtful = True
        else:
            group.off = max(group.off, off / bar if bar > 0 else (np.inf if off > 0 else 0.0))
    return group


def _may_be(found: Interval, claimed: float, direction: Floats, rounding: float) -> bool:
    """Whether a claim that is off may be right.

    It may, where what varies over short stretches is noise; and where several entries are
    on a kink each: an interval along all of them does not hold all that is between.
    """
    if found.low < found.high and np.count_nonzero(direction) > 1:
        return True
    rival = found.rival
    return rival is not None and rival.distance(claimed) <= BARS * rival.error + rounding


def worst_entry(
    found: TensorCheck,
    values: Values,
    x: Floats,
    claim: Floats,
    order: np.ndarray,
    grant: float = 0.0,
) -> TensorCheck:
    """Find the entry that is furthest off of those in ``order``, in a tensor that fails."""
    furthest, looked_at = 0.0, len(order)
    for index in order:
        entry = tuple(int(i) for i in np.unravel_index(int(index), x.shape))
        unit = np.zeros(x.shape)
        unit[entry] = 1.0
        estimate = directional_of(values, x, unit)
        bar = BARS * estimate.error + (SLACK * UNIT + grant) * abs(float(claim[entry]))
        off = estimate.distance(float(claim[entry]))
        if np.isfinite(bar) and off > max(bar, furthest):
            furthest, middle = off, 0.5 * (estimate.low + estimate.high)
            found = replace(
                found, entry=entry, claimed=float(claim[entry]), expected=middle, error_bar=bar
            )
    return replace(found, looked_at=looked_at)


def summed_up(
    tensors: dict[str, TensorCheck], value: float, raised: Exception | None = None
) -> FunctionCheck:
    """Put the tensors' verdicts together, and say what the function gave or raised if that decided.

    It gives the value at the point, and raised that exception first.
    """
    known = {name: t for name, t in tensors.items() if not t.zero}
    verdict = worst(t.verdict for t in known.values())
    shown = known or tensors
    resolution = max(t.resolution for t in shown.values())
    seen = max(t.smallest_seen for t in shown.values())
    missed = max(t.miss_probability for t in shown.values())  # an error is somewhere
    kink = any(t.on_kink for t in tensors.values())
    message = _message(verdict, tensors, known, seen, kink)
    if verdict is Verdict.UNRESOLVED and raised is None and not math.isfinite(value):
        message = f"The function is {value} at the point, so there is no gradient to compare with."
    if verdict is not Verdict.UNRESOLVED or raised is None:
        return FunctionCheck(verdict, message, resolution, seen, missed, kink, tensors)
    why = one_line(f"{type(raised).__name__}: {raised}")
    message = f"The function raises here or close by, so nobody can tell ({why})."
    return FunctionCheck(verdict, message, resolution, seen, missed, kink, tensors, raised)


def _message(
    verdict: Verdict,
    tensors: dict[str, TensorCheck],
    known: dict[str, TensorCheck],
    seen: float,
    kink: bool,
) -> str:
    if not known:
        return "Gradient and estimate are both zero here: nothing was compared."
    if verdict is Verdict.WRONG:
        bad = (_fault(name, t) for name, t in known.items() if t.verdict is Verdict.WRONG)
        return f"The gradient is wrong: {'; '.join(bad)}."
    if verdict is Verdict.UNRESOLVED:
        where = [n for n, t in known.items() if n and t.verdict is Verdict.UNRESOLVED]
        place = f" ({', '.join(where)})" if where else ""
        return f"The function is too noisy or too rough here to tell{place}."
    if kink:
        text = (
            "The gradient is right as far as can be told: the point is on a kink, where any slope "
            "between the one-sided ones is accepted."
        )
    else:
        text = (
            f"The gradient is right: an error of {seen:.0e} of its norm would have been seen "
            f"(missed with a probability below 1e-9)."
        )
    notes = dict.fromkeys(t.note for t in known.values() if t.note)
    if notes:
        text += f" Granted: {', '.join(notes)}."
    zero = [name for name, t in tensors.items() if t.zero]
    return f"{text} Zero gradient: {', '.join(zero)}." if zero else text


def _fault(name: str, tensor: TensorCheck) -> str:
    text = f"{name}: {tensor.message}" if name else tensor.message
    if tensor.entry is None:
        return text
    place = f"at {name}[{','.join(map(str, tensor.entry))}] " if tensor.entry else ""
    return (
        f"{text}, {place}it is {tensor.claimed:.6g} where {tensor.expected:.6g} "
        f"± {tensor.error_bar:.0e} is found"
    )


#: Granted to what is shorter than float64, as a part of the gradient's norm: so many of its units.
UNITS = 32.0

#: Entries are of like size where none is so many times as large as another.
LIKE_SIZE = 100.0

#: Numbers of so few bits say nothing of the arithmetic they come from.
_FEW_BITS = 2.0**16


def checked_again(
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
        apart = list(np.eye(x.size).reshape(x.size, *x.shape))
        alone = judged(values, x, claim, min(directions, 2), rng, grant, apart)
        found = alone if alone.verdict is Verdict.WRONG else found
    if found.verdict is Verdict.WRONG:
        order = rng.permutation(x.size)[:ENTRIES]
        found = worst_entry(found, values, x, claim, order, grant)
    if doubted and short and found.verdict is Verdict.CORRECT:
        found = replace(found, note=f"{short} arithmetic")
    return found


def grouped(x: Floats) -> list[Floats]:
    """Group entries of like size: of a vector of mixed sizes one step is never right for all.

    A group is 1 in its own entries, else 0; zeros are a group of their own.
    """
    sizes = np.abs(x)
    groups, left = [], np.ones(x.shape, dtype=bool)
    while left.any():
        largest = sizes[left].max()
        here = left & (sizes > largest / LIKE_SIZE if largest > 0 else left)
        groups.append(here.astype(float))
        left &= ~here
    return groups


def in_float32(claim: Floats) -> bool:
    """Whether a claim's numbers show that it was computed in float32."""
    with np.errstate(over="ignore"):
        short = claim.astype(np.float32).astype(float)
    if not (short == claim).all():
        return False
    mantissas = np.frexp(claim)[0] * _FEW_BITS
    return bool((mantissas != np.round(mantissas)).any())
