"""What holds the parameters of code: an object of a class, or a module.

Objects of foreign classes are built for given layer sizes, by the names of arguments.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck.reading import foreign_call as foreign
from gradcheck.reading.foreign_call import ROLES, plain, plays, role_of
from gradcheck.reading.layout import narrower, sizes_by_role
from gradcheck.reading.parameters import ParameterRoles, find_roles

#: What of a constructor's arguments says sizes; data has sizes too.
_SIZED = ("sizes", "hiddens", "n_in", "n_hidden", "n_out", "x", "y")

#: What arguments speak of that are the sizes of inputs, hidden units and outputs: n_hid, out_sz.
_SPEAKS = tuple(
    map(re.compile, (r"(?i)(^|_|n|num)in(p|_|$)", r"(?i)hid|(^|_)h_?(dim|size|$)", r"(?i)out"))
)

#: Sizes that are told apart by every shape they give.
_PROBES: tuple[tuple[int, ...], ...] = ((3, 5, 2), (4, 6, 1), (3, 2), (4, 1), (3, 5, 4, 2))


@dataclass(frozen=True)
class Model:
    """A class whose objects hold a network.

    Attributes
    ----------
    roles : ParameterRoles
        As found in one object.
    fixed : bool
        The sizes cannot be chosen.
    one_more : bool
        An object has one more unit a layer than it is asked for: one that is always on.
    """

    cls: type
    roles: ParameterRoles
    fixed: bool
    one_more: bool = False

    def build(self, widths: tuple[int, ...], more: Mapping[str, Any] | None = None) -> Any:
        """Make an object of given (own) sizes. Raises NotImplementedError for others."""
        if self.fixed:
            _only(self.own, widths)
        if (
            len(widths) != len(self.own)
            and not foreign.takes(self.cls, "sizes", "hiddens")
            and len(_unnamed(self.cls, _values(self.own, False, None))) != 1
        ):
            raise NotImplementedError("the code has another number of layers")
        if self.one_more:
            widths = narrower(widths)
        values = _values(widths, self.fixed, more)
        guessed = {} if self.fixed else _guessed(self.cls, widths, values)
        return self.cls(*foreign.bind(self.cls, values | guessed))

    def roles_in(self, model: Any, widths: tuple[int, ...]) -> ParameterRoles:
        """Find the parameters of an object of other sizes than the one looked at."""
        if len(widths) == len(self.own):
            return self.roles
        for roles in find_roles(model):
            if replace(roles.layout, samples=self.roles.layout.samples) == self.roles.layout:
                return roles
        raise NotImplementedError("the code has another number of layers")

    @property
    def own(self) -> tuple[int, ...]:
        """The sizes of the code's own network."""
        return self.roles.own_widths


def _only(own: tuple[int, ...], asked: tuple[int, ...]) -> None:
    """Refuse sizes that are not those of the code."""
    if asked != own:
        raise NotImplementedError(f"the code is for {'-'.join(map(str, own))} only")


