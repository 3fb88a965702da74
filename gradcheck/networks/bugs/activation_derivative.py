"""Bugs in phi'(z), whatever phi is: right above the layer, wrong from it downwards."""

from functools import partial

import numpy as np

from gradcheck.networks.bugs.bug import Bug, Site
from gradcheck.networks.bugs.textbook import Pass, Rule, after
from gradcheck.networks.problem import Floats

SITE = Site(
    "activation_derivative",
    "the derivative of an activation",
    parts=("delta",),
    in_layer=(
        "the derivative of {activation} is not what your code multiplies by",
        "Look at the derivative of {activation} in layer {layer}.",
    ),
)


def _at(z: Rule) -> dict[str, Rule]:
    """Take the derivative at ``z(p, layer)``."""
    return {"activation_derivative": lambda p, layer: p.slope(layer, z(p, layer))}


def _of_first_layer(p: Pass, layer: int) -> Floats:
    return p.slope(1 if p.network.activations[0] != "softmax" else layer, p.z[layer])


def _of_propagated(p: Pass, layer: int) -> Floats:
    back: Floats = p.apply("propagate", layer)
    return back * p.slope(layer, back)


_bug = partial(
    Bug, SITE, right="phi'(z)", strikes="slopes", example="2-3-1 tanh,identity half_squared_error"
)

