"""How well a reading fits: its outputs and its loss, held against every definition."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from gradcheck.contract.conventions import AS_DEFINED, Conventions
from gradcheck.contract.posed import parameters
from gradcheck.contract.protocol import Call, Failure, Observation, Request
from gradcheck.networks.definitions import (
    ACTIVATIONS,
    HIDDEN_ACTIVATIONS,
    LOSSES,
    REDUCTIONS,
    evaluate,
    penalty,
)
from gradcheck.networks.problem import Batch, Floats, Network, Params, Problem
from gradcheck.networks.scope import Asking

#: Relative difference up to which outputs and losses agree. Which definition is meant is
#: inferred here; whether it is met is judged later, and sharply.
AGREE = 3e-6

#: With more layers than this, hidden layers are taken to share an activation.
MIXED = 3

#: Constants by which a code's own loss may differ from a definition.
SCALES: dict[str, Callable[[int], float]] = {
    "": lambda n_out: 1.0,
    "1/2": lambda n_out: 0.5,
    "2": lambda n_out: 2.0,
    "1/n": lambda n_out: 1.0 / n_out,
    "1/(2n)": lambda n_out: 0.5 / n_out,
    "2/n": lambda n_out: 2.0 / n_out,
}

#: What code adds inside its logarithms, as far as it can be seen here.
EPSILONS = (0.0, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)

Activations = tuple[str, ...]

#: Output activations that code often leaves to its loss, which then takes logits.
FUSED = tuple(dict.fromkeys(o for loss in LOSSES.values() if loss.cancels for o in loss.outputs))


@dataclass(frozen=True)
class Definition:
    """What a batch's loss is, given the outputs; the code's own is :data:`SCALES` times that."""

    loss: str
    reduction: str
    scale: str = ""

    def network(self, widths: tuple[int, ...], activations: Activations) -> Network:
        """Return a network that has this loss."""
        return Network(widths, activations, self.loss, self.reduction)

    def describe(self) -> str:
        """Say it in words."""
        factor = f"{self.scale} x " if self.scale else ""
        return f"{factor}{self.loss} {self.reduction}"


def layers(depth: int) -> Iterator[Activations]:
    """Yield what the hidden layers may apply: one activation first, then several."""
    hidden = depth - 1
    for name in HIDDEN_ACTIVATIONS if hidden else ("",):
        yield (name,) * hidden
    if 1 < hidden < MIXED:
        for names in itertools.product(HIDDEN_ACTIVATIONS, repeat=hidden):
            if len(set(names)) > 1:
                yield names


def outputs_of(problem: Problem, activations: Activations) -> Floats:
    """Return the outputs of a problem's parameters under other activations."""
    network = Network(problem.network.widths, activations, "squared_error")
    return np.asarray(evaluate(network, problem.params.pairs, problem.batch.x).a[-1])


def fused(width: int) -> Iterator[str]:
    """Yield the output activations that logits of so many units may go into."""
    yield from (name for name in FUSED if width > 1 or name != "softmax")


def applied(activation: str, numbers: Floats) -> Floats:
    """Return what an activation makes of what code returns."""
    with np.errstate(all="ignore"):
        return np.asarray(ACTIVATIONS[activation].forward(numbers))


@lru_cache(maxsize=64)
def _outputs_table(problem: Problem) -> tuple[list[Activations], Floats]:
    """Return all activations, and the outputs that each gives: (K, N, n[L])."""
    names: list[Activations] = []
    stack = []
    for hidden in layers(problem.network.depth):
        z = outputs_of(problem, (*hidden, "identity"))
        for name, activation in ACTIVATIONS.items():
            if name == "softmax" and z.shape[-1] == 1:
                continue  # ones, whatever went before
            names.append((*hidden, name))
            stack.append(activation.forward(z))
    return names, np.array(stack)


def fitting(problem: Problem, outputs: Floats) -> tuple[list[Activations], float]:
    """Return the activations that give the outputs of most units, and the part of them."""
    names, stack = _outputs_table(problem)
    if not outputs.any():
        return [], 0.0  # zeros tell nothing
    agree = np.abs(outputs - stack) <= AGREE * (0.01 + np.abs(stack))
    # whole units, for a bug in one of them; single samples may agree by chance
    units = (agree & (outputs != 0)).all(axis=1).mean(axis=-1)
    parts = np.where(agree.all(axis=(1, 2)), 1.0, units)
    most = float(parts.max())
    best = [names[k] for k in np.flatnonzero(parts == most)] if most else []
    return best, most


