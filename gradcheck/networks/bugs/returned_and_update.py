"""Bugs in what becomes of a gradient that is right: it is handed back, or a step is made of it."""

from dataclasses import replace
from functools import partial

import numpy as np

from gradcheck.networks.bugs.bug import OWN_RATE, Bug, Free, Site
from gradcheck.networks.bugs.textbook import Pass, Rule, after, update
from gradcheck.networks.problem import Floats, Pair

RETURNED = Site("returned_gradient", "what is handed back")

UPDATE = Site(
    "update",
    "the step",
    whole=(
        "The step is not what your own gradient makes of it: params - rate * gradient.",
        "Look at the lines that change the parameters.",
    ),
)

_SQUARE = "3-3-3 tanh,identity half_squared_error"


def returning(change: Rule, rule: str = "returned") -> dict[str, Rule]:
    """Hand back ``change(tensor)`` of each tensor of the gradient, or of what a rule makes."""
    return after(rule, lambda p, *given: [(change(w), change(b)) for w, b in given[-1]])


def _scaled(factor: Rule) -> dict[str, Rule]:
    """Scale the whole gradient by a function of its norm."""

    def scale(p: Pass, grads: list[Pair]) -> list[Pair]:
        by = factor(float(np.sqrt(sum((array**2).sum() for pair in grads for array in pair))))
        return [(by * dw, by * db) for dw, db in grads]

    return after("returned", scale)


def _where_it_fits(mixed: list[Pair], grads: list[Pair]) -> list[Pair]:
    """Return tensors of other layers where they have the shapes of the right ones."""
    both = zip(mixed, grads, strict=True)
    fits = all(w.shape == dw.shape and b.shape == db.shape for (w, b), (dw, db) in both)
    return mixed if fits else grads


def _biases_of_next(p: Pass, grads: list[Pair]) -> list[Pair]:
    following = zip(grads, [*grads[1:], grads[0]], strict=True)
    return _where_it_fits([(dw, db) for (dw, _), (_, db) in following], grads)


def _first_left_out(p: Pass, grads: list[Pair]) -> list[Pair]:
    (dw, db), *rest = grads
    return [(np.zeros_like(dw), np.zeros_like(db)), *rest]


def _decayed(p: Pass, grads: list[Pair], decay: float) -> list[Pair]:
    return [(dw + decay * w, db) for (w, _), (dw, db) in zip(p.pairs, grads, strict=True)]


def _subtract(value: Floats, gradient: Floats, rate: float) -> Floats:
    return value - rate * gradient


def _stepping(step: Rule, bias_step: Rule | None = None) -> dict[str, Rule]:
    """Step by ``step(parameter, gradient, rate)``, in biases perhaps by another."""
    other = bias_step or step

    def rule(p: Pass, grads: list[Pair]) -> list[Pair]:
        rate = p.learning_rate or 0.0
        return [
            (step(w, dw, rate), other(b, db, rate))
            for (w, b), (dw, db) in zip(p.pairs, grads, strict=True)
        ]

    return {"update": rule}


def _divided_again(p: Pass, grads: list[Pair]) -> list[Pair]:
    return update(p, [(dw / len(p.y), db / len(p.y)) for dw, db in grads])


def _output_at_rate_one(p: Pass, grads: list[Pair]) -> list[Pair]:
    (w, b), (dw, db) = p.pairs[-1], grads[-1]
    return [*update(p, grads)[:-1], (w - dw, b - db)]


def _first_layer_kept(p: Pass, grads: list[Pair]) -> list[Pair]:
    w, b = p.pairs[0]
    return [(w.copy(), b.copy()), *update(p, grads)[1:]]


_returned = partial(Bug, RETURNED, right="{dW}", strikes="whole")
_update = partial(
    Bug,
    UPDATE,
    right="{W - rate * dW}",
    hides="the gradient alone, without a step",
    strikes="whole",
)

