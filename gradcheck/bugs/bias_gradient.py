"""Bugs in db: everything else is right."""

from gradcheck.bugs.bug import Bug
from gradcheck.bugs.textbook import Pass
from gradcheck.problem import Floats


def _not_summed(p: Pass, layer: int) -> Floats:
    return p.delta[layer]


BUGS = (
    Bug(
        "bias_gradient_not_summed",
        "the bias gradient is not summed over the batch",
        "bias_gradient",
        "delta, of shape (N, n)",
        "delta summed over samples, of shape (n,)",
        "With one sample there is nothing to sum, and broadcasting hides the rest.",
        "Sum over the samples: delta.sum(axis=0).",
        {"bias_sum": _not_summed},
    ),
)
