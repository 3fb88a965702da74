"""Bugs in what a gradient is made of: the sum or mean over samples, and the weight penalty."""

from functools import partial

import numpy as np

from gradcheck.networks.bugs.bug import OWN_RATE, Bug, Site
from gradcheck.networks.bugs.textbook import Pass, Rule, after
from gradcheck.networks.definitions import penalty

REDUCTION = Site(
    "batch_reduction",
    "how the gradient of a batch is made",
    whole=(
        "The gradient is not put together from the samples as the loss is.",
        "Look at where the gradient is summed over the batch, and divided by it.",
    ),
)

PENALTY = Site(
    "regularisation",
    "the weight penalty",
    parts=("weight", "bias"),
    in_layer=(
        "the gradient of the weight penalty is not {{l2 * W}}",
        "Look at the term of the weight penalty in layer {layer}.",
    ),
    whole=(
        "The weight penalty is not as defined, in the loss or in the gradient.",
        "Look at the term of the weight penalty.",
    ),
)


def _mean_by(divisor: Rule) -> dict[str, Rule]:
    """Divide by something else than N, where the loss is a mean."""
    return {"scale": lambda p: 1.0 / divisor(p) if p.averaged else 1.0}


def _rows(chosen: slice) -> dict[str, Rule]:
    """Use some samples only, for weights and biases alike."""
    return {
        "weight_product": lambda p, layer: p.a[layer - 1][chosen].T @ p.delta[layer][chosen],
        "bias_sum": lambda p, layer: p.delta[layer][chosen].sum(axis=0),
    }


def _l2_times(change: Rule) -> dict[str, Rule]:
    """Replace ``l2 W`` by ``l2 change(p, W)``."""
    return {"penalty_gradient": lambda p, layer: p.network.l2 * change(p, p.weights(layer))}


def _loss_with(factor: float) -> dict[str, Rule]:
    return after("loss", lambda p, loss: loss + (factor - 1.0) * penalty(p.network, p.pairs))


def _biases_in_loss(p: Pass, loss: float) -> float:
    return loss + 0.5 * p.network.l2 * sum(float((b * b).sum()) for _, b in p.pairs)


_batch = partial(Bug, REDUCTION, right="{inputs.T @ delta / N}", strikes="whole")
_penalty = partial(
    Bug,
    PENALTY,
    right="{l2 * W}",
    hides="l2 = 0",
    strikes="weights",
    example="2-3-2 tanh,identity half_squared_error l2=0.1",
)
_penalty_in_loss = partial(_penalty, right="loss = data + l2/2 sum W^2", strikes="whole")

