"""The reading that holds, found by asking each; or why none does."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from gradcheck.contract.posed import parameters
from gradcheck.contract.protocol import Call, Described, Failure, Observation, Request
from gradcheck.errors import UsageError
from gradcheck.networks.inference import Inferred
from gradcheck.networks.inference.completing import Completion, complete
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
from gradcheck.networks.problem import Floats, Network, left_open
from gradcheck.networks.scope import Asking


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
        if parameters(network) > LARGEST:
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
    adapter = readings[0].adapter
    if not fits:
        return Inferred(adapter=adapter, failure=_nothing(readings, failures))
    best = max(fit.rank for fit in fits)
    equal = [fit for fit in fits if fit.rank == best]
    fit = yield from choose(equal, seed)
    if fit is None:
        text = (
            f"the code runs as {adapter}, but neither its outputs nor its loss nor its gradient "
            f"are those of a network with known activations and losses; say what it computes with "
            f"--network, or write a declaration (docs/plug-in.md)"
        )
        argument = equal[0].conventions.argument
        if best >= 3:  # of several meanings of an argument
            text = (
                f"recognised as {adapter}, and its outputs are those of a network, but what its "
                f"argument {argument.name if argument else ''} is to be given was not found: with "
                f"the targets, the error or the gradient of a loss in the outputs, what it returns "
                f"is the gradient of nothing that is known; say it in a declaration "
                f"(docs/plug-in.md)"
            )
        return Inferred(adapter=adapter, failure=Failure("unsupported", text))
    if fit.rank == BACKWARD_FAILS:
        return _backward_fails(fit, readings[fit.reading])
    return (yield from complete(fit, readings, seed))


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

    It does not say the reduction of the ``opened`` networks.
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
    index, reading = -minus, readings[-minus]
    problem = problem_for(networks[0], samples, seed)
    fit = Fit(index, reading.conventions, problem, 4, returns=LOGITS if logits else OUTPUTS)
    known = Completion(fit, reading, seed)
    closed = []
    for network in networks:
        if network in opened:
            which, how = yield from reduction(problem_for(network, samples, seed), index)
            if not which:
                return Inferred(adapter=reading.adapter, failure=demanded(network))
            network = replace(network, reduction=which)
            known.notes.append(f"{network}: {which} is not declared, {how}")
        closed.append(network)
    declared = f"{closed[0].loss} {closed[0].reduction}"
    known.words["loss"] = f"{declared}, as declared"
    if reading.conventions.loss.absent:
        known.words["loss"] = f"none in the code; as declared: {declared}"
    return known.inferred(tuple(closed), (yield from known.batches(closed[0])))


def _outputs_told(network: Network, wanted: Floats, seen: Observation) -> tuple[bool, float]:
    """Say whether what a forward returns are logits, and what part of the outputs it gives."""
    if seen.failure is not None:
        return False, 0.0
    output = network.activations[-1]
    part = float(np.isclose(seen.outputs, wanted, rtol=1e-6).mean())
    fusible = part < 1.0 and output in fused(network.widths[-1])
    if fusible and np.isclose(applied(output, seen.outputs), wanted, rtol=1e-6).all():
        return True, 1.0
    return False, part


#: What is raised whatever a function is given.
_SURE = ("NameError: ", "UnboundLocalError: ", "ImportError: ", "SyntaxError: ", "Error: module ")

_WHERE = "say where in a declaration (docs/plug-in.md)"
_OTHERWISE = "if it is called otherwise, say so in a declaration (docs/plug-in.md)"


def _nothing(readings: Sequence[Described], failures: list[Failure]) -> Failure:
    """Say why no reading answered: the first failure that is none of what cannot be asked."""
    real = [f for f in failures if f.kind != "unsupported"] or failures
    if not real:
        return Failure("unsupported", "the code answered no question")
    failure, conventions = real[0], readings[0].conventions
    parts = [part for part in (conventions.class_name, ", ".join(conventions.called)) if part]
    declared = readings[0].adapter == "declaration"
    asked = f" ({': '.join(parts)})" if parts else ""
    how = f"recognised as {readings[0].adapter}{asked}"
    if declared:
        how = "read as its declaration says"
    if failure.message.endswith("what was returned: no array"):
        text = f"{failure.message}; if its gradient is left elsewhere, {_WHERE}"
    elif declared or any(each in failure.raised for each in _SURE):
        text = f"it does not run: {failure.message}"
    else:
        text = f"as it was called it stops: {failure.message}; {_OTHERWISE}"
    return replace(failure, message=f"{how}, but {text}")
