"""What a reading that holds leaves open: loss, penalty, sizes and batches."""

from collections.abc import Sequence
from dataclasses import replace

from gradcheck.contract.protocol import Call, Described, Failure, Request
from gradcheck.networks.definitions import LOSSES
from gradcheck.networks.inference import Inferred
from gradcheck.networks.inference.fit import (
    CLASSES,
    LOGITS,
    OTHER,
    SAMPLES_ASKED,
    Activations,
    Definition,
    Fit,
    loss_from,
    matching_losses,
    outputs_of,
    penalised,
    problem_for,
    widths_of,
)
from gradcheck.networks.inference.from_gradient import RIGHT_ENOUGH, nearest_definition
from gradcheck.networks.inference.steps import most_in_one_step, sequential
from gradcheck.networks.notation import Notation
from gradcheck.networks.problem import Network, Problem
from gradcheck.networks.sampling import EVERYTHING, MAX_BATCH, MAX_DEPTH
from gradcheck.networks.scope import Asking, Feature

#: Sizes of the networks that problems are then drawn from.
VARIANTS: tuple[tuple[int, ...], ...] = (
    *((1, 1), (2, 1), (2, 2), (3, 2), (4, 3)),
    *((1, 1, 1), (2, 2, 1), (2, 3, 1), (2, 2, 2), (3, 3, 3), (2, 3, 2), (4, 5, 3), (3, 2, 4)),
    *((2, 2, 2, 2), (2, 3, 4, 1), (4, 3, 2, 3)),
    (2, 3, 2, 3, 2),
)

#: Sizes beyond those: each is asked once where the code handles it.
LARGER: tuple[tuple[int, ...], ...] = (
    *((3, 12, 2), (3, 64, 2), (12, 3, 2), (64, 3, 2), (2, 3, 10), (3, 64), (33, 2)),
    *((2, *(3,) * 6, 2), (2, *(3,) * 9, 2)),
)

#: Adapters of code that takes steps.
TRAINING = ("in place", "script")

#: Weight penalties of the networks, where the code has one.
PENALTIES_TRIED = (0.0, 0.1, 0.37)


def complete(fit: Fit, readings: Sequence[Described], seed: int) -> Asking[Inferred]:
    """Fill in what a reading that holds leaves open: loss, penalty, sizes, batches."""
    reading = readings[fit.reading]
    conventions = reading.conventions.describe()
    source = reading.conventions.loss
    lossless = source.absent
    notes: list[str] = []
    conditions: list[str] = []
    if source.raised:
        notes.append(f"its loss is not compared: {'; '.join(source.raised)}")
    single = yield from _one_at_a_time(fit, reading.adapter in TRAINING, seed)
    if single:
        notes.append(single)
        fit = fit.one_sample(seed)
    if fit.definitions and not lossless:
        definition = fit.definitions[0]
        conventions["loss"] = definition.describe()
    else:
        signs = (1, -1) if reading.adapter in TRAINING else (1,)
        score, acts, found = yield from nearest_definition(fit, signs)
        if found is None or score < RIGHT_ENOUGH:
            return _unsupported(fit, reading, lossless)
        definition = found
        loss = f"inferred from the gradient: {definition.describe()}"
        beside = ", ".join(source.beside)
        if beside:
            conventions["loss"] = f"{beside} is not a known one; {loss}"
            notes.append(f"the loss that the code has ({beside}) is none that is known; {loss}")
        elif lossless:
            conventions["loss"] = f"none in the code; {loss}"
            notes.append(f"the code has no loss; {loss}")
        else:
            conventions["loss"] = f"not a known one; {loss}"
        if fit.activations and acts not in fit.activations:
            fit = replace(fit, returns=LOGITS)
        fit = replace(fit, activations=[acts])
        conditions.append(_condition(definition))
        if LOSSES[definition.loss].cancels:  # a long headline leaves that out
            notes.append("if your loss is half_squared_error, the slope of the output is missing")
    activations = _confirmed(fit)
    if fit.returns == LOGITS:
        conventions["outputs"] = f"logits: {activations[-1]} is applied to what the forward returns"
        conditions.insert(0, logits_told(activations[-1]))
    argument = reading.conventions.argument
    if argument and argument.meaning != "y":
        conditions.append(f"given {argument.describe()}")
    unread = reading.conventions.unread
    aside = _unread(unread) if unread else _aside(fit)
    notes += [aside] if aside else []
    conventions["activations"] = ",".join(activations)
    index, l2 = fit.reading, False
    if reading.conventions.penalty:
        index, told = yield from _penalty(fit, readings, activations, definition, seed)
        conventions["penalty"], l2 = told, True
    base = definition.network(fit.problem.network.widths, activations)
    chosen = replace(fit, reading=index, conventions=readings[index].conventions)
    why = single.partition(":")[0]
    refused: dict[Feature, str] = {
        ("batch", str(n)): why for n in range(2, MAX_BATCH + 1) if single
    }
    networks = yield from _networks(chosen, base, l2, seed, notes, refused)
    sizes = (1,) if single else (yield from batches(chosen, base, seed, notes, refused))
    most: int | None = None
    if not single and reading.adapter in TRAINING:
        most = yield from most_in_one_step(chosen, base, seed)
    if most:
        why = f"takes several steps on more than {most} samples"
        notes.append(f"asked for at most {most} samples a call: it {why}")
        refused |= {("batch", str(n)): why for n in sizes if n > most}
        sizes = tuple(n for n in sizes if n <= most)
    free = chosen.conventions.widths is None
    larger = tuple(n for n in networks if free and n.widths in LARGER)
    networks = tuple(n for n in networks if n not in larger)
    support = replace(
        EVERYTHING,
        networks=networks,
        larger=larger,
        batch_sizes=sizes,
        most_samples=most,
        one_hot=reading.conventions.labels,
    )
    return Inferred(
        index,
        support,
        reading.adapter,
        conventions,
        lossless or not fit.rank,  # a loss of outputs that are not known is none that is judged
        definition.scale,
        tuple(notes),
        ", ".join(conditions),
        _doubt(reading) if lossless else "",
        activations[-1] if fit.returns == LOGITS else "",
        aside,
        bool(unread) or fit.returns == OTHER,
        Notation.of(chosen.conventions, definition.scale),
        refused,
    )


