"""One factor on every data part of the gradient: the reduction over the batch, mostly."""

import numpy as np

from gradcheck.bugs import CATALOGUE
from gradcheck.bugs.textbook import Pass, Textbook
from gradcheck.diagnosis.diagnosis import Diagnosis, Name
from gradcheck.diagnosis.survey import FACTOR, Survey
from gradcheck.diagnosis.words import explain
from gradcheck.network import Network


def common_factor(surveys: list[Survey]) -> list[Diagnosis]:
    """Is every data part off by one factor, in batches only?"""
    factors = {s.problem.batch.size: s.factor for s in surveys if s.factor is not None}
    if not factors:
        return []
    n, c = max(factors.items())
    site = "returned_gradient" if 1 in factors else "batch_reduction"
    if len(set(factors)) > 1 and len({round(f, 6) for f in factors.values()}) == 1:
        site = "returned_gradient" if 1 in factors else site
    bug = _reduction(surveys[0].problem.network, factors)
    text = f"Every data part of the gradient is {c:.6g} times what it should be (N = {n})."
    explanation = (
        f"{explain(CATALOGUE[bug], Name(bug, site, None), surveys[0].problem.network)}"
        if bug
        else text
    )
    return [
        Diagnosis(
            Name(bug, CATALOGUE[bug].site if bug else site, None),
            "named" if bug else "localised",
            explanation,
            CATALOGUE[bug].mend if bug else "Look at where the gradient is divided by the batch.",
            recovered={"factor": c},
        )
    ]


def _reduction(network: Network, factors: dict[int, float]) -> str:
    """Name the factor when one catalogued reduction gives it at every batch size."""
    for bug in CATALOGUE.values():
        if bug.site != "batch_reduction" or set(bug.rules) != {"scale"}:
            continue
        fits = True
        for n, c in factors.items():
            y = np.zeros((n, network.widths[-1]))
            p = Pass(network, [], y, Textbook().rules, a={0: np.zeros((n, network.widths[0]))})
            right = p.apply("scale")
            wrong = bug.rules["scale"](p)
            fits = (
                fits
                and abs(wrong / right - 1.0) > FACTOR
                and abs(wrong / right - c) <= 1e-6 * abs(c)
            )
        if fits:
            return bug.slug
    return ""
