"""How well a reading fits: its outputs and its loss against every definition.

How far the outputs and the loss of one answer are those of a definition.

How near a gradient comes to the true one of a definition: tensor by tensor.
"""

import itertools
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from gradcheck.contract.problem import Tensors, by_name
from gradcheck.contract.protocol import Call, Described, Failure, Observation, Request
from gradcheck.networks.fast_estimate import points
from gradcheck.networks.fast_estimate.complex_step import by_preactivation, sloped
from gradcheck.networks.inference.definitions import (
    Activations,
    Definition,
    applied,
    fitting,
    fused,
    giving,
    matching_losses,
    outputs_of,
)
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Batch, Floats, Params, Problem

#: What a forward returns: the outputs; what goes into the output activation; whole numbers or
#: another number of them, such as classes; or something else.
OUTPUTS, LOGITS, CLASSES, OTHER = "outputs", "logits", "classes", "other"

#: The rank of a reading whose outputs are those of a network, and that gives no gradient.
BACKWARD_FAILS = 1.5

#: The ranks of a reading whose loss is known, and whose forward returns no outputs.
CLASSES_ASIDE, OTHER_ASIDE = 3.5, 2.5


@dataclass(frozen=True)
class Fault:
    """A question that code answers forwards and not backwards.

    Attributes
    ----------
    problem : Problem
    failure : Failure
    activations : list of tuple of str
        That give its outputs.
    """

    problem: Problem
    failure: Failure
    activations: list[Activations]


@dataclass(frozen=True)
class Fit:
    """How well a reading fits.

    Attributes
    ----------
    reading : int
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
    faults : tuple of Fault
        Questions on which the code gave the outputs of a network, and failed to give a
        gradient: they are no reason to ask it something else.
    returns : str
        What its forward returns: :data:`OUTPUTS`, :data:`LOGITS`, :data:`CLASSES` or
        :data:`OTHER`; :data:`OUTPUTS` too where there is no forward.
    """

    reading: int
    problem: Problem
    rank: float
    activations: list[Activations] = field(default_factory=list)
    definitions: list[Definition] = field(default_factory=list)
    faults: tuple[Fault, ...] = ()
    returns: str = OUTPUTS

    def gives(self, problem: Problem, seen: Floats) -> bool:
        """Say whether what a forward returned are the outputs of a problem's own network."""
        activations = problem.network.activations
        outputs = applied(activations[-1], seen) if self.returns == LOGITS else seen
        wanted = outputs_of(problem, activations)
        return bool(np.allclose(outputs, wanted, rtol=1e-6, atol=1e-9))


def ranked(
    index: int,
    problem: Problem,
    outputs: Floats | None,
    claimed: float | None,
    among: Fit | None = None,
) -> Fit:
    """Hold one answer against every definition, or against those another answer left."""
    if outputs is None:
        return _by_loss(index, problem, claimed, among)
    fit = _by_outputs(index, problem, outputs, claimed)
    if fit.rank >= 3.0:
        return fit
    for name in fused(problem.network.widths[-1]):
        other = _by_outputs(index, problem, applied(name, outputs), claimed)
        acts = [each for each in other.activations if each[-1] == name]
        if acts and other.rank >= 2.0 and other.rank > fit.rank:
            fit = replace(other, activations=acts, returns=LOGITS)
    if fit.rank:
        return fit
    whole = bool((outputs == np.round(outputs)).all())
    loss = _by_loss(index, problem, claimed, among)
    aside = CLASSES_ASIDE if whole else OTHER_ASIDE
    return replace(loss, rank=min(loss.rank, aside), returns=CLASSES if whole else OTHER)


def _by_outputs(index: int, problem: Problem, outputs: Floats, claimed: float | None) -> Fit:
    """Hold outputs against every definition, and the loss against those with these outputs."""
    activations, part = fitting(problem, outputs)
    if not activations:
        return Fit(index, problem, 0)
    losses: dict[Activations, list[Definition]] = {}
    if claimed is not None:
        for acts in activations:
            found = matching_losses(problem, outputs, acts[-1], claimed)
            if found:
                losses[acts] = found
    if part < 1.0:
        rank = part * (1.0 if losses else 0.9 if claimed is None else 0.8)
    else:
        rank = 4.0 if losses else 3.0 if claimed is None else 2.0
    definitions = list(dict.fromkeys(d for found in losses.values() for d in found))
    return Fit(index, problem, rank, list(losses) or activations, definitions)


