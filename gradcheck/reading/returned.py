"""What foreign functions return: the outputs, the loss and each gradient in it.

What an argument of a backward may be that no name says: target, error, upstream gradient.

``backward(dA)``, ``backward(dout)``, ``backward(error)``: each meaning is a reading of its
own, and numbers decide. The gradient is linear in what comes from above, so where code has
no loss one meaning of each kind will do; beside a loss of its own its factor is needed too.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from gradcheck.contract.posed import Floats, Pair
from gradcheck.contract.protocol import ABSENT, ContractError
from gradcheck.reading.foreign_call import NO_ARRAY
from gradcheck.reading.layout import Layout
from gradcheck.reading.names import is_gradient, numbered, plain
from gradcheck.reading.paths import ArrayPath, find
from gradcheck.reading.source import tree_of

#: Stems of the names of weights and biases, and of their gradients.
WEIGHT, BIAS = ("w", "theta", "weights", "weight"), ("b", "bias", "biases")
_PREFIXES = ("d", "grad", "gradient", "g", "nabla", "delta", "djd", "dld", "dcd", "dlossd", "")

#: What follows a number in the name of a gradient: W1_grad.
_SUFFIX = re.compile(r"_?(grad|gradient|delta|deriv|derivative)s?$", re.IGNORECASE)

#: In which order layers are returned; or that shapes do not say.
FORWARDS, BACKWARDS, ALIKE = "first layer first", "last layer first", "alike"

#: What expressions without a name are called that are returned.
_UNNAMED = re.compile(r"_\d+")


def parts_of(answer: Any) -> list[Any]:
    """The parts of a tuple, or the one thing that was returned."""
    return list(answer) if isinstance(answer, tuple) else [answer]


def loss_in(answer: Any, told: list[str]) -> Any:
    """The first number among what was returned that is no gradient; NaN if there is none."""
    parts = parts_of(answer)
    names = told if len(told) == len(parts) else ["" for _ in parts]
    for name, part in zip(names, parts, strict=True):
        number = isinstance(part, int | float | np.generic)
        if (number or (isinstance(part, np.ndarray) and part.ndim == 0)) and not is_gradient(name):
            return part
    return float("nan")


def _arrays_in(answer: Any, told: list[str]) -> list[tuple[ArrayPath, Floats]]:
    """List the arrays of an answer, under the names they were returned by."""
    if isinstance(answer, tuple) and len(told) == len(answer):
        answer = dict(zip(told, answer, strict=True))
    found = list(find({"": answer}))
    if isinstance(answer, dict):
        for key, value in answer.items():
            if isinstance(value, int | float | np.generic):
                found.append((ArrayPath((("item", ""), ("item", key))), np.asarray(float(value))))
    return found


class Picker:
    """Finds each gradient in what is returned, and then always in the same place.

    The first answer it sees has to be of sizes that every shape tells apart: a tensor is
    known by its name, or else by its shape, or else by its order.

    Parameters
    ----------
    backwards : bool
        Where shapes do not tell, the last layer comes first.

    Attributes
    ----------
    alike : bool
        Whether the order was all that told layers apart.
    """

    def __init__(self, backwards: bool = False) -> None:
        self.backwards, self.alike = backwards, False
        self._places: dict[tuple[tuple[str, ...], int, int], ArrayPath] = {}
        self._rows: dict[tuple[str, ...], _Row] = {}
        self._outputs: int | None = None

    def outputs(self, parts: list[Any], size: int) -> Any:
        """Return the outputs among what a forward returns.

        They are what has their size: the first thing if that has, else the last one that
        has, since a forward returns its outputs before what it caches or at the end of it.

        Parameters
        ----------
        size : int
            Numbers in the outputs of all samples.
        """
        if self._outputs is None:
            arrays = [at for at, part in enumerate(parts) if isinstance(part, np.ndarray)]
            if not arrays:
                inner = [part for part in parts if isinstance(part, list | tuple) and part]
                return inner[0][-1] if inner else parts[0]
            fitting = [at for at in arrays if parts[at].size == size] or arrays
            self._outputs = fitting[0] if fitting[0] == 0 else fitting[-1]
        return parts[self._outputs]

    def _pick(
        self,
        found: list[tuple[ArrayPath, Floats]],
        stems: tuple[str, ...],
        shape: tuple[int, ...],
        index: int,
        layers: int,
    ) -> Floats:
        """Return the array of a layer, of so many, in the code's own layout.

        Raises ContractError when there is none.
        """
        key = stems, index, layers
        known = dict(found)
        row = self._rows.get(stems)
        if key not in self._places and row and row.place(index, layers) in known:
            self._places[key] = row.place(index, layers)  # one unit a layer: shapes tell nothing
        if key not in self._places:
            place, order = _place(found, stems, shape, index, layers, self.backwards)
            self._places[key] = place
            self.alike = self.alike or order == ALIKE
            if order in (FORWARDS, BACKWARDS):  # other networks have it too
                self.backwards = order == BACKWARDS
        if self._places[key] not in known:
            raise _missing(found, stems, shape, index)
        mine = [self._places.get((stems, at, layers)) for at in range(layers)]
        if stems not in self._rows and (row := _row([p for p in mine if p is not None], layers)):
            self._rows[stems] = row
        return known[self._places[key]]

    def pairs(self, answer: Any, told: list[str], own: list[Pair], layout: Layout) -> list[Pair]:
        """Return the gradient in an answer whose parts have names, or parameters in its place."""
        found = _arrays_in(answer, told)

        def chosen(stems: tuple[str, ...], shapes: list[tuple[int, ...]]) -> Iterator[Floats]:
            for index, shape in enumerate(shapes):
                yield self._pick(found, stems, shape, index, len(own))

        packed = [layout.pack(w, b) for w, b in own]
        vectors = [b.shape for _, b in packed if b is not None]
        weights = chosen(WEIGHT, [w.shape for w, _ in packed])
        return layout.pairs(weights, chosen(BIAS, vectors) if vectors else None, own)


@dataclass(frozen=True)
class _Row:
    """Where the layers of one kind stand in what is returned, however many there are."""

    before: tuple[tuple[str, Any], ...]
    after: tuple[tuple[str, Any], ...]
    backwards: bool

    def place(self, index: int, layers: int) -> ArrayPath:
        """Return the place of a layer."""
        at = layers - 1 - index if self.backwards else index
        return ArrayPath((*self.before, ("item", at), *self.after))


def _row(places: list[ArrayPath], layers: int) -> _Row | None:
    """Return the row that the places of all layers stand in, where one index counts them."""
    if layers < 2 or len(places) < layers:
        return None
    first = places[0].path
    for at, step in enumerate(first):
        for backwards in (False, True):
            row = _Row(first[:at], first[at + 1 :], backwards)
            if step[0] == "item" and all(
                place == row.place(index, layers) for index, place in enumerate(places)
            ):
                return row
    return None


def _place(
    found: list[tuple[ArrayPath, Floats]],
    stems: tuple[str, ...],
    shape: tuple[int, ...],
    index: int,
    layers: int,
    backwards: bool,
) -> tuple[ArrayPath, str]:
    """Choose the place of a layer's array: by its name, else by its shape and order.

    Returns
    -------
    place : Place
    order : str
        Of the layers, where it was seen from shapes.
    """
    for prefix in _PREFIXES:
        for place, _ in found:
            split = numbered(_SUFFIX.sub("", place.name))
            if split and split[1] == index + 1 and plain(split[0]) in {prefix + s for s in stems}:
                return place, ""
    everything = found
    others = _numbers_of(found, stems)
    if others and 0 not in others:  # those of other layers are named: this one may not be there
        found = [(p, a) for p, a in everything if _UNNAMED.fullmatch(p.name)]
    flat, size = len(shape) == 1, int(np.prod(shape))
    kind = [(p, a) for p, a in found if (_is_vector(a) if flat else a.ndim == 2)]
    if len(kind) == layers:
        first, last = kind[index], kind[-1 - index]
        both = first[1].size == size == last[1].size and first[0] != last[0]
        if both:
            return (last if backwards else first)[0], ALIKE
        if first[1].size == size:
            return first[0], FORWARDS if first[0] != last[0] else ""
        if last[1].size == size:
            return last[0], BACKWARDS
    for place, array in kind:
        if array.shape == shape or (array.size == size and (flat or 1 in shape)):
            return place, ""
    raise _missing(everything, stems, shape, index)


def _numbers_of(found: list[tuple[ArrayPath, Floats]], stems: tuple[str, ...]) -> set[int]:
    """The layers of which something is named as a gradient: those of dW1, dW2, ..."""
    names = {prefix + stem for prefix in _PREFIXES if prefix for stem in stems}
    split = [numbered(_SUFFIX.sub("", place.name)) for place, _ in found]
    return {each[1] for each in split if each and plain(each[0]) in names}


def _missing(
    found: list[tuple[ArrayPath, Floats]],
    stems: tuple[str, ...],
    shape: tuple[int, ...],
    index: int,
) -> ContractError:
    """Say what was looked for, and what there was."""
    name = f"d{'W' if stems is WEIGHT else 'b'}{index + 1}"
    told = ", ".join(f"{place.name} {array.shape}".strip() for place, array in found[:8])
    return ContractError(
        f"no {name} of shape {shape} was returned; what was returned: {told or NO_ARRAY}",
        (name, ABSENT),
    )


def _is_vector(array: Floats) -> bool:
    return array.ndim == 1 or (array.ndim == 2 and 1 in array.shape)


def returned_names(function: Callable[..., Any]) -> list[str]:
    """The names in the last ``return`` of a function: ``["A2", "cache"]``; may be empty."""
    tree = tree_of(function)
    return _returned(tree) if tree is not None else []


@lru_cache(maxsize=256)
def _returned(tree: ast.AST) -> list[str]:
    returns = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return)]
    if not returns or returns[-1] is None:
        return []
    value = returns[-1]
    items = value.elts if isinstance(value, ast.Tuple) else [value]
    return [item.id if isinstance(item, ast.Name) else f"_{i}" for i, item in enumerate(items)]


#: Made of outputs a, targets y, N samples and n outputs.
Meaning = Callable[[Floats, Floats, int, int], Any]

#: What is given, by what it is called.
MEANINGS: dict[str, Meaning] = {
    "a - y": lambda a, y, m, n: a - y,
    "y": lambda a, y, m, n: y,
    "y - a": lambda a, y, m, n: y - a,
    "a": lambda a, y, m, n: a,
    "-y / a": lambda a, y, m, n: -y / a,
    "(a - y) / (a (1 - a))": lambda a, y, m, n: (a - y) / (a * (1 - a)),
    "(a - y) / N": lambda a, y, m, n: (a - y) / m,
    "2 (a - y)": lambda a, y, m, n: 2 * (a - y),
    "2 (a - y) / N": lambda a, y, m, n: 2 * (a - y) / m,
    "2 (a - y) / (N n)": lambda a, y, m, n: 2 * (a - y) / (m * n),
    "(a - y) / (N n)": lambda a, y, m, n: (a - y) / (m * n),
    "-y / a / N": lambda a, y, m, n: -y / a / m,
    "(a - y) / (a (1 - a)) / N": lambda a, y, m, n: (a - y) / (a * (1 - a)) / m,
}

#: What becomes of logits before they are compared, by rows.
_FUSED: dict[str, Callable[[Floats], Floats]] = {
    "softmax": lambda z: (
        np.exp(z - z.max(axis=-1, keepdims=True))
        / np.exp(z - z.max(axis=-1, keepdims=True)).sum(axis=-1, keepdims=True)
    ),
    "sigmoid": lambda z: 1.0 / (1.0 + np.exp(-z)),
}
for _name in _FUSED:
    MEANINGS[f"{_name}(a) - y"] = lambda a, y, m, n, f=_FUSED[_name]: f(a) - y  # type: ignore[misc]
    MEANINGS[f"({_name}(a) - y) / N"] = lambda a, y, m, n, f=_FUSED[_name]: (f(a) - y) / m  # type: ignore[misc]

#: Those that differ by more than a factor.
WITHOUT_LOSS = tuple(MEANINGS)[:6]

#: Names of what comes from above; ``dout`` is otherwise the number of outputs.
_FROM_ABOVE = re.compile(
    r"^d(a|al|out|output|y|yhat|h|o|loss|l|cost|prev|next|curr)?\d*$|^dl|grad|delta|err|upstream|deriv|loss|cost"
)


def from_above(name: str) -> bool:
    """Whether a name is one for what a backward is given from the layers above."""
    return _FROM_ABOVE.search(plain(name)) is not None


def meant(meaning: str, outputs: Any, y: Any, samples: int, columns: bool) -> Any:
    """Return what an argument is given, in the layout of the outputs."""
    a = np.asarray(outputs, dtype=np.float64)
    target = np.asarray(y, dtype=np.float64)
    if target.shape != a.shape and target.size == a.size:
        target = target.reshape(a.shape)
    if columns:
        return MEANINGS[meaning](a.T, target.T, samples, a.size // samples).T
    return MEANINGS[meaning](a, target, samples, a.size // samples)
