"""Bugs in what is handed back: every layer's gradient is right until then."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.networks.bugs.bug import Bug, Free
from gradcheck.networks.bugs.textbook import Pass, Rule, returned
from gradcheck.networks.bugs.wrong_parts import OWN_RATE
from gradcheck.networks.problem import Floats, Pair

SITE = "returned_gradient"

_NET = "2-3-2 tanh,identity half_squared_error"
_SQUARE = "3-3-3 tanh,identity half_squared_error"


def _each(change: Callable[[Floats], Any]) -> dict[str, Rule]:
    return {"returned": lambda p: [(change(dw), change(db)) for dw, db in returned(p)]}


def _norm(pairs: list[Pair]) -> float:
    return float(np.sqrt(sum((array**2).sum() for pair in pairs for array in pair)))


def _scaled(factor: Callable[[float], float]) -> dict[str, Rule]:
    """Scale the whole gradient by a function of its norm."""

    def rule(p: Pass) -> list[Pair]:
        pairs = returned(p)
        by = factor(_norm(pairs))
        return [(by * dw, by * db) for dw, db in pairs]

    return {"returned": rule}


def _reversed(p: Pass) -> list[Pair]:
    pairs = returned(p)
    turned = pairs[::-1]
    fits = all(a[0].shape == b[0].shape for a, b in zip(pairs, turned, strict=True))
    return turned if fits else pairs


def _biases_of_next(p: Pass) -> list[Pair]:
    pairs = returned(p)
    biases = [db for _, db in pairs]
    shifted = [*biases[1:], biases[0]]
    fits = all(a.shape == b.shape for a, b in zip(biases, shifted, strict=True))
    return [(dw, db) for (dw, _), db in zip(pairs, shifted, strict=True)] if fits else pairs


def _updated(p: Pass, rate: float) -> list[Pair]:
    return [
        (w - rate * dw, b - rate * db)
        for (w, b), (dw, db) in zip(p.pairs, returned(p), strict=True)
    ]


def _first_left_out(p: Pass) -> list[Pair]:
    (dw, db), *rest = returned(p)
    return [(np.zeros_like(dw), np.zeros_like(db)), *rest]


def _decayed(p: Pass, decay: float) -> list[Pair]:
    return [(dw + decay * w, db) for (w, _), (dw, db) in zip(p.pairs, returned(p), strict=True)]


_PARAMETERS = Free(
    "learning_rate",
    lambda rate: {"returned": lambda p: _updated(p, rate)},
    "{W - # * dW}",
    OWN_RATE,
)

_DECAY = Free(
    "coefficient",
    lambda decay: {"returned": lambda p: _decayed(p, decay)},
    "{dW + # * W}",
    0.01,
)

BUGS = (
    Bug(
        "gradient_times_rate",
        "the step is returned for the gradient",
        SITE,
        "{0.1 * dW}",
        "{dW}",
        "The rate is multiplied in where the gradient is formed.",
        "Return the gradient, and multiply by the rate in the update.",
        _each(lambda g: OWN_RATE * g),
        "whole",
        "a rate of 1",
        _NET,
    ),
    Bug(
        "descent_direction_returned",
        "the direction of descent is returned for the gradient",
        SITE,
        "{-dW}",
        "{dW}",
        "The update adds what is returned, so that the sign is turned here.",
        "Return the gradient itself, and subtract it in the update.",
        _each(np.negative),
        "whole",
        "nowhere",
        _NET,
    ),
    Bug(
        "gradient_clipped",
        "the entries of the gradient are clipped",
        SITE,
        "min(max(dW, -1), 1)",
        "{dW}",
        "Clipping against exploding gradients is done inside the backward pass.",
        "Clip in the training loop: a clipped gradient is not the gradient.",
        _each(lambda g: np.clip(g, -1.0, 1.0)),
        "whole",
        "entries below 1",
        "2-3-2 tanh,identity squared_error sum",
    ),
    Bug(
        "gradient_norm_clipped",
        "the gradient is shortened to norm 1",
        SITE,
        "dW / max(1, ||g||)",
        "{dW}",
        "Clipping by the norm is done inside the backward pass.",
        "Clip in the training loop: a clipped gradient is not the gradient.",
        _scaled(lambda norm: 1.0 / max(norm, 1.0)),
        "whole",
        "gradients shorter than 1",
        "2-3-2 tanh,identity squared_error sum",
    ),
    Bug(
        "gradient_normalised",
        "the gradient is scaled to norm 1",
        SITE,
        "dW / ||g||",
        "{dW}",
        "Only its direction is thought to matter.",
        "Return the gradient with its length.",
        _scaled(lambda norm: 1.0 / norm if norm > 0 else 1.0),
        "whole",
        "gradients of norm 1",
        "2-3-1 sigmoid,sigmoid half_squared_error",
    ),
    Bug(
        "only_signs_returned",
        "the signs of the gradient are returned",
        SITE,
        "sign(dW)",
        "{dW}",
        "The update of Rprop or sign descent is made part of the gradient.",
        "Return the gradient, and take its sign in the update.",
        _each(np.sign),
        "whole",
        "entries of exactly 0, 1 or -1",
        _NET,
    ),
    Bug(
        "layers_returned_in_reverse",
        "the gradients are returned last layer first",
        SITE,
        "[{dW[L]}, ..., {dW[1]}]",
        "[{dW[1]}, ..., {dW[L]}]",
        "Gradients are appended as the backward pass finds them.",
        "Reverse the list, or insert at its front.",
        {"returned": _reversed},
        "whole",
        "one layer; layers of unequal shape, where it is noticed",
        _SQUARE,
    ),
    Bug(
        "biases_of_next_layer_returned",
        "weights and biases of different layers are paired",
        SITE,
        "({dW[l]}, {db[l+1]})",
        "({dW[l]}, {db[l]})",
        "Two lists are zipped, and one of them is shifted.",
        "Pair the gradients of one layer.",
        {"returned": _biases_of_next},
        "whole",
        "one layer; layers of unequal width, where it is noticed",
        _SQUARE,
    ),
    Bug(
        "updated_parameters_returned",
        "the updated parameters are returned for the gradient",
        SITE,
        "{W - 0.1 * dW}",
        "{dW}",
        "The backward pass updates, and returns what it has.",
        "Return dW and db, and update elsewhere.",
        _PARAMETERS.rules(OWN_RATE),
        "whole",
        "nowhere",
        _NET,
        free=_PARAMETERS,
    ),
    Bug(
        "first_layer_left_out",
        "the first layer never gets a gradient",
        SITE,
        "{dW[1]} = 0, {db[1]} = 0",
        "{dW[1]} = {x.T @ delta[1]}, {db[1]} = {total(delta[1])}",
        "The loop over the layers stops at 1 where it should stop at 0.",
        "Let the loop reach the first layer.",
        {"returned": _first_left_out},
        "whole",
        "nowhere",
        _NET,
    ),
    Bug(
        "weight_decay_in_gradient",
        "a fixed weight decay is added to the gradient",
        SITE,
        "{dW + 0.01 * W}",
        "{dW}",
        "The decay of an optimiser is built into the backward pass, and the loss knows nothing.",
        "Decay in the update, or put the penalty into the loss.",
        _DECAY.rules(_DECAY.planted),
        "whole",
        "weights of zero",
        _NET,
        free=_DECAY,
    ),
)
