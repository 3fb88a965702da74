"""The questions that worked examples ask, one generator each.

Use them with ``yield from``; whatever is not an answer ends the example with
:class:`NotRun`.
"""

from collections.abc import Generator

from gradcheck.contract.problem import Tensors
from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.errors import UsageError
from gradcheck.networks.problem import Floats, Params, Problem
from gradcheck.networks.worked_examples.worked_example import NotRun


def ask(request: Request) -> Generator[Request, Observation, Observation]:
    """Ask, and insist on an answer.

    Raises
    ------
    NotRun
        When the observation is a failure.
    """
    observation = yield request
    if observation.failure is not None:
        raise NotRun(observation.failure.message, unsupported=not observation.supported)
    return observation


def outputs(problem: Problem) -> Generator[Request, Observation, Floats]:
    """Ask for the outputs, (N, n[L])."""
    observation = yield from ask(Request(Call.FORWARD, problem))
    return observation.outputs


def loss(problem: Problem) -> Generator[Request, Observation, float]:
    """Ask for the loss of the batch."""
    observation = yield from ask(Request(Call.LOSS_AND_GRADS, problem))
    return observation.loss


def gradient(problem: Problem) -> Generator[Request, Observation, Tensors]:
    """Ask for the gradient."""
    observation = yield from ask(Request(Call.LOSS_AND_GRADS, problem))
    return observation.tensors


def step(
    problem: Problem, rate: float, rounds: int = 1
) -> Generator[Request, Observation, Problem]:
    """Ask for the code's own steps and return the problem where they lead.

    Raises
    ------
    NotRun
        Also when the steps lead to parameters that are not finite.
    """
    observation = yield from ask(Request(Call.STEP, problem, rate, rounds))
    return moved(problem, observation.tensors)


def moved(problem: Problem, params: Tensors) -> Problem:
    """Return the problem at other parameters.

    Raises
    ------
    NotRun
        When they are not finite: training led nowhere.
    """
    try:
        return Problem(problem.network, Params(params.pairs), problem.batch)
    except UsageError as error:
        raise NotRun(f"training did not stay finite: {error}") from None
