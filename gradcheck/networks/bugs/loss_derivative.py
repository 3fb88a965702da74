"""Bugs in the derivative of the loss: wrong from the last layer down."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradcheck.networks.bugs.bug import Bug, Site
from gradcheck.networks.bugs.textbook import (
    Pass,
    Rule,
    after,
    loss_derivative,
    output_delta,
    softmax_product,
)
from gradcheck.networks.problem import Floats

SITE = Site(
    "loss_derivative",
    "the delta of the output",
    parts=("delta",),
    in_layer=(
        "the delta of the outputs is not {outputs}",
        "Look at the lines that form it: the error of the outputs{slope}.",
    ),
)

_SIGMOID = "2-3-2 tanh,sigmoid half_squared_error"
_SOFTMAX = "2-3-3 tanh,softmax half_squared_error"


def _with_targets(targets: Rule) -> dict[str, Rule]:
    """Put ``targets(p)`` in the place of y."""
    return {"output_delta": lambda p: output_delta(replace(p, y=targets(p)))}


def _of_residual(wrong: Rule) -> dict[str, Rule]:
    """Put ``wrong(a - y)`` in the place of a - y, whatever the loss makes of it."""
    return _with_targets(lambda p: p.a[p.last] - wrong(p.a[p.last] - p.y))


def _factor(factor: float, *losses: str) -> dict[str, Rule]:
    return after("output_delta", lambda p, d: factor * d if p.network.loss in losses else d)


def _slope_in_spite(p: Pass, delta: Floats) -> Floats:
    a = p.a[p.last]
    return delta * a * (1.0 - a) if p.cancels else delta


def _diagonal(p: Pass) -> Floats:
    a = p.a[p.last]
    if p.network.loss == "cross_entropy":
        return -p.y * (1.0 - a)
    if p.network.activations[-1] == "softmax":
        return loss_derivative(p) * a * (1.0 - a)
    return output_delta(p)


def _off_diagonal_sign(p: Pass) -> Any:
    a = p.a[p.last]
    if p.network.loss == "cross_entropy":
        return p.y * (2.0 * a - 1.0) - a * p.y.sum(axis=1, keepdims=True)
    if p.network.activations[-1] != "softmax":
        return output_delta(p)
    upstream = loss_derivative(p)
    return 2.0 * a * (1.0 - a) * upstream - softmax_product(p, upstream)


def _divided_by_outputs(p: Pass, delta: Floats) -> Floats:
    return delta if p.network.loss == "mean_squared_error" else delta / p.y.shape[1]


def _not_divided_by_outputs(p: Pass, delta: Floats) -> Floats:
    return delta * (p.y.shape[1] if p.network.loss == "mean_squared_error" else 1)


def _positives_only(p: Pass, delta: Floats) -> Floats:
    one_term = p.network.loss == "binary_cross_entropy"
    return -p.y * (1.0 - p.a[p.last]) if one_term else delta


def _broadcast_targets(p: Pass) -> Floats:
    """(N,) minus (N, 1) is (N, N), and a sum makes a column of it again."""
    a, y = p.a[p.last], p.y
    return a - (a - y if y.shape[1] != 1 else len(y) * a - y.sum())


def _last_output_skipped(p: Pass, delta: Floats) -> Floats:
    delta = delta.copy()
    if delta.shape[1] > 1:
        delta[:, -1] = 0.0
    return delta


_bug = partial(Bug, SITE, right="{loss: (a - y)}", strikes="output")

BUGS = {
    "output_error_sign_lost": _bug(
        "the error of the outputs has the wrong sign",
        wrong="{loss: (y - a)}",
        why="-(y - a) loses its minus, or 'target minus output' is taken for the derivative.",
        mend="Subtract the target from the output: the error is a - y.",
        rules=after("output_delta", lambda p, delta: -delta),
    ),
    "factor_two_extra": _bug(
        "a factor 2 stands before the error that the loss does not have",
        wrong="{twice the loss: (a - y)}",
        why="The derivative of a square is written down, and the half of the loss is forgotten.",
        mend="Use the derivative of the loss that you report: {loss: (a - y)}.",
        hides="the logarithmic losses",
        rules=_factor(2.0, "half_squared_error", "squared_error", "mean_squared_error"),
    ),
    "factor_two_missing": _bug(
        "the factor 2 of a squared error is left out",
        wrong="{half the loss: (a - y)}",
        why="The derivative is that of half the squared error, which most books use.",
        mend="The derivative of (a - y)^2 is 2 (a - y): use {loss: (a - y)}.",
        hides="half_squared_error and the logarithmic losses",
        rules=_factor(0.5, "squared_error", "mean_squared_error"),
        example="2-3-2 tanh,identity squared_error",
    ),
    "output_delta_without_derivative": _bug(
        "the output's delta lacks the derivative of its activation",
        wrong="{loss: (a - y)}",
        right="{loss: (a - y) * phi'(z)}",
        why="It is copied from a sigmoid or softmax with its logarithmic loss, where it is right.",
        mend="With a squared error multiply by phi'(z) of the output layer.",
        hides="identity output; the logarithmic losses, where it is right",
        rules={"output_delta": lambda p: output_delta(p) if p.cancels else loss_derivative(p)},
        example=_SIGMOID,
    ),
    "logarithmic_loss_times_derivative": _bug(
        "the derivative is multiplied in where it cancels",
        wrong="(a - y) a (1 - a)",
        right="a - y",
        why="Every other layer has the factor, and the code of a squared error is kept.",
        mend="With the logarithmic loss of its kind the slope cancels: the delta is a - y.",
        hides="the squared losses, where it is right",
        rules=after("output_delta", _slope_in_spite),
        example="2-3-2 tanh,sigmoid binary_cross_entropy",
    ),
    "softmax_jacobian_diagonal": _bug(
        "only the diagonal of softmax's Jacobian is used",
        wrong="u_j a_j (1 - a_j)",
        right="a_j (u_j - sum_k u_k a_k)",
        why="softmax is treated entry by entry, as a sigmoid is.",
        mend="Every output depends on every z: subtract the sum over k; a - y with cross entropy.",
        hides="any other output activation",
        rules={"output_delta": _diagonal},
        example=_SOFTMAX,
        activation="softmax",
    ),
    "softmax_off_diagonal_sign": _bug(
        "the off-diagonal part of softmax's Jacobian has the wrong sign",
        wrong="da_k / dz_j = +a_k a_j for j != k",
        right="da_k / dz_j = -a_k a_j for j != k",
        why="A minus is lost in the quotient rule.",
        mend="When one share grows the others shrink: off the diagonal write -a_k * a_j.",
        hides="any other output activation; one output",
        rules={"output_delta": _off_diagonal_sign},
        example=_SOFTMAX,
        activation="softmax",
    ),
    "absolute_error_for_squared": _bug(
        "the sign of the error stands for the error",
        wrong="{loss: sign(a - y)}",
        why="It is the derivative of the absolute error |a - y|.",
        mend="Use the derivative of the loss that you report: {loss: (a - y)}.",
        hides="errors of exactly 1",
        rules=_of_residual(np.sign),
    ),
    "error_made_positive": _bug(
        "the error is made positive",
        wrong="{loss: |a - y|}",
        why="The error is a size when it is printed, and the same variable is passed back.",
        mend="Pass the signed error back.",
        hides="outputs that are all too large",
        rules=_of_residual(np.abs),
    ),
    "error_squared": _bug(
        "the squared error is passed back",
        wrong="{loss: (a - y)^2}",
        why="The loss itself is taken for its derivative.",
        mend="Pass back the derivative of the loss, {loss: (a - y)}, not its value.",
        hides="errors of exactly 0 or 1",
        rules=_of_residual(np.square),
    ),
    "mean_over_outputs_extra": _bug(
        "the derivative is divided by the number of outputs",
        wrong="{loss: (a - y) / n}",
        why="A mean is taken over all entries of a matrix, outputs included.",
        mend="Divide only by what the loss is divided by.",
        hides="one output; mean_squared_error, where it is right",
        rules=after("output_delta", _divided_by_outputs),
    ),
    "mean_over_outputs_missing": _bug(
        "the derivative is not divided by the number of outputs",
        wrong="2 (a - y)",
        right="2 (a - y) / n",
        why="The loss is a mean over samples and outputs, the gradient a mean over samples.",
        mend="Divide by the number of outputs, as mean_squared_error does.",
        hides="one output; the other losses",
        rules=after("output_delta", _not_divided_by_outputs),
        example="2-3-2 tanh,identity mean_squared_error",
    ),
    "targets_of_next_sample": _bug(
        "each output is compared with the target of the next sample",
        wrong="a of sample n - y of sample n+1",
        right="a of sample n - y of sample n",
        why="Inputs are shuffled and targets are not, or a slice is off by one.",
        mend="Shuffle inputs and targets by the same permutation.",
        hides="a batch of one, equal rows",
        rules=_with_targets(lambda p: np.roll(p.y, -1, axis=0)),
    ),
    "target_class_off_by_one": _bug(
        "the target is looked up one class off",
        wrong="a_j - y_(j-1)",
        right="a_j - y_j",
        why="Classes are counted from 1 in the data and from 0 in the code.",
        mend="Let both count from 0.",
        hides="one output",
        rules=_with_targets(lambda p: np.roll(p.y, 1, axis=1)),
        example="2-3-3 tanh,softmax cross_entropy",
    ),
    "pre_activation_compared_with_target": _bug(
        "the pre-activation is compared with the target",
        wrong="{loss: (z - y)}",
        why="The last layer returns logits, and the error is formed from them.",
        mend="Apply the output's activation before you subtract the target.",
        hides="identity output",
        rules=_with_targets(lambda p: p.y + p.a[p.last] - p.z[p.last]),
        example=_SIGMOID,
    ),
    "negative_class_forgotten": _bug(
        "the second term of binary cross entropy has no derivative",
        wrong="-y (1 - a)",
        right="-y (1 - a) + (1 - y) a = a - y",
        why="Only -y log a is derived, as in cross entropy with many classes.",
        mend="Derive (1 - y) log(1 - a) as well; together they give a - y.",
        hides="samples of the positive class only",
        rules=after("output_delta", _positives_only),
        example="2-3-2 tanh,sigmoid binary_cross_entropy",
    ),
    "targets_broadcast_to_a_square": _bug(
        "outputs (N, 1) minus targets (N,) is a matrix (N, N)",
        wrong="sum_m (a_n - y_m)",
        right="a_n - y_n",
        why="Targets come as a flat vector, and broadcasting pairs everything with everything.",
        mend="Give the targets the shape {shape of targets} of the outputs before you subtract.",
        hides="a batch of one; more than one output",
        rules=_with_targets(_broadcast_targets),
        example="2-3-1 tanh,identity half_squared_error",
    ),
    "error_of_rounded_output": _bug(
        "the output is rounded to 0 or 1 before its error is formed",
        wrong="{loss: ((1 if a > 0.5 else 0) - y)}",
        why="It is the rule of the perceptron, whose output is a decision.",
        mend="Form the error from a itself; round only to count hits.",
        hides="outputs of exactly 0 or 1",
        rules=_with_targets(lambda p: p.y + p.a[p.last] - (p.a[p.last] > 0.5)),
        example=_SIGMOID,
    ),
    "output_errors_summed": _bug(
        "every output gets the sum of all errors",
        wrong="sum_k (a_k - y_k)",
        right="a_j - y_j",
        why="np.sum(error) is written without an axis, and one number is passed back.",
        mend="Keep one error an output.",
        hides="one output",
        rules=_of_residual(lambda r: r.sum(axis=1, keepdims=True) + np.zeros_like(r)),
    ),
    "output_error_averaged_over_batch": _bug(
        "every sample gets the mean error of the batch",
        wrong="mean over samples of (a - y)",
        right="a - y, for each sample",
        why="The loss is a mean, and so the error is averaged before it is passed back.",
        mend="Average the gradients, not the errors.",
        hides="a batch of one, equal rows",
        rules=_of_residual(lambda r: r.mean(axis=0) + np.zeros_like(r)),
    ),
    "last_output_skipped": _bug(
        "the last output has no error",
        wrong="{delta.n} = 0",
        right="{delta.n} = ({a.n} - y_n) phi'({z.n})",
        why="A loop over the outputs stops one too early.",
        mend="Let the loop run over all outputs.",
        hides="one output",
        rules=after("output_delta", _last_output_skipped),
    ),
}
