"""Which arrays of foreign code are the weights and biases of which layer.

Weights in one list, or as numbers ``w1, w2, ...``, are parts of a row.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck.contract.conventions import OwnNames
from gradcheck.contract.posed import Floats, Pairs
from gradcheck.reading.foreign_call import is_bias, is_gradient, is_weight, numbered, plain
from gradcheck.reading.layout import Layout, narrower, wider
from gradcheck.reading.paths import ArrayPath, Named, Numbers, find
from gradcheck.reading.source_names import by_place, spelled

#: So many layers are looked for, and among so many arrays their biases.
_MOST_LAYERS = 12


@dataclass(frozen=True)
class ParameterRoles:
    """Where the parameters are, and how they are laid out.

    Attributes
    ----------
    weights, biases : tuple of ArrayPath or RowPart
        One a layer; no biases where they are inside the weights or missing.
    widths : tuple of int
        Of the network that the code is read as.
    form : str
        Of a bias: ``vector``, ``row`` or ``column``; empty where it cannot be told.
    spare : tuple of ArrayPath
        Arrays that are called biases, where biases are taken to be missing. They are given
        numbers, so that code that adds them is not read as code that has none.
    in_rows : bool
        All weights stand in one row, layer after layer, and all biases in another.
    """

    layout: Layout
    weights: tuple[Any, ...]
    biases: tuple[Any, ...]
    widths: tuple[int, ...]
    form: str = ""
    spare: tuple[ArrayPath, ...] = ()
    in_rows: bool = False

    @property
    def own_widths(self) -> tuple[int, ...]:
        """The widths of the code's own network."""
        return wider(self.widths) if self.layout.bias == "missing" else self.widths

    @property
    def places(self) -> tuple[ArrayPath, ...]:
        """Where all parameters are."""
        return tuple(place for row in self._rows for place in getattr(row, "places", (row,)))

    @property
    def _rows(self) -> list[Any]:
        """Where all parameters are, a row once."""
        both = (*self.weights, *self.biases)
        return list(dict.fromkeys(getattr(each, "row", each) for each in both))

    def write(self, root: Any, own: Pairs) -> None:
        """Write parameters where the code keeps them."""
        for index, (w, b) in enumerate(own):
            matrix, vector = self.layout.pack(w, b)
            self.weights[index].set(root, matrix)
            if vector is not None:
                self.biases[index].set(root, vector)
        for place in self.spare:
            size = np.size(place.get(root))
            place.set(root, np.linspace(0.3, 1.1, size))

    def read(self, root: Any, own: Pairs) -> Pairs:
        """Read the parameters as they are now, in the shapes of those written."""
        pairs = []
        for index, (w, _) in enumerate(own):
            bias = self.biases[index].get(root) if self.biases else None
            pairs.append(self.layout.unpack(self.weights[index].get(root), bias, *w.shape))
        return pairs

    def told(self) -> str:
        """Say where the parameters are."""
        return ", ".join(row.name for row in self._rows)

    def spelling(self, functions: list[Any], layout: Layout, root: str = "self") -> OwnNames:
        """Return the names of parameters in an object, and of what is computed of them."""
        written = tuple(place.written(root) for place in self.weights)
        known = {f"W{i}": text for i, text in enumerate(written, start=1)}
        known |= {f"b{i}": place.written(root) for i, place in enumerate(self.biases, start=1)}
        return spelled(functions, by_place(written), layout, self.form, known)


