"""From what a user points at to something that can be examined."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gradcheck.adapters.manner import PLAIN, Manner
from gradcheck.campaign import Subject
from gradcheck.errors import UsageError
from gradcheck.execution.loading import load, shipped
from gradcheck.execution.session import InProcess
from gradcheck.protocol import Call

#: Those that come with gradcheck, in the order of a report.
SHIPPED = ("scalar_loops", "matrix", "jax_autodiff")


def from_path(path: Path, manner: Manner = PLAIN) -> Subject:
    """Load a file.

    Raises
    ------
    UsageError
        When it is not a plain Python file.
    LoadError
        When it cannot be imported.
    """
    return from_object(
        load(path, manner), path.stem, shown(path), lambda: load(path, manner), manner.adapter
    )


def shown(path: Path) -> str:
    """Write a path as it was given; our own files by their place in the repository."""
    for name in SHIPPED:
        if path.resolve() == shipped(name).resolve():
            return f"implementations/{name}.py"
    return str(path)


def from_object(
    implementation: Any,
    name: str = "",
    path: str = "",
    renew: Callable[[], Any] | None = None,
    adapter: str | None = None,
) -> Subject:
    """Wrap a module or object that follows the contract.

    Parameters
    ----------
    renew : callable, optional
        Returns the implementation as it was before its first call.
    adapter : str, optional
        The only adapter to read it with.

    Raises
    ------
    UsageError
        When it has no ``loss_and_grads``, and no adapter reads it.
    """
    name = name or str(getattr(implementation, "__name__", type(implementation).__name__))
    session = InProcess(implementation, renew, adapter)
    if not session.offers(Call.LOSS_AND_GRADS):
        raise UsageError(
            f"{path or name} has no function loss_and_grads(network, params, batch); add one that "
            f"returns (loss, [(dW, db), ...]), or say in a declaration how the code is to be "
            f"asked: no adapter {f'{adapter!r} ' if adapter else ''}recognises it"
        )
    return Subject(
        name,
        path,
        session,
        getattr(implementation, "networks", None),
        getattr(implementation, "batch_sizes", None),
    )


def peers(names: Iterable[str] = ("matrix",), examined: str = "") -> dict[str, InProcess]:
    """Return shipped implementations to compare with, but for the very file examined."""
    files = {name: shipped(name) for name in names}
    own = Path(examined).resolve() if examined else None
    return {name: InProcess(load(file)) for name, file in files.items() if file.resolve() != own}
