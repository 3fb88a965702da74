"""What was settled: the reading, the networks, and what is special about the loss."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gradcheck.contract.protocol import Failure
from gradcheck.networks.inference.definitions import SCALES
from gradcheck.networks.notation import Notation
from gradcheck.networks.sampling import Support
from gradcheck.networks.scope import Feature


@dataclass(frozen=True)
class Settlement:
    """Which reading holds and what the code computes.

    Attributes
    ----------
    reading : int
        Its place among the session's readings.
    support : Support
        Exactly the networks the code can be asked for.
    adapter : str
    conventions : mapping of str to str
        For the record: those of the reading, and what was found out.
    lossless : bool
        The code has no loss.
    scale : str
        A key of :data:`~gradcheck.networks.inference.definitions.SCALES`.
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
