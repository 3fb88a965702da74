"""What a diagnosis says to the author of the code."""

import re

from gradcheck.networks.bugs import Bug
from gradcheck.networks.diagnosis.diagnosis import Name
from gradcheck.networks.network import Network


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
