"""What a diagnosis says to the author of the code."""

from gradcheck.bugs import Bug
from gradcheck.diagnosis.diagnosis import Name
from gradcheck.network import Network


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
    return f"{place} {verb} {bug.wrong}: {bug.title}. {thing} {bug.right}."


FIX_FIRST = "Fix this first: it leaves nothing to be seen in the layers below."
