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

#: Why what a forward returns is not compared.
ASIDE = {
    CLASSES: "what its forward returns are no outputs (classes, say): not compared",
    OTHER: "what its forward returns are not the outputs of the network whose loss and gradient it "
    "gives; whether it is meant to return them is not known",
}


class Completion:
    """What is known by now of a reading that holds.

    Its conventions in ``words`` and ``notes`` are for the record, conditions for the headline;
    ``refused`` is what got no answer, and why.
    """

    def __init__(self, fit: Fit, reading: Described, seed: int) -> None:
        self.fit, self.reading, self.seed = fit, reading, seed
        self.words = reading.conventions.describe()
        self.notes: list[str] = []
        self.conditions: list[str] = []
        self.refused: dict[Feature, str] = {}

    def asked(self, call: Call, problem: Problem) -> Request:
        """Ask the reading."""
        return Request(call, problem, reading=self.fit.reading)

    def inferred(
        self,
        networks: tuple[Network, ...],
        sizes: tuple[int, ...],
        larger: tuple[Network, ...] = (),
        most: int | None = None,
        scale: str = "",
    ) -> Inferred:
        """Say what is known, for these networks and batch sizes."""
        conventions, logits = self.fit.conventions, ""
        if self.fit.returns == LOGITS:
            logits = networks[0].activations[-1]
            self.conditions.insert(0, f"its forward returns logits ({logits} is applied)")
        support = replace(
            EVERYTHING,
            networks=networks,
            larger=larger,
            batch_sizes=sizes,
            most_samples=most,
            one_hot=conventions.labels,
        )
        return Inferred(
            self.fit.reading,
            support,
            self.reading.adapter,
            self.words,
            conventions.loss.absent,
            scale,
            tuple(self.notes),
            ", ".join(self.conditions),
            logits=logits,
            notation=Notation.of(conventions, scale),
            refused=self.refused,
        )

    def one_at_a_time(self) -> Asking[str]:
        """Say why code that answers for several samples is asked for one at a time; or nothing."""
        fit = self.fit
        if fit.conventions.one_sample:
            return ""
        several = problem_for(fit.problem.network, SAMPLES_ASKED[0], self.seed, fit.conventions)
        if (yield from sequential(replace(fit, problem=several))):
            return "several samples are trained one after the other"
        trains = self.reading.adapter in TRAINING
        if trains and fit.problem.batch.size == 1 and fit.rank >= 2:
            return "with several it computes no known loss or outputs"
        return ""

    def from_gradient(self) -> Asking[Definition | None]:
        """Take the loss from the gradient: what a verdict then rests on is said."""
        fit, source = self.fit, self.reading.conventions.loss
        signs = (1, -1) if self.reading.adapter in TRAINING else (1,)
        score, acts, definition = yield from nearest_definition(fit, signs)
        if definition is None or score < RIGHT_ENOUGH:
            return None
        loss = f"inferred from the gradient: {definition.describe()}"
        if source.beside:
            own = ", ".join(source.beside)
            self.words["loss"] = f"{own} is not a known one; {loss}"
            self.notes.append(f"the loss that the code has ({own}) is none that is known; {loss}")
        elif source.absent:
            self.words["loss"] = f"none in the code; {loss}"
            self.notes.append(f"the code has no loss; {loss}")
        else:
            self.words["loss"] = f"not a known one; {loss}"
        returns = LOGITS if fit.activations and acts not in fit.activations else fit.returns
        self.fit = replace(fit, returns=returns, activations=[acts])
        condition = f"if your loss is {definition.loss}"
        if LOSSES[definition.loss].cancels:
            # the delta of the output is a - y for both: what is right here is a bug there
            missing = "the slope of the output is missing"
            condition += f" (for half_squared_error {missing})"  # a long headline leaves that out
            self.notes.append(f"if your loss is half_squared_error, {missing}")
        self.conditions.append(condition)
        return definition

    def unsupported(self) -> Inferred:
        """Say that the gradient is of nothing known: what is assumed makes nothing wrong."""
        fit, source = self.fit, self.reading.conventions.loss
        outputs = ",".join(fit.activations[0]) if fit.activations and fit.rank >= 2 else ""
        known = f"its outputs are those of a network ({outputs})" if outputs else "it runs"
        beside = f" ({', '.join(source.beside)})" if source.beside else ""
        loss = f"its loss{beside} is none that is known"
        if source.absent and not beside:
            loss = "no loss was found in it"
        text = (
            f"recognised as {self.reading.adapter}, and {known}, but {loss}, and its gradient is "
            f"that of none that was tried ({', '.join(LOSSES)}); give it a function that returns "
            f"its loss, say what it computes with --network, or write a declaration "
            f"(docs/plug-in.md)"
        )
        return Inferred(adapter=self.reading.adapter, failure=Failure("unsupported", text))

    def penalty(
        self, readings: Sequence[Described], activations: Activations, definition: Definition
    ) -> Asking[None]:
        """Find what the penalty's factor means, from the loss with one: readings differ in it."""
        fit, mine = self.fit, self.fit.conventions
        network = definition.network(fit.problem.network.widths, activations)
        problem = replace(fit.problem, network=replace(network, l2=0.37))
        plain = loss_from(definition, outputs_of(problem, activations), problem)
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
                    self.fit = replace(fit, reading=index, conventions=other)
                    self.words["penalty"] = f"{other.penalty}{told}"
                    return
        self.words["penalty"] = f"{mine.penalty} (assumed)"

    def networks(self, base: Network) -> Asking[list[Network]]:
        """List the networks the code is for, the one it was inferred on first.

        Those are the networks it answers for, and those whose outputs it gives: where its
        backward fails on one of them, that is no reason not to ask. The others are told.
        """
        hidden, output = base.activations[:-1] or self._hidden(base), base.activations[-1]
        own = widths_of(self.fit.conventions)
        kept, left, one_output = [base], dict[tuple[int, ...], str](), ""
        for widths in (*VARIANTS, *LARGER) if own is None else own[1:]:
            depth = len(widths) - 1
            other_depth = depth != base.depth
            if widths == base.widths or (other_depth and len(set(hidden)) != 1):
                continue
            if output == "softmax" and widths[-1] == 1:
                continue
            acts = (hidden[0],) * (depth - 1) if other_depth else base.activations[:-1]
            network = Network(widths, (*acts, output), base.loss, base.reduction)
            problem = problem_for(network, self.fit.problem.batch.size, self.seed)
            answer = yield self.asked(Call.LOSS_AND_GRADS, problem)
            failure = answer.failure
            if failure is None:
                if other_depth and not (yield from self._computes(problem, answer.loss)):
                    left[widths] = "its outputs are others there"
            elif not answer.supported or not (yield from self._runs_forward(problem)):
                left[widths] = failure.reason
            elif base.widths[-1] == 1 < widths[-1]:  # it is built for one output
                one_output = one_output or f"asked for one output only: {failure.message}"
                left[widths] = failure.reason
            if widths not in left:
                kept.append(network)
        self.notes += filter(None, [one_output])
        depths = {network.depth for network in kept}
        for widths, why in left.items():
            if len(widths) - 1 in depths:
                self.refused["sizes", "-".join(map(str, widths))] = why
            elif len(widths) - 1 <= MAX_DEPTH:
                self.refused["depth", str(len(widths) - 1)] = why
        return kept

    def _hidden(self, base: Network) -> Activations:
        """What hidden layers apply, where only the forward was seen to have any."""
        for fault in self.fit.faults:
            for acts in fault.activations:
                if len(acts) > 1 and acts[-1] == base.activations[-1]:
                    return acts[:1]
        return ()

    def _runs_forward(self, problem: Problem) -> Asking[bool]:
        """Whether the code has a forward, and that gives the outputs as defined."""
        seen = yield self.asked(Call.FORWARD, problem)
        return seen.failure is None and self.fit.gives(problem, seen.outputs)

    def _computes(self, problem: Problem, loss: float) -> Asking[bool]:
        """Whether a forward gives the outputs as defined; code for one depth may not notice."""
        seen = yield self.asked(Call.FORWARD, problem)
        if seen.failure is None and self.fit.returns not in ASIDE:
            return self.fit.gives(problem, seen.outputs)
        activations = problem.network.activations
        outputs = outputs_of(problem, activations)
        return bool(matching_losses(problem, outputs, activations[-1], loss))

    def batches(self, base: Network) -> Asking[tuple[int, ...]]:
        """List the batch sizes the code is for.

        Where its source handles batches, those that it fails on are among them. The others are
        told.
        """
        if self.fit.conventions.one_sample:
            return (1,)
        kept: list[int] = []
        left: dict[str, list[int]] = {}
        for samples in range(1, MAX_BATCH + 1):
            problem = problem_for(base, samples, self.seed)
            answer = yield self.asked(Call.LOSS_AND_GRADS, problem)
            ours = answer.supported and self.fit.conventions.for_batches
            if answer.failure is None or (ours and (yield from self._runs_forward(problem))):
                kept.append(samples)
                continue
            self.refused["batch", str(samples)] = answer.failure.reason
            if answer.supported:
                left.setdefault(answer.failure.kind, []).append(samples)
                message = answer.failure.message
        for sizes in left.values():
            each = ", ".join(map(str, sizes))
            self.notes.append(f"not asked for batches of {each}: {message}")
        return tuple(kept) or (self.fit.problem.batch.size,)