def _by_loss(index: int, problem: Problem, claimed: float | None, among: Fit | None) -> Fit:
    """Hold a loss alone against every definition; several samples leave but one."""
    found = giving(problem, claimed) if claimed is not None else []
    if among:
        found = [(acts, d) for acts, d in found if acts in among.activations]
    if found and problem.batch.size > 1:
        found = [(acts, d) for acts, d in found if acts == found[0][0]]
    acts = list(dict.fromkeys(acts for acts, _ in found))
    return Fit(index, problem, 4 if found else 0, acts, list(dict.fromkeys(d for _, d in found)))


#: Sizes that code of free sizes is first asked for: told apart by every shape they give.
FIRST = ((4, 6, 3), (4, 6, 1), (4, 3), (4, 1), (4, 7, 6, 3), (4, 7, 6, 1))

#: Networks with more parameters are not asked for.
LARGEST = 2_000_000

#: Weights of a layer of more inputs are drawn smaller, for nothing to saturate.
_FEW = 16

#: Of what a worker says so many sizes are looked at, of networks of so many widths at most.
MOST_SIZES, DEEPEST = 16, 9

#: Samples of the first question; one, for code that takes one a call. Neither two nor a
#: width above, so that no constant is mistaken for another.
SAMPLES = (5, 1)


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
            (
                rng.normal(size=(n_in, n_out)) * min(1.0, _FEW / n_in) ** 0.5,
                np.zeros(n_out) if missing and layer > 1 else b,
            )
        )
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


def widths_of(reading: Described) -> list[tuple[int, ...]] | None:
    """Return the sizes a reading can be asked for, its own first; None where it is free.

    What a worker says is not believed: sizes that are none, or too large, are left out.
    """
    widths = reading.conventions.widths
    if widths is None:
        return None
    return [
        each
        for each in widths[:MOST_SIZES]
        if 1 < len(each) <= DEEPEST and min(each) > 0 and parameters(each) <= LARGEST
    ]


def parameters(widths: tuple[int, ...]) -> int:
    """Return how many parameters a network of given sizes has."""
    return sum((n_in + 1) * n_out for n_in, n_out in itertools.pairwise(widths))


def missing(reading: Described) -> bool:
    """Whether a unit that is always on stands in for biases."""
    return reading.conventions.bias == "missing"


def of_a_rate(reading: Described) -> bool:
    """Whether only a part of the rate may be used."""
    rate = reading.conventions.rate
    return rate is not None and rate.share is not None


def fit_of(
    index: int, reading: Described, seed: int, failures: list[Failure]
) -> Generator[Request, Observation, Fit | None]:
    """Ask one reading, and hold its outputs and its loss against every definition."""
    best: Fit | None = None
    faults: list[Fault] = []
    own = widths_of(reading)
    if own is not None and not own:
        text = f"its sizes are too large: at most {LARGEST:,} parameters are asked for"
        failures.append(Failure("unsupported", text))
    for widths in FIRST if own is None else own[:6]:
        for samples in (1,) if reading.conventions.one_sample else SAMPLES:
            problem = problem_for(plain(widths), samples, seed, missing(reading))
            seen = yield Request(Call.FORWARD, problem, reading=index)
            outputs = None if seen.failure else seen.outputs
            strange = _strange(seen)
            if seen.failure is not None and strange:
                failures.append(seen.failure)
            answer = yield Request(Call.LOSS_AND_GRADS, problem, reading=index)
            if answer.failure is not None:
                failures.append(answer.failure)
                if answer.supported and outputs is not None:
                    activations, part = fitting(problem, outputs)
                    if part == 1.0:
                        faults.append(Fault(problem, answer.failure, activations))
                continue
            lossless = reading.conventions.loss.absent or not np.isfinite(answer.loss)
            claimed = None if lossless else answer.loss
            fit = ranked(index, problem, outputs, claimed)
            if strange:  # what it takes for outputs is something else
                fit = replace(fit, rank=min(fit.rank, OTHER_ASIDE), returns=strange)
            fit = yield from _confirmed(fit, reading, seed, lossless)
            if best is None or fit.rank > best.rank:
                best = fit
            if fit.rank >= 2:
                break
        if best is not None and best.rank >= 2:
            break
    if faults and (best is None or best.rank < BACKWARD_FAILS):
        best = Fit(index, faults[0].problem, BACKWARD_FAILS, faults[0].activations)
    return replace(best, faults=tuple(faults)) if best is not None else None


