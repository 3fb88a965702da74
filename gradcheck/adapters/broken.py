"""Code whose interface is known by its names, but which does not run: it says why."""

from typing import Any

from gradcheck.adapters.reading import Reading


class Broken:
    """Answers every question with the reason why the code cannot be asked."""

    def __init__(self, why: str) -> None:
        self.why = why

    def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
        """Raise; the message is the reason."""
        raise RuntimeError(self.why)


def broken(adapter: str, why: str) -> Reading:
    """Return a reading that says why the code does not run."""
    return Reading(adapter, Broken(why))
