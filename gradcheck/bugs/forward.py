"""Bugs in the forward pass: loss and gradient are both off."""

from gradcheck.bugs.bug import Bug
from gradcheck.bugs.textbook import Pass, pre_activation
from gradcheck.problem import Floats


def _used_twice(p: Pass, layer: int) -> Floats:
    z = pre_activation(p, layer)
    a = p.a[layer - 1]
    if layer == 1 or layer != p.network.depth or a.shape[1] < 2:
        return z
    w, _ = p.pairs[layer - 1]
    z[:, -1] += (a[:, 1] - a[:, 0]) * w[0, -1]  # h1 w' becomes h2 w'
    return z


BUGS = (
    Bug(
        "hidden_output_used_twice",
        "the last output adds the second hidden output twice",
        "forward",
        "z2 = h2 w + h2 w'",
        "z2 = h1 w + h2 w'",
        "The line for one output is copied for the next, and an index is changed too much.",
        "Let each weight multiply the hidden output of its own row.",
        {"pre_activation": _used_twice},
    ),
)
