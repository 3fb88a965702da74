"""A diagnosis as it stands in a record."""

from typing import Any

from gradcheck.bugs import CATALOGUE
from gradcheck.diagnosis.diagnosis import Diagnosis, Name


def diagnosis_entry(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return a diagnosis in the form of schema 1."""
    entry: dict[str, Any] = {
        **_name(diagnosis.name),
        **_formulas(diagnosis.name.bug),
        "certainty": diagnosis.certainty,
        "also": [_name(name) for name in diagnosis.also],
        "explanation": diagnosis.explanation,
        "fix": diagnosis.fix,
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
