"""Bugs on the way from one layer's delta to the one below: another delta, or a changed one."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.networks.bugs.bug import Bug
from gradcheck.networks.bugs.textbook import Pass, Rule, hidden_delta, loss_derivative, propagate
from gradcheck.networks.bugs.wrong_parts import OWN_RATE, logarithmic, width
from gradcheck.networks.problem import Floats

SITE = "delta_recursion"

_WIDE = "2-3-2 tanh,identity half_squared_error"


def _afterwards(change: Callable[[Pass, Floats], Any]) -> dict[str, Rule]:
    """Do something to what came back through the weights."""

    def rule(p: Pass, layer: int) -> Floats:
        back: Floats = change(p, propagate(p, layer))
        return back

    return {"propagate": rule}


def _error(p: Pass, layer: int) -> Floats:
    """The raw error of a layer: no slope has been multiplied in on the way."""
    if layer < p.last:
        back: Floats = _error(p, layer + 1) @ p.weights(layer + 1).T
        return back
    return p.delta[p.last] if logarithmic(p) else loss_derivative(p)


def _raw_error(p: Pass, layer: int) -> Floats:
    back: Floats = _error(p, layer + 1) @ p.weights(layer + 1).T
    return back


def _output_delta_again(p: Pass, layer: int) -> Floats:
    if width(p, p.last) != width(p, layer + 1):
        return propagate(p, layer)
    back: Floats = p.delta[p.last] @ p.weights(layer + 1).T
    return back


def _dot(p: Pass, layer: int) -> Floats:
    delta = hidden_delta(p, layer)
    return np.repeat(delta.sum(axis=1, keepdims=True), delta.shape[1], axis=1)


def _first_skipped(p: Pass, back: Floats) -> Floats:
    return np.where(np.arange(back.shape[1]) == 0, 0.0, back)


BUGS = (
    Bug(
        "sum_not_reset",
        "the sum is not set back to zero for the next hidden unit",
        SITE,
        "sum_(i <= j) sum_k {delta[up].k} {W[up][i,k]}",
        "sum_k {delta[up].k} {W[up][j,k]}",
        "error = 0 stands outside the loop over the hidden units.",
        "Set the sum to zero inside the loop, for every unit.",
        _afterwards(lambda p, back: np.cumsum(back, axis=1)),
        "hidden",
        "one unit in this layer; the first unit",
        _WIDE,
    ),
    Bug(
        "raw_error_passed_back",
        "the error is passed back in place of the delta",
        SITE,
        "{e @ W[up].T}, with e the error of the layer above without slopes (at the outputs "
        "{loss: (a - y)}, below what was passed back)",
        "{delta[up] @ W[up].T}, with {slope(z[up])} in {delta[up]}",
        "'The error of the hidden layer is {e @ W[up].T}', books say: slopes are missing.",
        "Pass back the delta, which has the derivative of the layer above multiplied in.",
        {"propagate": _raw_error},
        "hidden",
        "identity above; the logarithmic losses in the last hidden layer",
        "2-3-2 tanh,sigmoid half_squared_error",
    ),
    Bug(
        "output_delta_for_every_layer",
        "every hidden layer gets the delta of the output",
        SITE,
        "{delta[L] @ W[l+1].T}",
        "{delta[l+1] @ W[l+1].T}",
        "The variable delta is not overwritten as the loop goes down.",
        "Use the delta of the layer just above.",
        {"propagate": _output_delta_again},
        "hidden",
        "one hidden layer; layers of unequal width, where it raises and is noticed",
        "3-3-3-3 tanh,tanh,identity half_squared_error",
    ),
    Bug(
        "gradient_cut",
        "nothing is passed back to the layers below",
        SITE,
        "0",
        "{delta[up] @ W[up].T}",
        "A detach, a copy or a zeroed array cuts the graph.",
        "Let the backward pass go on to the first layer: pass the delta through the weights.",
        _afterwards(lambda p, back: np.zeros_like(back)),
        "hidden",
        "one layer",
        _WIDE,
    ),
    Bug(
        "batch_mean_at_every_layer",
        "the delta is divided by the batch size at every layer",
        SITE,
        "{delta[up] @ W[up].T / N}",
        "{delta[up] @ W[up].T}",
        "A function for one layer divides by N, and is called for each.",
        "Divide once, when the gradient of a tensor is formed.",
        _afterwards(lambda p, back: back / len(p.y)),
        "hidden",
        "a batch of one",
        _WIDE,
    ),
    Bug(
        "delta_averaged_over_batch",
        "every sample gets the mean delta of the batch",
        SITE,
        "mean over samples of {delta[up] @ W[up].T}",
        "{delta[up] @ W[up].T}, for each sample",
        "The delta is averaged over the batch too early, to make the shapes fit.",
        "Keep one {sample} a sample, and average the gradients.",
        _afterwards(lambda p, back: back.mean(axis=0) + np.zeros_like(back)),
        "hidden",
        "a batch of one, equal rows",
        _WIDE,
    ),
    Bug(
        "hidden_delta_negated",
        "the sign turns at every hidden layer",
        SITE,
        "{-(delta[up] @ W[up].T)}",
        "{delta[up] @ W[up].T}",
        "The minus of the step or of the error is put into the recursion.",
        "Leave signs to the error and to the step.",
        _afterwards(lambda p, back: -back),
        "hidden",
        "every second layer, where two of them cancel",
        _WIDE,
    ),
    Bug(
        "learning_rate_inside_delta",
        "the learning rate is multiplied into the delta",
        SITE,
        "{0.1 * (delta[up] @ W[up].T)}",
        "{delta[up] @ W[up].T}",
        "delta is taken for the step, and passed back with its rate.",
        "Multiply by the rate once, in the update.",
        _afterwards(lambda p, back: OWN_RATE * back),
        "hidden",
        "a rate of 1",
        _WIDE,
    ),
    Bug(
        "delta_is_dot_product",
        "one number is made of the hidden delta by np.dot",
        SITE,
        "sum_j d_j phi'({z.j}), for every unit",
        "d_j phi'({z.j})",
        "np.dot is typed where entries are to be multiplied.",
        "Multiply entry by entry: * in place of np.dot.",
        {"hidden_delta": _dot},
        "hidden",
        "one unit in this layer",
        _WIDE,
    ),
    Bug(
        "first_hidden_unit_skipped",
        "the first hidden unit gets no delta",
        SITE,
        "{delta._0} = 0",
        "{delta._0} = sum_k {delta[up].k} {W[up][0,k]} phi'({z._0})",
        "A loop starts at 1, because 0 was the bias in another layout.",
        "Let the loop start at the first unit.",
        _afterwards(_first_skipped),
        "hidden",
        "nowhere",
        _WIDE,
    ),
)