BUGS = {
    "derivative_missing": _bug(
        "the derivative of the activation is left out",
        wrong="{delta} = {delta[up] @ W[up].T}",
        right="{delta} = {delta[up] @ W[up].T * slope(z)}",
        why="The error is carried back through the weights, and the step through phi is forgotten.",
        mend="Multiply what comes back through the weights by phi'(z), entry by entry.",
        hides="identity; relu units that are all active",
        rules={"activation_derivative": lambda p, layer: np.ones_like(p.z[layer])},
    ),
    "derivative_at_activated_value": _bug(
        "the derivative is taken at the activated value",
        wrong="phi'(a), with a = phi(z)",
        why="The activation a was stored, z was not; or a formula in z is fed a.",
        mend="Pass z to it, or use its formula in a: a (1 - a) for sigmoid, 1 - a^2 for tanh.",
        hides="identity, relu and leaky_relu, whose slope is the same at z and a",
        rules=_at(lambda p, layer: p.a[layer]),
        example="2-3-1 sigmoid,identity half_squared_error",
    ),
    "derivative_squared": _bug(
        "the derivative is multiplied in twice",
        wrong="phi'(z)^2",
        why="One function multiplies by the derivative already, and its caller does so again.",
        mend="Multiply by phi'(z) in one place only.",
        hides="identity and relu, where the slope is 0 or 1",
        rules=after("activation_derivative", lambda p, layer, slope: slope**2),
    ),
    "derivative_negative": _bug(
        "the derivative has the wrong sign",
        wrong="-phi'(z)",
        why="A sign from the error is written into the derivative as well.",
        mend="Take the minus away: every activation here rises or nearly so.",
        hides="nowhere, except that two such layers below one another cancel",
        rules=after("activation_derivative", lambda p, layer, slope: -slope),
    ),
    "derivative_doubled": _bug(
        "the derivative is twice what it should be",
        wrong="2 phi'(z)",
        why="The 2 of a squared error is put into the derivative of the activation.",
        mend="Keep the factor of the loss with the loss, where it is met once, not at every layer.",
        rules=after("activation_derivative", lambda p, layer, slope: 2.0 * slope),
    ),
    "activation_as_derivative": _bug(
        "the activation itself stands where its derivative belongs",
        wrong="phi(z)",
        why="The function and its derivative have names one word apart, or a flag is not passed.",
        mend="Call the derivative in the backward pass: phi'(z), not phi(z).",
        hides="where phi = phi', as at z = 0 for none of them",
        rules={"activation_derivative": lambda p, layer: p.a[layer]},
        example="2-3-1 sigmoid,identity half_squared_error",
    ),
    "pre_activation_as_derivative": _bug(
        "the pre-activation stands where the derivative belongs",
        wrong="z",
        why="z is passed on, and the call of the derivative around it is forgotten.",
        mend="Apply the derivative to z before you multiply by it.",
        rules={"activation_derivative": lambda p, layer: p.z[layer]},
        example="2-3-1 sigmoid,identity half_squared_error",
    ),
    "derivative_at_layer_above": _bug(
        "the derivative is taken at the pre-activation of the next layer",
        wrong="{slope(z[l+1])}",
        right="{slope(z[l])}",
        why="Lists of layers count from 0 or from 1, and the index is off by one.",
        mend="Take z of the layer whose delta you form.",
        hides="the output; layers of unequal width, where it raises and is noticed; identity",
        rules=_at(lambda p, layer: p.z[p.fitting(layer, layer + 1)]),
        example="3-3-3 tanh,identity half_squared_error",
    ),
    "derivative_at_layer_below": _bug(
        "the derivative is taken at the pre-activation of the layer before",
        wrong="{slope(z[l-1])}",
        right="{slope(z[l])}",
        why="Lists of layers count from 0 or from 1, and the index is off by one.",
        mend="Take z of the layer whose delta you form.",
        hides="the first layer; layers of unequal width, where it raises and is noticed; identity",
        rules=_at(lambda p, layer: p.z[p.fitting(layer, layer - 1) or layer]),
        example="3-3-3 tanh,sigmoid half_squared_error",
    ),
    "one_derivative_for_all_layers": _bug(
        "every layer uses the derivative of the first layer's activation",
        wrong="phi_1'(z[l])",
        right="phi_l'(z[l])",
        why="The derivative was written when all layers were alike; now the output is linear.",
        mend="Give each layer the derivative of its own activation.",
        hides="networks with one activation throughout; the first layer",
        rules={"activation_derivative": _of_first_layer},
        example="2-3-1 sigmoid,identity half_squared_error",
    ),
    "derivative_of_batch_mean": _bug(
        "one derivative, at the mean of the batch, serves all samples",
        wrong="phi'(mean of z over the batch)",
        right="phi'(z), for each sample",
        why="z is averaged over the batch to make the shapes fit.",
        mend="Keep one {sample} a sample until the products with the delta are summed.",
        hides="a batch of one, equal rows, identity",
        rules=_at(lambda p, layer: np.zeros_like(p.z[layer]) + p.z[layer].mean(axis=0)),
    ),
    "derivative_of_next_sample": _bug(
        "each sample uses the derivative of the next one",
        wrong="phi'(z of sample n+1)",
        right="phi'(z of sample n)",
        why="Stored pre-activations are read back in another order than the deltas.",
        mend="Read z of the sample whose delta you form.",
        hides="a batch of one, equal rows, identity",
        rules=_at(lambda p, layer: np.roll(p.z[layer], -1, axis=0)),
    ),
    "derivative_without_bias": _bug(
        "the derivative is taken before the bias is added",
        wrong="{slope(inputs @ W)}",
        right="{slope(inputs @ W + b)}",
        why="The product {inputs @ W} is recomputed in the backward pass, and the bias forgotten.",
        mend="Store z with its bias in the forward pass and use that.",
        hides="biases of zero, which is how most code starts; identity",
        rules=_at(lambda p, layer: p.z[layer] - p.pairs[layer - 1][1]),
    ),
    "derivative_of_delta": _bug(
        "the derivative is applied to the delta",
        wrong="d phi'(d), with d = {delta[up] @ W[up].T}",
        right="d phi'(z)",
        why="The backward function gets only what comes from above, and no z to work with.",
        mend="Keep z from the forward pass and take the derivative there.",
        hides="identity",
        rules={"hidden_delta": _of_propagated},
        strikes="hidden",
    ),
}
