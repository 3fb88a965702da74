"""Bugs in db: everything else is right."""

from functools import partial
from typing import Any

import numpy as np

from gradcheck.networks.bugs.bug import Bug, Site
from gradcheck.networks.bugs.textbook import Pass, after, bias_sum
from gradcheck.networks.problem import Floats

SITE = Site(
    "bias_gradient",
    "the gradient of the biases",
    parts=("bias",),
    in_layer=(
        "the bias gradient is not {{the sum}} of your own {{delta}} over the samples",
        "Look at the line that forms {{db}} of layer {layer}.",
    ),
)

_SQUARE = "3-3-3 tanh,identity half_squared_error"


def _wrong_axis(p: Pass, layer: int) -> Any:
    delta = p.delta[layer]
    return delta.sum(axis=1 if delta.shape[0] == delta.shape[1] else 0)


def _without_slope(p: Pass, layer: int) -> Floats:
    before = p.upstream(layer)
    return bias_sum(p, layer) if before is None else before.sum(axis=0)


def _times_input(p: Pass, layer: int) -> Any:
    if p.width(layer) != p.width(layer - 1):
        return bias_sum(p, layer)
    return (p.delta[layer] * p.a[layer - 1]).sum(axis=0)


_bug = partial(Bug, SITE, right="{total(delta)}", strikes="biases")

