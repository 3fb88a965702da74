"""Weights in one list, or as numbers ``w1, w2, ...``: read as matrices."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.contract.answers import Floats, Pair
from gradcheck.reading.layout import Layout
from gradcheck.reading.names import is_bias, is_weight, numbered
from gradcheck.reading.paths_to_arrays import Place

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Family:
    """Numbers of one name: ``w1`` to ``w8``, ``out_o1`` and ``out_o2``.

    Attributes
    ----------
    name : str
        What their names share.
    places : tuple of Place
    """

    name: str
    places: tuple[Place, ...]

    def get(self, root: Any) -> Any:
        """Return the numbers as an array."""
        return np.array([place.get(root) for place in self.places])

    def set(self, root: Any, array: Floats) -> None:
        """Write each number."""
        flat = np.asarray(array).ravel()
        for place, value in zip(self.places, flat, strict=True):
            place.set(root, np.asarray(value))

    def values(self, numbers: dict[Place, Floats]) -> Floats:
        """Return the numbers from a table."""
        return np.array([float(numbers[place]) for place in self.places])


def families(places: list[Place], numbers: dict[Place, Floats]) -> Iterator[Family]:
    """Group single numbers whose names differ by a number only."""
    groups: dict[str, list[tuple[int, Place]]] = {}
    for place in places:
        split = numbered(place.name)
        if split and len(place.path) == 1 and numbers[place].ndim == 0:
            groups.setdefault(split[0], []).append((split[1], place))
    for stem, members in groups.items():
        members.sort(key=lambda item: item[0])
        yield Family(stem, tuple(place for _, place in members))


@dataclass(frozen=True)
class Listed:
    """All weights in one row, layer after layer, and all biases in another.

    Attributes
    ----------
    layout : Layout
    weights : Place or Family
    biases : Place, Family or None
    widths : tuple of int
        Of the network that the code is read as.
    """

    layout: Layout
    weights: Any
    biases: Any
    widths: Sizes

    @property
    def places(self) -> tuple[Place, ...]:
        """Where all parameters are."""
        kept = [each for each in (self.weights, self.biases) if each is not None]
        return tuple(p for each in kept for p in getattr(each, "places", (each,)))

    def write(self, root: Any, own: list[Pair]) -> None:
        """Write parameters where the code keeps them."""
        packed = [self.layout.pack(w, b) for w, b in own]
        self.weights.set(root, np.concatenate([w.ravel() for w, _ in packed]))
        vectors = [b for _, b in packed if b is not None]
        if vectors:
            self.biases.set(root, np.concatenate(vectors))

    def read(self, root: Any, own: list[Pair]) -> list[Pair]:
        """Read the parameters as they are now."""
        packed = [self.layout.pack(w, b) for w, b in own]
        flat = np.asarray(self.weights.get(root)).ravel()
        bias = np.asarray(self.biases.get(root)).ravel() if self.biases else None
        pairs, start, first = [], 0, 0
        for (matrix, vector), (w, b) in zip(packed, own, strict=True):
            part = flat[start : start + matrix.size].reshape(matrix.shape)
            start += matrix.size
            own_bias = None
            if vector is not None and bias is not None:
                own_bias = bias[first : first + b.size]
                first += b.size
            pairs.append(self.layout.unpack(part, own_bias, *w.shape))
        return pairs

    def told(self) -> str:
        """Say where the parameters are."""
        names = [self.weights.name] + ([self.biases.name] if self.biases else [])
        return ", ".join(names)


def listed(
    moved: list[Place], still: list[Place], numbers: dict[Place, Floats], n_in: int, n_out: int
) -> Iterator[tuple[Listed, tuple[str, ...]]]:
    """Yield the ways to read one list of weights as layers, and what is set to zero."""

    def rows(places: list[Place]) -> list[Any]:
        single: list[Any] = [p for p in places if numbers[p].ndim == 1 and len(p.path) == 1]
        return [*single, *families(places, numbers)]

    weights = [p for p in rows(moved) if is_weight(p.name)]
    biases = [p for p in rows([*moved, *still]) if is_bias(p.name)]
    shared = tuple(p.path[0][1] for p in (*moved, *still) if is_bias(p.name) and len(p.path) == 1)
    for weight in weights:
        count = _count(weight, numbers)
        for own in _sizes(count, n_in, n_out):
            units = sum(own[1:])
            fitting = [b for b in biases if _count(b, numbers) == units]
            for order in ("out x in", "in x out"):
                for bias in fitting[:1]:
                    yield Listed(Layout(order, "apart", "one vector"), weight, bias, own), ()
                read_as = (*(n - 1 for n in own[:-1]), own[-1])
                if not fitting and min(read_as) > 0:
                    yield (
                        Listed(Layout(order, "missing", "one vector"), weight, None, read_as),
                        shared,
                    )


def _count(place: Any, numbers: dict[Place, Floats]) -> int:
    return len(place.places) if isinstance(place, Family) else numbers[place].size


def _sizes(count: int, n_in: int, n_out: int) -> Iterator[Sizes]:
    if count % (n_in + n_out) == 0:
        yield n_in, count // (n_in + n_out), n_out
    if count == n_in * n_out:
        yield n_in, n_out
