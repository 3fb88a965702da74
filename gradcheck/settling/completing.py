"""What a settled reading leaves open: loss, penalty, sizes and batches."""

from collections.abc import Generator, Sequence
from dataclasses import replace

import numpy as np

from gradcheck.execution.session import Described
from gradcheck.losses import LOSSES
from gradcheck.network import Network
from gradcheck.notation import Notation
from gradcheck.problem import Problem
from gradcheck.protocol import Call, Failure, Observation, Request
from gradcheck.sampling import EVERYTHING, MAX_BATCH
from gradcheck.settling import closeness
from gradcheck.settling.definitions import (
    Activations,
    Definition,
    loss_from,
    matching_losses,
    outputs_of,
    penalised,
)
from gradcheck.settling.fit import (
    SAMPLES,
    Fit,
    missing,
    problem_for,
    sequential,
    widths_of,
)
from gradcheck.settling.inference import infer
from gradcheck.settling.settlement import Settlement

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

#: Conventions that are read here and told otherwise.
UNTOLD = ("widths", "batch", "networks", "handles", "spelling")

#: Weight penalties of the networks, where the code has one.
PENALTIES = (0.0, 0.1, 0.37)


Questions = Generator[Request, Observation, Settlement]


def complete(fit: Fit, readings: Sequence[Described], seed: int) -> Questions:
    """Fill in what a settled reading leaves open: loss, penalty, sizes, batches."""
    reading = readings[fit.reading]
    conventions = {k: v for k, v in reading.conventions.items() if k not in UNTOLD}
    lossless = reading.conventions.get("loss") == "none"
    notes: list[str] = []
    condition = ""
    single = yield from _one_at_a_time(fit, reading, seed)
    if single:
        notes.append(single)
        fit = replace(fit, problem=problem_for(fit.problem.network, 1, seed, missing(reading)))
    if fit.definitions and not lossless:
        definition = fit.definitions[0]
        conventions["loss"] = definition.told()
    else:
        score, acts, found = yield from infer(
            fit.problem, fit.reading, fit.activations, fit.definitions, missing(reading)
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
        condition = _condition(definition)
    activations = _confirmed(fit)
    conventions["activations"] = ",".join(activations)
    index, l2 = fit.reading, False
    if "penalty" in reading.conventions:
        index, told = yield from _penalty(fit, readings, activations, definition, seed)
        conventions["penalty"], l2 = told, True
    base = Network(fit.problem.network.widths, activations, definition.loss, definition.reduction)
    chosen = replace(fit, reading=index)
    networks = yield from _networks(chosen, readings[index], base, l2, seed, notes)
    sizes = (1,) if single else (yield from batches(chosen, reading, base, seed, notes))
    labels = "labels" in reading.conventions.get("targets", "")
    support = replace(EVERYTHING, networks=networks, batch_sizes=sizes, one_hot=labels)
    return Settlement(
        index,
        support,
        reading.adapter,
        conventions,
        lossless,
        definition.scale,
        tuple(notes),
        condition,
        Notation.of(reading.conventions),
    )


def _condition(definition: Definition) -> str:
    """Say on what a verdict rests that took the loss from the gradient."""
    text = f"if your loss is {definition.loss}"
    if LOSSES[definition.loss].cancels:
        # the delta of the output is a - y for both: what is right here is a bug there
        text += " (for half_squared_error the slope of the output is missing)"
    return text


def _confirmed(fit: Fit) -> Activations:
    return fit.activations[0] if fit.activations else ("sigmoid",) * fit.problem.network.depth


def _one_at_a_time(fit: Fit, reading: Described, seed: int) -> Generator[Request, Observation, str]:
    """Say why code that answers for several samples is asked for one at a time; or nothing."""
    if reading.conventions.get("batch") == "1":
        return ""
    several = problem_for(fit.problem.network, SAMPLES[0], seed, missing(reading))
    if (yield from sequential(replace(fit, problem=several))):
        return "several samples are trained one after the other: one a call is asked"
    trains = reading.adapter in ("in place", "script")
    if trains and fit.problem.batch.size == 1 and fit.rank >= 2:
        return "only with one sample a call does it compute a known loss or outputs"
    return ""


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
    readings: Sequence[Described],
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
    fit: Fit, reading: Described, base: Network, l2: bool, seed: int, notes: list[str]
) -> Generator[Request, Observation, tuple[Network, ...]]:
    """List the networks the code is for, the one it was settled on first.

    Those are the networks it answers for, and those whose outputs it gives: where its
    backward fails on one of them, that is no reason not to ask.
    """
    hidden = base.activations[:-1] or _hidden(fit, base)
    uniform = len(set(hidden)) <= 1
    kept = [base]
    refused = ""
    for widths in VARIANTS if (own := widths_of(reading)) is None else own[1:]:
        depth = len(widths) - 1
        other_depth = depth != base.depth
        if widths == base.widths or (other_depth and (not uniform or not hidden)):
            continue
        if base.activations[-1] == "softmax" and widths[-1] == 1:
            continue
        acts = (
            *((hidden[0],) * (depth - 1) if other_depth else base.activations[:-1]),
            base.activations[-1],
        )
        network = Network(widths, acts, base.loss, base.reduction)
        problem = replace(problem_for(network, fit.problem.batch.size, seed), network=network)
        answer = yield Request(Call.LOSS_AND_GRADS, problem, reading=fit.reading)
        if answer.failure is not None:
            if not answer.supported or not (yield from runs_forward(fit.reading, problem)):
                continue
            if base.widths[-1] == 1 < widths[-1]:  # it is built for one output
                refused = refused or f"asked for one output only: {answer.failure.message}"
                continue
        elif other_depth and not (yield from _computes(fit.reading, problem)):
            continue
        kept.append(network)
    if refused:
        notes.append(refused)
    return tuple(replace(n, l2=value) for value in (PENALTIES if l2 else (0.0,)) for n in kept)


