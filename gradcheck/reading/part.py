"""A class, an object or functions in a module of their own: read as a file that holds no more.

What a notebook's cell or a line of a program hands over has no file, or is one thing of many in
it. Adapters look through modules. So it is put into one, with the data that its code refers to;
what adapters change there is changed where the code looks it up, and put back in the end.
"""

import contextlib
import copy
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from types import CodeType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from gradcheck.errors import UsageError, first_line
from gradcheck.reading.foreign_call import (
    UnsuitedError,
    is_large,
    is_state,
    methods,
    needed,
    plain,
    plays,
)

#: What can be asked, as it is told.
_GIVE = "give a path, a module, a class, an object, or functions that work together"

_DECLARATIONS = ("networks", "batch_sizes")


class Part(ModuleType):
    """A module with what was handed over.

    Parameters
    ----------
    asked : dict
        The functions or the class that adapters look at, by name.
    around : dict
        The variables among which they were made.
    among : tuple of str
        Only readings that call one of these are about what was handed over; all are if empty.
    """

    def __init__(
        self, asked: dict[str, Any], around: dict[str, Any], among: tuple[str, ...] = ()
    ) -> None:
        super().__init__(next(iter(asked)))
        used = _Used(asked, around)
        own = vars(self)
        own.update({name: around[name] for name in _DECLARATIONS if name in around})
        own.update(used.data)
        own.update(asked)
        own["__name__"] = next(iter(asked.values())).__module__
        own["__file__"] = around.get("__file__")
        own["__gradcheck_own__"] = frozenset(asked)
        own["__gradcheck_among__"] = among
        own["__gradcheck_helpers__"] = used.helpers
        own["__gradcheck_files__"] = used.files
        own["__gradcheck_around__"], own["__gradcheck_live__"] = around, frozenset(used.data)
        owners = [(around, used.data), *((base, vars(base)) for base in used.bases)]
        own["__gradcheck_before__"] = [
            _putter(owner, name, value)
            for owner, values in owners
            for name, value in values.items()
            if name[:2] != "__" and is_state(value)
        ]

    def __getattribute__(self, name: str) -> Any:
        """Look data up where the code changes it."""
        own = super().__getattribute__("__dict__")
        live: frozenset[str] = own.get("__gradcheck_live__", frozenset())
        if name in live or name == "__dict__":
            around = own.get("__gradcheck_around__", {})
            own.update({each: around[each] for each in live if each in around})
        return super().__getattribute__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set it where the code looks it up, too."""
        vars(self)[name] = value
        vars(self)["__gradcheck_around__"][name] = value

    def restore(self) -> None:
        """Leave all variables and attributes of the code as they were found."""
        for put_back in vars(self)["__gradcheck_before__"]:
            put_back()


class _Used:
    """What code refers to: functions, classes and data among which it was made."""

    def __init__(self, asked: dict[str, Any], around: dict[str, Any]) -> None:
        self.helpers: dict[str, Any] = {}
        self.data: dict[str, Any] = {}
        self.bases: list[type] = []
        self.files: tuple[str, ...] = ()
        ahead = list(asked.values())
        homes = {around.get("__name__"), ahead[0].__module__}
        while ahead:
            for code in self._codes(ahead.pop()):
                if code.co_filename not in self.files:
                    self.files += (code.co_filename,)
                for name in set(_names(code)) - set(asked) - set(self.helpers):
                    value = around.get(name)
                    if isinstance(value, FunctionType | type):
                        if value.__module__ in homes:
                            self.helpers[name] = value
                            ahead.append(value)
                    elif is_state(value):
                        self.data[name] = value

    def _codes(self, thing: Any) -> Iterator[CodeType]:
        if isinstance(thing, FunctionType):
            yield thing.__code__
            return
        self.bases += [base for base in thing.__mro__[:-1] if base not in self.bases]
        made = (method for method in methods(thing).values() if method.__module__ != __name__)
        yield from (method.__code__ for method in made)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)


def _putter(owner: Any, name: str, value: Any) -> Callable[[], None]:
    """Return what sets a variable or attribute to the very object that it was, as it was."""
    inside = None
    if not is_large(value):
        with contextlib.suppress(Exception):  # what cannot be copied is set, at least
            inside = copy.deepcopy(value)

    def put_back() -> None:
        if isinstance(owner, dict):
            owner[name] = value
        else:
            with contextlib.suppress(Exception):  # of a class that lets nothing be set
                setattr(owner, name, value)
        if inside is None:
            return
        if isinstance(value, list):
            value[:] = inside
        elif isinstance(value, dict | set):
            value.clear()
            value.update(inside)
        elif isinstance(value, np.ndarray):
            value[...] = inside

    return put_back


def readable(thing: Any) -> Any:
    """Return what can be read: the thing itself if it follows the contract, or a part.

    Parameters
    ----------
    thing : module, class, object, function or sequence of functions

    Returns
    -------
    code : object
        What follows the contract, a module, or a :class:`Part`.

    Raises
    ------
    UsageError
        When nothing can be asked of it; the message says why.
    """
    if isinstance(thing, MethodType) and not isinstance(thing.__self__, type):
        thing = thing.__self__
    if isinstance(thing, ModuleType):
        return thing
    if isinstance(thing, type):
        offers = callable(getattr(thing, "loss_and_grads", None))
        return thing() if offers else Part({thing.__name__: thing}, _around(thing))
    if isinstance(thing, FunctionType):
        return _of_function(thing)
    if isinstance(thing, list | tuple) and thing and all(map(_is_function, thing)):
        return Part({function.__name__: function for function in thing}, _around(thing[0]))
    if callable(getattr(thing, "loss_and_grads", None)):
        return thing
    if callable(thing) and _is_native(thing):
        return SimpleNamespace(loss_and_grads=thing)
    kind = type(thing)
    if not methods(kind):  # built in, or made in C
        raise UsageError(f"nothing can be asked of an object of type {kind.__name__}; {_GIVE}")
    return Part({kind.__name__: _copies(thing)}, _around(kind))


def _is_function(thing: Any) -> bool:
    """Whether it is a function that was written in Python."""
    return isinstance(thing, FunctionType)


def _is_native(function: Any) -> bool:
    """Whether a function says by its names that it follows the contract."""
    if getattr(function, "__name__", "") == "loss_and_grads":
        return True
    given = _needed(function)
    return len(given) == 3 and (given[0].startswith("net") or given[2].startswith("batch"))


def together(things: Sequence[Any]) -> bool:
    """Whether several things are one: functions that work together, none of them enough alone.

    Parameters
    ----------
    things : sequence of object

    Returns
    -------
    together : bool
    """
    return len(things) > 1 and all(map(_is_function, things)) and not any(map(_is_native, things))


def _needed(function: Any) -> list[str]:
    try:
        return [plain(name) for name in needed(function)]
    except UnsuitedError:
        return []


def _of_function(function: FunctionType) -> Part:
    """Let a function stand for the contract, or for an interface with what is beside it."""
    around = _around(function)
    owner = around.get(function.__qualname__.partition(".")[0])
    given = _needed(function)
    alone = len(given) == 3 and not any(plays(name, "y") for name in given)
    if isinstance(owner, type) and not (alone and _is_native(function)):
        part = Part({owner.__name__: owner}, around)  # a method stands for its class
        if alone and given[0] != "self":
            vars(part)["__gradcheck_last__"] = Part({"loss_and_grads": function}, around)
        return part
    if _is_native(function):
        return Part({"loss_and_grads": function}, around)
    home = {
        name: value
        for name, value in around.items()
        if isinstance(value, FunctionType) and value.__module__ == function.__module__
    }
    part = Part({function.__name__: function} | home, around, (function.__name__,))
    if alone:
        vars(part)["__gradcheck_last__"] = Part({"loss_and_grads": function}, around)
    return part


def _around(thing: Any) -> dict[str, Any]:
    """Return the variables among which a function or class was made."""
    made = [thing] if isinstance(thing, FunctionType) else vars(thing).values()
    for function in made:
        if isinstance(function, FunctionType) and function.__module__ in (thing.__module__, None):
            return function.__globals__
    return vars(sys.modules[thing.__module__]) if thing.__module__ in sys.modules else {}


def _copies(thing: Any) -> type:
    """Return a class whose objects are copies of an object: it is never changed itself."""
    kind = type(thing)
    try:
        kept = copy.deepcopy(thing)
    except Exception as error:  # the object's own code may raise anything
        raise UsageError(
            f"the object of class {kind.__name__} cannot be copied ({type(error).__name__}: "
            f"{first_line(error)}), and asking it would change it; give the class, or its file"
        ) from None

    def new(cls: type) -> Any:
        return copy.deepcopy(kept)

    body = {"__new__": new, "__init__": lambda self: None}
    try:
        made: type = types.new_class(kind.__name__, (kind,), exec_body=lambda own: own.update(body))
        made.__module__ = kind.__module__
    except Exception as error:  # a class may refuse
        raise UsageError(
            f"objects of class {kind.__name__} cannot be asked ({type(error).__name__}: "
            f"{first_line(error)}); give the class, or its file"
        ) from None
    return made
