"""The forms in which a gradient comes back for the one agreed on, and how each is read.

A gradient that is transposed, in another order or not summed over the batch is no answer,
yet its numbers can be compared. Here each way of reading it is data or a function: how one
tensor is turned back, and how the loss and the gradient lie in what is returned. The one is
best that makes the most numbers right.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck.contract.posed import Tensors, by_name, in_order
from gradcheck.contract.protocol import DICTIONARY, Observation, Outline
from gradcheck.networks.bugs.textbook import Pass
from gradcheck.networks.diagnosis.observations import same, textbook_pass
from gradcheck.networks.problem import Floats, Pair, Problem

#: Numbers are right when they are so near: nobody computes them twice in the same order.
RIGHT = 1e-5


@dataclass(frozen=True)
class Seen:
    """One answer that had another form, and the loss and gradient that would have been right."""

    problem: Problem
    returned: Outline
    loss: float
    right: Tensors


@dataclass(frozen=True)
class Turn:
    """Another form of one tensor, and how it is turned back.

    ``back(array, problem, name)`` returns the tensor, or None where it is not of this form.
    ``looks`` says what it looks like, ``proven`` what is a fact when the numbers are right so.
    ``bug`` is the catalogue's name of it, if it has one, and ``site`` where it is made; ``kind`` is
    ``W``, ``b`` or both. Where the tensor cannot be had again, ``lost(delta)`` is what it then is,
    of the scaled delta of a layer.
    """

    back: Callable[[Floats, Problem, str], Floats | None]
    looks: str = ""
    proven: str = ""
    fix: str = ""
    bug: str = ""
    site: str = "returned_gradient"
    kind: str = "Wb"
    lost: Callable[[Floats], Floats] | None = None

    def fits(self, name: str, arrays: Sequence[Floats], seen: Sequence[Seen]) -> bool | None:
        """Whether every number is right, so turned back; None for arrays of another form."""
        if name[0] not in self.kind:
            return None
        right = True
        for array, s in zip(arrays, seen, strict=True):
            back = self.back(array, s.problem, name)
            if back is None:
                return None
            expected = s.right[name]
            if self.lost:
                p = backward_pass(s.problem)
                expected = self.lost(p.delta[int(name[1:])] * p.apply("scale"))
            right = right and same(back.ravel(), expected.ravel(), RIGHT)
        return right


def backward_pass(problem: Problem) -> Pass:
    """Run the textbook forward and backward, as far as the deltas."""
    p = textbook_pass(problem)
    for layer in range(p.last, 0, -1):
        p.propagate(layer)
    return p


def best_turn(
    turns: Sequence[Turn], name: str, arrays: Sequence[Floats], seen: Sequence[Seen]
) -> tuple[Turn | None, bool]:
    """Return the form of a tensor, and whether its numbers are right so; right ones come first."""
    fitting = [(turn, turn.fits(name, arrays, seen)) for turn in turns]
    proven = next((turn for turn, right in fitting if right), None)
    first = next((turn for turn, right in fitting if right is not None), None)
    return proven or first, proven is not None


def _agreed(array: Floats, problem: Problem, name: str) -> Floats | None:
    return array if array.shape == problem.params[name].shape else None


def _transposed(array: Floats, problem: Problem, name: str) -> Floats | None:
    return _agreed(array.T, problem, name)


def _reshaped(array: Floats, problem: Problem, name: str) -> Floats | None:
    tensor = problem.params[name]
    return array.reshape(tensor.shape) if array.size == tensor.size else None


def _flattened(array: Floats, problem: Problem, name: str) -> Floats | None:
    return _reshaped(array, problem, name) if array.ndim == 1 else None


def _summed(array: Floats, problem: Problem, name: str) -> Floats | None:
    """Sum (N, n) or (n, N) over the samples."""
    n, units = problem.batch.size, problem.params[name].size
    if array.shape not in ((n, units), (units, n)):
        return None
    summed: Floats = array.sum(axis=0 if array.shape == (n, units) else 1)
    return summed


def _of_samples(array: Floats, problem: Problem, name: str) -> Floats | None:
    """One number a sample: what summing over the units gives."""
    n = problem.batch.size
    return array.reshape(n) if array.shape in ((n,), (1, n), (n, 1)) else None


def _one_number(array: Floats, problem: Problem, name: str) -> Floats | None:
    return array.reshape(()) if array.size == 1 else None


TURNS = (
    Turn(_agreed),
    Turn(
        _transposed,
        "it looks transposed",
        "it is transposed: the other way round every number in it is right",
        "Return it as W lies: a {input} for each input, a {output} for each unit.",
        "weight_gradient_transposed",
        "weight_gradient",
        "W",
    ),
    Turn(
        _flattened,
        "it looks flattened",
        "it is flattened: in the shape of W every number in it is right",
        "Reshape it to the shape of W before it is returned.",
        kind="W",
    ),
    Turn(
        _reshaped,
        "it has the right number of entries, in another shape",
        "its numbers are right, in another shape",
        "Return it in the shape of b: one number for each unit.",
        kind="b",
    ),
    Turn(
        _summed,
        "it looks as if it was not summed over the batch",
        "it was not summed over the batch: summed, every number in it is right",
        "Sum over the samples.",
        "bias_gradient_not_summed",
        "bias_gradient",
        "b",
    ),
)

#: Forms from which the tensor cannot be had again, but what they are can be shown.
LOST = (
    Turn(
        _of_samples,
        "there is one number for each sample, so it looks summed over the units",
        "it was summed over the units: there is one number for each sample, made of that "
        "sample's delta alone",
        "Sum along the other axis: over the samples, so that one number is left for each unit.",
        "bias_summed_over_units",
        "bias_gradient",
        "b",
        lambda delta: delta.sum(axis=1),
    ),
    Turn(
        _one_number,
        "it looks as if it was summed over every axis",
        "it was summed over every axis: it is the sum over samples and units",
        "Sum over the samples only, so that one number is left for each unit.",
        "bias_gradient_one_number",
        "bias_gradient",
        "b",
        lambda delta: delta.sum(keepdims=True),
    ),
)


#: What a packing finds: the loss (NaN where there is none) and one pair a layer.
Found = tuple[float, list[Pair]]

_KEY = re.compile(r"(?:d|grad|grads|nabla|delta)?_?([wb])_?(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Packing:
    """One way in which loss and gradient lie in what is returned, if there is a ``loss`` in it.

    ``split(returned)`` returns the loss and the gradient, ``pairs(gradient, problem)`` one pair a
    layer; each None where they do not lie so. ``looks`` is what to say of it; empty for the agreed
    way.
    """

    split: Callable[[Outline], tuple[Outline, Outline] | None]
    pairs: Callable[[Outline, Problem], list[Pair] | None]
    looks: str
    loss: bool

    def read(self, returned: Outline, problem: Problem) -> Found | None:
        """Return what is found, or None where it does not lie so."""
        parts = self.split(returned)
        if parts is None:
            return None
        number = as_array(parts[0]) if self.loss else np.full(1, np.nan)
        pairs = self.pairs(parts[1], problem)
        if number is None or number.size != 1 or pairs is None:
            return None
        return float(number.reshape(())), pairs


def as_array(item: Outline) -> Floats | None:
    """Return an array, or one of a list of rows; None where it is none."""
    if isinstance(item, np.ndarray):
        return item
    rows = _arrays(item) or []
    return np.stack(rows) if rows and len({row.shape for row in rows}) == 1 else None


def _arrays(items: Outline, count: int | None = None) -> list[Floats] | None:
    """Return the arrays of a list, of so many; None for anything else."""
    if not isinstance(items, tuple) or count not in (None, len(items)):
        return None
    kept = [array for item in items if (array := as_array(item)) is not None]
    return kept if len(kept) == len(items) else None


def _lists(items: Outline, outer: int, inner: int) -> list[list[Floats]] | None:
    """Return so many lists of so many arrays each; None for anything else."""
    if not isinstance(items, tuple) or len(items) != outer:
        return None
    kept = [arrays for item in items if (arrays := _arrays(item, inner)) is not None]
    return kept if len(kept) == outer else None


def _pairs(grads: Outline, problem: Problem) -> list[Pair] | None:
    pairs = _lists(grads, problem.network.depth, 2)
    return None if pairs is None else [(w, b) for w, b in pairs]


def _turned_pairs(grads: Outline, problem: Problem) -> list[Pair] | None:
    pairs = _pairs(grads, problem)
    if pairs is None or any(b.ndim < 2 or w.ndim > 1 for w, b in pairs):
        return None
    return [(b, w) for w, b in pairs]


def _alternating(grads: Outline, problem: Problem) -> list[Pair] | None:
    arrays = _arrays(grads, 2 * problem.network.depth)
    return None if arrays is None else list(zip(arrays[::2], arrays[1::2], strict=True))


def _weights_then_biases(grads: Outline, problem: Problem) -> list[Pair] | None:
    depth = problem.network.depth
    arrays = _arrays(grads, 2 * depth)
    return None if arrays is None else list(zip(arrays[:depth], arrays[depth:], strict=True))


def _two_lists(grads: Outline, problem: Problem) -> list[Pair] | None:
    lists = _lists(grads, 2, problem.network.depth)
    return None if lists is None else list(zip(*lists, strict=True))


def _dictionary(grads: Outline, problem: Problem) -> list[Pair] | None:
    if not isinstance(grads, tuple) or not grads or not isinstance(grads[0], str):
        return None
    if grads[0] != DICTIONARY:
        return None
    found: dict[str, Floats] = {}
    for key, value in zip(grads[1::2], grads[2::2], strict=False):
        matched = _KEY.fullmatch(key) if isinstance(key, str) else None
        array = as_array(value)
        if matched and array is not None:
            found[f"{matched[1].lower()}{int(matched[2])}"] = array
    first = min((int(name[1:]) for name in found), default=1)
    layers = range(first, first + problem.network.depth)
    if any(f"{kind}{layer}" not in found for layer in layers for kind in "wb"):
        return None
    return [(found[f"w{layer}"], found[f"b{layer}"]) for layer in layers]


def _vector(grads: Outline, problem: Problem) -> list[Pair] | None:
    array = as_array(grads)
    if array is None or array.ndim != 1 or array.size != problem.params.size:
        return None
    tensors = problem.params.values()
    parts = np.split(array, np.cumsum([tensor.size for tensor in tensors])[:-1])
    shaped = (part.reshape(tensor.shape) for part, tensor in zip(parts, tensors, strict=True))
    return list(in_order(shaped).pairs)


#: How a gradient can lie, and what to say of it.
_GRADIENTS = (
    (_pairs, ""),
    (_turned_pairs, "pairs (db, dW), the bias gradient first"),
    (_alternating, "one row dW1, db1, dW2, ..., not in pairs"),
    (_weights_then_biases, "one row: all dW, then all db"),
    (_two_lists, "a list of all dW and a list of all db"),
    (_dictionary, "a dictionary"),
    (_vector, "one flat vector"),
)


def _length(raw: Outline) -> int:
    return len(raw) if isinstance(raw, tuple) else 0


#: Where loss and gradient are, what to say of it, and whether there is a loss.
_OUTER: tuple[tuple[Callable[[Any], tuple[Outline, Outline] | None], str, bool], ...] = (
    (lambda raw: (raw[0], raw[1]) if _length(raw) == 2 else None, "", True),
    (
        lambda raw: (raw[1], raw[0]) if _length(raw) == 2 else None,
        "Your function returns (gradient, loss), the other way round than agreed",
        True,
    ),
    (
        lambda raw: (raw[0], raw[1:]) if _length(raw) > 2 else None,
        "Your function returns the loss and the gradients in one row, not as two things",
        True,
    ),
    (lambda raw: (None, raw), "Your function returns the gradient without the loss", False),
)


def packings() -> Iterator[Packing]:
    """Yield every way in which loss and gradient can lie, the agreed one first."""
    for split, outer, loss in _OUTER:
        for pairs, inner in _GRADIENTS:
            parts = [outer] if outer else []
            if inner:
                parts.append(f"the gradient is {inner}" if outer else f"The gradient is {inner}")
            yield Packing(split, pairs, f"{'; '.join(parts)}." if parts else "", loss)


@dataclass(frozen=True)
class Form:
    """A way to read answers of another form: by a packing, the last layer first if in ``reverse``.

    There is a turn for each tensor; None where it fits no form. ``right`` are the tensors whose
    numbers are right, so read; ``loss`` says whether the loss is.
    """

    packing: Packing
    reverse: bool
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

    @property
    def whole(self) -> bool:
        """Whether everything that is returned is right, so read."""
        return self.loss and len(self.right) == len(self.turns)

    def arrays(self, returned: Outline, problem: Problem) -> Tensors:
        """Return the arrays by name, each in the form in which it came back."""
        found = self.packing.read(returned, problem)
        return by_name(_first_layer_first(found, self.reverse)) if found is not None else Tensors()

    def read(self, problem: Problem, observation: Observation) -> Observation:
        """Read an answer of this form; one of the agreed form stays as it is."""
        if observation.failure is None or observation.failure.kind != "contract":
            return observation
        found = self.packing.read(observation.returned, problem)
        if found is None:
            return observation
        tensors = {}
        for name, array in self.arrays(observation.returned, problem).items():
            turn = self.turns[name]
            back = turn.back(array, problem, name) if turn is not None else None
            if back is None:
                return observation
            tensors[name] = back
        return replace(observation, loss=found[0], tensors=Tensors(tensors), failure=None)


def forms(seen: Sequence[Seen]) -> Iterator[Form]:
    """Yield every way in which all answers can be read."""
    for packing in packings():
        read = [packing.read(s.returned, s.problem) for s in seen]
        found = [each for each in read if each is not None]
        if len(found) < len(read):
            continue
        loss = not packing.loss or all(
            same(np.array([number]), np.array([s.loss]), RIGHT)
            for (number, _), s in zip(found, seen, strict=True)
        )
        for reverse in (False, True):
            arrays = [by_name(_first_layer_first(each, reverse)) for each in found]
            best = {
                name: best_turn(TURNS, name, [a[name] for a in arrays], seen)
                for name in seen[0].right
            }
            turns = {name: turn for name, (turn, _) in best.items()}
            right = frozenset(name for name, (_, proven) in best.items() if proven)
            yield Form(packing, reverse, turns, right, loss)


def _first_layer_first(found: Found, reverse: bool) -> list[Pair]:
    return found[1][::-1] if reverse else found[1]
