"""Bugs of arithmetic: the formula is right, its digits are not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.networks.activations import ACTIVATIONS
from gradcheck.networks.bugs.bug import Bug
from gradcheck.networks.bugs.textbook import (
    Pass,
    Rule,
    loss,
    output_delta,
    pre_activation,
    returned,
    update,
)
from gradcheck.networks.bugs.wrong_parts import in_layers_of, logarithmic
from gradcheck.networks.problem import Floats, Pair

SITE = "numerics"

_NET = "2-3-2 tanh,identity half_squared_error"

#: The step of a slope by differences.
_COARSE = 1e-4


def _each(change: Callable[[Floats], Any]) -> dict[str, Rule]:
    return {"returned": lambda p: [(change(dw), change(db)) for dw, db in returned(p)]}


def _half(values: Floats) -> Floats:
    narrow: Floats = values.astype(np.float16).astype(np.float64)
    return narrow


def _half_sum(p: Pass, layer: int) -> Floats:
    """Multiply in float64, add in float16."""
    total = np.zeros(p.weights(layer).shape, dtype=np.float16)
    for inputs, delta in zip(p.a[layer - 1], p.delta[layer], strict=True):
        total = (total + np.outer(inputs, delta)).astype(np.float16)
    return total.astype(np.float64)


def _half_weights(p: Pass, layer: int) -> Floats:
    return pre_activation(replace(p, pairs=[(_half(w), _half(b)) for w, b in p.pairs]), layer)


def _by_differences(p: Pass, layer: int) -> Floats:
    forward = ACTIVATIONS[p.network.activations[layer - 1]].forward
    z = p.z[layer]
    slope: Floats = (forward(z + _COARSE) - forward(z)) / _COARSE
    return slope


def _guarded_division(p: Pass) -> Floats:
    delta = output_delta(p)
    if not logarithmic(p):
        return delta
    variance = p.a[p.last] * (1.0 - p.a[p.last])
    if p.network.loss == "binary_cross_entropy":
        guarded: Floats = delta / (variance + 1e-8) * variance
        return guarded
    a = p.a[p.last]
    shares: Floats = p.y * a / (a + 1e-8)
    total: Floats = shares.sum(axis=1, keepdims=True)
    return a * total - shares


def _whole_targets(p: Pass) -> Floats:
    return output_delta(replace(p, y=np.trunc(p.y)))


def _gelu_constant(z: Floats, a: Floats) -> Floats:
    from scipy.special import ndtr

    slope: Floats = ndtr(z) + z * np.exp(-0.5 * z * z) * 0.4
    return slope


def _rounded_update(p: Pass, grads: list[Pair]) -> list[Pair]:
    return [(np.round(w, 3), np.round(b, 3)) for w, b in update(p, grads)]


BUGS = (
    Bug(
        "gradient_in_float16",
        "the gradient is stored in float16",
        SITE,
        "float16(dW)",
        "{dW}",
        "Half precision is set for the whole program to save memory.",
        "Keep gradients in float64, or at least in float32.",
        _each(_half),
        "whole",
        "gradients with few digits",
        _NET,
    ),
    Bug(
        "weight_gradient_summed_in_float16",
        "samples are added up in float16",
        SITE,
        "sum over samples in float16",
        "sum over samples in float64",
        "The accumulator is allocated in the type of the stored weights.",
        "Accumulate in a wider type than the one that is stored.",
        {"weight_product": _half_sum},
        "weights",
        "gradients with few digits",
        _NET,
    ),
    Bug(
        "weights_in_float16",
        "the forward pass rounds the weights to float16",
        SITE,
        "{inputs @ float16(W) + float16(b)}",
        "{inputs @ W + b}",
        "Weights are cast for speed, and the loss is compared with that of the originals.",
        "Compute with the weights that were given.",
        {"pre_activation": _half_weights},
        "weights",
        "weights with few digits in base 2",
        _NET,
    ),
    Bug(
        "gradient_rounded",
        "the gradient is rounded to three decimals",
        SITE,
        "round(dW, 3)",
        "{dW}",
        "It is rounded to be printed, and the rounded one is returned.",
        "Return it unrounded; round only when printing.",
        _each(lambda g: np.round(g, 3)),
        "whole",
        "a tolerance of 1e-3",
        _NET,
    ),
    Bug(
        "gradient_truncated_to_int",
        "the gradient is kept in an array of integers",
        SITE,
        "int(dW)",
        "{dW}",
        "np.zeros_like of integer weights is an integer array, and cuts what is put in.",
        "Allocate gradients as float64.",
        _each(np.trunc),
        "whole",
        "gradients that are whole numbers",
        _NET,
    ),
    Bug(
        "targets_truncated_to_int",
        "the targets are cast to integers in the error",
        SITE,
        "a - int(y)",
        "a - y",
        "The code was written for classes, and serves for real targets too.",
        "Keep the targets as float64.",
        {"output_delta": _whole_targets},
        "output",
        "targets that are whole numbers: all classification",
        _NET,
    ),
    Bug(
        "small_gradients_flushed",
        "small entries of the gradient are set to zero",
        SITE,
        "0 if |dW| < 0.01 else dW",
        "{dW}",
        "Small entries are taken for noise.",
        "Leave small entries as they are: deep layers have no others.",
        _each(lambda g: np.where(np.abs(g) < 0.01, 0.0, g)),
        "whole",
        "entries above 0.01; a tolerance of 0.01",
        "2-8-8-2 sigmoid,sigmoid,sigmoid half_squared_error",
    ),
    Bug(
        "slope_by_coarse_difference",
        "the slope of the activation is a one-sided difference",
        SITE,
        "(phi(z + 0.0001) - phi(z)) / 0.0001",
        "phi'(z)",
        "The derivative is not known, and a difference is quick to write.",
        "Write the derivative, or use a central difference and say how good it is.",
        {"activation_derivative": _by_differences},
        "slopes",
        "identity, and relu away from 0; a tolerance of 1e-4",
        _NET,
    ),
    Bug(
        "epsilon_in_denominator",
        "a constant against division by zero changes the gradient",
        SITE,
        "(a - y) / (a (1 - a) + 1e-8) * a (1 - a)",
        "a - y",
        "The loss is derived by a, and the quotient guarded.",
        "Simplify first: the denominator cancels, and nothing needs a guard.",
        {"output_delta": _guarded_division},
        "output",
        "the squared losses; a tolerance of 1e-7, unless an output saturates",
        "2-3-2 tanh,sigmoid binary_cross_entropy",
    ),
    Bug(
        "gelu_constant_rounded",
        "the constant of gelu's derivative is rounded",
        SITE,
        "Phi(z) + 0.4 z exp(-z^2 / 2)",
        "Phi(z) + z exp(-z^2 / 2) / sqrt(2 pi)",
        "1 / sqrt(2 pi) = 0.3989... is typed from memory.",
        "Let the machine compute 1 / sqrt(2 pi).",
        in_layers_of("gelu", _gelu_constant),
        "slopes",
        "z = 0; a tolerance of 1e-3",
        "2-3-2 gelu,identity half_squared_error",
        activation="gelu",
    ),
    Bug(
        "loss_rounded",
        "the loss is rounded to three decimals",
        SITE,
        "round(loss, 3)",
        "loss",
        "It is rounded to be printed, and the rounded one is returned.",
        "Return it unrounded: differences of a rounded loss are zero or far too large.",
        {"loss": lambda p: round(loss(p), 3)},
        "whole",
        "the gradient; a loss with three decimals",
        _NET,
    ),
    Bug(
        "weights_rounded_in_step",
        "the step rounds the weights to three decimals",
        SITE,
        "round(W - rate dW, 3)",
        "{W - rate * dW}",
        "Weights are rounded to be saved or printed, and training goes on from there.",
        "Round only what is printed.",
        {"update": _rounded_update},
        "whole",
        "the gradient alone, without a step",
        _NET,
    ),
)
