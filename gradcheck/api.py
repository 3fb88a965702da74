"""``gradcheck.check``: the whole of gradcheck in one call."""

import contextlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradcheck.adapters.manner import Manner
from gradcheck.adapters.registry import check_name
from gradcheck.campaign import EXAMPLES, Examination
from gradcheck.entry import failed
from gradcheck.execution.launch import Launch
from gradcheck.execution.limits import CALL_TIMEOUT, TIMEOUT, Limits
from gradcheck.execution.lost import LostError
from gradcheck.execution.target import Target, parse_target
from gradcheck.hearing import Progress
from gradcheck.network import Network
from gradcheck.record import Entry, Record, new_record
from gradcheck.subjects import absent, from_object, peers, submit


def fresh_seed() -> int:
    """Return a seed that no one can guess and anyone can type."""
    return secrets.randbelow(10**9)


def check(
    target: Any,
    *,
    network: Network | str | None = None,
    examples: int = EXAMPLES,
    seed: int | None = None,
    timeout: float = TIMEOUT,
    call_timeout: float = CALL_TIMEOUT,
    min_sandbox: int = 1,
    adapter: str | None = None,
    imports_only: bool = False,
    declaration: str | os.PathLike[str] | None = None,
    progress: Progress = lambda what: None,
) -> Record:
    """Examine an implementation.

    A path, or ``package.module:attribute``, runs in a process of its own at the best
    sandbox level that works here. A module or object runs in this process.

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
    timeout, call_timeout : float
        Seconds for all calls together, and for one, of code in a process of its own.
    min_sandbox : int
        The least sandbox level that will do for it.
    adapter : str, optional
        The interface to read a file by; recognised unless given.
    imports_only : bool
        Run only imports, functions, classes and constants of a file.
    declaration : path, optional
        Says how a file is to be asked; ``student.gradcheck.py`` beside it unless given.
    progress : callable, optional
        Called with the name of what starts next; what takes longer than a second knows the
        ``part`` of it that is done.

    Returns
    -------
    Record

    Raises
    ------
    UsageError
        When an argument cannot be used as given.
    SandboxError
        When that level cannot be had on this machine.
    InternalError
        When gradcheck itself is at fault.
    """
    limits = Limits(call_timeout, timeout, min_sandbox)
    seed = fresh_seed() if seed is None else seed
    only = Network.parse(network) if isinstance(network, str) else network
    targets = list(target) if isinstance(target, Sequence) and not _is_path(target) else [target]
    examination = Examination(seed, examples, only, progress=progress)
    manner = Manner(
        check_name(adapter) if adapter else None,
        imports_only,
        Path(declaration) if declaration is not None else None,
    )
    targets = [parse_target(os.fspath(t), manner) if _is_path(t) else t for t in targets]
    entries = [_entry(each, examination, limits) for each in targets]
    targets = [t.target if isinstance(t, Launch) else t for t in targets]
    words = [
        "check",
        *(t.text if isinstance(t, Target) else entries[i]["name"] for i, t in enumerate(targets)),
    ]
    if only:
        words += ["--network", f'"{only}"']
    if examples != EXAMPLES:
        words += ["--examples", str(examples)]
    words += limits.words()
    words += manner.words()
    command = f"python -m gradcheck {' '.join(words)} --seed {seed}"
    return new_record(seed, command, entries)


def _is_path(target: Any) -> bool:
    return isinstance(target, str | os.PathLike)


def _entry(target: Any, examination: Examination, limits: Limits) -> Entry:
    if not isinstance(target, Target | Launch):
        examination.peers = peers()
        return examination.examine(from_object(target))
    launch = target if isinstance(target, Launch) else Launch(target, limits)
    target = launch.target
    examination.peers = peers(examined=str(target.path or ""))
    try:
        subject = submit(launch)
    except LostError as lost:
        return failed(absent(target, lost.level), lost.failure)
    with contextlib.closing(subject):
        return examination.examine(subject)
