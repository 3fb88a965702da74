"""What a user may point at: a file, or ``package.module:attribute``."""

import contextlib
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradcheck.errors import LoadError, UsageError
from gradcheck.execution.loading import check_path

_SPEC = re.compile(r"(?P<module>[^\W\d][\w.]*):(?P<attribute>[^\W\d][\w.]*)")


@dataclass(frozen=True)
class Target:
    """An implementation, found but not yet loaded.

    Attributes
    ----------
    text : str
        As the user wrote it.
    name : str
        What its tests are called after.
    path : Path
        The file that its tests are shown under.
    folder : Path
        What the text is relative to.
    module, attribute : str
        Empty for a file.
    """

    text: str
    name: str
    path: Path
    folder: Path
    module: str = ""
    attribute: str = ""

    def loaded(self) -> Any:
        """Return what ``gradcheck.check`` takes: a path, or the object itself.

        A class is built, without arguments.

        Raises
        ------
        LoadError
            When the module cannot be imported or the object cannot be had.
        """
        if not self.module:
            return self.path
        try:
            with _importable(self.folder):
                found: Any = importlib.import_module(self.module)
                for part in self.attribute.split("."):
                    found = getattr(found, part)
                return found() if isinstance(found, type) else found
        except Exception as error:  # the module's own code may raise anything
            text = "".join(str(error).splitlines()[:1])[:200]
            raise LoadError(f"{self.text} cannot be had: {type(error).__name__}: {text}") from None


def find(text: str, folder: Path) -> Target:
    """Find what a text points at; nothing of it is run, but for the packages around a module.

    Parameters
    ----------
    text : str
        A path, relative to ``folder``, or ``package.module:attribute``.
    folder : Path

    Raises
    ------
    UsageError
        When it is neither.
    """
    match = _SPEC.fullmatch(text)
    if match and not (folder / text).exists():
        path = _file_of(match["module"], text, folder)
        name = match["attribute"].rpartition(".")[2]
        return Target(text, name, path, folder, match["module"], match["attribute"])
    path = folder / text
    check_path(path)
    if "[" in str(path) or "::" in str(path):
        raise UsageError(f"{text}: pytest cannot be given a path with [ or :: in it; rename it")
    return Target(text, path.stem, path.resolve(), folder)


def _file_of(module: str, text: str, folder: Path) -> Path:
    try:
        with _importable(folder):
            spec = importlib.util.find_spec(module)
    except Exception as error:  # the packages around it are imported, and may raise anything
        raise UsageError(f"{text}: {type(error).__name__}: {error}") from None
    if spec is None:
        raise UsageError(f"{text}: there is no module {module}; check the name and sys.path")
    if not spec.has_location or not spec.origin:
        raise UsageError(f"{text}: the module {module} has no file")
    return Path(spec.origin).resolve()


@contextlib.contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let modules of a folder be imported, as ``python -m`` does; last, it shadows nothing."""
    sys.path.append(str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