def _strange(seen: Observation) -> str:
    """Say what a forward gives that fails: not as many numbers as outputs, or nothing at all."""
    if seen.failure is None or not seen.supported:
        return ""
    return CLASSES if seen.failure.kind == "contract" else OTHER


def _confirmed(
    fit: Fit, reading: Described, seed: int, lossless: bool
) -> Generator[Request, Observation, Fit]:
    """Ask again elsewhere, and keep what holds there too: where all units are alive, relu is none.

    With one sample a question more often leaves several definitions.
    """
    network, samples = fit.problem.network, fit.problem.batch.size
    for again in range(1, 2 if samples > 1 else 5):
        if not fit.rank:
            return fit
        problem = problem_for(network, samples, seed + again, missing(reading))
        answer = yield Request(Call.LOSS_AND_GRADS, problem, reading=fit.reading)
        seen = yield Request(Call.FORWARD, problem, reading=fit.reading)
        strange = _strange(seen)
        if answer.failure is not None or (strange and fit.returns != strange):
            return Fit(fit.reading, fit.problem, 0)
        outputs = None if seen.failure else seen.outputs
        other = ranked(fit.reading, problem, outputs, None if lossless else answer.loss, fit)
        if strange:
            other = replace(other, returns=strange)
        definitions = [d for d in fit.definitions if d in other.definitions]
        acts = [a for a in fit.activations if a in other.activations]
        alike = acts and fit.returns == other.returns
        rank = min(fit.rank, other.rank) if alike else 0
        fit = replace(fit, rank=rank, activations=acts, definitions=definitions)
    return fit


def single_if_sequential(
    fit: Fit, reading: Described, seed: int
) -> Generator[Request, Observation, Fit]:
    """Ask for one sample at a time where several are trained one after the other."""
    if not (yield from sequential(fit, reading)):
        return fit
    return replace(fit, problem=problem_for(fit.problem.network, 1, seed, missing(reading)))


def sequential(fit: Fit, reading: Described) -> Generator[Request, Observation, bool]:
    """Whether a step on several samples is made of steps on each in turn.

    Where a rate may shrink from one to the next, each moves the parameters along the step on
    its sample alone, and perhaps not as far.
    """
    problem = fit.problem
    if problem.batch.size == 1:
        return False
    whole = yield from _stepped(fit, problem.params, range(problem.batch.size))
    if whole is None:
        return False
    params = problem.params
    for n in range(problem.batch.size):
        single = yield from _stepped(fit, params, [n])
        if single is None:
            return False
        params = single
    if _same(_numbers(whole), _numbers(params)):
        return True
    return of_a_rate(reading) and (yield from _along_each(fit))


def _along_each(fit: Fit) -> Generator[Request, Observation, bool]:
    """Whether each further sample moves the parameters along the step on it alone."""
    problem = fit.problem
    params = problem.params
    for n in range(problem.batch.size):
        several = yield from _stepped(fit, problem.params, range(n + 1))
        single = yield from _stepped(fit, params, [n])
        if several is None or single is None:
            return False
        start = _numbers(params)
        far, alone = _numbers(several) - start, _numbers(single) - start
        size = float(alone @ alone)
        part = float(far @ alone) / size if size else 0.0
        if not 0.0 < part <= 1.0 + SAME or not _same(start + far, start + part * alone):
            return False
        params = several
    return True


#: More samples than any batch has that is asked for; the two rates at which a step is compared.
MANY_SAMPLES, FAR, HALF = 70, 0.1, 0.05

#: Two steps differ from twice the half by more than this part of them, in float32 too.
PROPORTIONATE = 1e-4


