"""A loss that code has of its own, wherever it has it: it is called, and settles the loss.

It may be a method, a function beside the class, a function or class in an attribute, or a
number that training leaves. Arguments are known by their names; where those do not say which
is the output and which the target, each order is a reading of its own, and numbers decide.
"""

import contextlib
import inspect
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from gradcheck.contract.conventions import Conventions, LossSource
from gradcheck.reading import foreign_call as foreign
from gradcheck.reading.foreign_call import METHODS, is_gradient, is_loss, plain, role_of
from gradcheck.reading.source import called_in

#: Ways to have a loss that are tried of one class or script.
_MOST_LOSSES = 4

#: And calls that are made to find them.
_MOST_CALLS = 40

#: Roles of arguments, the likelier first.
_ROLES = ("output", "y", "x", "reg", "rate", "m", "parameters", "weights", "biases", "quiet")

_MEANT = re.compile(r"loss|cost|entropy|bce|nll|objective|^j$")
_DERIVATIVE = re.compile(r"prime|deriv|grad|back|plot|print|delta|^d(loss|cost|err|mse|e$)")


def mentions_loss(name: str) -> bool:
    """Whether a function's name is that of a cost, and not of its derivative."""
    return is_loss(name) and _DERIVATIVE.search(plain(name)) is None


@dataclass(frozen=True)
class OwnLoss:
    """One way to have the loss.

    Attributes
    ----------
    name : str
        For the record.
    find : callable or None
        Returns the function, given the object that holds the parameters.
    roles : tuple of str
        Of its arguments, in order.
    attribute : str
        Where training leaves the loss, if there is no function.
    raised : str
        What it raised when it was tried; then it gives no loss.
    sure : bool
        It would raise that whatever it were given.
    """

    name: str
    find: Callable[[Any], Any] | None = None
    roles: tuple[str, ...] = ()
    attribute: str = ""
    raised: str = ""
    sure: bool = False

    @property
    def meant(self) -> bool:
        """Whether it is called a loss, and no mere measure of one."""
        return _MEANT.search(plain(self.name)) is not None

    def value(self, holder: Any, values: Mapping[str, Any]) -> Any:
        """Return the loss; where training leaves it, of an object that has been trained."""
        if self.find is None:
            left = getattr(holder, self.attribute)
            return left[-1] if isinstance(left, list) else left
        return self.find(holder)(*(values[role] for role in self.roles))


def own_losses(
    holder: Any,
    module: Any,
    values: Mapping[str, Any],
    passed: tuple[str, ...] = (),
    trained: Any = None,
) -> list[OwnLoss]:
    """Return the ways to have a loss that give a number, each number once.

    The holder has the parameters; arguments are given values by role: ``x``, ``y``, ``output``, ...
    Functions that train are passed over. A holder that was trained may keep a loss.
    """
    own = _of_holder(holder, values, passed, trained) if holder is not module else iter(())
    return _answering(own, holder, values, trained) or _answering(
        _beside(module, values, passed), holder, values, trained
    )


def _answering(
    ways: Iterator[OwnLoss], holder: Any, values: Mapping[str, Any], trained: Any
) -> list[OwnLoss]:
    """Choose those that give a number, each number once.

    Where there are none, one that raises, for that to be told.
    """
    found: list[OwnLoss] = []
    failing: list[OwnLoss] = []
    numbers: list[float] = []
    for way in itertools.islice(ways, _MOST_CALLS):
        root = trained if way.find is None else holder
        try:
            number = number_of(foreign.attempt(lambda w=way, r=root: w.value(r, values)))  # type: ignore[misc]
        except foreign.UnsuitedError as error:
            failing.append(replace(way, raised=error.what, sure=error.sure))
            continue
        if number is None or any(np.isclose(number, other, rtol=1e-12) for other in numbers):
            continue
        found.append(way)
        numbers.append(number)
        if len(found) == _MOST_LOSSES:
            break
    return found or sorted(failing, key=lambda way: not way.sure)[:1]


def choices(losses: Sequence[OwnLoss]) -> list[OwnLoss | None]:
    """Return the losses that readings are made with; None for a reading without one.

    One that raises whatever it is given is the only one: it is told when it is asked.
    """
    broken = [loss for loss in losses if loss.sure]
    return [*broken] or [*(loss for loss in losses if not loss.raised), None]


def source_of(own: OwnLoss | None, losses: Sequence[OwnLoss]) -> LossSource:
    """Say where a reading has its loss; where it has none, what others it leaves aside."""
    if own is not None:
        return LossSource(own.name)
    return LossSource(
        absent=True,
        beside=tuple(dict.fromkeys(loss.name for loss in losses if not loss.raised)),
        raised=tuple(f"{loss.name} raised {loss.raised}" for loss in losses if loss.raised),
        meant=tuple(dict.fromkeys(loss.name for loss in losses if loss.meant)),
    )


