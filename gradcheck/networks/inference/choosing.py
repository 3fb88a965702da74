"""Choosing among readings that fit as well: the gradient tells, where nothing else is left."""

from collections.abc import Generator, Sequence
from dataclasses import replace

from gradcheck.contract.protocol import Described, Observation, Request
from gradcheck.networks.inference import closeness
from gradcheck.networks.inference.fit import missing, single_if_sequential
from gradcheck.networks.inference.loss_of_gradient import infer
from gradcheck.networks.inference.ranking import LOGITS, Fit

#: At most so many readings are told apart by their gradient.
CANDIDATES = 40

#: A convention of readings that have others beside them, with other losses of the code or
#: other meanings of an argument.
SEVERAL = "among"

#: How a convention ends that says what part of a rate is used, which only a gradient can tell.
OF_A_RATE = "of it is used"

#: What an argument of the backward is taken for, which only a gradient can confirm.
ARGUMENT = "argument"

#: Ends of what stands there where it is the targets or the outputs.
_DATA = ("= y", "= a")

#: The order of what is returned, which a gradient tells, too.
_ORDER = "returned"

#: In what such readings differ.
_DIFFER = ("loss", "functions", "beside", "raises", SEVERAL, ARGUMENT, _ORDER)


def ambiguous(reading: Described) -> bool:
    """Say whether others may fit as well as a reading does."""
    return _rate_tells(reading) or SEVERAL in reading.conventions


def ends(readings: Sequence[Described], index: int) -> bool:
    """Say whether those that may fit as well as the one before have all been tried."""
    before, reading = readings[index - 1], readings[index]
    return (
        SEVERAL in before.conventions
        and not _rate_tells(before)
        and _rest(before) != _rest(reading)
    )


def _rate_tells(reading: Described) -> bool:
    """Whether readings differ in what is taken for the rate."""
    rate = reading.conventions.get("rate", "")
    return rate.startswith("built in") or rate.endswith(OF_A_RATE)


def _rest(reading: Described) -> dict[str, str]:
    return {key: value for key, value in reading.conventions.items() if key not in _DIFFER}


def choose(
    fits: list[Fit], readings: Sequence[Described], seed: int
) -> Generator[Request, Observation, Fit | None]:
    """Choose among readings that fit as well."""
    first = readings[fits[0].reading]
    same = all(fit.definitions[:1] == fits[0].definitions[:1] for fit in fits)
    numbers = ARGUMENT in first.conventions or _ORDER in first.conventions
    alike = same and not _rate_tells(first) and not numbers
    if fits[0].rank > 0 and (alike or not ambiguous(first)):
        return fits[0]
    scored = []
    for order, each in enumerate(fits[:CANDIDATES]):
        reading = readings[each.reading]
        fit = yield from single_if_sequential(each, reading, seed)
        score, acts, definition = yield from infer(
            fit.problem, fit.reading, fit.activations, fit.definitions, missing(reading)
        )
        if definition is not None:
            known = [definition] if fit.definitions else []
            logits = bool(fit.activations) and acts not in fit.activations  # a loss of what follows
            returns = LOGITS if logits else fit.returns
            chosen = replace(fit, activations=[acts], definitions=known, returns=returns)
            # what needs no factor before the loss is likelier: one batch cannot tell 0.1 times a
            # sum from half a mean over five
            scored.append((score, not definition.scale, -order, chosen))
            if score >= 1.0 and not definition.scale:
                break
    if not scored:
        return None
    score, _, _, fit = max(scored, key=lambda item: item[:3])
    if score >= closeness.ENOUGH:
        return fit
    if ARGUMENT in first.conventions:
        return (yield from _meant(fits, readings))
    return fits[0] if fits[0].rank > 0 else None


def _meant(
    fits: list[Fit], readings: Sequence[Described]
) -> Generator[Request, Observation, Fit | None]:
    """Choose the meaning of an argument that is data: no factor comes in with it.

    Then its gradient may be that of another loss than the code's own, which is a finding.
    """
    for fit in fits:
        reading = readings[fit.reading]
        if reading.conventions[ARGUMENT].endswith(_DATA):
            score, _, _ = yield from infer(
                fit.problem, fit.reading, fit.activations, [], missing(reading)
            )
            if score >= closeness.ENOUGH:
                return fit
    return None
