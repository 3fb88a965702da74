"""Settling: a generator that finds the reading that holds."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from gradcheck.network import Network
from gradcheck.problem import Batch, Floats, Params, Problem
from gradcheck.protocol import Call, Failure, Observation, Request
from gradcheck.sampling import EVERYTHING, MAX_BATCH
from gradcheck.settling import closeness
from gradcheck.settling.definitions import (
    Activations,
    Definition,
    fitting,
    layers,
    loss_from,
    matching_losses,
    outputs_of,
    penalised,
)
from gradcheck.settling.inference import infer
from gradcheck.settling.settlement import Settlement

#: Sizes that code of free sizes is first asked for: told apart by every shape they give.
FIRST = ((4, 6, 3), (4, 6, 1), (4, 3), (4, 1), (4, 7, 6, 3), (4, 7, 6, 1))

#: Sizes of the networks that problems are then drawn from.
VARIANTS: tuple[tuple[int, ...], ...] = (
    (1, 1),
    (2, 1),
    (2, 2),
    (3, 2),
    (4, 3),
    (1, 1, 1),
    (2, 2, 1),
    (2, 3, 1),
    (2, 2, 2),
    (3, 3, 3),
    (2, 3, 2),
    (4, 5, 3),
    (3, 2, 4),
    (2, 2, 2, 2),
    (2, 3, 4, 1),
    (4, 3, 2, 3),
    (2, 3, 2, 3, 2),
)

#: Samples of the first question; one, for code that takes one a call. Neither two nor a
#: width above, so that no constant is mistaken for another.
SAMPLES = (5, 1)

#: Weight penalties of the networks, where the code has one.
PENALTIES = (0.0, 0.1, 0.37)

#: How the message of code that cannot be asked at all begins.
_STOPPED = "loss_and_grads raised RuntimeError: "

#: At most so many readings are told apart by their gradient.
CANDIDATES = 40

#: Among readings that fit as well, those that differ in this alone are told by their gradient.
_BY_GRADIENT = "rate"


class _Described(Protocol):
    @property
    def adapter(self) -> str: ...

    @property
    def conventions(self) -> Mapping[str, str]: ...


Questions = Generator[Request, Observation, Settlement]


@dataclass(frozen=True)
class Fit:
    """How well a reading fits.

    Attributes
    ----------
    reading : int
    problem : Problem
        On which it was asked.
    rank : float
        4: outputs and loss (or the only one of them there is); 3: outputs, and no loss;
        2: outputs, but the loss is none known; 1: a part of the outputs, and perhaps the
        loss that goes with them; 0: nothing.
    activations : list of tuple of str
        That give its outputs or its loss.
    definitions : list of Definition
        That give its loss.
    """

    reading: int
    problem: Problem
    rank: float
    activations: list[Activations] = field(default_factory=list)
    definitions: list[Definition] = field(default_factory=list)


def settle(readings: Sequence[_Described], only: Network | None, seed: int) -> Questions:
    """Find the reading that holds, and what the code computes.

    Parameters
    ----------
    readings : sequence
        Each with ``adapter`` and ``conventions``.
    only : Network or None
        What the user says the code computes.
    seed : int
    """
    told = readings[0].conventions.get("networks", "")
    networks = (only,) if only else tuple(Network.parse(t) for t in told.split("; ") if t)
    if networks:
        return (yield from _declared(readings, networks, seed))
    fits: list[Fit] = []
    failures: list[Failure] = []
    for index, reading in enumerate(readings):
        fit = yield from _fit(index, reading, seed, failures)
        if fit is not None:
            fits.append(fit)
        # outputs alone will do where no later reading has a loss
        rest = readings[index + 1 :]
        enough = 4 if any(r.conventions.get("loss") != "none" for r in rest) else 3
        if fit is not None and fit.rank >= enough and not _ambiguous(reading):
            break
    if not fits:
        return Settlement(adapter=readings[0].adapter, failure=_nothing(readings, failures))
    best = max(fit.rank for fit in fits)
    equal = [fit for fit in fits if fit.rank == best]
    fit = yield from _choose(equal, readings, seed)
    if fit is None:
        text = (
            f"the code runs as {readings[0].adapter}, but neither its outputs nor its loss nor its "
            f"gradient are those of a network with known activations and losses; say what it "
            f"computes with --network, or write a declaration (docs/plug-in.md)"
        )
        return Settlement(adapter=readings[0].adapter, failure=Failure("unsupported", text))
    return (yield from _complete(fit, readings, seed))


def _ambiguous(reading: _Described) -> bool:
    return reading.conventions.get(_BY_GRADIENT, "").startswith("built in")


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
            (rng.normal(size=(n_in, n_out)), np.zeros(n_out) if missing and layer > 1 else b)
        )
    x = rng.normal(size=(samples, network.widths[0]))
    width = network.widths[-1]
    y = np.eye(width)[rng.integers(width, size=samples)]
    if width == 1:
        y = (np.arange(samples) % 2)[:, None].astype(float)
    return Problem(network, Params(pairs), Batch(x, y))


def _plain(widths: tuple[int, ...]) -> Network:
    return Network(widths, ("sigmoid",) * (len(widths) - 1), "squared_error")


def _widths(reading: _Described) -> list[tuple[int, ...]]:
    text = reading.conventions.get("widths", "")
    return [tuple(int(n) for n in part.split("-")) for part in text.split()]


def _missing(reading: _Described) -> bool:
    return "stands in" in reading.conventions.get("bias", "")


def _fit(
    index: int, reading: _Described, seed: int, failures: list[Failure]
) -> Generator[Request, Observation, Fit | None]:
    """Ask one reading, and hold its outputs and its loss against every definition."""
    best: Fit | None = None
    for widths in (_widths(reading) or FIRST)[:6]:
        for samples in (1,) if reading.conventions.get("batch") == "1" else SAMPLES:
            problem = problem_for(_plain(widths), samples, seed, _missing(reading))
            seen = yield Request(Call.FORWARD, problem, reading=index)
            outputs = None if seen.failure else seen.outputs
            if seen.failure is not None and seen.supported:
                failures.append(seen.failure)
                continue  # what it takes for outputs is something else
            answer = yield Request(Call.LOSS_AND_GRADS, problem, reading=index)
            if answer.failure is not None:
                failures.append(answer.failure)
                continue
            lossless = reading.conventions.get("loss") == "none" or not np.isfinite(answer.loss)
            claimed = None if lossless else answer.loss
            fit = _ranked(index, problem, outputs, claimed)
            if best is None or fit.rank > best.rank:
                best = fit
            if fit.rank >= 2:
                break
        if best is not None and best.rank >= 2:
            break
    return best


def _ranked(index: int, problem: Problem, outputs: Floats | None, claimed: float | None) -> Fit:
    if outputs is None:
        if claimed is None:
            return Fit(index, problem, 0)
        for hidden in layers(problem.network.depth):
            for name in _OUTPUTS:
                reference = outputs_of(problem, (*hidden, name))
                found = matching_losses(problem, reference, name, claimed)
                if found:
                    return Fit(index, problem, 4, [(*hidden, name)], found)
        return Fit(index, problem, 0)
    activations, part = fitting(problem, outputs)
    if not activations:
        return Fit(index, problem, 0)
    found_losses: list[Definition] = []
    if claimed is not None:
        for acts in activations:
            found_losses = matching_losses(problem, outputs, acts[-1], claimed)
            if found_losses:
                activations = [acts]
                break
    if part < 1.0:
        rank = part * (1.0 if found_losses else 0.9 if claimed is None else 0.8)
    else:
        rank = 4.0 if found_losses else 3.0 if claimed is None else 2.0
    return Fit(index, problem, rank, activations, found_losses)


_OUTPUTS = (
    "identity",
    "sigmoid",
    "softmax",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "softplus",
    "silu",
    "gelu",
)


def _choose(
    fits: list[Fit], readings: Sequence[_Described], seed: int
) -> Generator[Request, Observation, Fit | None]:
    """Choose among readings that fit as well: by the gradient where nothing else is left."""
    if fits[0].rank > 0 and not _ambiguous(readings[fits[0].reading]):
        return fits[0]
    scored = []
    for order, each in enumerate(fits[:CANDIDATES]):
        fit = yield from _single_if_sequential(each, readings[each.reading], seed)
        score, acts, definition = yield from _by_gradient(fit, readings[fit.reading])
        if definition is not None:
            chosen = replace(fit, activations=[acts], definitions=[definition])
            scored.append((score, -order, chosen))
            if score >= 1.0:
                break
    if not scored:
        return None
    score, _, fit = max(scored, key=lambda item: item[:2])
    if fit.rank == 0 and score < closeness.ENOUGH:
        return None
    return fits[0] if fits[0].rank > 0 and score < closeness.ENOUGH else fit


def _by_gradient(
    fit: Fit, reading: _Described
) -> Generator[Request, Observation, tuple[float, Activations, Definition | None]]:
    return (
        yield from infer(
            fit.problem, fit.reading, fit.activations, fit.definitions, _missing(reading)
        )
    )


def _complete(fit: Fit, readings: Sequence[_Described], seed: int) -> Questions:
    """Fill in what a settled reading leaves open: loss, penalty, sizes, batches."""
    reading = readings[fit.reading]
    conventions = {
        k: v for k, v in reading.conventions.items() if k not in ("widths", "batch", "networks")
    }
    lossless = reading.conventions.get("loss") == "none"
    notes: list[str] = []
    single = yield from _one_at_a_time(fit, reading, seed)
    if single:
        notes.append(single)
        fit = replace(fit, problem=problem_for(fit.problem.network, 1, seed, _missing(reading)))
    if fit.definitions and not lossless:
        definition = fit.definitions[0]
        conventions["loss"] = definition.told()
    else:
        score, acts, found = yield from infer(
            fit.problem, fit.reading, fit.activations, fit.definitions, _missing(reading)
        )
        reduction = yield from _reduction(fit)
        definition = found or Definition("half_squared_error", reduction)
        if score < closeness.ENOUGH and definition.reduction != reduction:
            definition = replace(definition, reduction=reduction)
        if score < closeness.ENOUGH and not lossless:
            text = (
                f"recognised as {reading.adapter}, and its outputs are those of a network, but its "
                f"loss is none that is known, and neither is what its gradient is of; say what it "
                f"computes with --network, or write a declaration (docs/plug-in.md)"
            )
            return Settlement(adapter=reading.adapter, failure=Failure("unsupported", text))
        sure = "inferred from the gradient" if score >= closeness.ENOUGH else "assumed"
        if lossless:
            conventions["loss"] = f"none in the code; {sure}: {definition.told()}"
            notes.append(f"the code has no loss; {sure}: {definition.loss} {definition.reduction}")
        else:
            conventions["loss"] = f"not a known one; {sure} the gradient is of: {definition.told()}"
        fit = replace(fit, activations=[acts] if acts else fit.activations)
    activations = _confirmed(fit)
    conventions["activations"] = ",".join(activations)
    index, l2 = fit.reading, False
    if "penalty" in reading.conventions:
        index, told = yield from _penalty(fit, readings, activations, definition, seed)
        conventions["penalty"], l2 = told, True
    base = Network(fit.problem.network.widths, activations, definition.loss, definition.reduction)
    chosen = replace(fit, reading=index)
    networks = yield from _networks(chosen, readings[index], base, l2, seed)
    sizes = (1,) if single else (yield from _batches(chosen, reading, base, seed, notes))
    labels = "labels" in reading.conventions.get("targets", "")
    support = replace(EVERYTHING, networks=networks, batch_sizes=sizes, one_hot=labels)
    return Settlement(
        index, support, reading.adapter, conventions, lossless, definition.scale, tuple(notes)
    )


def _confirmed(fit: Fit) -> Activations:
    return fit.activations[0] if fit.activations else ("sigmoid",) * fit.problem.network.depth


def _one_at_a_time(
    fit: Fit, reading: _Described, seed: int
) -> Generator[Request, Observation, str]:
    """Say why code that answers for several samples is asked for one at a time; or nothing."""
    if reading.conventions.get("batch") == "1":
        return ""
    several = problem_for(fit.problem.network, SAMPLES[0], seed, _missing(reading))
    if (yield from _sequential(replace(fit, problem=several))):
        return "several samples are trained one after the other: one a call is asked"
    trains = reading.adapter in ("in place", "script")
    if trains and fit.problem.batch.size == 1 and fit.rank >= 2:
        return "only with one sample a call does it compute a known loss or outputs"
    return ""


def _single_if_sequential(
    fit: Fit, reading: _Described, seed: int
) -> Generator[Request, Observation, Fit]:
    """Ask for one sample at a time where several are trained one after the other."""
    if not (yield from _sequential(fit)):
        return fit
    return replace(fit, problem=problem_for(fit.problem.network, 1, seed, _missing(reading)))


def _sequential(fit: Fit) -> Generator[Request, Observation, bool]:
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


def _reduction(fit: Fit) -> Generator[Request, Observation, str]:
    """Whether a batch's gradient is the sum of its samples', right or wrong; else the mean."""
    problem = fit.problem
    whole = yield Request(Call.LOSS_AND_GRADS, problem, reading=fit.reading)
    parts = []
    for n in range(problem.batch.size):
        single = Problem(problem.network, problem.params, problem.batch.select([n]))
        part = yield Request(Call.LOSS_AND_GRADS, single, reading=fit.reading)
        if part.failure is not None or whole.failure is not None:
            return "mean"
        parts.append(part.tensors[-1][0])
    total = np.sum(parts, axis=0)
    added = len(parts) > 1 and np.allclose(whole.tensors[-1][0], total, rtol=1e-6, atol=1e-12)
    return "sum" if added else "mean"


def _penalty(
    fit: Fit,
    readings: Sequence[_Described],
    activations: Activations,
    definition: Definition,
    seed: int,
) -> Generator[Request, Observation, tuple[int, str]]:
    """Find what the penalty's factor means, from the loss with one."""
    mine = dict(readings[fit.reading].conventions)
    network = Network(
        fit.problem.network.widths, activations, definition.loss, definition.reduction, 0.37
    )
    problem = replace(fit.problem, network=network)
    outputs = outputs_of(problem, activations)
    wanted = loss_from(definition, outputs, problem) + penalised(problem, 0.37)
    for index, reading in enumerate(readings):
        other = dict(reading.conventions)
        if {**other, "penalty": ""} != {**mine, "penalty": ""}:
            continue
        answer = yield Request(Call.LOSS_AND_GRADS, problem, reading=index)
        if answer.failure is None and abs(answer.loss - wanted) <= 1e-5 * (1 + abs(wanted)):
            return index, other["penalty"]
    return fit.reading, f"{mine['penalty']} (assumed)"


