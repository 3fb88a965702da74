"""What is to be examined: a file, an attribute of a file, an attribute of a module."""

import contextlib
import importlib.machinery
import importlib.util
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from gradcheck.errors import UsageError
from gradcheck.reading.loading import SUFFIXES, check_path
from gradcheck.reading.registry import PLAIN, LoadOptions

_WITH_ATTRIBUTE = re.compile(r"(?P<where>.+):(?P<attribute>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\Z")
#: What a file imports, and how much of it is looked for beside the file.
_IMPORTED = re.compile(rb"\b(?:from|import)[ \t]+([A-Za-z_]\w{0,99})")
_MOST = 100
_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\Z")


@dataclass(frozen=True)
class Target:
    """Something to examine.

    Attributes
    ----------
    text : str
        As it was given.
    path : Path or None
        A file.
    module : str
        The dotted name of a module, in place of a file.
    package : Path or None
        Where the module's topmost package is, if it is not installed.
    attribute : str
        What of it to take; all of it when empty.
    manner : LoadOptions
        How it is to be read.
    """

    text: str
    path: Path | None = None
    module: str = ""
    package: Path | None = None
    attribute: str = ""
    manner: LoadOptions = PLAIN

    @property
    def declaration(self) -> Path | None:
        """The file that says how it is to be asked, if there is one."""
        return self.manner.declared_in(self.path) if self.path else self.manner.declaration

    def left_behind(self, text: bytes) -> tuple[str, ...]:
        """Name the files and folders beside the file that its text imports."""
        if self.path is None:
            return ()
        found = []
        for word in [w.decode() for w in dict.fromkeys(_IMPORTED.findall(text))][:_MOST]:
            folder, file = self.path.parent / word, self.path.parent / f"{word}.py"
            with contextlib.suppress(OSError):
                found += [folder.name] if folder.is_dir() else []
                found += [file.name] if file.is_file() else []
        return tuple(found)

    @property
    def name(self) -> str:
        """A short name."""
        whole = self.path.stem if self.path else self.module
        return f"{whole}:{self.attribute}" if self.attribute else whole

    @property
    def file(self) -> str:
        """What to call it in a message about its contents."""
        return self.path.name if self.path else self.module


def parse_target(text: str, manner: LoadOptions = PLAIN, folder: Path = Path()) -> Target:
    """Read ``file.py``, ``file.ipynb``, ``file.py:attribute`` or ``package.module:attribute``.

    Parameters
    ----------
    text : str
    manner : LoadOptions
        How it is to be read.
    folder : Path
        What the text is relative to.

    Raises
    ------
    UsageError
        When there is no such file or module, or it is not a plain file.
    """
    if manner.declaration is not None:
        check_path(manner.declaration)
    match = _WITH_ATTRIBUTE.match(text)
    where, attribute = (match["where"], match["attribute"]) if match else (text, "")
    path = folder / text
    if not match or path.exists() or path.is_symlink():
        check_path(path)
        return Target(text, path, manner=manner)
    if where.endswith(SUFFIXES) or not _MODULE.match(where):
        check_path(folder / where)
        return Target(text, folder / where, attribute=attribute, manner=manner)
    return Target(
        text, module=where, package=_package(where, folder), attribute=attribute, manner=manner
    )


def _package(module: str, folder: Path) -> Path | None:
    """Find a module's topmost package without running any of it; None if it is installed."""
    top = module.partition(".")[0]
    places = [str(folder.resolve()), *sys.path]
    spec = importlib.machinery.PathFinder.find_spec(top, places)
    if spec is None:
        raise UsageError(f"there is no module {top}; give a file, or package.module:attribute")
    origin = spec.origin or next(iter(spec.submodule_search_locations or ()), None)
    if origin is None:
        raise UsageError(f"the module {top} is not made of files")
    place = Path(origin)
    if spec.submodule_search_locations is not None and place.name.startswith("__init__."):
        place = place.parent
    return None if is_installed(place) else place


def is_installed(place: Path) -> bool:
    """Say whether something lies where packages are installed."""
    return any(part in ("site-packages", "dist-packages") for part in place.parts)
