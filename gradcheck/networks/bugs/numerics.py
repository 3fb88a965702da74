"""Bugs of arithmetic: the formula is right, its digits are not."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradcheck.networks.bugs.bug import Bug, Site
from gradcheck.networks.bugs.returned_and_update import returning
from gradcheck.networks.bugs.textbook import Pass, after, in_layers_of, output_delta, pre_activation
from gradcheck.networks.definitions import ACTIVATIONS
from gradcheck.networks.problem import Floats

SITE = Site("numerics", "arithmetic")

#: The step of a slope by differences.
_COARSE = 1e-4


def _half(values: Floats) -> Floats:
    return values.astype(np.float16).astype(np.float64)


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
    return (forward(z + _COARSE) - forward(z)) / _COARSE


def _guarded_division(p: Pass, delta: Floats) -> Any:
    if not p.cancels:
        return delta
    a = p.a[p.last]
    if p.network.loss == "binary_cross_entropy":
        variance = a * (1.0 - a)
        return delta / (variance + 1e-8) * variance
    shares = p.y * a / (a + 1e-8)
    return a * shares.sum(axis=1, keepdims=True) - shares


def _gelu_constant(z: Floats, a: Floats) -> Any:
    from scipy.special import ndtr

    return ndtr(z) + z * np.exp(-0.5 * z * z) * 0.4


_bug = partial(Bug, SITE, right="{dW}", strikes="whole")

BUGS = {
    "gradient_in_float16": _bug(
        "the gradient is stored in float16",
        wrong="float16(dW)",
        why="Half precision is set for the whole program to save memory.",
        mend="Keep gradients in float64, or at least in float32.",
        hides="gradients with few digits",
        rules=returning(_half),
    ),
    "weight_gradient_summed_in_float16": _bug(
        "samples are added up in float16",
        wrong="sum over samples in float16",
        right="sum over samples in float64",
        why="The accumulator is allocated in the type of the stored weights.",
        mend="Accumulate in a wider type than the one that is stored.",
        hides="gradients with few digits",
        rules={"weight_product": _half_sum},
        strikes="weights",
    ),
    "weights_in_float16": _bug(
        "the forward pass rounds the weights to float16",
        wrong="{inputs @ float16(W) + float16(b)}",
        right="{inputs @ W + b}",
        why="Weights are cast for speed, and the loss is compared with that of the originals.",
        mend="Compute with the weights that were given.",
        hides="weights with few digits in base 2",
        rules={"pre_activation": _half_weights},
        strikes="weights",
    ),
    "gradient_rounded": _bug(
        "the gradient is rounded to three decimals",
        wrong="round(dW, 3)",
        why="It is rounded to be printed, and the rounded one is returned.",
        mend="Return it unrounded; round only when printing.",
        hides="a tolerance of 1e-3",
        rules=returning(lambda g: np.round(g, 3)),
    ),
    "gradient_truncated_to_int": _bug(
        "the gradient is kept in an array of integers",
        wrong="int(dW)",
        why="np.zeros_like of integer weights is an integer array, and cuts what is put in.",
        mend="Allocate gradients as float64.",
        hides="gradients that are whole numbers",
        rules=returning(np.trunc),
    ),
    "targets_truncated_to_int": _bug(
        "the targets are cast to integers in the error",
        wrong="a - int(y)",
        right="a - y",
        why="The code was written for classes, and serves for real targets too.",
        mend="Keep the targets as float64.",
        hides="targets that are whole numbers: all classification",
        rules={"output_delta": lambda p: output_delta(replace(p, y=np.trunc(p.y)))},
        strikes="output",
    ),
    "small_gradients_flushed": _bug(
        "small entries of the gradient are set to zero",
        wrong="0 if |dW| < 0.01 else dW",
        why="Small entries are taken for noise.",
        mend="Leave small entries as they are: deep layers have no others.",
        hides="entries above 0.01; a tolerance of 0.01",
        rules=returning(lambda g: np.where(np.abs(g) < 0.01, 0.0, g)),
        example="2-8-8-2 sigmoid,sigmoid,sigmoid half_squared_error",
    ),
    "slope_by_coarse_difference": _bug(
        "the slope of the activation is a one-sided difference",
        wrong="(phi(z + 0.0001) - phi(z)) / 0.0001",
        right="phi'(z)",
        why="The derivative is not known, and a difference is quick to write.",
        mend="Write the derivative, or use a central difference and say how good it is.",
        hides="identity, and relu away from 0; a tolerance of 1e-4",
        rules={"activation_derivative": _by_differences},
        strikes="slopes",
    ),
    "epsilon_in_denominator": _bug(
        "a constant against division by zero changes the gradient",
        wrong="(a - y) / (a (1 - a) + 1e-8) * a (1 - a)",
        right="a - y",
        why="The loss is derived by a, and the quotient guarded.",
        mend="Simplify first: the denominator cancels, and nothing needs a guard.",
        hides="the squared losses; a tolerance of 1e-7, unless an output saturates",
        rules=after("output_delta", _guarded_division),
        strikes="output",
        example="2-3-2 tanh,sigmoid binary_cross_entropy",
    ),
    "gelu_constant_rounded": _bug(
        "the constant of gelu's derivative is rounded",
        wrong="Phi(z) + 0.4 z exp(-z^2 / 2)",
        right="Phi(z) + z exp(-z^2 / 2) / sqrt(2 pi)",
        why="1 / sqrt(2 pi) = 0.3989... is typed from memory.",
        mend="Let the machine compute 1 / sqrt(2 pi).",
        hides="z = 0; a tolerance of 1e-3",
        rules=in_layers_of("gelu", _gelu_constant),
        strikes="slopes",
        example="2-3-2 gelu,identity half_squared_error",
        activation="gelu",
    ),
    "loss_rounded": _bug(
        "the loss is rounded to three decimals",
        wrong="round(loss, 3)",
        right="loss",
        why="It is rounded to be printed, and the rounded one is returned.",
        mend="Return it unrounded: differences of a rounded loss are zero or far too large.",
        hides="the gradient; a loss with three decimals",
        rules=after("loss", lambda p, loss: round(loss, 3)),
    ),
    "weights_rounded_in_step": _bug(
        "the step rounds the weights to three decimals",
        wrong="round(W - rate dW, 3)",
        right="{W - rate * dW}",
        why="Weights are rounded to be saved or printed, and training goes on from there.",
        mend="Round only what is printed.",
        hides="the gradient alone, without a step",
        rules=returning(lambda w: np.round(w, 3), "update"),
    ),
}
