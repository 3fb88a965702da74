"""The diagnoses of one code, read together: no two of them contradict, one cause has one name."""

from collections.abc import Collection
from dataclasses import replace

from gradcheck.networks.diagnosis.diagnosis import Diagnosis, Name
from gradcheck.networks.diagnosis.gate import taken_back
from gradcheck.networks.diagnosis.probe_setup import Case

#: Pairs of names that are one thing said twice: what is said of the two in their place.
#: The loss and the gradient go together there, so that neither is wrong beside the other.
TOGETHER = {
    frozenset(("biases_penalised", "biases_penalised_in_loss")): (
        "Your loss and your gradient both penalise the biases: they agree with each other, but the "
        "loss as defined penalises the weights alone.",
        "Leave the biases out of the penalty, in the loss and in the gradient.",
    ),
    frozenset(("penalty_missing_in_loss", "penalty_gradient_missing")): (
        "Your loss and your gradient both leave the weight penalty out: they agree with each "
        "other, but l2 is not zero.",
        "Add the penalty to the loss, and its derivative to the gradient.",
    ),
    frozenset(("penalty_half_missing_in_loss", "penalty_gradient_doubled")): (
        "Your loss and your gradient both have a penalty twice as strong as defined: they agree "
        "with each other, but the penalty has a factor of a half.",
        "Put the half before the penalty, and leave the 2 out of its derivative.",
    ),
}

#: The same for one layer: the site, the name that is kept, and what is said.
IN_ONE_LAYER = {
    frozenset(("weights_summed_biases_averaged", "bias_summed_weights_averaged")): (
        Name("", "batch_reduction", None),
        "In layer {layer} neither gradient is divided by the number of samples: both are summed "
        "where the loss is a mean.",
        "Divide both gradients of layer {layer} by the number of samples.",
    ),
    frozenset(("weights_never_trained", "penalty_gradient_missing")): (
        Name("weights_never_trained", "weight_gradient", None),
        "In layer {layer} the weight gradient is zero, the penalty's part too: by it, the weights "
        "are never trained.",
        "Fill and return the gradient of every layer.",
    ),
}


def consistent(case: Case, bad: Collection[str], diagnoses: list[Diagnosis]) -> list[Diagnosis]:
    """Merge what is one thing, and take back names that cannot all be so.

    Parameters
    ----------
    bad : collection of str
        The checks that are wrong.
    """
    for layer in range(1, case.network.depth + 1):
        diagnoses = _merged_in(layer, diagnoses)
    diagnoses = _merged(case, diagnoses)
    diagnoses = [taken_back(case, d) if _one_of_many(d, diagnoses) else d for d in diagnoses]
    own = [d for d in diagnoses if d.name.site == "forward"]
    if own and not {"gradient", "step", "purity", "contract"} & set(bad):
        return [replace(d, explanation=f"{d.explanation} {_OWN_LOSS}") for d in own]
    told = {(d.name, d.explanation): d for d in reversed(diagnoses)}
    return [d for d in diagnoses if told[d.name, d.explanation] is d]


_OWN_LOSS = "Your gradient is that of this loss of yours."


def _merged_in(layer: int, diagnoses: list[Diagnosis]) -> list[Diagnosis]:
    """Tell two names of one layer that are one thing as that."""
    here = {d.name.bug: d for d in diagnoses if d.name.layer == layer and d.name.bug}
    for pair, (name, text, mend) in IN_ONE_LAYER.items():
        if not pair <= set(here):
            continue
        told = Diagnosis(
            replace(name, layer=layer),
            "named" if name.bug else "localised",
            text.format(layer=layer),
            mend.format(layer=layer),
        )
        diagnoses = _in_place_of([here[bug] for bug in pair], told, diagnoses)
    return diagnoses


def _merged(case: Case, diagnoses: list[Diagnosis]) -> list[Diagnosis]:
    """Tell a loss and a gradient that go together as one thing."""
    for pair, (text, mend) in TOGETHER.items():
        members = [d for d in diagnoses if d.name.bug in pair]
        layers = {d.name.layer for d in members} - {None}
        if {d.name.bug for d in members} == pair and len(layers) == case.network.depth:
            told = Diagnosis(Name("", "regularisation", None), "localised", text, mend)
            diagnoses = _in_place_of(members, told, diagnoses)
    return diagnoses


def _in_place_of(
    members: list[Diagnosis], told: Diagnosis, diagnoses: list[Diagnosis]
) -> list[Diagnosis]:
    gone = [id(d) for d in members]
    at = next(i for i, d in enumerate(diagnoses) if id(d) in gone)
    kept = [d for d in diagnoses if id(d) not in gone]
    return [*kept[:at], told, *kept[at:]]


def _one_of_many(diagnosis: Diagnosis, diagnoses: list[Diagnosis]) -> bool:
    """Whether a rule is wrong in every layer, and a name fits in this one alone.

    There one formula is another by chance: sign(a) is 1 above a sigmoid.
    """
    same = [d for d in diagnoses if d.name.site == diagnosis.name.site and d.name.layer]
    named = [d for d in same if d.name.bug]
    return (
        named == [diagnosis]
        and len(same) > 2
        and len({d.name.layer for d in same}) == len(same)
        and diagnosis.name.site in ("weight_gradient", "bias_gradient", "delta_recursion")
    )
