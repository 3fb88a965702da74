"""The catalogue of backprop bugs, by the site of the wrong rule.

They are planted in :mod:`gradcheck.networks.bugs.textbook` to prove, in every report, that
the checks catch them. Nothing here ever judges code under test.
"""

from gradcheck.networks.bugs import (
    activation_derivative,
    activation_formulas,
    batch_and_penalty,
    bias_gradient,
    delta_recursion,
    forward_and_loss,
    loss_derivative,
    numerics,
    returned_and_update,
    state,
    weight_gradient,
)
from gradcheck.networks.bugs.bug import Bug, Site

CATALOGUE: dict[str, Bug] = {
    bug.slug: bug
    for file in (
        activation_derivative,
        activation_formulas,
        loss_derivative,
        delta_recursion,
        weight_gradient,
        bias_gradient,
        batch_and_penalty,
        returned_and_update,
        state,
        numerics,
        forward_and_loss,
    )
    for bug in file.BUGS
}

#: Where a wrong rule can stand, by slug, in the order of the catalogue.
SITES: dict[str, Site] = {bug.site: bug.place for bug in CATALOGUE.values()}

__all__ = ["CATALOGUE", "SITES", "Bug", "Site"]
