"""What is said of answers that came back in another form than agreed.

The form that makes the most numbers right is told, and as a fact where it makes all of them
right.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.contract.protocol import ABSENT
from gradcheck.networks.bugs import CATALOGUE
from gradcheck.networks.bugs.textbook import Pass
from gradcheck.networks.diagnosis.observations import Observations, same
from gradcheck.networks.diagnosis.other_forms import (
    LOST,
    RIGHT,
    TURNS,
    Form,
    Seen,
    Turn,
    as_array,
    backward_pass,
    best_turn,
    forms,
)
from gradcheck.networks.diagnosis.result import BugAtPlace, Diagnosis, localised, named
from gradcheck.networks.problem import Floats, Problem
from gradcheck.networks.scope import Asking

_AGREED = "Return (loss, [(dW, db), ...]): one pair a layer, in the shapes of W and b."

_PACKED = "Return (loss, [(dW, db), ...]): one pair a layer, that of layer 1 first."

_SHAPE = "Look at the line that forms it: a gradient has the shape of what it is the gradient of."

#: The site of a gradient, by the first letter of its parameter.
_GRADIENTS = {"W": "weight_gradient", "b": "bias_gradient"}


def read_form(observations: Observations) -> tuple[list[Diagnosis], Form | None]:
    """Say what is wrong with the form of the answers, and how to read them in the agreed one.

    Nothing is wrong when every answer has the agreed form; a form is returned where every tensor
    can be had by it.
    """
    failed = [
        (request.problem, answer, right)
        for request, answer, right in observations.rows()
        if answer.failure is not None and answer.failure.kind == "contract"
    ]
    if not failed:
        return [], None
    seen = [Seen(p, answer.returned, right.loss, right.tensors) for p, answer, right in failed]
    messages = [a.failure.message for a in observations.answers if a.failure is not None]
    alone = _one_tensor(seen, messages[-1]) or _nothing(seen)
    if alone is not None:
        return [alone], None
    form = max(forms(seen), key=lambda form: form.score, default=None)
    diagnoses = list(_described(form, seen)) if form is not None else []
    if form is None or not diagnoses:
        message = messages[0]
        if message.startswith("the loss "):
            fix = "Return the loss of the whole batch as one number."
            return [localised("forward", None, f"T{message[1:]}.", fix)], None
        return [_returned(f"What your code returns cannot be read: {message}.", _AGREED)], None
    return diagnoses, form if form.readable else None


def read_as(form: Form, questions: Asking[Any]) -> Asking[Any]:
    """Let questions be answered in the agreed form."""
    request = next(questions)
    while True:
        observation = yield request
        try:
            request = questions.send(form.read(request.problem, observation))
        except StopIteration as stop:
            return stop.value


def _returned(explanation: str, fix: str) -> Diagnosis:
    return localised("returned_gradient", None, explanation, fix)


def _one_tensor(seen: list[Seen], message: str) -> Diagnosis | None:
    """Tell of the one gradient that a reading of foreign code found to be of another shape.

    ``message`` is what it said of the last one, in the layout of the code.
    """
    found = [(s, *s.returned) for s in seen if _is_one_tensor(s.returned)]
    if not found or found[-1][0] is not seen[-1]:
        return None
    gradient = found[-1][1]
    if isinstance(found[-1][2], str):
        return _absent(gradient, message)
    mine = [
        (s, array) for s, name, array in found if name == gradient and not isinstance(array, str)
    ]
    seen, arrays = [s for s, _ in mine], [array for _, array in mine]
    name, layer = gradient[1:], int(gradient[2:])
    text = f"{in_code(message)}, for {_samples(seen[-1].problem)}"
    if layer <= seen[0].problem.network.depth:
        turn, proven = best_turn([t for t in (*TURNS, *LOST) if t.looks], name, arrays, seen)
        if turn is not None:
            text = f"{text}: {turn.proven if proven else turn.looks}."
            return _turned(text, turn, proven, name[0], layer)
        if (product := _wrong_product(name, arrays, seen)) is not None:
            return replace(product, explanation=f"{text}. {product.explanation}")
    return localised(_GRADIENTS[name[0]], layer, f"{text}.", _SHAPE)


def _is_one_tensor(returned: Any) -> bool:
    return (
        isinstance(returned, tuple)
        and len(returned) == 2
        and isinstance(returned[0], str)
        and re.fullmatch(r"d[Wb]\d+", returned[0]) is not None
        and (isinstance(returned[1], np.ndarray) or returned[1] == ABSENT)
    )


def _samples(problem: Problem) -> str:
    return f"{problem.batch.size} samples" if problem.batch.size > 1 else "one sample"


def _turned(explanation: str, turn: Turn, proven: bool, kind: str, layer: int | None) -> Diagnosis:
    """Return the diagnosis of a tensor in another form, by name where that is proven."""
    bug = turn.bug if proven else ""
    name = BugAtPlace(bug, turn.site if turn.bug else _GRADIENTS[kind], layer)
    return Diagnosis(name, "named" if bug else "localised", explanation, turn.fix)


def _absent(gradient: str, message: str) -> Diagnosis:
    """Tell of a gradient that is not among what was returned."""
    layer = int(gradient[2:])
    text = in_code(f"{message[0].upper()}{message[1:]}.")
    fix = f"Look whether the backward pass reaches layer {layer}, and returns what it finds there."
    return localised(_GRADIENTS[gradient[1]], layer, text, fix)


def in_code(message: str) -> str:
    """Let gradients be named as the code names them."""
    return re.sub(r"\bd([Wb])(\d+)\b", r"{array d\1\2}", message)


def _nothing(seen: list[Seen]) -> Diagnosis | None:
    """Tell where nothing came back, or the loss alone."""
    if all(s.returned is None for s in seen):
        return _returned(
            "Your function returns None: it ends without a return of (loss, gradient).",
            "Return (loss, [(dW, db), ...]) at the end of the function, on every way through it.",
        )
    losses = [as_array(s.returned) for s in seen]
    numbers = [a.reshape(1) for a in losses if a is not None and a.size == 1]
    if len(numbers) == len(seen):
        right = all(same(a, np.array([s.loss]), RIGHT) for a, s in zip(numbers, seen, strict=True))
        which = "the loss, which is right," if right else "one number"
        return _returned(f"Your function returns {which} and no gradient.", _AGREED)
    parts = [s.returned for s in seen]
    if all(isinstance(p, tuple) and len(p) == 2 and p[1] is None for p in parts):
        return _returned(
            "Your function returns None where the gradient is expected: what computes it "
            "returns nothing.",
            "Look whether the backward pass ends with a return, on every way through it.",
        )
    return None


def _described(form: Form, seen: list[Seen]) -> Iterator[Diagnosis]:
    """Say how the answers differ from the agreed form, outermost first."""
    fits = form.score[1] == len(form.turns)
    if form.score[1] == 0:
        return
    sure = " So read, every number is right." if form.whole else ""
    if form.packing.looks and (fits or form.whole):
        yield _returned(f"{form.packing.looks}{sure}", _PACKED)
    if form.reverse and (fits or form.whole):
        diagnosis = _returned(
            "The gradients come back last layer first: their shapes are those of the layers in "
            f"reverse.{sure}",
            "Reverse the list before it is returned, or insert at its front: the first pair is "
            "that of layer 1.",
        )
        if form.whole:
            name = BugAtPlace("layers_returned_in_reverse", "returned_gradient", None)
            diagnosis = replace(diagnosis, name=name, certainty="named")
        yield diagnosis
    if fits or not (form.packing.looks or form.reverse):
        yield from _of_tensors(form, seen)


def _of_tensors(form: Form, seen: list[Seen]) -> Iterator[Diagnosis]:
    """Tell tensors of the wrong shape, those of one form together."""
    groups: dict[str, list[tuple[str, Turn | None, bool]]] = {}
    returned = [form.arrays(s.returned, s.problem) for s in seen]
    for name, turn in form.turns.items():
        if turn is not None and not turn.looks:
            continue
        arrays = [each[name] for each in returned]
        proven = name in form.right
        if turn is None:
            turn, proven = best_turn(LOST, name, arrays, seen)
        if turn is None and (product := _wrong_product(name, arrays, seen)) is not None:
            text = in_code(_of_shape(name, arrays[-1], seen[-1].problem))
            yield replace(product, explanation=f"{text}. {product.explanation}")
            continue
        groups.setdefault(turn.looks if turn else name[0], []).append((name, turn, proven))
    for members in groups.values():
        # where its shape is the right one by chance, nothing is to be seen
        (tensor, _, _), *_ = members
        every = [(each[tensor], s.problem) for each, s in zip(returned, seen, strict=True)]
        shown = [(array, p) for array, p in every if array.shape != p.params[tensor].shape]
        array, problem = (shown or every)[-1]
        yield _of_group(members, _of_shape(tensor, array, problem))


def _of_shape(tensor: str, array: Floats, problem: Problem) -> str:
    expected = problem.params[tensor].shape
    return (
        f"d{tensor} has shape {array.shape} where {expected} is expected, for {_samples(problem)}"
    )


def _of_group(members: list[tuple[str, Turn | None, bool]], text: str) -> Diagnosis:
    """Tell tensors of one form together; ``text`` says how the first was seen."""
    (tensor, turn, _), *others = members
    proven = [name for name, _, proven in members if proven]
    if turn is not None:
        text += f": {turn.proven if len(proven) == len(members) else turn.looks}"
    text += "."
    if others:
        which = _listing([f"d{name}" for name, _, _ in others])
        text += f" {'So are' if len(others) > 1 else 'So is'} {which}."
    if turn is not None and 0 < len(proven) < len(members):
        text += f" Of {_listing([f'd{name}' for name in proven])} the numbers show that it is so."
    text = in_code(text)
    layer = None if others else int(tensor[1:])
    if turn is None:
        return localised(_GRADIENTS[tensor[0]], layer, text, _AGREED)
    return _turned(text, turn, bool(proven), tensor[0], layer)


def _listing(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


# ---- a product of the wrong two factors --------------------------------------------------

#: What a bug multiplies in place of the inputs and the delta of layer l: the layers of both.
_FACTORS: dict[str, Callable[[int], tuple[int, int]]] = {
    "own_output_for_input": lambda layer: (layer, layer),
    "network_input_for_every_layer": lambda layer: (0, layer),
    "weight_gradient_of_layer_above": lambda layer: (layer - 1, layer + 1),
}


def _wrong_product(name: str, arrays: Sequence[Floats], seen: Sequence[Seen]) -> Diagnosis | None:
    """Name the wrong factors of dW of a layer; None where no two factors explain every answer.

    dW is a product of what enters the layer and of its delta. Where the widths differ, a wrong
    factor gives another shape; the numbers then say which factor it was.
    """
    layer = int(name[1:])
    if name[0] != "W":
        return None
    passes = [backward_pass(s.problem) for s in seen]
    for slug, factors in _FACTORS.items():
        inputs, delta = factors(layer)
        if delta <= passes[0].last and all(
            _is_product(array, p, inputs, delta) for array, p in zip(arrays, passes, strict=True)
        ):
            bug, place = CATALOGUE[slug], BugAtPlace(slug, "weight_gradient", layer)
            return named(bug, [place], seen[0].problem.network)
    return None


def _is_product(array: Floats, p: Pass, inputs: int, delta: int) -> bool:
    left, right = p.a[inputs], p.delta[delta]
    products = [float(p.apply("scale")) * (left.T @ right)]  # of the batch, or of one sample
    products += [np.outer(a, d) for a, d in zip(left, right, strict=True)]
    return any(
        same(array, turned, RIGHT) for product in products for turned in (product, product.T)
    )