def most_in_one_step(
    fit: Fit, reading: Described, base: Network, seed: int
) -> Generator[Request, Observation, int | None]:
    """Return on how many samples the code takes one step, where it takes several on more.

    One step goes in proportion to the rate; where another follows from where it led, both
    together do not. Whatever else does not go in proportion to the rate says nothing, as what
    is so on two samples.

    Returns
    -------
    int or None
        None where any number of samples makes one step, or where nothing can be seen of it.
    """
    if reading.adapter not in ("in place", "script"):
        return None

    def one(samples: int) -> Generator[Request, Observation, bool | None]:
        problem = problem_for(base, samples, seed)
        start, ends = _numbers(problem.params), []
        for rate in (FAR, HALF):
            asked = Request(Call.STEP, problem, learning_rate=rate, reading=fit.reading)
            answer = yield asked
            if answer.failure is not None:
                return None
            ends.append(_numbers(answer.tensors) - start)
        far, half = ends
        if not np.isfinite(far).all() or (far == half).all():
            return None
        return bool(np.linalg.norm(far - 2 * half) <= PROPORTIONATE * np.linalg.norm(far))

    if (yield from one(MANY_SAMPLES)) is not False or not (yield from one(2)):
        return None
    low, high = 2, MANY_SAMPLES
    while high - low > 1:
        middle = (low + high) // 2
        if (yield from one(middle)):
            low = middle
        else:
            high = middle
    return low


def _stepped(
    fit: Fit, params: Params, samples: Iterable[int]
) -> Generator[Request, Observation, Params | None]:
    """Take a step from given parameters on some samples; None where there is no answer."""
    problem = fit.problem
    asked = Problem(problem.network, params, problem.batch.select(list(samples)))
    answer = yield Request(Call.STEP, asked, learning_rate=0.5, reading=fit.reading)
    if answer.failure is not None or not np.isfinite(_numbers(answer.tensors)).all():
        return None
    return Params(answer.tensors.pairs)


def _numbers(tensors: Mapping[str, Floats]) -> Floats:
    return np.concatenate([array.ravel() for array in tensors.values()])


def _same(one: Floats, two: Floats) -> bool:
    return bool(np.allclose(one, two, rtol=1e-9, atol=1e-12))


#: A gradient with this much of it right belongs to a definition: the last layer does.
ENOUGH = 0.2

#: Relative difference up to which two tensors are the same here.
SAME = 1e-5


#: True gradients of problems of so many parameters are formed anew each time they are asked for.
LARGE = 20_000


def _truth(problem: Problem) -> Tensors:
    """The true gradient, without a bar: what is settled here is judged later."""
    return _formed(problem) if problem.params.size > LARGE else _kept(problem)


def _formed(problem: Problem) -> Tensors:
    pairs = [(w[None], b[None]) for w, b in problem.params.pairs]
    stack = by_preactivation(sloped(problem, points.of(problem, pairs)))
    return by_name((dw[0], db[0]) for dw, db in stack)


_kept = lru_cache(maxsize=1024)(_formed)


def share(problem: Problem, observation: Observation, factor: float = 1.0) -> float:
    """Return the part of the tensors that are right, the last layers counting most.

    Parameters
    ----------
    factor : float
        By how much the code's own gradient is to be larger than the definition's.
    """
    truth = _truth(problem)
    total = right = 0.0
    for place, (name, claim) in enumerate(observation.tensors.items()):
        value = factor * truth[name]
        weight = 2.0 ** (place // 2)  # alike for both tensors of a layer
        total += weight
        size = float(np.linalg.norm(value))
        if float(np.linalg.norm(claim - value)) <= SAME * size and size:
            right += weight
    return right / total


def distance(problem: Problem, observation: Observation) -> float:
    """Return how far the tensors are from the true ones that are right, relative to those."""
    truth = _truth(problem)
    apart = []
    for name, claim in observation.tensors.items():
        size = float(np.linalg.norm(truth[name]))
        off = float(np.linalg.norm(claim - truth[name]))
        if off <= SAME * size and size:
            apart.append(off / size)
    return max(apart, default=0.0)


def gradient(problem: Problem, reading: int) -> Generator[Request, Observation, float]:
    """Ask a reading for a gradient, and return the part of it that is right."""
    answer = yield Request(Call.LOSS_AND_GRADS, problem, reading=reading)
    return 0.0 if answer.failure else share(problem, answer)
