"""A step that is not what the code's own gradient makes of it.

What is wrong with the forward pass or the loss, told from the losses alone.

The textbook without biases, where a unit that is always on stands in for them.

What passes through that unit matters to a rule that reads what others have written: weights
that are updated on the way back are those of the code's own, wider network.
"""

from collections.abc import Generator, Mapping
from dataclasses import replace

import numpy as np

from gradcheck.contract.problem import by_name
from gradcheck.contract.protocol import BatchLike, Call, Observation, Request
from gradcheck.networks.bugs.textbook import Rule, Textbook
from gradcheck.networks.diagnosis.diagnosis import Diagnosis, Name
from gradcheck.networks.diagnosis.hypotheses import (
    ACCEPT,
    LARGEST_CLASS,
    REJECT,
    Hypothesis,
    Ranking,
    hypotheses,
    name_fitting,
    named_bug,
    of_class,
)
from gradcheck.networks.diagnosis.observations import Observations, simulate, unexplained
from gradcheck.networks.diagnosis.probe_setup import RATES, ProbeSetup, probes
from gradcheck.networks.diagnosis.recover_deltas import textbook_pass
from gradcheck.networks.diagnosis.recovered_numbers import with_free_number
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Batch, Floats, Pair, Problem
from gradcheck.reading.layout import narrow, widen, wider

#: Rules that make the forward and the loss.
FORWARD = {"pre_activation", "activation", "loss"}


def forward_fault(
    case: ProbeSetup, evidence: Observations, held_out: Observations
) -> tuple[list[Diagnosis], Mapping[str, Rule] | None]:
    """Name what is wrong in the forward.

    Returns
    -------
    diagnoses : list of Diagnosis
        Empty when the losses are right.
    rules : mapping of str to callable, or None
        Those of the code's forward, when they are known.
    """
    losses = [
        (request.problem, answer.loss)
        for part in (evidence, held_out)
        for request, answer in zip(part.requests, part.answers, strict=True)
        if answer.failure is None and request.call is Call.LOSS_AND_GRADS
    ]
    if all(same_loss(p, claimed, {}, case) for p, claimed in losses):
        return [], None
    fitting = [
        h
        for h in hypotheses(case.network)
        if set(h.bug.rules) <= FORWARD
        and all(same_loss(p, claimed, h.rules(), case) for p, claimed in losses)
    ]
    if not fitting or len(fitting) > LARGEST_CLASS:
        name = Name("", "forward", None)
        text = "The loss is not the loss as defined, and no catalogued bug of the forward fits."
        return [Diagnosis(name, "localised", text, "Look at the forward pass and the loss.")], None
    names = [n for h in fitting for n in h.names(case.network)]
    return [of_class(fitting[0], names, case.network)], fitting[0].rules()


def same_loss(
    problem: Problem, claimed: float, rules: Mapping[str, Rule], case: ProbeSetup
) -> bool:
    """Whether a loss is what the forward by some rules gives."""
    loss = float(textbook_pass(problem, rules).apply("loss"))
    return abs(claimed - loss) <= 30 * case.noise * (1.0 + abs(loss))


class Bare(Textbook):
    """A textbook whose code has no biases; it knows no weight penalty."""

    def loss_and_grads(
        self, network: Network, params: list[Pair], batch: BatchLike
    ) -> tuple[float, list[Pair]]:
        """Return the loss and the gradient, read as those of a network with biases."""
        wide, pairs, inside = _widened(network, params, batch)
        loss, grads = super().loss_and_grads(wide, pairs, inside)
        return loss, narrow(network, [dw for dw, _ in grads])

    def step(
        self, network: Network, params: list[Pair], batch: BatchLike, learning_rate: float
    ) -> list[Pair]:
        """Return the parameters after a step that is made by the code's own weights."""
        wide, pairs, inside = _widened(network, params, batch)
        after = super().step(wide, pairs, inside, learning_rate)
        moved = narrow(network, [w - new for (w, _), (new, _) in zip(pairs, after, strict=True)])
        return [(w - dw, b - db) for (w, b), (dw, db) in zip(params, moved, strict=True)]


def _widened(
    network: Network, params: list[Pair], batch: BatchLike
) -> tuple[Network, list[Pair], BatchLike]:
    weights, x = widen(network, params, batch.x)
    wide = Network(
        wider(network.widths), network.activations, network.loss, network.reduction, network.l2
    )
    pairs: list[tuple[Floats, Floats]] = [(w, w[0] * 0.0) for w in weights]
    return wide, pairs, Batch(x, batch.y)


