"""Paths of a declaration: where a tensor, or each number of it, is in an object."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gradcheck.adapters.asked import Floats
from gradcheck.adapters.places import filled, held_elsewhere, like

#: A path for every layer, or a list of one a layer.
Path = str | Sequence[str]


def write(holder: Any, path: Path, index: int, array: Floats, taken: list[Any]) -> None:
    """Write a tensor of one layer where a path leads.

    Into the array that is there, where it fits: a layer may hold it beside the dict that the
    path leads to. A wider one is bound there too, unless the object is seen to hold the old
    one elsewhere: then that is what it computes with.

    Parameters
    ----------
    taken : list
        What was written into before, for other tensors; appended to.
    """
    for place, at in _places(path, index, array.shape):
        old = _value(holder, place) if at is None else 0.0
        value = like(np.asarray(array if at is None else array[at]), old)
        if filled(old, value, taken) and (
            getattr(old, "dtype", None) == getattr(value, "dtype", None)
            or held_elsewhere(holder, old)
        ):
            continue
        exec(f"_holder{_join(place)} = _value", {"_holder": holder, "_value": value})


def read(holder: Any, path: Path, index: int, shape: tuple[int, ...]) -> Any:
    """Read a tensor of one layer from where a path leads."""
    places = list(_places(path, index, shape))
    if places[0][1] is None:
        return np.asarray(_value(holder, places[0][0])).copy()
    result = np.empty(shape, dtype=np.longdouble)
    for place, at in places:
        result[at] = _value(holder, place)
    return result


def _value(holder: Any, place: str) -> Any:
    try:
        return eval(f"_holder{_join(place)}", {"_holder": holder})
    except (AttributeError, LookupError):
        return None


def _join(place: str) -> str:
    return place if place.startswith("[") else f".{place}"


def single(path: Path) -> bool:
    """Whether a path is that of a single number."""
    text = path if isinstance(path, str) else "".join(path)
    return "{j}" in text or "{k}" in text


def _places(path: Path, index: int, shape: tuple[int, ...]) -> Iterator[tuple[str, Any]]:
    """Yield every path of a tensor, with the entry it is of; None for the whole."""
    path = path if isinstance(path, str) else path[index]
    count = {"i": index, "l": index + 1}
    if not single(path):
        yield path.format(**count), None
        return
    for at in np.ndindex(*shape):
        units = {"j": at[0], "k": at[-1]}
        yield path.format(**count, **units), at
