"""Bugs on the way from one layer's delta to the one below: through the wrong weights."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.networks.bugs.bug import Bug, Free
from gradcheck.networks.bugs.textbook import Pass, Rule, propagate
from gradcheck.networks.bugs.wrong_parts import OWN_RATE, width
from gradcheck.networks.problem import Floats

SITE = "delta_recursion"

_WIDE = "2-3-2 tanh,identity half_squared_error"
_SQUARE = "3-3-3 tanh,identity half_squared_error"


def _through(matrix: Callable[[Floats], Any]) -> dict[str, Rule]:
    """Go back through another matrix than W: ``delta' matrix(W')^T``."""

    def rule(p: Pass, layer: int) -> Floats:
        back: Floats = p.delta[layer + 1] @ matrix(p.weights(layer + 1)).T
        return back

    return {"propagate": rule}


def _not_transposed(p: Pass, layer: int) -> Floats:
    w = p.weights(layer + 1)
    if w.shape[0] != w.shape[1]:
        return propagate(p, layer)  # elsewhere the shapes would not fit, and it was noticed
    back: Floats = p.delta[layer + 1] @ w
    return back


def _updated(p: Pass, layer: int, rate: float) -> Floats:
    w, dw = p.weights(layer + 1), p.grads[layer + 1][0]
    back: Floats = p.delta[layer + 1] @ (w - rate * dw).T
    return back


def _own_weights(p: Pass, layer: int) -> Floats:
    if not width(p, layer - 1) == width(p, layer) == width(p, layer + 1):
        return propagate(p, layer)
    back: Floats = p.delta[layer + 1] @ p.weights(layer).T
    return back


def _bias_row_kept(p: Pass, layer: int) -> Floats:
    w, b = p.pairs[layer]
    back: Floats = p.delta[layer + 1] @ np.vstack([b, w])[:-1].T
    return back


def _shares(w: Floats) -> Floats:
    total = w.sum(axis=0)
    return w / np.where(total == 0, 1.0, total)


_INSIDE = Free(
    "learning_rate",
    lambda rate: {"propagate": lambda p, layer: _updated(p, layer, rate)},
    "{delta[up] @ (W[up] - # * dW[up]).T}",
    OWN_RATE,
)

_TWICE = Free(
    "learning_rate",
    lambda rate: {
        "propagate": lambda p, layer: propagate(p, layer) + _updated(p, layer, rate),
    },
    "{delta[up] @ (2 * W[up] - # * dW[up]).T}",
    OWN_RATE,
)

BUGS = (
    Bug(
        "first_output_weight_reused",
        "one weight serves every output in the hidden delta",
        SITE,
        "sum_k {delta[up].k} {W[up][j,0]}",
        "sum_k {delta[up].k} {W[up][j,k]}",
        "A line is copied from one output to the next and its index is not changed.",
        "Give each output its own weight: {code(delta[up] @ W[up].T)}.",
        _through(lambda w: w[:, :1] + np.zeros_like(w)),
        "hidden",
        "one unit in the layer above",
        _WIDE,
    ),
    Bug(
        "transpose_missing",
        "the weights are {turned} on the way back",
        SITE,
        "{delta[up] @ W[up]}",
        "{delta[up] @ W[up].T}",
        "On a square layer the shapes fit either way, so nothing complains.",
        "Go back through the weights as {code(delta[up] @ W[up].T)}.",
        {"propagate": _not_transposed},
        "hidden",
        "layers that are not square, where it raises and is noticed; symmetric weights",
        _SQUARE,
    ),
    Bug(
        "weights_reshaped_not_transposed",
        "the weights are reshaped where they should be transposed",
        SITE,
        "{delta[up] @ reshaped_back(W[up])}",
        "{delta[up] @ W[up].T}",
        "reshape gives the shape that is asked for, and nothing complains.",
        "Write {code(delta[up] @ W[up].T)}: a reshape keeps the order and moves the numbers.",
        _through(lambda w: w.reshape(w.shape[::-1]).T),
        "hidden",
        "one unit in this layer or the one above",
        _WIDE,
    ),
    Bug(
        "weights_updated_before_hidden_delta",
        "the weights are updated before the hidden delta reads them",
        SITE,
        "{delta[up] @ (W[up] - rate * dW[up]).T}",
        "{delta[up] @ W[up].T}",
        "Going backwards, each layer is updated as soon as its gradient is known.",
        "Compute every gradient first, then update; or keep a copy of the old weights.",
        {"propagate": lambda p, layer: _updated(p, layer, p.learning_rate or 0.0)},
        "hidden",
        "the gradient alone, without a step; a small rate; one layer",
        _WIDE,
    ),
    Bug(
        "weights_updated_inside_gradient",
        "the gradient of a layer is taken through weights that are updated already",
        SITE,
        "{delta[up] @ (W[up] - 0.1 * dW[up]).T}",
        "{delta[up] @ W[up].T}",
        "The backward pass updates as it goes, by a rate of its own.",
        "Compute every gradient first, then update; or keep a copy of the old weights.",
        _INSIDE.rules(OWN_RATE),
        "hidden",
        "a small rate: the error is the rate's size; one layer",
        _WIDE,
        free=_INSIDE,
    ),
    Bug(
        "delta_added_before_and_after_update",
        "the hidden delta is summed twice, before and after the update",
        SITE,
        "{delta[up] @ (2 * W[up] - 0.1 * dW[up]).T}",
        "{delta[up] @ W[up].T}",
        "Two loops over the weights each add to the same sum, one of them after the update.",
        "Add delta * W once, before the weights change.",
        _TWICE.rules(OWN_RATE),
        "hidden",
        "one layer",
        _WIDE,
        free=_TWICE,
    ),
    Bug(
        "weights_left_out",
        "the deltas of the layer above are summed without their weights",
        SITE,
        "sum_k {delta[up].k}",
        "sum_k {delta[up].k} {W[up][j,k]}",
        "The sum over the layer above is written, and the weight forgotten.",
        "Multiply each delta by the weight that it came through.",
        _through(np.ones_like),
        "hidden",
        "weights of exactly 1",
        _WIDE,
    ),
    Bug(
        "weights_made_shares",
        "each weight is divided by the sum of the weights into its unit",
        SITE,
        "sum_k {delta[up].k} {W[up][j,k]} / sum_i {W[up][i,k]}",
        "sum_k {delta[up].k} {W[up][j,k]}",
        "The error is split by shares of blame, as a popular book explains it.",
        "Multiply by the weight itself: that is what the chain rule gives.",
        _through(_shares),
        "hidden",
        "weights that sum to 1",
        _WIDE,
    ),
    Bug(
        "pseudo_inverse_for_transpose",
        "the error is sent back through the inverse of the weights",
        SITE,
        "{delta[up] @ pinv(W[up])}",
        "{delta[up] @ W[up].T}",
        "Going back seems to ask for the inverse of going forth.",
        "The chain rule asks for {delta[up] @ W[up].T}, not for an inverse.",
        _through(lambda w: np.linalg.pinv(w).T if np.isfinite(w).all() else w),
        "hidden",
        "orthogonal weights",
        _WIDE,
    ),
    Bug(
        "absolute_weights",
        "the error is sent back through absolute weights",
        SITE,
        "sum_k {delta[up].k} |{W[up][j,k]}|",
        "sum_k {delta[up].k} {W[up][j,k]}",
        "A share of blame cannot be negative, it seems.",
        "Keep the sign of the weight.",
        _through(np.abs),
        "hidden",
        "weights that are all positive",
        _WIDE,
    ),
    Bug(
        "deltas_averaged_not_summed",
        "the deltas of the layer above are averaged",
        SITE,
        "mean_k {delta[up].k} {W[up][j,k]}",
        "sum_k {delta[up].k} {W[up][j,k]}",
        "A mean keeps the numbers small, or np.mean is typed for np.sum.",
        "Sum over the units of the layer above.",
        _through(lambda w: w / w.shape[1]),
        "hidden",
        "one unit in the layer above",
        _WIDE,
    ),
    Bug(
        "only_first_output_propagated",
        "only the first unit of the layer above sends its delta back",
        SITE,
        "{delta[up]._0} {W[up][j,0]}",
        "sum_k {delta[up].k} {W[up][j,k]}",
        "The code was written for one output and grew.",
        "Sum over all units of the layer above.",
        _through(lambda w: np.where(np.arange(w.shape[1]) == 0, w, 0.0)),
        "hidden",
        "one unit in the layer above",
        _WIDE,
    ),
    Bug(
        "hidden_delta_overwritten",
        "each output overwrites the hidden delta instead of adding to it",
        SITE,
        "{delta[up].n} {W[up][j,n]}, of the last output n",
        "sum_k {delta[up].k} {W[up][j,k]}",
        "= is typed for += in the loop over the layer above.",
        "Start from zero and add: several paths lead to a hidden unit.",
        _through(lambda w: np.where(np.arange(w.shape[1]) == w.shape[1] - 1, w, 0.0)),
        "hidden",
        "one unit in the layer above",
        _WIDE,
    ),
    Bug(
        "weights_of_own_layer",
        "the delta goes back through the weights of its own layer",
        SITE,
        "{delta[l+1] @ W[l].T}",
        "{delta[l+1] @ W[l+1].T}",
        "The list of weights counts from 0 or from 1, and the index is off by one.",
        "Use the weights between this layer and the one above.",
        {"propagate": _own_weights},
        "hidden",
        "layers of unequal width, where it raises and is noticed",
        _SQUARE,
    ),
    Bug(
        "bias_row_not_removed",
        "the bias {input} is left in, and every weight is read one {input} too early",
        SITE,
        "sum_k {delta[up].k} times what stands one {input} before {W[up][j,k]}",
        "sum_k {delta[up].k} {W[up][j,k]}",
        "Bias and weights share one matrix, and the wrong {input} of it is removed.",
        "Remove the {input} of the bias: it leads to no unit of the layer below.",
        {"propagate": _bias_row_kept},
        "hidden",
        "weights that equal their bias",
        _WIDE,
    ),
)
