"""Which reading of foreign code holds, and what the code computes.

Each reading is asked a few small problems, and its outputs and its loss are held against the
reference forward of every definition. No derivative is looked at, but where the code has no
loss, or readings fit as well: then that is inferred from its gradient, and said. Here stands
what was inferred, and how the code is asked from then on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gradcheck.contract.posed import Tensors
from gradcheck.contract.protocol import Call, Described, Failure, Observation, Request, Session
from gradcheck.networks.definitions import loss_of
from gradcheck.networks.inference.fit import SCALES, applied
from gradcheck.networks.notation import Notation
from gradcheck.networks.sampling import Support
from gradcheck.networks.scope import Feature


@dataclass(frozen=True)
class Inferred:
    """Which reading holds and what the code computes.

    Attributes
    ----------
    reading : int
        Its place among the session's readings.
    support : Support
        Exactly the networks the code can be asked for.
    adapter : str
    conventions : mapping of str to str
        In words, for the record: those of the reading, and what was inferred.
    lossless : bool
        The code has no loss.
    scale : str
        A key of :data:`~gradcheck.networks.inference.fit.SCALES`.
    notes : tuple of str
    condition : str
        What was inferred or assumed of the loss, as a condition of the verdict: "if your loss
        is ..."; empty when the code itself computes it.
    doubt : str
        Why the loss that the code has is not compared, though it may be wrong.
    logits : str
        The output activation, where the forward returns what goes into it.
    aside : str
        Why what the forward returns is not compared; empty where it is.
    doubtful : bool
        What it returns may be wrong outputs: it is no mere class.
    notation : Notation
        The layout and names of the reading.
    refused : mapping of tuple of str to str
        Depths, sizes and batches that got no answer, and why.
    failure : Failure or None
        Set when no reading holds; then the rest means nothing.
    """

    reading: int = 0
    support: Support = field(default_factory=Support)
    adapter: str = "native"
    conventions: Mapping[str, str] = field(default_factory=dict)
    lossless: bool = False
    scale: str = ""
    notes: tuple[str, ...] = ()
    condition: str = ""
    doubt: str = ""
    logits: str = ""
    aside: str = ""
    doubtful: bool = False
    notation: Notation = field(default_factory=Notation)
    refused: Mapping[Feature, str] = field(default_factory=dict)
    failure: Failure | None = None

    def factor(self, n_out: int) -> float:
        """By how much the code's own loss is larger than the definition."""
        return SCALES[self.scale](n_out)


class InferredSession:
    """Asks the reading that holds, in the terms of the definitions.

    A constant that stands before the code's own loss is taken out of the loss, and by
    the same amount out of the gradient and the step: it is never taken from the gradient
    alone. Code without a loss is given the definition's, which nobody then judges. Where a
    forward returns logits, they go into the output activation here.
    """

    def __init__(self, session: Session, inferred: Inferred) -> None:
        self._session, self._inferred = session, inferred
        session.inferred_reading = inferred.reading
        self.inferred_reading = inferred.reading

    @property
    def calls(self) -> int:
        """How often the code under test was called."""
        return self._session.calls

    @property
    def readings(self) -> Sequence[Described]:
        """The ways in which the code can be read."""
        return self._session.readings

    def offers(self, call: Call) -> bool:
        """Say whether the reading has the function, as the definitions know it."""
        if call is Call.FORWARD and self._inferred.aside:
            return False
        return self._session.offers(call)

    def more(self) -> bool:
        """Say no: it is known how the code is read."""
        return False

    def begin(self, request: Request) -> None:
        """Let the code begin with what will be asked next."""
        self._session.begin(self._in_its_terms(request))

    def ask(self, request: Request) -> Observation:
        """Carry out a request."""
        factor = self._inferred.factor(request.problem.network.widths[-1])
        observation = self._session.ask(self._in_its_terms(request))
        if observation.failure is not None:
            return observation
        if request.call is Call.FORWARD and self._inferred.logits:
            outputs = applied(self._inferred.logits, observation.outputs)
            return replace(observation, outputs=outputs)
        if request.call is not Call.LOSS_AND_GRADS:
            return observation
        loss = observation.loss / factor
        if self._inferred.lossless:
            loss = loss_of(request.problem)
        if factor == 1.0:
            return replace(observation, loss=loss)
        tensors = Tensors({name: g / factor for name, g in observation.tensors.items()})
        return replace(observation, loss=loss, tensors=tensors)

    def _in_its_terms(self, request: Request) -> Request:
        factor = self._inferred.factor(request.problem.network.widths[-1])
        if request.call is not Call.STEP or factor == 1.0:
            return request
        return replace(request, learning_rate=request.learning_rate / factor)
