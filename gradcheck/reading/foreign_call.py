"""Calling foreign functions: arguments by name, seeded, silent, never trusted.

A reading: one way to understand a module as an implementation.

Code whose interface is known by its names, but which does not run: it says why.
"""

import contextlib
import copy
import inspect
import io
import math
import random
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from time import monotonic
from types import ModuleType
from typing import Any

import numpy as np

from gradcheck.contract.conventions import AS_DEFINED, Conventions
from gradcheck.errors import Trail, TrailedError, first_line, raised, trail_of
from gradcheck.reading.loading import Reading
from gradcheck.reading.names import ROLES, plays


class UnsuitedError(TrailedError):
    """A function or class that cannot be called with what there is; the text says why.

    Attributes
    ----------
    what : str
        What the code itself raised, or the text; its trail says where.
    sure : bool
        It would raise that whatever it were given.
    """

    def __init__(self, message: str, trail: Trail = (), what: str = "", sure: bool = False) -> None:
        super().__init__(message, trail)
        self.what = what or message
        self.sure = sure

    def told_of(self, what: str) -> "UnsuitedError":
        """Say of what it is told."""
        return UnsuitedError(f"{what} {self}", self.trail, f"{what} {self}", self.sure)


class SearchEndedError(BaseException):
    """The time for finding out how code can be asked is over."""


_end: ContextVar[float] = ContextVar("_end", default=math.inf)


@contextlib.contextmanager
def searching(seconds: float) -> Iterator[None]:
    """Let the code be tried for so long: then :class:`SearchEndedError` ends the search."""
    token = _end.set(monotonic() + seconds)
    try:
        yield
    finally:
        _end.reset(token)


class _Kept(io.StringIO):
    """What was printed, and goes nowhere; how much it was is told to who listens."""

    def __init__(self) -> None:
        super().__init__()
        self._within = 0

    def kept(self, count: int) -> None:
        """Count what was kept within."""
        self._within += count

    @property
    def count(self) -> int:
        """How many characters were printed."""
        return self.tell() + self._within


@contextlib.contextmanager
def calmly() -> Iterator[None]:
    """Seed the random generators, and keep what is printed or warned to ourselves."""
    numbers, draws = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    outer, kept = sys.stdout, _Kept()
    try:
        with contextlib.redirect_stdout(kept), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        if (tell := getattr(outer, "kept", None)) is not None:
            tell(kept.count)
        random.setstate(numbers)
        np.random.set_state(draws)  # noqa: NPY002


