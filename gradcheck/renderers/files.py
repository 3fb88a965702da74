"""Writing a record to files, in the formats of :data:`gradcheck.renderers.FORMATS`."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path

from gradcheck.errors import UsageError
from gradcheck.records.record import Record, check_writable, write_whole
from gradcheck.renderers import FORMATS
from gradcheck.renderers.formatting import clean, listing


def wanted(paths: Mapping[str, Path | None]) -> dict[str, Path]:
    """Return the files that are asked for, before any work is done.

    Parameters
    ----------
    paths : mapping of str to Path or None
        By the name of their format.

    Returns
    -------
    dict of str to Path

    Raises
    ------
    UsageError
        When one cannot be written, or two are the same file.
    """
    chosen = {name: path for name, path in paths.items() if path is not None}
    names: dict[Path, str] = {}
    for name, path in chosen.items():
        check_writable(path)
        other = names.setdefault(path.resolve(), name)
        if other != name:
            raise UsageError(f"--{other} and --{name} name the same file, {path}")
    return chosen


def begin(files: Mapping[str, Path]) -> None:
    """Write what stands if the run never ends: Gradescope takes no result for a fault of its own.

    Files of other formats are left as they are until there is something to write.

    Parameters
    ----------
    files : mapping of str to Path
    """
    for name, path in files.items():
        if FORMATS[name].early:
            write_whole(path, import_module(FORMATS[name].module).unfinished())


def write(record: Record, files: Mapping[str, Path]) -> None:
    """Write a record in each format, each file whole or not at all.

    Parameters
    ----------
    record : Record
    files : mapping of str to Path
        By the name of their format.
    """
    for name, path in files.items():
        write_whole(path, import_module(FORMATS[name].module).render(record))


def written(paths: Iterable[Path]) -> str:
    """Say what was written.

    Parameters
    ----------
    paths : iterable of Path

    Returns
    -------
    str
        Empty when nothing was.
    """
    names = [clean(str(path)) for path in paths]
    return f"Written: {listing(names)}" if names else ""