def find_roles(root: Any) -> list[ParameterRoles]:
    """Return the ways in which arrays of an object can be a network's parameters."""
    found = _once(root, list(find(root)))
    weights = [(p, a) for p, a in found if is_weight(p.name) and a.ndim == 2]
    named = (plain(p.name) for p, _ in weights)
    beside = {f"b{name[1:]}" for name in named if name[0] == "w"}  # b_hidden and w_hidden
    biases = [
        (p, a)
        for p, a in found
        if a.size == max(a.shape) and (is_bias(p.name) or plain(p.name) in beside)
    ]
    by_name = bool(biases)
    if not by_name:  # by any name: one that is none gives outputs that fit nothing
        biases = [
            (p, a)
            for p, a in found
            if a.ndim and a.size == max(a.shape) and a.dtype.kind == "f" and not is_gradient(p.name)
            if p not in {place for place, _ in weights}
        ]
    every = list(assign(weights, biases))
    apart = next((roles.biases for roles in every if roles.biases), ())
    if not by_name or not apart:
        return every
    return [replace(r, spare=apart) if r.layout.bias == "missing" else r for r in every]


def _once(root: Any, found: Named) -> Named:
    """Leave out places of an array that is kept elsewhere, too: by layers, and in a dictionary."""
    kept: dict[int, tuple[ArrayPath, Floats]] = {}
    for place, array in found:
        kept.setdefault(id(place.get(root)), (place, array))
    return list(kept.values())


def assign(weights: Named, biases: Named) -> Iterator[ParameterRoles]:
    """Yield every consistent way to read arrays as layers, in order."""
    if not 0 < len(weights) <= _MOST_LAYERS:
        return
    orders: Iterable[Named] = [_ordered(weights)]
    if len(weights) <= 4:
        orders = itertools.chain(orders, map(list, itertools.permutations(weights)))
    seen = set()
    for order in orders:
        for layout in _layouts(bool(biases)):
            widths = _widths([a.shape for _, a in order], layout)
            if widths is None:
                continue
            places: tuple[ArrayPath, ...] = ()
            if layout.bias == "apart":
                fitting = _fitting(_ordered(biases), widths)
                if fitting is None:
                    continue
                places = fitting
            if layout.bias == "missing":
                widths = narrower(widths)
            if min(widths) < 1 or layout in seen:
                continue
            seen.add(layout)
            arrays = [array for place, array in biases if place in places]
            yield ParameterRoles(layout, tuple(p for p, _ in order), places, widths, _form(arrays))
        if seen:
            return


def _layouts(biases: bool) -> Iterator[Layout]:
    for bias in ("apart", "missing", "first", "last") if biases else ("missing", "last", "first"):
        for weights in ("in x out", "out x in"):
            yield Layout(weights, bias)


def _widths(shapes: list[tuple[int, ...]], layout: Layout) -> tuple[int, ...] | None:
    inside = layout.bias in ("first", "last")
    sides = [s if layout.weights == "in x out" else s[::-1] for s in shapes]
    if any(out != into - inside for (_, out), (into, _) in itertools.pairwise(sides)):
        return None
    return (sides[0][0] - inside, *(out for _, out in sides))


def _fitting(biases: Named, widths: tuple[int, ...]) -> tuple[ArrayPath, ...] | None:
    """Choose one bias a layer, by size, in order."""
    for chosen in itertools.combinations(biases[:_MOST_LAYERS], len(widths) - 1):
        if all(a.size == n for (_, a), n in zip(chosen, widths[1:], strict=True)):
            return tuple(p for p, _ in chosen)
    return None


def _form(biases: list[Floats]) -> str:
    """The shape that all biases have: one number a layer fits any."""
    forms = {
        "vector" if b.ndim == 1 else "row" if b.shape[0] == 1 else "column"
        for b in biases
        if b.size > 1 or b.ndim == 1
    }
    return forms.pop() if len(forms) == 1 else ""


def _ordered(found: Named) -> Named:
    """Order by the numbers in names and indices; those without stay as they were met."""

    def numbers(item: tuple[ArrayPath, Floats]) -> list[int]:
        steps = (step for _, step in item[0].path)
        split = (("", s) if isinstance(s, int) else numbered(str(s)) for s in steps)
        return [number[1] for number in split if number]

    return sorted(found, key=numbers)


