"""Where numbers live in foreign objects: found, read and written by their path.

Paths of a declaration say where a tensor is, or each number of it.

What code trains and no reading reads is found by what it does: slopes of its own, scales,
running means. Training changes them, and the outputs change with them; a verdict on weights and
biases alone would pass over them in silence.
"""

import ast
import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from types import ModuleType
from typing import Any

import numpy as np

from gradcheck.contract.posed import Floats
from gradcheck.errors import meant
from gradcheck.reading.foreign_call import UnsuitedError, attempt, members

#: How deep objects are looked into, and how many items of a list.
_DEPTH, _MOST_ITEMS = 4, 64

#: Arrays larger than this are no parameters of a network to be checked.
_MOST_NUMBERS = 1_000_000


@dataclass(frozen=True)
class ArrayPath:
    """A path from an object to an array: attributes, keys and indices.

    Attributes
    ----------
    path : tuple of (str, object)
        Each step is ``("attribute", name)``, ``("item", key)`` or, where a declaration has it,
        ``("call", arguments)``.
    """

    path: tuple[tuple[str, Any], ...]

    @property
    def name(self) -> str:
        """The last name on the path: ``W1`` of ``params["W1"]``, ``weights`` of ``weights[0]``."""
        names = [str(key) for _, key in self.path if isinstance(key, str)]
        return names[-1] if names else ""

    def written(self, root: str = "") -> str:
        """Write the path as code does: ``self.params['W1']``."""
        text = root
        for kind, key in self.path:
            if kind == "item" and (text or not isinstance(key, str)):
                text += f"[{key!r}]"
            else:
                text += f".{key}" if text else str(key)
        return text

    @property
    def owner(self) -> "ArrayPath":
        """The path to what the array is an attribute or item of."""
        return ArrayPath(self.path[:-1])

    def get(self, root: Any) -> Any:
        """Follow the path, as it leads now."""
        value = root
        for kind, key in self.path:
            if kind == "call":
                value = value(*key)
            else:
                value = getattr(value, key) if kind == "attribute" else value[key]
        return value

    def bind(self, root: Any, value: Any) -> None:
        """Let the path lead to another value."""
        owner, (kind, key) = self.owner.get(root), self.path[-1]
        if kind == "attribute":
            setattr(owner, key, value)
        else:
            owner[key] = value

    def set(self, root: Any, array: Floats) -> None:
        """Write an array where the path leads: of the kind and shape that is there now."""
        old = self.get(root)
        value = like(array, old)
        both = isinstance(old, np.ndarray) and isinstance(value, np.ndarray)
        if both and old.dtype == value.dtype and old.shape == value.shape and old.flags.writeable:
            # others may hold the same array: layers, and a dictionary
            old[...] = value
        else:
            self.bind(root, value)


#: Arrays, and where they are.
Named = list[tuple[ArrayPath, Floats]]
Numbers = dict[ArrayPath, Floats]


def _parsed(text: str) -> ArrayPath:
    """Read a path as code writes it: ``layers[0].w``, ``params['W1']``, ``[0]``."""
    node = ast.parse(f"_{text}" if text.startswith("[") else f"_.{text}", mode="eval").body
    steps: list[tuple[str, Any]] = []
    while not isinstance(node, ast.Name):
        match node:
            case ast.Attribute(value=owner, attr=name):
                steps.append(("attribute", name))
            case ast.Subscript(value=owner, slice=index):
                steps.append(("item", eval(f"_[{ast.unparse(index)}]", {"_": np.s_})))
            case ast.Call(func=owner, args=given, keywords=[]):
                steps.append(("call", tuple(ast.literal_eval(each) for each in given)))
            case _:
                raise UnsuitedError(f"{text} is no path")
        node = owner
    return ArrayPath(tuple(reversed(steps)))


def _held_elsewhere(root: Any, array: Any) -> bool:
    """Whether an object holds an array in more than one place: a layer, say, and a dict."""
    if not isinstance(array, np.ndarray):
        return False
    return sum(other is array or np.may_share_memory(other, array) for _, other in find(root)) > 1


