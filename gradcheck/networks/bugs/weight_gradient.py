"""Bugs in dW: biases and the other layers are right."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradcheck.networks.bugs.bug import OWN_RATE, Bug, Site
from gradcheck.networks.bugs.textbook import Pass, Rule, activation, after, weight_product
from gradcheck.networks.problem import Floats

SITE = Site(
    "weight_gradient",
    "the gradient of the weights",
    parts=("weight",),
    in_layer=(
        "the weight gradient is not {{inputs.T @ delta}} of your own {{delta}}",
        "Look at the line that forms {{dW}} of layer {layer}.",
    ),
)

_SQUARE = "3-3-3 tanh,identity half_squared_error"


def _from(inputs: Rule) -> dict[str, Rule]:
    """Use other inputs than a[l-1]: ``inputs(p, layer)``."""
    return {"weight_product": lambda p, layer: inputs(p, layer).T @ p.delta[layer]}


def _transposed(p: Pass, layer: int, product: Floats) -> Floats:
    return product.T.copy() if product.shape[0] == product.shape[1] else product


def _activated_again(p: Pass, layer: int) -> Floats:
    below = layer - 1
    return activation(replace(p, z=p.a), below) if below else p.a[0]


def _of_sample(p: Pass, layer: int, which: int) -> Floats:
    return np.outer(p.a[layer - 1][which], p.delta[layer][which])


def _of_means(p: Pass, layer: int) -> Floats:
    return np.outer(p.a[layer - 1].mean(axis=0), p.delta[layer].sum(axis=0))


def _without_slope(p: Pass, layer: int) -> Floats:
    before = p.upstream(layer)
    return weight_product(p, layer) if before is None else p.a[layer - 1].T @ before


def _summed(p: Pass, layer: int, dw: Floats) -> Floats:
    factor = len(p.y) if p.averaged else 1.0
    penalty: Floats = p.apply("penalty_gradient", layer)
    return factor * (dw - penalty) + penalty


def _zeroed(*at: Any) -> dict[str, Rule]:
    def change(p: Pass, layer: int, product: Floats) -> Floats:
        product[at] = 0.0
        return product

    return after("weight_product", change)


_bug = partial(Bug, SITE, right="{inputs.T @ delta}", strikes="weights")

BUGS = (
    _bug(
        "weight_gradient_transposed",
        "the weight gradient is transposed",
        wrong="{delta.T @ inputs}",
        why="On a square layer the shapes fit either way, so nothing complains.",
        mend="It has a {input} for each input and a {output} for each unit: "
        "{code(inputs.T @ delta)}.",
        hides="layers that are not square, where the shape is noticed; one sample with equal "
        "factors",
        rules=after("weight_product", _transposed),
        example=_SQUARE,
    ),
    _bug(
        "weight_gradient_reshaped",
        "the weight gradient is reshaped where it should be transposed",
        wrong="{reshaped(delta.T @ inputs)}",
        why="reshape gives the shape that is asked for; or a flat vector is filled in another "
        "order.",
        mend="Compute {code(inputs.T @ delta)} at once.",
        hides="one input or one unit",
        rules=after("weight_product", lambda p, layer, dw: dw.T.reshape(dw.shape)),
    ),
    _bug(
        "pre_activation_for_input",
        "the weight gradient uses z of the layer below, not a",
        wrong="{z[l-1].T @ delta}",
        right="{a[l-1].T @ delta}",
        why="Both are stored side by side.",
        mend="The inputs of a layer are the activations below it: use a.",
        hides="the first layer; identity below; small z under tanh",
        rules=_from(lambda p, layer: p.z[layer - 1] if layer > 1 else p.a[0]),
    ),
    _bug(
        "input_activated_twice",
        "the inputs of the weight gradient are activated once more",
        wrong="{phi(a[l-1]).T @ delta}",
        right="{a[l-1].T @ delta}",
        why="a is stored activated, and the backward pass activates what it takes for z.",
        mend="Use the stored activation as it is.",
        hides="the first layer; identity and relu below",
        rules=_from(_activated_again),
    ),
    _bug(
        "network_input_for_every_layer",
        "every layer uses the inputs of the network",
        wrong="{x.T @ delta}",
        right="{a[l-1].T @ delta}",
        why="The code was written for one layer, where the two are the same.",
        mend="Use the activations of the layer below.",
        hides="the first layer; layers of unequal width, where it raises and is noticed",
        rules=_from(lambda p, layer: p.a[p.fitting(layer - 1, 0)]),
        example=_SQUARE,
    ),
    _bug(
        "own_output_for_input",
        "the weight gradient uses the layer's own outputs",
        wrong="{a[l].T @ delta}",
        right="{a[l-1].T @ delta}",
        why="The list of activations starts with x or without it, and the index is off by one.",
        mend="Use the activations that entered the layer.",
        hides="layers that are not square, where it raises and is noticed",
        rules=_from(lambda p, layer: p.a[p.fitting(layer - 1, layer)]),
        example=_SQUARE,
    ),
    _bug(
        "input_left_out",
        "the weight gradient lacks its input",
        wrong="sum over samples of {delta.k}, for every j",
        right="sum over samples of {inputs.j} {delta.k}",
        why="Weights are treated as biases are.",
        mend="Multiply each delta by the input that came through the weight.",
        hides="inputs of exactly 1",
        rules=_from(lambda p, layer: np.ones_like(p.a[layer - 1])),
    ),
    _bug(
        "weight_gradient_of_last_sample",
        "only the last sample counts in the weight gradient",
        wrong="{inputs.N} {delta.N}",
        right="sum over samples n of {inputs.n} {delta.n}",
        why="= is typed for += in the loop over the samples.",
        mend="Start from zero and add the product of every sample.",
        hides="a batch of one",
        rules={"weight_product": lambda p, layer: _of_sample(p, layer, -1)},
    ),
    _bug(
        "weight_gradient_of_first_sample",
        "only the first sample counts in the weight gradient",
        wrong="{inputs._1} {delta._1}",
        right="sum over samples n of {inputs.n} {delta.n}",
        why="return stands inside the loop over the samples.",
        mend="Return after the loop.",
        hides="a batch of one",
        rules={"weight_product": lambda p, layer: _of_sample(p, layer, 0)},
    ),
    _bug(
        "product_of_means",
        "the mean input is multiplied by the mean delta",
        wrong="mean(a) times sum(delta), over samples",
        right="sum over samples n of {inputs.n} {delta.n}",
        why="Inputs and deltas are averaged over the batch before they are multiplied.",
        mend="Multiply sample by sample, then sum: {code(inputs.T @ delta)}.",
        hides="a batch of one, equal rows",
        rules={"weight_product": _of_means},
    ),
    _bug(
        "samples_misaligned",
        "inputs and deltas of different samples are multiplied",
        wrong="sum over n of a_(n-1) {delta.n}",
        right="sum over n of {inputs.n} {delta.n}",
        why="One of two lists is reversed, shuffled or shifted.",
        mend="Keep inputs and deltas in the same order.",
        hides="a batch of one, equal rows",
        rules=_from(lambda p, layer: np.roll(p.a[layer - 1], 1, axis=0)),
    ),
    _bug(
        "first_row_never_filled",
        "the weights of the first input never get a gradient",
        wrong="{dW[0,k]} = 0",
        right="{dW[0,k]} = sum over samples of {inputs._0} {delta.k}",
        why="A loop starts at 1, because 0 was the bias in another layout.",
        mend="Let the loop start at the first input.",
        rules=_zeroed(0, slice(None)),
    ),
    _bug(
        "last_column_never_filled",
        "the weights of the last unit never get a gradient",
        wrong="{dW[j,n]} = 0",
        right="{dW[j,n]} = sum over samples of {inputs.j} {delta.n}",
        why="A loop over the units stops one too early.",
        mend="Let the loop run over all units.",
        rules=_zeroed(slice(None), -1),
    ),
    _bug(
        "rows_shifted",
        "each weight gets the gradient of the next input's",
        wrong="{dW[j,k]} = sum over samples of a_(j+1) {delta.k}",
        right="{dW[j,k]} = sum over samples of {inputs.j} {delta.k}",
        why="The {input} of a bias shifts all others by one.",
        mend="Count the inputs of weights and activations alike.",
        hides="one input",
        rules=_from(lambda p, layer: np.roll(p.a[layer - 1], -1, axis=1)),
    ),
    _bug(
        "weight_gradient_times_weights",
        "the weight gradient is multiplied by the weights",
        wrong="{inputs.T @ delta * W}",
        why="The weight is thought to share in its own derivative.",
        mend="The derivative of a w by w is a: leave the weight out.",
        hides="weights of exactly 1",
        rules=after("weight_product", lambda p, layer, dw: dw * p.weights(layer)),
    ),
    _bug(
        "weight_gradient_made_positive",
        "the weight gradient is made positive",
        wrong="{abs(inputs.T @ delta)}",
        why="A size is printed, and the same variable is returned.",
        mend="Keep the sign.",
        hides="entries that are all positive",
        rules=after("weight_product", lambda p, layer, dw: np.abs(dw)),
    ),
    _bug(
        "weight_gradient_without_derivative",
        "the weight gradient is formed before the derivative is multiplied in",
        wrong="{inputs.T @ e}, with e = {delta[up] @ W[up].T}",
        right="{inputs.T @ delta}, with {delta} = e {slope(z)}",
        why="The error is used in the update, and turned into a delta only to be passed on.",
        mend="Multiply by phi'(z) first, then form the gradient.",
        hides="identity; active relu units; the output under a logarithmic loss",
        rules={"weight_product": _without_slope},
    ),
    _bug(
        "weight_gradient_of_layer_above",
        "the weight gradient uses the delta of the layer above",
        wrong="{a[l-1].T @ delta[l+1]}",
        right="{a[l-1].T @ delta[l]}",
        why="The list of deltas is filled from behind, and the index is off by one.",
        mend="Use the delta of the layer whose weights these are.",
        hides="the output; layers of unequal width, where it raises and is noticed",
        rules={
            "weight_product": lambda p, layer: (
                p.a[layer - 1].T @ p.delta[p.fitting(layer, layer + 1)]
            )
        },
        example=_SQUARE,
    ),
    _bug(
        "weight_gradient_divided_by_inputs",
        "the weight gradient is divided by the number of inputs",
        wrong="{inputs.T @ delta / n_below}",
        why="x.shape[{units at}] is taken for the number of samples.",
        mend="Divide by the number of samples only, if the loss is a mean.",
        hides="one input",
        rules=after("weight_product", lambda p, layer, dw: dw / len(dw)),
    ),
    _bug(
        "weight_gradient_times_rate",
        "one tensor is returned with a learning rate in it",
        wrong="{0.1 * (inputs.T @ delta)}",
        why="One layer's line still has the rate from the time when it updated in place.",
        mend="Multiply by the rate in the update only.",
        hides="a rate of 1",
        rules=after("weight_product", lambda p, layer, dw: OWN_RATE * dw),
    ),
    _bug(
        "weight_gradient_negated",
        "the weight gradient has the wrong sign",
        wrong="{-(inputs.T @ delta)}",
        why="One layer's line has the sign of the step.",
        mend="Let all layers have the sign of the gradient.",
        rules=after("weight_product", lambda p, layer, dw: -dw),
    ),
    _bug(
        "weights_never_trained",
        "a weight matrix never gets a gradient",
        wrong="0",
        why="A variable is spelled differently, or a loop leaves the layer out.",
        mend="Fill and return the gradient of every layer.",
        rules=after("weight_product", lambda p, layer, dw: np.zeros_like(dw)),
    ),
    _bug(
        "weights_summed_biases_averaged",
        "weight gradients are summed where bias gradients are averaged",
        wrong="{inputs.T @ delta}",
        right="{inputs.T @ delta / N}",
        why="np.mean is at hand for the bias; the matrix product sums, and is not divided.",
        mend="Divide {dW} by the number of samples, as {db} is.",
        hides="a batch of one; a loss that is a sum",
        rules=after("weight_gradient", _summed),
    ),
)
