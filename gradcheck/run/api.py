"""``gradcheck.check``: the whole of gradcheck in one call."""

import contextlib
import math
import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradcheck.contract.protocol import Failure
from gradcheck.errors import SandboxError, UsageError
from gradcheck.execution.limits import CALL_TIMEOUT, TIMEOUT, Limits, WorkerLostError
from gradcheck.execution.start import Launch
from gradcheck.networks.network import Network, left_open
from gradcheck.reading.registry import LoadOptions, check_name
from gradcheck.reading.target import Target, parse_target
from gradcheck.records.record import Entry, Record, new_record, plain
from gradcheck.run import replay
from gradcheck.run.cross_check import Progress
from gradcheck.run.entry import failed, faulty
from gradcheck.run.examine import Examination
from gradcheck.run.requirements import Requirements
from gradcheck.run.settings import EXAMPLES
from gradcheck.run.submission import absent, from_object, peers, submit


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
    require: str | None = None,
    progress: Progress = lambda what: None,
) -> Record:
    """Examine an implementation.

    A path, or ``package.module:attribute``, runs in a process of its own at the best
    sandbox level that works here. Everything else runs in this process, and is left as it was:
    of an object copies are asked, and variables that its code changes are put back.

    Parameters
    ----------
    target : path, module, class, object or function, or a list of several
        Whatever has ``loss_and_grads`` (see :class:`gradcheck.Implementation`), or an
        interface that an adapter reads. Functions of which none is ``loss_and_grads`` are one
        target together, such as ``[forward, backward]``.
    network : Network or str, optional
        The only network to ask for, such as ``"2-3-1 tanh,sigmoid squared_error"``.
    examples : int
        How many problems to compare.
    seed : int, optional
        Fresh when not given; it is in the record.
    timeout, call_timeout : float
        Seconds for all calls together, and for one, of code in a process of its own. Our own
        work on it has as long again as all its calls; what was not done by then is told.
    min_sandbox : int
        The least sandbox level that will do for it.
    adapter : str, optional
        The interface to read a file by; recognised unless given.
    imports_only : bool
        Run only imports, functions, classes and constants of a file.
    declaration : path, optional
        Says how a file is to be asked; ``student.gradcheck.py`` beside it unless given.
    require : str, optional
        What must be handled, such as ``"relu,cross_entropy,depth>=3"``; what is missing is an
        error.
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
        When gradcheck itself is at fault. Of a list of paths the others are examined all the
        same: what went wrong stands in the entry of the one, with the kind ``internal``.
    """
    limits = Limits(call_timeout, timeout, min_sandbox)
    seed = fresh_seed() if seed is None else seed
    only = Network.parse(network) if isinstance(network, str) else network
    several = isinstance(target, Sequence) and not _is_path(target) and not _together(target)
    targets = list(target) if several else [target]
    if not targets:
        raise UsageError("there is nothing to check: the list is empty")
    required = Requirements.parse(require) if require is not None else Requirements()
    named = " ".join(network.split()) if isinstance(network, str) else str(only)
    examination = Examination(
        seed, examples, only, left_open(named), progress=progress, require=required
    )
    manner = LoadOptions(
        check_name(adapter) if adapter else None,
        imports_only,
        Path(declaration) if declaration is not None else None,
    )
    targets = [_read(t, manner) for t in targets]
    if several:
        entries = _entries(targets, examination, limits, manner)
    else:
        entries = [_entry(targets[0], examination, limits, manner)]
    names = [
        _target(t).text if isinstance(t, Target | Launch) else entry["name"]
        for t, entry in zip(targets, entries, strict=True)
    ]
    options = ["--network", named] if only else []
    options += ["--require", str(required)] if required.words else []
    if examples != EXAMPLES:
        options += ["--examples", str(examples)]
    options += [*limits.words(), *manner.words(), "--seed", str(seed)]
    command, shown = replay.command(names, options), replay.shown(names, options)
    return new_record(seed, command, entries, replay=shown if shown != command else None)


def _is_path(target: Any) -> bool:
    return isinstance(target, str | os.PathLike)


def _read(target: Any, manner: LoadOptions) -> Any:
    """Read what is a path; what is none has been run already."""
    if _is_path(target):
        return parse_target(os.fspath(target), manner)
    if not isinstance(target, Target | Launch) and (manner.imports_only or manner.declaration):
        raise UsageError("imports_only and declaration are for files; this has been run already")
    return target


def _together(target: Sequence[Any]) -> bool:
    """Whether several things are one: functions that work together."""
    if not all(map(callable, target)):
        return False
    from gradcheck.reading.part import together  # paths do not pay for it

    return together(target)


def _entries(
    targets: Sequence[Any], examination: Examination, limits: Limits, manner: LoadOptions
) -> list[Entry]:
    """Examine several targets; nothing that one causes here reaches the entries of the others."""
    entries: list[Entry] = []
    for target in targets:
        start = time.perf_counter()
        try:
            entry = plain(_entry(target, examination, limits, manner))
        except Exception as fault:
            if not isinstance(target, Target | Launch) or _none_can_be_run(fault, entries):
                raise
            entry = plain(faulty(absent(_target(target)), fault, time.perf_counter() - start))
        entries.append(entry)
    return entries


def _none_can_be_run(fault: Exception, entries: Sequence[Entry]) -> bool:
    """Whether no worker at the level asked for can be had, which is the same for all targets."""
    return isinstance(fault, SandboxError) and not entries


def _entry(target: Any, examination: Examination, limits: Limits, manner: LoadOptions) -> Entry:
    if not isinstance(target, Target | Launch):
        examination.peers, examination.budget = peers(), math.inf
        subject = from_object(target, adapter=manner.adapter)
        with contextlib.closing(subject):
            return examination.examine(subject)
    try:
        launch = target if isinstance(target, Launch) else Launch(target, limits)
    except UsageError as error:  # its path was there when the arguments were read
        return failed(absent(_target(target)), Failure("import", str(error)))
    target, examination.budget = launch.target, limits.timeout
    examination.peers = peers(examined=str(target.path or ""))
    try:
        subject = submit(launch)
    except WorkerLostError as lost:
        return failed(absent(target, lost.level), lost.failure)
    with contextlib.closing(subject):
        return examination.examine(subject)


def _target(target: Target | Launch) -> Target:
    return target.target if isinstance(target, Launch) else target
