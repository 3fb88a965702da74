"""What the code did when asked, beside what right code does, and a hypothesis too."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from gradcheck.contract.protocol import (
    Call,
    ContractError,
    Failure,
    Observation,
    Request,
    read_tensors,
)
from gradcheck.execution.calling import InProcess
from gradcheck.networks.bugs.textbook import RULES, Pass, Rule, Textbook
from gradcheck.networks.problem import Floats, Problem


@dataclass(frozen=True)
class Observations:
    """Questions in the order they were asked, for state may matter, and the code's answers."""

    requests: tuple[Request, ...]
    answers: tuple[Observation, ...]

    @cached_property
    def right(self) -> tuple[Observation, ...]:
        """The answers of the textbook."""
        return simulate({}, self.requests)

    def rows(self) -> Iterator[tuple[Request, Observation, Observation]]:
        """Yield each question with the code's answer and the right one."""
        yield from zip(self.requests, self.answers, self.right, strict=True)

    def gradients(self) -> Iterator[tuple[Problem, Observation, Observation]]:
        """Yield each problem whose gradient was had, with the code's and the right answer."""
        for request, answer, right in self.rows():
            if answer.failure is None and request.call is Call.LOSS_AND_GRADS:
                yield request.problem, answer, right

    def __add__(self, other: "Observations") -> "Observations":
        return Observations(self.requests + other.requests, self.answers + other.answers)


#: Makes code of the textbook's rules that are replaced.
Simulation = Callable[[Mapping[str, Rule]], Textbook]


def simulate(rules: Mapping[str, Rule], requests: tuple[Request, ...]) -> tuple[Observation, ...]:
    """Ask the textbook, with some rules replaced, the same questions in the same order."""
    session = InProcess(Textbook(rules))
    return tuple(session.ask(request) for request in requests)


def textbook_pass(problem: Problem, forward: Mapping[str, Rule] | None = None) -> Pass:
    """Run a forward on a problem, with rules that are known to be wrong; no backward."""
    batch = problem.batch
    return Textbook(forward).run(problem.network, problem.params.copies(), batch.x, batch.y)


#: Two vectors closer than this part of their length are the same, in float64.
SAME = 1e-8


def same(one: Floats, two: Floats, tolerance: float) -> bool:
    """Whether two arrays agree within a part of their length."""
    if one.shape != two.shape or not (np.isfinite(one).all() and np.isfinite(two).all()):
        return False
    size = max(float(np.linalg.norm(one)), float(np.linalg.norm(two)))
    return float(np.linalg.norm(one - two)) <= tolerance * size + 1e-13


def multiple_of(one: Floats, two: Floats, tolerance: float) -> float | None:
    """Return by what number the second array has to be multiplied to be the first.

    None where no number does that within the tolerance, a part of their length.
    """
    square = float((two * two).sum()) if one.shape == two.shape else 0.0
    if not square:
        return None
    number = float((one * two).sum()) / square
    return number if same(one, number * two, tolerance) else None


def unexplained(
    observations: Observations,
    rules: Mapping[str, Rule],
    noise: float,
    enough: float = float("inf"),
    simulation: Simulation = Textbook,
) -> float:
    """Return what part of the error a hypothesis leaves in the tensor that it explains worst.

    Infinite if it fails where the code answers, or the other way round. ``noise`` is the relative
    roundoff of the code; once ``enough`` is left, no more is asked.
    """
    worst = 0.0
    for lefts in _lefts(observations, rules, noise, simulation):
        worst = max(worst, float(lefts.max(initial=0.0)))
        if worst >= enough:
            break
    return worst


def explained(observations: Observations, rules: Mapping[str, Rule], noise: float) -> int:
    """Count the tensors, over all answers, of which a hypothesis leaves nothing."""
    return sum(int((lefts == 0.0).sum()) for lefts in _lefts(observations, rules, noise))


def _lefts(
    observations: Observations,
    rules: Mapping[str, Rule],
    noise: float,
    simulation: Simulation = Textbook,
) -> Iterator[Floats]:
    """For each answer, what a hypothesis leaves of the error of every tensor."""
    code = simulation(rules)
    watched = any(any(_touched(answer)) for answer in observations.answers)
    watched = watched or any(request.fresh for request in observations.requests)
    session = InProcess(code) if watched else None
    for request, answer, right in observations.rows():
        guess = session.ask(request) if session else _quickly(code, request)
        yield _left(request, answer, right, guess, noise)


