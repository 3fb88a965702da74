"""One round of a script's training loop, read as an implementation."""

from dataclasses import dataclass, replace
from types import CodeType
from typing import Any

import numpy as np

from gradcheck.contract.answers import Floats, Pair
from gradcheck.contract.protocol import NetworkLike as Network
from gradcheck.reading.foreign_call import Shelf, calmly
from gradcheck.reading.holders import set_rates
from gradcheck.reading.own_loss import OwnLoss
from gradcheck.reading.parameters import to_own
from gradcheck.reading.paths_to_arrays import numeric
from gradcheck.reading.source import FIRST, first
from gradcheck.reading.update_method import Stepper


@dataclass(frozen=True)
class Script:
    """A module whose training loop was cut out.

    Attributes
    ----------
    module : module
        After its set-up.
    body : code
        One round of the loop.
    loads, stores : set of str
        The names that the loop reads and binds.
    """

    module: Any
    body: CodeType
    loads: frozenset[str]
    stores: tuple[str, ...]

    def run(self) -> None:
        """Run one round in the module, where its functions look for their globals."""
        scope = vars(self.module)
        scope[FIRST] = first
        exec(self.body, scope)


@dataclass(frozen=True)
class Data:
    """Where a script keeps inputs or targets."""

    place: Any
    samples: str


@dataclass(frozen=True)
class Part:
    """What is known of a script.

    Attributes
    ----------
    roles : Roles or Listed
    x, y : Data
    rate : str
        The name of the learning rate, or empty.
    built_in : float or None
    loss, outputs : object
        Places of what the loop computes, or None.
    zeroed : tuple of str
        Numbers set to zero: biases that a layer shares.
    own : OwnLoss or None
        A function of the outputs that gives the loss, where the loop keeps none.
    beside : tuple of OwnLoss
        Losses that are not used.
    keepers : tuple of str
        Names of objects that keep the rate.
    share : float or None
        How much of a rate that is set the loop uses; None where that is all of it for sure.
    """

    roles: Any
    x: Data
    y: Data
    rate: str = ""
    built_in: float | None = None
    loss: str = ""
    outputs: Any = None
    zeroed: tuple[str, ...] = ()
    own: OwnLoss | None = None
    beside: tuple[OwnLoss, ...] = ()
    keepers: tuple[str, ...] = ()
    share: float | None = None


def seen_in(root: dict[str, Any], part: Part) -> dict[str, Any]:
    """Return what a function of the script may be given after a round."""
    places = {"output": part.outputs, "y": part.y.place, "x": part.x.place}
    return {role: place.get(root) for role, place in places.items() if place is not None}


def set_rate(root: dict[str, Any], name: str, keepers: tuple[str, ...], rate: float) -> None:
    """Set the rate under its name and in what keeps it."""
    if name:
        root[name] = rate
    for keeper in keepers:
        set_rates(root[keeper], rate)


class Round(Stepper):
    """One round of a script's loop, read as an implementation."""

    def __init__(self, script: Script, part: Part, shelf: Shelf) -> None:
        super().__init__(part.roles.layout, part.built_in, part.share)
        self.script, self.part, self.shelf = script, part, shelf
        if part.outputs is not None:
            self.forward = self._forward

    def loss_of(self, own: list[Any], x: Floats, y: Floats) -> Any:
        """Return what the round leaves under the name of the loss."""
        if not self.part.loss:
            return float("nan")
        self.after(own, x, y, 0.5)
        root = vars(self.script.module)
        if self.part.own is None:
            return root.get(self.part.loss)
        return self.part.own.value(self.script.module, seen_in(root, self.part))

    def after(self, own: list[Any], x: Floats, y: Floats, rate: float) -> list[Any]:
        """Run one round from given parameters; return those after it."""
        root = vars(self.script.module)
        with calmly():
            self.shelf.restore()
            for name in self.part.zeroed:
                root[name] = (
                    np.zeros_like(numeric(root[name])) if numeric(root[name]) is not None else 0.0
                )
            self.part.roles.write(root, own)
            for data, array in ((self.part.x, x), (self.part.y, y)):
                data.place.set(root, replace(self.layout, samples=data.samples).give(array))
            set_rate(root, self.part.rate, self.part.keepers, rate)
            self.script.run()
            after: list[Any] = self.part.roles.read(root, own)
            return after

    def _forward(self, network: Network, params: list[Pair], x: Floats) -> Floats:
        own, wide = to_own(self.layout, network, params, x)
        n_out = own[-1][0].shape[1]
        self.after(own, wide, np.zeros((len(x), n_out)), 0.5)
        seen = self.part.outputs.get(vars(self.script.module))
        return replace(self.layout, samples=self.part.y.samples).take(seen, n_out, len(x))