@dataclass(frozen=True)
class Family:
    """Numbers whose names share a stem: ``w1`` to ``w8``, ``out_o1`` and ``out_o2``."""

    name: str
    places: tuple[ArrayPath, ...]

    def get(self, root: Any) -> Any:
        """Return the numbers as an array."""
        return np.array([place.get(root) for place in self.places])

    def set(self, root: Any, array: Floats) -> None:
        """Write each number."""
        for place, value in zip(self.places, np.asarray(array).ravel(), strict=True):
            place.set(root, np.asarray(value))

    def values(self, numbers: Numbers) -> Floats:
        """Return the numbers from a table."""
        return np.array([float(numbers[place]) for place in self.places])


@dataclass(frozen=True)
class RowPart:
    """A tensor that is part of a row with those of all layers: of an array, or of numbers."""

    row: Any
    start: int
    shape: tuple[int, ...]

    def get(self, root: Any) -> Any:
        """Return the part as an array."""
        numbers = np.asarray(self.row.get(root)).ravel()
        return numbers[self.start : self.start + math.prod(self.shape)].reshape(self.shape)

    def set(self, root: Any, array: Floats) -> None:
        """Write the part, and the rest of the row as it is."""
        now = np.asarray(self.row.get(root)).ravel()
        rest = now[self.start + array.size :]
        self.row.set(root, np.concatenate([now[: self.start], array.ravel(), rest]))


def families(places: list[ArrayPath], numbers: Numbers) -> Iterator[Family]:
    """Group single numbers whose names differ by a number only."""
    groups: dict[str, list[tuple[int, ArrayPath]]] = {}
    for place in places:
        split = numbered(place.name)
        if split and len(place.path) == 1 and numbers[place].ndim == 0:
            groups.setdefault(split[0], []).append((split[1], place))
    for stem, members in groups.items():
        members.sort(key=lambda item: item[0])
        yield Family(stem, tuple(place for _, place in members))


def in_rows(
    moved: list[ArrayPath], still: list[ArrayPath], numbers: Numbers, n_in: int, n_out: int
) -> Iterator[tuple[ParameterRoles, tuple[str, ...]]]:
    """Yield the ways to read one row of weights as layers, and what is set to zero."""

    def rows(places: list[ArrayPath]) -> list[Any]:
        single: list[Any] = [p for p in places if numbers[p].ndim == 1 and len(p.path) == 1]
        return [*single, *families(places, numbers)]

    def count(row: Any) -> int:
        return len(row.places) if isinstance(row, Family) else numbers[row].size

    weights = [p for p in rows(moved) if is_weight(p.name)]
    biases = [p for p in rows([*moved, *still]) if is_bias(p.name)]
    shared = tuple(p.path[0][1] for p in (*moved, *still) if is_bias(p.name) and len(p.path) == 1)
    for weight in weights:
        for own in _widths_of_row(count(weight), n_in, n_out):
            fitting = [b for b in biases if count(b) == sum(own[1:])]
            for order in ("out x in", "in x out"):
                shapes = [s if order == "in x out" else s[::-1] for s in itertools.pairwise(own)]
                parts = tuple(_parts(weight, shapes))
                for bias in fitting[:1]:
                    vectors = tuple(_parts(bias, [(n,) for n in own[1:]]))
                    layout = Layout(order, "apart", "one vector")
                    yield ParameterRoles(layout, parts, vectors, own, in_rows=True), ()
                read_as = narrower(own)
                if not fitting and min(read_as) > 0:
                    layout = Layout(order, "missing", "one vector")
                    yield ParameterRoles(layout, parts, (), read_as, in_rows=True), shared


def _parts(row: Any, shapes: Sequence[tuple[int, ...]]) -> Iterator[RowPart]:
    start = 0
    for shape in shapes:
        yield RowPart(row, start, shape)
        start += math.prod(shape)


def _widths_of_row(count: int, n_in: int, n_out: int) -> Iterator[tuple[int, ...]]:
    if count % (n_in + n_out) == 0:
        yield n_in, count // (n_in + n_out), n_out
    if count == n_in * n_out:
        yield n_in, n_out
