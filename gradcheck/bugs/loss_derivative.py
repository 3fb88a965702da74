"""Bugs in the derivative of the loss: wrong from the last layer down."""

from gradcheck.bugs.bug import Bug
from gradcheck.bugs.textbook import Pass, output_delta
from gradcheck.problem import Floats


def _sign_lost(p: Pass) -> Floats:
    return -output_delta(p)


BUGS = (
    Bug(
        "output_error_sign_lost",
        "the error of the outputs has the wrong sign",
        "loss_derivative",
        "y - a",
        "a - y",
        "-(y - a) loses its minus, or 'target minus output' is taken for the derivative.",
        "The derivative of 1/2 (a - y)^2 by a is a - y.",
        {"output_delta": _sign_lost},
    ),
)
