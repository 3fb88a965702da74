"""What a diagnosis is, and what it says to the author of the code."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from gradcheck.networks.bugs import CATALOGUE, SITES, Bug
from gradcheck.networks.bugs.textbook import LAYERED, RULES, Rule
from gradcheck.networks.definitions import LOSSES
from gradcheck.networks.problem import Floats, Network
from gradcheck.networks.scope import Asking


@dataclass(frozen=True)
class BugAtPlace:
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

    Points (z, derivative) of the derivative that its gradients imply, where that is at fault; or
    the matrix it goes back through, (n[l], n[l+1]), beside the weights W[l+1] it should.
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
    name : BugAtPlace
    certainty : str
        ``named``: one bug fits and every rival is excluded; ``class``: the bug and
        those in ``also`` are one function; ``localised``: site and layer are sure, the
        formula is in no dictionary; ``unknown``.
    also : tuple of BugAtPlace
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

    name: BugAtPlace
    certainty: str
    explanation: str
    fix: str
    also: tuple[BugAtPlace, ...] = ()
    recovered: Mapping[str, float] = field(default_factory=dict)
    residual: float = float("nan")
    rival_residual: float = float("nan")
    implied: Implied | None = None
    network: str = ""


#: Asks the code, and returns what is wrong with it.
Questions = Asking[list[Diagnosis]]


def explain(bug: Bug, name: BugAtPlace, network: Network) -> str:
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


def _only_activation(name: BugAtPlace, network: Network) -> str:
    """Return what phi is; the letter stays where a name may be given for layers that differ."""
    if name.layer is None or name.site not in ("activation_derivative", "loss_derivative"):
        return "phi"
    layers = network.activations if name.layer == network.depth else network.activations[:-1]
    alike = name.site == "loss_derivative" or len(set(layers)) == 1
    return network.activations[name.layer - 1] if alike else "phi"


_PHI = re.compile(r"\bphi\b")

FIX_FIRST = "Fix this first: it leaves nothing to be seen in the layers below."


def named(
    bug: Bug,
    names: list[BugAtPlace],
    network: Network,
    residual: float = float("nan"),
    rival: float = float("nan"),
) -> Diagnosis:
    """Return the diagnosis of a bug, or of several that are one function here.

    The bug is the one that is explained, and its names come first. ``residual`` is what it leaves
    of the error, ``rival`` what the best rival leaves.
    """
    return Diagnosis(
        names[0],
        "class" if len(names) > 1 else "named",
        explain(bug, names[0], network) + _not_distinguished(names),
        bug.mend,
        also=tuple(names[1:]),
        residual=residual,
        rival_residual=rival,
    )


def _not_distinguished(names: list[BugAtPlace]) -> str:
    """Say which other bugs of the catalogue compute the same here.

    What is the same at the same place, of one activation alone, is no other thing to look for.
    """
    first = names[0]
    others = dict.fromkeys(
        CATALOGUE[n.bug].title
        for n in names[1:]
        if n.bug != first.bug
        and not (
            (n.site, n.layer) == (first.site, first.layer)
            and CATALOGUE[n.bug].activation
            and not CATALOGUE[first.bug].activation
        )
    )
    return f" These numbers do not tell it from: {'; '.join(others)}." if others else ""


def localised(
    site: str, layer: int | None, explanation: str, fix: str, also: tuple[BugAtPlace, ...] = ()
) -> Diagnosis:
    """Return the diagnosis of a place for which there is no name."""
    return Diagnosis(BugAtPlace("", site, layer), "localised", explanation, fix, also)


def named_bug(diagnosis: Diagnosis) -> Bug:
    """Return the bug that a diagnosis names, with the number that was recovered."""
    bug = CATALOGUE[diagnosis.name.bug]
    number = diagnosis.recovered.get(bug.free.name) if bug.free is not None else None
    return bug.having(number) if number is not None else bug


def known_rules(diagnoses: Iterable[Diagnosis]) -> Mapping[str, Rule]:
    """Merge the rules of what was named, each in its layer and with its number."""
    by_layer: dict[str, dict[int, Rule]] = {}
    rules: dict[str, Rule] = {}
    for diagnosis in diagnoses:
        if not diagnosis.name.bug:
            continue
        bug, layer = named_bug(diagnosis), diagnosis.name.layer
        for rule, wrong in bug.rules.items():
            if layer is not None and rule in LAYERED:
                by_layer.setdefault(rule, {})[layer] = wrong
            else:
                rules[rule] = wrong
    return rules | {rule: _in_layers(rule, wrong) for rule, wrong in by_layer.items()}


def _in_layers(rule: str, wrong: Mapping[int, Rule]) -> Rule:
    """Each layer's own wrong rule, and the textbook's in the others."""
    return lambda p, layer: wrong.get(layer, RULES[rule])(p, layer)


def placed(site: str, layer: int | None, network: Network) -> tuple[str, str]:
    """Say where something is wrong, and where to look: an explanation and a fix without a name."""
    text, fix = SITES[site].in_layer
    if layer is None or not text:
        return SITES[site].whole
    activation = network.activations[layer - 1]
    flat = activation == "identity"
    words = {
        "activation": activation,
        "layer": layer,
        "above": layer + 1,
        "times": "" if flat else " * slope(z)",
        "outputs": _of_outputs(network),
        "slope": "" if flat else f", and the derivative of {activation} where it is multiplied in",
    }
    return f"In layer {layer} {text.format(**words)}.", fix.format(**words)


def _of_outputs(network: Network) -> str:
    """Write the delta of the outputs, as far as it is one formula."""
    activation, loss = network.activations[-1], LOSSES[network.loss]
    if loss.cancels:
        return "a - y"
    slope = "" if activation in ("identity", "softmax") else f" * {activation}'(z)"
    of_error = loss.derivative_formula.endswith("(a - y)")
    derivative = f"{{loss: (a - y){slope}}}" if of_error else loss.derivative_formula + slope
    return derivative + (" through the Jacobian of softmax" if activation == "softmax" else "")


def taken_back(diagnosis: Diagnosis, network: Network) -> Diagnosis:
    """Keep the place of a diagnosis, and no name."""
    name = replace(diagnosis.name, bug="")
    also = tuple(dict.fromkeys(replace(n, bug="") for n in diagnosis.also))
    explanation, fix = placed(name.site, name.layer, network)
    return replace(
        diagnosis,
        name=name,
        certainty="localised",
        explanation=explanation,
        fix=fix,
        also=tuple(n for n in also if n != name),
        recovered={},
    )
