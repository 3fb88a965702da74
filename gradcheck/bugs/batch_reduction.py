"""Bugs in how a batch's gradient is made of its samples': a factor that depends on N."""

from gradcheck.bugs.bug import Bug
from gradcheck.bugs.textbook import Pass


def _never_divided(p: Pass) -> float:
    return 1.0


BUGS = (
    Bug(
        "batch_mean_missing",
        "the gradient is a sum where the loss is a mean",
        "batch_reduction",
        "a^T delta",
        "a^T delta / N",
        "The loss is divided by N when it is printed; the gradient is not.",
        "Divide the gradient by the number of samples, as the loss is.",
        {"scale": _never_divided},
    ),
)