def logits_told(activation: str) -> str:
    """Say in a headline what the forward returns."""
    return f"its forward returns logits ({activation} is applied)"


def _unread(names: Sequence[str]) -> str:
    """Say what is trained beside weights and biases."""
    return (
        f"it trains {', '.join(names)}, too, which takes part in its outputs and is neither a "
        f"weight nor a bias that was read: outputs and gradients with respect to it are not judged"
    )


def _doubt(reading: Described) -> str:
    """Say why a loss that the code has is not compared."""
    loss = reading.conventions.loss
    if not loss.meant:
        return ""
    why = "; ".join(loss.raised) or f"what {', '.join(loss.meant)} returns is none that is known"
    return f"its loss is not compared: {why}"


def _aside(fit: Fit) -> str:
    """Say why what the forward returns is not compared."""
    return {
        CLASSES: "what its forward returns are no outputs (classes, say): not compared",
        OTHER: "what its forward returns are not the outputs of the network whose loss and "
        "gradient it gives; whether it is meant to return them is not known",
    }.get(fit.returns, "")


def _unsupported(fit: Fit, reading: Described, lossless: bool) -> Inferred:
    """Say that nothing is known that the gradient is of: what is assumed makes nothing wrong."""
    outputs = ",".join(fit.activations[0]) if fit.activations and fit.rank >= 2 else ""
    known = f"its outputs are those of a network ({outputs})" if outputs else "it runs"
    beside = ", ".join(reading.conventions.loss.beside)
    loss = "no loss was found in it" if lossless else "its loss is none that is known"
    loss = f"its loss ({beside}) is none that is known" if beside else loss
    text = (
        f"recognised as {reading.adapter}, and {known}, but {loss}, and its gradient is that of "
        f"none that was tried ({', '.join(LOSSES)}); give it a function that returns its loss, "
        f"say what it computes with --network, or write a declaration (docs/plug-in.md)"
    )
    return Inferred(adapter=reading.adapter, failure=Failure("unsupported", text))


def _condition(definition: Definition) -> str:
    """Say on what a verdict rests that took the loss from the gradient."""
    text = f"if your loss is {definition.loss}"
    if LOSSES[definition.loss].cancels:
        # the delta of the output is a - y for both: what is right here is a bug there
        text += " (for half_squared_error the slope of the output is missing)"
    return text


def _confirmed(fit: Fit) -> Activations:
    return fit.activations[0] if fit.activations else ("sigmoid",) * fit.problem.network.depth


def _one_at_a_time(fit: Fit, trains: bool, seed: int) -> Asking[str]:
    """Say why code that answers for several samples is asked for one at a time; or nothing."""
    if fit.conventions.one_sample:
        return ""
    several = problem_for(fit.problem.network, SAMPLES_ASKED[0], seed, fit.conventions)
    if (yield from sequential(replace(fit, problem=several))):
        return "several samples are trained one after the other: one a call is asked"
    if trains and fit.problem.batch.size == 1 and fit.rank >= 2:
        return "only with one sample a call does it compute a known loss or outputs"
    return ""