def definitions(outputs: str | None = None) -> Iterator[Definition]:
    """Yield the definitions of a loss that go with an output activation; plain ones first."""
    for scale in SCALES:
        for name, loss in LOSSES.items():
            if outputs is None or outputs in loss.outputs:
                for reduction in REDUCTIONS:
                    yield Definition(name, reduction, scale)


def loss_from(
    definition: Definition, outputs: Floats, problem: Problem, epsilon: float = 0.0
) -> float:
    """Return the loss that a definition gives to some outputs, right or wrong.

    ``epsilon`` is what code may add inside its logarithms.
    """
    y, n_out = problem.batch.y, outputs.shape[1]
    with np.errstate(all="ignore"):
        moved = outputs + epsilon * (2.0 * y - 1.0)  # a + epsilon, and 1 - a + epsilon
        each = np.asarray(LOSSES[definition.loss].of_outputs(moved, y))
    count = len(each) if definition.reduction == "mean" else 1
    return float(each.sum()) / count * SCALES[definition.scale](n_out)


def matching_losses(
    problem: Problem, outputs: Floats, activation: str, claimed: float
) -> list[Definition]:
    """Return the definitions that give a claimed loss to some outputs."""
    found: list[Definition] = []
    if claimed == 0:  # a counter, or a sum not yet begun
        return found
    for definition in definitions(activation):
        added = EPSILONS if LOSSES[definition.loss].logarithmic else (0.0,)
        values = [loss_from(definition, outputs, problem, epsilon) for epsilon in added]
        if any(abs(claimed - v) <= AGREE * (1e-3 + abs(v)) for v in values if np.isfinite(v)):
            found.append(definition)
    return found


@lru_cache(maxsize=64)
def _loss_table(
    problem: Problem, mixed: bool
) -> tuple[list[tuple[Activations, Definition]], Floats]:
    """Return the definitions whose hidden layers are alike, or mixed; and the loss of each."""
    rows, values = [], []
    for acts, outputs in zip(*_outputs_table(problem), strict=True):
        if (len(set(acts[:-1])) > 1) is mixed:
            for definition in definitions(acts[-1]):
                rows.append((acts, definition))
                values.append(loss_from(definition, outputs, problem))
    return rows, np.array(values)


def giving(problem: Problem, claimed: float) -> list[tuple[Activations, Definition]]:
    """Return all definitions that give a claimed loss, plain ones first."""
    for mixed in (False, True) if claimed else ():
        rows, values = _loss_table(problem, mixed)
        with np.errstate(invalid="ignore"):
            close = np.abs(claimed - values) <= AGREE * (1e-3 + np.abs(values))
        if close.any():
            return [rows[k] for k in np.flatnonzero(close)]
    return []


def penalised(problem: Problem, l2: float, biases: bool = False) -> float:
    """Return ``l2 / 2 * sum ||W||^2`` of a problem, and of its biases where they count too."""
    network = replace(problem.network, l2=l2)
    more = sum(float((b * b).sum()) for _, b in problem.params.pairs) if biases else 0.0
    return float(penalty(network, problem.params.pairs)) + 0.5 * l2 * more


#: What a forward returns: the outputs; what goes into the output activation; whole numbers or
#: another number of them, such as classes; or something else.
OUTPUTS, LOGITS, CLASSES, OTHER = "outputs", "logits", "classes", "other"

#: The rank of a reading whose outputs are those of a network, and that gives no gradient.
BACKWARD_FAILS = 1.5

#: The ranks of a reading whose loss is known, and whose forward returns no outputs.
CLASSES_ASIDE, OTHER_ASIDE = 3.5, 2.5


@dataclass(frozen=True)
class BackwardFault:
    """A problem on which code gives the outputs of some activations, and no gradient."""

    problem: Problem
    failure: Failure
    activations: list[Activations]


