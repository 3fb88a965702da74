"""Bugs in the derivative of the loss: wrong from the last layer down."""

from dataclasses import replace

import numpy as np

from gradcheck.networks.bugs.bug import Bug
from gradcheck.networks.bugs.textbook import (
    Pass,
    Rule,
    loss_derivative,
    output_delta,
    softmax_product,
)
from gradcheck.networks.bugs.wrong_parts import logarithmic
from gradcheck.networks.problem import Floats

SITE = "loss_derivative"

_LINEAR = "2-3-2 tanh,identity half_squared_error"
_SIGMOID = "2-3-2 tanh,sigmoid half_squared_error"
_SOFTMAX = "2-3-3 tanh,softmax half_squared_error"


def _of_residual(wrong: object) -> dict[str, Rule]:
    """Put ``wrong(a - y)`` in the place of a - y, whatever the loss makes of it."""

    def rule(p: Pass) -> Floats:
        a = p.a[p.last]
        return output_delta(replace(p, y=a - wrong(a - p.y)))  # type: ignore[operator]

    return {"output_delta": rule}


def _with_targets(wrong: object) -> dict[str, Rule]:
    return {"output_delta": lambda p: output_delta(replace(p, y=wrong(p.y)))}  # type: ignore[operator]


def _factor(factor: float, *losses: str) -> dict[str, Rule]:
    def rule(p: Pass) -> Floats:
        right = output_delta(p)
        return factor * right if p.network.loss in losses else right

    return {"output_delta": rule}


def _without_slope(p: Pass) -> Floats:
    return output_delta(p) if logarithmic(p) else loss_derivative(p)


def _slope_in_spite(p: Pass) -> Floats:
    a = p.a[p.last]
    delta = output_delta(p)
    return delta * a * (1.0 - a) if logarithmic(p) else delta


def _diagonal(p: Pass) -> Floats:
    a = p.a[p.last]
    if p.network.loss == "cross_entropy":
        return -p.y * (1.0 - a)
    if p.network.activations[-1] == "softmax":
        delta: Floats = loss_derivative(p) * a * (1.0 - a)
        return delta
    return output_delta(p)


def _off_diagonal_sign(p: Pass) -> Floats:
    a = p.a[p.last]
    if p.network.loss == "cross_entropy":
        sign_kept: Floats = p.y * (2.0 * a - 1.0) - a * p.y.sum(axis=1, keepdims=True)
        return sign_kept
    if p.network.activations[-1] != "softmax":
        return output_delta(p)
    upstream = loss_derivative(p)
    return 2.0 * a * (1.0 - a) * upstream - softmax_product(p, upstream)


def _divided_by_outputs(p: Pass) -> Floats:
    right = output_delta(p)
    return right if p.network.loss == "mean_squared_error" else right / p.y.shape[1]


def _of_pre_activation(p: Pass) -> Floats:
    return output_delta(replace(p, y=p.y + p.a[p.last] - p.z[p.last]))


def _positives_only(p: Pass) -> Floats:
    if p.network.loss != "binary_cross_entropy":
        return output_delta(p)
    return -p.y * (1.0 - p.a[p.last])


def _broadcast(r: Floats, a: Floats, y: Floats) -> Floats:
    """(N,) minus (N, 1) is (N, N), and a sum makes a column of it again."""
    return r if y.shape[1] != 1 else len(y) * a - y.sum()


def _broadcast_delta(p: Pass) -> Floats:
    a = p.a[p.last]
    return output_delta(replace(p, y=a - _broadcast(a - p.y, a, p.y)))


def _last_output_skipped(p: Pass) -> Floats:
    delta = output_delta(p).copy()
    if delta.shape[1] > 1:
        delta[:, -1] = 0.0
    return delta


