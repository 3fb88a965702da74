"""What is examined: code behind a session, and what is known of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gradcheck.contract.protocol import Session
from gradcheck.networks.inference.inferred import Settlement


@dataclass(frozen=True)
class Subject:
    """What is examined.

    Attributes
    ----------
    name : str
    path : str
        For the record; empty for an object.
    session : Session
    networks, batch_sizes : object
        The attributes of the same names, as the code declares them.
    sandbox : int
        The level at which the code runs.
    notes : tuple of str
        What was seen when it was loaded.
    libraries : callable
        Returns the libraries it imported that differentiate by themselves.
    spawned : callable
        Returns how many processes of its own it was seen to have.
    printed : callable
        Returns how many bytes it has printed.
    waited : callable
        Returns for how many seconds its code was waited for.
    close : callable
        Ends what runs for it.
    settlement : Settlement or None
        How foreign code is read, once that is settled; None for native code.
    """

    name: str
    path: str
    session: Session
    networks: object = None
    batch_sizes: object = None
    sandbox: int = 0
    notes: tuple[str, ...] = ()
    libraries: Callable[[], Sequence[str]] = tuple
    spawned: Callable[[], int] = int
    printed: Callable[[], int] = int
    close: Callable[[], object] = object
    waited: Callable[[], float] = float
    settlement: Settlement | None = None
