"""Bugs in the forward pass or the reported loss: the backward pass is of something else."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gradcheck.networks.bugs.bug import Bug
from gradcheck.networks.bugs.textbook import Pass, Rule, activation, loss, pre_activation
from gradcheck.networks.bugs.wrong_parts import averaged, width
from gradcheck.networks.forward_pass import penalty, sample_losses
from gradcheck.networks.problem import Floats

SITE = "forward"

_NET = "2-3-2 tanh,identity half_squared_error"


def _used_twice(p: Pass, layer: int) -> Floats:
    z = pre_activation(p, layer)
    a = p.a[layer - 1]
    if layer == 1 or layer != p.last or a.shape[1] < 2:
        return z
    w, _ = p.pairs[layer - 1]
    z[:, -1] += (a[:, 1] - a[:, 0]) * w[0, -1]  # h1 w' becomes h2 w'
    return z


def _bias_times(factor: float) -> dict[str, Rule]:
    def rule(p: Pass, layer: int) -> Floats:
        w, b = p.pairs[layer - 1]
        z: Floats = p.a[layer - 1] @ w + factor * b
        return z

    return {"pre_activation": rule}


def _through_transposed(p: Pass, layer: int) -> Floats:
    if width(p, layer) != width(p, layer - 1):
        return pre_activation(p, layer)
    w, b = p.pairs[layer - 1]
    z: Floats = p.a[layer - 1] @ w.T + b
    return z


def _twice(p: Pass, layer: int) -> Floats:
    once = activation(p, layer)
    return activation(replace(p, z={layer: once}), layer)


def _not_activated(p: Pass, layer: int) -> Floats:
    return p.z[layer].copy() if layer == p.last else activation(p, layer)


def _dropped(p: Pass, layer: int) -> Floats:
    a = activation(p, layer)
    return a if layer == p.last else 0.5 * a


def _over_the_batch(p: Pass, layer: int) -> Floats:
    if p.network.activations[layer - 1] != "softmax":
        return activation(p, layer)
    turned = replace(p, z={layer: p.z[layer].T})
    return activation(turned, layer).T.copy()


def _mirrored(p: Pass, layer: int) -> Floats:
    if p.network.activations[layer - 1] != "sigmoid":
        return activation(p, layer)
    return activation(replace(p, z={layer: -p.z[layer]}), layer)


def _other_slope(p: Pass, layer: int) -> Floats:
    z = p.z[layer]
    if p.network.activations[layer - 1] != "leaky_relu":
        return activation(p, layer)
    return np.where(z > 0, z, 0.1 * z)


def _capped(p: Pass, layer: int) -> Floats:
    a = activation(p, layer)
    return np.minimum(a, 1.0) if p.network.activations[layer - 1] == "relu" else a


def _data_loss(factor: Callable[[Pass], float]) -> dict[str, Rule]:
    """Report a multiple of the data's part of the loss."""

    def rule(p: Pass) -> float:
        extra = float(penalty(p.network, p.pairs))
        return factor(p) * (loss(p) - extra) + extra

    return {"loss": rule}


def _of_first_sample(p: Pass) -> float:
    losses = sample_losses(p.network, p.z[p.last], p.a[p.last], p.y)
    return float(losses[0] + penalty(p.network, p.pairs))


def _swapped_targets(p: Pass) -> float:
    return loss(replace(p, y=np.roll(p.y, 1, axis=0)))


