"""Bugs in the forward pass or the reported loss: the backward pass is of something else."""

from dataclasses import replace
from functools import partial

import numpy as np

from gradcheck.networks.bugs.bug import Bug, Site
from gradcheck.networks.bugs.textbook import Pass, Rule, activation, after, loss, pre_activation
from gradcheck.networks.definitions import ACTIVATIONS, LOSSES, penalty
from gradcheck.networks.problem import Floats

SITE = Site(
    "forward",
    "the forward pass and the loss",
    whole=("The loss is not the loss as defined.", "Look at the forward pass and the loss."),
)


def _used_twice(p: Pass, layer: int, z: Floats) -> Floats:
    a = p.a[layer - 1]
    if layer == 1 or layer != p.last or a.shape[1] < 2:
        return z
    z[:, -1] += (a[:, 1] - a[:, 0]) * p.weights(layer)[0, -1]  # h1 w' becomes h2 w'
    return z


def _bias_times(factor: float) -> dict[str, Rule]:
    def rule(p: Pass, layer: int) -> Floats:
        w, b = p.pairs[layer - 1]
        return p.a[layer - 1] @ w + factor * b

    return {"pre_activation": rule}


def _through_transposed(p: Pass, layer: int) -> Floats:
    if p.width(layer) != p.width(layer - 1):
        return pre_activation(p, layer)
    w, b = p.pairs[layer - 1]
    return p.a[layer - 1] @ w.T + b


def _in_layers_of(name: str, wrong: Rule) -> dict[str, Rule]:
    """Replace the forward of one activation by ``wrong(phi, z)``."""
    phi = ACTIVATIONS[name].forward

    def rule(p: Pass, layer: int, a: Floats) -> Floats:
        changed: Floats = wrong(phi, p.z[layer])
        return changed if p.network.activations[layer - 1] == name else a

    return after("activation", rule)


def _data_loss(factor: Rule) -> dict[str, Rule]:
    """Report a multiple of the data's part of the loss."""

    def scale(p: Pass, loss: float) -> float:
        extra = float(penalty(p.network, p.pairs))
        return float(factor(p) * (loss - extra) + extra)

    return after("loss", scale)


def _of_first_sample(p: Pass) -> float:
    losses = LOSSES[p.network.loss].per_sample(p.z[p.last], p.a[p.last], p.y)
    return float(losses[0] + penalty(p.network, p.pairs))


_bug = partial(Bug, SITE, right="{z} = {inputs @ W + b}", strikes="weights")
_loss = partial(_bug, strikes="whole")