def with_loss(
    conventions: Conventions, own: OwnLoss | None, losses: Sequence[OwnLoss]
) -> Conventions:
    """Say where a reading has its loss, and whether others have other losses of the code."""
    several = conventions.several or (own is not None and len(choices(losses)) > 2)
    return replace(conventions, loss=source_of(own, losses), several=several)


def number_of(value: Any) -> float | None:
    """Return what was computed, if it is one finite number."""
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        return None
    if array.size != 1 or not np.isfinite(array).all():
        return None
    return float(array.reshape(-1)[0])


def _of_holder(
    holder: Any, values: Mapping[str, Any], passed: tuple[str, ...], trained: Any
) -> Iterator[OwnLoss]:
    """Yield methods, what training leaves, and what is kept in attributes."""
    for name in foreign.methods(type(holder)):
        if mentions_loss(name) and name not in passed:
            yield from _calls(name, attrgetter(name), getattr(holder, name, None), values)
    for name, value in foreign.members(trained).items() if trained is not None else ():
        numbers = isinstance(value, list) and value and _number(value[-1])
        if is_loss(name) and not is_gradient(name) and (numbers or _number(value)):
            yield OwnLoss(name, attribute=name)
    for name, value in foreign.members(holder).items():
        if mentions_loss(name) and not _number(value):
            yield from _kept(name, attrgetter(name), holder, values)


def _beside(module: Any, values: Mapping[str, Any], passed: tuple[str, ...]) -> Iterator[OwnLoss]:
    """Yield functions and classes of the module; those that it calls itself, if there are any."""
    made: dict[str, Any] = {**foreign.functions(module), **foreign.classes(module)}
    made = {n: v for n, v in made.items() if mentions_loss(n) and n not in passed}
    calls = called_in(module)
    called = [name for name in made if name in calls]
    for name in called or made:
        yield from _kept(name, lambda _, v=made[name]: v, None, values)  # type: ignore[misc]


def _kept(
    name: str, find: Callable[[Any], Any], holder: Any, values: Mapping[str, Any]
) -> Iterator[OwnLoss]:
    """Yield the ways to call a function, or the method of an object or class that is a loss."""
    value = find(holder)
    if isinstance(value, FunctionType | MethodType):
        yield from _calls(name, find, value, values)
        return
    kind = value if inspect.isclass(value) else type(value)
    inner = next((each for each in METHODS["loss"] if each in vars(kind)), None)
    if kind.__module__ in ("builtins", "numpy") or inner is None:
        return

    def bound(holder: Any) -> Any:
        there = find(holder)
        return getattr(there() if inspect.isclass(there) else there, inner)

    with contextlib.suppress(foreign.UnsuitedError):
        yield from _calls(name, bound, foreign.attempt(lambda: bound(holder)), values)


def _calls(
    name: str, find: Callable[[Any], Any], function: Any, values: Mapping[str, Any]
) -> Iterator[OwnLoss]:
    """Yield the meanings that the arguments of a function may have."""
    try:
        taken = foreign.arguments(function)
    except foreign.UnsuitedError:
        return
    roles = tuple(role for role in _ROLES if role in values)
    known = [p.name if p.name in values else role_of(p.name, roles) for p in taken]
    needed = [p.default is inspect.Parameter.empty for p in taken]
    count = max((i + 1 for i, need in enumerate(needed) if need), default=0)
    while count < len(known) and known[count] in ("reg", "parameters", "weights"):
        count += 1  # a penalty, and what it is of, may have a value of their own
    for chosen in dict.fromkeys(_meanings(known[:count])):
        if all(role in values for role in chosen):
            yield OwnLoss(name, find, chosen)


def _meanings(known: list[str | None]) -> Iterator[tuple[str, ...]]:
    """Fill in what names do not say: the output and the target, in either order."""
    doubled = known.count("y") > 1
    open_places = [i for i, r in enumerate(known) if r is None or (doubled and r == "y")]
    taken = {r for i, r in enumerate(known) if i not in open_places}
    free = [role for role in ("output", "y", "x") if role not in taken]
    for chosen in itertools.permutations(free, len(open_places)):
        filled = list(known)
        for place, role in zip(open_places, chosen, strict=True):
            filled[place] = role
        yield tuple(role or "" for role in filled)
        for other in ("output", "samples") if "x" in filled else ():  # ``mse(x, y)``
            if other not in filled:
                yield tuple(other if role == "x" else role or "" for role in filled)


def _number(value: Any) -> bool:
    return isinstance(value, float | np.floating) or (
        isinstance(value, np.ndarray) and value.size == 1
    )
