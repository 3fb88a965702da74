"""Bugs in the step: the gradient is right, what is done with it is not."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.networks.bugs.bug import Bug, Free
from gradcheck.networks.bugs.textbook import Pass, Rule, update
from gradcheck.networks.problem import Floats, Pair

SITE = "update"

_NET = "2-3-2 tanh,identity half_squared_error"

Step = Callable[[Floats, Floats, float], Any]


def _each(step: Step, bias_step: Step | None = None) -> dict[str, Rule]:
    """Step by ``step(parameter, gradient, rate)``."""
    other = bias_step or step

    def rule(p: Pass, grads: list[Pair]) -> list[Pair]:
        rate = p.learning_rate or 0.0
        return [
            (step(w, dw, rate), other(b, db, rate))
            for (w, b), (dw, db) in zip(p.pairs, grads, strict=True)
        ]

    return {"update": rule}


def _subtract(value: Floats, gradient: Floats, rate: float) -> Floats:
    return value - rate * gradient


def _divided_again(p: Pass, grads: list[Pair]) -> list[Pair]:
    return update(p, [(dw / len(p.y), db / len(p.y)) for dw, db in grads])


def _output_at_rate_one(p: Pass, grads: list[Pair]) -> list[Pair]:
    (w, b), (dw, db) = p.pairs[-1], grads[-1]
    return [*update(p, grads)[:-1], (w - dw, b - db)]


def _first_layer_kept(p: Pass, grads: list[Pair]) -> list[Pair]:
    w, b = p.pairs[0]
    return [(w.copy(), b.copy()), *update(p, grads)[1:]]


_RATE = Free(
    "learning_rate",
    lambda own: _each(lambda w, dw, rate: w - own * dw),
    "{W - # * dW}",
    0.01,
)

_DECAY = Free(
    "coefficient",
    lambda decay: _each(lambda w, dw, rate: w - rate * (dw + decay * w), _subtract),
    "{W * (1 - # * rate) - rate * dW}",
    0.01,
)

BUGS = (
    Bug(
        "step_adds_gradient",
        "the step adds the gradient",
        SITE,
        "{W + rate * dW}",
        "{W - rate * dW}",
        "With the error taken as y - a the plus is right; with a - y it climbs the loss.",
        "Subtract: W - learning_rate * dW.",
        _each(lambda w, dw, rate: w + rate * dw),
        "whole",
        "the gradient alone, without a step",
        _NET,
    ),
    Bug(
        "step_ignores_biases",
        "the step leaves the biases as they are",
        SITE,
        "b",
        "{b - rate * db}",
        "The line of the weights is written, that of the biases forgotten.",
        "Update the biases too.",
        _each(_subtract, lambda b, db, rate: b.copy()),
        "whole",
        "the gradient alone, without a step",
        _NET,
    ),
    Bug(
        "step_adds_to_biases",
        "the step subtracts for the weights and adds for the biases",
        SITE,
        "{b + rate * db}",
        "{b - rate * db}",
        "The bias was a threshold, or one of two signs was mended.",
        "Subtract in both lines.",
        _each(_subtract, lambda b, db, rate: b + rate * db),
        "whole",
        "the gradient alone, without a step",
        _NET,
    ),
    Bug(
        "step_without_rate",
        "the step ignores the learning rate",
        SITE,
        "{W - dW}",
        "{W - rate * dW}",
        "The argument is there and is not used.",
        "Multiply the gradient by the learning rate.",
        _each(lambda w, dw, rate: w - dw),
        "whole",
        "a rate of 1",
        _NET,
    ),
    Bug(
        "step_with_rate_of_its_own",
        "the step uses a learning rate of its own",
        SITE,
        "{W - 0.01 * dW}",
        "{W - rate * dW}",
        "A default or a global stands in the way of the argument.",
        "Use the rate that is passed.",
        _RATE.rules(_RATE.planted),
        "whole",
        "a rate of 0.01",
        _NET,
        free=_RATE,
    ),
    Bug(
        "step_with_rate_twice",
        "the learning rate is multiplied in twice",
        SITE,
        "{W - rate**2 * dW}",
        "{W - rate * dW}",
        "The gradient has the rate in it already, and the step multiplies again.",
        "Multiply by the rate in one place only.",
        _each(lambda w, dw, rate: w - rate * rate * dw),
        "whole",
        "a rate of 1",
        _NET,
    ),
    Bug(
        "step_divides_by_rate",
        "the step divides by the learning rate",
        SITE,
        "{W - dW / rate}",
        "{W - rate * dW}",
        "* and / are a key apart.",
        "Multiply the gradient by the learning rate.",
        _each(lambda w, dw, rate: w - dw / (rate or 1.0)),
        "whole",
        "a rate of 1",
        _NET,
    ),
    Bug(
        "step_replaces_weights",
        "the change is returned for the changed weights",
        SITE,
        "{-rate * dW}",
        "{W - rate * dW}",
        "= is typed for += or -=.",
        "Add the change to the old weights.",
        _each(lambda w, dw, rate: -rate * dw),
        "whole",
        "weights of zero",
        _NET,
    ),
    Bug(
        "step_taken_twice",
        "the same gradient is subtracted twice",
        SITE,
        "{W - 2 * rate * dW}",
        "{W - rate * dW}",
        "The backward pass updates already, and the training loop does so again.",
        "Update in one place only.",
        _each(lambda w, dw, rate: w - 2.0 * rate * dw),
        "whole",
        "the gradient alone, without a step",
        _NET,
    ),
    Bug(
        "step_divides_by_samples_again",
        "the step divides a mean gradient by the batch size again",
        SITE,
        "{W - rate / N * dW}",
        "{W - rate * dW}",
        "A formula for summed gradients is used with averaged ones.",
        "Divide by N in one place only.",
        {"update": _divided_again},
        "whole",
        "a batch of one",
        _NET,
    ),
    Bug(
        "step_decays_weights",
        "the step shrinks the weights besides",
        SITE,
        "{W * (1 - 0.01 * rate) - rate * dW}",
        "{W - rate * dW}",
        "Weight decay is built into the step, and nobody asked for it.",
        "Leave the decay out, or put the penalty into the loss.",
        _DECAY.rules(_DECAY.planted),
        "whole",
        "weights of zero",
        _NET,
        free=_DECAY,
    ),
    Bug(
        "step_clips_weights",
        "the step keeps the weights between -1 and 1",
        SITE,
        "min(max(W - rate dW, -1), 1)",
        "{W - rate * dW}",
        "A bound against weights that explode stays in the code.",
        "Take the bound away.",
        _each(lambda w, dw, rate: np.clip(w - rate * dw, -1.0, 1.0)),
        "whole",
        "weights below 1",
        _NET,
    ),
    Bug(
        "output_layer_ignores_rate",
        "the output layer is updated at rate 1",
        SITE,
        "{W[L] - dW[L]}",
        "{W[L] - rate * dW[L]}",
        "The output layer has a line of its own, and the rate is forgotten there.",
        "Multiply by the rate in every layer.",
        {"update": _output_at_rate_one},
        "whole",
        "a rate of 1",
        _NET,
    ),
    Bug(
        "first_layer_not_updated",
        "the first layer is never updated",
        SITE,
        "{W[1]}",
        "{W[1] - rate * dW[1]}",
        "The loop over the layers starts one too late.",
        "Update every layer.",
        {"update": _first_layer_kept},
        "whole",
        "the gradient alone, without a step",
        _NET,
    ),
)
