"""What came back in another form than agreed: read as what it looks like, and compared.

A gradient that is transposed, in another order or not summed over the batch is no answer,
yet its numbers tell. Each way of reading it is a function here; the one that makes the most
numbers right is told, and as a fact where it makes all of them right.
"""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck.contract.answers import ABSENT, Outline
from gradcheck.contract.problem import Tensors, by_name
from gradcheck.contract.protocol import Observation, Request
from gradcheck.networks.diagnosis.diagnosis import Diagnosis, Name
from gradcheck.networks.diagnosis.observations import Observations
from gradcheck.networks.diagnosis.other_forms import (
    LOST,
    ORDERS,
    TURNS,
    Packing,
    Turn,
    as_array,
    packings,
    shape_of,
    total,
)
from gradcheck.networks.diagnosis.recover_deltas import same, textbook_pass
from gradcheck.networks.diagnosis.whole_gradient import wrong_product
from gradcheck.networks.problem import Floats, Problem

Questions = Generator[Request, Observation, Any]

#: Numbers are right when they are so near: nobody computes them twice in the same order.
RIGHT = 1e-5


@dataclass(frozen=True)
class Seen:
    """One answer that had another form, and what would have been right.

    Attributes
    ----------
    problem : Problem
    returned : Outline
    loss : float
    right : Tensors
    """

    problem: Problem
    returned: Outline
    loss: float
    right: Tensors


@dataclass(frozen=True)
class Form:
    """A way to read answers of another form.

    Attributes
    ----------
    packing : Packing
        How the loss and the tensors lie in what is returned.
    order : str
        Key of :data:`ORDERS`.
    turns : dict of str to Turn or None
        For each tensor; None where it fits no form.
    right : frozenset of str
        Tensors whose numbers are right, so read.
    loss : bool
        Whether the loss is right, so read.
    """

    packing: Packing
    order: str
    turns: dict[str, Turn | None]
    right: frozenset[str]
    loss: bool

    @property
    def score(self) -> tuple[int, int, int]:
        """Right numbers first, then shapes that fit; then what departs least."""
        fit = sum(turn is not None for turn in self.turns.values())
        plain = sum(turn is not None and not turn.looks for turn in self.turns.values())
        return len(self.right) + self.loss, fit, plain

    @property
    def readable(self) -> bool:
        """Whether every tensor can be had, and the loss."""
        return self.packing.loss and all(turn is not None for turn in self.turns.values())

    def read(self, problem: Problem, observation: Observation) -> Observation:
        """Read an answer of this form; one of the agreed form stays as it is."""
        if observation.failure is None or observation.failure.kind != "contract":
            return observation
        found = self.packing.read(observation.returned, problem)
        if found is None:
            return observation
        tensors = {}
        for name, array in by_name(ORDERS[self.order](found[1])).items():
            turn = self.turns[name]
            back = turn.back(array, problem, int(name[1:])) if turn is not None else None
            if back is None:
                return observation
            tensors[name] = back
        return replace(observation, loss=found[0], tensors=Tensors(tensors), failure=None)

    @property
    def whole(self) -> bool:
        """Whether everything that is returned is right, so read."""
        return self.loss and len(self.right) == len(self.turns)


def read_form(evidence: Observations) -> tuple[list[Diagnosis], Form | None]:
    """Say what is wrong with the form of the answers.

    Returns
    -------
    diagnoses : list of Diagnosis
        Empty when every answer has the agreed form.
    form : Form or None
        How to read such answers, where every tensor can be had.
    """
    seen = [
        Seen(request.problem, answer.returned, right.loss, right.tensors)
        for request, answer, right in zip(
            evidence.requests, evidence.answers, evidence.right, strict=True
        )
        if answer.failure is not None and answer.failure.kind == "contract"
    ]
    if not seen:
        return [], None
    messages = [a.failure.message for a in evidence.answers if a.failure is not None]
    alone = _one_tensor(seen, messages[-1]) or _nothing(seen)
    if alone is not None:
        return [alone], None
    form = max(_forms(seen), key=lambda form: form.score, default=None)
    told = list(_told(form, seen)) if form is not None else []
    if form is None or not told:
        message = messages[0]
        if message.startswith("the loss "):
            text, fix = f"T{message[1:]}.", "Return the loss of the whole batch as one number."
            return [Diagnosis(Name("", "forward", None), "localised", text, fix)], None
        return [_place(f"What your code returns cannot be read: {message}.", _AGREED)], None
    return told, form if form.readable else None


