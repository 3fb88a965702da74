"""What foreign functions return: the outputs, the loss and each gradient in it.

What an argument of a backward may be that no name says: target, error, upstream gradient.

``backward(dA)``, ``backward(dout)``, ``backward(error)``: each meaning is a reading of its
own, and numbers decide. The gradient is linear in what comes from above, so where code has
no loss one meaning of each kind will do; beside a loss of its own its factor is needed too.
"""

import ast
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from gradcheck.contract.posed import Floats, Pairs
from gradcheck.contract.protocol import ABSENT, ContractError
from gradcheck.reading.foreign_call import NO_ARRAY, is_gradient, numbered, plain
from gradcheck.reading.layout import Layout
from gradcheck.reading.paths import ArrayPath, Named, find
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


def _arrays_in(answer: Any, told: list[str]) -> Named:
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
        self._places: dict[_Sought, ArrayPath] = {}
        self._rows: dict[tuple[str, ...], _Row] = {}
        self._outputs: int | None = None

    def outputs(self, parts: list[Any], size: int) -> Any:
        """Return the outputs, of so many numbers, among what a forward returns."""
        if self._outputs is None:
            self._outputs = outputs_at(parts, size)
        if self._outputs is None:
            inner = [part for part in parts if isinstance(part, list | tuple) and part]
            return inner[0][-1] if inner else parts[0]
        return parts[self._outputs]

    def _pick(self, found: Named, sought: "_Sought") -> Floats:
        """Return the array of a layer in the code's own layout; ContractError without one."""
        known, places, row = dict(found), self._places, self._rows.get(sought.stems)
        if sought not in places and row and row.place(sought) in known:
            places[sought] = row.place(sought)  # one unit a layer: shapes tell nothing
        if sought not in places:
            places[sought], order = sought.place(found, self.backwards)
            self.alike = self.alike or order == ALIKE
            if order in (FORWARDS, BACKWARDS):  # other networks have it too
                self.backwards = order == BACKWARDS
        if places[sought] not in known:
            raise sought.missing(found)
        every = [replace(sought, index=at) for at in range(sought.layers)]
        if sought.stems not in self._rows and all(each in places for each in every):
            for row in _rows(places[every[0]]) if len(every) > 1 else ():
                if all(places[each] == row.place(each) for each in every):
                    self._rows.setdefault(sought.stems, row)
        return known[places[sought]]

    def pairs(self, answer: Any, told: list[str], own: Pairs, layout: Layout) -> Pairs:
        """Return the gradient in an answer whose parts have names, or parameters in its place."""
        found = _arrays_in(answer, told)

        def chosen(stems: tuple[str, ...], shapes: list[tuple[int, ...]]) -> Iterator[Floats]:
            for index, shape in enumerate(shapes):
                yield self._pick(found, _Sought(stems, index, len(own), shape))

        packed = [layout.pack(w, b) for w, b in own]
        vectors = [b.shape for _, b in packed if b is not None]
        weights = chosen(WEIGHT, [w.shape for w, _ in packed])
        return layout.pairs(weights, chosen(BIAS, vectors) if vectors else None, own)


def outputs_at(parts: Sequence[Any], size: int) -> int | None:
    """Return the place of the outputs among what a forward returns; None without an array.

    They are what has their size: the first thing if that has, else the last one that has, since
    a forward returns its outputs before what it caches or at the end of it.
    """
    arrays = [at for at, part in enumerate(parts) if isinstance(part, np.ndarray)]
    fitting = [at for at in arrays if parts[at].size == size] or arrays
    return None if not fitting else 0 if fitting[0] == 0 else fitting[-1]


@dataclass(frozen=True)
class _Row:
    """Where the layers of one kind stand in what is returned, however many there are."""

    before: tuple[tuple[str, Any], ...]
    after: tuple[tuple[str, Any], ...]
    backwards: bool

    def place(self, sought: "_Sought") -> ArrayPath:
        """Return the place of a layer."""
        at = sought.layers - 1 - sought.index if self.backwards else sought.index
        return ArrayPath((*self.before, ("item", at), *self.after))


def _rows(place: ArrayPath) -> Iterator[_Row]:
    """Yield the rows that a place may be in, where one index counts the layers."""
    for at, (kind, _) in enumerate(place.path):
        if kind == "item":
            for backwards in (False, True):
                yield _Row(place.path[:at], place.path[at + 1 :], backwards)


@dataclass(frozen=True)
class _Sought:
    """The array of a layer, of so many, that is looked for in what is returned."""

    stems: tuple[str, ...]
    index: int
    layers: int
    shape: tuple[int, ...] = field(compare=False)

    def place(self, found: Named, backwards: bool) -> tuple[ArrayPath, str]:
        """Choose its place: by its name, else by its shape and order, which is returned too."""
        everything, split = found, [(numbered(_SUFFIX.sub("", p.name)), p) for p, _ in found]
        named = [(prefix, plain(s[0]), s[1], p) for prefix in _PREFIXES for s, p in split if s]
        named = [each for each in named if each[1] in {each[0] + stem for stem in self.stems}]
        for _, _, number, place in named:
            if number == self.index + 1:
                return place, ""
        others = {number for prefix, _, number, _ in named if prefix}
        if others and 0 not in others:  # those of other layers are named: this may not be there
            found = [(p, a) for p, a in found if _UNNAMED.fullmatch(p.name)]
        flat, size = len(self.shape) == 1, math.prod(self.shape)
        kind = [(p, a) for p, a in found if (_is_vector(a) if flat else a.ndim == 2)]
        if len(kind) == self.layers:
            first, last = kind[self.index], kind[-1 - self.index]
            if first[1].size == size == last[1].size and first[0] != last[0]:
                return (last if backwards else first)[0], ALIKE
            if first[1].size == size:
                return first[0], FORWARDS if first[0] != last[0] else ""
            if last[1].size == size:
                return last[0], BACKWARDS
        for place, array in kind:
            if array.shape == self.shape or (array.size == size and (flat or 1 in self.shape)):
                return place, ""
        raise self.missing(everything)

    def missing(self, found: Named) -> ContractError:
        """Say what was looked for, and what there was."""
        name = f"d{'W' if self.stems is WEIGHT else 'b'}{self.index + 1}"
        told = ", ".join(f"{place.name} {array.shape}".strip() for place, array in found[:8])
        return ContractError(
            f"no {name} of shape {self.shape} was returned; what was returned: {told or NO_ARRAY}",
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