def _values(widths: tuple[int, ...], fixed: bool, more: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is known when an object is made, by role."""
    values: dict[str, Any] = dict(more or {})
    if not fixed:
        values |= sizes_by_role(widths)
    values.setdefault("rate", 0.5)
    values.setdefault("dtype", np.float64)
    values.setdefault("x", np.full((2, widths[0]), 0.5))
    values.setdefault("y", np.full((2, widths[-1]), 0.5))
    return values


def models(cls: type) -> Iterator[Model]:
    """Yield the ways in which objects of a class can be a network."""
    own_sizes: list[Model] = []
    fixed = not _takes_sizes(cls)
    for widths in _PROBES:
        try:
            found = [Model(cls, roles, fixed) for roles in _roles_of(cls, widths)]
        except foreign.UnsuitedError:
            continue
        right = [model for model in found if model.own == widths]
        right += [
            replace(model, one_more=True)
            for model in found
            if model.own != widths and model.roles.widths == widths
        ]
        yield from right
        if right:
            return
        own_sizes = own_sizes or [replace(model, fixed=True) for model in found]
    yield from own_sizes


def _takes_sizes(cls: type) -> bool:
    try:
        unnamed = len(_unnamed(cls, _values(_PROBES[0], False, None)))
        return unnamed in (1, len(_SPEAKS)) or foreign.takes(cls, *_SIZED)
    except foreign.UnsuitedError:
        return False


def _unnamed(cls: type, values: Mapping[str, Any]) -> list[str]:
    """Name the arguments that have to be given and may be sizes: those that no name explains."""
    sizes = ("n_in", "n_hidden", "n_out")
    given = foreign.needed(cls)
    others = tuple(role for role in values if role in ROLES and role not in sizes)
    if any(role_of(name, ("sizes", "hiddens")) for name in given):
        return []
    asked = [name for name in given if role_of(name, others) is None]
    return asked if any(role_of(name, sizes) is None for name in asked) else []


def _guessed(cls: type, widths: tuple[int, ...], values: Mapping[str, Any]) -> dict[str, Any]:
    """Give sizes to arguments that no role goes by: one a kind of layer, or a list to the only one.

    What is made has these sizes or is passed over. A number may also be a file's: it is given
    only where names speak of inputs, hidden units and outputs.
    """
    unnamed = _unnamed(cls, values)
    if len(unnamed) == 1:
        return {unnamed[0]: list(widths)}
    spoken = [next((at for at, of in enumerate(_SPEAKS) if of.search(n)), -1) for n in unnamed]
    if sorted(spoken) != [0, 1, 2] or len(widths) != 3:
        return {}
    return {name: widths[at] for name, at in zip(unnamed, spoken, strict=True)}


def _roles_of(cls: type, widths: tuple[int, ...], guess: bool = True) -> list[ParameterRoles]:
    """Make an object, and find the parameters in it."""
    values = _values(widths, False, None)
    chosen = foreign.bind(cls, values | (_guessed(cls, widths, values) if guess else {}))
    return list(foreign.attempt(lambda: find_roles(cls(*chosen))))


def why_not(cls: type) -> foreign.UnsuitedError | None:
    """Say why no object of a class can be made; None where one can."""
    why: foreign.UnsuitedError | None = None
    for widths in _PROBES:
        try:
            _roles_of(cls, widths, guess=False)
        except foreign.UnsuitedError as error:
            why = why or error.told_of(f"{cls.__name__}()")
            continue
        return None
    return why


#: What classes of a part of a network are called.
_PARTS = ("layer", "dense", "linear", "neuron", "unit", "affine")


def set_rates(owner: Any, rate: float) -> bool:
    """Set what plays the rate among an owner's own names; say whether there is such a thing."""
    found = False
    for name, value in list(foreign.members(owner).items()):
        if plays(name, "rate") and isinstance(value, int | float) and not isinstance(value, bool):
            setattr(owner, name, rate)
            found = True
    return found


class ClassHolder:
    """Objects of a class, a fresh one for every question.

    Momentum and other state begins at zero, as in the first step of a training.
    """

    #: How an object is called in its own functions.
    root = "self"

    def __init__(self, model: Model, module: Any) -> None:
        self.model, self.module = model, module
        self.name, self.roles, self.fixed = model.cls.__name__, model.roles, model.fixed
        bases = [base for base in model.cls.__mro__[:-1] if isinstance(base, type)]
        self._shelf = foreign.Shelf(*bases, module)

    @property
    def methods(self) -> dict[str, Callable[..., Any]]:
        """Of the class and its bases."""
        return foreign.methods(self.model.cls)

    def fresh(
        self, own: tuple[int, ...], rate: float, data: dict[str, Any]
    ) -> tuple[Any, ParameterRoles]:
        """Build an object as if nothing had been called; say where its parameters are."""
        self._shelf.restore()
        holder = self.model.build(own, {"rate": rate, **data})
        return holder, self.model.roles_in(holder, own)

    def set_rate(self, holder: Any, rate: float) -> bool:
        """Set the rate on the object, its class, its parts or the module; whether one has it."""
        found = set_rates(holder, rate)
        for value in foreign.members(holder).values():
            for part in value if isinstance(value, list | tuple) else [value]:
                if type(part).__module__ == getattr(self.module, "__name__", None):
                    found = set_rates(part, rate) or found
        if not found:
            found = any(set_rates(base, rate) for base in type(holder).__mro__[:-1])
        return found or set_rates(self.module, rate)


class ModuleHolder:
    """A module whose global variables are the parameters."""

    root, name, fixed = "", "the module", True

    def __init__(self, module: Any, roles: ParameterRoles) -> None:
        self.module, self.roles = module, roles
        self._shelf = foreign.Shelf(module)

    @property
    def methods(self) -> dict[str, Callable[..., Any]]:
        """The module's functions."""
        return foreign.functions(self.module)

    def fresh(
        self, own: tuple[int, ...], rate: float, data: dict[str, Any]
    ) -> tuple[Any, ParameterRoles]:
        """Put the module's variables back."""
        _only(self.roles.own_widths, own)
        self._shelf.restore()
        return self.module, self.roles

    def set_rate(self, holder: Any, rate: float) -> bool:
        """Set the module's variable; say whether there is one."""
        return set_rates(self.module, rate)


#: What has parameters, and functions that use them.
Holder = ClassHolder | ModuleHolder


def hosts(module: Any) -> Iterator[Holder]:
    """Yield everything in a module that can hold a network's parameters, the deepest first.

    A class of one layer that is named so is a part of a network, and no network.
    """
    found = [model for cls in foreign.classes(module).values() for model in models(cls)]
    for model in sorted(found, key=lambda model: -len(model.own)):
        if len(model.own) > 2 or not any(part in plain(model.cls.__name__) for part in _PARTS):
            yield ClassHolder(model, module)
    if foreign.functions(module):
        for roles in find_roles(module):
            yield ModuleHolder(module, roles)
