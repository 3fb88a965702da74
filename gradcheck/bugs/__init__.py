"""The catalogue of backprop bugs, one file a site.

They are planted in :mod:`gradcheck.bugs.textbook` to prove, in every report, that
the checks catch them. Nothing here ever judges code under test.
"""

from gradcheck.bugs import (
    activation_derivative,
    batch_reduction,
    bias_gradient,
    delta_recursion,
    forward,
    loss_derivative,
    update,
)
from gradcheck.bugs.bug import Bug

CATALOGUE: dict[str, Bug] = {
    bug.slug: bug
    for site in (
        activation_derivative,
        loss_derivative,
        delta_recursion,
        bias_gradient,
        batch_reduction,
        update,
        forward,
    )
    for bug in site.BUGS
}

__all__ = ["CATALOGUE", "Bug"]
