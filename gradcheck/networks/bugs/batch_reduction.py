"""Bugs in how a batch's gradient is made of its samples': most are a factor of N."""

from collections.abc import Callable

from gradcheck.networks.bugs.bug import Bug
from gradcheck.networks.bugs.textbook import Pass, Rule
from gradcheck.networks.bugs.wrong_parts import averaged
from gradcheck.networks.problem import Floats

SITE = "batch_reduction"

_NET = "2-3-2 tanh,identity half_squared_error"


def _mean_by(divisor: Callable[[Pass], float]) -> dict[str, Rule]:
    """Divide by something else than N, where the loss is a mean."""
    return {"scale": lambda p: 1.0 / divisor(p) if averaged(p) else 1.0}


def _rows(chosen: slice) -> dict[str, Rule]:
    """Use some samples only, for weights and biases alike."""

    def product(p: Pass, layer: int) -> Floats:
        result: Floats = p.a[layer - 1][chosen].T @ p.delta[layer][chosen]
        return result

    def total(p: Pass, layer: int) -> Floats:
        result: Floats = p.delta[layer][chosen].sum(axis=0)
        return result

    return {"weight_product": product, "bias_sum": total}


BUGS = (
    Bug(
        "batch_mean_missing",
        "the gradient is a sum where the loss is a mean",
        SITE,
        "{inputs.T @ delta}",
        "{inputs.T @ delta / N}",
        "The loss is divided by N when it is printed; the gradient is not.",
        "Divide the gradient by the number of samples, as the loss is.",
        _mean_by(lambda p: 1.0),
        "whole",
        "a batch of one; a loss that is a sum",
        _NET,
    ),
    Bug(
        "batch_mean_extra",
        "the gradient is a mean where the loss is a sum",
        SITE,
        "{inputs.T @ delta / N}",
        "{inputs.T @ delta}",
        "Dividing by N is a habit, and this loss is a sum.",
        "Leave the division out, or make the loss a mean too.",
        {"scale": lambda p: 1.0 / len(p.y)},
        "whole",
        "a batch of one; a loss that is a mean",
        "2-3-2 tanh,identity half_squared_error sum",
    ),
    Bug(
        "batch_mean_twice",
        "the gradient is divided by N twice",
        SITE,
        "{inputs.T @ delta / N**2}",
        "{inputs.T @ delta / N}",
        "The error is divided by N when it is formed, and the gradient again.",
        "Divide in one place only.",
        _mean_by(lambda p: len(p.y) ** 2),
        "whole",
        "a batch of one; a loss that is a sum",
        _NET,
    ),
    Bug(
        "nominal_batch_size",
        "the gradient is divided by the batch size of the settings",
        SITE,
        "{inputs.T @ delta / 32}",
        "{inputs.T @ delta / N}",
        "The configured size is used, and the last batch is smaller.",
        "Divide by the number of samples in the batch at hand.",
        _mean_by(lambda p: 32.0),
        "whole",
        "full batches; a loss that is a sum",
        _NET,
    ),
    Bug(
        "divided_by_samples_minus_one",
        "the gradient is divided by N - 1",
        SITE,
        "{inputs.T @ delta / (N - 1)}",
        "{inputs.T @ delta / N}",
        "A mean is mistaken for an unbiased variance, or a last index for a count.",
        "Divide by N.",
        _mean_by(lambda p: max(len(p.y) - 1, 1)),
        "whole",
        "a batch of one, for which the division is left out; a loss that is a sum",
        _NET,
    ),
    Bug(
        "divided_by_twice_the_samples",
        "the half of the loss is written into the mean",
        SITE,
        "{inputs.T @ delta / (2 * N)}",
        "{inputs.T @ delta / N}",
        "The cost is 1/(2 N) times a sum of squares, and 2 N is divided by once more.",
        "The 2 cancels with that of the square: divide by N.",
        _mean_by(lambda p: 2.0 * len(p.y)),
        "whole",
        "a loss that is a sum",
        _NET,
    ),
    Bug(
        "divided_by_outputs_not_samples",
        "the gradient is divided by the number of outputs, not of samples",
        SITE,
        "{inputs.T @ delta / n_outputs}",
        "{inputs.T @ delta / N}",
        "len() is taken of the wrong array, or shape[{units at}] for shape[{samples at}].",
        "Divide by the number of samples.",
        _mean_by(lambda p: p.y.shape[1]),
        "whole",
        "as many samples as outputs; a loss that is a sum",
        _NET,
    ),
    Bug(
        "divided_by_inputs_not_samples",
        "the gradient is divided by the number of inputs, not of samples",
        SITE,
        "{inputs.T @ delta / n_inputs}",
        "{inputs.T @ delta / N}",
        "x.shape[{units at}] is taken for the number of samples: the layout was turned.",
        "Divide by the number of samples.",
        _mean_by(lambda p: p.a[0].shape[1]),
        "whole",
        "as many samples as inputs; a loss that is a sum",
        "3-4-2 tanh,identity half_squared_error",
    ),
    Bug(
        "last_sample_left_out",
        "the last sample is left out of the gradient",
        SITE,
        "sum over n < N of {inputs.n} {delta.n}",
        "sum over n <= N of {inputs.n} {delta.n}",
        "A loop or a slice stops one sample too early.",
        "Let the loop run over all samples.",
        _rows(slice(None, -1)),
        "whole",
        "a last sample with no error",
        _NET,
    ),
    Bug(
        "gradient_of_last_sample",
        "the gradient of the last sample stands for the batch",
        SITE,
        "{inputs.N} {delta.N}",
        "sum over samples n of {inputs.n} {delta.n}",
        "Each sample overwrites the gradients of the one before.",
        "Add the gradients of all samples.",
        _rows(slice(-1, None)),
        "whole",
        "a batch of one",
        _NET,
    ),
)