def read_as(form: Form, questions: Questions) -> Questions:
    """Let questions be answered in the agreed form."""
    request = next(questions)
    while True:
        observation = yield request
        try:
            request = questions.send(form.read(request.problem, observation))
        except StopIteration as stop:
            return stop.value


_AGREED = "Return (loss, [(dW, db), ...]): one pair a layer, in the shapes of W and b."


def _place(explanation: str, fix: str, bug: str = "") -> Diagnosis:
    certainty = "named" if bug else "localised"
    return Diagnosis(Name(bug, "returned_gradient", None), certainty, explanation, fix)


def _one_tensor(seen: list[Seen], message: str) -> Diagnosis | None:
    """Tell of the one gradient that a reading of foreign code found to be of another shape.

    Parameters
    ----------
    message : str
        What it said of the last one, in the layout of the code.
    """
    last = seen[-1].returned
    if (
        isinstance(last, tuple)
        and len(last) == 2
        and isinstance(last[1], str)
        and last[1] == ABSENT
    ):
        return _absent(str(last[0]), message)
    mine = (
        [
            s
            for s in seen
            if isinstance(s.returned, tuple)
            and len(s.returned) == 2
            and isinstance(s.returned[0], str)
            and s.returned[0] == last[0]
            and isinstance(s.returned[1], np.ndarray)
        ]
        if isinstance(last, tuple) and last
        else []
    )
    if not mine or re.fullmatch(r"d[Wb]\d+", str(last[0])) is None:
        return None
    name = last[0][1:]
    kind, layer = name[0], int(name[1:])
    site = {"W": "weight_gradient", "b": "bias_gradient"}[kind]
    n = mine[-1].problem.batch.size
    text = f"{in_code(message)}, for {f'{n} samples' if n > 1 else 'one sample'}"
    for turn in (*TURNS, *LOST) if layer <= mine[0].problem.network.depth else ():
        if kind not in turn.kind or not turn.looks:
            continue
        back = [turn.back(s.returned[1], s.problem, layer) for s in mine]
        if any(b is None for b in back):
            continue
        right = [_sums(s.problem, layer, turn.bug) if turn in LOST else s.right[name] for s in mine]
        proven = all(
            same(b.reshape(r.shape), r, RIGHT)
            for b, r in zip(back, right, strict=True)
            if b is not None
        )
        told = f"{text}: {turn.proven if proven else turn.looks}."
        bug = turn.bug if proven else ""
        certainty = "named" if bug else "localised"
        return Diagnosis(
            Name(bug, turn.site if turn.bug else site, layer), certainty, told, turn.fix
        )
    if kind == "W" and layer <= mine[0].problem.network.depth:
        answers = [(s.problem, s.returned[1]) for s in mine]
        if (product := wrong_product(answers, layer, RIGHT)) is not None:
            return replace(product, explanation=f"{text}. {product.explanation}")
    return Diagnosis(Name("", site, layer), "localised", f"{text}.", _SHAPE)


def _absent(name: str, message: str) -> Diagnosis:
    """Tell of a gradient that is not among what was returned."""
    site = {"W": "weight_gradient", "b": "bias_gradient"}[name[1]]
    layer = int(name[2:])
    text = in_code(f"{message[0].upper()}{message[1:]}.")
    fix = f"Look whether the backward pass reaches layer {layer}, and returns what it finds there."
    return Diagnosis(Name("", site, layer), "localised", text, fix)


def in_code(message: str) -> str:
    """Let gradients be named as the code names them."""
    return re.sub(r"\bd([Wb])(\d+)\b", r"{array d\1\2}", message)


_SHAPE = "Look at the line that forms it: a gradient has the shape of what it is the gradient of."


