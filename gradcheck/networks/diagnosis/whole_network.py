"""Faults that belong to no one layer: of the loss, of the step, of the gradient as a whole."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from gradcheck.comparison.compare import within
from gradcheck.comparison.verdict import written_factor
from gradcheck.contract.posed import Tensors, by_name
from gradcheck.contract.protocol import BatchLike, Call, Observation, Request
from gradcheck.networks.bugs import CATALOGUE
from gradcheck.networks.bugs.textbook import Pass, Rule, Textbook
from gradcheck.networks.diagnosis.hypotheses import (
    ACCEPT,
    LARGEST_CLASS,
    REJECT,
    Hypothesis,
    Ranking,
    another_number,
    hypotheses,
    name_fitting,
)
from gradcheck.networks.diagnosis.observations import (
    Observations,
    Simulation,
    multiple_of,
    same,
    textbook_pass,
    unexplained,
)
from gradcheck.networks.diagnosis.probe_setup import PROBE_RATES, ProbeSetup, probes
from gradcheck.networks.diagnosis.recover_deltas import FACTOR, RecoveredDeltas
from gradcheck.networks.diagnosis.result import (
    BugAtPlace,
    Diagnosis,
    Questions,
    localised,
    named,
    named_bug,
    placed,
)
from gradcheck.networks.problem import Batch, Floats, Network, Pair
from gradcheck.reading.layout import narrow, widen, wider

#: Rules that make the forward and the loss.
FORWARD = {"pre_activation", "activation", "loss"}

#: The whole gradient is one multiple of the right one when no larger part is left.
WHOLE_MULTIPLE = 1e-6


# ---- the loss ----------------------------------------------------------------------------


def forward_fault(
    setup: ProbeSetup, observations: Observations
) -> tuple[list[Diagnosis], Mapping[str, Rule] | None]:
    """Name what is wrong in the forward, nothing where the losses are right; with the code's rules.

    The rules of its forward are None where they are right, or not known.
    """
    if same_losses(setup, observations, {}):
        return [], None
    fitting = [
        h
        for h in hypotheses(setup.network)
        if set(h.bug.rules) <= FORWARD and same_losses(setup, observations, h.rules())
    ]
    if not fitting or len(fitting) > LARGEST_CLASS:
        text, fix = placed("forward", None, setup.network)
        text = f"{text.removesuffix('.')}, and no catalogued bug of the forward fits."
        return [localised("forward", None, text, fix)], None
    names = [n for h in fitting for n in h.names(setup.network)]
    return [named(fitting[0].bug, names, setup.network)], fitting[0].rules()


def same_losses(setup: ProbeSetup, observations: Observations, rules: Mapping[str, Rule]) -> bool:
    """Whether every loss is what the forward by some rules gives."""
    for problem, answer, _ in observations.gradients():
        loss = float(textbook_pass(problem, rules).apply("loss"))
        if not abs(answer.loss - loss) <= 30 * setup.noise * (1.0 + abs(loss)):
            return False
    return True


# ---- code without biases -----------------------------------------------------------------


class Bare(Textbook):
    """A textbook whose code has no biases; it knows no weight penalty.

    A unit that is always on stands in for the biases. What passes through it matters to a rule
    that reads what others have written: weights that are updated on the way back are those of
    the code's own, wider network.
    """

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
    pairs: list[tuple[Floats, Floats]] = [(w, w[0] * 0.0) for w in weights]
    return replace(network, widths=wider(network.widths)), pairs, Batch(x, batch.y)


def simulations(network: Network) -> tuple[Simulation, ...]:
    """Return what code for a network may be simulated by: with biases, or without."""
    return (Textbook,) if network.l2 else (Textbook, Bare)


def in_all_layers(
    setup: ProbeSetup, observations: Observations, diagnoses: list[Diagnosis]
) -> list[Diagnosis]:
    """Name in every layer what was named in one, if so it is all that is wrong without biases.

    Below the first wrong layer the unit that is always on carries what no place shows.
    """
    if Bare not in simulations(setup.network):
        return diagnoses
    for one in diagnoses:
        nameless = [d for d in diagnoses if d.name.site == one.name.site and not d.name.bug]
        if not one.name.bug or one.name.layer is None or not nameless:
            continue
        bug = named_bug(one)
        left = unexplained(observations, bug.rules, setup.noise, simulation=Bare)
        if left <= ACCEPT:
            ranking = Ranking([(left, Hypothesis(bug, None, everywhere=True))], [], float("nan"))
            everywhere = name_fitting(ranking, setup.network, observations)
            return [replace(d, recovered=one.recovered) for d in everywhere]
    return diagnoses


# ---- the step ----------------------------------------------------------------------------


def update_fault(setup: ProbeSetup, known: Mapping[str, Rule]) -> Questions:
    """Is the step what the code's own gradient makes of it? It has the wrong rules known, too."""
    gradients, steps, requests = [], [], []
    for seed in (0, 1):
        for request in probes(replace(setup, calls=(Call.LOSS_AND_GRADS,)), seed):
            stepping = Request(Call.STEP, request.problem, learning_rate=PROBE_RATES[seed])
            gradient = yield replace(request, anew=False)
            step = yield stepping
            if gradient.failure is None and step.failure is None:
                gradients.append(gradient)
                steps.append(step)
                requests.append(stepping)
    observations = Observations(tuple(requests), tuple(steps))
    if not steps or _updates_by({}, observations, gradients, setup):
        return []
    fitting = [
        h
        for h in hypotheses(setup.network, ("update",))
        if set(h.bug.rules) == {"update"}
        and _updates_by(h.bug.rules, observations, gradients, setup)
    ] or _whole_steps(setup, observations, known)
    if not fitting:
        # fitted to the first step, and confirmed on another rate and other values
        found = another_number(setup, observations, hypotheses(setup.network, ("update",)))
        return found or [localised("update", None, *placed("update", None, setup.network))]
    best, *rivals = fitting
    others = [n for h in rivals for n in h.names(setup.network) if h.bug is not best.bug]
    return [
        named(best.bug, [name, *(n for n in others if n.layer == name.layer)], setup.network)
        for name in sorted(best.names(setup.network), key=lambda n: -(n.layer or 0))
    ]


