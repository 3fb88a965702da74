"""What only a gradient or a step tells: the loss it is of, its reduction, and which reading it is.

Where a network is named without its reduction, the loss says it first: it is that of one
reduction, or (where it is none that is known) a batch's is the sum or the mean of its samples'.
Else the gradient says it, likewise. What neither tells is asked for: assumed, it would make
right code wrong.
"""

import itertools
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from gradcheck.contract.conventions import Conventions, LossSource
from gradcheck.contract.posed import Tensors, by_name
from gradcheck.contract.protocol import Call, Failure, Observation, Request
from gradcheck.errors import UsageError
from gradcheck.networks.definitions import LOSSES, REDUCTIONS, penalty
from gradcheck.networks.fast_estimate import Truth
from gradcheck.networks.fast_estimate.complex_step import at_own_point, by_preactivation
from gradcheck.networks.inference.fit import (
    LOGITS,
    SCALES,
    Activations,
    Definition,
    Fit,
    fused,
    layers,
)
from gradcheck.networks.inference.steps import sequential
from gradcheck.networks.problem import Floats, Network, Problem
from gradcheck.networks.scope import Asking

#: A gradient with this much of it right belongs to a definition: the last layer does.
RIGHT_ENOUGH = 0.2

#: Relative difference up to which a tensor is right here.
RIGHT = 1e-5

#: True gradients of problems of so many parameters are formed anew each time they are asked for.
LARGE = 20_000


def _truth(problem: Problem) -> Tensors:
    """The true gradient, without a bar: what is inferred here is judged later."""
    return _formed(problem) if problem.params.size > LARGE else _kept(problem)


def _formed(problem: Problem) -> Tensors:
    return by_name((dw[0], db[0]) for dw, db in by_preactivation(at_own_point(problem)))


_kept = lru_cache(maxsize=1024)(_formed)


def _apart(problem: Problem, observation: Observation, factor: float = 1.0) -> list[float]:
    """Return how far each tensor is from the true one times a factor, relative to that."""
    truth = _truth(problem)
    apart = []
    for name, claim in observation.tensors.items():
        value = factor * truth[name]
        size = float(np.linalg.norm(value))
        apart.append(float(np.linalg.norm(claim - value)) / size if size else np.inf)
    return apart


