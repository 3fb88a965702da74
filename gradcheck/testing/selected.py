"""What a user may point at in pytest: what ``gradcheck check`` takes, and where its tests stand."""

import importlib.machinery
import sys
from dataclasses import dataclass
from pathlib import Path

from gradcheck.errors import UsageError
from gradcheck.reading.target import Target as Submitted
from gradcheck.reading.target import parse_target


@dataclass(frozen=True)
class Selected:
    """An implementation, found but not yet loaded.

    Attributes
    ----------
    text : str
        As the user wrote it.
    name : str
        What its tests are called after.
    path : Path
        The file that its tests are shown under.
    submitted : gradcheck.reading.target.Target
        What ``gradcheck.check`` takes.
    """

    text: str
    name: str
    path: Path
    submitted: Submitted


def find(text: str, folder: Path) -> Selected:
    """Find what a text points at; nothing of it is run.

    Parameters
    ----------
    text : str
        ``file.py``, ``file.py:attribute`` or ``package.module:attribute``.
    folder : Path
        What it is relative to.

    Raises
    ------
    UsageError
        When it is none of them.
    """
    submitted = parse_target(text, folder=folder)
    path = submitted.path or _file_of(submitted, folder)
    if "[" in str(path) or "::" in str(path):
        raise UsageError(f"{text}: pytest cannot be given a path with [ or :: in it; rename it")
    name = submitted.attribute.rpartition(".")[2] or path.stem
    return Selected(text, name, path.resolve(), submitted)


def _file_of(submitted: Submitted, folder: Path) -> Path:
    """Return the file of a module without running any of it, packages around it included."""
    top, *inner = submitted.module.split(".")
    places = [str(folder.resolve()), *sys.path]
    spec = importlib.machinery.PathFinder.find_spec(top, places)
    if spec is None or spec.origin is None:
        raise UsageError(f"{submitted.text}: the module {top} has no file")
    if not inner:
        return Path(spec.origin)
    within = Path(spec.origin).parent.joinpath(*inner)
    for file in (within.with_suffix(".py"), within / "__init__.py"):
        if file.is_file():
            return file
    raise UsageError(f"{submitted.text}: there is no module {submitted.module}; check the name")
