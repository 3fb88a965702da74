"""Bugs of memory: something survives a call, or the caller's arrays are written to."""

from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.networks.bugs.bug import Bug
from gradcheck.networks.bugs.textbook import Pass, activation, loss, output_delta, returned, update
from gradcheck.networks.bugs.wrong_parts import OWN_RATE, averaged
from gradcheck.networks.problem import Floats, Pair

SITE = "state"

_NET = "2-3-2 tanh,identity half_squared_error"


def _kept(p: Pass, what: str, now: Any) -> Any:
    """What was kept of the first call with arrays of these shapes, or what is there now."""
    key = (what, p.network.widths, len(p.y))
    return p.memory.setdefault(key, now)


def _before(p: Pass, what: str, now: Any) -> Any:
    """What the last call with arrays of these shapes left, or what is there now."""
    key = (what, p.network.widths, len(p.y))
    old = p.memory.get(key, now)
    p.memory[key] = now
    return old


def _remembering(p: Pass, share: float, now: list[Pair]) -> list[Pair]:
    """Add a share of what was there before, and keep the sum."""
    key = ("sum", p.network.widths)
    old = p.memory.get(key, [(0.0, 0.0)] * len(now))
    total = [(share * w + dw, share * b + db) for (w, b), (dw, db) in zip(old, now, strict=True)]
    p.memory[key] = total
    return [(dw.copy(), db.copy()) for dw, db in total]


def _falling_rate(p: Pass, grads: list[Pair]) -> list[Pair]:
    steps = p.memory["steps"] = p.memory.get("steps", -1) + 1
    factor = 1.0 / (1.0 + 0.1 * steps)
    return update(p, [(factor * dw, factor * db) for dw, db in grads])


def _stale_inputs(p: Pass, layer: int) -> Floats:
    inputs = p.a[layer - 1]
    if layer == 1:
        inputs = _before(p, "x", inputs.copy())
    product: Floats = inputs.T @ p.delta[layer]
    return product


def _first_weights(p: Pass, layer: int) -> Floats:
    w = _kept(p, f"W{layer + 1}", p.weights(layer + 1).copy())
    back: Floats = p.delta[layer + 1] @ w.T
    return back


def _first_targets(p: Pass) -> Floats:
    y = _kept(p, f"y {p.network.loss}", p.y.copy())
    return output_delta(replace(p, y=y))


def _in_place(p: Pass, layer: int) -> Floats:
    a = activation(p, layer)
    p.z[layer][...] = a
    return p.z[layer]


def _loss_so_far(p: Pass) -> float:
    total = p.memory["loss"] = p.memory.get("loss", 0.0) + loss(p)
    return float(total)


def _into_buffer(p: Pass) -> list[Pair]:
    now = returned(p)
    key = ("buffer", p.network.widths)
    buffer: list[Pair] = p.memory.setdefault(key, now)
    for (kept_w, kept_b), (dw, db) in zip(buffer, now, strict=True):
        kept_w[...], kept_b[...] = dw, db
    return list(buffer)


def _into_weights(p: Pass) -> list[Pair]:
    for (w, b), (dw, db) in zip(p.pairs, returned(p), strict=True):
        w[...], b[...] = dw, db
    return list(p.pairs)


def _trains_too(p: Pass) -> list[Pair]:
    grads = returned(p)
    for (w, b), (dw, db) in zip(p.pairs, grads, strict=True):
        w -= OWN_RATE * dw
        b -= OWN_RATE * db
    return grads


def _step_in_place(p: Pass, grads: list[Pair]) -> list[Pair]:
    rate = p.learning_rate or 0.0
    for (w, b), (dw, db) in zip(p.pairs, grads, strict=True):
        w -= rate * dw
        b -= rate * db
    return list(p.pairs)


def _centres(p: Pass, params: list[Pair], x: Floats, y: Floats) -> None:
    x -= x.mean(axis=0)


