"""Bugs in the step: the gradient is right, what is done with it is not."""

from gradcheck.bugs.bug import Bug
from gradcheck.bugs.textbook import Pass
from gradcheck.problem import Pair


def _adds(p: Pass, grads: list[Pair]) -> list[Pair]:
    rate = p.learning_rate or 0.0
    return [(w + rate * dw, b + rate * db) for (w, b), (dw, db) in zip(p.pairs, grads, strict=True)]


BUGS = (
    Bug(
        "step_adds_gradient",
        "the step adds the gradient",
        "update",
        "W + rate dW",
        "W - rate dW",
        "With the error taken as y - a the plus is right; with a - y it climbs the loss.",
        "Subtract: W - learning_rate * dW.",
        {"update": _adds},
    ),
)