def _filled(old: Any, value: Any, taken: list[Any]) -> bool:
    """Write into the array or list that is there, where it fits; whether it did.

    What was written into before is taken: of one array for two tensors the second is another's.
    """
    if isinstance(old, list):
        if not isinstance(value, list) or len(old) != len(value) or any(old is t for t in taken):
            return False
        inner = [isinstance(item, list) for item in old]
        if any(inner) and not all(_filled(o, v, taken) for o, v in zip(old, value, strict=True)):
            return False
        if not any(inner):
            old[:] = value
        taken.append(old)
        return True
    if not isinstance(old, np.ndarray) or old.dtype.kind != "f" or not old.flags.writeable:
        return False
    if old.shape != np.shape(value) or any(
        isinstance(t, np.ndarray) and np.may_share_memory(old, t) and np.shares_memory(old, t)
        for t in taken
    ):
        return False
    old[...] = value
    taken.append(old)
    return True


def like(array: Floats, old: Any) -> Any:
    """Give an array the form of what it replaces: a list, a number, a row or a column."""
    if isinstance(old, np.ndarray):
        if array.ndim == 1 and old.ndim == 2:  # a vector kept as a row or a column
            return array[None, :] if old.shape[0] == 1 else array[:, None]
        if array.ndim == 2 and old.ndim == 1 and 1 in array.shape:
            return array.ravel()
    if isinstance(old, list):
        return array.tolist()
    if isinstance(old, int | float | np.generic):
        return array.reshape(-1)[0]
    return array.copy()


def find(
    value: Any,
    path: tuple[tuple[str, Any], ...] = (),
    depth: int = _DEPTH,
    seen: set[int] | None = None,
) -> Iterator[tuple[ArrayPath, Floats]]:
    """Yield every numeric array, or list of numbers, that an object holds."""
    seen = set() if seen is None else seen
    array = numeric(value) if path else None
    if array is not None and not (isinstance(value, list) and array.ndim > 2):
        yield ArrayPath(path), array  # of a list of matrices each is a place of its own
        return
    if depth == 0 or id(value) in seen or callable(value) or _installed(value):
        return
    seen.add(id(value))
    inside: list[tuple[tuple[str, Any], Any]]
    if isinstance(value, dict):
        inside = [(("item", key), value[key]) for key in list(value)[:_MOST_ITEMS]]
    elif isinstance(value, list | tuple):
        inside = [(("item", at), item) for at, item in enumerate(value[:_MOST_ITEMS])]
    else:
        inside = [(("attribute", name), own) for name, own in members(value).items()]
    for step, child in inside:
        yield from find(child, (*path, step), depth - 1, seen)


def _installed(value: Any) -> bool:
    """Whether a value is a module that is installed: numpy has arrays that are nobody's."""
    if not isinstance(value, ModuleType):
        return False
    file = getattr(value, "__file__", None) or ""
    library = value.__name__.partition(".")[0] in sys.stdlib_module_names
    return library or not {"site-packages", "dist-packages"}.isdisjoint(PurePath(file).parts)


def numeric(value: Any) -> Floats | None:
    """Return an array of real numbers; None for anything else."""
    if isinstance(value, np.ndarray):
        good = value.dtype.kind in "fiu" and 0 < value.size <= _MOST_NUMBERS
        return value if good else None
    if isinstance(value, list) and 0 < _size(value) <= _MOST_NUMBERS and _numbers(value):
        with contextlib.suppress(ValueError, TypeError):
            return np.array(value, dtype=np.float64)
    return None


def _size(value: Any, depth: int = 3) -> int:
    """About how many numbers a list holds, from its first items."""
    if not isinstance(value, list) or not value or not depth:
        return 1
    return len(value) * _size(value[0], depth - 1)