@dataclass(frozen=True)
class Fit:
    """How well a reading fits.

    Attributes
    ----------
    reading : int
    conventions : Conventions
        Those of the reading.
    problem : Problem
        On which it was asked.
    rank : float
        4: outputs and loss (or the only one of them there is); 3.5 or 2.5: the loss alone,
        where the forward returns classes or something else; 3: outputs, and no loss;
        2: outputs, but the loss is none known; 1.5: outputs, and the gradient fails; 1: a
        part of the outputs, and perhaps the loss that goes with them; 0: nothing.
    activations : list of tuple of str
        That give its outputs or its loss.
    definitions : list of Definition
        That give its loss.
    faults : tuple of BackwardFault
        Questions on which the code gave the outputs of a network, and failed to give a
        gradient: they are no reason to ask it something else.
    returns : str
        What its forward returns: :data:`OUTPUTS`, :data:`LOGITS`, :data:`CLASSES` or
        :data:`OTHER`; :data:`OUTPUTS` too where there is no forward.
    """

    reading: int
    conventions: Conventions
    problem: Problem
    rank: float
    activations: list[Activations] = field(default_factory=list)
    definitions: list[Definition] = field(default_factory=list)
    faults: tuple[BackwardFault, ...] = ()
    returns: str = OUTPUTS

    @property
    def rate_is_partial(self) -> bool:
        """Whether only a part of the rate may be used."""
        return self.conventions.rate is not None and self.conventions.rate.share is not None

    def one_sample(self, seed: int) -> "Fit":
        """Return it with a problem of one sample."""
        problem = problem_for(self.problem.network, 1, seed, self.conventions)
        return replace(self, problem=problem)

    def gives(self, problem: Problem, seen: Floats) -> bool:
        """Say whether what a forward returned are the outputs of a problem's own network."""
        activations = problem.network.activations
        outputs = applied(activations[-1], seen) if self.returns == LOGITS else seen
        wanted = outputs_of(problem, activations)
        return bool(np.allclose(outputs, wanted, rtol=1e-6, atol=1e-9))


def _ranked(
    none: Fit, seen: Observation, answer: Observation, lossless: bool, among: Fit | None = None
) -> Fit:
    """Hold outputs and loss against every definition, or against those another answer left.

    What fits nothing is as ``none``.
    """
    claimed = None if lossless else answer.loss
    if seen.failure is not None:
        fit, strange = _by_loss(none, claimed, among), _strange(seen)
        # what it takes for outputs is something else
        return replace(fit, rank=min(fit.rank, OTHER_ASIDE), returns=strange) if strange else fit
    outputs = seen.outputs
    fit = _by_outputs(none, outputs, claimed)
    if fit.rank >= 3.0:
        return fit
    for name in fused(none.problem.network.widths[-1]):
        other = _by_outputs(none, applied(name, outputs), claimed)
        acts = [each for each in other.activations if each[-1] == name]
        if acts and other.rank >= 2.0 and other.rank > fit.rank:
            fit = replace(other, activations=acts, returns=LOGITS)
    if fit.rank:
        return fit
    whole = bool((outputs == np.round(outputs)).all())
    loss = _by_loss(none, claimed, among)
    aside = CLASSES_ASIDE if whole else OTHER_ASIDE
    return replace(loss, rank=min(loss.rank, aside), returns=CLASSES if whole else OTHER)


def _by_outputs(none: Fit, outputs: Floats, claimed: float | None) -> Fit:
    """Hold outputs against every definition, and the loss against those with these outputs."""
    activations, part = fitting(none.problem, outputs)
    if not activations:
        return none
    losses: dict[Activations, list[Definition]] = {}
    if claimed is not None:
        for acts in activations:
            found = matching_losses(none.problem, outputs, acts[-1], claimed)
            if found:
                losses[acts] = found
    if part < 1.0:
        rank = part * (1.0 if losses else 0.9 if claimed is None else 0.8)
    else:
        rank = 4.0 if losses else 3.0 if claimed is None else 2.0
    definitions = list(dict.fromkeys(d for found in losses.values() for d in found))
    return replace(
        none, rank=rank, activations=list(losses) or activations, definitions=definitions
    )


def _by_loss(none: Fit, claimed: float | None, among: Fit | None) -> Fit:
    """Hold a loss alone against every definition; several samples leave but one."""
    found = giving(none.problem, claimed) if claimed is not None else []
    if among:
        found = [(acts, d) for acts, d in found if acts in among.activations]
    if found and none.problem.batch.size > 1:
        found = [(acts, d) for acts, d in found if acts == found[0][0]]
    return replace(
        none,
        rank=4 if found else 0,
        activations=list(dict.fromkeys(acts for acts, _ in found)),
        definitions=list(dict.fromkeys(definition for _, definition in found)),
    )


#: Sizes that code of free sizes is first asked for: every shape tells them apart.
FIRST_SIZES = ((4, 6, 3), (4, 6, 1), (4, 3), (4, 1), (4, 7, 6, 3), (4, 7, 6, 1))

#: Networks with more parameters are not asked for.
LARGEST = 2_000_000

#: Weights of a layer of more inputs are drawn smaller, for nothing to saturate.
_FEW = 16

#: Of what a worker says so many sizes are looked at, of networks of so many widths at most.
MOST_SIZES, DEEPEST = 16, 9

#: Samples of the first question; one, for code that takes one a call. Neither two nor a
#: width above, so that no constant is mistaken for another.
SAMPLES_ASKED = (5, 1)


