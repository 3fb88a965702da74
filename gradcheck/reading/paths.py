"""Paths of a declaration: where a tensor, or each number of it, is in an object."""

import ast
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from gradcheck.contract.answers import Floats
from gradcheck.errors.suggestion import meant
from gradcheck.reading.foreign_call import UnsuitedError, members
from gradcheck.reading.paths_to_arrays import filled, held_elsewhere, like

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
        old = _value(holder, place)
        if old is None:
            _check_there(holder, place)
        old = old if at is None else 0.0
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


def _check_there(holder: Any, place: str) -> None:
    """Refuse a path to what is not there: it would be made, and nothing computes with it.

    In a module, and in a dict that is empty, it may be what the code waits for.
    """
    step = ast.parse(f"_holder{_join(place)}", mode="eval").body
    if not isinstance(step, ast.Attribute | ast.Subscript):
        return
    owner = eval(ast.unparse(step.value), {"_holder": holder})
    if isinstance(step, ast.Attribute):
        if not isinstance(owner, ModuleType) and not hasattr(owner, step.attr):
            raise UnsuitedError(f"there is no {place}{meant(step.attr, members(owner), '')}")
    elif isinstance(owner, dict) and owner:
        key = eval(ast.unparse(step.slice), {})
        if key not in owner:
            raise UnsuitedError(f"there is no {place}{meant(repr(key), map(repr, owner), '')}")


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
