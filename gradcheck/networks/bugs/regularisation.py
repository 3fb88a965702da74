"""Bugs in the weight penalty: invisible without one."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.networks.bugs.bug import Bug
from gradcheck.networks.bugs.textbook import Pass, Rule, bias_gradient, loss
from gradcheck.networks.bugs.wrong_parts import OWN_RATE
from gradcheck.networks.forward_pass import penalty
from gradcheck.networks.problem import Floats

SITE = "regularisation"

_NET = "2-3-2 tanh,identity half_squared_error l2=0.1"


def _penalty(change: Callable[[Pass, Floats], Any]) -> dict[str, Rule]:
    """Replace ``l2 W`` by ``l2 change(p, W)``."""

    def rule(p: Pass, layer: int) -> Floats:
        gradient: Floats = p.network.l2 * change(p, p.weights(layer))
        return gradient

    return {"penalty_gradient": rule}


def _first_row_free(p: Pass, w: Floats) -> Floats:
    return np.where(np.arange(len(w))[:, None] == 0, 0.0, w)


def _biases_too(p: Pass, layer: int) -> Floats:
    return bias_gradient(p, layer) + p.network.l2 * p.pairs[layer - 1][1]


def _loss_with(factor: float) -> dict[str, Rule]:
    return {"loss": lambda p: loss(p) + (factor - 1.0) * penalty(p.network, p.pairs)}


def _biases_in_loss(p: Pass) -> float:
    return loss(p) + 0.5 * p.network.l2 * sum(float((b * b).sum()) for _, b in p.pairs)


BUGS = (
    Bug(
        "penalty_gradient_missing",
        "the penalty is in the loss and not in the gradient",
        SITE,
        "0",
        "{l2 * W}",
        "The penalty is added to the loss when it is printed, and forgotten on the way back.",
        "Add {l2 * W} to the weight gradient.",
        _penalty(lambda p, w: np.zeros_like(w)),
        "weights",
        "l2 = 0",
        _NET,
    ),
    Bug(
        "penalty_gradient_doubled",
        "the penalty's gradient is twice what it should be",
        SITE,
        "{2 * l2 * W}",
        "{l2 * W}",
        "The derivative of a square is written down, and the half of the penalty is forgotten.",
        "With l2/2 W^2 in the loss the 2 cancels: add {l2 * W}.",
        _penalty(lambda p, w: 2.0 * w),
        "weights",
        "l2 = 0",
        _NET,
    ),
    Bug(
        "penalty_gradient_halved",
        "the half of the penalty is left in its gradient",
        SITE,
        "{l2 * W / 2}",
        "{l2 * W}",
        "The half of the loss is carried over, and the 2 of the square is not.",
        "Add the derivative of the penalty that is in the loss: {l2 * W}.",
        _penalty(lambda p, w: 0.5 * w),
        "weights",
        "l2 = 0",
        _NET,
    ),
    Bug(
        "penalty_divided_by_samples",
        "the penalty's gradient is divided by the batch size",
        SITE,
        "{l2 * W / N}",
        "{l2 * W}",
        "The penalty stands inside the bracket that is divided by N.",
        "Add {l2 * W} after the division: the penalty is not a mean over samples.",
        _penalty(lambda p, w: w / len(p.y)),
        "weights",
        "l2 = 0; a batch of one",
        _NET,
    ),
    Bug(
        "penalty_added_for_each_sample",
        "the penalty's gradient is added once for each sample",
        SITE,
        "{N * l2 * W}",
        "{l2 * W}",
        "It stands inside the loop over the samples.",
        "Add {l2 * W} once for the batch, not for each sample.",
        _penalty(lambda p, w: len(p.y) * w),
        "weights",
        "l2 = 0; a batch of one",
        _NET,
    ),
    Bug(
        "penalty_sign_lost",
        "the penalty's gradient is subtracted",
        SITE,
        "{-(l2 * W)}",
        "{l2 * W}",
        "The penalty makes weights smaller, and so a minus seems right.",
        "The minus is that of the step: the gradient has +{l2 * W}.",
        _penalty(lambda p, w: -w),
        "weights",
        "l2 = 0",
        _NET,
    ),
    Bug(
        "penalty_times_rate",
        "a learning rate is in the penalty's gradient",
        SITE,
        "{0.1 * l2 * W}",
        "{l2 * W}",
        "The line comes from an update with weight decay.",
        "Multiply by the rate in the update only.",
        _penalty(lambda p, w: OWN_RATE * w),
        "weights",
        "l2 = 0; a rate of 1",
        _NET,
    ),
    Bug(
        "biases_penalised",
        "the biases are penalised in the gradient and not in the loss",
        SITE,
        "{db + l2 * b}",
        "{db}",
        "One loop adds the penalty to all parameters alike.",
        "Add the penalty to the weights only, as the loss does.",
        {"bias_gradient": _biases_too},
        "biases",
        "l2 = 0; biases of zero",
        _NET,
    ),
    Bug(
        "penalty_of_absolute_weights",
        "the penalty's gradient is that of absolute weights",
        SITE,
        "{l2 * sign(W)}",
        "{l2 * W}",
        "It is the gradient of an L1 penalty.",
        "For a penalty of squares add {l2 * W}.",
        _penalty(lambda p, w: np.sign(w)),
        "weights",
        "l2 = 0; weights of exactly 1 or -1",
        _NET,
    ),
    Bug(
        "penalty_made_positive",
        "the penalty's gradient has lost the sign of the weights",
        SITE,
        "{l2 * abs(W)}",
        "{l2 * W}",
        "A penalty is thought of as positive.",
        "Keep the sign: {l2 * W}.",
        _penalty(lambda p, w: np.abs(w)),
        "weights",
        "l2 = 0; weights that are all positive",
        _NET,
    ),
    Bug(
        "penalty_of_squared_weights",
        "the penalty itself is added to the gradient",
        SITE,
        "{l2 * W**2 / 2}",
        "{l2 * W}",
        "The term of the loss is copied, and not derived.",
        "Add the derivative of the penalty: {l2 * W}.",
        _penalty(lambda p, w: 0.5 * w * w),
        "weights",
        "l2 = 0; weights of exactly 0 or 2",
        _NET,
    ),
    Bug(
        "penalty_norm_not_squared",
        "the penalty's gradient is that of a norm without its square",
        SITE,
        "{l2 * W} / ||{W}||",
        "{l2 * W}",
        "np.linalg.norm(W) is taken for the sum of squares.",
        "Penalise the square of the norm: its gradient is {l2 * W}.",
        _penalty(lambda p, w: w / max(float(np.linalg.norm(w)), 1e-30)),
        "weights",
        "l2 = 0; weights of norm 1",
        _NET,
    ),
    Bug(
        "first_row_not_penalised",
        "the weights of the first input are not penalised",
        SITE,
        "{l2 * W}, but 0 from the first input",
        "{l2 * W}",
        "theta[0] was the bias in another layout, and is left out of the penalty.",
        "With the bias apart penalise every {input} of {W}.",
        _penalty(_first_row_free),
        "weights",
        "l2 = 0",
        _NET,
    ),
    Bug(
        "penalty_missing_in_loss",
        "the penalty is in the gradient and not in the loss",
        SITE,
        "loss = data",
        "loss = data + l2/2 sum W^2",
        "Weight decay is added to the gradient, and the loss is printed without it.",
        "Add l2/2 * sum(W**2) to the loss.",
        _loss_with(0.0),
        "whole",
        "l2 = 0",
        _NET,
    ),
    Bug(
        "penalty_half_missing_in_loss",
        "the penalty in the loss lacks its half",
        SITE,
        "loss = data + l2 sum W^2",
        "loss = data + l2/2 sum W^2",
        "The gradient l2 W is written first, and the loss is guessed from it.",
        "Put the half back, or use 2 * l2 * W in the gradient.",
        _loss_with(2.0),
        "whole",
        "l2 = 0",
        _NET,
    ),
    Bug(
        "biases_penalised_in_loss",
        "the biases are penalised in the loss and not in the gradient",
        SITE,
        "loss = data + l2/2 (sum W^2 + sum b^2)",
        "loss = data + l2/2 sum W^2",
        "One loop sums the squares of all parameters.",
        "Leave the biases out of the penalty, as the gradient does.",
        {"loss": _biases_in_loss},
        "whole",
        "l2 = 0; biases of zero",
        _NET,
    ),
)
