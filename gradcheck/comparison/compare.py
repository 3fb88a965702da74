"""Is a claimed tensor the true one? Pure, and without a tolerance to set.

A claim agrees when every entry lies within the estimate's error bar and kink
interval, plus what its arithmetic may have cost. That allowance for rounding is only
added when the bar alone does not explain the difference: it takes longer to find.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from gradcheck.comparison.verdict import Verdict
from gradcheck.contract.posed import Floats
from gradcheck.oracle.estimate import UNIT, Estimate, length
from gradcheck.oracle.evaluation import blocks

#: A gradient known no better than this part of itself has not been resolved.
RESOLVED = 1e-3


@dataclass(frozen=True)
class Arithmetic:
    """How the code under test computes, as far as its answers show.

    Attributes
    ----------
    unit : float
        Unit roundoff of its gradients.
    loss_unit : float
        Unit roundoff of its loss and outputs.
    epsilon : float
        A constant inside its logarithms, recovered from its loss; or zero.
    cut : float
        Where it cuts outputs off before it takes their logarithms, likewise; or zero.
    biases : bool
        Its penalty counts the biases too, in the loss and in the gradient.
    fault : str
        ``""``, or the slug of a fault of arithmetic: ``float16_arithmetic``,
        ``rounded_to_decimals``, ``low_precision_arithmetic``.
    notes : tuple of str
    """

    unit: float = UNIT
    loss_unit: float = UNIT
    epsilon: float = 0.0
    cut: float = 0.0
    biases: bool = False
    fault: str = ""
    notes: tuple[str, ...] = ()


FLOAT64 = Arithmetic()


class KnownKinks(Protocol):
    """Where a derivative is anyone's choice."""

    @property
    def count(self) -> int:
        """How many there are."""

    @property
    def exhaustive(self) -> bool:
        """Whether every choice was tried."""


class KnownTruth(Protocol):
    """What is true of one problem, as far as a claim is compared with it."""

    @property
    def gradient(self) -> Mapping[str, Estimate]:
        """The gradient by tensor name."""

    @property
    def kinks(self) -> KnownKinks:
        """The kinks it lies on."""

    @property
    def loss(self) -> float:
        """The loss of the batch."""

    @property
    def outputs(self) -> Floats:
        """What the forward gives, a row a sample."""

    def rounding(self, unit: float) -> Mapping[str, Floats]:
        """Return by tensor name what arithmetic of roundoff ``unit`` may cost honest code."""

    def beyond(self, cut: float) -> Mapping[str, Floats]:
        """Return by tensor name how far cutting outputs off may move each entry."""

    def guarded(self, constant: float, unit: float) -> Mapping[str, Floats]:
        """Return by tensor name how far a constant in the logarithms may move each entry."""

    def loss_error(self, unit: float) -> float:
        """Return what arithmetic of roundoff ``unit`` may cost the loss."""

    def outputs_error(self, unit: float) -> Floats:
        """Return what arithmetic of roundoff ``unit`` may cost each output."""

    def loss_off(self, claim: float, unit: float, cut: float = 0.0) -> bool:
        """Whether arithmetic of roundoff ``unit`` does not explain a claimed loss."""


@dataclass(frozen=True)
class Judgement:
    """One tensor on one problem.

    Attributes
    ----------
    tensor : str
        Its name, ``W1``.
    verdict : Verdict
    entry : tuple of int
        The entry furthest outside its bar.
    claimed, expected, bar : float
        There.
    resolution : float
        ``||bars|| / ||gradient||``; NaN for a zero gradient.
    excess : float
        Largest error over its bar: above one is wrong.
    note : str
    lost : bool
        The estimate would tell, but the code's arithmetic may have cost it all of its digits:
        ``1 + erf(z)`` far below zero has none left. Then this problem says nothing of it.
    all_zero : bool
        Every entry that is claimed is zero.
    """

    tensor: str
    verdict: Verdict
    entry: tuple[int, ...]
    claimed: float
    expected: float
    bar: float
    resolution: float
    excess: float
    note: str = ""
    lost: bool = False
    all_zero: bool = False

    @property
    def place(self) -> str:
        """The entry by name: ``W1[0,2]``."""
        return f"{self.tensor}[{','.join(map(str, self.entry))}]"


def judge(
    claims: Mapping[str, Floats], truth: KnownTruth, arithmetic: Arithmetic
) -> list[Judgement]:
    """Judge every tensor of a claimed gradient.

    Parameters
    ----------
    claims : mapping of str to array
        The gradient by tensor name.
    truth : KnownTruth
    arithmetic : Arithmetic

    Returns
    -------
    judgements : list of Judgement
        One a tensor, in the order of the claims.
    """
    judgements = [judge_tensor(name, claim, truth, arithmetic) for name, claim in claims.items()]
    if arithmetic.cut and any(j.verdict is Verdict.WRONG for j in judgements):
        beside = truth.beyond(arithmetic.cut)
        return [judge_tensor(n, c, truth, arithmetic, beside[n]) for n, c in claims.items()]
    return judgements


def rounded_bars(truth: KnownTruth, name: str, unit: float) -> Floats:
    """Return how far off honest code of a roundoff may be, off kinks: the bar and its rounding.

    Parameters
    ----------
    truth : KnownTruth
    name : str
        Of the tensor.
    unit : float
        Unit roundoff of the code's gradients.

    Returns
    -------
    array
        Of the tensor's shape, in units of the gradient.
    """
    return truth.gradient[name].error + truth.rounding(unit)[name]