def complete(fit: Fit, readings: Sequence[Described], seed: int) -> Asking[Inferred]:
    """Fill in what a reading that holds leaves open: loss, penalty, sizes, batches."""
    reading = readings[fit.reading]
    conventions = reading.conventions
    known = Completion(fit, reading, seed)
    if conventions.loss.raised:
        known.notes.append(f"its loss is not compared: {'; '.join(conventions.loss.raised)}")
    single = yield from known.one_at_a_time()
    if single:
        known.notes.append(f"{single}: one a call is asked")
        known.fit = fit.one_sample(seed)
    if fit.definitions and not conventions.loss.absent:
        definition = fit.definitions[0]
        known.words["loss"] = definition.describe()
    else:
        found = yield from known.from_gradient()
        if found is None:
            return known.unsupported()
        definition = found
    first = known.fit.activations[:1]
    activations = first[0] if first else ("sigmoid",) * fit.problem.network.depth
    returns = known.fit.returns
    if returns == LOGITS:
        output = activations[-1]
        known.words["outputs"] = f"logits: {output} is applied to what the forward returns"
    known.words["activations"] = ",".join(activations)
    if conventions.argument and conventions.argument.meaning != "y":
        known.conditions.append(f"given {conventions.argument.describe()}")
    aside = _unread(conventions.unread) if conventions.unread else ASIDE.get(returns, "")
    known.notes += filter(None, [aside])
    if conventions.penalty:
        yield from known.penalty(readings, activations, definition)
    base = definition.network(fit.problem.network.widths, activations)
    several = range(2, MAX_BATCH + 1) if single else ()
    known.refused |= {("batch", str(n)): single for n in several}
    networks = yield from known.networks(base)
    sizes = (1,) if single else (yield from known.batches(base))
    most: int | None = None
    if not single and reading.adapter in TRAINING:
        most = yield from most_in_one_step(known.fit, base, seed)
    if most:
        why = f"takes several steps on more than {most} samples"
        known.notes.append(f"asked for at most {most} samples a call: it {why}")
        known.refused |= {("batch", str(n)): why for n in sizes if n > most}
        sizes = tuple(n for n in sizes if n <= most)
    penalties = PENALTIES_TRIED if conventions.penalty else (0.0,)
    every = [replace(n, l2=l2) for l2 in penalties for n in networks]
    larger = [n for n in every if conventions.widths is None and n.widths in LARGER]
    inferred = known.inferred(
        tuple(n for n in every if n not in larger), sizes, tuple(larger), most, definition.scale
    )
    return replace(
        inferred,
        # a loss of outputs that are not known is none that is judged
        lossless=inferred.lossless or not known.fit.rank,
        doubt=_doubt(reading) if inferred.lossless else "",
        aside=aside,
        doubtful=bool(conventions.unread) or returns == OTHER,
    )


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
