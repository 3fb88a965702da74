"""What is to be examined, and how it is to be read: a file, an attribute of one, a module's."""

import contextlib
import importlib.machinery
import importlib.util
import os
import re
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from gradcheck.errors import UsageError, meant

#: Name of an adapter, and the function that finds its readings: module and name.
ADAPTERS: dict[str, str] = {
    "declaration": "declared:find",  # whoever writes one means it, beside loss_and_grads too
    "native": "loading:find_native",
    "cs231n": "gradient_method:find_cs231n",
    "nielsen": "gradient_method:find_nielsen",
    "deeplearning.ai": "function_pair:find",
    "flat vector": "flat_vector:find",
    "gradients": "gradient_method:find",
    "in place": "update_method:find",
    "script": "script:find",
}


def check_name(name: str) -> str:
    """Return an adapter's full name from what a user typed.

    Parameters
    ----------
    name : str
        Case, spaces and signs do not matter: ``Flat-Vector``.

    Returns
    -------
    str
        A key of :data:`ADAPTERS`.

    Raises
    ------
    UsageError
        When there is none of that name; those there are, are listed.
    """
    short = {_short(known): known for known in ADAPTERS}
    if _short(name) not in short:
        written = [known.replace(" ", "-") for known in ADAPTERS]
        raise UsageError(f"there is no adapter {name!r}{meant(name, written)}")
    return short[_short(name)]


def _short(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


@dataclass(frozen=True)
class LoadOptions:
    """What the user says of a file.

    Attributes
    ----------
    adapter : str or None
        The only adapter to try.
    imports_only : bool
        Run only imports, functions, classes and constants of the file.
    declaration : path or None
        The file with its declaration; ``student.gradcheck.py`` beside ``student.py`` if
        there is one and no other is given.
    left_behind : tuple of str
        Files and folders beside the file that it imports, and that are not brought along.
    """

    adapter: str | None = None
    imports_only: bool = False
    declaration: Path | None = None
    left_behind: tuple[str, ...] = ()

    def missing(self, package: str) -> str:
        """Say what a package is that cannot be imported."""
        if package in self.left_behind:
            return "a folder of your own beside the file, which is not brought along"
        if f"{package}.py" in self.left_behind:
            return "a file of your own beside this one, which is not brought along"
        return "a package that is not installed, and other files of your own are not brought along"

    def declared_in(self, path: Path) -> Path | None:
        """Return the file that holds the declaration of a file, if there is one."""
        if self.declaration is not None:
            return self.declaration
        beside = path.with_suffix(".gradcheck.py")
        try:
            return beside if beside.is_file() else None
        except OSError:  # a name that is too long is that of no file
            return None

    def words(self) -> list[str]:
        """Return the options of the command line that say the same."""
        words = ["--adapter", self.adapter.replace(" ", "-")] if self.adapter else []
        words += ["--imports-only"] if self.imports_only else []
        return words + (["--declaration", str(self.declaration)] if self.declaration else [])


PLAIN_LOAD_OPTIONS = LoadOptions()

#: Larger than any hand-written file; smaller than a mistake such as a data set.
MAX_BYTES = 10_000_000

#: What can be examined.
SUFFIXES = (".py", ".ipynb")

#: Folders where packages are installed.
PACKAGE_FOLDERS = ("site-packages", "dist-packages")

_WITH_ATTRIBUTE = re.compile(r"(?P<where>.+):(?P<attribute>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\Z")
#: What a file imports, and how much of it is looked for beside the file.
_IMPORTED = re.compile(rb"\b(?:from|import)[ \t]+([A-Za-z_]\w{0,99})")
_MOST = 100
_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\Z")


def check_path(path: Path) -> None:
    """Refuse what is not a plain Python file or notebook of a sensible size.

    Parameters
    ----------
    path : Path

    Raises
    ------
    UsageError
        For a missing path, a link, a folder, a device, a wrong suffix or a file
        over :data:`MAX_BYTES`.
    """
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        raise UsageError(f"{path}: there is no such file; check the path") from None
    mode, size = status.st_mode, status.st_size
    for wrong, why in (
        (stat.S_ISLNK(mode), "is a link; give the file itself"),
        (stat.S_ISDIR(mode), "is a folder; give one .py file"),
        (not stat.S_ISREG(mode), "is a device or pipe; give a .py file"),
        (path.suffix not in SUFFIXES, "is not a .py file, and no notebook (.ipynb) either"),
        (size > MAX_BYTES, f"has {size} bytes; at most {MAX_BYTES} are read"),
    ):
        if wrong:
            raise UsageError(f"{path}: {why}")


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
    options : LoadOptions
        How it is to be read.
    """

    text: str
    path: Path | None = None
    module: str = ""
    package: Path | None = None
    attribute: str = ""
    options: LoadOptions = PLAIN_LOAD_OPTIONS

    @property
    def declaration(self) -> Path | None:
        """The file that says how it is to be asked, if there is one."""
        return self.options.declared_in(self.path) if self.path else self.options.declaration

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


def parse_target(
    text: str, options: LoadOptions = PLAIN_LOAD_OPTIONS, folder: Path = Path()
) -> Target:
    """Read ``file.py``, ``file.ipynb``, ``file.py:attribute`` or ``package.module:attribute``.

    Parameters
    ----------
    text : str
    options : LoadOptions
        How it is to be read.
    folder : Path
        What the text is relative to.

    Returns
    -------
    Target
        Nothing of it has been run.

    Raises
    ------
    UsageError
        When there is no such file or module, or it is not a plain file.
    """
    if options.declaration is not None:
        check_path(options.declaration)
    match = _WITH_ATTRIBUTE.match(text)
    where, attribute = (match["where"], match["attribute"]) if match else (text, "")
    path = folder / text
    if not match or path.exists() or path.is_symlink():
        check_path(path)
        return Target(text, path, options=options)
    if where.endswith(SUFFIXES) or not _MODULE.match(where):
        check_path(folder / where)
        return Target(text, folder / where, attribute=attribute, options=options)
    return Target(
        text, module=where, package=_package(where, folder), attribute=attribute, options=options
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
    """Say whether something lies where packages are installed.

    Parameters
    ----------
    place : Path
        It need not be there.

    Returns
    -------
    bool
    """
    return any(part in PACKAGE_FOLDERS for part in place.parts)


def shipped(name: str) -> Path:
    """Return the path of one of our own implementations.

    In a checkout they are the files of ``implementations/``; a wheel carries the
    same files as data inside the package.

    Parameters
    ----------
    name : str
        Such as ``"matrix"``.

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        When there is none of that name.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "shipped_implementations", package.parent / "implementations"):
        if (folder / f"{name}.py").is_file():
            return folder / f"{name}.py"
    raise UsageError(f"gradcheck ships no implementation named {name!r}")
