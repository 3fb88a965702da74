"""Bugs in dW or db of a layer: its delta and the other layers are right."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradcheck.networks.bugs.bug import OWN_RATE, Bug, Site
from gradcheck.networks.bugs.textbook import Pass, Rule, activation, after, bias_sum
from gradcheck.networks.problem import Floats

WEIGHTS = Site(
    "weight_gradient",
    "the gradient of the weights",
    parts=("weight",),
    in_layer=(
        "the weight gradient is not {{inputs.T @ delta}} of your own {{delta}}",
        "Look at the line that forms {{dW}} of layer {layer}.",
    ),
)

BIASES = Site(
    "bias_gradient",
    "the gradient of the biases",
    parts=("bias",),
    in_layer=(
        "the bias gradient is not {{the sum}} of your own {{delta}} over the samples",
        "Look at the line that forms {{db}} of layer {layer}.",
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


def _summed(p: Pass, layer: int, dw: Floats) -> Floats:
    factor = len(p.y) if p.averaged else 1.0
    penalty: Floats = p.apply("penalty_gradient", layer)
    return factor * (dw - penalty) + penalty


def _zeroed(*at: Any) -> dict[str, Rule]:
    def change(p: Pass, layer: int, product: Floats) -> Floats:
        product[at] = 0.0
        return product

    return after("weight_product", change)


def _wrong_axis(p: Pass, layer: int) -> Any:
    delta = p.delta[layer]
    return delta.sum(axis=1 if delta.shape[0] == delta.shape[1] else 0)


def _times_input(p: Pass, layer: int) -> Any:
    if p.width(layer) != p.width(layer - 1):
        return bias_sum(p, layer)
    return (p.delta[layer] * p.a[layer - 1]).sum(axis=0)


_weights = partial(Bug, WEIGHTS, right="{inputs.T @ delta}", strikes="weights")
_product = partial(_weights, right="{a[l-1].T @ delta}")
_over_samples = partial(_weights, right="sum over samples n of {inputs.n} {delta.n}")
_biases = partial(Bug, BIASES, right="{total(delta)}", strikes="biases")

BUGS = {
    "weight_gradient_transposed": _weights(
        "the weight gradient is transposed",
        wrong="{delta.T @ inputs}",
        why="On a square layer the shapes fit either way, so nothing complains.",
        mend="Form {code(inputs.T @ delta)}: a {input} for each input, a {output} for each unit.",
        hides="layers that are not square, where it is noticed; one sample with equal factors",
        rules=after("weight_product", _transposed),
        example=_SQUARE,
    ),
    "weight_gradient_reshaped": _weights(
        "the weight gradient is reshaped where it should be transposed",
        wrong="{reshaped(delta.T @ inputs)}",
        why="reshape gives the shape asked for; or a flat vector is filled in another order.",
        mend="Compute {code(inputs.T @ delta)} at once.",
        hides="one input or one unit",
        rules=after("weight_product", lambda p, layer, dw: dw.T.reshape(dw.shape)),
    ),
    "pre_activation_for_input": _product(
        "the weight gradient uses z of the layer below, not a",
        wrong="{z[l-1].T @ delta}",
        why="Both are stored side by side.",
        mend="The inputs of a layer are the activations below it: use a.",
        hides="the first layer; identity below; small z under tanh",
        rules=_from(lambda p, layer: p.z[layer - 1] if layer > 1 else p.a[0]),
    ),
    "input_activated_twice": _product(
        "the inputs of the weight gradient are activated once more",
        wrong="{phi(a[l-1]).T @ delta}",
        why="a is stored activated, and the backward pass activates what it takes for z.",
        mend="Use the stored activation as it is.",
        hides="the first layer; identity and relu below",
        rules=_from(_activated_again),
    ),
    "network_input_for_every_layer": _product(
        "every layer uses the inputs of the network",
        wrong="{x.T @ delta}",
        why="The code was written for one layer, where the two are the same.",
        mend="Use the activations of the layer below.",
        hides="the first layer; layers of unequal width, where it raises and is noticed",
        rules=_from(lambda p, layer: p.a[p.fitting(layer - 1, 0)]),
        example=_SQUARE,
    ),
    "own_output_for_input": _product(
        "the weight gradient uses the layer's own outputs",
        wrong="{a[l].T @ delta}",
        why="The list of activations starts with x or without it, and the index is off by one.",
        mend="Use the activations that entered the layer.",
        hides="layers that are not square, where it raises and is noticed",
        rules=_from(lambda p, layer: p.a[p.fitting(layer - 1, layer)]),
        example=_SQUARE,
    ),
    "input_left_out": _weights(
        "the weight gradient lacks its input",
        wrong="sum over samples of {delta.k}, for every j",
        right="sum over samples of {inputs.j} {delta.k}",
        why="Weights are treated as biases are.",
        mend="Multiply each delta by the input that came through the weight.",
        hides="inputs of exactly 1",
        rules=_from(lambda p, layer: np.ones_like(p.a[layer - 1])),
    ),
    "weight_gradient_of_last_sample": _over_samples(
        "only the last sample counts in the weight gradient",
        wrong="{inputs.N} {delta.N}",
        why="= is typed for += in the loop over the samples.",
        mend="Start from zero and add the product of every sample.",
        hides="a batch of one",
        rules={"weight_product": lambda p, layer: _of_sample(p, layer, -1)},
    ),
    "weight_gradient_of_first_sample": _over_samples(
        "only the first sample counts in the weight gradient",
        wrong="{inputs._1} {delta._1}",
        why="return stands inside the loop over the samples.",
        mend="Return after the loop.",
        hides="a batch of one",
        rules={"weight_product": lambda p, layer: _of_sample(p, layer, 0)},
    ),
    "product_of_means": _over_samples(
        "the mean input is multiplied by the mean delta",
        wrong="mean(a) times sum(delta), over samples",
        why="Inputs and deltas are averaged over the batch before they are multiplied.",
        mend="Multiply sample by sample, then sum: {code(inputs.T @ delta)}.",
        hides="a batch of one, equal rows",
        rules={"weight_product": _of_means},
    ),
    "samples_misaligned": _weights(
        "inputs and deltas of different samples are multiplied",
        wrong="sum over n of a_(n-1) {delta.n}",
        right="sum over n of {inputs.n} {delta.n}",
        why="One of two lists is reversed, shuffled or shifted.",
        mend="Keep inputs and deltas in the same order.",
        hides="a batch of one, equal rows",
        rules=_from(lambda p, layer: np.roll(p.a[layer - 1], 1, axis=0)),
    ),
    "first_row_never_filled": _weights(
        "the weights of the first input never get a gradient",
        wrong="{dW[0,k]} = 0",
        right="{dW[0,k]} = sum over samples of {inputs._0} {delta.k}",
        why="A loop starts at 1, because 0 was the bias in another layout.",
        mend="Let the loop start at the first input.",
        rules=_zeroed(0, slice(None)),
    ),
    "last_column_never_filled": _weights(
        "the weights of the last unit never get a gradient",
        wrong="{dW[j,n]} = 0",
        right="{dW[j,n]} = sum over samples of {inputs.j} {delta.n}",
        why="A loop over the units stops one too early.",
        mend="Let the loop run over all units.",
        rules=_zeroed(slice(None), -1),
    ),
    "rows_shifted": _weights(
        "each weight gets the gradient of the next input's",
        wrong="{dW[j,k]} = sum over samples of a_(j+1) {delta.k}",
        right="{dW[j,k]} = sum over samples of {inputs.j} {delta.k}",
        why="The {input} of a bias shifts all others by one.",
        mend="Count the inputs of weights and activations alike.",
        hides="one input",
        rules=_from(lambda p, layer: np.roll(p.a[layer - 1], -1, axis=1)),
    ),
    "weight_gradient_times_weights": _weights(
        "the weight gradient is multiplied by the weights",
        wrong="{inputs.T @ delta * W}",
        why="The weight is thought to share in its own derivative.",
        mend="The derivative of a w by w is a: leave the weight out.",
        hides="weights of exactly 1",
        rules=after("weight_product", lambda p, layer, dw: dw * p.weights(layer)),
    ),
    "weight_gradient_made_positive": _weights(
        "the weight gradient is made positive",
        wrong="{abs(inputs.T @ delta)}",
        why="A size is printed, and the same variable is returned.",
        mend="Keep the sign.",
        hides="entries that are all positive",
        rules=after("weight_product", lambda p, layer, dw: np.abs(dw)),
    ),
    "weight_gradient_without_derivative": _weights(
        "the weight gradient is formed before the derivative is multiplied in",
        wrong="{inputs.T @ e}, with e = {delta[up] @ W[up].T}",
        right="{inputs.T @ delta}, with {delta} = e {slope(z)}",
        why="The error is used in the update, and turned into a delta only to be passed on.",
        mend="Multiply by phi'(z) first, then form the gradient.",
        hides="identity; active relu units; the output under a logarithmic loss",
        rules={"weight_product": lambda p, layer: p.a[layer - 1].T @ p.upstream(layer)},
    ),
    "weight_gradient_of_layer_above": _weights(
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
    "weight_gradient_divided_by_inputs": _weights(
        "the weight gradient is divided by the number of inputs",
        wrong="{inputs.T @ delta / n_below}",
        why="x.shape[{units at}] is taken for the number of samples.",
        mend="Divide by the number of samples only, if the loss is a mean.",
        hides="one input",
        rules=after("weight_product", lambda p, layer, dw: dw / len(dw)),
    ),
    "weight_gradient_times_rate": _weights(
        "one tensor is returned with a learning rate in it",
        wrong="{0.1 * (inputs.T @ delta)}",
        why="One layer's line still has the rate from the time when it updated in place.",
        mend="Multiply by the rate in the update only.",
        hides="a rate of 1",
        rules=after("weight_product", lambda p, layer, dw: OWN_RATE * dw),
    ),
    "weight_gradient_negated": _weights(
        "the weight gradient has the wrong sign",
        wrong="{-(inputs.T @ delta)}",
        why="One layer's line has the sign of the step.",
        mend="Let all layers have the sign of the gradient.",
        rules=after("weight_product", lambda p, layer, dw: -dw),
    ),
    "weights_never_trained": _weights(
        "a weight matrix never gets a gradient",
        wrong="0",
        why="A variable is spelled differently, or a loop leaves the layer out.",
        mend="Fill and return the gradient of every layer.",
        rules=after("weight_product", lambda p, layer, dw: np.zeros_like(dw)),
    ),
    "weights_summed_biases_averaged": _weights(
        "weight gradients are summed where bias gradients are averaged",
        wrong="{inputs.T @ delta}",
        right="{inputs.T @ delta / N}",
        why="np.mean is at hand for the bias; the matrix product sums, and is not divided.",
        mend="Divide {dW} by the number of samples, as {db} is.",
        hides="a batch of one; a loss that is a sum",
        rules=after("weight_gradient", _summed),
    ),
    "bias_gradient_not_summed": _biases(
        "the bias gradient is not summed over the batch",
        wrong="{delta}, of shape {shape of samples}",
        right="{delta} summed over samples, of shape {shape of a bias}",
        why="With one sample there is nothing to sum, and broadcasting hides the rest.",
        mend="Sum over the samples: {code(total(delta))}.",
        hides="a batch of one",
        rules={"bias_sum": lambda p, layer: p.delta[layer]},
    ),
    "bias_averaged_twice": _biases(
        "the bias gradient is averaged and divided by N again",
        wrong="{mean(delta) / N}",
        right="{total(delta) / N}",
        why="np.mean is used where 1/N is multiplied in already.",
        mend="Sum over the samples and divide once.",
        hides="a batch of one",
        rules=after("bias_sum", lambda p, layer, db: db / len(p.y)),
    ),
    "bias_summed_weights_averaged": _biases(
        "bias gradients are summed where weight gradients are averaged",
        wrong="{total(delta)}",
        right="{total(delta) / N}",
        why="The 1/N is written into the line of dW and forgotten in that of db.",
        mend="Divide {db} by the number of samples, as {dW} is.",
        hides="a batch of one; a loss that is a sum",
        rules=after("bias_gradient", lambda p, layer, db: db * (len(p.y) if p.averaged else 1)),
    ),
    "bias_gradient_one_number": _biases(
        "the bias gradient is summed over everything",
        wrong="sum over samples and units of {delta}",
        right="sum over samples of {delta.k}, for each unit k",
        why="np.sum is written without an axis, and one number is broadcast to all biases.",
        mend="Sum over the samples only: {code(total(delta))}.",
        hides="one unit in the layer",
        rules=after("bias_sum", lambda p, layer, db: np.full_like(db, db.sum())),
    ),
    "bias_summed_over_units": _biases(
        "the bias gradient is summed over the wrong axis",
        wrong="{delta} summed over axis {units at}",
        right="{delta} summed over axis {samples at}",
        why="With samples in {unit}s axis {units at} is right, and the layout was turned.",
        mend="Sum over the axis of the samples: {axis}.",
        hides="any batch that has not just as many samples as the layer has units",
        rules={"bias_sum": _wrong_axis},
        example="2-4-4 tanh,identity half_squared_error",
    ),
    "bias_gradient_of_last_sample": _biases(
        "only the last sample counts in the bias gradient",
        wrong="{delta.N}",
        right="sum over samples n of {delta.n}",
        why="= is typed for += in the loop over the samples.",
        mend="Start from zero and add the delta of every sample.",
        hides="a batch of one",
        rules={"bias_sum": lambda p, layer: p.delta[layer][-1].copy()},
    ),
    "bias_gradient_without_derivative": _biases(
        "the bias gradient lacks the derivative of the activation",
        wrong="{total(e)}, with e = {delta[up] @ W[up].T}",
        right="{total(delta)}, with {delta} = e {slope(z)}",
        why="The bias is outside the sum, and seems to be outside phi too.",
        mend="Sum the same delta that the weights use.",
        hides="identity; active relu units; the output under a logarithmic loss",
        rules={"bias_sum": lambda p, layer: p.upstream(layer).sum(axis=0)},
    ),
    "bias_gradient_negated": _biases(
        "the bias gradient has the wrong sign",
        wrong="{-total(delta)}",
        why="Before, it was {not the bias}.",
        mend="{bias sign}",
        rules=after("bias_sum", lambda p, layer, db: -db),
    ),
    "biases_never_trained": _biases(
        "the biases never get a gradient",
        wrong="0",
        why="The books' figures show weights, and the bias is forgotten.",
        mend="Return the sum of the deltas as the gradient of the biases.",
        rules=after("bias_sum", lambda p, layer, db: np.zeros_like(db)),
    ),
    "bias_gradient_times_input": _biases(
        "the bias gradient is multiplied by the inputs",
        wrong="sum over samples of {delta.k} {inputs.k}",
        right="sum over samples of {delta.k}",
        why="The line of the weights is copied, and its input stays in.",
        mend="The input of a bias is 1: leave the activation out.",
        hides="layers that are not square, where it raises and is noticed",
        rules={"bias_sum": _times_input},
        example=_SQUARE,
    ),
    "bias_reads_first_input": _biases(
        "the bias gradient uses the first input where a 1 belongs",
        wrong="sum over samples of {inputs._0} {delta.k}",
        right="sum over samples of 1 {delta.k}",
        why="The {unit} of ones is missing, and the first input stands in its place.",
        mend="Put the {unit} of ones back, or sum the deltas.",
        hides="a first input of exactly 1",
        rules={"bias_sum": lambda p, layer: p.a[layer - 1][:, 0] @ p.delta[layer]},
    ),
    "bias_gradient_times_bias": _biases(
        "the bias gradient is multiplied by the bias",
        wrong="{total(delta) * b}",
        why="The bias is thought to share in its own derivative.",
        mend="The derivative of z by b is 1: leave the bias out.",
        hides="biases of exactly 1",
        rules=after("bias_sum", lambda p, layer, db: db * p.pairs[layer - 1][1]),
    ),
    "bias_skipped_for_one_sample": _biases(
        "a batch of one gives the biases no gradient",
        wrong="0 if N = 1 else {total(delta)}",
        why="A guard against something that was not a matrix shuts out a single sample.",
        mend="Let a batch of one take the same path as any other.",
        hides="a batch of two or more",
        rules=after("bias_sum", lambda p, layer, db: np.zeros_like(db) if len(p.y) == 1 else db),
        samples=1,
    ),
    "bias_gradient_of_layer_above": _biases(
        "the biases get the gradient of the layer above",
        wrong="{total(delta[l+1])}",
        right="{total(delta[l])}",
        why="A line is copied from one layer to the next and its index is not changed.",
        mend="Sum the delta of the layer whose biases these are.",
        hides="the output; layers of unequal width, where the shape is noticed",
        rules={"bias_sum": lambda p, layer: bias_sum(p, p.fitting(layer, layer + 1))},
        example=_SQUARE,
    ),
    "only_first_bias_trained": _biases(
        "only the first bias of a layer gets a gradient",
        wrong="{db.k} = 0 for k > 0",
        right="{db.k} = sum over samples of {delta.k}",
        why="A layer once had a single bias, or an assignment stands outside the loop.",
        mend="Fill an entry for every unit.",
        hides="one unit in the layer",
        rules=after("bias_sum", lambda p, layer, db: np.where(np.arange(len(db)) == 0, db, 0.0)),
    ),
    "bias_sums_weight_gradient": _biases(
        "the bias gradient is the sum of the weight gradients",
        wrong="sum over j of {dW[j,k]}",
        right="sum over samples of {delta.k}",
        why="dW is at hand and has one dimension too many, so it is summed.",
        mend="Sum the deltas over samples, not the weight gradients over inputs.",
        hides="a single input of exactly 1",
        rules={"bias_sum": lambda p, layer: p.apply("weight_product", layer).sum(axis=0)},
    ),
}