def arguments(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """List the parameters of a function. Raises :class:`UnsuitedError` when there is no telling."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except Exception:  # built in, or with a signature of its own making
        raise UnsuitedError("has no signature") from None
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p for p in parameters if p.kind not in kinds]


def needed(function: Callable[..., Any]) -> list[str]:
    """Name the arguments of a function that have to be given."""
    return [p.name for p in arguments(function) if p.default is inspect.Parameter.empty]


def takes(function: Callable[..., Any], *roles: str) -> bool:
    """Whether some argument of a function plays one of some roles."""
    return any(plays(p.name, role) for p in arguments(function) for role in roles)


def answered(function: Callable[[], Any], otherwise: Any = None) -> Any:
    """Return what the code answers; something else where it raises."""
    try:
        return attempt(function)
    except UnsuitedError:
        return otherwise


def bind(function: Callable[..., Any], values: Mapping[str, Any]) -> list[Any]:
    """Choose the positional arguments of a function, up to the last that something is known for.

    Values are by role (see :mod:`gradcheck.reading.names`), or by the name itself. Raises
    UnsuitedError when a parameter without a default plays no role that is known.
    """
    chosen: list[Any] = []
    known = 0
    for parameter in arguments(function):
        role = role_among(parameter.name, values)
        if role is not None:
            chosen.append(values[role])
            known = len(chosen)
        elif parameter.default is not inspect.Parameter.empty:
            chosen.append(parameter.default)
        else:
            called = getattr(function, "__name__", "it")
            raise UnsuitedError(f"{called} has an argument {parameter.name} that is not known")
    return chosen[:known]


def role_among(name: str, values: Iterable[str]) -> str | None:
    """Return what an argument is given: what has its very name, else the first role it plays."""
    if name in values:
        return name
    return next((role for role in values if role in ROLES and plays(name, role)), None)


def attempt(function: Callable[[], Any]) -> Any:
    """Call something of the code's, and turn whatever it raises into :class:`UnsuitedError`."""
    if monotonic() > _end.get():
        raise SearchEndedError
    try:
        with calmly():
            return function()
    except (KeyboardInterrupt, MemoryError, UnsuitedError, SearchEndedError):
        raise
    except BaseException as error:  # the code may raise anything, SystemExit too
        text = raised(error, first_line(error))
        raise UnsuitedError(f"raised {text}", trail_of(error), text, _sure(error)) from None


def _sure(error: BaseException) -> bool:
    """Whether an exception has nothing to do with what the code was given."""
    if isinstance(error, AttributeError):
        kind = type(getattr(error, "obj", None))
        return kind.__module__ not in ("builtins", "numpy") or kind is ModuleType
    return isinstance(error, NameError | ImportError | SyntaxError | SystemExit)


def members(code: Any) -> dict[str, Any]:
    """Return the public attributes of a module or object; properties are not run."""
    try:
        own = dict(vars(code))
    except TypeError:
        own = {}
    return {name: value for name, value in own.items() if not name.startswith("__")}


def functions(module: Any) -> dict[str, Callable[..., Any]]:
    """Return the functions that a module defines itself."""
    return {n: v for n, v in _defined(module) if inspect.isfunction(v)}


def classes(module: Any) -> dict[str, type]:
    """Return the classes that a module defines itself."""
    return {n: v for n, v in _defined(module) if inspect.isclass(v)}


def _defined(module: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a module defines itself; of a part, what was handed over."""
    own = getattr(module, "__gradcheck_own__", None)
    home = getattr(module, "__name__", None)
    for name, value in members(module).items():
        if name in own if own is not None else getattr(value, "__module__", None) == home:
            yield name, value


def methods(cls: type) -> dict[str, Callable[..., Any]]:
    """Return the methods of a class and its bases, by name."""
    found: dict[str, Callable[..., Any]] = {}
    for base in cls.__mro__[:-1]:
        for name, value in vars(base).items():
            if inspect.isfunction(value):
                found.setdefault(name, value)
    return found


#: Data of more items than this are no state of a training: they are left as they are.
_LARGEST_STATE = 20_000


def is_state(value: Any) -> bool:
    """Whether a value is data that a training may change."""
    return isinstance(value, list | dict | set | int | float | np.ndarray)


def is_large(value: Any) -> bool:
    """Whether data has more items than a state of a training."""
    size = value.size if isinstance(value, np.ndarray) else 1
    return (len(value) if isinstance(value, list | dict | set) else size) > _LARGEST_STATE


class Shelf:
    """Keeps the attributes of classes and modules as they were, and puts them back."""

    def __init__(self, *owners: Any) -> None:
        self._kept = [(owner, _data(owner)) for owner in owners]

    def restore(self) -> None:
        """Put every attribute that holds data back."""
        for owner, data in self._kept:
            for name, value in data.items():
                with contextlib.suppress(Exception):
                    setattr(owner, name, copy.deepcopy(value))


def _data(owner: Any) -> dict[str, Any]:
    data = {}
    for name, value in members(owner).items():
        if is_state(value) and not is_large(value):
            with contextlib.suppress(Exception):
                data[name] = copy.deepcopy(value)
    return data


#: How far a try came: an object was being made, the forward was called, it ran and the
#: backward was called.
WAS_MADE, WAS_CALLED, RAN_FORWARD = 1, 2, 3

#: What is told of an answer without any array.
NO_ARRAY = "no array"


class Broken:
    """Answers every question with the reason why the code cannot be asked.

    Parameters
    ----------
    why : UnsuitedError
        What was raised, and where.
    stage : int
        How far the try came.
    """

    def __init__(self, why: UnsuitedError, stage: int) -> None:
        self.why, self.stage = why, stage

    def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
        """Raise; the message is the reason."""
        raise UnsuitedError(self.why.what, self.why.trail)


def broken(
    adapter: str, why: UnsuitedError, stage: int, conventions: Conventions = AS_DEFINED
) -> Reading:
    """Return a reading that says why the code does not run."""
    return Reading(adapter, Broken(why, stage), conventions)


def works(reading: Reading) -> bool:
    """Whether the code answered when it was tried."""
    return not isinstance(reading.implementation, Broken)