BUGS = (
    Bug(
        "hidden_output_used_twice",
        "the last output adds the second hidden output twice",
        SITE,
        "z2 = h2 w + h2 w'",
        "z2 = h1 w + h2 w'",
        "The line for one output is copied for the next, and an index is changed too much.",
        "Let each weight multiply the hidden output that it comes from.",
        {"pre_activation": _used_twice},
        "output",
        "one layer; one hidden unit",
        _NET,
    ),
    Bug(
        "bias_not_added",
        "the forward pass leaves the bias out",
        SITE,
        "{z} = {inputs @ W}",
        "{z} = {inputs @ W + b}",
        "The bias is an argument and is not used.",
        "Write {code(inputs @ W + b)}.",
        _bias_times(0.0),
        "weights",
        "biases of zero, which is how most code starts",
        _NET,
    ),
    Bug(
        "bias_subtracted",
        "the forward pass {subtracts} the bias",
        SITE,
        "{z} = {inputs @ W - b}",
        "{z} = {inputs @ W + b}",
        "It is {not the bias}, in the source that was followed.",
        "{Add} {b}, or turn the sign of its gradient too.",
        _bias_times(-1.0),
        "weights",
        "biases of zero",
        _NET,
    ),
    Bug(
        "bias_added_twice",
        "the forward pass {adds} the bias twice",
        SITE,
        "{z} = {inputs @ W + 2 * b}",
        "{z} = {inputs @ W + b}",
        "The layer does it, and the function that calls it does so again.",
        "{Add} the bias in one place only.",
        _bias_times(2.0),
        "weights",
        "biases of zero",
        _NET,
    ),
    Bug(
        "forward_through_transpose",
        "the forward pass uses the weights the other way round",
        SITE,
        "{z} = {inputs @ W.T + b}",
        "{z} = {inputs @ W + b}",
        "Weights are stored the other way in the source that was followed.",
        "The weights have a {input} for each input: use {code(inputs @ W)}.",
        {"pre_activation": _through_transposed},
        "weights",
        "layers that are not square, where it raises and is noticed; symmetric weights",
        "3-3-3 tanh,identity half_squared_error",
    ),
    Bug(
        "activation_applied_twice",
        "the activation is applied twice",
        SITE,
        "a = phi(phi(z))",
        "a = phi(z)",
        "The layer applies it, and the loop over the layers does so again.",
        "Apply the activation in one place only.",
        {"activation": _twice},
        "weights",
        "identity and relu",
        _NET,
    ),
    Bug(
        "output_not_activated",
        "the output layer is not activated",
        SITE,
        "a[L] = z[L]",
        "a[L] = phi(z[L])",
        "The loop over the layers treats the last one as linear.",
        "Apply the output's activation too.",
        {"activation": _not_activated},
        "output",
        "identity output",
        "2-3-2 tanh,sigmoid half_squared_error",
    ),
    Bug(
        "hidden_outputs_halved",
        "hidden outputs are scaled in the forward pass only",
        SITE,
        "a = phi(z) / 2, and delta as if a = phi(z)",
        "a = phi(z)",
        "Dropout's scale for evaluation is left on while the gradient is formed.",
        "Scale in both passes, or in neither.",
        {"activation": _dropped},
        "hidden",
        "one layer",
        _NET,
    ),
    Bug(
        "softmax_over_batch",
        "softmax is taken over the samples",
        SITE,
        "exp(z_nj) / sum over n of exp(z_nj)",
        "exp(z_nj) / sum over j of exp(z_nj)",
        "{axis} is right for samples in {unit}s, and the layout was turned.",
        "Let each {sample} sum to 1: {other axis} and keepdims.",
        {"activation": _over_the_batch},
        "output",
        "any other output activation",
        "2-3-3 tanh,softmax cross_entropy",
        activation="softmax",
    ),
    Bug(
        "sigmoid_mirrored",
        "the sigmoid has the wrong sign in its exponent",
        SITE,
        "1 / (1 + exp(z))",
        "1 / (1 + exp(-z))",
        "A minus is lost.",
        "Write exp(-z).",
        {"activation": _mirrored},
        "weights",
        "z = 0",
        "2-3-2 sigmoid,identity half_squared_error",
        activation="sigmoid",
    ),
    Bug(
        "leaky_slope_of_forward_differs",
        "the forward pass of leaky_relu has another slope",
        SITE,
        "0.1 z if z <= 0",
        "0.01 z if z <= 0",
        "The slope has a default in two places.",
        "Keep the slope in one constant that both passes use.",
        {"activation": _other_slope},
        "weights",
        "units that are all active",
        "2-3-2 leaky_relu,identity half_squared_error",
        activation="leaky_relu",
    ),
    Bug(
        "relu_capped_in_forward",
        "the forward pass of relu is capped, and the backward pass is not",
        SITE,
        "a = min(max(z, 0), 1)",
        "a = max(z, 0)",
        "A bound against values that explode is put into the forward pass only.",
        "Take the bound away, or let the slope be 0 beyond it.",
        {"activation": _capped},
        "weights",
        "z below 1",
        "2-3-2 relu,identity half_squared_error",
        activation="relu",
    ),
    Bug(
        "loss_summed_gradient_averaged",
        "the loss is a sum where it should be a mean",
        SITE,
        "sum of the samples' losses",
        "sum of the samples' losses / N",
        "The loss is only printed, and its scale seems not to matter.",
        "Divide the loss by N, as the gradient is.",
        _data_loss(lambda p: len(p.y) if averaged(p) else 1.0),
        "whole",
        "a batch of one; a loss that is a sum; the gradient",
        _NET,
    ),
    Bug(
        "loss_averaged_gradient_summed",
        "the loss is a mean where it should be a sum",
        SITE,
        "sum of the samples' losses / N",
        "sum of the samples' losses",
        "np.mean is a habit.",
        "Sum the loss, as the gradient is.",
        _data_loss(lambda p: 1.0 if averaged(p) else 1.0 / len(p.y)),
        "whole",
        "a batch of one; a loss that is a mean; the gradient",
        "2-3-2 tanh,identity half_squared_error sum",
    ),
    Bug(
        "half_missing_in_loss",
        "the half of the loss is left out where it is reported",
        SITE,
        "sum (a - y)^2",
        "1/2 sum (a - y)^2",
        "The gradient a - y is right for the half, which is then forgotten.",
        "Report half the squared error.",
        _data_loss(lambda p: 2.0 if p.network.loss == "half_squared_error" else 1.0),
        "whole",
        "the other losses; the gradient",
        _NET,
    ),
    Bug(
        "loss_averaged_over_outputs",
        "the reported loss is a mean over outputs too",
        SITE,
        "mean over all entries",
        "sum over outputs, then mean over samples",
        "np.mean is written without an axis.",
        "Sum over the outputs first: {other axis}.",
        _data_loss(lambda p: 1.0 if p.network.loss == "mean_squared_error" else 1.0 / p.y.shape[1]),
        "whole",
        "one output; mean_squared_error; the gradient",
        _NET,
    ),
    Bug(
        "loss_of_first_sample",
        "the loss of the first sample is reported for the batch",
        SITE,
        "loss of sample 1",
        "mean over samples",
        "return stands inside the loop over the samples.",
        "Return after the loop.",
        {"loss": _of_first_sample},
        "whole",
        "a batch of one; the gradient",
        _NET,
    ),
    Bug(
        "loss_in_base_two",
        "the logarithm of the loss has base 2",
        SITE,
        "-sum y log2 a",
        "-sum y ln a",
        "np.log2 gives bits, as information theory has it.",
        "Use the natural logarithm, whose derivative is 1 / a.",
        _data_loss(
            lambda p: 1.0 / float(np.log(2.0)) if p.network.loss.endswith("entropy") else 1.0
        ),
        "whole",
        "the squared losses; the gradient",
        "2-3-3 tanh,softmax cross_entropy",
    ),
    Bug(
        "loss_of_shifted_targets",
        "the reported loss compares outputs with the targets of other samples",
        SITE,
        "loss of a_n and y_(n-1)",
        "loss of a_n and y_n",
        "Targets are shuffled between gradient and loss.",
        "Compare each output with the target of its own sample.",
        {"loss": _swapped_targets},
        "whole",
        "a batch of one, equal rows; the gradient",
        _NET,
    ),
)
