"""The formats that are written to files: one table, each loaded when it is asked for."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path

from gradcheck.errors import UsageError
from gradcheck.records.record import Record, check_writable, write_whole
from gradcheck.renderers.formatting import clean, listing

#: The option's name, and the module whose ``render(record)`` returns the text.
FORMATS = {
    "html": "gradcheck.renderers.html",
    "markdown": "gradcheck.renderers.markdown",
    "csv": "gradcheck.renderers.csv",
    "gradescope": "gradcheck.renderers.gradescope",
    "json": "gradcheck.renderers.json",
}


def wanted(**paths: Path | None) -> dict[str, Path]:
    """Return the files that are asked for, by format, before any work is done.

    Raises
    ------
    UsageError
        When one cannot be written, or two are the same file.
    """
    chosen = {name: path for name, path in paths.items() if path is not None}
    for name, path in chosen.items():
        check_writable(path)
        for other, earlier in chosen.items():
            if other == name:
                break
            if earlier.resolve() == path.resolve():
                raise UsageError(f"--{other} and --{name} name the same file, {path}")
    return chosen


def begin(files: Mapping[str, Path]) -> None:
    """Write what stands if the run never ends: Gradescope takes no result for a fault of its own.

    Files of other formats are left as they are until there is something to write.
    """
    if "gradescope" in files:
        from gradcheck.renderers.gradescope import unfinished

        write_whole(files["gradescope"], unfinished())


def write(record: Record, files: Mapping[str, Path]) -> None:
    """Write a record in each format, each file whole or not at all."""
    for name, path in files.items():
        write_whole(path, import_module(FORMATS[name]).render(record))


def written(paths: Iterable[Path]) -> str:
    """Say what was written; empty when nothing was."""
    names = [clean(str(path)) for path in paths]
    return f"Written: {listing(names)}" if names else ""
