"""What a diagnosis is."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gradcheck.networks.problem import Floats


@dataclass(frozen=True)
class Name:
    """A bug at a place.

    Attributes
    ----------
    bug : str
        Slug in the catalogue; empty when the place is sure and the formula in no
        dictionary.
    site : str
    layer : int or None
        The layer whose delta, dW or db the wrong rule computes.
    """

    bug: str
    site: str
    layer: int | None


@dataclass(frozen=True)
class Implied:
    """What the code computes in place of the right rule, read off its numbers.

    Attributes
    ----------
    z, derivative : array
        Points of the derivative that its gradients imply, where that is at fault.
    matrix : array
        The matrix it goes back through, where that is at fault: (n[l], n[l+1]).
    weights : array
        The weights it should go back through, W[l+1].
    """

    z: Floats | None = None
    derivative: Floats | None = None
    matrix: Floats | None = None
    weights: Floats | None = None


@dataclass(frozen=True)
class Diagnosis:
    """A named or localised fault.

    Attributes
    ----------
    name : Name
    certainty : str
        ``named``: one bug fits and every rival is excluded; ``class``: the bug and
        those in ``also`` are one function; ``localised``: site and layer are sure, the
        formula is in no dictionary; ``unknown``.
    also : tuple of Name
    explanation, fix : str
        For the author of the code.
    recovered : mapping of str to float
        Numbers read off: a factor, a learning rate.
    residual, rival_residual : float
        What the accepted hypothesis leaves unexplained, and the best rival, as a
        part of the error.
    implied : Implied or None
    network : str
        The text form of the network that was probed: layers are counted in it.
    """

    name: Name
    certainty: str
    explanation: str
    fix: str
    also: tuple[Name, ...] = ()
    recovered: Mapping[str, float] = field(default_factory=dict)
    residual: float = float("nan")
    rival_residual: float = float("nan")
    implied: Implied | None = None
    network: str = ""