def _nothing(seen: list[Seen]) -> Diagnosis | None:
    """Nothing came back, or the loss alone."""
    if all(s.returned is None for s in seen):
        return _place(
            "Your function returns None: it ends without a return of (loss, gradient).",
            "Return (loss, [(dW, db), ...]) at the end of the function, on every way through it.",
        )
    losses = [as_array(s.returned) for s in seen]
    if all(a is not None and a.size == 1 for a in losses):
        right = all(
            same(a.reshape(1), np.array([s.loss]), RIGHT)
            for a, s in zip(losses, seen, strict=True)
            if a is not None
        )
        which = "the loss, which is right," if right else "one number"
        return _place(f"Your function returns {which} and no gradient.", f"{_AGREED}")
    parts = [s.returned for s in seen]
    if all(isinstance(p, tuple) and len(p) == 2 and p[1] is None for p in parts):
        return _place(
            "Your function returns None where the gradient is expected: what computes it "
            "returns nothing.",
            "Look whether the backward pass ends with a return, on every way through it.",
        )
    return None


def _forms(seen: list[Seen]) -> Iterator[Form]:
    """Every way in which all answers can be read."""
    for packing in packings():
        read = [packing.read(s.returned, s.problem) for s in seen]
        if any(r is None for r in read):
            continue
        losses = [r[0] for r in read if r is not None]
        loss = not packing.loss or all(
            same(np.array([found]), np.array([s.loss]), RIGHT)
            for found, s in zip(losses, seen, strict=True)
        )
        for order, turned in ORDERS.items():
            pairs = [turned(r[1]) for r in read if r is not None]
            turns: dict[str, Turn | None] = {}
            right = set()
            for name in seen[0].right:
                arrays = [p[int(name[1:]) - 1]["Wb".index(name[0])] for p in pairs]
                turns[name], good = _turn(name, arrays, seen)
                right |= {name} if good else set()
            yield Form(packing, order, turns, frozenset(right), loss)


def _turn(name: str, arrays: list[Floats], seen: list[Seen]) -> tuple[Turn | None, bool]:
    """How a tensor is turned back, and whether its numbers are right then."""
    kind, layer = name[0], int(name[1:])
    first: Turn | None = None
    for turn in TURNS:
        if kind not in turn.kind:
            continue
        back = [turn.back(a, s.problem, layer) for a, s in zip(arrays, seen, strict=True)]
        if any(b is None for b in back):
            continue
        first = first or turn
        if all(
            same(b, s.right[name], RIGHT) for b, s in zip(back, seen, strict=True) if b is not None
        ):
            return turn, True
    return first, False


def _told(form: Form, seen: list[Seen]) -> Iterator[Diagnosis]:
    """Say how the answers differ from the agreed form, outermost first."""
    if form.score[1] == 0:
        return
    sure = " So read, every number is right." if form.whole else ""
    fits = form.score[1] == len(form.turns)
    if form.packing.looks and (fits or form.whole):
        yield _place(f"{form.packing.looks}{sure}", form.packing.fix)
    if form.order != "as it is" and (fits or form.whole):
        slug = "layers_returned_in_reverse" if form.whole else ""
        yield _place(
            "The gradients come back last layer first: their shapes are those of the layers in "
            f"reverse.{sure}",
            "Reverse the list before it is returned, or insert at its front: the first pair is "
            "that of layer 1.",
            slug,
        )
    if not fits and (form.packing.looks or form.order != "as it is"):
        return
    yield from _of_tensors(form, seen)


def _of_tensors(form: Form, seen: list[Seen]) -> Iterator[Diagnosis]:
    """Tell tensors of the wrong shape, those of one form together."""
    groups: dict[str, list[tuple[str, Turn | None, bool]]] = {}
    returned = [(s.problem, _shapes(form, s)) for s in reversed(seen)]
    for name, turn in form.turns.items():
        if turn is not None and not turn.looks:
            continue
        proven = name in form.right
        if turn is None:
            turn, proven = _lost(name, form, seen)
        if turn is None and (product := _product(name, form, seen)) is not None:
            text = _of_shape(name, returned[0][1], returned[0][0])
            yield replace(product, explanation=f"{in_code(text)}. {product.explanation}")
            continue
        groups.setdefault(turn.looks if turn else name[0], []).append((name, turn, proven))
    for members in groups.values():
        yield _of_group(members, returned)