def _penalty(
    fit: Fit,
    readings: Sequence[Described],
    activations: Activations,
    definition: Definition,
    seed: int,
) -> Asking[tuple[int, str]]:
    """Find what the penalty's factor means, from the loss with one."""
    mine = readings[fit.reading].conventions
    network = Network(
        fit.problem.network.widths, activations, definition.loss, definition.reduction, 0.37
    )
    problem = replace(fit.problem, network=network)
    outputs = outputs_of(problem, activations)
    plain = loss_from(definition, outputs, problem)
    wanted = {
        told: plain + penalised(problem, 0.37, biases)
        for biases, told in ((False, ""), (True, ", biases too"))
    }
    for index, reading in enumerate(readings):
        other = reading.conventions
        if replace(other, penalty=None) != replace(mine, penalty=None):
            continue
        answer = yield Request(Call.LOSS_AND_GRADS, problem, reading=index)
        for told, loss in wanted.items():
            if answer.failure is None and abs(answer.loss - loss) <= 1e-5 * (1 + abs(loss)):
                return index, f"{other.penalty}{told}"
    return fit.reading, f"{mine.penalty} (assumed)"


def _networks(
    fit: Fit,
    base: Network,
    l2: bool,
    seed: int,
    notes: list[str],
    refused: dict[Feature, str],
) -> Asking[tuple[Network, ...]]:
    """List the networks the code is for, the one it was inferred on first.

    Those are the networks it answers for, and those whose outputs it gives: where its
    backward fails on one of them, that is no reason not to ask. The others are told.
    """
    hidden = base.activations[:-1] or _hidden(fit, base)
    uniform = len(set(hidden)) <= 1
    kept = [base]
    one_output = ""
    left: dict[tuple[int, ...], str] = {}
    for widths in (*VARIANTS, *LARGER) if (own := widths_of(fit.conventions)) is None else own[1:]:
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
            if not answer.supported or not (yield from _runs_forward(fit, problem)):
                left[widths] = answer.failure.reason
                continue
            if base.widths[-1] == 1 < widths[-1]:  # it is built for one output
                one_output = one_output or f"asked for one output only: {answer.failure.message}"
                left[widths] = answer.failure.reason
                continue
        elif other_depth and not (yield from _computes(fit, problem)):
            left[widths] = "its outputs are others there"
            continue
        kept.append(network)
    if one_output:
        notes.append(one_output)
    depths = {network.depth for network in kept}
    for widths, why in left.items():
        if len(widths) - 1 in depths:
            refused["sizes", "-".join(map(str, widths))] = why
        elif len(widths) - 1 <= MAX_DEPTH:
            refused["depth", str(len(widths) - 1)] = why
    return tuple(
        replace(n, l2=value) for value in (PENALTIES_TRIED if l2 else (0.0,)) for n in kept
    )


def _hidden(fit: Fit, base: Network) -> Activations:
    """What hidden layers apply, where only the forward was seen to have any."""
    for fault in fit.faults:
        for acts in fault.activations:
            if len(acts) > 1 and acts[-1] == base.activations[-1]:
                return acts[:1]
    return ()


def _runs_forward(fit: Fit, problem: Problem) -> Asking[bool]:
    """Whether the code has a forward, and that gives the outputs as defined."""
    seen = yield Request(Call.FORWARD, problem, reading=fit.reading)
    return seen.failure is None and fit.gives(problem, seen.outputs)


def _computes(fit: Fit, problem: Problem) -> Asking[bool]:
    """Whether a forward gives the outputs as defined; code for one depth may not notice."""
    seen = yield Request(Call.FORWARD, problem, reading=fit.reading)
    if seen.failure is not None or fit.returns in (CLASSES, OTHER):
        answer = yield Request(Call.LOSS_AND_GRADS, problem, reading=fit.reading)
        wanted = outputs_of(problem, problem.network.activations)
        found = matching_losses(problem, wanted, problem.network.activations[-1], answer.loss)
        return bool(found)
    return fit.gives(problem, seen.outputs)


def batches(
    fit: Fit,
    base: Network,
    seed: int,
    notes: list[str],
    refused: dict[Feature, str],
) -> Asking[tuple[int, ...]]:
    """List the batch sizes the code is for.

    Where its source handles batches, those that it fails on are among them. The others are
    told.
    """
    if fit.conventions.one_sample:
        return (1,)
    kept = []
    left: dict[str, list[int]] = {}
    for samples in range(1, MAX_BATCH + 1):
        problem = problem_for(base, samples, seed)
        answer = yield Request(Call.LOSS_AND_GRADS, problem, reading=fit.reading)
        ours = answer.supported and fit.conventions.for_batches
        if answer.failure is None or (ours and (yield from _runs_forward(fit, problem))):
            kept.append(samples)
            continue
        refused["batch", str(samples)] = answer.failure.reason
        if answer.supported:
            left.setdefault(answer.failure.kind, []).append(samples)
            message = answer.failure.message
    for sizes in left.values():
        each = ", ".join(map(str, sizes))
        notes.append(f"not asked for batches of {each}: {message}")
    return tuple(kept) or (fit.problem.batch.size,)
