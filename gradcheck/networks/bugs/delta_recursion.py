"""Bugs on the way from one layer's delta to the one below."""

from functools import partial

import numpy as np

from gradcheck.networks.bugs.bug import OWN_RATE, Bug, Free, Site
from gradcheck.networks.bugs.textbook import Pass, Rule, after, loss_derivative, propagate
from gradcheck.networks.problem import Floats

SITE = Site(
    "delta_recursion",
    "the way from one layer's delta to the one below",
    parts=("delta",),
    in_layer=(
        "the delta is not {{delta[up] @ W[up].T{times}}}",
        "Look at the lines that form it: what is carried down from layer {above}{slope}.",
    ),
)

_SQUARE = "3-3-3 tanh,identity half_squared_error"


def _through(matrix: Rule) -> dict[str, Rule]:
    """Go back through another matrix than W: ``delta' matrix(W')^T``."""
    return {"propagate": lambda p, layer: p.delta[layer + 1] @ matrix(p.weights(layer + 1)).T}


def _not_transposed(p: Pass, layer: int) -> Floats:
    w = p.weights(layer + 1)
    if w.shape[0] != w.shape[1]:
        return propagate(p, layer)  # elsewhere the shapes would not fit, and it was noticed
    return p.delta[layer + 1] @ w


def _updated(p: Pass, layer: int, rate: float) -> Floats:
    w, dw = p.weights(layer + 1), p.grads[layer + 1][0]
    return p.delta[layer + 1] @ (w - rate * dw).T


def _own_weights(p: Pass, layer: int) -> Floats:
    if not p.width(layer - 1) == p.width(layer) == p.width(layer + 1):
        return propagate(p, layer)
    return p.delta[layer + 1] @ p.weights(layer).T


def _bias_row_kept(p: Pass, layer: int) -> Floats:
    w, b = p.pairs[layer]
    return p.delta[layer + 1] @ np.vstack([b, w])[:-1].T


def _shares(w: Floats) -> Floats:
    total = w.sum(axis=0)
    return w / np.where(total == 0, 1.0, total)


def _error(p: Pass, layer: int) -> Floats:
    """The raw error of a layer: no slope has been multiplied in on the way."""
    if layer < p.last:
        return _error(p, layer + 1) @ p.weights(layer + 1).T
    return p.delta[p.last] if p.cancels else loss_derivative(p)


def _output_delta_again(p: Pass, layer: int) -> Floats:
    return p.delta[p.fitting(layer + 1, p.last)] @ p.weights(layer + 1).T


_bug = partial(Bug, SITE, right="{delta[up] @ W[up].T}", strikes="hidden")
_by_unit = partial(
    _bug, right="sum_k {delta[up].k} {W[up][j,k]}", hides="one unit in the layer above"
)

