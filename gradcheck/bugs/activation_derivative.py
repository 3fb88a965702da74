"""Bugs in phi'(z): the right tensors above the layer, wrong ones from it downwards."""

from typing import Any

import numpy as np

from gradcheck.activations import ACTIVATIONS
from gradcheck.bugs.bug import Bug
from gradcheck.bugs.textbook import Pass, activation_derivative
from gradcheck.problem import Floats


def _only(name: str, derivative: Any) -> Any:
    """Replace the derivative of one activation and leave the others."""

    def rule(p: Pass, layer: int) -> Floats:
        if p.network.activations[layer - 1] == name:
            slope: Floats = derivative(p.z[layer])
            return slope
        return activation_derivative(p, layer)

    return rule


def _at_activated_value(p: Pass, layer: int) -> Floats:
    derivative = ACTIVATIONS[p.network.activations[layer - 1]].derivative
    assert derivative is not None, "softmax is handled with its loss"
    slope: Floats = derivative(p.a[layer])
    return slope


BUGS = (
    Bug(
        "tanh_derivative_uses_tan",
        "the derivative of tanh is written with tan",
        "activation_derivative",
        "1 - tanh(z) tan(z)",
        "1 - tanh(z)^2",
        "tan and tanh differ by one letter, and both are in every maths module.",
        "Multiply by 1 - tanh(z)**2, or by 1 - a**2 with the activation a at hand.",
        {"activation_derivative": _only("tanh", lambda z: 1.0 - np.tanh(z) * np.tan(z))},
    ),
    Bug(
        "derivative_at_activated_value",
        "the derivative is taken at the activated value",
        "activation_derivative",
        "phi'(a), with a = phi(z)",
        "phi'(z)",
        "The activation a was stored, z was not; or a formula in z is fed a.",
        "Pass z to the derivative, or use its formula in a: a (1 - a) for the sigmoid.",
        {"activation_derivative": _at_activated_value},
    ),
    Bug(
        "relu_derivative_missing",
        "the derivative of relu is left out",
        "activation_derivative",
        "1",
        "1 if z > 0 else 0",
        "relu looks linear, and the mask is easily forgotten.",
        "Multiply the delta by (z > 0).",
        {"activation_derivative": _only("relu", np.ones_like)},
    ),
)
