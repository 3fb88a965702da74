"""How well a reading fits: its outputs and its loss against every definition."""

import itertools
import re
from collections.abc import Generator
from dataclasses import replace

import numpy as np

from gradcheck.contract.protocol import Call, Described, Failure, Observation, Request
from gradcheck.networks.inference.definitions import fitting
from gradcheck.networks.inference.ranking import (
    BACKWARD_FAILS,
    CLASSES,
    OTHER,
    OTHER_ASIDE,
    Fault,
    Fit,
    ranked,
)
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Batch, Params, Problem

#: Sizes that code of free sizes is first asked for: told apart by every shape they give.
FIRST = ((4, 6, 3), (4, 6, 1), (4, 3), (4, 1), (4, 7, 6, 3), (4, 7, 6, 1))

#: Networks with more parameters are not asked for.
LARGEST = 2_000_000

#: Weights of a layer of more inputs are drawn smaller, for nothing to saturate.
_FEW = 16

_SIZES = re.compile(r"\d{1,5}(-\d{1,5}){1,8}")

#: Samples of the first question; one, for code that takes one a call. Neither two nor a
#: width above, so that no constant is mistaken for another.
SAMPLES = (5, 1)


def problem_for(network: Network, samples: int, seed: int, missing: bool = False) -> Problem:
    """Make a small problem of generic values whose targets suit every loss.

    Parameters
    ----------
    missing : bool
        The code has no biases: those above the first layer are zero, so that the outputs
        do not depend on what a unit that is always on gives.
    """
    rng = np.random.default_rng((seed, samples, 21))
    pairs = []
    for layer, (n_in, n_out) in enumerate(network.shapes, start=1):
        b = rng.normal(size=n_out) * 0.5
        pairs.append(
            (
                rng.normal(size=(n_in, n_out)) * min(1.0, _FEW / n_in) ** 0.5,
                np.zeros(n_out) if missing and layer > 1 else b,
            )
        )
    x = rng.normal(size=(samples, network.widths[0]))
    width = network.widths[-1]
    y = np.eye(width)[rng.integers(width, size=samples)]
    if width == 1:
        # of one sample now 0, now 1: either alone leaves half of a loss unseen
        y = ((np.arange(samples) + seed) % 2)[:, None].astype(float)
    return Problem(network, Params(pairs), Batch(x, y))


def plain(widths: tuple[int, ...]) -> Network:
    """Return a network of given sizes, to ask code that does not look at the rest."""
    return Network(widths, ("sigmoid",) * (len(widths) - 1), "squared_error")


def widths_of(reading: Described) -> list[tuple[int, ...]] | None:
    """Return the sizes a reading can be asked for, its own first; None where it is free.

    What a worker says is not believed: sizes that are none, or too large, are left out.
    """
    text = reading.conventions.get("widths")
    if text is None:
        return None
    parts = [part for part in text.split()[:16] if _SIZES.fullmatch(part)]
    sizes = [tuple(int(n) for n in part.split("-")) for part in parts]
    return [each for each in sizes if min(each) > 0 and parameters(each) <= LARGEST]


def parameters(widths: tuple[int, ...]) -> int:
    """Return how many parameters a network of given sizes has."""
    return sum((n_in + 1) * n_out for n_in, n_out in itertools.pairwise(widths))


def missing(reading: Described) -> bool:
    """Whether a unit that is always on stands in for biases."""
    return "stands in" in reading.conventions.get("bias", "")


