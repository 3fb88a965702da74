"""One round of a script's training loop, read as an implementation."""

from dataclasses import dataclass, replace
from types import CodeType
from typing import Any

import numpy as np

from gradcheck.adapters import stepping
from gradcheck.adapters.asked import Floats, Network, Pair
from gradcheck.adapters.calling import Shelf, calmly
from gradcheck.adapters.layout import Layout
from gradcheck.adapters.places import numeric
from gradcheck.adapters.roles import from_own, stepped, to_own


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
        exec(self.body, vars(self.module))


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
    """

    roles: Any
    x: Data
    y: Data
    rate: str = ""
    built_in: float | None = None
    loss: str = ""
    outputs: Any = None
    zeroed: tuple[str, ...] = ()


class Round:
    """One round of a script's loop, read as an implementation."""

    def __init__(self, script: Script, part: Part, shelf: Shelf) -> None:
        self.script, self.part, self.shelf = script, part, shelf
        self.layout: Layout = part.roles.layout
        if part.outputs is not None:
            self.forward = self._forward
        if part.built_in is None:
            self.step = self._step

    def loss_and_grads(
        self, network: Network, params: list[Pair], batch: Any
    ) -> tuple[Any, list[Pair]]:
        """Run rounds at several rates, and see where they lead."""
        if network.l2:
            raise NotImplementedError("no weight penalty")
        own, x = to_own(self.layout, network, params, batch.x)
        loss: Any = float("nan")
        if self.part.loss:
            self.run(own, x, batch.y, 0.5)
            loss = vars(self.script.module).get(self.part.loss)

        def step(pairs: list[Any], rate: float) -> list[Any]:
            return self.run(pairs, x, batch.y, rate)

        grads = stepping.gradient(step, own, self.part.built_in, len(own))
        return loss, from_own(self.layout, network, grads)

    def run(self, own: list[Any], x: Floats, y: Floats, rate: float) -> list[Any]:
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
            if self.part.rate:
                root[self.part.rate] = rate
            self.script.run()
            after: list[Any] = self.part.roles.read(root, own)
            return after

    def _forward(self, network: Network, params: list[Pair], x: Floats) -> Floats:
        own, wide = to_own(self.layout, network, params, x)
        n_out = own[-1][0].shape[1]
        self.run(own, wide, np.zeros((len(x), n_out)), 0.5)
        seen = self.part.outputs.get(vars(self.script.module))
        return replace(self.layout, samples=self.part.y.samples).take(seen, n_out, len(x))

    def _step(self, network: Network, params: list[Pair], batch: Any, rate: float) -> list[Pair]:
        if network.l2:
            raise NotImplementedError("no weight penalty")
        own, x = to_own(self.layout, network, params, batch.x)
        after = self.run(own, x, batch.y, rate)
        return stepped(self.layout, network, params, own, after, rate)