BUGS = (
    Bug(
        "output_error_sign_lost",
        "the error of the outputs has the wrong sign",
        SITE,
        "{loss: (y - a)}",
        "{loss: (a - y)}",
        "-(y - a) loses its minus, or 'target minus output' is taken for the derivative.",
        "Subtract the target from the output: the error is a - y.",
        {"output_delta": lambda p: -output_delta(p)},
        "output",
        "nowhere",
        _LINEAR,
    ),
    Bug(
        "factor_two_extra",
        "a factor 2 stands before the error that the loss does not have",
        SITE,
        "{twice the loss: (a - y)}",
        "{loss: (a - y)}",
        "The derivative of a square is written down, and the half of the loss is forgotten.",
        "Use the derivative of the loss that you report: {loss: (a - y)}.",
        _factor(2.0, "half_squared_error", "squared_error", "mean_squared_error"),
        "output",
        "the logarithmic losses",
        _LINEAR,
    ),
    Bug(
        "factor_two_missing",
        "the factor 2 of a squared error is left out",
        SITE,
        "{half the loss: (a - y)}",
        "{loss: (a - y)}",
        "The derivative is that of half the squared error, which most books use.",
        "The derivative of (a - y)^2 is 2 (a - y): use {loss: (a - y)}.",
        _factor(0.5, "squared_error", "mean_squared_error"),
        "output",
        "half_squared_error and the logarithmic losses",
        "2-3-2 tanh,identity squared_error",
    ),
    Bug(
        "output_delta_without_derivative",
        "the output's delta lacks the derivative of its activation",
        SITE,
        "{loss: (a - y)}",
        "{loss: (a - y) * phi'(z)}",
        "It is right for a sigmoid or softmax with its logarithmic loss, and copied from there.",
        "With a squared error multiply by phi'(z) of the output layer.",
        {"output_delta": _without_slope},
        "output",
        "identity output; the logarithmic losses, where it is right",
        _SIGMOID,
    ),
    Bug(
        "logarithmic_loss_times_derivative",
        "the derivative is multiplied in where it cancels",
        SITE,
        "(a - y) a (1 - a)",
        "a - y",
        "Every other layer has the factor, and the code of a squared error is kept.",
        "With the logarithmic loss of its kind the slope cancels: the delta is a - y.",
        {"output_delta": _slope_in_spite},
        "output",
        "the squared losses, where it is right",
        "2-3-2 tanh,sigmoid binary_cross_entropy",
    ),
    Bug(
        "softmax_jacobian_diagonal",
        "only the diagonal of softmax's Jacobian is used",
        SITE,
        "u_j a_j (1 - a_j)",
        "a_j (u_j - sum_k u_k a_k)",
        "softmax is treated entry by entry, as a sigmoid is.",
        "Every output depends on every z: subtract the sum over k. With cross entropy use a - y.",
        {"output_delta": _diagonal},
        "output",
        "any other output activation",
        _SOFTMAX,
        activation="softmax",
    ),
    Bug(
        "softmax_off_diagonal_sign",
        "the off-diagonal part of softmax's Jacobian has the wrong sign",
        SITE,
        "da_k / dz_j = +a_k a_j for j != k",
        "da_k / dz_j = -a_k a_j for j != k",
        "A minus is lost in the quotient rule.",
        "When one share grows the others shrink: off the diagonal write -a_k * a_j.",
        {"output_delta": _off_diagonal_sign},
        "output",
        "any other output activation; one output",
        _SOFTMAX,
        activation="softmax",
    ),
    Bug(
        "absolute_error_for_squared",
        "the sign of the error stands for the error",
        SITE,
        "{loss: sign(a - y)}",
        "{loss: (a - y)}",
        "It is the derivative of the absolute error |a - y|.",
        "Use the derivative of the loss that you report: {loss: (a - y)}.",
        _of_residual(np.sign),
        "output",
        "errors of exactly 1",
        _LINEAR,
    ),
    Bug(
        "error_made_positive",
        "the error is made positive",
        SITE,
        "{loss: |a - y|}",
        "{loss: (a - y)}",
        "The error is a size when it is printed, and the same variable is passed back.",
        "Pass the signed error back.",
        _of_residual(np.abs),
        "output",
        "outputs that are all too large",
        _LINEAR,
    ),
    Bug(
        "error_squared",
        "the squared error is passed back",
        SITE,
        "{loss: (a - y)^2}",
        "{loss: (a - y)}",
        "The loss itself is taken for its derivative.",
        "Pass back the derivative of the loss, {loss: (a - y)}, not its value.",
        _of_residual(np.square),
        "output",
        "errors of exactly 0 or 1",
        _LINEAR,
    ),
    Bug(
        "mean_over_outputs_extra",
        "the derivative is divided by the number of outputs",
        SITE,
        "{loss: (a - y) / n}",
        "{loss: (a - y)}",
        "A mean is taken over all entries of a matrix, outputs included.",
        "Divide only by what the loss is divided by.",
        {"output_delta": _divided_by_outputs},
        "output",
        "one output; mean_squared_error, where it is right",
        _LINEAR,
    ),
    Bug(
        "mean_over_outputs_missing",
        "the derivative is not divided by the number of outputs",
        SITE,
        "2 (a - y)",
        "2 (a - y) / n",
        "The mean of the loss runs over samples and outputs, that of the gradient over samples.",
        "Divide by the number of outputs, as mean_squared_error does.",
        {
            "output_delta": lambda p: (
                output_delta(p) * (p.y.shape[1] if p.network.loss == "mean_squared_error" else 1)
            )
        },
        "output",
        "one output; the other losses",
        "2-3-2 tanh,identity mean_squared_error",
    ),
    Bug(
        "targets_of_next_sample",
        "each output is compared with the target of the next sample",
        SITE,
        "a of sample n - y of sample n+1",
        "a of sample n - y of sample n",
        "Inputs are shuffled and targets are not, or a slice is off by one.",
        "Shuffle inputs and targets by the same permutation.",
        _with_targets(lambda y: np.roll(y, -1, axis=0)),
        "output",
        "a batch of one, equal rows",
        _LINEAR,
    ),
    Bug(
        "target_class_off_by_one",
        "the target is looked up one class off",
        SITE,
        "a_j - y_(j-1)",
        "a_j - y_j",
        "Classes are counted from 1 in the data and from 0 in the code.",
        "Let both count from 0.",
        _with_targets(lambda y: np.roll(y, 1, axis=1)),
        "output",
        "one output",
        "2-3-3 tanh,softmax cross_entropy",
    ),
    Bug(
        "pre_activation_compared_with_target",
        "the pre-activation is compared with the target",
        SITE,
        "{loss: (z - y)}",
        "{loss: (a - y)}",
        "The last layer returns logits, and the error is formed from them.",
        "Apply the output's activation before you subtract the target.",
        {"output_delta": _of_pre_activation},
        "output",
        "identity output",
        _SIGMOID,
    ),
    Bug(
        "negative_class_forgotten",
        "the second term of binary cross entropy has no derivative",
        SITE,
        "-y (1 - a)",
        "-y (1 - a) + (1 - y) a = a - y",
        "Only -y log a is derived, as in cross entropy with many classes.",
        "Derive (1 - y) log(1 - a) as well; together they give a - y.",
        {"output_delta": _positives_only},
        "output",
        "samples of the positive class only",
        "2-3-2 tanh,sigmoid binary_cross_entropy",
    ),
    Bug(
        "targets_broadcast_to_a_square",
        "outputs (N, 1) minus targets (N,) is a matrix (N, N)",
        SITE,
        "sum_m (a_n - y_m)",
        "a_n - y_n",
        "Targets come as a flat vector, and broadcasting pairs everything with everything.",
        "Give the targets the shape {shape of targets} of the outputs before you subtract.",
        {"output_delta": _broadcast_delta},
        "output",
        "a batch of one; more than one output",
        "2-3-1 tanh,identity half_squared_error",
    ),
    Bug(
        "error_of_rounded_output",
        "the output is rounded to 0 or 1 before its error is formed",
        SITE,
        "{loss: ((1 if a > 0.5 else 0) - y)}",
        "{loss: (a - y)}",
        "It is the rule of the perceptron, whose output is a decision.",
        "Form the error from a itself; round only to count hits.",
        {
            "output_delta": lambda p: output_delta(
                replace(p, y=p.y + p.a[p.last] - (p.a[p.last] > 0.5))
            )
        },
        "output",
        "outputs of exactly 0 or 1",
        _SIGMOID,
    ),
    Bug(
        "output_errors_summed",
        "every output gets the sum of all errors",
        SITE,
        "sum_k (a_k - y_k)",
        "a_j - y_j",
        "np.sum(error) is written without an axis, and one number is passed back.",
        "Keep one error an output.",
        _of_residual(lambda r: r.sum(axis=1, keepdims=True) + np.zeros_like(r)),
        "output",
        "one output",
        _LINEAR,
    ),
    Bug(
        "output_error_averaged_over_batch",
        "every sample gets the mean error of the batch",
        SITE,
        "mean over samples of (a - y)",
        "a - y, for each sample",
        "The loss is a mean, and so the error is averaged before it is passed back.",
        "Average the gradients, not the errors.",
        _of_residual(lambda r: r.mean(axis=0) + np.zeros_like(r)),
        "output",
        "a batch of one, equal rows",
        _LINEAR,
    ),
    Bug(
        "last_output_skipped",
        "the last output has no error",
        SITE,
        "{delta.n} = 0",
        "{delta.n} = ({a.n} - y_n) phi'({z.n})",
        "A loop over the outputs stops one too early.",
        "Let the loop run over all outputs.",
        {"output_delta": _last_output_skipped},
        "output",
        "one output",
        _LINEAR,
    ),
)