def problem_for(
    network: Network, samples: int, seed: int, conventions: Conventions = AS_DEFINED
) -> Problem:
    """Make a small problem of generic values whose targets suit every loss.

    Where conventions say that the code has no biases, those above the first layer are zero, so
    that the outputs do not depend on what a unit that is always on gives.
    """
    missing = conventions.bias == "missing"
    rng = np.random.default_rng((seed, samples, 21))
    pairs = []
    for layer, (n_in, n_out) in enumerate(network.shapes, start=1):
        b = rng.normal(size=n_out) * 0.5
        w = rng.normal(size=(n_in, n_out)) * min(1.0, _FEW / n_in) ** 0.5
        pairs.append((w, np.zeros(n_out) if missing and layer > 1 else b))
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


def widths_of(conventions: Conventions) -> list[tuple[int, ...]] | None:
    """Return the sizes a reading can be asked for, its own first; None where it is free.

    What a worker says is not believed: sizes that are none, or too large, are left out.
    """
    if conventions.widths is None:
        return None
    return [
        each
        for each in conventions.widths[:MOST_SIZES]
        if 1 < len(each) <= DEEPEST and min(each) > 0 and parameters(plain(each)) <= LARGEST
    ]


def fit_of(
    index: int, conventions: Conventions, seed: int, failures: list[Failure]
) -> Asking[Fit | None]:
    """Ask one reading, and hold its outputs and its loss against every definition."""
    best: Fit | None = None
    faults: list[BackwardFault] = []
    own = widths_of(conventions)
    if own is not None and not own:
        text = f"its sizes are too large: at most {LARGEST:,} parameters are asked for"
        failures.append(Failure("unsupported", text))
    for widths in FIRST_SIZES if own is None else own[:6]:
        for samples in (1,) if conventions.one_sample else SAMPLES_ASKED:
            problem = problem_for(plain(widths), samples, seed, conventions)
            none = Fit(index, conventions, problem, 0)
            seen = yield Request(Call.FORWARD, problem, reading=index)
            if seen.failure is not None and seen.supported:
                failures.append(seen.failure)
            answer = yield Request(Call.LOSS_AND_GRADS, problem, reading=index)
            if answer.failure is not None:
                failures.append(answer.failure)
                if answer.supported and seen.failure is None:
                    activations, part = fitting(problem, seen.outputs)
                    if part == 1.0:
                        faults.append(BackwardFault(problem, answer.failure, activations))
                continue
            lossless = conventions.loss.absent or not np.isfinite(answer.loss)
            fit = _ranked(none, seen, answer, lossless)
            fit = yield from _confirmed(fit, seed, lossless)
            if best is None or fit.rank > best.rank:
                best = fit
            if fit.rank >= 2:
                break
        if best is not None and best.rank >= 2:
            break
    if faults and (best is None or best.rank < BACKWARD_FAILS):
        first = faults[0]
        best = Fit(index, conventions, first.problem, BACKWARD_FAILS, first.activations)
    return replace(best, faults=tuple(faults)) if best is not None else None


def _strange(seen: Observation) -> str:
    """Say what a forward gives that fails: not as many numbers as outputs, or nothing at all."""
    if seen.failure is None or not seen.supported:
        return ""
    return CLASSES if seen.failure.kind == "contract" else OTHER


def _confirmed(fit: Fit, seed: int, lossless: bool) -> Asking[Fit]:
    """Ask again elsewhere, and keep what holds there too: where all units are alive, relu is none.

    With one sample a question more often leaves several definitions.
    """
    network, samples = fit.problem.network, fit.problem.batch.size
    for again in range(1, 2 if samples > 1 else 5):
        if not fit.rank:
            return fit
        problem = problem_for(network, samples, seed + again, fit.conventions)
        answer = yield Request(Call.LOSS_AND_GRADS, problem, reading=fit.reading)
        seen = yield Request(Call.FORWARD, problem, reading=fit.reading)
        strange = _strange(seen)
        if answer.failure is not None or (strange and fit.returns != strange):
            return Fit(fit.reading, fit.conventions, fit.problem, 0)
        none = Fit(fit.reading, fit.conventions, problem, 0)
        other = _ranked(none, seen, answer, lossless, fit)
        definitions = [d for d in fit.definitions if d in other.definitions]
        acts = [a for a in fit.activations if a in other.activations]
        alike = acts and fit.returns == other.returns
        rank = min(fit.rank, other.rank) if alike else 0
        fit = replace(fit, rank=rank, activations=acts, definitions=definitions)
    return fit