def share(problem: Problem, observation: Observation, factor: float = 1.0) -> float:
    """Return the part of the tensors that are right, the last layers counting most.

    The code's own gradient is to be larger than the definition's by the factor.
    """
    apart = _apart(problem, observation, factor)
    weights = [2.0 ** (place // 2) for place in range(len(apart))]  # alike for W and b of a layer
    right = (weight for weight, off in zip(weights, apart, strict=True) if off <= RIGHT)
    return sum(right) / sum(weights)


def distance(problem: Problem, observation: Observation) -> float:
    """Return how far the tensors are from the true ones that are right, relative to those."""
    apart = _apart(problem, observation)
    return max((off for off in apart if off <= RIGHT), default=0.0)


#: Relative difference up to which a loss, or a batch and its samples put together, are the same.
ALIKE = 1e-6


def with_each(problem: Problem) -> dict[str, Problem]:
    """Return a problem by each reduction."""
    return {
        name: replace(problem, network=replace(problem.network, reduction=name))
        for name in REDUCTIONS
    }


def reduction(problem: Problem, reading: int) -> Asking[tuple[str, str]]:
    """Find the reduction by which the code's numbers go together, and by what it was told.

    Empty where they do not tell.
    """
    if problem.batch.size == 1:
        return "mean", "of one sample a call it is the sum, too"
    whole = yield Request(Call.LOSS_AND_GRADS, problem, reading=reading)
    if whole.failure is not None:
        return "", ""
    variants = with_each(problem)
    fitting = [name for name, each in variants.items() if fits(each, whole)]
    if len(fitting) == 1:
        return fitting[0], "as its loss says"
    singles = []
    for n in range(problem.batch.size):
        single = replace(problem, batch=problem.batch.select([n]))
        answer = yield Request(Call.LOSS_AND_GRADS, single, reading=reading)
        singles += [answer] if answer.failure is None else []
    complete = len(singles) == problem.batch.size
    if complete and np.isfinite(whole.loss):
        added = float(penalty(problem.network, problem.params.pairs))
        parts = np.array([answer.loss - added for answer in singles])
        found = _made_of(np.array([whole.loss - added]), parts[:, None])
        if found:
            return found, "as its losses of a batch and of its samples say"
    shares = {name: share(each, whole) for name, each in variants.items()}
    best = max(shares, key=shares.__getitem__)
    if shares[best] >= RIGHT_ENOUGH and min(shares.values()) < shares[best]:
        return best, "as its gradient says"
    if complete:
        w = problem.network.l2 * problem.params.pairs[-1][0]
        parts = np.array([answer.tensors.pairs[-1][0] - w for answer in singles])
        found = _made_of(whole.tensors.pairs[-1][0] - w, parts)
        if found:
            return found, "as its gradients of a batch and of its samples say"
    return "", ""


def fits(problem: Problem, answer: Observation) -> bool:
    """Whether a claimed loss is that of a problem."""
    loss = Truth(problem).loss
    return bool(abs(answer.loss - loss) <= ALIKE * abs(loss))


def _made_of(whole: Floats, parts: Floats) -> str:
    """Say whether something is the sum or the mean of its parts, along their first axis."""
    for name, value in (("sum", parts.sum(axis=0)), ("mean", parts.mean(axis=0))):
        size = float(np.abs(value).max())
        if size and np.allclose(whole, value, rtol=ALIKE, atol=ALIKE * size):
            return name
    return ""


def demanded(network: Network) -> Failure:
    """Say that the reduction is needed, and how to write it."""
    short = str(network).replace(f" {network.reduction}", "", 1)
    text = (
        f"the network {short!r} says neither mean nor sum, and the numbers of the code fit "
        f"neither: write '{replace(network, reduction='mean')}' or "
        f"'{replace(network, reduction='sum')}'"
    )
    return Failure("unsupported", text)


#: Outputs tried where nothing is known of them, the commonest first.
_OUTPUTS = ("sigmoid", "identity", "softmax", "tanh", "relu")

#: Definitions tried, at most.
MOST_DEFINITIONS = 300


def nearest_definition(
    fit: Fit, signs: tuple[int, ...] = (1,)
) -> Asking[tuple[float, Activations, Definition | None]]:
    """Return the definition whose gradient comes nearest, and how near.

    A constant before the loss cannot be told from one before the rate, so any simple one will
    do where the code has no loss. The activations and definitions of the fit are those that are
    possible; where there are none, all are. Where the last activation is the identity, what was
    seen may have been logits. With a sign of -1 also gradients count that point the other way:
    code that trains by them goes uphill, whatever the constant.
    """
    problem, definitions = fit.problem, fit.definitions
    depth, width = problem.network.depth, problem.network.widths[-1]
    possible = fit.activations or [
        (*hidden, output) for output in _OUTPUTS for hidden in layers(depth)
    ]
    if not definitions:
        possible = [*possible, *_logits(fit.activations, width)]
    wanted = definitions or [
        Definition(loss, reduction)
        for loss in LOSSES
        for reduction in (REDUCTIONS if problem.batch.size > 1 else REDUCTIONS[:1])
    ]
    answers: list[tuple[Problem, Activations, Definition, Observation]] = []
    best: tuple[float, Activations, Definition | None] = (-1.0, (), None)
    for acts, definition in itertools.product(possible, wanted):
        try:
            asked = replace(problem, network=definition.network(problem.network.widths, acts))
        except UsageError:
            continue
        # only where a unit stands in for biases does the question depend on the network
        question = asked if fit.conventions.bias == "missing" else problem
        answer = yield Request(Call.LOSS_AND_GRADS, question, reading=fit.reading)
        if answer.failure is None:
            answers.append((asked, acts, definition, answer))
            score = share(asked, answer, SCALES[definition.scale](width))
            if score > best[0]:
                best = (score, acts, definition)
        if best[0] == 1.0 or len(answers) == MOST_DEFINITIONS:
            break
    for sign, scale in itertools.product(signs, SCALES):
        for asked, acts, definition, answer in answers:
            if best[0] == 1.0 or (definitions and sign == 1):
                break
            scaled = definition if definitions else replace(definition, scale=scale)
            score = share(asked, answer, sign * SCALES[scaled.scale](width))
            if score > best[0]:
                best = (score, acts, scaled)
    return best


def _logits(activations: list[Activations], width: int) -> list[Activations]:
    """Return the activations of networks whose logits would be what was seen."""
    return [
        (*acts[:-1], name)
        for acts in activations
        if acts[-1] == "identity"
        for name in fused(width)
    ]


#: At most so many readings are told apart by their gradient.
CANDIDATES = 40

#: Of gradients that are about as near, or whose distance is rounding, the first is taken.
NEAR, ROUNDING = 10.0, 1e-12


def ambiguous(conventions: Conventions) -> bool:
    """Say whether other readings may fit as well as one of these conventions does."""
    return _rate_tells(conventions) or conventions.several


def ends(before: Conventions, following: Conventions) -> bool:
    """Say whether those that may fit as well as a reading have all been tried when it is over."""
    return before.several and not _rate_tells(before) and _rest(before) != _rest(following)


def _rate_tells(conventions: Conventions) -> bool:
    """Whether readings differ in what is taken for the rate."""
    return conventions.rate is not None and conventions.rate.guessed


def _rest(conventions: Conventions) -> Conventions:
    """Return conventions without what readings differ in of which several may fit."""
    loss = LossSource(meant=conventions.loss.meant)
    return replace(conventions, loss=loss, functions=(), argument=None, returned="", several=False)


@dataclass(frozen=True)
class _Scored:
    """A fit of one kind of network, and the definition whose gradient it comes nearest to."""

    score: float  # the part of the gradient that is right
    fit: Fit
    definition: Definition

    @property
    def network(self) -> Network:
        """What the fit is of."""
        widths = self.fit.problem.network.widths
        return self.definition.network(widths, self.fit.activations[0])

    @property
    def plain(self) -> bool:
        """Whether it needs no factor before the loss, which is likelier.

        One batch cannot tell 0.1 times a sum from half a mean over five.
        """
        return not self.definition.scale


def _differ_in_a_share(one: Fit, two: Fit) -> bool:
    """Whether the readings of two fits differ in the rate alone, of which one uses a part."""
    partial = one.rate_is_partial or two.rate_is_partial
    return partial and replace(one.conventions, rate=None) == replace(two.conventions, rate=None)


def _nearest(best: _Scored, scored: list[_Scored]) -> Asking[Fit]:
    """Return the best fit, or what differs from it in a share of the rate and is nearer.

    A share near 1 is right to what counts as right here, whether it is used or not.
    """
    if not best.plain:
        return best.fit
    apart: list[tuple[float, Fit]] = []
    for each in scored:
        alike = (each.score, each.fit.activations, each.definition) == (
            best.score,
            best.fit.activations,
            best.definition,
        ) and _differ_in_a_share(best.fit, each.fit)
        if each is best or alike:
            asked = replace(each.fit.problem, network=each.network)
            answer = yield Request(Call.LOSS_AND_GRADS, asked, reading=each.fit.reading)
            apart.append((np.inf if answer.failure else distance(asked, answer), each.fit))
    enough = max(NEAR * min(off for off, _ in apart), ROUNDING)
    return next((fit for off, fit in apart if off <= enough), best.fit)


def choose(fits: list[Fit], seed: int) -> Asking[Fit | None]:
    """Choose among readings that fit as well."""
    first = fits[0].conventions
    same = all(fit.definitions[:1] == fits[0].definitions[:1] for fit in fits)
    numbers = first.argument is not None or bool(first.returned)
    alike = same and not _rate_tells(first) and not numbers
    if fits[0].rank > 0 and (alike or not ambiguous(first)):
        return fits[0]
    scored: list[_Scored] = []
    right: Fit | None = None
    for order, each in enumerate(fits):
        if right and not _differ_in_a_share(right, each):
            continue
        if not right and order == CANDIDATES:
            break
        # several samples may be trained one after the other
        fit = each.one_sample(seed) if (yield from sequential(each)) else each
        score, acts, definition = yield from nearest_definition(fit)
        if definition is not None:
            known = [definition] if fit.definitions else []
            logits = bool(fit.activations) and acts not in fit.activations  # a loss of what follows
            returns = LOGITS if logits else fit.returns
            chosen = replace(fit, activations=[acts], definitions=known, returns=returns)
            scored.append(_Scored(score, chosen, definition))
            if score >= 1.0 and not definition.scale:
                right = each
    if not scored:
        return None
    best = max(scored, key=lambda each: (each.score, each.plain))  # of equals the first
    if best.score >= RIGHT_ENOUGH:
        return (yield from _nearest(best, scored))
    if first.argument is not None:
        return (yield from _meant(fits))
    return fits[0] if fits[0].rank > 0 else None


def _meant(fits: list[Fit]) -> Asking[Fit | None]:
    """Choose the meaning of an argument that is data: no factor comes in with it.

    Then its gradient may be that of another loss than the code's own, which is a finding.
    """
    for fit in fits:
        argument = fit.conventions.argument
        if argument is not None and argument.is_data:
            score, _, _ = yield from nearest_definition(replace(fit, definitions=[]))
            if score >= RIGHT_ENOUGH:
                return fit
    return None