def _overwrites_targets(p: Pass) -> list[Pair]:
    p.y[...] = p.a[p.last] - p.y
    return returned(p)


def _masked(p: Pass, layer: int) -> Floats:
    rng = p.memory.setdefault("rng", np.random.default_rng(0))
    back: Floats = p.delta[layer + 1] @ p.weights(layer + 1).T
    masked: Floats = back * (rng.random(back.shape) < 0.5) * 2.0
    return masked


def _latched_size(p: Pass) -> float:
    size = p.memory.setdefault("samples", len(p.y))
    return 1.0 / size if averaged(p) else 1.0


def _inputs_cleared(p: Pass, layer: int) -> Floats:
    product: Floats = p.a[layer - 1].T @ p.delta[layer]
    if layer == 1:
        p.a[0][...] = p.delta[1] @ p.weights(1).T
    return product


BUGS = (
    Bug(
        "gradients_accumulate",
        "gradients are never set back to zero between calls",
        SITE,
        "sum of dW over all calls",
        "dW of this call",
        "The arrays are made once, and += is right within a call.",
        "Set the gradients to zero at the beginning of each call.",
        {"returned": lambda p: _remembering(p, 1.0, returned(p))},
        "whole",
        "the first call",
        _NET,
    ),
    Bug(
        "velocity_returned",
        "the momentum is returned for the gradient",
        SITE,
        "v = 0.9 v + dW",
        "{dW}",
        "Momentum is kept where the gradient is formed.",
        "Return the gradient, and keep the momentum in the update.",
        {"returned": lambda p: _remembering(p, 0.9, returned(p))},
        "whole",
        "the first call",
        _NET,
    ),
    Bug(
        "step_remembers_velocity",
        "a plain step has momentum of earlier steps in it",
        SITE,
        "W - rate v, with v = 0.9 v + dW",
        "{W - rate * dW}",
        "The optimiser keeps its state in a global or a class.",
        "Keep momentum in an object of its own, and start it afresh.",
        {"update": lambda p, grads: update(p, _remembering(p, 0.9, grads))},
        "whole",
        "the first step; the gradient alone",
        _NET,
    ),
    Bug(
        "rate_falls_with_every_call",
        "the learning rate falls with every step ever taken",
        SITE,
        "rate / (1 + 0.1 calls)",
        "rate",
        "A global counter of steps schedules the rate.",
        "Let the caller schedule the rate that it passes.",
        {"update": _falling_rate},
        "whole",
        "the first step; the gradient alone",
        _NET,
    ),
    Bug(
        "stale_inputs",
        "the backward pass uses inputs of an earlier forward pass",
        SITE,
        "{x.T @ delta}, with x of an earlier call",
        "{x.T @ delta}",
        "Inputs are cached on the object, and read before they are stored again.",
        "Store the inputs in the forward pass of the same call.",
        {"weight_product": _stale_inputs},
        "whole",
        "the first call; calls with the same inputs",
        _NET,
    ),
    Bug(
        "first_weights_cached",
        "the delta goes back through the weights of the first call",
        SITE,
        "{delta[up] @ W[up].T}, with {W[up]} of the first call",
        "{delta[up] @ W[up].T}",
        "Transposed weights are cached, or shared by all objects of a class.",
        "Use the weights that the call was given.",
        {"propagate": _first_weights},
        "whole",
        "the first call; one layer",
        _NET,
    ),
    Bug(
        "first_targets_cached",
        "the error is formed with the targets of the first call",
        SITE,
        "a - y(first call)",
        "a - y",
        "The targets are a global, or a default that is set once.",
        "Use the targets that the call was given.",
        {"output_delta": _first_targets},
        "whole",
        "the first call; calls with the same targets",
        _NET,
    ),
    Bug(
        "batch_size_latched",
        "the gradient is divided by the batch size of the first call",
        SITE,
        "dW / N(first call)",
        "dW / N",
        "The size is stored when the object meets its first batch.",
        "Count the samples of the batch at hand.",
        {"scale": _latched_size},
        "whole",
        "the first call; batches of one size; a loss that is a sum",
        _NET,
    ),
    Bug(
        "loss_accumulates",
        "the loss is summed over calls",
        SITE,
        "sum of the loss over all calls",
        "loss of this call",
        "A running total of the epoch is never set back.",
        "Start each call's loss from zero.",
        {"loss": _loss_so_far},
        "whole",
        "the first call",
        _NET,
    ),
    Bug(
        "mask_drawn_again",
        "dropout is drawn in the backward pass, though the forward pass has none",
        SITE,
        "{delta[up] @ W[up].T * mask}",
        "{delta[up] @ W[up].T}",
        "The mask is drawn where it is used, and not kept.",
        "Draw the mask once, in the forward pass, and use the same one going back.",
        {"propagate": _masked},
        "whole",
        "one layer; a probability of 0",
        _NET,
    ),
    Bug(
        "activation_in_place",
        "the activation overwrites its pre-activation",
        SITE,
        "phi'(a), for z and a are one array",
        "phi'(z)",
        "The activation is applied in place to save memory.",
        "Keep z, or use a derivative written in a.",
        {"activation": _in_place},
        "hidden",
        "identity, relu and leaky_relu, whose slope is the same at z and a",
        "2-3-2 sigmoid,identity half_squared_error",
    ),
    Bug(
        "gradient_buffer_reused",
        "the next call writes into the gradients that this one returned",
        SITE,
        "dW is the same array in every call",
        "dW is a new array in every call",
        "The arrays are made once and filled anew.",
        "Return new arrays, or copies.",
        {"returned": _into_buffer},
        "whole",
        "a caller that copies; a single call",
        _NET,
    ),
    Bug(
        "gradient_written_into_weights",
        "the gradient is written into the weights that were passed",
        SITE,
        "W[...] = dW",
        "dW in an array of its own",
        "An array of the right shape is at hand.",
        "Allocate arrays for the gradient.",
        {"returned": _into_weights},
        "whole",
        "a caller that passes copies",
        _NET,
    ),
    Bug(
        "gradient_call_trains",
        "asking for the gradient updates the weights that were passed",
        SITE,
        "W -= 0.1 dW, on the way",
        "W is left alone",
        "Backward pass and update are one function.",
        "Return the gradient, and update in a function of its own.",
        {"returned": _trains_too},
        "whole",
        "a caller that passes copies",
        _NET,
    ),
    Bug(
        "step_writes_to_arguments",
        "the step changes the weights that were passed",
        SITE,
        "W -= rate dW",
        "return W - rate dW",
        "-= on an array changes the array of the caller as well.",
        "Write W = W - rate * dW, which makes a new array.",
        {"update": _step_in_place},
        "whole",
        "a caller that passes copies; the gradient alone",
        _NET,
    ),
    Bug(
        "inputs_centred_in_place",
        "the inputs are centred in place",
        SITE,
        "x -= mean(x)",
        "x is left alone",
        "Preprocessing is part of the function, and -= changes the array of the caller.",
        "Leave the inputs as they are, or centre a copy before training.",
        {"begin": _centres},
        "whole",
        "inputs that are centred already",
        _NET,
    ),
    Bug(
        "inputs_overwritten_by_gradient",
        "the derivative by the inputs is written into the inputs",
        SITE,
        "x[...] = {delta[1] @ W[1].T}",
        "x is left alone",
        "The array has the right shape and is not needed any more, it seems.",
        "Leave the arguments alone.",
        {"weight_product": _inputs_cleared},
        "whole",
        "a caller that passes copies",
        _NET,
    ),
    Bug(
        "targets_overwritten_by_error",
        "the error is written into the targets",
        SITE,
        "y[...] = a - y",
        "y is left alone",
        "out= or -= saves an array.",
        "Form the error in an array of its own.",
        {"returned": _overwrites_targets},
        "whole",
        "a caller that passes copies and a loss formed before",
        _NET,
    ),
)
