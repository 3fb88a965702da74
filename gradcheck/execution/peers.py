"""Several sessions behind one: requests that name a peer go to that peer."""

from collections.abc import Mapping, Sequence
from typing import Any

from gradcheck.contract.protocol import Call, Described, Observation, Request, Session


class Panel:
    """A session with code under test and its peers.

    Parameters
    ----------
    main : Session
    peers : mapping of str to Session
    """

    def __init__(self, main: Session, peers: Mapping[str, Session]) -> None:
        self.main = main
        self.peers = dict(peers)
        self._answered: set[tuple[Any, int]] = set()
        self._refused: dict[Any, str] = {}
        self._optional: set[Call] = set()
        self._declined: dict[Call, str] = {}

    @property
    def calls(self) -> int:
        """How often the code under test was called."""
        return self.main.calls

    @property
    def readings(self) -> Sequence[Described]:
        """The ways in which the code under test can be read."""
        return self.main.readings

    @property
    def settled(self) -> int:
        """Which of them is asked."""
        return self.main.settled

    @settled.setter
    def settled(self, reading: int) -> None:
        self.main.settled = reading

    def offers(self, call: Call) -> bool:
        """Say whether the code under test has a function."""
        return self.main.offers(call)

    def more(self) -> bool:
        """Look for other readings of the code under test."""
        return self.main.more()

    def begin(self, request: Request) -> None:
        """Let the one it is meant for begin with what will be asked next."""
        self._of(request).begin(request)

    def ask(self, request: Request) -> Observation:
        """Carry out a request with the one it is meant for."""
        observation = self._of(request).ask(request)
        if request.of is None and request.call is Call.LOSS_AND_GRADS:
            if observation.failure is None:
                self._answered.add((request.problem.network, request.problem.batch.size))
            elif not observation.supported:
                self._refused[request.problem] = observation.failure.message
        elif request.of is None and observation.failure is None:
            self._optional.add(request.call)
        elif request.of is None and observation.failure is not None and not observation.supported:
            self._declined[request.call] = observation.failure.message
        return observation

    @property
    def declined(self) -> dict[str, str]:
        """Optional functions that the code says it does not support, and what it said.

        Those that it does for other questions are called "... of some".
        """
        return {
            f"{call.value} of some" if call in self._optional else call.value: message
            for call, message in self._declined.items()
        }

    @property
    def refused_by_numbers(self) -> dict[Any, str]:
        """What the code said it does not support, by problem, though it is about the numbers.

        Others with the same network and as many samples got an answer.
        """
        return {
            problem: message
            for problem, message in self._refused.items()
            if (problem.network, problem.batch.size) in self._answered
        }

    def _of(self, request: Request) -> Session:
        return self.main if request.of is None else self.peers[request.of]