def _networks(
    fit: Fit, reading: _Described, base: Network, l2: bool, seed: int
) -> Generator[Request, Observation, tuple[Network, ...]]:
    """List the networks the code answers for, the one it was settled on first."""
    hidden = base.activations[:-1]
    uniform = len(set(hidden)) <= 1
    kept = [base]
    for widths in _widths(reading)[1:] if _widths(reading) else VARIANTS:
        depth = len(widths) - 1
        other_depth = depth != base.depth
        if widths == base.widths or (other_depth and (not uniform or not hidden)):
            continue
        if base.activations[-1] == "softmax" and widths[-1] == 1:
            continue
        acts = (*((hidden[0],) * (depth - 1) if other_depth else hidden), base.activations[-1])
        network = Network(widths, acts, base.loss, base.reduction)
        problem = replace(problem_for(network, fit.problem.batch.size, seed), network=network)
        answer = yield Request(Call.LOSS_AND_GRADS, problem, reading=fit.reading)
        if answer.failure is not None:
            continue
        if other_depth and not (yield from _computes(fit.reading, problem)):
            continue
        kept.append(network)
    return tuple(replace(n, l2=value) for value in (PENALTIES if l2 else (0.0,)) for n in kept)


def _computes(reading: int, problem: Problem) -> Generator[Request, Observation, bool]:
    """Whether a forward gives the outputs as defined; code for one depth may not notice."""
    seen = yield Request(Call.FORWARD, problem, reading=reading)
    if seen.failure is not None:
        answer = yield Request(Call.LOSS_AND_GRADS, problem, reading=reading)
        wanted = outputs_of(problem, problem.network.activations)
        found = matching_losses(problem, wanted, problem.network.activations[-1], answer.loss)
        return bool(found)
    wanted = outputs_of(problem, problem.network.activations)
    return bool(np.allclose(seen.outputs, wanted, rtol=1e-6, atol=1e-9))