def _updates_by(
    rules: Mapping[str, Rule],
    steps: Observations,
    gradients: Sequence[Observation],
    setup: ProbeSetup,
) -> bool:
    """Whether an update rule, given the code's own gradient, makes the code's own step."""
    for request, step, gradient in zip(steps.requests, steps.answers, gradients, strict=True):
        p = textbook_pass(request.problem)
        p.rules, p.learning_rate = {**p.rules, **rules}, request.learning_rate
        p.grads = dict(enumerate(gradient.tensors.pairs, start=1))
        moved = by_name(p.apply("update", list(gradient.tensors.pairs)))
        if not all(
            within(moved[name], tensor, 1e3 * setup.noise * (1.0 + np.abs(tensor).max()))
            for name, tensor in step.tensors.items()
        ):
            return False
    return True


def _whole_steps(
    setup: ProbeSetup, steps: Observations, known: Mapping[str, Rule]
) -> list[Hypothesis]:
    """List the bugs that make the steps, with biases or else without, beside those known."""
    listed = [
        h
        for h in hypotheses(setup.network, ("update", "delta_recursion"))
        if not set(h.bug.rules) & set(known)
    ]
    for simulation in simulations(setup.network):
        fitting = [
            h
            for h in listed
            if unexplained(steps, {**known, **h.rules()}, setup.noise, REJECT, simulation) <= ACCEPT
        ]
        if fitting:
            return sorted(fitting, key=lambda h: h.everywhere)
    return []


# ---- the gradient ------------------------------------------------------------------------