def _hidden(fit: Fit, base: Network) -> Activations:
    """What hidden layers apply, where only the forward was seen to have any."""
    for fault in fit.faults:
        for acts in fault.activations:
            if len(acts) > 1 and acts[-1] == base.activations[-1]:
                return acts[:1]
    return ()


def runs_forward(reading: int, problem: Problem) -> Generator[Request, Observation, bool]:
    """Whether the code has a forward, and that gives the outputs as defined."""
    seen = yield Request(Call.FORWARD, problem, reading=reading)
    if seen.failure is not None:
        return False
    wanted = outputs_of(problem, problem.network.activations)
    return bool(np.allclose(seen.outputs, wanted, rtol=1e-6, atol=1e-9))


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


def batches(
    fit: Fit, reading: Described, base: Network, seed: int, notes: list[str]
) -> Generator[Request, Observation, tuple[int, ...]]:
    """List the batch sizes the code is for.

    Where its source handles batches, those that it fails on are among them.
    """
    if reading.conventions.get("batch") == "1":
        return (1,)
    handles = reading.conventions.get("handles") == "batches"
    kept = []
    left: dict[str, list[int]] = {}
    for samples in range(1, MAX_BATCH + 1):
        problem = problem_for(base, samples, seed)
        answer = yield Request(Call.LOSS_AND_GRADS, problem, reading=fit.reading)
        ours = answer.supported and handles
        if answer.failure is None or (ours and (yield from runs_forward(fit.reading, problem))):
            kept.append(samples)
        elif answer.supported:
            left.setdefault(answer.failure.kind, []).append(samples)
            message = answer.failure.message
    for sizes in left.values():
        each = ", ".join(map(str, sizes))
        notes.append(f"not asked for batches of {each}: {message}")
    return tuple(kept) or (fit.problem.batch.size,)