def _numbers(value: Any, depth: int = 3) -> bool:
    """Whether a list holds numbers, or lists of them, as far as its first items say."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float | np.floating | np.integer):
        return True
    if isinstance(value, list) and value and depth:
        return all(_numbers(item, depth - 1) for item in value[:_MOST_ITEMS])
    return False


#: A path for every layer, or a list of one a layer.
Path = str | Sequence[str]


def write(holder: Any, path: Path, index: int, array: Floats, taken: list[Any]) -> None:
    """Write a tensor of one layer where a path leads.

    Into the array that is there, where it fits: a layer may hold it beside the dict that the
    path leads to. A wider one is bound there too, unless the object is seen to hold the old
    one elsewhere: then that is what it computes with. What is written into is put into ``taken``.
    """
    for place, at in _places(path, index, array.shape):
        old = _there(holder, place)
        if old is None:
            _check_there(holder, place)
        old = old if at is None else 0.0
        value = like(np.asarray(array if at is None else array[at]), old)
        if _filled(old, value, taken) and (
            getattr(old, "dtype", None) == getattr(value, "dtype", None)
            or _held_elsewhere(holder, old)
        ):
            continue
        place.bind(holder, value)


def read(holder: Any, path: Path, index: int, shape: tuple[int, ...]) -> Any:
    """Read a tensor of one layer from where a path leads."""
    places = list(_places(path, index, shape))
    if places[0][1] is None:
        return np.asarray(_there(holder, places[0][0])).copy()
    result = np.empty(shape, dtype=np.longdouble)
    for place, at in places:
        result[at] = _there(holder, place)
    return result


def _there(holder: Any, place: ArrayPath) -> Any:
    try:
        return place.get(holder)
    except (AttributeError, LookupError):
        return None


def _check_there(holder: Any, place: ArrayPath) -> None:
    """Refuse a path to what is not there: it would be made, and nothing computes with it.

    In a module, and in a dict that is empty, it may be what the code waits for.
    """
    owner, (kind, key) = place.owner.get(holder), place.path[-1]
    if kind == "attribute" and not isinstance(owner, ModuleType) and not hasattr(owner, key):
        raise UnsuitedError(f"there is no {place.written()}{meant(key, members(owner), '')}")
    if kind == "item" and isinstance(owner, dict) and owner and key not in owner:
        known = meant(repr(key), map(repr, owner), "")
        raise UnsuitedError(f"there is no {place.written()}{known}")


def single(path: Path) -> bool:
    """Whether a path is that of a single number."""
    text = path if isinstance(path, str) else "".join(path)
    return "{j}" in text or "{k}" in text


def _places(path: Path, index: int, shape: tuple[int, ...]) -> Iterator[tuple[ArrayPath, Any]]:
    """Yield every path of a tensor, with the entry it is of; None for the whole."""
    path = path if isinstance(path, str) else path[index]
    count = {"i": index, "l": index + 1}
    if not single(path):
        yield _parsed(path.format(**count)), None
        return
    for at in np.ndindex(*shape):
        units = {"j": at[0], "k": at[-1]}
        yield _parsed(path.format(**count, **units)), at


#: At most so many are tried.
_MOST_ARRAYS = 8


def numbers(holder: Any) -> Numbers:
    """Return copies of the arrays and single numbers that an object holds."""
    found = {place: np.array(array) for place, array in find(holder)}
    for name, value in members(holder).items():
        if isinstance(value, float | np.floating):
            found[ArrayPath((("attribute", name),))] = np.asarray(float(value))
    return found


def moved(before: Numbers, after: Numbers) -> list[ArrayPath]:
    """Return the places whose numbers are others now, and as many."""
    return [
        place
        for place, old in before.items()
        if place in after
        and after[place].shape == old.shape
        and not np.array_equal(after[place], old)
    ]


def unread(
    trained: Iterable[ArrayPath],
    read: Iterable[ArrayPath],
    outputs: Callable[[ArrayPath | None], Any],
) -> tuple[str, ...]:
    """Name what is trained, takes part in the outputs, and is not read.

    ``outputs(place)`` runs the forward afresh with the numbers there changed, or none.
    """
    known = set(read)
    names: dict[str, None] = {}
    places = [place for place in trained if place not in known][:_MOST_ARRAYS]

    def given(place: ArrayPath | None) -> Floats | None:
        return numeric(np.asarray(attempt(lambda: outputs(place)), dtype=float))

    with contextlib.suppress(UnsuitedError, TypeError, ValueError):
        plain = given(None) if places else None
        for place in places:
            other = given(place)
            if plain is not None and other is not None:
                names |= {} if np.allclose(plain, other, rtol=1e-9, atol=0) else {place.name: None}
    return tuple(names)


def changed(array: Any) -> Any:
    """Return other numbers of the same shape."""
    return np.asarray(array, dtype=float) * 1.3 + 0.21