BUGS = {
    "first_output_weight_reused": _by_unit(
        "one weight serves every output in the hidden delta",
        wrong="sum_k {delta[up].k} {W[up][j,0]}",
        why="A line is copied from one output to the next and its index is not changed.",
        mend="Give each output its own weight: {code(delta[up] @ W[up].T)}.",
        rules=_through(lambda w: w[:, :1] + np.zeros_like(w)),
    ),
    "transpose_missing": _bug(
        "the weights are {turned} on the way back",
        wrong="{delta[up] @ W[up]}",
        why="On a square layer the shapes fit either way, so nothing complains.",
        mend="Go back through the weights as {code(delta[up] @ W[up].T)}.",
        hides="layers that are not square, where it raises and is noticed; symmetric weights",
        rules={"propagate": _not_transposed},
        example=_SQUARE,
    ),
    "weights_reshaped_not_transposed": _bug(
        "the weights are reshaped where they should be transposed",
        wrong="{delta[up] @ reshaped_back(W[up])}",
        why="reshape gives the shape that is asked for, and nothing complains.",
        mend="Write {code(delta[up] @ W[up].T)}: a reshape keeps the order and moves the numbers.",
        hides="one unit in this layer or the one above",
        rules=_through(lambda w: w.reshape(w.shape[::-1]).T),
    ),
    "weights_updated_before_hidden_delta": _bug(
        "the weights are updated before the hidden delta reads them",
        wrong="{delta[up] @ (W[up] - rate * dW[up]).T}",
        why="Going backwards, each layer is updated as soon as its gradient is known.",
        mend="Compute every gradient first, then update; or keep a copy of the old weights.",
        hides="the gradient alone, without a step; a small rate; one layer",
        rules={"propagate": lambda p, layer: _updated(p, layer, p.learning_rate or 0.0)},
    ),
    "weights_updated_inside_gradient": _bug(
        "the gradient of a layer is taken through weights that are updated already",
        why="The backward pass updates as it goes, by a rate of its own.",
        mend="Compute every gradient first, then update; or keep a copy of the old weights.",
        hides="a small rate: the error is the rate's size; one layer",
        **Free(
            "learning_rate",
            lambda rate: {"propagate": lambda p, layer: _updated(p, layer, rate)},
            "{delta[up] @ (W[up] - # * dW[up]).T}",
        ).with_number(OWN_RATE),
    ),
    "delta_added_before_and_after_update": _bug(
        "the hidden delta is summed twice, before and after the update",
        why="Two loops over the weights each add to the same sum, one of them after the update.",
        mend="Add delta * W once, before the weights change.",
        hides="one layer",
        **Free(
            "learning_rate",
            lambda rate: after("propagate", lambda p, layer, back: back + _updated(p, layer, rate)),
            "{delta[up] @ (2 * W[up] - # * dW[up]).T}",
        ).with_number(OWN_RATE),
    ),
    "weights_left_out": _by_unit(
        "the deltas of the layer above are summed without their weights",
        wrong="sum_k {delta[up].k}",
        why="The sum over the layer above is written, and the weight forgotten.",
        mend="Multiply each delta by the weight that it came through.",
        hides="weights of exactly 1",
        rules=_through(np.ones_like),
    ),
    "weights_made_shares": _by_unit(
        "each weight is divided by the sum of the weights into its unit",
        wrong="sum_k {delta[up].k} {W[up][j,k]} / sum_i {W[up][i,k]}",
        why="The error is split by shares of blame, as a popular book explains it.",
        mend="Multiply by the weight itself: that is what the chain rule gives.",
        hides="weights that sum to 1",
        rules=_through(_shares),
    ),
    "pseudo_inverse_for_transpose": _bug(
        "the error is sent back through the inverse of the weights",
        wrong="{delta[up] @ pinv(W[up])}",
        why="Going back seems to ask for the inverse of going forth.",
        mend="The chain rule asks for {delta[up] @ W[up].T}, not for an inverse.",
        hides="orthogonal weights",
        rules=_through(lambda w: np.linalg.pinv(w).T if np.isfinite(w).all() else w),
    ),
    "absolute_weights": _by_unit(
        "the error is sent back through absolute weights",
        wrong="sum_k {delta[up].k} |{W[up][j,k]}|",
        why="A share of blame cannot be negative, it seems.",
        mend="Keep the sign of the weight.",
        hides="weights that are all positive",
        rules=_through(np.abs),
    ),
    "deltas_averaged_not_summed": _by_unit(
        "the deltas of the layer above are averaged",
        wrong="mean_k {delta[up].k} {W[up][j,k]}",
        why="A mean keeps the numbers small, or np.mean is typed for np.sum.",
        mend="Sum over the units of the layer above.",
        rules=_through(lambda w: w / w.shape[1]),
    ),
    "only_first_output_propagated": _by_unit(
        "only the first unit of the layer above sends its delta back",
        wrong="{delta[up]._0} {W[up][j,0]}",
        why="The code was written for one output and grew.",
        mend="Sum over all units of the layer above.",
        rules=_through(lambda w: np.where(np.arange(w.shape[1]) == 0, w, 0.0)),
    ),
    "hidden_delta_overwritten": _by_unit(
        "each output overwrites the hidden delta instead of adding to it",
        wrong="{delta[up].n} {W[up][j,n]}, of the last output n",
        why="= is typed for += in the loop over the layer above.",
        mend="Start from zero and add: several paths lead to a hidden unit.",
        rules=_through(lambda w: np.where(np.arange(w.shape[1]) == w.shape[1] - 1, w, 0.0)),
    ),
    "weights_of_own_layer": _bug(
        "the delta goes back through the weights of its own layer",
        wrong="{delta[l+1] @ W[l].T}",
        right="{delta[l+1] @ W[l+1].T}",
        why="The list of weights counts from 0 or from 1, and the index is off by one.",
        mend="Use the weights between this layer and the one above.",
        hides="layers of unequal width, where it raises and is noticed",
        rules={"propagate": _own_weights},
        example=_SQUARE,
    ),
    "bias_row_not_removed": _by_unit(
        "the bias {input} is left in, and every weight is read one {input} too early",
        wrong="sum_k {delta[up].k} times what stands one {input} before {W[up][j,k]}",
        why="Bias and weights share one matrix, and the wrong {input} of it is removed.",
        mend="Remove the {input} of the bias: it leads to no unit of the layer below.",
        hides="weights that equal their bias",
        rules={"propagate": _bias_row_kept},
    ),
    "sum_not_reset": _by_unit(
        "the sum is not set back to zero for the next hidden unit",
        wrong="sum_(i <= j) sum_k {delta[up].k} {W[up][i,k]}",
        why="error = 0 stands outside the loop over the hidden units.",
        mend="Set the sum to zero inside the loop, for every unit.",
        hides="one unit in this layer; the first unit",
        rules=after("propagate", lambda p, layer, back: np.cumsum(back, axis=1)),
    ),
    "raw_error_passed_back": _bug(
        "the error is passed back in place of the delta",
        wrong="{e @ W[up].T}, with e the error of the layer above without slopes (at the outputs "
        "{loss: (a - y)}, below what was passed back)",
        right="{delta[up] @ W[up].T}, with {slope(z[up])} in {delta[up]}",
        why="'The error of the hidden layer is {e @ W[up].T}', books say: slopes are missing.",
        mend="Pass back the delta, which has the derivative of the layer above multiplied in.",
        hides="identity above; the logarithmic losses in the last hidden layer",
        rules={"propagate": lambda p, layer: _error(p, layer + 1) @ p.weights(layer + 1).T},
        example="2-3-2 tanh,sigmoid half_squared_error",
    ),
    "output_delta_for_every_layer": _bug(
        "every hidden layer gets the delta of the output",
        wrong="{delta[L] @ W[l+1].T}",
        right="{delta[l+1] @ W[l+1].T}",
        why="The variable delta is not overwritten as the loop goes down.",
        mend="Use the delta of the layer just above.",
        hides="one hidden layer; layers of unequal width, where it raises and is noticed",
        rules={"propagate": _output_delta_again},
        example="3-3-3-3 tanh,tanh,identity half_squared_error",
    ),
    "gradient_cut": _bug(
        "nothing is passed back to the layers below",
        wrong="0",
        why="A detach, a copy or a zeroed array cuts the graph.",
        mend="Let the backward pass go on to the first layer: pass the delta through the weights.",
        hides="one layer",
        rules=after("propagate", lambda p, layer, back: np.zeros_like(back)),
    ),
    "batch_mean_at_every_layer": _bug(
        "the delta is divided by the batch size at every layer",
        wrong="{delta[up] @ W[up].T / N}",
        why="A function for one layer divides by N, and is called for each.",
        mend="Divide once, when the gradient of a tensor is formed.",
        hides="a batch of one",
        rules=after("propagate", lambda p, layer, back: back / len(p.y)),
    ),
    "delta_averaged_over_batch": _bug(
        "every sample gets the mean delta of the batch",
        wrong="mean over samples of {delta[up] @ W[up].T}",
        right="{delta[up] @ W[up].T}, for each sample",
        why="The delta is averaged over the batch too early, to make the shapes fit.",
        mend="Keep one {sample} a sample, and average the gradients.",
        hides="a batch of one, equal rows",
        rules=after("propagate", lambda p, layer, back: back.mean(axis=0) + np.zeros_like(back)),
    ),
    "hidden_delta_negated": _bug(
        "the sign turns at every hidden layer",
        wrong="{-(delta[up] @ W[up].T)}",
        why="The minus of the step or of the error is put into the recursion.",
        mend="Leave signs to the error and to the step.",
        hides="every second layer, where two of them cancel",
        rules=after("propagate", lambda p, layer, back: -back),
    ),
    "learning_rate_inside_delta": _bug(
        "the learning rate is multiplied into the delta",
        wrong="{0.1 * (delta[up] @ W[up].T)}",
        why="delta is taken for the step, and passed back with its rate.",
        mend="Multiply by the rate once, in the update.",
        hides="a rate of 1",
        rules=after("propagate", lambda p, layer, back: OWN_RATE * back),
    ),
    "delta_is_dot_product": _bug(
        "one number is made of the hidden delta by np.dot",
        wrong="sum_j d_j phi'({z.j}), for every unit",
        right="d_j phi'({z.j})",
        why="np.dot is typed where entries are to be multiplied.",
        mend="Multiply entry by entry: * in place of np.dot.",
        hides="one unit in this layer",
        rules=after(
            "hidden_delta", lambda p, layer, d: np.zeros_like(d) + d.sum(axis=1, keepdims=True)
        ),
    ),
    "first_hidden_unit_skipped": _bug(
        "the first hidden unit gets no delta",
        wrong="{delta._0} = 0",
        right="{delta._0} = sum_k {delta[up].k} {W[up][0,k]} phi'({z._0})",
        why="A loop starts at 1, because 0 was the bias in another layout.",
        mend="Let the loop start at the first unit.",
        rules=after(
            "propagate", lambda p, layer, back: np.where(np.arange(back.shape[1]) == 0, 0.0, back)
        ),
    ),
}
