"""The catalogue of backprop bugs, by the site of the wrong rule.

They are planted in :mod:`gradcheck.networks.bugs.textbook` to prove, in every report, that
the checks catch them. Nothing here ever judges code under test.
"""

from dataclasses import replace

from gradcheck.errors import UsageError, meant
from gradcheck.networks.bugs import (
    activation_derivative,
    activation_formulas,
    batch_and_penalty,
    delta_recursion,
    forward_and_loss,
    loss_derivative,
    numerics,
    returned_and_update,
    state,
    weight_and_bias_gradient,
)
from gradcheck.networks.bugs.bug import Bug, Site

CATALOGUE: dict[str, Bug] = {
    slug: replace(bug, slug=slug)
    for file in (
        activation_derivative,
        activation_formulas,
        loss_derivative,
        delta_recursion,
        weight_and_bias_gradient,
        batch_and_penalty,
        returned_and_update,
        state,
        numerics,
        forward_and_loss,
    )
    for slug, bug in file.BUGS.items()
}

#: Where a wrong rule can stand, by slug, in the order of the catalogue.
SITES: dict[str, Site] = {bug.site: bug.place for bug in CATALOGUE.values()}


def find(slug: str) -> Bug:
    """Return the bug of a slug.

    Parameters
    ----------
    slug : str

    Returns
    -------
    Bug

    Raises
    ------
    UsageError
        When there is none; the message names the closest ones.
    """
    if slug in CATALOGUE:
        return CATALOGUE[slug]
    hint = meant(slug, CATALOGUE, "list them with: gradcheck bugs")
    raise UsageError(f"there is no bug {slug!r}{hint}")


__all__ = ["CATALOGUE", "SITES", "Bug", "Site", "find"]
