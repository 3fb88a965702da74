"""A session with foreign code once its reading is settled."""

from collections.abc import Sequence
from dataclasses import replace

from gradcheck.contract.protocol import Call, Described, Observation, Request, Session
from gradcheck.networks.forward_pass import loss_of
from gradcheck.networks.inference.definitions import applied
from gradcheck.networks.inference.inferred import Settlement


class Settled:
    """Asks the settled reading, in the terms of the definitions.

    A constant that stands before the code's own loss is taken out of the loss, and by
    the same amount out of the gradient and the step: it is never taken from the gradient
    alone. Code without a loss is given the definition's, which nobody then judges. Where a
    forward returns logits, they go into the output activation here.
    """

    def __init__(self, session: Session, settlement: Settlement) -> None:
        self._session, self._settlement = session, settlement
        session.settled = settlement.reading
        self.settled = settlement.reading

    @property
    def calls(self) -> int:
        """How often the code under test was called."""
        return self._session.calls

    @property
    def readings(self) -> Sequence[Described]:
        """The ways in which the code can be read."""
        return self._session.readings

    def offers(self, call: Call) -> bool:
        """Say whether the settled reading has the function, as the definitions know it."""
        if call is Call.FORWARD and self._settlement.aside:
            return False
        return self._session.offers(call)

    def more(self) -> bool:
        """Say no: it is settled how the code is read."""
        return False

    def begin(self, request: Request) -> None:
        """Let the code begin with what will be asked next."""
        self._session.begin(self._in_its_terms(request))

    def ask(self, request: Request) -> Observation:
        """Carry out a request."""
        factor = self._settlement.factor(request.problem.network.widths[-1])
        observation = self._session.ask(self._in_its_terms(request))
        if observation.failure is not None:
            return observation
        if request.call is Call.FORWARD and self._settlement.logits:
            outputs = applied(self._settlement.logits, observation.outputs)
            return replace(observation, outputs=outputs)
        if request.call is not Call.LOSS_AND_GRADS:
            return observation
        loss = observation.loss / factor
        if self._settlement.lossless:
            loss = loss_of(request.problem)
        if factor == 1.0:
            return replace(observation, loss=loss)
        tensors = tuple((dw / factor, db / factor) for dw, db in observation.tensors)
        return replace(observation, loss=loss, tensors=tensors)

    def _in_its_terms(self, request: Request) -> Request:
        factor = self._settlement.factor(request.problem.network.widths[-1])
        if request.call is not Call.STEP or factor == 1.0:
            return request
        return replace(request, learning_rate=request.learning_rate / factor)
