"""Bugs in phi'(z), whatever phi is: right above the layer, wrong from it downwards."""

import numpy as np

from gradcheck.networks.bugs.bug import Bug
from gradcheck.networks.bugs.textbook import Pass, activation_derivative
from gradcheck.networks.bugs.wrong_parts import slope_at, width
from gradcheck.networks.problem import Floats

SITE = "activation_derivative"


def _at_other_layer(p: Pass, layer: int, other: int) -> Floats:
    fits = 1 <= other <= p.last and width(p, other) == width(p, layer)
    return slope_at(p, layer, p.z[other if fits else layer])


def _of_first_layer(p: Pass, layer: int) -> Floats:
    return slope_at(p, 1 if p.network.activations[0] != "softmax" else layer, p.z[layer])


def _of_propagated(p: Pass, layer: int) -> Floats:
    back = p.apply("propagate", layer)
    delta: Floats = back * slope_at(p, layer, back)
    return delta


BUGS = (
    Bug(
        "derivative_missing",
        "the derivative of the activation is left out",
        SITE,
        "{delta} = {delta[up] @ W[up].T}",
        "{delta} = {delta[up] @ W[up].T * slope(z)}",
        "The error is carried back through the weights, and the step through phi is forgotten.",
        "Multiply what comes back through the weights by phi'(z), entry by entry.",
        {"activation_derivative": lambda p, layer: np.ones_like(p.z[layer])},
        "slopes",
        "identity; relu units that are all active",
        "2-3-1 tanh,identity half_squared_error",
    ),
    Bug(
        "derivative_at_activated_value",
        "the derivative is taken at the activated value",
        SITE,
        "phi'(a), with a = phi(z)",
        "phi'(z)",
        "The activation a was stored, z was not; or a formula in z is fed a.",
        "Pass z to the derivative, or use its formula in a: a (1 - a) for sigmoid, "
        "1 - a^2 for tanh.",
        {"activation_derivative": lambda p, layer: slope_at(p, layer, p.a[layer])},
        "slopes",
        "identity, relu and leaky_relu, whose slope is the same at z and a",
        "2-3-1 sigmoid,identity half_squared_error",
    ),
    Bug(
        "derivative_squared",
        "the derivative is multiplied in twice",
        SITE,
        "phi'(z)^2",
        "phi'(z)",
        "One function multiplies by the derivative already, and its caller does so again.",
        "Multiply by phi'(z) in one place only.",
        {"activation_derivative": lambda p, layer: activation_derivative(p, layer) ** 2},
        "slopes",
        "identity and relu, where the slope is 0 or 1",
        "2-3-1 tanh,identity half_squared_error",
    ),
    Bug(
        "derivative_negative",
        "the derivative has the wrong sign",
        SITE,
        "-phi'(z)",
        "phi'(z)",
        "A sign from the error is written into the derivative as well.",
        "Take the minus away: every activation here rises or nearly so.",
        {"activation_derivative": lambda p, layer: -activation_derivative(p, layer)},
        "slopes",
        "nowhere, except that two such layers below one another cancel",
        "2-3-1 tanh,identity half_squared_error",
    ),
    Bug(
        "derivative_doubled",
        "the derivative is twice what it should be",
        SITE,
        "2 phi'(z)",
        "phi'(z)",
        "The 2 of a squared error is put into the derivative of the activation.",
        "Keep the factor of the loss with the loss, which meets it once and not at every layer.",
        {"activation_derivative": lambda p, layer: 2.0 * activation_derivative(p, layer)},
        "slopes",
        "nowhere",
        "2-3-1 tanh,identity half_squared_error",
    ),
    Bug(
        "activation_as_derivative",
        "the activation itself stands where its derivative belongs",
        SITE,
        "phi(z)",
        "phi'(z)",
        "The function and its derivative have names one word apart, or a flag is not passed.",
        "Call the derivative in the backward pass: phi'(z), not phi(z).",
        {"activation_derivative": lambda p, layer: p.a[layer]},
        "slopes",
        "where phi = phi', as at z = 0 for none of them",
        "2-3-1 sigmoid,identity half_squared_error",
    ),
    Bug(
        "pre_activation_as_derivative",
        "the pre-activation stands where the derivative belongs",
        SITE,
        "z",
        "phi'(z)",
        "z is passed on, and the call of the derivative around it is forgotten.",
        "Apply the derivative to z before you multiply by it.",
        {"activation_derivative": lambda p, layer: p.z[layer]},
        "slopes",
        "nowhere",
        "2-3-1 sigmoid,identity half_squared_error",
    ),
    Bug(
        "derivative_at_layer_above",
        "the derivative is taken at the pre-activation of the next layer",
        SITE,
        "{slope(z[l+1])}",
        "{slope(z[l])}",
        "Lists of layers count from 0 or from 1, and the index is off by one.",
        "Take z of the layer whose delta you form.",
        {"activation_derivative": lambda p, layer: _at_other_layer(p, layer, layer + 1)},
        "slopes",
        "the output; layers of unequal width, where it raises and is noticed; identity",
        "3-3-3 tanh,identity half_squared_error",
    ),
    Bug(
        "derivative_at_layer_below",
        "the derivative is taken at the pre-activation of the layer before",
        SITE,
        "{slope(z[l-1])}",
        "{slope(z[l])}",
        "Lists of layers count from 0 or from 1, and the index is off by one.",
        "Take z of the layer whose delta you form.",
        {"activation_derivative": lambda p, layer: _at_other_layer(p, layer, layer - 1)},
        "slopes",
        "the first layer; layers of unequal width, where it raises and is noticed; identity",
        "3-3-3 tanh,sigmoid half_squared_error",
    ),
    Bug(
        "one_derivative_for_all_layers",
        "every layer uses the derivative of the first layer's activation",
        SITE,
        "phi_1'(z[l])",
        "phi_l'(z[l])",
        "The derivative was written when all layers were alike; now the output is linear.",
        "Give each layer the derivative of its own activation.",
        {"activation_derivative": _of_first_layer},
        "slopes",
        "networks with one activation throughout; the first layer",
        "2-3-1 sigmoid,identity half_squared_error",
    ),
    Bug(
        "derivative_of_batch_mean",
        "one derivative, at the mean of the batch, serves all samples",
        SITE,
        "phi'(mean of z over the batch)",
        "phi'(z), for each sample",
        "z is averaged over the batch to make the shapes fit.",
        "Keep one {sample} a sample until the products with the delta are summed.",
        {
            "activation_derivative": lambda p, layer: (
                slope_at(p, layer, p.z[layer].mean(axis=0)) + np.zeros_like(p.z[layer])
            )
        },
        "slopes",
        "a batch of one, equal rows, identity",
        "2-3-1 tanh,identity half_squared_error",
    ),
    Bug(
        "derivative_of_next_sample",
        "each sample uses the derivative of the next one",
        SITE,
        "phi'(z of sample n+1)",
        "phi'(z of sample n)",
        "Stored pre-activations are read back in another order than the deltas.",
        "Read z of the sample whose delta you form.",
        {
            "activation_derivative": lambda p, layer: slope_at(
                p, layer, np.roll(p.z[layer], -1, axis=0)
            )
        },
        "slopes",
        "a batch of one, equal rows, identity",
        "2-3-1 tanh,identity half_squared_error",
    ),
    Bug(
        "derivative_without_bias",
        "the derivative is taken before the bias is added",
        SITE,
        "{slope(inputs @ W)}",
        "{slope(inputs @ W + b)}",
        "The product {inputs @ W} is recomputed in the backward pass, and the bias forgotten.",
        "Store z with its bias in the forward pass and use that.",
        {
            "activation_derivative": lambda p, layer: slope_at(
                p, layer, p.z[layer] - p.pairs[layer - 1][1]
            )
        },
        "slopes",
        "biases of zero, which is how most code starts; identity",
        "2-3-1 tanh,identity half_squared_error",
    ),
    Bug(
        "derivative_of_delta",
        "the derivative is applied to the delta",
        SITE,
        "d phi'(d), with d = {delta[up] @ W[up].T}",
        "d phi'(z)",
        "The backward function gets only what comes from above, and no z to work with.",
        "Keep z from the forward pass and take the derivative there.",
        {"hidden_delta": _of_propagated},
        "hidden",
        "identity",
        "2-3-1 tanh,identity half_squared_error",
    ),
)
