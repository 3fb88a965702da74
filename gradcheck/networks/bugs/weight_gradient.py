"""Bugs in dW: biases and the other layers are right."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.networks.bugs.bug import Bug
from gradcheck.networks.bugs.textbook import Pass, Rule, activation, weight_gradient, weight_product
from gradcheck.networks.bugs.wrong_parts import OWN_RATE, averaged, upstream, width
from gradcheck.networks.problem import Floats

SITE = "weight_gradient"

_NET = "2-3-2 tanh,identity half_squared_error"
_SQUARE = "3-3-3 tanh,identity half_squared_error"


def _from(inputs: Callable[[Pass, int], Any]) -> dict[str, Rule]:
    """Use other inputs than a[l-1]: ``inputs(p, layer)``."""

    def rule(p: Pass, layer: int) -> Floats:
        product: Floats = inputs(p, layer).T @ p.delta[layer]
        return product

    return {"weight_product": rule}


def _afterwards(change: Callable[[Pass, int, Floats], Any]) -> dict[str, Rule]:
    def rule(p: Pass, layer: int) -> Floats:
        product: Floats = change(p, layer, weight_product(p, layer))
        return product

    return {"weight_product": rule}


def _transposed(p: Pass, layer: int, product: Floats) -> Floats:
    return product.T.copy() if product.shape[0] == product.shape[1] else product


def _activated_again(p: Pass, layer: int) -> Floats:
    if layer == 1:
        return p.a[0]
    kept = p.z[layer - 1]
    p.z[layer - 1] = p.a[layer - 1]
    again = activation(p, layer - 1)
    p.z[layer - 1] = kept
    return again


def _own_output(p: Pass, layer: int) -> Floats:
    return p.a[layer if width(p, layer) == width(p, layer - 1) else layer - 1]


def _network_input(p: Pass, layer: int) -> Floats:
    return p.a[0 if width(p, 0) == width(p, layer - 1) else layer - 1]


def _one_sample(which: int) -> dict[str, Rule]:
    def rule(p: Pass, layer: int) -> Floats:
        return np.outer(p.a[layer - 1][which], p.delta[layer][which])

    return {"weight_product": rule}


def _of_means(p: Pass, layer: int) -> Floats:
    return np.outer(p.a[layer - 1].mean(axis=0), p.delta[layer].sum(axis=0))


def _without_slope(p: Pass, layer: int) -> Floats:
    before = upstream(p, layer)
    if before is None:
        return weight_product(p, layer)
    product: Floats = p.a[layer - 1].T @ before
    return product


def _delta_above(p: Pass, layer: int) -> Floats:
    fits = layer < p.last and width(p, layer + 1) == width(p, layer)
    product: Floats = p.a[layer - 1].T @ p.delta[layer + 1 if fits else layer]
    return product


def _summed(p: Pass, layer: int) -> Floats:
    factor = len(p.y) if averaged(p) else 1.0
    penalty: Floats = p.apply("penalty_gradient", layer)
    return factor * (weight_gradient(p, layer) - penalty) + penalty


def _zeroed(rows: object, columns: object) -> dict[str, Rule]:
    def change(p: Pass, layer: int, product: Floats) -> Floats:
        product[rows, columns] = 0.0  # type: ignore[index]
        return product

    return _afterwards(change)


BUGS = (
    Bug(
        "weight_gradient_transposed",
        "the weight gradient is transposed",
        SITE,
        "{delta.T @ inputs}",
        "{inputs.T @ delta}",
        "On a square layer the shapes fit either way, so nothing complains.",
        "It has a {input} for each input and a {output} for each unit: {code(inputs.T @ delta)}.",
        _afterwards(_transposed),
        "weights",
        "layers that are not square, where the shape is noticed; one sample with equal factors",
        _SQUARE,
    ),
    Bug(
        "weight_gradient_reshaped",
        "the weight gradient is reshaped where it should be transposed",
        SITE,
        "{reshaped(delta.T @ inputs)}",
        "{inputs.T @ delta}",
        "reshape gives the shape that is asked for; or a flat vector is filled in another order.",
        "Compute {code(inputs.T @ delta)} at once.",
        _afterwards(lambda p, layer, dw: dw.T.reshape(dw.shape)),
        "weights",
        "one input or one unit",
        _NET,
    ),
    Bug(
        "pre_activation_for_input",
        "the weight gradient uses z of the layer below, not a",
        SITE,
        "{z[l-1].T @ delta}",
        "{a[l-1].T @ delta}",
        "Both are stored side by side.",
        "The inputs of a layer are the activations below it: use a.",
        _from(lambda p, layer: p.z[layer - 1] if layer > 1 else p.a[0]),
        "weights",
        "the first layer; identity below; small z under tanh",
        _NET,
    ),
    Bug(
        "input_activated_twice",
        "the inputs of the weight gradient are activated once more",
        SITE,
        "{phi(a[l-1]).T @ delta}",
        "{a[l-1].T @ delta}",
        "a is stored activated, and the backward pass activates what it takes for z.",
        "Use the stored activation as it is.",
        _from(_activated_again),
        "weights",
        "the first layer; identity and relu below",
        _NET,
    ),
    Bug(
        "network_input_for_every_layer",
        "every layer uses the inputs of the network",
        SITE,
        "{x.T @ delta}",
        "{a[l-1].T @ delta}",
        "The code was written for one layer, where the two are the same.",
        "Use the activations of the layer below.",
        _from(_network_input),
        "weights",
        "the first layer; layers of unequal width, where it raises and is noticed",
        _SQUARE,
    ),
    Bug(
        "own_output_for_input",
        "the weight gradient uses the layer's own outputs",
        SITE,
        "{a[l].T @ delta}",
        "{a[l-1].T @ delta}",
        "The list of activations starts with x or without it, and the index is off by one.",
        "Use the activations that entered the layer.",
        _from(_own_output),
        "weights",
        "layers that are not square, where it raises and is noticed",
        _SQUARE,
    ),
    Bug(
        "input_left_out",
        "the weight gradient lacks its input",
        SITE,
        "sum over samples of {delta.k}, for every j",
        "sum over samples of {inputs.j} {delta.k}",
        "Weights are treated as biases are.",
        "Multiply each delta by the input that came through the weight.",
        _from(lambda p, layer: np.ones_like(p.a[layer - 1])),
        "weights",
        "inputs of exactly 1",
        _NET,
    ),
    Bug(
        "weight_gradient_of_last_sample",
        "only the last sample counts in the weight gradient",
        SITE,
        "{inputs.N} {delta.N}",
        "sum over samples n of {inputs.n} {delta.n}",
        "= is typed for += in the loop over the samples.",
        "Start from zero and add the product of every sample.",
        _one_sample(-1),
        "weights",
        "a batch of one",
        _NET,
    ),
    Bug(
        "weight_gradient_of_first_sample",
        "only the first sample counts in the weight gradient",
        SITE,
        "{inputs._1} {delta._1}",
        "sum over samples n of {inputs.n} {delta.n}",
        "return stands inside the loop over the samples.",
        "Return after the loop.",
        _one_sample(0),
        "weights",
        "a batch of one",
        _NET,
    ),
    Bug(
        "product_of_means",
        "the mean input is multiplied by the mean delta",
        SITE,
        "mean(a) times sum(delta), over samples",
        "sum over samples n of {inputs.n} {delta.n}",
        "Inputs and deltas are averaged over the batch before they are multiplied.",
        "Multiply sample by sample, then sum: {code(inputs.T @ delta)}.",
        {"weight_product": _of_means},
        "weights",
        "a batch of one, equal rows",
        _NET,
    ),
    Bug(
        "samples_misaligned",
        "inputs and deltas of different samples are multiplied",
        SITE,
        "sum over n of a_(n-1) {delta.n}",
        "sum over n of {inputs.n} {delta.n}",
        "One of two lists is reversed, shuffled or shifted.",
        "Keep inputs and deltas in the same order.",
        _from(lambda p, layer: np.roll(p.a[layer - 1], 1, axis=0)),
        "weights",
        "a batch of one, equal rows",
        _NET,
    ),
    Bug(
        "first_row_never_filled",
        "the weights of the first input never get a gradient",
        SITE,
        "{dW[0,k]} = 0",
        "{dW[0,k]} = sum over samples of {inputs._0} {delta.k}",
        "A loop starts at 1, because 0 was the bias in another layout.",
        "Let the loop start at the first input.",
        _zeroed(0, slice(None)),
        "weights",
        "nowhere",
        _NET,
    ),
    Bug(
        "last_column_never_filled",
        "the weights of the last unit never get a gradient",
        SITE,
        "{dW[j,n]} = 0",
        "{dW[j,n]} = sum over samples of {inputs.j} {delta.n}",
        "A loop over the units stops one too early.",
        "Let the loop run over all units.",
        _zeroed(slice(None), -1),
        "weights",
        "nowhere",
        _NET,
    ),
    Bug(
        "rows_shifted",
        "each weight gets the gradient of the next input's",
        SITE,
        "{dW[j,k]} = sum over samples of a_(j+1) {delta.k}",
        "{dW[j,k]} = sum over samples of {inputs.j} {delta.k}",
        "The {input} of a bias shifts all others by one.",
        "Count the inputs of weights and activations alike.",
        _from(lambda p, layer: np.roll(p.a[layer - 1], -1, axis=1)),
        "weights",
        "one input",
        _NET,
    ),
    Bug(
        "weight_gradient_times_weights",
        "the weight gradient is multiplied by the weights",
        SITE,
        "{inputs.T @ delta * W}",
        "{inputs.T @ delta}",
        "The weight is thought to share in its own derivative.",
        "The derivative of a w by w is a: leave the weight out.",
        _afterwards(lambda p, layer, dw: dw * p.weights(layer)),
        "weights",
        "weights of exactly 1",
        _NET,
    ),
    Bug(
        "weight_gradient_made_positive",
        "the weight gradient is made positive",
        SITE,
        "{abs(inputs.T @ delta)}",
        "{inputs.T @ delta}",
        "A size is printed, and the same variable is returned.",
        "Keep the sign.",
        _afterwards(lambda p, layer, dw: np.abs(dw)),
        "weights",
        "entries that are all positive",
        _NET,
    ),
    Bug(
        "weight_gradient_without_derivative",
        "the weight gradient is formed before the derivative is multiplied in",
        SITE,
        "{inputs.T @ e}, with e = {delta[up] @ W[up].T}",
        "{inputs.T @ delta}, with {delta} = e {slope(z)}",
        "The error is used in the update, and turned into a delta only to be passed on.",
        "Multiply by phi'(z) first, then form the gradient.",
        {"weight_product": _without_slope},
        "weights",
        "identity; active relu units; the output under a logarithmic loss",
        _NET,
    ),
    Bug(
        "weight_gradient_of_layer_above",
        "the weight gradient uses the delta of the layer above",
        SITE,
        "{a[l-1].T @ delta[l+1]}",
        "{a[l-1].T @ delta[l]}",
        "The list of deltas is filled from behind, and the index is off by one.",
        "Use the delta of the layer whose weights these are.",
        {"weight_product": _delta_above},
        "weights",
        "the output; layers of unequal width, where it raises and is noticed",
        _SQUARE,
    ),
    Bug(
        "weight_gradient_divided_by_inputs",
        "the weight gradient is divided by the number of inputs",
        SITE,
        "{inputs.T @ delta / n_below}",
        "{inputs.T @ delta}",
        "x.shape[{units at}] is taken for the number of samples.",
        "Divide by the number of samples only, if the loss is a mean.",
        _afterwards(lambda p, layer, dw: dw / len(dw)),
        "weights",
        "one input",
        _NET,
    ),
    Bug(
        "weight_gradient_times_rate",
        "one tensor is returned with a learning rate in it",
        SITE,
        "{0.1 * (inputs.T @ delta)}",
        "{inputs.T @ delta}",
        "One layer's line still has the rate from the time when it updated in place.",
        "Multiply by the rate in the update only.",
        _afterwards(lambda p, layer, dw: OWN_RATE * dw),
        "weights",
        "a rate of 1",
        _NET,
    ),
    Bug(
        "weight_gradient_negated",
        "the weight gradient has the wrong sign",
        SITE,
        "{-(inputs.T @ delta)}",
        "{inputs.T @ delta}",
        "One layer's line has the sign of the step.",
        "Let all layers have the sign of the gradient.",
        _afterwards(lambda p, layer, dw: -dw),
        "weights",
        "nowhere",
        _NET,
    ),
    Bug(
        "weights_never_trained",
        "a weight matrix never gets a gradient",
        SITE,
        "0",
        "{inputs.T @ delta}",
        "A variable is spelled differently, or a loop leaves the layer out.",
        "Fill and return the gradient of every layer.",
        _afterwards(lambda p, layer, dw: np.zeros_like(dw)),
        "weights",
        "nowhere",
        _NET,
    ),
    Bug(
        "weights_summed_biases_averaged",
        "weight gradients are summed where bias gradients are averaged",
        SITE,
        "{inputs.T @ delta}",
        "{inputs.T @ delta / N}",
        "np.mean is at hand for the bias; the matrix product sums, and is not divided.",
        "Divide {dW} by the number of samples, as {db} is.",
        {"weight_gradient": _summed},
        "weights",
        "a batch of one; a loss that is a sum",
        _NET,
    ),
)
