"""What the code did when asked, beside what right code does, and a hypothesis too."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gradcheck.bugs.textbook import Rule, Textbook
from gradcheck.execution.session import InProcess
from gradcheck.judging import named
from gradcheck.problem import Floats
from gradcheck.protocol import Call, Observation, Request


@dataclass(frozen=True)
class Evidence:
    """A sequence of questions and the answers to it.

    Attributes
    ----------
    requests : tuple of Request
        In the order they were asked, for state may matter.
    answers : tuple of Observation
        Of the code under test.
    right : tuple of Observation
        Of the textbook.
    """

    requests: tuple[Request, ...]
    answers: tuple[Observation, ...]
    right: tuple[Observation, ...]


def simulate(rules: Mapping[str, Rule], requests: tuple[Request, ...]) -> tuple[Observation, ...]:
    """Ask the textbook, with some rules replaced, the same questions in the same order."""
    session = InProcess(Textbook(rules))
    return tuple(session.ask(request) for request in requests)


def unexplained(
    evidence: Evidence, rules: Mapping[str, Rule], noise: float, enough: float = float("inf")
) -> float:
    """Return how much of the error a hypothesis leaves, at worst over all numbers.

    Infinite if it fails where the code answers, or the other way round.

    Parameters
    ----------
    rules : mapping of str to callable
        The textbook's rules that the hypothesis replaces.
    noise : float
        Relative roundoff of the code under test: nothing below it is held against a
        hypothesis.
    enough : float
        Stop asking once this much is left.
    """
    session = InProcess(Textbook(rules))
    worst = 0.0
    for request, answer, right in zip(
        evidence.requests, evidence.answers, evidence.right, strict=True
    ):
        guess = session.ask(request)
        worst = max(worst, _left(request, answer, right, guess, noise))
        if worst >= enough:
            break
    return worst


def _left(
    request: Request, answer: Observation, right: Observation, guess: Observation, noise: float
) -> float:
    if answer.failure is not None or guess.failure is not None:
        return 0.0 if answer.failure == guess.failure else float("inf")
    if _touched(answer) != _touched(guess):
        return float("inf")
    seen, true, guessed = (numbers(request, each) for each in (answer, right, guess))
    whole = float(np.sqrt(sum(np.sum(a * a) for n, a in true.items() if n != "loss")))
    worst = 0.0
    for name, values in seen.items():
        size = float(np.linalg.norm(true[name]))
        error = float(np.linalg.norm(values - true[name]))
        left = float(np.linalg.norm(values - guessed[name]))
        scale = max(error, 1e-3 * size, 1e-6 * whole, 1e-300)
        floor = 30 * noise * max(size, float(np.linalg.norm(values)), 1e-3 * whole)
        if not left <= floor:  # NaN is unexplained
            worst = max(worst, left / scale) if np.isfinite(left) else float("inf")
    return worst


def _touched(observation: Observation) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    return observation.changed, observation.aliased, observation.overwrote


def numbers(request: Request, observation: Observation) -> dict[str, Floats]:
    """Return every number of an answer by name; a step's as the gradient it implies."""
    if request.call is Call.STEP:
        before = dict(request.problem.params.tensors())
        rate = request.learning_rate
        return {n: (before[n] - a) / rate for n, a in named(observation.tensors).items()}
    return {"loss": np.array([observation.loss]), **named(observation.tensors)}