def allowed(truth: KnownTruth, name: str, unit: float) -> Floats:
    """Return how far off honest code may be: bar, rounding and, on a kink, the interval.

    Parameters
    ----------
    truth : KnownTruth
    name : str
        Of the tensor.
    unit : float
        Unit roundoff of the code's gradients.

    Returns
    -------
    array
        Of the tensor's shape, in units of the gradient.
    """
    return rounded_bars(truth, name, unit) + truth.gradient[name].interval


def within(one: Floats, two: Floats, limit: Floats | float) -> bool:
    """Whether no entry of two arrays differs by more than a limit; NaN does.

    Parameters
    ----------
    one, two : array
        Of the same shape.
    limit : float or array
        One for all entries, or one for each.

    Returns
    -------
    bool
    """
    return bool((np.abs(one - two) <= limit).all())


def compare(name: str, claim: Floats, estimate: Estimate, bars: Floats) -> Judgement:
    """Hold a claimed tensor against its estimate.

    Parameters
    ----------
    name : str
        Of the tensor.
    claim : array
    estimate : Estimate
        Of the claim's shape.
    bars : array
        How far off each entry may be, beside the interval on a kink.

    Returns
    -------
    Judgement
        ``wrong`` where any entry is off by more, else ``correct``; its resolution is left open.
    """
    limit = bars + estimate.interval if estimate.interval.any() else bars
    excess, entry = _furthest_off(claim, estimate.value, limit)
    return Judgement(
        name,
        Verdict.WRONG if excess > 1 else Verdict.CORRECT,
        entry,
        float(claim[entry]),
        float(estimate.value[entry]),
        float(limit[entry]),
        float("nan"),
        excess,
        all_zero=excess > 1 and not claim.any(),
    )


def judge_tensor(
    name: str,
    claim: Floats,
    truth: KnownTruth,
    arithmetic: Arithmetic,
    beside: Floats | None = None,
) -> Judgement:
    """Judge one tensor of a claimed gradient against the truth of its problem.

    Parameters
    ----------
    name : str
        Of the tensor.
    claim : array
    truth : KnownTruth
    arithmetic : Arithmetic
        Of the code under test.
    beside : array, optional
        How far each entry may be off beside its bar: where an output is cut off.

    Returns
    -------
    Judgement
    """
    estimate = truth.gradient[name]
    if beside is not None:
        estimate = replace(estimate, error=estimate.error + beside)
    bars = estimate.error
    found = compare(name, claim, estimate, bars)
    if arithmetic.unit > UNIT or found.excess > 1:
        bars = bars + truth.rounding(arithmetic.unit)[name]
        found = compare(name, claim, estimate, bars)
    on_kink = bool(estimate.interval.any() and (estimate.interval > bars).any())
    norm = length(estimate.value) + length(estimate.interval)
    noise = estimate.noise if bars is estimate.error else length(bars)
    right = found.excess <= 1
    lost = right and norm > 0 and estimate.noise <= RESOLVED * norm < noise
    if lost and length(claim - estimate.value) <= RESOLVED * norm:
        noise = RESOLVED * norm  # what it may have cost, it has not: the claim says as much
        lost = False
    zero = norm <= noise
    verdict, note = found.verdict, ""
    if lost:
        verdict, note = Verdict.UNRESOLVED, "the code's own digits are lost here"
    elif not right:
        if on_kink and np.isfinite(claim).all() and not truth.kinks.exhaustive:
            verdict, note = Verdict.UNRESOLVED, "on a kink with too many units to try every slope"
    elif zero:
        note = "zero gradient"
    elif noise > RESOLVED * norm:
        verdict, note = Verdict.UNRESOLVED, "the estimate is too coarse here"
    elif on_kink:
        note = "on a kink: any slope between the one-sided ones is accepted"
    resolution = float("nan") if zero else noise / norm
    return replace(found, verdict=verdict, resolution=resolution, note=note, lost=lost)


def _furthest_off(claim: Floats, value: Floats, allowed: Floats) -> tuple[float, tuple[int, ...]]:
    """Return how many bars the worst entry is off, infinitely many if not finite, and its place."""
    claims, values, bars = claim.ravel(), value.ravel(), allowed.ravel()
    furthest, place = -1.0, 0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for part in blocks(claim.size, 4):
            off = claims[part] - values[part]
            excess = np.abs(off) / bars[part]
            here = int(excess.argmax())
            if np.isnan(excess[here]):
                excess[np.isnan(excess)] = np.inf
                excess[off == 0] = 0.0  # zero, where nothing but zero is right
                here = int(excess.argmax())
            if excess[here] > furthest:
                furthest, place = float(excess[here]), part.start + here
    return furthest, tuple(int(i) for i in np.unravel_index(place, claim.shape))


def loss_differs(claim: float, truth: KnownTruth, arithmetic: Arithmetic) -> bool:
    """Whether a claimed loss is not the loss as defined, given the code's arithmetic.

    Parameters
    ----------
    claim : float
        The loss of the batch.
    truth : KnownTruth
    arithmetic : Arithmetic
        Of the code under test.

    Returns
    -------
    bool
    """
    unit, cut = arithmetic.loss_unit, arithmetic.cut
    return truth.loss_off(claim, unit) and not (cut and not truth.loss_off(claim, unit, cut))