def in_all_layers(
    case: ProbeSetup, evidence: Observations, held_out: Observations, diagnoses: list[Diagnosis]
) -> list[Diagnosis]:
    """Name in every layer what was named in one, if so it is all that is wrong without biases.

    Below the first wrong layer the unit that is always on carries what no place shows.
    """
    if case.network.l2:
        return diagnoses
    for told in diagnoses:
        alike = [d for d in diagnoses if d.name.site == told.name.site and not d.name.bug]
        if not told.name.bug or told.name.layer is None or not alike:
            continue
        bug = named_bug(told)
        left = max(
            unexplained(part, bug.rules, case.noise, simulation=Bare)
            for part in (evidence, held_out)
        )
        if left <= ACCEPT:
            ranking = Ranking([(left, Hypothesis(bug, None, everywhere=True))], [], float("nan"))
            named = name_fitting(ranking, case.network, evidence)
            return [replace(d, recovered=told.recovered) for d in named]
    return diagnoses


Questions = Generator[Request, Observation, list[Diagnosis]]


def update_fault(case: ProbeSetup, known: Mapping[str, Rule]) -> Questions:
    """Is the step what the code's own gradient makes of it?

    Parameters
    ----------
    known : mapping of str to callable
        Wrong rules that were named: a step has them too.
    """
    seen = []
    for seed in (0, 1):
        for request in probes(replace(case, calls=(Call.LOSS_AND_GRADS,)), seed):
            gradient = yield replace(request, anew=False)
            step = yield Request(Call.STEP, request.problem, learning_rate=RATES[seed])
            if gradient.failure is None and step.failure is None:
                seen.append((request.problem, gradient, step, RATES[seed]))
    if not seen or _updates_by({}, seen, case):
        return []
    fitting = [
        h
        for h in hypotheses(case.network, ("update",))
        if set(h.bug.rules) == {"update"} and _updates_by(h.bug.rules, seen, case)
    ]
    if not fitting:
        requests = tuple(Request(Call.STEP, p, learning_rate=rate) for p, _, _, rate in seen)
        steps = Observations(requests, tuple(s for _, _, s, _ in seen), simulate({}, requests))
        listed = [
            h
            for h in hypotheses(case.network, ("update", "delta_recursion"))
            if not set(h.bug.rules) & set(known)
        ]
        for simulation in (Textbook,) if case.network.l2 else (Textbook, Bare):
            fitting = fitting or [
                h
                for h in listed
                if unexplained(steps, {**known, **h.rules()}, case.noise, REJECT, simulation)
                <= ACCEPT
            ]
        fitting.sort(key=lambda h: h.everywhere)
    if not fitting:
        told = with_free_number(case, *_halved(steps), hypotheses(case.network, ("update",)))
        if told:
            return told
        name = Name("", "update", None)
        text = "The step is not what your own gradient makes of it: params - rate * gradient."
        fix = "Look at the lines that change the parameters."
        return [Diagnosis(name, "localised", text, fix)]
    best, *rivals = fitting
    others = [n for h in rivals for n in h.names(case.network) if h.bug is not best.bug]
    return [
        of_class(best, [name, *(n for n in others if n.layer == name.layer)], case.network)
        for name in sorted(best.names(case.network), key=lambda n: -(n.layer or 0))
    ]


def _halved(steps: Observations) -> tuple[Observations, Observations]:
    """What a number is fitted to, and what it is confirmed on: another rate, other values."""
    half = len(steps.requests) // 2
    return (
        Observations(steps.requests[:half], steps.answers[:half], steps.right[:half]),
        Observations(steps.requests[half:], steps.answers[half:], steps.right[half:]),
    )


def _updates_by(
    rules: Mapping[str, Rule],
    seen: list[tuple[Problem, Observation, Observation, float]],
    case: ProbeSetup,
) -> bool:
    """Whether an update rule, fed with the code's own gradient, gives the code's own step."""
    for problem, gradient, step, rate in seen:
        p = textbook_pass(problem)
        p.rules, p.learning_rate = {**p.rules, **rules}, rate
        p.grads = dict(enumerate(gradient.tensors.pairs, start=1))
        moved = by_name(p.apply("update", list(gradient.tensors.pairs)))
        for name, two in step.tensors.items():
            one = moved[name]
            if one.shape != two.shape or np.abs(one - two).max() > 1e3 * case.noise * (
                1.0 + np.abs(two).max()
            ):
                return False
    return True