BUGS = {
    "gradient_times_rate": _returned(
        "the step is returned for the gradient",
        wrong="{0.1 * dW}",
        why="The rate is multiplied in where the gradient is formed.",
        mend="Return the gradient, and multiply by the rate in the update.",
        hides="a rate of 1",
        rules=returning(lambda g: OWN_RATE * g),
    ),
    "descent_direction_returned": _returned(
        "the direction of descent is returned for the gradient",
        wrong="{-dW}",
        why="The update adds what is returned, so that the sign is turned here.",
        mend="Return the gradient itself, and subtract it in the update.",
        rules=returning(np.negative),
    ),
    "gradient_clipped": _returned(
        "the entries of the gradient are clipped",
        wrong="min(max(dW, -1), 1)",
        why="Clipping against exploding gradients is done inside the backward pass.",
        mend="Clip in the training loop: a clipped gradient is not the gradient.",
        hides="entries below 1",
        rules=returning(lambda g: np.clip(g, -1.0, 1.0)),
        example="2-3-2 tanh,identity squared_error sum",
    ),
    "gradient_norm_clipped": _returned(
        "the gradient is shortened to norm 1",
        wrong="dW / max(1, ||g||)",
        why="Clipping by the norm is done inside the backward pass.",
        mend="Clip in the training loop: a clipped gradient is not the gradient.",
        hides="gradients shorter than 1",
        rules=_scaled(lambda norm: 1.0 / max(norm, 1.0)),
        example="2-3-2 tanh,identity squared_error sum",
    ),
    "gradient_normalised": _returned(
        "the gradient is scaled to norm 1",
        wrong="dW / ||g||",
        why="Only its direction is thought to matter.",
        mend="Return the gradient with its length.",
        hides="gradients of norm 1",
        rules=_scaled(lambda norm: 1.0 / norm if norm > 0 else 1.0),
        example="2-3-1 sigmoid,sigmoid half_squared_error",
    ),
    "only_signs_returned": _returned(
        "the signs of the gradient are returned",
        wrong="sign(dW)",
        why="The update of Rprop or sign descent is made part of the gradient.",
        mend="Return the gradient, and take its sign in the update.",
        hides="entries of exactly 0, 1 or -1",
        rules=returning(np.sign),
    ),
    "layers_returned_in_reverse": _returned(
        "the gradients are returned last layer first",
        wrong="[{dW[L]}, ..., {dW[1]}]",
        right="[{dW[1]}, ..., {dW[L]}]",
        why="Gradients are appended as the backward pass finds them.",
        mend="Reverse the list, or insert at its front.",
        hides="one layer; layers of unequal shape, where it is noticed",
        rules=after("returned", lambda p, grads: _where_it_fits(grads[::-1], grads)),
        example=_SQUARE,
    ),
    "biases_of_next_layer_returned": _returned(
        "weights and biases of different layers are paired",
        wrong="({dW[l]}, {db[l+1]})",
        right="({dW[l]}, {db[l]})",
        why="Two lists are zipped, and one of them is shifted.",
        mend="Pair the gradients of one layer.",
        hides="one layer; layers of unequal width, where it is noticed",
        rules=after("returned", _biases_of_next),
        example=_SQUARE,
    ),
    "updated_parameters_returned": _returned(
        "the updated parameters are returned for the gradient",
        why="The backward pass updates, and returns what it has.",
        mend="Return dW and db, and update elsewhere.",
        **Free(
            "learning_rate",
            lambda rate: after(
                "returned", lambda p, grads: update(replace(p, learning_rate=rate), grads)
            ),
            "{W - # * dW}",
        ).with_number(OWN_RATE),
    ),
    "first_layer_left_out": _returned(
        "the first layer never gets a gradient",
        wrong="{dW[1]} = 0, {db[1]} = 0",
        right="{dW[1]} = {x.T @ delta[1]}, {db[1]} = {total(delta[1])}",
        why="The loop over the layers stops at 1 where it should stop at 0.",
        mend="Let the loop reach the first layer.",
        rules=after("returned", _first_left_out),
    ),
    "weight_decay_in_gradient": _returned(
        "a fixed weight decay is added to the gradient",
        why="An optimiser's decay is built into the backward pass, and the loss knows nothing.",
        mend="Decay in the update, or put the penalty into the loss.",
        hides="weights of zero",
        **Free(
            "coefficient",
            lambda decay: after("returned", lambda p, grads: _decayed(p, grads, decay)),
            "{dW + # * W}",
        ).with_number(0.01),
    ),
    "step_adds_gradient": _update(
        "the step adds the gradient",
        wrong="{W + rate * dW}",
        why="With the error taken as y - a the plus is right; with a - y it climbs the loss.",
        mend="Subtract: W - learning_rate * dW.",
        rules=_stepping(lambda w, dw, rate: w + rate * dw),
    ),
    "step_ignores_biases": _update(
        "the step leaves the biases as they are",
        wrong="b",
        right="{b - rate * db}",
        why="The line of the weights is written, that of the biases forgotten.",
        mend="Update the biases too.",
        rules=_stepping(_subtract, lambda b, db, rate: b.copy()),
    ),
    "step_adds_to_biases": _update(
        "the step subtracts for the weights and adds for the biases",
        wrong="{b + rate * db}",
        right="{b - rate * db}",
        why="The bias was a threshold, or one of two signs was mended.",
        mend="Subtract in both lines.",
        rules=_stepping(_subtract, lambda b, db, rate: b + rate * db),
    ),
    "step_without_rate": _update(
        "the step ignores the learning rate",
        wrong="{W - dW}",
        why="The argument is there and is not used.",
        mend="Multiply the gradient by the learning rate.",
        hides="a rate of 1",
        rules=_stepping(lambda w, dw, rate: w - dw),
    ),
    "step_with_rate_of_its_own": _update(
        "the step uses a learning rate of its own",
        why="A default or a global stands in the way of the argument.",
        mend="Use the rate that is passed.",
        hides="a rate of 0.01",
        **Free(
            "learning_rate", lambda own: _stepping(lambda w, dw, rate: w - own * dw), "{W - # * dW}"
        ).with_number(0.01),
    ),
    "step_with_rate_twice": _update(
        "the learning rate is multiplied in twice",
        wrong="{W - rate**2 * dW}",
        why="The gradient has the rate in it already, and the step multiplies again.",
        mend="Multiply by the rate in one place only.",
        hides="a rate of 1",
        rules=_stepping(lambda w, dw, rate: w - rate * rate * dw),
    ),
    "step_divides_by_rate": _update(
        "the step divides by the learning rate",
        wrong="{W - dW / rate}",
        why="* and / are a key apart.",
        mend="Multiply the gradient by the learning rate.",
        hides="a rate of 1",
        rules=_stepping(lambda w, dw, rate: w - dw / (rate or 1.0)),
    ),
    "step_replaces_weights": _update(
        "the change is returned for the changed weights",
        wrong="{-rate * dW}",
        why="= is typed for += or -=.",
        mend="Add the change to the old weights.",
        hides="weights of zero",
        rules=_stepping(lambda w, dw, rate: -rate * dw),
    ),
    "step_taken_twice": _update(
        "the same gradient is subtracted twice",
        wrong="{W - 2 * rate * dW}",
        why="The backward pass updates already, and the training loop does so again.",
        mend="Update in one place only.",
        rules=_stepping(lambda w, dw, rate: w - 2.0 * rate * dw),
    ),
    "step_divides_by_samples_again": _update(
        "the step divides a mean gradient by the batch size again",
        wrong="{W - rate / N * dW}",
        why="A formula for summed gradients is used with averaged ones.",
        mend="Divide by N in one place only.",
        hides="a batch of one",
        rules={"update": _divided_again},
    ),
    "step_decays_weights": _update(
        "the step shrinks the weights besides",
        why="Weight decay is built into the step, and nobody asked for it.",
        mend="Leave the decay out, or put the penalty into the loss.",
        hides="weights of zero",
        **Free(
            "coefficient",
            lambda decay: _stepping(lambda w, dw, rate: w - rate * (dw + decay * w), _subtract),
            "{W * (1 - # * rate) - rate * dW}",
        ).with_number(0.01),
    ),
    "step_clips_weights": _update(
        "the step keeps the weights between -1 and 1",
        wrong="min(max(W - rate dW, -1), 1)",
        why="A bound against weights that explode stays in the code.",
        mend="Take the bound away.",
        hides="weights below 1",
        rules=_stepping(lambda w, dw, rate: np.clip(w - rate * dw, -1.0, 1.0)),
    ),
    "output_layer_ignores_rate": _update(
        "the output layer is updated at rate 1",
        wrong="{W[L] - dW[L]}",
        right="{W[L] - rate * dW[L]}",
        why="The output layer has a line of its own, and the rate is forgotten there.",
        mend="Multiply by the rate in every layer.",
        hides="a rate of 1",
        rules={"update": _output_at_rate_one},
    ),
    "first_layer_not_updated": _update(
        "the first layer is never updated",
        wrong="{W[1]}",
        right="{W[1] - rate * dW[1]}",
        why="The loop over the layers starts one too late.",
        mend="Update every layer.",
        rules={"update": _first_layer_kept},
    ),
}
