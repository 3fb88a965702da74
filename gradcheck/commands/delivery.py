"""Where a command's result goes: the console, or a file that was tried beforehand."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gradcheck.record import check_writable, write_whole


def check_json(json: str | None) -> None:
    """Refuse a file that cannot be written, before any work.

    Raises
    ------
    UsageError
    """
    if json is not None and json != "-":
        check_writable(Path(json))


def console(json: str | None) -> Any:
    """Return the console for people; with ``--json -`` that is standard error."""
    from rich.console import Console

    stream = sys.stderr if json == "-" else sys.stdout
    return Console(file=stream, highlight=False, markup=False, safe_box=True)


@contextlib.contextmanager
def status(screen: Any) -> Iterator[Callable[[str], None]]:
    """Give a function that shows what is being done, where somebody may be looking.

    With a bar, where it is known how far it is: see :class:`~gradcheck.hearing.Stage`.
    """
    if not screen.is_terminal:
        yield lambda what: None
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    columns, bar = (SpinnerColumn(), TextColumn("{task.description}", markup=False)), BarColumn()
    with Progress(*columns, console=screen, transient=True) as shown:
        task = shown.add_task("starting", total=1.0)

        def tell(what: str) -> None:
            part = getattr(what, "part", None)
            shown.columns = columns if part is None else (*columns, bar)
            shown.update(task, description=what, completed=part or 0.0)

        yield tell


def deliver(record: Any, screen: Any, json: str | None, written: str = "") -> int:
    """Write and show a record, and return its exit code."""
    from gradcheck.renderers.console import show

    if json == "-":
        sys.stdout.write(record.to_json())
    else:
        if json is not None:
            write_whole(Path(json), record.to_json())
        show(record, screen)
        if written:
            screen.print(written, soft_wrap=True)
    return int(record.exit_code)