BUGS = (
    _bug(
        "bias_gradient_not_summed",
        "the bias gradient is not summed over the batch",
        wrong="{delta}, of shape {shape of samples}",
        right="{delta} summed over samples, of shape {shape of a bias}",
        why="With one sample there is nothing to sum, and broadcasting hides the rest.",
        mend="Sum over the samples: {code(total(delta))}.",
        hides="a batch of one",
        rules={"bias_sum": lambda p, layer: p.delta[layer]},
    ),
    _bug(
        "bias_averaged_twice",
        "the bias gradient is averaged and divided by N again",
        wrong="{mean(delta) / N}",
        right="{total(delta) / N}",
        why="np.mean is used where 1/N is multiplied in already.",
        mend="Sum over the samples and divide once.",
        hides="a batch of one",
        rules=after("bias_sum", lambda p, layer, db: db / len(p.y)),
    ),
    _bug(
        "bias_summed_weights_averaged",
        "bias gradients are summed where weight gradients are averaged",
        wrong="{total(delta)}",
        right="{total(delta) / N}",
        why="The 1/N is written into the line of dW and forgotten in that of db.",
        mend="Divide {db} by the number of samples, as {dW} is.",
        hides="a batch of one; a loss that is a sum",
        rules=after("bias_gradient", lambda p, layer, db: db * (len(p.y) if p.averaged else 1)),
    ),
    _bug(
        "bias_gradient_one_number",
        "the bias gradient is summed over everything",
        wrong="sum over samples and units of {delta}",
        right="sum over samples of {delta.k}, for each unit k",
        why="np.sum is written without an axis, and one number is broadcast to all biases.",
        mend="Sum over the samples only: {code(total(delta))}.",
        hides="one unit in the layer",
        rules=after("bias_sum", lambda p, layer, db: np.full_like(db, db.sum())),
    ),
    _bug(
        "bias_summed_over_units",
        "the bias gradient is summed over the wrong axis",
        wrong="{delta} summed over axis {units at}",
        right="{delta} summed over axis {samples at}",
        why="With samples in {unit}s axis {units at} is right, and the layout was turned.",
        mend="Sum over the axis of the samples: {axis}.",
        hides="any batch that has not just as many samples as the layer has units",
        rules={"bias_sum": _wrong_axis},
        example="2-4-4 tanh,identity half_squared_error",
    ),
    _bug(
        "bias_gradient_of_last_sample",
        "only the last sample counts in the bias gradient",
        wrong="{delta.N}",
        right="sum over samples n of {delta.n}",
        why="= is typed for += in the loop over the samples.",
        mend="Start from zero and add the delta of every sample.",
        hides="a batch of one",
        rules={"bias_sum": lambda p, layer: p.delta[layer][-1].copy()},
    ),
    _bug(
        "bias_gradient_without_derivative",
        "the bias gradient lacks the derivative of the activation",
        wrong="{total(e)}, with e = {delta[up] @ W[up].T}",
        right="{total(delta)}, with {delta} = e {slope(z)}",
        why="The bias is outside the sum, and seems to be outside phi too.",
        mend="Sum the same delta that the weights use.",
        hides="identity; active relu units; the output under a logarithmic loss",
        rules={"bias_sum": _without_slope},
    ),
    _bug(
        "bias_gradient_negated",
        "the bias gradient has the wrong sign",
        wrong="{-total(delta)}",
        why="Before, it was {not the bias}.",
        mend="{bias sign}",
        rules=after("bias_sum", lambda p, layer, db: -db),
    ),
    _bug(
        "biases_never_trained",
        "the biases never get a gradient",
        wrong="0",
        why="The books' figures show weights, and the bias is forgotten.",
        mend="Return the sum of the deltas as the gradient of the biases.",
        rules=after("bias_sum", lambda p, layer, db: np.zeros_like(db)),
    ),
    _bug(
        "bias_gradient_times_input",
        "the bias gradient is multiplied by the inputs",
        wrong="sum over samples of {delta.k} {inputs.k}",
        right="sum over samples of {delta.k}",
        why="The line of the weights is copied, and its input stays in.",
        mend="The input of a bias is 1: leave the activation out.",
        hides="layers that are not square, where it raises and is noticed",
        rules={"bias_sum": _times_input},
        example=_SQUARE,
    ),
    _bug(
        "bias_reads_first_input",
        "the bias gradient uses the first input where a 1 belongs",
        wrong="sum over samples of {inputs._0} {delta.k}",
        right="sum over samples of 1 {delta.k}",
        why="The {unit} of ones is missing, and the first input stands in its place.",
        mend="Put the {unit} of ones back, or sum the deltas.",
        hides="a first input of exactly 1",
        rules={"bias_sum": lambda p, layer: p.a[layer - 1][:, 0] @ p.delta[layer]},
    ),
    _bug(
        "bias_gradient_times_bias",
        "the bias gradient is multiplied by the bias",
        wrong="{total(delta) * b}",
        why="The bias is thought to share in its own derivative.",
        mend="The derivative of z by b is 1: leave the bias out.",
        hides="biases of exactly 1",
        rules=after("bias_sum", lambda p, layer, db: db * p.pairs[layer - 1][1]),
    ),
    _bug(
        "bias_skipped_for_one_sample",
        "a batch of one gives the biases no gradient",
        wrong="0 if N = 1 else {total(delta)}",
        why="A guard against something that was not a matrix shuts out a single sample.",
        mend="Let a batch of one take the same path as any other.",
        hides="a batch of two or more",
        rules=after("bias_sum", lambda p, layer, db: np.zeros_like(db) if len(p.y) == 1 else db),
        samples=1,
    ),
    _bug(
        "bias_gradient_of_layer_above",
        "the biases get the gradient of the layer above",
        wrong="{total(delta[l+1])}",
        right="{total(delta[l])}",
        why="A line is copied from one layer to the next and its index is not changed.",
        mend="Sum the delta of the layer whose biases these are.",
        hides="the output; layers of unequal width, where the shape is noticed",
        rules={"bias_sum": lambda p, layer: bias_sum(p, p.fitting(layer, layer + 1))},
        example=_SQUARE,
    ),
    _bug(
        "only_first_bias_trained",
        "only the first bias of a layer gets a gradient",
        wrong="{db.k} = 0 for k > 0",
        right="{db.k} = sum over samples of {delta.k}",
        why="A layer once had a single bias, or an assignment stands outside the loop.",
        mend="Fill an entry for every unit.",
        hides="one unit in the layer",
        rules=after("bias_sum", lambda p, layer, db: np.where(np.arange(len(db)) == 0, db, 0.0)),
    ),
    _bug(
        "bias_sums_weight_gradient",
        "the bias gradient is the sum of the weight gradients",
        wrong="sum over j of {dW[j,k]}",
        right="sum over samples of {delta.k}",
        why="dW is at hand and has one dimension too many, so it is summed.",
        mend="Sum the deltas over samples, not the weight gradients over inputs.",
        hides="a single input of exactly 1",
        rules={"bias_sum": lambda p, layer: p.apply("weight_product", layer).sum(axis=0)},
    ),
)
