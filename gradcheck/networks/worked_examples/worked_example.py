"""What a worked example is, a published system beside what the code gets, and what it asks.

Every question is a generator, to be used with ``yield from``; whatever is not an answer
ends the example with :class:`NotRun`. Training is done with the code's own step.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gradcheck.contract.posed import Tensors
from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.errors import UsageError
from gradcheck.networks.problem import Batch, Floats, Network, Params, Problem
from gradcheck.networks.scope import Asking


@dataclass(frozen=True)
class Result:
    """One published number beside the reproduced one.

    Attributes
    ----------
    quantity : str
        Its name, readable in a table: ``"dE/dw5"``.
    published : float
        As printed in the source; for an acceptance number, the bound.
    reproduced : float
        What the code under test gives.
    agrees : bool
        Whether the two agree to the last printed digit, or the bound holds.
    curve : tuple of float
        Losses over a training, where there was one.
    bound : str
        ``""`` when the number is to be reproduced, else ``"<"`` or ``">"``: the
        reproduced number has to be below or above the published one.
    """

    quantity: str
    published: float
    reproduced: float
    agrees: bool
    curve: tuple[float, ...] = ()
    bound: str = ""


@dataclass(frozen=True)
class Reproduction:
    """What a worked example found, at its start and after its training.

    The caller has the gradient verified at its points. Of large data they hold 64 samples.
    """

    results: tuple[Result, ...]
    points: tuple[Problem, ...]


class NotRun(Exception):  # noqa: N818 (an ending, not a fault of ours)
    """The code under test gave no answer, so there is nothing to compare.

    Cause: it does not support what the example needs, a call failed, or its
    steps led to parameters that are not finite. Next step: the message says
    which; an example that was not run is never one that agrees.

    Parameters
    ----------
    message : str
        One sentence for the author of the code.
    unsupported : bool
        True when the code said that it does not do this; that is no fault.
    """

    def __init__(self, message: str, unsupported: bool = False) -> None:
        super().__init__(message)
        self.unsupported = unsupported


#: A worked example asks requests and returns its outcome; it never calls code.
#: It raises NotRun when there is no answer to one of them.
Run = Asking[Reproduction]


@dataclass(frozen=True)
class Example:
    """One published system.

    ``source`` says where the numbers were published, or how the acceptance number was set.
    ``run(extent)`` is asked for ``"full"`` or ``"short"``, which leaves out what takes plain Python
    minutes; its results say so.
    """

    name: str
    title: str
    source: str
    run: Callable[[str], Run]


def printed(quantity: str, text: str, reproduced: float, curve: tuple[float, ...] = ()) -> Result:
    """Compare with a number exactly as it was printed, to half a unit of its last digit."""
    mantissa, _, exponent = text.lower().partition("e")
    digits = len(mantissa.partition(".")[2])
    unit = 10.0 ** ((int(exponent) if exponent else 0) - digits)
    agrees = abs(reproduced - float(text)) <= 0.5 * unit * (1 + 1e-6)
    return Result(quantity, float(text), reproduced, agrees, curve)


def below(quantity: str, bound: float, value: float, curve: tuple[float, ...] = ()) -> Result:
    """Compare with a bound that must not be reached."""
    agrees = math.isfinite(value) and value < bound
    return Result(quantity, bound, value, agrees, curve, bound="<")


def above(quantity: str, bound: float, value: float, curve: tuple[float, ...] = ()) -> Result:
    """Compare with a bound that must be passed."""
    agrees = math.isfinite(value) and value > bound
    return Result(quantity, bound, value, agrees, curve, bound=">")


def ask(request: Request) -> Asking[Observation]:
    """Ask, and insist on an answer: raise NotRun when the observation is a failure."""
    observation = yield request
    if observation.failure is not None:
        raise NotRun(observation.failure.message, unsupported=not observation.supported)
    return observation


def outputs(problem: Problem) -> Asking[Floats]:
    """Ask for the outputs, (N, n[L])."""
    observation = yield from ask(Request(Call.FORWARD, problem))
    return observation.outputs


def loss(problem: Problem) -> Asking[float]:
    """Ask for the loss of the batch."""
    observation = yield from ask(Request(Call.LOSS_AND_GRADS, problem))
    return observation.loss


def step(problem: Problem, rate: float, rounds: int = 1) -> Asking[Problem]:
    """Ask for the code's own steps and return the problem where they lead.

    All rounds are one question: the session repeats the step, each time from the
    parameters that the last one returned.
    """
    observation = yield from ask(Request(Call.STEP, problem, rate, rounds))
    return moved(problem, observation.tensors)


def moved(problem: Problem, params: Tensors) -> Problem:
    """Return the problem at other parameters; raise NotRun when they are not finite."""
    try:
        return Problem(problem.network, Params(params.pairs), problem.batch)
    except UsageError as error:
        raise NotRun(f"training did not stay finite: {error}") from None


#: Takes so many rounds from a problem, and returns the problem where they lead.
Walk = Callable[[Problem, int], Asking[Problem]]

#: Draws an array of a shape.
Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]


@dataclass(frozen=True)
class Training:
    """How a training went, with the loss at the start, at equal intervals, and at the end."""

    start: Problem
    end: Problem
    curve: tuple[float, ...]


def train(start: Problem, rounds: int, walk: Walk, samples_of_curve: int = 50) -> Asking[Training]:
    """Take so many rounds, and the loss now and then."""
    problem = start
    curve = [(yield from loss(problem))]
    for chunk in chunks(rounds, samples_of_curve):
        problem = yield from walk(problem, chunk)
        curve.append((yield from loss(problem)))
    return Training(start, problem, tuple(curve))


def full_batch(rate: float) -> Walk:
    """Step on the whole batch, many rounds at a time."""
    return lambda problem, rounds: step(problem, rate, rounds)


def mini_batches(rate: float, size: int) -> Walk:
    """Step on each mini-batch in turn: neighbouring rows, always in the same order."""

    def walk(problem: Problem, rounds: int) -> Asking[Problem]:
        batch, after = problem.batch, problem
        starts = range(0, batch.size, size)
        parts = [batch.select(np.arange(n, min(n + size, batch.size))) for n in starts]
        for part in parts * rounds:
            after = yield from step(replace(after, batch=part), rate)
        return replace(after, batch=batch)

    return walk


def chunks(rounds: int, parts: int) -> list[int]:
    """Split a number of rounds into at most ``parts`` nearly equal ones."""
    parts = min(parts, rounds)
    ends = [rounds * part // parts for part in range(parts + 1)]
    return [int(size) for size in np.diff(ends)]


def random_start(network: Network, batch: Batch, draw: Draw, seed: int = 0) -> Problem:
    """Draw W1, b1, W2, b2, ... in this order."""
    rng = np.random.default_rng(seed)
    params = Params([(draw(rng, shape), draw(rng, shape[1:])) for shape in network.shapes])
    return Problem(network, params, batch)
