"""The catalogue of backprop bugs, one file a site (activations take three, hidden deltas two).

They are planted in :mod:`gradcheck.networks.bugs.textbook` to prove, in every report, that
the checks catch them. Nothing here ever judges code under test.
"""

from gradcheck.networks.bugs import (
    activation_branches,
    activation_derivative,
    activation_formulas,
    batch_reduction,
    bias_gradient,
    delta_carried,
    delta_recursion,
    forward_and_loss,
    loss_derivative,
    numerics,
    regularisation,
    returned_gradient,
    state,
    update,
    weight_gradient,
)
from gradcheck.networks.bugs.bug import SITES, Bug

CATALOGUE: dict[str, Bug] = {
    bug.slug: bug
    for site in (
        activation_derivative,
        activation_formulas,
        activation_branches,
        loss_derivative,
        delta_recursion,
        delta_carried,
        weight_gradient,
        bias_gradient,
        batch_reduction,
        regularisation,
        returned_gradient,
        update,
        state,
        numerics,
        forward_and_loss,
    )
    for bug in site.BUGS
}

__all__ = ["CATALOGUE", "SITES", "Bug"]
