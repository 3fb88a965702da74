"""Bugs in db: everything else is right."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.networks.bugs.bug import Bug
from gradcheck.networks.bugs.textbook import Pass, Rule, bias_gradient, bias_sum
from gradcheck.networks.bugs.wrong_parts import averaged, upstream, width
from gradcheck.networks.problem import Floats

SITE = "bias_gradient"

_NET = "2-3-2 tanh,identity half_squared_error"
_SQUARE = "3-3-3 tanh,identity half_squared_error"


def _afterwards(change: Callable[[Pass, int, Floats], Any]) -> dict[str, Rule]:
    def rule(p: Pass, layer: int) -> Floats:
        total: Floats = change(p, layer, bias_sum(p, layer))
        return total

    return {"bias_sum": rule}


def _wrong_axis(p: Pass, layer: int) -> Floats:
    delta = p.delta[layer]
    total: Floats = delta.sum(axis=1 if delta.shape[0] == delta.shape[1] else 0)
    return total


def _without_slope(p: Pass, layer: int) -> Floats:
    before = upstream(p, layer)
    return bias_sum(p, layer) if before is None else before.sum(axis=0)


def _times_input(p: Pass, layer: int) -> Floats:
    if width(p, layer) != width(p, layer - 1):
        return bias_sum(p, layer)
    total: Floats = (p.delta[layer] * p.a[layer - 1]).sum(axis=0)
    return total


def _reads_first_input(p: Pass, layer: int) -> Floats:
    total: Floats = p.a[layer - 1][:, 0] @ p.delta[layer]
    return total


def _of_layer_above(p: Pass, layer: int) -> Floats:
    fits = layer < p.last and width(p, layer + 1) == width(p, layer)
    return bias_sum(p, layer + 1 if fits else layer)


BUGS = (
    Bug(
        "bias_gradient_not_summed",
        "the bias gradient is not summed over the batch",
        SITE,
        "{delta}, of shape {shape of samples}",
        "{delta} summed over samples, of shape {shape of a bias}",
        "With one sample there is nothing to sum, and broadcasting hides the rest.",
        "Sum over the samples: {code(total(delta))}.",
        {"bias_sum": lambda p, layer: p.delta[layer]},
        "biases",
        "a batch of one",
        _NET,
    ),
    Bug(
        "bias_averaged_twice",
        "the bias gradient is averaged and divided by N again",
        SITE,
        "{mean(delta) / N}",
        "{total(delta) / N}",
        "np.mean is used where 1/N is multiplied in already.",
        "Sum over the samples and divide once.",
        _afterwards(lambda p, layer, db: db / len(p.y)),
        "biases",
        "a batch of one",
        _NET,
    ),
    Bug(
        "bias_summed_weights_averaged",
        "bias gradients are summed where weight gradients are averaged",
        SITE,
        "{total(delta)}",
        "{total(delta) / N}",
        "The 1/N is written into the line of dW and forgotten in that of db.",
        "Divide {db} by the number of samples, as {dW} is.",
        {
            "bias_gradient": lambda p, layer: (
                bias_gradient(p, layer) * (len(p.y) if averaged(p) else 1)
            )
        },
        "biases",
        "a batch of one; a loss that is a sum",
        _NET,
    ),
    Bug(
        "bias_gradient_one_number",
        "the bias gradient is summed over everything",
        SITE,
        "sum over samples and units of {delta}",
        "sum over samples of {delta.k}, for each unit k",
        "np.sum is written without an axis, and one number is broadcast to all biases.",
        "Sum over the samples only: {code(total(delta))}.",
        _afterwards(lambda p, layer, db: np.full_like(db, db.sum())),
        "biases",
        "one unit in the layer",
        _NET,
    ),
    Bug(
        "bias_summed_over_units",
        "the bias gradient is summed over the wrong axis",
        SITE,
        "{delta} summed over axis {units at}",
        "{delta} summed over axis {samples at}",
        "With samples in {unit}s axis {units at} is right, and the layout was turned.",
        "Sum over the axis of the samples: {axis}.",
        {"bias_sum": _wrong_axis},
        "biases",
        "any batch that has not just as many samples as the layer has units",
        "2-4-4 tanh,identity half_squared_error",
    ),
    Bug(
        "bias_gradient_of_last_sample",
        "only the last sample counts in the bias gradient",
        SITE,
        "{delta.N}",
        "sum over samples n of {delta.n}",
        "= is typed for += in the loop over the samples.",
        "Start from zero and add the delta of every sample.",
        {"bias_sum": lambda p, layer: p.delta[layer][-1].copy()},
        "biases",
        "a batch of one",
        _NET,
    ),
    Bug(
        "bias_gradient_without_derivative",
        "the bias gradient lacks the derivative of the activation",
        SITE,
        "{total(e)}, with e = {delta[up] @ W[up].T}",
        "{total(delta)}, with {delta} = e {slope(z)}",
        "The bias is outside the sum, and seems to be outside phi too.",
        "Sum the same delta that the weights use.",
        {"bias_sum": _without_slope},
        "biases",
        "identity; active relu units; the output under a logarithmic loss",
        _NET,
    ),
    Bug(
        "bias_gradient_negated",
        "the bias gradient has the wrong sign",
        SITE,
        "{-total(delta)}",
        "{total(delta)}",
        "Before, it was {not the bias}.",
        "{bias sign}",
        _afterwards(lambda p, layer, db: -db),
        "biases",
        "nowhere",
        _NET,
    ),
    Bug(
        "biases_never_trained",
        "the biases never get a gradient",
        SITE,
        "0",
        "{total(delta)}",
        "The books' figures show weights, and the bias is forgotten.",
        "Return the sum of the deltas as the gradient of the biases.",
        _afterwards(lambda p, layer, db: np.zeros_like(db)),
        "biases",
        "nowhere",
        _NET,
    ),
    Bug(
        "bias_gradient_times_input",
        "the bias gradient is multiplied by the inputs",
        SITE,
        "sum over samples of {delta.k} {inputs.k}",
        "sum over samples of {delta.k}",
        "The line of the weights is copied, and its input stays in.",
        "The input of a bias is 1: leave the activation out.",
        {"bias_sum": _times_input},
        "biases",
        "layers that are not square, where it raises and is noticed",
        _SQUARE,
    ),
    Bug(
        "bias_reads_first_input",
        "the bias gradient uses the first input where a 1 belongs",
        SITE,
        "sum over samples of {inputs._0} {delta.k}",
        "sum over samples of 1 {delta.k}",
        "The {unit} of ones is missing, and the first input stands in its place.",
        "Put the {unit} of ones back, or sum the deltas.",
        {"bias_sum": _reads_first_input},
        "biases",
        "a first input of exactly 1",
        _NET,
    ),
    Bug(
        "bias_gradient_times_bias",
        "the bias gradient is multiplied by the bias",
        SITE,
        "{total(delta) * b}",
        "{total(delta)}",
        "The bias is thought to share in its own derivative.",
        "The derivative of z by b is 1: leave the bias out.",
        _afterwards(lambda p, layer, db: db * p.pairs[layer - 1][1]),
        "biases",
        "biases of exactly 1",
        _NET,
    ),
    Bug(
        "bias_skipped_for_one_sample",
        "a batch of one gives the biases no gradient",
        SITE,
        "0 if N = 1 else {total(delta)}",
        "{total(delta)}",
        "A guard against something that was not a matrix shuts out a single sample.",
        "Let a batch of one take the same path as any other.",
        _afterwards(lambda p, layer, db: np.zeros_like(db) if len(p.y) == 1 else db),
        "biases",
        "a batch of two or more",
        _NET,
        samples=1,
    ),
    Bug(
        "bias_gradient_of_layer_above",
        "the biases get the gradient of the layer above",
        SITE,
        "{total(delta[l+1])}",
        "{total(delta[l])}",
        "A line is copied from one layer to the next and its index is not changed.",
        "Sum the delta of the layer whose biases these are.",
        {"bias_sum": _of_layer_above},
        "biases",
        "the output; layers of unequal width, where the shape is noticed",
        _SQUARE,
    ),
    Bug(
        "only_first_bias_trained",
        "only the first bias of a layer gets a gradient",
        SITE,
        "{db.k} = 0 for k > 0",
        "{db.k} = sum over samples of {delta.k}",
        "A layer once had a single bias, or an assignment stands outside the loop.",
        "Fill an entry for every unit.",
        _afterwards(lambda p, layer, db: np.where(np.arange(len(db)) == 0, db, 0.0)),
        "biases",
        "one unit in the layer",
        _NET,
    ),
    Bug(
        "bias_sums_weight_gradient",
        "the bias gradient is the sum of the weight gradients",
        SITE,
        "sum over j of {dW[j,k]}",
        "sum over samples of {delta.k}",
        "dW is at hand and has one dimension too many, so it is summed.",
        "Sum the deltas over samples, not the weight gradients over inputs.",
        {"bias_sum": lambda p, layer: p.apply("weight_product", layer).sum(axis=0)},
        "biases",
        "a single input of exactly 1",
        _NET,
    ),
)
