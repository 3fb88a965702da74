"""What a diagnosis is, and what it says to the author of the code."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gradcheck.networks.bugs import Bug
from gradcheck.networks.network import Network
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


def explain(bug: Bug, name: Name, network: Network) -> str:
    """Say in two sentences what is wrong and what is right."""
    place = f"In layer {name.layer} your code" if name.layer else "Your code"
    slope = name.site == "activation_derivative" and " = " not in bug.right.partition(",")[0]
    verb = "multiplies by" if slope else "computes"
    if name.site in ("state", "numerics"):
        return f"{bug.title[0].upper()}{bug.title[1:]}: {bug.wrong}. It should be {bug.right}."
    thing = "It should be"
    if slope and name.layer:
        thing = f"The derivative of {network.activations[name.layer - 1]} is"
    text = f"{place} {verb} {bug.wrong}: {bug.title}. {thing} {bug.right}."
    return _PHI.sub(_only_activation(name, network), text)


def _only_activation(name: Name, network: Network) -> str:
    """Return what phi is; the letter stays where a name may be given for layers that differ."""
    if name.layer is None or name.site not in ("activation_derivative", "loss_derivative"):
        return "phi"
    layers = network.activations if name.layer == network.depth else network.activations[:-1]
    alike = name.site == "loss_derivative" or len(set(layers)) == 1
    return network.activations[name.layer - 1] if alike else "phi"


_PHI = re.compile(r"\bphi\b")

FIX_FIRST = "Fix this first: it leaves nothing to be seen in the layers below."
