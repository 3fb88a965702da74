"""``gradcheck.check``: the whole of gradcheck in one call."""

import contextlib
import inspect
import math
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from gradcheck.contract.protocol import Failure
from gradcheck.errors import SandboxError, UsageError
from gradcheck.execution.limits import CALL_TIMEOUT, TIMEOUT, WorkerLostError
from gradcheck.execution.sandbox import Launch
from gradcheck.networks.problem import Network
from gradcheck.reading.target import LoadOptions, Target, parse_target
from gradcheck.records import build
from gradcheck.records.record import Record
from gradcheck.records.schema import ImplementationEntry
from gradcheck.run.compared_problems import Progress, silent
from gradcheck.run.examine import Examination
from gradcheck.run.options import EXAMPLES, Options, command_line, shown_line
from gradcheck.run.submission import absent, from_object, peers, submit


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
    progress: Callable[..., None] = silent,
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
        work on it has as long again as all its calls; what was not done by then is noted.
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
        Called with the name of what starts next; where it takes that keyword, also with the
        ``part`` that is done of what takes longer than a second.

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
    options = Options.of(
        network=network,
        require=require,
        examples=examples,
        seed=seed,
        timeout=timeout,
        call_timeout=call_timeout,
        min_sandbox=min_sandbox,
        adapter=adapter,
        imports_only=imports_only,
        declaration=declaration,
    )
    several = isinstance(target, Sequence) and not _is_path(target) and not _together(target)
    targets = [_read(each, options.loading) for each in (target if several else [target])]
    return check_all(targets, options, _with_part(progress), alone=not several)


def check_all(
    targets: Sequence[Any], options: Options, progress: Progress, *, alone: bool = False
) -> Record:
    """Examine what was read.

    Parameters
    ----------
    targets : sequence of Target, Launch, module, class, object or function
    options : Options
    progress : callable
    alone : bool
        There is one target, and what goes wrong with it is raised.

    Returns
    -------
    Record

    Raises
    ------
    UsageError
        When there is no target.
    InternalError
        When gradcheck itself is at fault with what is alone, or is in this process.
    """
    if not targets:
        raise UsageError("there is nothing to check: the list is empty")
    examination = Examination(
        options.seed,
        options.examples,
        options.only,
        options.any_reduction,
        progress=progress,
        require=options.require,
    )
    entries: list[ImplementationEntry] = []
    for target in targets:
        start = time.perf_counter()
        try:
            entries.append(_entry(target, examination, options))
        except Exception as fault:  # nothing that one causes reaches the entries of the others
            in_process = not isinstance(target, Target | Launch)
            # no worker at the level asked for is to be had for any of them
            none = isinstance(fault, SandboxError) and not entries
            if alone or in_process or none:
                raise
            seconds = time.perf_counter() - start
            entries.append(build.faulty(absent(_target(target)), fault, seconds))
    names = [
        _target(target).text if isinstance(target, Target | Launch) else entry["name"]
        for target, entry in zip(targets, entries, strict=True)
    ]
    words = options.words()
    command, shown = command_line(names, words), shown_line(names, words)
    replay = shown if shown != command else None
    return build.new_record(options.seed, command, entries, replay=replay)


def _with_part(progress: Callable[..., None]) -> Progress:
    """Leave the part out for a function that takes the name alone."""
    try:
        inspect.signature(progress).bind("support", part=0.5)
    except (TypeError, ValueError):

        def without_part(what: str, part: float | None = None) -> None:
            progress(what)

        return without_part
    return progress


def _is_path(target: Any) -> bool:
    return isinstance(target, str | os.PathLike)


def _read(target: Any, loading: LoadOptions) -> Any:
    """Read what is a path; what is none has been run already."""
    if _is_path(target):
        return parse_target(os.fspath(target), loading)
    if not isinstance(target, Target | Launch) and (loading.imports_only or loading.declaration):
        raise UsageError("imports_only and declaration are for files; this has been run already")
    return target


def _together(target: Sequence[Any]) -> bool:
    """Whether several things are one: functions that work together."""
    if not all(map(callable, target)):
        return False
    from gradcheck.reading.part import together  # paths do not pay for it

    return together(target)


def _entry(target: Any, examination: Examination, options: Options) -> ImplementationEntry:
    if not isinstance(target, Target | Launch):
        examination.peers, examination.budget = peers(), math.inf
        with contextlib.closing(from_object(target, adapter=options.loading.adapter)) as submission:
            return examination.examine(submission)
    try:
        launch = target if isinstance(target, Launch) else Launch(target, options.limits)
    except UsageError as error:  # its path was there when the arguments were read
        return build.failed(absent(_target(target)), Failure("import", str(error)))
    examination.budget = options.limits.timeout
    examination.peers = peers(examined=str(launch.target.path or ""))
    try:
        submission = submit(launch)
    except WorkerLostError as lost:
        return build.failed(absent(launch.target, lost.level), lost.failure)
    with contextlib.closing(submission):
        return examination.examine(submission)


def _target(target: Target | Launch) -> Target:
    return target.target if isinstance(target, Launch) else target
