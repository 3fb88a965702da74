"""Code that moves its weights when it is called: what all its shapes have in common."""

from typing import Any

from gradcheck.contract.answers import Floats, Pair
from gradcheck.contract.protocol import NetworkLike as Network
from gradcheck.reading import step_to_gradient
from gradcheck.reading.layout import Layout
from gradcheck.reading.parameters import from_own, stepped, to_own


class Stepper:
    """Code that takes steps, read as an implementation.

    Attributes
    ----------
    layout : Layout
    built_in : float or None
        Its learning rate; None where that can be set. Only then has it a ``step``.
    share : float
        How much of a rate that is set it uses.
    """

    def __init__(self, layout: Layout, built_in: float | None, share: float | None = None) -> None:
        self.layout, self.built_in, self.share = layout, built_in, share or 1.0
        if built_in is None:
            self.step = self._step

    def after(self, own: list[Any], x: Floats, y: Floats, rate: float) -> list[Any]:
        """Return the code's own parameters after a step from given ones."""
        raise NotImplementedError

    def loss_of(self, own: list[Any], x: Floats, y: Floats) -> Any:
        """Return the code's own loss; NaN where it has none."""
        raise NotImplementedError

    def loss_and_grads(
        self, network: Network, params: list[Pair], batch: Any
    ) -> tuple[Any, list[Pair]]:
        """Take steps at several rates, and see where they lead."""
        own, x = self._own(network, params, batch.x)
        loss = self.loss_of(own, x, batch.y)

        def step(pairs: list[Any], rate: float) -> list[Any]:
            return self.after(pairs, x, batch.y, rate / self.share)

        grads = step_to_gradient.gradient(step, own, self.built_in, len(own))
        return loss, from_own(self.layout, network, grads)

    def _step(self, network: Network, params: list[Pair], batch: Any, rate: float) -> list[Pair]:
        own, x = self._own(network, params, batch.x)
        after = self.after(own, x, batch.y, rate / self.share)
        return stepped(self.layout, network, params, own, after, rate)

    def _own(self, network: Network, params: list[Pair], x: Floats) -> tuple[list[Pair], Floats]:
        if network.l2:
            raise NotImplementedError("no weight penalty")
        return to_own(self.layout, network, params, x)
