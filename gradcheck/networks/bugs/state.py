"""Bugs of memory: something survives a call, or the caller's arrays are written to."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradcheck.networks.bugs.bug import OWN_RATE, Bug, Site
from gradcheck.networks.bugs.textbook import Pass, activation, after, output_delta, update
from gradcheck.networks.problem import Floats, Pair

SITE = Site("state", "what is kept between calls or written to")


def _kept(p: Pass, what: str, now: Any) -> Any:
    """What was kept of the first call with arrays of these shapes, or what is there now."""
    return p.memory.setdefault((what, p.network.widths, len(p.y)), now)


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
    return inputs.T @ p.delta[layer]


def _first_weights(p: Pass, layer: int) -> Floats:
    w: Floats = _kept(p, f"W{layer + 1}", p.weights(layer + 1).copy())
    return p.delta[layer + 1] @ w.T


def _first_targets(p: Pass) -> Floats:
    y = _kept(p, f"y {p.network.loss}", p.y.copy())
    return output_delta(replace(p, y=y))


def _in_place(p: Pass, layer: int) -> Floats:
    p.z[layer][...] = activation(p, layer)
    return p.z[layer]


def _loss_so_far(p: Pass, loss: float) -> float:
    total: float = p.memory.get("loss", 0.0) + loss
    p.memory["loss"] = total
    return total


def _written_into(arrays: list[Pair], grads: list[Pair]) -> list[Pair]:
    for (w, b), (dw, db) in zip(arrays, grads, strict=True):
        w[...], b[...] = dw, db
    return list(arrays)


def _into_buffer(p: Pass, grads: list[Pair]) -> list[Pair]:
    return _written_into(p.memory.setdefault(("buffer", p.network.widths), grads), grads)


def _step_in_place(p: Pass, grads: list[Pair], rate: float) -> list[Pair]:
    for (w, b), (dw, db) in zip(p.pairs, grads, strict=True):
        w -= rate * dw
        b -= rate * db
    return list(p.pairs)


def _trains_too(p: Pass, grads: list[Pair]) -> list[Pair]:
    _step_in_place(p, grads, OWN_RATE)
    return grads


def _centres(p: Pass, params: list[Pair], x: Floats, y: Floats) -> None:
    x -= x.mean(axis=0)


def _overwrites_targets(p: Pass, grads: list[Pair]) -> list[Pair]:
    p.y[...] = p.a[p.last] - p.y
    return grads


def _masked(p: Pass, layer: int, back: Floats) -> Any:
    rng = p.memory.setdefault("rng", np.random.default_rng(0))
    return back * (rng.random(back.shape) < 0.5) * 2.0


def _latched_size(p: Pass) -> float:
    size: int = p.memory.setdefault("samples", len(p.y))
    return 1.0 / size if p.averaged else 1.0


def _overwrites_inputs(p: Pass, layer: int, product: Floats) -> Floats:
    if layer == 1:
        p.a[0][...] = p.delta[1] @ p.weights(1).T
    return product


_bug = partial(Bug, SITE, hides="the first call", strikes="whole")

BUGS = {
    "gradients_accumulate": _bug(
        "gradients are never set back to zero between calls",
        wrong="sum of dW over all calls",
        right="dW of this call",
        why="The arrays are made once, and += is right within a call.",
        mend="Set the gradients to zero at the beginning of each call.",
        rules=after("returned", lambda p, grads: _remembering(p, 1.0, grads)),
    ),
    "velocity_returned": _bug(
        "the momentum is returned for the gradient",
        wrong="v = 0.9 v + dW",
        right="{dW}",
        why="Momentum is kept where the gradient is formed.",
        mend="Return the gradient, and keep the momentum in the update.",
        rules=after("returned", lambda p, grads: _remembering(p, 0.9, grads)),
    ),
    "step_remembers_velocity": _bug(
        "a plain step has momentum of earlier steps in it",
        wrong="W - rate v, with v = 0.9 v + dW",
        right="{W - rate * dW}",
        why="The optimiser keeps its state in a global or a class.",
        mend="Keep momentum in an object of its own, and start it afresh.",
        hides="the first step; the gradient alone",
        rules={"update": lambda p, grads: update(p, _remembering(p, 0.9, grads))},
    ),
    "rate_falls_with_every_call": _bug(
        "the learning rate falls with every step ever taken",
        wrong="rate / (1 + 0.1 calls)",
        right="rate",
        why="A global counter of steps schedules the rate.",
        mend="Let the caller schedule the rate that it passes.",
        hides="the first step; the gradient alone",
        rules={"update": _falling_rate},
    ),
    "stale_inputs": _bug(
        "the backward pass uses inputs of an earlier forward pass",
        wrong="{x.T @ delta}, with x of an earlier call",
        right="{x.T @ delta}",
        why="Inputs are cached on the object, and read before they are stored again.",
        mend="Store the inputs in the forward pass of the same call.",
        hides="the first call; calls with the same inputs",
        rules={"weight_product": _stale_inputs},
    ),
    "first_weights_cached": _bug(
        "the delta goes back through the weights of the first call",
        wrong="{delta[up] @ W[up].T}, with {W[up]} of the first call",
        right="{delta[up] @ W[up].T}",
        why="Transposed weights are cached, or shared by all objects of a class.",
        mend="Use the weights that the call was given.",
        hides="the first call; one layer",
        rules={"propagate": _first_weights},
    ),
    "first_targets_cached": _bug(
        "the error is formed with the targets of the first call",
        wrong="a - y(first call)",
        right="a - y",
        why="The targets are a global, or a default that is set once.",
        mend="Use the targets that the call was given.",
        hides="the first call; calls with the same targets",
        rules={"output_delta": _first_targets},
    ),
    "batch_size_latched": _bug(
        "the gradient is divided by the batch size of the first call",
        wrong="dW / N(first call)",
        right="dW / N",
        why="The size is stored when the object meets its first batch.",
        mend="Count the samples of the batch at hand.",
        hides="the first call; batches of one size; a loss that is a sum",
        rules={"scale": _latched_size},
    ),
    "loss_accumulates": _bug(
        "the loss is summed over calls",
        wrong="sum of the loss over all calls",
        right="loss of this call",
        why="A running total of the epoch is never set back.",
        mend="Start each call's loss from zero.",
        rules=after("loss", _loss_so_far),
    ),
    "mask_drawn_again": _bug(
        "dropout is drawn in the backward pass, though the forward pass has none",
        wrong="{delta[up] @ W[up].T * mask}",
        right="{delta[up] @ W[up].T}",
        why="The mask is drawn where it is used, and not kept.",
        mend="Draw the mask once, in the forward pass, and use the same one going back.",
        hides="one layer; a probability of 0",
        rules=after("propagate", _masked),
    ),
    "activation_in_place": _bug(
        "the activation overwrites its pre-activation",
        wrong="phi'(a), for z and a are one array",
        right="phi'(z)",
        why="The activation is applied in place to save memory.",
        mend="Keep z, or use a derivative written in a.",
        hides="identity, relu and leaky_relu, whose slope is the same at z and a",
        rules={"activation": _in_place},
        strikes="hidden",
        example="2-3-2 sigmoid,identity half_squared_error",
    ),
    "gradient_buffer_reused": _bug(
        "the next call writes into the gradients that this one returned",
        wrong="dW is the same array in every call",
        right="dW is a new array in every call",
        why="The arrays are made once and filled anew.",
        mend="Return new arrays, or copies.",
        hides="a caller that copies; a single call",
        rules=after("returned", _into_buffer),
    ),
    "gradient_written_into_weights": _bug(
        "the gradient is written into the weights that were passed",
        wrong="W[...] = dW",
        right="dW in an array of its own",
        why="An array of the right shape is at hand.",
        mend="Allocate arrays for the gradient.",
        hides="a caller that passes copies",
        rules=after("returned", lambda p, grads: _written_into(p.pairs, grads)),
    ),
    "gradient_call_trains": _bug(
        "asking for the gradient updates the weights that were passed",
        wrong="W -= 0.1 dW, on the way",
        right="W is left alone",
        why="Backward pass and update are one function.",
        mend="Return the gradient, and update in a function of its own.",
        hides="a caller that passes copies",
        rules=after("returned", _trains_too),
    ),
    "step_writes_to_arguments": _bug(
        "the step changes the weights that were passed",
        wrong="W -= rate dW",
        right="return W - rate dW",
        why="-= on an array changes the array of the caller as well.",
        mend="Write W = W - rate * dW, which makes a new array.",
        hides="a caller that passes copies; the gradient alone",
        rules={"update": lambda p, grads: _step_in_place(p, grads, p.learning_rate or 0.0)},
    ),
    "inputs_centred_in_place": _bug(
        "the inputs are centred in place",
        wrong="x -= mean(x)",
        right="x is left alone",
        why="Preprocessing is part of the function, and -= changes the array of the caller.",
        mend="Leave the inputs as they are, or centre a copy before training.",
        hides="inputs that are centred already",
        rules={"begin": _centres},
    ),
    "inputs_overwritten_by_gradient": _bug(
        "the derivative by the inputs is written into the inputs",
        wrong="x[...] = {delta[1] @ W[1].T}",
        right="x is left alone",
        why="The array has the right shape and is not needed any more, it seems.",
        mend="Leave the arguments alone.",
        hides="a caller that passes copies",
        rules=after("weight_product", _overwrites_inputs),
    ),
    "targets_overwritten_by_error": _bug(
        "the error is written into the targets",
        wrong="y[...] = a - y",
        right="y is left alone",
        why="out= or -= saves an array.",
        mend="Form the error in an array of its own.",
        hides="a caller that passes copies and a loss formed before",
        rules=after("returned", _overwrites_targets),
    ),
}
