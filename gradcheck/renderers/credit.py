"""How many points a submission gets: the checks share them equally."""

from typing import Any

#: What a submission can get.
POINTS = 100.0


def points_each(entry: dict[str, Any]) -> float:
    """Return what one check is worth; of a submission that could not be asked, all."""
    findings: list[Any] = entry["findings"]
    return POINTS / max(len(findings), 1)


def score(entry: dict[str, Any]) -> float:
    """Return the points of a submission: every check that is correct gives its share."""
    right = sum(finding["verdict"] == "correct" for finding in entry["findings"])
    points: float = round(right * points_each(entry), 2)
    return points
