"""The reading that holds, found by asking each; or why none does."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from gradcheck.contract.protocol import Call, Described, Failure, Observation, Request
from gradcheck.errors import UsageError
from gradcheck.networks.inference import Inferred
from gradcheck.networks.inference.completing import batches, complete, logits_told
from gradcheck.networks.inference.fit import (
    BACKWARD_FAILS,
    LARGEST,
    LOGITS,
    OUTPUTS,
    SAMPLES_ASKED,
    Fit,
    applied,
    fit_of,
    fused,
    outputs_of,
    parameters,
    problem_for,
)
from gradcheck.networks.inference.from_gradient import (
    ambiguous,
    choose,
    demanded,
    ends,
    fits,
    reduction,
    share,
    with_each,
)
from gradcheck.networks.notation import Notation
from gradcheck.networks.problem import Floats, Network, left_open
from gradcheck.networks.sampling import EVERYTHING
from gradcheck.networks.scope import Asking, Feature


def infer(
    readings: Sequence[Described], only: Network | None, seed: int, any_reduction: bool = False
) -> Asking[Inferred]:
    """Find the reading that holds, and what the code computes.

    Parameters
    ----------
    readings : sequence
        Each with ``adapter`` and ``conventions``.
    only : Network or None
        What the user says the code computes.
    seed : int
    any_reduction : bool
        The user does not say whether ``only`` is of a mean or a sum.

    Returns
    -------
    Inferred
        Its failure says why no reading holds.

    Raises
    ------
    UsageError
        When a network of the declaration cannot be read, or one is too large to be asked for.
    """
    texts = readings[0].conventions.networks
    try:
        networks = (only,) if only else tuple(Network.parse(text) for text in texts)
    except UsageError as error:
        raise UsageError(f"network= of the declaration: {error}") from None
    opened = {n for n, text in zip(networks, texts, strict=False) if left_open(text)}
    if only:
        opened = {only} if any_reduction else set()
    for network in networks:
        if parameters(network.widths) > LARGEST:
            raise UsageError(
                f"{network} is too large: at most {LARGEST:,} parameters are asked for"
            )
    if networks:
        return (yield from _declared(readings, networks, opened, seed))
    fits: list[Fit] = []
    failures: list[Failure] = []
    enough = 4
    for index, conventions in enumerate(reading.conventions for reading in readings):
        if fits and fits[-1].rank >= enough and ends(readings[index - 1].conventions, conventions):
            break
        fit = yield from fit_of(index, conventions, seed, failures)
        if fit is not None:
            fits.append(fit)
        # outputs alone will do where no later reading has a loss
        rest = readings[index + 1 :]
        enough = 4 if any(not reading.conventions.loss.absent for reading in rest) else 3
        if fit is not None and fit.rank >= enough and not ambiguous(conventions):
            break
    if not fits:
        return Inferred(adapter=readings[0].adapter, failure=_nothing(readings, failures))
    best = max(fit.rank for fit in fits)
    equal = [fit for fit in fits if fit.rank == best]
    fit = yield from choose(equal, seed)
    if fit is None and equal[0].rank >= 3:  # of several meanings of an argument
        failure = Failure("unsupported", _no_meaning(readings[0].adapter, equal[0]))
        return Inferred(adapter=readings[0].adapter, failure=failure)
    if fit is None:
        text = (
            f"the code runs as {readings[0].adapter}, but neither its outputs nor its loss nor its "
            f"gradient are those of a network with known activations and losses; say what it "
            f"computes with --network, or write a declaration (docs/plug-in.md)"
        )
        return Inferred(adapter=readings[0].adapter, failure=Failure("unsupported", text))
    if fit.rank == BACKWARD_FAILS:
        return _backward_fails(fit, readings[fit.reading])
    return (yield from complete(fit, readings, seed))


def _no_meaning(adapter: str, fit: Fit) -> str:
    """Say that it is not known what an argument of the backward is to be given."""
    argument = fit.conventions.argument
    name = argument.name if argument else ""
    return (
        f"recognised as {adapter}, and its outputs are those of a network, but what its "
        f"argument {name} is to be given was not found: with the targets, the error or the "
        f"gradient of a loss in the outputs, what it returns is the gradient of nothing that is "
        f"known; say it in a declaration (docs/plug-in.md)"
    )


def _backward_fails(fit: Fit, reading: Described) -> Inferred:
    """Say what the backward does where the forward gives the outputs of a network."""
    problem, failure = fit.faults[0].problem, fit.faults[0].failure
    sizes = "-".join(map(str, problem.network.widths))
    text = (
        f"recognised as {reading.adapter}, and its outputs are those of a network, but "
        f"asked for its loss and gradient it fails: {failure.message}{_looks(failure.message)} "
        f"(a network {sizes}, N = {problem.batch.size})"
    )
    return Inferred(
        adapter=reading.adapter,
        conventions=reading.conventions.describe(),
        failure=replace(failure, message=text),
    )


def _looks(message: str) -> str:
    """Say of the shape of a gradient what it looks like: all sizes asked here differ."""
    shapes = re.search(r"^dW\d+ has shape \((\d+), (\d+)\), expected \((\d+), (\d+)\)$", message)
    turned = shapes is not None and shapes.groups()[:2] == shapes.groups()[:1:-1]
    return ": it looks transposed" if turned else ""


def _declared(
    readings: Sequence[Described],
    networks: tuple[Network, ...],
    opened: Collection[Network],
    seed: int,
) -> Asking[Inferred]:
    """Take what is said of the code for granted, and the reading that fits it best.

    Parameters
    ----------
    opened : collection of Network
        Those whose reduction is not said.
    """
    failures: list[Failure] = []
    scored = []
    for index, reading in enumerate(readings):
        sizes = (1,) if reading.conventions.one_sample else SAMPLES_ASKED
        for samples in sizes:
            problem = problem_for(networks[0], samples, seed)
            answer = yield Request(Call.LOSS_AND_GRADS, problem, reading=index)
            if answer.failure is not None:
                failures.append(answer.failure)
                continue
            seen = yield Request(Call.FORWARD, problem, reading=index)
            wanted = outputs_of(problem, networks[0].activations)
            each = with_each(problem).values() if networks[0] in opened else (problem,)
            logits, part = _outputs_told(networks[0], wanted, seen)
            score = part + max(fits(p, answer) + share(p, answer) for p in each)
            scored.append((score, -index, samples, logits))
            break
    if not scored:
        return Inferred(adapter=readings[0].adapter, failure=_nothing(readings, failures))
    _, minus, samples, logits = max(scored)
    reading = readings[-minus]
    notes: list[str] = []
    closed = []
    for network in networks:
        if network in opened:
            which, how = yield from reduction(problem_for(network, samples, seed), -minus)
            if not which:
                return Inferred(adapter=reading.adapter, failure=demanded(network))
            network = replace(network, reduction=which)
            notes.append(f"{network}: {which} is not declared, {how}")
        closed.append(network)
    networks = tuple(closed)
    problem = problem_for(networks[0], samples, seed)
    fit = Fit(-minus, reading.conventions, problem, 4, returns=LOGITS if logits else OUTPUTS)
    refused: dict[Feature, str] = {}
    sizes_answered = yield from batches(fit, networks[0], seed, notes, refused)
    lossless = reading.conventions.loss.absent
    told = reading.conventions.describe()
    told["loss"] = f"{networks[0].loss} {networks[0].reduction}, as declared"
    if lossless:
        told["loss"] = f"none in the code; as declared: {networks[0].loss} {networks[0].reduction}"
    support = replace(
        EVERYTHING,
        networks=networks,
        batch_sizes=sizes_answered,
        one_hot=reading.conventions.labels,
    )
    notation = Notation.of(reading.conventions)
    return Inferred(
        -minus,
        support,
        reading.adapter,
        told,
        lossless,
        notes=tuple(notes),
        condition=logits_told(networks[0].activations[-1]) if logits else "",
        logits=networks[0].activations[-1] if logits else "",
        notation=notation,
        refused=refused,
    )


def _outputs_told(network: Network, wanted: Floats, seen: Observation) -> tuple[bool, float]:
    """Say whether what a forward returns are logits, and what part of the outputs it gives."""
    if seen.failure is not None:
        return False, 0.0
    part = float(np.isclose(seen.outputs, wanted, rtol=1e-6).mean())
    output = network.activations[-1]
    if part < 1.0 and output in fused(network.widths[-1]):
        through = float(np.isclose(applied(output, seen.outputs), wanted, rtol=1e-6).mean())
        return (through == 1.0, max(part, through if through == 1.0 else 0.0))
    return False, part


#: What is raised whatever a function is given.
_SURE = ("NameError: ", "UnboundLocalError: ", "ImportError: ", "SyntaxError: ", "Error: module ")

_WHERE = "say where in a declaration (docs/plug-in.md)"
_OTHERWISE = "if it is called otherwise, say so in a declaration (docs/plug-in.md)"


def _nothing(readings: Sequence[Described], failures: list[Failure]) -> Failure:
    real = [f for f in failures if f.kind != "unsupported"] or failures
    if not real:
        return Failure("unsupported", "the code answered no question")
    failure, conventions = real[0], readings[0].conventions
    parts = [part for part in (conventions.class_name, ", ".join(conventions.called)) if part]
    asked = f" ({': '.join(parts)})" if parts else ""
    how = f"recognised as {readings[0].adapter}{asked}"
    if readings[0].adapter == "declaration":
        how = "read as its declaration says"
    if failure.message.endswith("what was returned: no array"):
        text = f"{how}, but {failure.message}; if its gradient is left elsewhere, {_WHERE}"
        return Failure(failure.kind, text, failure.place)
    if readings[0].adapter == "declaration" or any(each in failure.raised for each in _SURE):
        return Failure(
            failure.kind, f"{how}, but it does not run: {failure.message}", failure.place
        )
    text = f"{how}, but as it was called it stops: {failure.message}; {_OTHERWISE}"
    return Failure(failure.kind, text, failure.place)
