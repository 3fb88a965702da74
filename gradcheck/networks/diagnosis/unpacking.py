"""The ways in which a loss and a gradient can lie in what is returned."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gradcheck.contract.answers import DICTIONARY, Outline
from gradcheck.networks.problem import Floats, Pair, Problem

#: What a packing finds: the loss (NaN where there is none) and one pair a layer.
Found = tuple[float, list[Pair]]

_KEY = re.compile(r"(?:d|grad|grads|nabla|delta)?_?([wb])_?(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Packing:
    """One way.

    Attributes
    ----------
    read : callable
        ``read(outline, problem)`` returns what is found, or None where it does not lie so.
    looks : str
        What to say of it; empty for the agreed way.
    fix : str
    loss : bool
        Whether there is a loss in it.
    """

    read: Callable[[Outline, Problem], Found | None]
    looks: str = ""
    fix: str = ""
    loss: bool = True


def as_array(item: Outline) -> Floats | None:
    """Return an array, or one of a list of rows; None where it is none."""
    if isinstance(item, np.ndarray):
        return item
    rows = _arrays(item) or []
    return np.stack(rows) if rows and len({row.shape for row in rows}) == 1 else None


def _arrays(items: Outline) -> list[Floats] | None:
    if not isinstance(items, tuple):
        return None
    arrays = [as_array(item) for item in items]
    kept = [array for array in arrays if array is not None]
    return kept if len(kept) == len(arrays) else None


def _pairs(grads: Outline, problem: Problem) -> list[Pair] | None:
    if not isinstance(grads, tuple) or len(grads) != problem.network.depth:
        return None
    pairs = [_arrays(pair) for pair in grads]
    kept = [(pair[0], pair[1]) for pair in pairs if pair is not None and len(pair) == 2]
    return kept if len(kept) == len(pairs) else None


def _turned_pairs(grads: Outline, problem: Problem) -> list[Pair] | None:
    pairs = _pairs(grads, problem)
    if pairs is None or any(b.ndim < 2 or w.ndim > 1 for w, b in pairs):
        return None
    return [(b, w) for w, b in pairs]


def _alternating(grads: Outline, problem: Problem) -> list[Pair] | None:
    arrays = _arrays(grads)
    if arrays is None or len(arrays) != 2 * problem.network.depth:
        return None
    return list(zip(arrays[::2], arrays[1::2], strict=True))


def _weights_then_biases(grads: Outline, problem: Problem) -> list[Pair] | None:
    arrays = _arrays(grads)
    depth = problem.network.depth
    if arrays is None or len(arrays) != 2 * depth:
        return None
    return list(zip(arrays[:depth], arrays[depth:], strict=True))


def _two_lists(grads: Outline, problem: Problem) -> list[Pair] | None:
    if not isinstance(grads, tuple) or len(grads) != 2:
        return None
    weights, biases = _arrays(grads[0]), _arrays(grads[1])
    depth = problem.network.depth
    if weights is None or biases is None or not len(weights) == len(biases) == depth:
        return None
    return list(zip(weights, biases, strict=True))


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
    pairs, start = [], 0
    for w, b in problem.params.pairs:
        middle, end = start + w.size, start + w.size + b.size
        pairs.append((array[start:middle].reshape(w.shape), array[middle:end]))
        start = end
    return pairs


_Reader = Callable[[Outline, Problem], list[Pair] | None]

#: How a gradient can lie, and what to say of it.
_GRADIENTS: tuple[tuple[_Reader, str], ...] = (
    (_pairs, ""),
    (_turned_pairs, "pairs (db, dW), the bias gradient first"),
    (_alternating, "one row dW1, db1, dW2, ..., not in pairs"),
    (_weights_then_biases, "one row: all dW, then all db"),
    (_two_lists, "a list of all dW and a list of all db"),
    (_dictionary, "a dictionary"),
    (_vector, "one flat vector"),
)

#: The order of the layers in what is returned.
ORDERS: dict[str, Callable[[list[Pair]], list[Pair]]] = {
    "as it is": lambda pairs: pairs,
    "reversed": lambda pairs: pairs[::-1],
}

_FIX = "Return (loss, [(dW, db), ...]): one pair a layer, that of layer 1 first."


def _second(raw: Outline) -> tuple[Outline, Outline] | None:
    return (raw[0], raw[1]) if isinstance(raw, tuple) and len(raw) == 2 else None


def _first(raw: Outline) -> tuple[Outline, Outline] | None:
    return (raw[1], raw[0]) if isinstance(raw, tuple) and len(raw) == 2 else None


def _rest(raw: Outline) -> tuple[Outline, Outline] | None:
    return (raw[0], raw[1:]) if isinstance(raw, tuple) and len(raw) > 2 else None


def _alone(raw: Outline) -> tuple[Outline, Outline] | None:
    return None, raw


#: Where loss and gradient are, and what to say of it.
_OUTER = (
    (_second, "", True),
    (_first, "Your function returns (gradient, loss), the other way round than agreed", True),
    (_rest, "Your function returns the loss and the gradients in one row, not as two things", True),
    (_alone, "Your function returns the gradient without the loss", False),
)


def packings() -> Iterator[Packing]:
    """Yield every way in which loss and gradient can lie, the agreed one first."""
    for split, outer, loss in _OUTER:
        for reader, inner in _GRADIENTS:
            told = [outer] if outer else []
            if inner:
                told.append(f"the gradient is {inner}" if outer else f"The gradient is {inner}")
            text = f"{'; '.join(told)}." if told else ""
            yield Packing(_reading(split, reader, loss), text, _FIX, loss)


def _reading(
    split: Callable[[Outline], tuple[Outline, Outline] | None], reader: _Reader, loss: bool
) -> Callable[[Outline, Problem], Found | None]:
    def read(raw: Outline, problem: Problem) -> Found | None:
        parts = split(raw)
        if parts is None:
            return None
        number = as_array(parts[0]) if loss else np.full(1, np.nan)
        pairs = reader(parts[1], problem)
        if number is None or number.size != 1 or pairs is None:
            return None
        return float(number.reshape(())), pairs

    return read