def _left(
    request: Request, answer: Observation, right: Observation, guess: Observation, noise: float
) -> Floats:
    if answer.failure is not None or guess.failure is not None:
        return np.zeros(0) if _message(answer) == _message(guess) else _NOTHING_FITS
    if _touched(answer) != _touched(guess):
        return _NOTHING_FITS
    ruler = _ruler(request, answer, right, noise)
    difference = numbers(request, answer) - numbers(request, guess)
    if not np.isfinite(difference).all():
        return _NOTHING_FITS
    left = np.sqrt(np.add.reduceat(difference * difference, ruler.starts))
    shares: Floats = np.where(left > ruler.floor, left / ruler.scale, 0.0)
    return shares


_NOTHING_FITS = np.array([np.inf])


def _message(observation: Observation) -> tuple[str, str] | None:
    """A failure without its place, which a simulation does not have."""
    failure = observation.failure
    return (failure.kind, failure.message) if failure is not None else None


@dataclass(frozen=True)
class _Ruler:
    """What is held against a hypothesis, tensor by tensor.

    A tensor ``starts`` somewhere among all numbers; ``scale`` is its error, which a hypothesis has
    to explain, ``floor`` what roundoff may leave.
    """

    starts: NDArray[np.intp]
    scale: Floats
    floor: Floats


@lru_cache(maxsize=64)
def _ruler(request: Request, answer: Observation, right: Observation, noise: float) -> _Ruler:
    sizes = [0] if request.call is Call.STEP else [0, 1]
    for array in answer.tensors.values():
        sizes.append(sizes[-1] + array.size)
    starts = np.array(sizes[:-1])
    seen, true = numbers(request, answer), numbers(request, right)

    def norms(values: Floats) -> Floats:
        squares: Floats = np.add.reduceat(values * values, starts)
        return np.sqrt(squares)

    size = norms(true)
    gradient = size if request.call is Call.STEP else size[1:]
    whole = float(np.linalg.norm(gradient))
    error = norms(seen - true)
    # a tensor that is right may be missed by the part that the error is elsewhere, no more
    part = min(1e-3, float((error / np.maximum(size, 1e-3 * whole + 1e-300)).max()))
    scale = np.maximum.reduce([error, part * size, np.full_like(size, 1e-3 * part * whole)])
    floor = 30 * noise * np.maximum.reduce([size, norms(seen), np.full_like(size, 1e-3 * whole)])
    return _Ruler(starts, np.maximum(scale, 1e-300), floor)


def _quickly(code: Textbook, request: Request) -> Observation:
    """Ask without watching what happens to the arguments: they are thrown away."""
    problem = request.problem
    pairs = problem.params.copies()
    with np.errstate(all="ignore"):
        try:
            if request.call is Call.STEP:
                rate = request.learning_rate
                raw = code.step(problem.network, pairs, problem.batch, rate)
                return Observation(tensors=read_tensors(raw, problem, "")[0])
            if type(code) is not Textbook or any(
                code.rules[name] is not RULES[name] for name in _FORWARD
            ):
                loss, grads = code.loss_and_grads(problem.network, pairs, problem.batch)
            else:
                forward, loss = _forward(problem)
                z, a = ({n: v.copy() for n, v in kept.items()} for kept in (forward.z, forward.a))
                y, rules, memory = problem.batch.y, code.rules, code.memory
                grads = code.backward(Pass(problem.network, pairs, y, rules, None, memory, z, a))
            return Observation(loss=loss, tensors=read_tensors(grads, problem, "d")[0])
        except ContractError as error:
            return Observation(failure=Failure("contract", str(error)))
        except Exception as error:  # a planted rule may raise, as real code does
            message = f"{request.call.value} raised {type(error).__name__}: {error}"
            return Observation(failure=Failure("exception", message))


#: Rules that make the forward and the loss: where none is replaced, one run serves all.
_FORWARD = ("begin", "pre_activation", "activation", "loss")


@lru_cache(maxsize=64)
def _forward(problem: Problem) -> tuple[Pass, float]:
    """Run the textbook's forward once for all hypotheses about the backward."""
    p = textbook_pass(problem)
    return p, float(p.apply("loss"))


def _touched(observation: Observation) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    return observation.changed, observation.aliased, observation.overwrote


def numbers(request: Request, observation: Observation) -> Floats:
    """Return every number of an answer in a row; a step's as the gradient it implies."""
    if request.call is Call.STEP:
        before = np.concatenate([t.ravel() for t in request.problem.params.values()])
        after = np.concatenate([a.ravel() for a in observation.tensors.values()])
        implied: Floats = (before - after) / request.learning_rate
        return implied
    tensors = observation.tensors.values()
    return np.concatenate([[observation.loss], *(array.ravel() for array in tensors)])
