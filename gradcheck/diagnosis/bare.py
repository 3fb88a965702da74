"""The textbook without biases, where a unit that is always on stands in for them.

What passes through that unit matters to a rule that reads what others have written: weights
that are updated on the way back are those of the code's own, wider network.
"""

from gradcheck.adapters.bare import narrow, widen, wider
from gradcheck.bugs.textbook import Textbook
from gradcheck.network import Network
from gradcheck.problem import Batch, Floats, Pair
from gradcheck.protocol import BatchLike


class Bare(Textbook):
    """A textbook whose code has no biases; it knows no weight penalty."""

    def loss_and_grads(
        self, network: Network, params: list[Pair], batch: BatchLike
    ) -> tuple[float, list[Pair]]:
        """Return the loss and the gradient, read as those of a network with biases."""
        wide, pairs, inside = _widened(network, params, batch)
        loss, grads = super().loss_and_grads(wide, pairs, inside)
        return loss, narrow(network, [dw for dw, _ in grads])

    def step(
        self, network: Network, params: list[Pair], batch: BatchLike, learning_rate: float
    ) -> list[Pair]:
        """Return the parameters after a step that is made by the code's own weights."""
        wide, pairs, inside = _widened(network, params, batch)
        after = super().step(wide, pairs, inside, learning_rate)
        moved = narrow(network, [w - new for (w, _), (new, _) in zip(pairs, after, strict=True)])
        return [(w - dw, b - db) for (w, b), (dw, db) in zip(params, moved, strict=True)]


def _widened(
    network: Network, params: list[Pair], batch: BatchLike
) -> tuple[Network, list[Pair], BatchLike]:
    weights, x = widen(network, params, batch.x)
    wide = Network(
        wider(network.widths), network.activations, network.loss, network.reduction, network.l2
    )
    pairs: list[tuple[Floats, Floats]] = [(w, w[0] * 0.0) for w in weights]
    return wide, pairs, Batch(x, batch.y)