def _batches(
    fit: Fit, reading: _Described, base: Network, seed: int, notes: list[str]
) -> Generator[Request, Observation, tuple[int, ...]]:
    """List the batch sizes the code answers for."""
    if reading.conventions.get("batch") == "1":
        return (1,)
    kept = []
    for samples in range(1, MAX_BATCH + 1):
        problem = problem_for(base, samples, seed)
        answer = yield Request(Call.LOSS_AND_GRADS, problem, reading=fit.reading)
        if answer.failure is None:
            kept.append(samples)
        elif answer.supported:
            notes.append(f"a batch of {samples}: {answer.failure.message}")
    return tuple(kept) or (fit.problem.batch.size,)


def _declared(
    readings: Sequence[_Described], networks: tuple[Network, ...], seed: int
) -> Questions:
    """Take what is said of the code for granted, and the reading that fits it best."""
    failures: list[Failure] = []
    scored = []
    for index, reading in enumerate(readings):
        sizes = (1,) if reading.conventions.get("batch") == "1" else SAMPLES
        for samples in sizes:
            problem = problem_for(networks[0], samples, seed)
            answer = yield Request(Call.LOSS_AND_GRADS, problem, reading=index)
            if answer.failure is not None:
                failures.append(answer.failure)
                continue
            seen = yield Request(Call.FORWARD, problem, reading=index)
            wanted = outputs_of(problem, networks[0].activations)
            definition = Definition(networks[0].loss, networks[0].reduction)
            loss = loss_from(definition, wanted, problem) + penalised(problem, networks[0].l2)
            score = float(np.isclose(answer.loss, loss, rtol=1e-6))
            score += (
                0.0 if seen.failure else float(np.isclose(seen.outputs, wanted, rtol=1e-6).mean())
            )
            score += yield from closeness.gradient(problem, index)
            scored.append((score, -index, samples))
            break
    if not scored:
        return Settlement(adapter=readings[0].adapter, failure=_nothing(readings, failures))
    _, minus, samples = max(scored)
    reading = readings[-minus]
    notes: list[str] = []
    fit = Fit(-minus, problem_for(networks[0], samples, seed), 4)
    batches = yield from _batches(fit, reading, networks[0], seed, notes)
    lossless = reading.conventions.get("loss") == "none"
    told = {
        k: v for k, v in reading.conventions.items() if k not in ("widths", "batch", "networks")
    }
    told["loss"] = f"{networks[0].loss} {networks[0].reduction}, as declared"
    if lossless:
        told["loss"] = f"none in the code; as declared: {networks[0].loss} {networks[0].reduction}"
    labels = "labels" in reading.conventions.get("targets", "")
    support = replace(EVERYTHING, networks=networks, batch_sizes=batches, one_hot=labels)
    return Settlement(-minus, support, reading.adapter, told, lossless, "", tuple(notes))


def _nothing(readings: Sequence[_Described], failures: list[Failure]) -> Failure:
    real = [f for f in failures if f.kind != "unsupported"] or failures
    if not real:
        return Failure("unsupported", "the code answered no question")
    failure = real[0]
    text = failure.message.removeprefix(_STOPPED)
    return Failure(
        failure.kind, f"recognised as {readings[0].adapter}, but it does not run: {text}"
    )