def common_factor(recovered: list[RecoveredDeltas]) -> list[Diagnosis]:
    """Is every data part off by one factor? That is the reduction, mostly."""
    known = [(each.problem.batch.size, each.factor) for each in recovered if each.factor]
    if not known:
        return []
    factors = dict(known)
    n, c = max(factors.items())
    network = recovered[0].problem.network
    if any(abs(factor - factors[size]) > FACTOR * abs(factor) for size, factor in known):
        low, high = min(factor for _, factor in known), max(factor for _, factor in known)
        text = (
            "Every data part of the gradient is one multiple of what it should be, and another "
            f"one on every problem: from {low:.3g} to {high:.3g} times."
        )
        fix = "Look for a division by something that is computed from the gradient or the batch."
        return [localised("returned_gradient", None, text, fix)]
    outputs = network.widths[-1]
    where = f"N = {n}" if outputs == 1 else f"N = {n}, {outputs} outputs"
    times = written_factor(c)
    text = f"Every data part of the gradient is {times} times what it should be ({where})."
    if slug := _reduction(network, factors):
        bug = CATALOGUE[slug]
        diagnosis = named(bug, [BugAtPlace(slug, bug.site, None)], network)
    elif len({round(factor, 6) for factor in factors.values()}) > 1:
        fix = "Look at where the gradient is divided by the batch."
        diagnosis = localised("batch_reduction", None, text, fix)
    else:
        # the output's delta, the reduction, and with no penalty the whole are one function
        sites = ["loss_derivative", "batch_reduction"]
        sites = sites if network.l2 else ["returned_gradient", *sites]
        first, *also = [
            BugAtPlace("", s, network.depth if s == "loss_derivative" else None) for s in sites
        ]
        fix = "Look for a constant where the error of the outputs is formed, and where sums end."
        diagnosis = localised(first.site, first.layer, text, fix, tuple(also))
    return [replace(diagnosis, recovered={"factor": c})]


def _reduction(network: Network, factors: dict[int, float]) -> str:
    """Name the factor when one catalogued reduction gives it at every batch size."""
    for bug in CATALOGUE.values():
        if bug.site != "batch_reduction" or set(bug.rules) != {"scale"}:
            continue
        fits = True
        for n, c in factors.items():
            y = np.zeros((n, network.widths[-1]))
            p = Pass(network, [], y, Textbook().rules, a={0: np.zeros((n, network.widths[0]))})
            ratio = bug.rules["scale"](p) / p.apply("scale")
            fits = fits and abs(ratio - 1.0) > FACTOR and abs(ratio - c) <= 1e-6 * abs(c)
        if fits:
            return bug.slug
    return ""


def whole_multiple(setup: ProbeSetup, observations: Observations) -> list[Diagnosis]:
    """Is the whole gradient, with what the penalty gives, one multiple of the right one?"""
    answered = _answered(observations)
    if not answered or not setup.network.l2:
        return []
    claimed, right = (
        np.concatenate([_flat(both[side].values()) for both in answered]) for side in (0, 1)
    )
    factor = multiple_of(claimed, right, WHOLE_MULTIPLE)
    if not factor or abs(factor - 1) <= FACTOR:
        return []
    times = written_factor(factor)
    text = f"The whole gradient, penalty included, is {times} times what it should be."
    fix = "Look at the end of the function, where the gradient is returned."
    diagnosis = localised("returned_gradient", None, text, fix)
    return [replace(diagnosis, recovered={"factor": factor})]


def mixed_up(setup: ProbeSetup, observations: Observations) -> list[Diagnosis]:
    """Say of which layers the entries are right and stand elsewhere; nothing if more is wrong."""
    answered = _answered(observations)
    diagnoses = []
    for layer in range(1, setup.network.depth + 1) if len(answered) > 1 else ():
        rows = [(_flat(a.pairs[layer - 1]), _flat(r.pairs[layer - 1])) for a, r in answered]
        if all(same(a, r, setup.tolerance) for a, r in rows):
            continue
        if not all(same(np.sort(a), np.sort(r), setup.tolerance) for a, r in rows):
            return []
        text = (
            f"The gradients of layer {layer} have the right numbers in the wrong places: their "
            "entries are mixed up."
        )
        fix = f"Look at the lines that reshape, flatten or stack the gradients of layer {layer}."
        diagnoses.append(localised("returned_gradient", layer, text, fix))
    return diagnoses


def _answered(observations: Observations) -> list[tuple[Tensors, Tensors]]:
    """List what the code returned, beside what is right."""
    return [(answer.tensors, right.tensors) for _, answer, right in observations.gradients()]


def _flat(tensors: Iterable[Floats]) -> Floats:
    return np.concatenate([tensor.ravel() for tensor in tensors])