BUGS = {
    "batch_mean_missing": _batch(
        "the gradient is a sum where the loss is a mean",
        wrong="{inputs.T @ delta}",
        why="The loss is divided by N when it is printed; the gradient is not.",
        mend="Divide the gradient by the number of samples, as the loss is.",
        hides="a batch of one; a loss that is a sum",
        rules=_mean_by(lambda p: 1.0),
    ),
    "batch_mean_extra": _batch(
        "the gradient is a mean where the loss is a sum",
        wrong="{inputs.T @ delta / N}",
        right="{inputs.T @ delta}",
        why="Dividing by N is a habit, and this loss is a sum.",
        mend="Leave the division out, or make the loss a mean too.",
        hides="a batch of one; a loss that is a mean",
        rules={"scale": lambda p: 1.0 / len(p.y)},
        example="2-3-2 tanh,identity half_squared_error sum",
    ),
    "batch_mean_twice": _batch(
        "the gradient is divided by N twice",
        wrong="{inputs.T @ delta / N**2}",
        why="The error is divided by N when it is formed, and the gradient again.",
        mend="Divide in one place only.",
        hides="a batch of one; a loss that is a sum",
        rules=_mean_by(lambda p: len(p.y) ** 2),
    ),
    "nominal_batch_size": _batch(
        "the gradient is divided by the batch size of the settings",
        wrong="{inputs.T @ delta / 32}",
        why="The configured size is used, and the last batch is smaller.",
        mend="Divide by the number of samples in the batch at hand.",
        hides="full batches; a loss that is a sum",
        rules=_mean_by(lambda p: 32.0),
    ),
    "divided_by_samples_minus_one": _batch(
        "the gradient is divided by N - 1",
        wrong="{inputs.T @ delta / (N - 1)}",
        why="A mean is mistaken for an unbiased variance, or a last index for a count.",
        mend="Divide by N.",
        hides="a batch of one, for which the division is left out; a loss that is a sum",
        rules=_mean_by(lambda p: max(len(p.y) - 1, 1)),
    ),
    "divided_by_twice_the_samples": _batch(
        "the half of the loss is written into the mean",
        wrong="{inputs.T @ delta / (2 * N)}",
        why="The cost is 1/(2 N) times a sum of squares, and 2 N is divided by once more.",
        mend="The 2 cancels with that of the square: divide by N.",
        hides="a loss that is a sum",
        rules=_mean_by(lambda p: 2.0 * len(p.y)),
    ),
    "divided_by_outputs_not_samples": _batch(
        "the gradient is divided by the number of outputs, not of samples",
        wrong="{inputs.T @ delta / n_outputs}",
        why="len() is taken of the wrong array, or shape[{units at}] for shape[{samples at}].",
        mend="Divide by the number of samples.",
        hides="as many samples as outputs; a loss that is a sum",
        rules=_mean_by(lambda p: p.y.shape[1]),
        of_width=-1,
    ),
    "divided_by_inputs_not_samples": _batch(
        "the gradient is divided by the number of inputs, not of samples",
        wrong="{inputs.T @ delta / n_inputs}",
        why="x.shape[{units at}] is taken for the number of samples: the layout was turned.",
        mend="Divide by the number of samples.",
        hides="as many samples as inputs; a loss that is a sum",
        rules=_mean_by(lambda p: p.a[0].shape[1]),
        of_width=0,
        example="3-4-2 tanh,identity half_squared_error",
    ),
    "last_sample_left_out": _batch(
        "the last sample is left out of the gradient",
        wrong="sum over n < N of {inputs.n} {delta.n}",
        right="sum over n <= N of {inputs.n} {delta.n}",
        why="A loop or a slice stops one sample too early.",
        mend="Let the loop run over all samples.",
        hides="a last sample with no error",
        rules=_rows(slice(None, -1)),
    ),
    "gradient_of_last_sample": _batch(
        "the gradient of the last sample stands for the batch",
        wrong="{inputs.N} {delta.N}",
        right="sum over samples n of {inputs.n} {delta.n}",
        why="Each sample overwrites the gradients of the one before.",
        mend="Add the gradients of all samples.",
        hides="a batch of one",
        rules=_rows(slice(-1, None)),
    ),
    "penalty_gradient_missing": _penalty(
        "the penalty is in the loss and not in the gradient",
        wrong="0",
        why="The penalty is added to the loss when it is printed, and forgotten on the way back.",
        mend="Add {l2 * W} to the weight gradient.",
        rules=_l2_times(lambda p, w: np.zeros_like(w)),
    ),
    "penalty_gradient_doubled": _penalty(
        "the penalty's gradient is twice what it should be",
        wrong="{2 * l2 * W}",
        why="The derivative of a square is written down, and the half of the penalty is forgotten.",
        mend="With l2/2 W^2 in the loss the 2 cancels: add {l2 * W}.",
        rules=_l2_times(lambda p, w: 2.0 * w),
    ),
    "penalty_gradient_halved": _penalty(
        "the half of the penalty is left in its gradient",
        wrong="{l2 * W / 2}",
        why="The half of the loss is carried over, and the 2 of the square is not.",
        mend="Add the derivative of the penalty that is in the loss: {l2 * W}.",
        rules=_l2_times(lambda p, w: 0.5 * w),
    ),
    "penalty_divided_by_samples": _penalty(
        "the penalty's gradient is divided by the batch size",
        wrong="{l2 * W / N}",
        why="The penalty stands inside the bracket that is divided by N.",
        mend="Add {l2 * W} after the division: the penalty is not a mean over samples.",
        hides="l2 = 0; a batch of one",
        rules=_l2_times(lambda p, w: w / len(p.y)),
    ),
    "penalty_added_for_each_sample": _penalty(
        "the penalty's gradient is added once for each sample",
        wrong="{N * l2 * W}",
        why="It stands inside the loop over the samples.",
        mend="Add {l2 * W} once for the batch, not for each sample.",
        hides="l2 = 0; a batch of one",
        rules=_l2_times(lambda p, w: len(p.y) * w),
    ),
    "penalty_sign_lost": _penalty(
        "the penalty's gradient is subtracted",
        wrong="{-(l2 * W)}",
        why="The penalty makes weights smaller, and so a minus seems right.",
        mend="The minus is that of the step: the gradient has +{l2 * W}.",
        rules=_l2_times(lambda p, w: -w),
    ),
    "penalty_times_rate": _penalty(
        "a learning rate is in the penalty's gradient",
        wrong="{0.1 * l2 * W}",
        why="The line comes from an update with weight decay.",
        mend="Multiply by the rate in the update only.",
        hides="l2 = 0; a rate of 1",
        rules=_l2_times(lambda p, w: OWN_RATE * w),
    ),
    "biases_penalised": _penalty(
        "the biases are penalised in the gradient and not in the loss",
        wrong="{db + l2 * b}",
        right="{db}",
        why="One loop adds the penalty to all parameters alike.",
        mend="Add the penalty to the weights only, as the loss does.",
        hides="l2 = 0; biases of zero",
        rules=after(
            "bias_gradient", lambda p, layer, db: db + p.network.l2 * p.pairs[layer - 1][1]
        ),
        strikes="biases",
    ),
    "penalty_of_absolute_weights": _penalty(
        "the penalty's gradient is that of absolute weights",
        wrong="{l2 * sign(W)}",
        why="It is the gradient of an L1 penalty.",
        mend="For a penalty of squares add {l2 * W}.",
        hides="l2 = 0; weights of exactly 1 or -1",
        rules=_l2_times(lambda p, w: np.sign(w)),
    ),
    "penalty_made_positive": _penalty(
        "the penalty's gradient has lost the sign of the weights",
        wrong="{l2 * abs(W)}",
        why="A penalty is thought of as positive.",
        mend="Keep the sign: {l2 * W}.",
        hides="l2 = 0; weights that are all positive",
        rules=_l2_times(lambda p, w: np.abs(w)),
    ),
    "penalty_of_squared_weights": _penalty(
        "the penalty itself is added to the gradient",
        wrong="{l2 * W**2 / 2}",
        why="The term of the loss is copied, and not derived.",
        mend="Add the derivative of the penalty: {l2 * W}.",
        hides="l2 = 0; weights of exactly 0 or 2",
        rules=_l2_times(lambda p, w: 0.5 * w * w),
    ),
    "penalty_norm_not_squared": _penalty(
        "the penalty's gradient is that of a norm without its square",
        wrong="{l2 * W} / ||{W}||",
        why="np.linalg.norm(W) is taken for the sum of squares.",
        mend="Penalise the square of the norm: its gradient is {l2 * W}.",
        hides="l2 = 0; weights of norm 1",
        rules=_l2_times(lambda p, w: w / max(float(np.linalg.norm(w)), 1e-30)),
    ),
    "first_row_not_penalised": _penalty(
        "the weights of the first input are not penalised",
        wrong="{l2 * W}, but 0 from the first input",
        why="theta[0] was the bias in another layout, and is left out of the penalty.",
        mend="With the bias apart penalise every {input} of {W}.",
        rules=_l2_times(lambda p, w: np.where(np.arange(len(w))[:, None] == 0, 0.0, w)),
    ),
    "penalty_missing_in_loss": _penalty_in_loss(
        "the penalty is in the gradient and not in the loss",
        wrong="loss = data",
        why="Weight decay is added to the gradient, and the loss is printed without it.",
        mend="Add l2/2 * sum(W**2) to the loss.",
        rules=_loss_with(0.0),
    ),
    "penalty_half_missing_in_loss": _penalty_in_loss(
        "the penalty in the loss lacks its half",
        wrong="loss = data + l2 sum W^2",
        why="The gradient l2 W is written first, and the loss is guessed from it.",
        mend="Put the half back, or use 2 * l2 * W in the gradient.",
        rules=_loss_with(2.0),
    ),
    "biases_penalised_in_loss": _penalty_in_loss(
        "the biases are penalised in the loss and not in the gradient",
        wrong="loss = data + l2/2 (sum W^2 + sum b^2)",
        why="One loop sums the squares of all parameters.",
        mend="Leave the biases out of the penalty, as the gradient does.",
        hides="l2 = 0; biases of zero",
        rules=after("loss", _biases_in_loss),
    ),
}
