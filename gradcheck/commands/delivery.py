"""Where a command's result goes: the console, or a file that was tried beforehand."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gradcheck.errors import UndeliveredError, UsageError
from gradcheck.records.record import INTERNAL, check_writable, write_whole
from gradcheck.renderers import files
from gradcheck.renderers.formatting import clean
from gradcheck.run.cross_check import Progress, silent


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

    class Screen(Console):
        def on_broken_pipe(self) -> None:
            """Say so; rich would exit with the code of a wrong gradient."""
            raise BrokenPipeError

    stream = sys.stderr if json == "-" else sys.stdout
    return Screen(file=stream, highlight=False, markup=False, safe_box=True)


@contextlib.contextmanager
def status(screen: Any) -> Iterator[Progress]:
    """Give a function that shows what is being done, where somebody may be looking.

    With a bar, where it is known how far it is.
    """
    if not screen.is_terminal:
        yield silent
        return
    from rich import progress

    text = progress.TextColumn("{task.description}", markup=False)
    columns, bar = (progress.SpinnerColumn(), text), progress.BarColumn()
    with progress.Progress(*columns, console=screen, transient=True) as shown:
        task = shown.add_task("starting", total=1.0)

        def show(what: str, part: float | None = None) -> None:
            shown.columns = columns if part is None else (*columns, bar)
            shown.update(task, description=clean(what), completed=part or 0.0)

        yield show


def deliver(record: Any, screen: Any, json: str | None, pages: Mapping[str, Path]) -> int:
    """Show a record, write it, and return its exit code.

    Verdicts are shown first: a full disk keeps nobody from reading them, and a console that
    is gone keeps no file from being written.

    Parameters
    ----------
    pages : mapping of str to Path
        Other formats to write, by name.

    Raises
    ------
    UndeliveredError
        When something could not be written, once the rest is.
    BrokenPipeError
        When nobody reads the console any more, once the rest is written.
    """
    gone: OSError | None = None
    try:
        _tell(record, screen, json)
    except OSError as error:
        gone = error
    written, failed = _write(record, json, pages)
    try:
        if written and json != "-" and not gone:
            screen.print(files.written(written), soft_wrap=True)
    except OSError as error:
        gone = error
    if failed:
        raise UndeliveredError(f"the verdicts stand, but {'; '.join(failed)}")
    if isinstance(gone, BrokenPipeError):
        raise gone
    if gone:
        raise UndeliveredError(f"cannot write standard output: {gone.strerror}")
    return int(record.exit_code)


def _tell(record: Any, screen: Any, json: str | None) -> None:
    if json == "-":
        sys.stdout.write(record.to_json())
        sys.stdout.flush()
        return
    from gradcheck.renderers.console import show

    try:
        show(record, screen)
    except OSError:
        raise
    except Exception:  # our own fault, and no reason to keep the verdicts back
        for entry in record.data["implementations"]:
            print(clean(f"{entry['path'] or entry['name']}: {entry['verdict']}"))
        raise


def _write(
    record: Any, json: str | None, pages: Mapping[str, Path]
) -> tuple[list[Path], list[str]]:
    """Write every file that can be; return those written, and what went wrong with others."""
    written: list[Path] = []
    failed: list[str] = []
    for name, path in pages.items():
        try:
            files.write(record, {name: path})
            written.append(path)
        except UsageError as error:
            failed.append(str(error))
    if json not in (None, "-"):
        try:
            write_whole(Path(str(json)), record.to_json())
            written += [Path(str(json))] if not pages else []
        except UsageError as error:
            failed.append(str(error))
    return written, failed


def faults(record: Any) -> str:
    """Say of which submissions nothing is known through our own fault; empty when of none."""
    return "; ".join(
        f"{entry['path'] or entry['name']}: {entry['error']['message']}"
        for entry in record.data["implementations"]
        if entry["error"] and entry["error"]["kind"] == INTERNAL
    )
