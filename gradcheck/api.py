"""``gradcheck.check``: the whole of gradcheck in one call."""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradcheck.adapters.manner import Manner
from gradcheck.adapters.registry import check_name
from gradcheck.campaign import EXAMPLES, Examination, Progress, Subject, failed
from gradcheck.errors import LoadError
from gradcheck.execution.loading import check_path
from gradcheck.network import Network
from gradcheck.protocol import Failure
from gradcheck.record import Entry, Record, new_record
from gradcheck.subjects import from_object, from_path, peers


def fresh_seed() -> int:
    """Return a seed that no one can guess and anyone can type."""
    return secrets.randbelow(10**9)


def check(
    target: Any,
    *,
    network: Network | str | None = None,
    examples: int = EXAMPLES,
    seed: int | None = None,
    adapter: str | None = None,
    imports_only: bool = False,
    declaration: str | os.PathLike[str] | None = None,
    progress: Progress = lambda what: None,
) -> Record:
    """Examine an implementation.

    Parameters
    ----------
    target : path, module or object, or a list of paths
        Whatever has ``loss_and_grads``; see :class:`gradcheck.Implementation`.
    network : Network or str, optional
        The only network to ask for, such as ``"2-3-1 tanh,sigmoid squared_error"``.
    examples : int
        How many problems to compare.
    seed : int, optional
        Fresh when not given; it is in the record.
    adapter : str, optional
        The interface to read a file by; recognised unless given.
    imports_only : bool
        Run only imports, functions, classes and constants of a file.
    declaration : path, optional
        Says how a file is to be asked; ``student.gradcheck.py`` beside it unless given.
    progress : callable, optional
        Called with the name of what starts next.

    Returns
    -------
    Record

    Raises
    ------
    UsageError
        When an argument cannot be used as given.
    InternalError
        When gradcheck itself is at fault.
    """
    seed = fresh_seed() if seed is None else seed
    only = Network.parse(network) if isinstance(network, str) else network
    targets = list(target) if isinstance(target, Sequence) and not _is_path(target) else [target]
    examination = Examination(seed, examples, only, progress=progress)
    manner = Manner(
        check_name(adapter) if adapter else None,
        imports_only,
        Path(declaration) if declaration is not None else None,
    )
    if manner.declaration is not None:
        check_path(manner.declaration)
    entries = [_entry(each, examination, manner) for each in targets]
    words = [
        "check",
        *(str(t) if _is_path(t) else entries[i]["name"] for i, t in enumerate(targets)),
    ]
    if only:
        words += ["--network", f'"{only}"']
    if examples != EXAMPLES:
        words += ["--examples", str(examples)]
    if adapter:
        words += ["--adapter", (manner.adapter or "").replace(" ", "-")]
    if imports_only:
        words.append("--imports-only")
    if manner.declaration is not None:
        words += ["--declaration", str(manner.declaration)]
    command = f"python -m gradcheck {' '.join(words)} --seed {seed}"
    return new_record(seed, command, entries)


def _is_path(target: Any) -> bool:
    return isinstance(target, str | os.PathLike)


def _entry(target: Any, examination: Examination, manner: Manner) -> Entry:
    if not _is_path(target):
        examination.peers = peers()
        return examination.examine(from_object(target))
    path = Path(os.fspath(target))
    examination.peers = peers(examined=str(path))
    try:
        return examination.examine(from_path(path, manner))
    except LoadError as error:
        return failed(unloaded(path), Failure("import", str(error)))


def unloaded(path: Path) -> Subject:
    """Stand in for a file that could not be imported."""
    return from_object(_Unloaded(), path.stem, str(path))


class _Unloaded:
    def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
        raise NotImplementedError("the file could not be imported")
