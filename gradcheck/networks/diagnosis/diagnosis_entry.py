"""A diagnosis as it stands in a record."""

from typing import Any

from gradcheck.networks.bugs import CATALOGUE
from gradcheck.networks.diagnosis.diagnosis import Diagnosis, Name
from gradcheck.networks.losses import LOSSES
from gradcheck.networks.notation import NATIVE, Notation


def diagnosis_entry(diagnosis: Diagnosis, notation: Notation = NATIVE) -> dict[str, Any]:
    """Return a diagnosis in the form of schema 1.

    Parameters
    ----------
    notation : Notation, optional
        In which its texts are told: until here their formulas stand in braces.
    """
    layer, words = diagnosis.name.layer, diagnosis.network.split()
    depth = len(words[1].split(",")) if words else 0
    factor = LOSSES[words[2]].factor if words else ""

    def told(text: str) -> str:
        return notation.tell(text, layer, depth, factor)

    explanation, fix = told(diagnosis.explanation), told(diagnosis.fix)
    if notation.l2 and "l2" in f"{explanation} {fix}":
        explanation += f" Here l2 is {notation.l2}."
    entry: dict[str, Any] = {
        **_name(diagnosis.name),
        **{field: told(text) for field, text in _formulas(diagnosis.name.bug).items()},
        "certainty": diagnosis.certainty,
        "also": [_name(name) for name in diagnosis.also],
        "explanation": explanation,
        "fix": fix,
        "recovered": dict(diagnosis.recovered),
        "residual": diagnosis.residual,
        "rival_residual": diagnosis.rival_residual,
    }
    if diagnosis.network:
        entry["network"] = diagnosis.network
    if diagnosis.implied is not None:
        points = vars(diagnosis.implied).items()
        entry["implied"] = {name: values for name, values in points if values is not None}
    return entry


def _name(name: Name) -> dict[str, Any]:
    return {"bug": name.bug or None, "site": name.site, "layer": name.layer}


def _formulas(slug: str) -> dict[str, str]:
    """What the catalogue says of a named bug, so that a reader of records needs no catalogue."""
    if not slug:
        return {}
    bug = CATALOGUE[slug]
    return {"title": bug.title, "wrong": bug.wrong, "right": bug.right, "why": bug.why}