BUGS = {
    "hidden_output_used_twice": _bug(
        "the last output adds the second hidden output twice",
        wrong="z2 = h2 w + h2 w'",
        right="z2 = h1 w + h2 w'",
        why="The line for one output is copied for the next, and an index is changed too much.",
        mend="Let each weight multiply the hidden output that it comes from.",
        hides="one layer; one hidden unit",
        rules=after("pre_activation", _used_twice),
        strikes="output",
    ),
    "bias_not_added": _bug(
        "the forward pass leaves the bias out",
        wrong="{z} = {inputs @ W}",
        why="The bias is an argument and is not used.",
        mend="Write {code(inputs @ W + b)}.",
        hides="biases of zero, which is how most code starts",
        rules=_bias_times(0.0),
    ),
    "bias_subtracted": _bug(
        "the forward pass {subtracts} the bias",
        wrong="{z} = {inputs @ W - b}",
        why="It is {not the bias}, in the source that was followed.",
        mend="{Add} {b}, or turn the sign of its gradient too.",
        hides="biases of zero",
        rules=_bias_times(-1.0),
    ),
    "bias_added_twice": _bug(
        "the forward pass {adds} the bias twice",
        wrong="{z} = {inputs @ W + 2 * b}",
        why="The layer does it, and the function that calls it does so again.",
        mend="{Add} the bias in one place only.",
        hides="biases of zero",
        rules=_bias_times(2.0),
    ),
    "forward_through_transpose": _bug(
        "the forward pass uses the weights the other way round",
        wrong="{z} = {inputs @ W.T + b}",
        why="Weights are stored the other way in the source that was followed.",
        mend="The weights have a {input} for each input: use {code(inputs @ W)}.",
        hides="layers that are not square, where it raises and is noticed; symmetric weights",
        rules={"pre_activation": _through_transposed},
        example="3-3-3 tanh,identity half_squared_error",
    ),
    "activation_applied_twice": _bug(
        "the activation is applied twice",
        wrong="a = phi(phi(z))",
        right="a = phi(z)",
        why="The layer applies it, and the loop over the layers does so again.",
        mend="Apply the activation in one place only.",
        hides="identity and relu",
        rules=after("activation", lambda p, layer, a: activation(replace(p, z={layer: a}), layer)),
    ),
    "output_not_activated": _bug(
        "the output layer is not activated",
        wrong="a[L] = z[L]",
        right="a[L] = phi(z[L])",
        why="The loop over the layers treats the last one as linear.",
        mend="Apply the output's activation too.",
        hides="identity output",
        rules=after("activation", lambda p, layer, a: p.z[layer].copy() if layer == p.last else a),
        strikes="output",
        example="2-3-2 tanh,sigmoid half_squared_error",
    ),
    "hidden_outputs_halved": _bug(
        "hidden outputs are scaled in the forward pass only",
        wrong="a = phi(z) / 2, and delta as if a = phi(z)",
        right="a = phi(z)",
        why="Dropout's scale for evaluation is left on while the gradient is formed.",
        mend="Scale in both passes, or in neither.",
        hides="one layer",
        rules=after("activation", lambda p, layer, a: a if layer == p.last else 0.5 * a),
        strikes="hidden",
    ),
    "softmax_over_batch": _bug(
        "softmax is taken over the samples",
        wrong="exp(z_nj) / sum over n of exp(z_nj)",
        right="exp(z_nj) / sum over j of exp(z_nj)",
        why="{axis} is right for samples in {unit}s, and the layout was turned.",
        mend="Let each {sample} sum to 1: {other axis} and keepdims.",
        hides="any other output activation",
        rules=_in_layers_of("softmax", lambda phi, z: phi(z.T).T.copy()),
        strikes="output",
        example="2-3-3 tanh,softmax cross_entropy",
        activation="softmax",
    ),
    "sigmoid_mirrored": _bug(
        "the sigmoid has the wrong sign in its exponent",
        wrong="1 / (1 + exp(z))",
        right="1 / (1 + exp(-z))",
        why="A minus is lost.",
        mend="Write exp(-z).",
        hides="z = 0",
        rules=_in_layers_of("sigmoid", lambda phi, z: phi(-z)),
        example="2-3-2 sigmoid,identity half_squared_error",
        activation="sigmoid",
    ),
    "leaky_slope_of_forward_differs": _bug(
        "the forward pass of leaky_relu has another slope",
        wrong="0.1 z if z <= 0",
        right="0.01 z if z <= 0",
        why="The slope has a default in two places.",
        mend="Keep the slope in one constant that both passes use.",
        hides="units that are all active",
        rules=_in_layers_of("leaky_relu", lambda phi, z: np.where(z > 0, z, 0.1 * z)),
        example="2-3-2 leaky_relu,identity half_squared_error",
        activation="leaky_relu",
    ),
    "relu_capped_in_forward": _bug(
        "the forward pass of relu is capped, and the backward pass is not",
        wrong="a = min(max(z, 0), 1)",
        right="a = max(z, 0)",
        why="A bound against values that explode is put into the forward pass only.",
        mend="Take the bound away, or let the slope be 0 beyond it.",
        hides="z below 1",
        rules=_in_layers_of("relu", lambda phi, z: np.minimum(phi(z), 1.0)),
        example="2-3-2 relu,identity half_squared_error",
        activation="relu",
    ),
    "loss_summed_gradient_averaged": _loss(
        "the loss is a sum where it should be a mean",
        wrong="sum of the samples' losses",
        right="sum of the samples' losses / N",
        why="The loss is only printed, and its scale seems not to matter.",
        mend="Divide the loss by N, as the gradient is.",
        hides="a batch of one; a loss that is a sum; the gradient",
        rules=_data_loss(lambda p: len(p.y) if p.averaged else 1.0),
    ),
    "loss_averaged_gradient_summed": _loss(
        "the loss is a mean where it should be a sum",
        wrong="sum of the samples' losses / N",
        right="sum of the samples' losses",
        why="np.mean is a habit.",
        mend="Sum the loss, as the gradient is.",
        hides="a batch of one; a loss that is a mean; the gradient",
        rules=_data_loss(lambda p: 1.0 if p.averaged else 1.0 / len(p.y)),
        example="2-3-2 tanh,identity half_squared_error sum",
    ),
    "half_missing_in_loss": _loss(
        "the half of the loss is left out where it is reported",
        wrong="sum (a - y)^2",
        right="1/2 sum (a - y)^2",
        why="The gradient a - y is right for the half, which is then forgotten.",
        mend="Report half the squared error.",
        hides="the other losses; the gradient",
        rules=_data_loss(lambda p: 2.0 if p.network.loss == "half_squared_error" else 1.0),
    ),
    "loss_averaged_over_outputs": _loss(
        "the reported loss is a mean over outputs too",
        wrong="mean over all entries",
        right="sum over outputs, then mean over samples",
        why="np.mean is written without an axis.",
        mend="Sum over the outputs first: {other axis}.",
        hides="one output; mean_squared_error; the gradient",
        rules=_data_loss(
            lambda p: 1.0 if p.network.loss == "mean_squared_error" else 1.0 / p.y.shape[1]
        ),
    ),
    "loss_of_first_sample": _loss(
        "the loss of the first sample is reported for the batch",
        wrong="loss of sample 1",
        right="mean over samples",
        why="return stands inside the loop over the samples.",
        mend="Return after the loop.",
        hides="a batch of one; the gradient",
        rules={"loss": _of_first_sample},
    ),
    "loss_in_base_two": _loss(
        "the logarithm of the loss has base 2",
        wrong="-sum y log2 a",
        right="-sum y ln a",
        why="np.log2 gives bits, as information theory has it.",
        mend="Use the natural logarithm, whose derivative is 1 / a.",
        hides="the squared losses; the gradient",
        rules=_data_loss(
            lambda p: 1.0 / float(np.log(2.0)) if p.network.loss.endswith("entropy") else 1.0
        ),
        example="2-3-3 tanh,softmax cross_entropy",
    ),
    "loss_of_shifted_targets": _loss(
        "the reported loss compares outputs with the targets of other samples",
        wrong="loss of a_n and y_(n-1)",
        right="loss of a_n and y_n",
        why="Targets are shuffled between gradient and loss.",
        mend="Compare each output with the target of its own sample.",
        hides="a batch of one, equal rows; the gradient",
        rules={"loss": lambda p: loss(replace(p, y=np.roll(p.y, 1, axis=0)))},
    ),
}
