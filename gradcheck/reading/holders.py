"""What holds the parameters of code that trains: an object of a class, or a module."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from gradcheck.reading.construct import Model, models
from gradcheck.reading.foreign_call import Shelf, classes, functions, members, methods
from gradcheck.reading.names import plain, plays
from gradcheck.reading.no_bias import wider
from gradcheck.reading.parameters import Roles, find_roles

#: What classes of a part of a network are called.
PARTS = ("layer", "dense", "linear", "neuron", "unit", "affine")

Methods = dict[str, Callable[..., Any]]


class Host(Protocol):
    """Something with parameters and functions that use them."""

    name: str
    roles: Roles
    fixed: bool
    module: Any

    @property
    def methods(self) -> Methods:
        """Its functions; those of a class are called with the object first."""
        ...

    def fresh(self, own: tuple[int, ...], rate: float, data: dict[str, Any]) -> tuple[Any, Roles]:
        """Return it as if nothing had been called, and where its parameters are."""
        ...

    def set_rate(self, holder: Any, rate: float) -> bool:
        """Set the learning rate wherever it stands; say whether there is such a place."""
        ...


def set_rates(owner: Any, rate: float) -> bool:
    """Set what plays the rate among an owner's own names; say whether there is such a thing."""
    found = False
    for name, value in list(members(owner).items()):
        if plays(name, "rate") and isinstance(value, int | float) and not isinstance(value, bool):
            setattr(owner, name, rate)
            found = True
    return found


@dataclass
class ClassHost:
    """Objects of a class, a fresh one for every question.

    Momentum and other state begins at zero, as in the first step of a training.
    """

    model: Model
    module: Any

    def __post_init__(self) -> None:
        self.name = self.model.cls.__name__
        self.roles = self.model.roles
        self.fixed = self.model.fixed
        bases = [base for base in self.model.cls.__mro__[:-1] if isinstance(base, type)]
        self._shelf = Shelf(*bases, self.module)

    @property
    def methods(self) -> Methods:
        """Of the class and its bases."""
        return methods(self.model.cls)

    def fresh(self, own: tuple[int, ...], rate: float, data: dict[str, Any]) -> tuple[Any, Roles]:
        """Build an object."""
        self._shelf.restore()
        holder = self.model.build(own, {"rate": rate, **data})
        return holder, self.model.roles_in(holder, own)

    def set_rate(self, holder: Any, rate: float) -> bool:
        """On the object, its class, the parts it is made of and the module."""
        found = set_rates(holder, rate)
        for value in members(holder).values():
            for part in value if isinstance(value, list | tuple) else [value]:
                if type(part).__module__ == getattr(self.module, "__name__", None):
                    found = set_rates(part, rate) or found
        if not found:
            found = any(set_rates(base, rate) for base in type(holder).__mro__[:-1])
        return found or set_rates(self.module, rate)


@dataclass
class ModuleHost:
    """A module whose global variables are the parameters."""

    module: Any
    roles: Roles

    def __post_init__(self) -> None:
        self.name = "the module"
        self.fixed = True
        self._shelf = Shelf(self.module)

    @property
    def methods(self) -> Methods:
        """The module's functions."""
        return functions(self.module)

    def fresh(self, own: tuple[int, ...], rate: float, data: dict[str, Any]) -> tuple[Any, Roles]:
        """Put the module's variables back."""
        widths = self.roles.widths
        mine = wider(widths) if self.roles.layout.bias == "missing" else widths
        if own != mine:
            raise NotImplementedError(f"the code is for {'-'.join(map(str, mine))} only")
        self._shelf.restore()
        return self.module, self.roles

    def set_rate(self, holder: Any, rate: float) -> bool:
        """Set the module's variable."""
        return set_rates(self.module, rate)


def hosts(module: Any) -> Iterator[Host]:
    """Yield everything in a module that can hold a network's parameters, the deepest first.

    A class of one layer that is named so is a part of a network, and no network.
    """
    found = [model for cls in classes(module).values() for model in models(cls)]
    for model in sorted(found, key=lambda model: -len(model.own)):
        if len(model.own) > 2 or not any(part in plain(model.cls.__name__) for part in PARTS):
            yield ClassHost(model, module)
    if functions(module):
        for roles in find_roles(module):
            yield ModuleHost(module, roles)
