"""What several wrong rules are made of."""

from collections.abc import Callable
from typing import Any

from gradcheck.networks.activations import ACTIVATIONS
from gradcheck.networks.bugs.textbook import Pass, Rule, activation_derivative
from gradcheck.networks.losses import LOSSES
from gradcheck.networks.problem import Floats

#: A learning rate that code has of its own, where none is given to it.
OWN_RATE = 0.1


def slope_at(p: Pass, layer: int, z: Floats) -> Floats:
    """``phi'`` of a layer at any z."""
    derivative = ACTIVATIONS[p.network.activations[layer - 1]].derivative
    assert derivative is not None, "softmax is handled with its loss"
    return derivative(z)


def sigmoid(z: Floats) -> Floats:
    """``1 / (1 + exp(-z))``."""
    return ACTIVATIONS["sigmoid"].forward(z)


def in_layers_of(name: str, derivative: Callable[..., Any]) -> dict[str, Rule]:
    """Replace the derivative of one activation: ``derivative(z, a)``."""

    def rule(p: Pass, layer: int) -> Floats:
        if p.network.activations[layer - 1] != name:
            return activation_derivative(p, layer)
        slope: Floats = derivative(p.z[layer], p.a[layer])
        return slope

    return {"activation_derivative": rule}


def logarithmic(p: Pass) -> bool:
    """Whether the loss is a logarithmic one, so that the output's delta is a - y."""
    return LOSSES[p.network.loss].cancels


def upstream(p: Pass, layer: int) -> Floats | None:
    """Derivative by a[layer], before the slope; None where the textbook never forms it."""
    if layer < p.last:
        back: Floats = p.apply("propagate", layer)
        return back
    if logarithmic(p):
        return None
    outputs: Floats = p.apply("loss_derivative")
    return outputs


def averaged(p: Pass) -> bool:
    """Whether the loss is a mean over samples."""
    return p.network.reduction == "mean"


def width(p: Pass, layer: int) -> int:
    """n[layer]; 0 for the inputs."""
    return p.network.widths[layer]