def _shapes(form: Form, seen: Seen) -> dict[str, tuple[int, ...]]:
    """In what shapes the tensors came back."""
    read = form.packing.read(seen.returned, seen.problem)
    assert read is not None
    pairs = ORDERS[form.order](read[1])
    return {n: pairs[int(n[1:]) - 1]["Wb".index(n[0])].shape for n in form.turns}


def _product(name: str, form: Form, seen: list[Seen]) -> Diagnosis | None:
    kind, layer = name[0], int(name[1:])
    read = [form.packing.read(s.returned, s.problem) for s in seen]
    if kind == "b" or any(r is None for r in read):
        return None
    arrays = [ORDERS[form.order](r[1])[layer - 1][0] for r in read if r is not None]
    answers = list(zip([s.problem for s in seen], arrays, strict=True))
    return wrong_product(answers, layer, RIGHT)


def _of_shape(tensor: str, shapes: dict[str, tuple[int, ...]], problem: Problem) -> str:
    n, expected = problem.batch.size, shape_of(problem, tensor[0], int(tensor[1:]))
    return (
        f"d{tensor} has shape {shapes[tensor]} where {expected} is expected, "
        f"for {f'{n} samples' if n > 1 else 'one sample'}"
    )


def _of_group(
    members: list[tuple[str, Turn | None, bool]],
    returned: list[tuple[Problem, dict[str, tuple[int, ...]]]],
) -> Diagnosis:
    (tensor, turn, _), *others = members
    kind, layer = tensor[0], int(tensor[1:])
    proven = [name for name, _, proven in members if proven]
    # where its shape is the right one by chance, nothing is to be seen
    problem, shapes = next(
        (p, s) for p, s in [*returned, returned[0]] if s[tensor] != shape_of(p, kind, layer)
    )
    text = _of_shape(tensor, shapes, problem)
    if turn is not None:
        text += f": {turn.proven if len(proven) == len(members) else turn.looks}"
    text += "."
    if others:
        which = _listing([f"d{name}" for name, _, _ in others])
        text += f" {'So are' if len(others) > 1 else 'So is'} {which}."
    if turn is not None and 0 < len(proven) < len(members):
        text += f" Of {_listing([f'd{name}' for name in proven])} the numbers show that it is so."
    text = in_code(text)
    site = {"W": "weight_gradient", "b": "bias_gradient"}[kind]
    place = None if others else layer
    if turn is None:
        return Diagnosis(Name("", site, place), "localised", text, _AGREED)
    bug = turn.bug if proven else ""
    name = Name(bug, turn.site if turn.bug else site, place)
    return Diagnosis(name, "named" if bug else "localised", text, turn.fix)


def _listing(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _lost(name: str, form: Form, seen: list[Seen]) -> tuple[Turn | None, bool]:
    """What a tensor of no form may be, and whether the numbers show it to be that."""
    kind, layer = name[0], int(name[1:])
    for turn in LOST:
        if kind not in turn.kind:
            continue
        found = []
        for s in seen:
            read = form.packing.read(s.returned, s.problem)
            assert read is not None
            pair = ORDERS[form.order](read[1])[layer - 1]
            found.append(turn.back(pair["Wb".index(kind)], s.problem, layer))
        if any(f is None for f in found):
            continue
        proven = all(
            same(f.ravel(), _sums(s.problem, layer, turn.bug), RIGHT)
            for f, s in zip(found, seen, strict=True)
            if f is not None
        )
        return turn, proven
    return None, False


def _sums(problem: Problem, layer: int, bug: str) -> Floats:
    """What the wrong sums of right deltas are."""
    p = textbook_pass(problem)
    for above in range(p.last, layer - 1, -1):
        p.propagate(above)
    delta: Floats = p.delta[layer] * p.apply("scale")
    return total(delta, 1) if bug == "bias_summed_over_units" else np.full(1, delta.sum())