def fit_of(
    index: int, reading: Described, seed: int, failures: list[Failure]
) -> Generator[Request, Observation, Fit | None]:
    """Ask one reading, and hold its outputs and its loss against every definition."""
    best: Fit | None = None
    faults: list[Fault] = []
    own = widths_of(reading)
    if own is not None and not own:
        text = f"its sizes are too large: at most {LARGEST:,} parameters are asked for"
        failures.append(Failure("unsupported", text))
    for widths in FIRST if own is None else own[:6]:
        for samples in (1,) if reading.conventions.get("batch") == "1" else SAMPLES:
            problem = problem_for(plain(widths), samples, seed, missing(reading))
            seen = yield Request(Call.FORWARD, problem, reading=index)
            outputs = None if seen.failure else seen.outputs
            strange = _strange(seen)
            if seen.failure is not None and strange:
                failures.append(seen.failure)
            answer = yield Request(Call.LOSS_AND_GRADS, problem, reading=index)
            if answer.failure is not None:
                failures.append(answer.failure)
                if answer.supported and outputs is not None:
                    activations, part = fitting(problem, outputs)
                    if part == 1.0:
                        faults.append(Fault(problem, answer.failure, activations))
                continue
            lossless = reading.conventions.get("loss") == "none" or not np.isfinite(answer.loss)
            claimed = None if lossless else answer.loss
            fit = ranked(index, problem, outputs, claimed)
            if strange:  # what it takes for outputs is something else
                fit = replace(fit, rank=min(fit.rank, OTHER_ASIDE), returns=strange)
            fit = yield from _confirmed(fit, reading, seed, lossless)
            if best is None or fit.rank > best.rank:
                best = fit
            if fit.rank >= 2:
                break
        if best is not None and best.rank >= 2:
            break
    if faults and (best is None or best.rank < BACKWARD_FAILS):
        best = Fit(index, faults[0].problem, BACKWARD_FAILS, faults[0].activations)
    return replace(best, faults=tuple(faults)) if best is not None else None


def _strange(seen: Observation) -> str:
    """Say what a forward gives that fails: not as many numbers as outputs, or nothing at all."""
    if seen.failure is None or not seen.supported:
        return ""
    return CLASSES if seen.failure.kind == "contract" else OTHER


def _confirmed(
    fit: Fit, reading: Described, seed: int, lossless: bool
) -> Generator[Request, Observation, Fit]:
    """Ask again elsewhere, and keep what holds there too: where all units are alive, relu is none.

    With one sample a question more often leaves several definitions.
    """
    network, samples = fit.problem.network, fit.problem.batch.size
    for again in range(1, 2 if samples > 1 else 5):
        if not fit.rank:
            return fit
        problem = problem_for(network, samples, seed + again, missing(reading))
        answer = yield Request(Call.LOSS_AND_GRADS, problem, reading=fit.reading)
        seen = yield Request(Call.FORWARD, problem, reading=fit.reading)
        strange = _strange(seen)
        if answer.failure is not None or (strange and fit.returns != strange):
            return Fit(fit.reading, fit.problem, 0)
        outputs = None if seen.failure else seen.outputs
        other = ranked(fit.reading, problem, outputs, None if lossless else answer.loss, fit)
        if strange:
            other = replace(other, returns=strange)
        definitions = [d for d in fit.definitions if d in other.definitions]
        acts = [a for a in fit.activations if a in other.activations]
        alike = acts and fit.returns == other.returns
        rank = min(fit.rank, other.rank) if alike else 0
        fit = replace(fit, rank=rank, activations=acts, definitions=definitions)
    return fit


def single_if_sequential(
    fit: Fit, reading: Described, seed: int
) -> Generator[Request, Observation, Fit]:
    """Ask for one sample at a time where several are trained one after the other."""
    if not (yield from sequential(fit)):
        return fit
    return replace(fit, problem=problem_for(fit.problem.network, 1, seed, missing(reading)))


def sequential(fit: Fit) -> Generator[Request, Observation, bool]:
    """Whether a step on several samples is made of steps on each in turn."""
    problem = fit.problem
    if problem.batch.size == 1:
        return False
    whole = yield Request(Call.STEP, problem, learning_rate=0.5, reading=fit.reading)
    if whole.failure is not None:
        return False
    params = problem.params
    for n in range(problem.batch.size):
        single = Problem(problem.network, params, problem.batch.select([n]))
        part = yield Request(Call.STEP, single, learning_rate=0.5, reading=fit.reading)
        if part.failure is not None:
            return False
        if not all(np.isfinite(a).all() for pair in part.tensors for a in pair):
            return False
        params = Params(part.tensors)
    return all(
        np.allclose(one, two, rtol=1e-9, atol=1e-12)
        for first, second in zip(whole.tensors, params, strict=True)
        for one, two in zip(first, second, strict=True)
    )
