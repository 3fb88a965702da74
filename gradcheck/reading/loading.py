"""Loading an implementation from a file, and finding the ones we ship."""

import contextlib
import importlib
import importlib.machinery
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from gradcheck.errors import GradcheckError, LoadError, UsageError
from gradcheck.errors.lines import DECLARATION, LOADED, Place, Sources, raised, trail_of
from gradcheck.errors.suggestion import meant
from gradcheck.reading.notebook import Cell, cells
from gradcheck.reading.registry import PLAIN, LoadOptions
from gradcheck.reading.running import run

#: Larger than any hand-written file; smaller than a mistake such as a data set.
MAX_BYTES = 10_000_000

#: What can be examined.
SUFFIXES = (".py", ".ipynb")


@dataclass(frozen=True)
class Loaded:
    """What a file turned out to hold.

    Attributes
    ----------
    code : object
        The module, or what an attribute of it names.
    sources : Sources
        Its lines.
    notes : tuple of str
        What was left out.
    """

    code: Any
    sources: Sources
    notes: tuple[str, ...] = ()


def shipped(name: str) -> Path:
    """Return the path of one of our own implementations, such as ``"matrix"``.

    In a checkout they are the files of ``implementations/``; a wheel carries the
    same files as data inside the package.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "shipped_implementations", package.parent / "implementations"):
        if (folder / f"{name}.py").is_file():
            return folder / f"{name}.py"
    raise UsageError(f"gradcheck ships no implementation named {name!r}")


def check_path(path: Path) -> None:
    """Refuse what is not a plain Python file or notebook of a sensible size.

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
    if stat.S_ISLNK(status.st_mode):
        raise UsageError(f"{path}: is a link; give the file itself")
    if stat.S_ISDIR(status.st_mode):
        raise UsageError(f"{path}: is a folder; give one .py file")
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{path}: is a device or pipe; give a .py file")
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{path}: is not a .py file, and no notebook (.ipynb) either")
    if status.st_size > MAX_BYTES:
        raise UsageError(f"{path}: has {status.st_size} bytes; at most {MAX_BYTES} are read")


def load(path: Path, manner: LoadOptions = PLAIN) -> ModuleType:
    """Import a file as a module of its own, under no public name.

    What the file prints goes to standard error, so that standard output stays ours.
    The file is compiled afresh each time: cached bytecode would leave a folder beside
    it, and stands for the text of a moment ago when a file changes within a second.

    Raises
    ------
    UsageError
        When the path is not a plain Python file or notebook.
    LoadError
        When the file cannot be imported, whatever it raises.
    """
    module: ModuleType = load_file(path, manner).code
    return module


def load_file(path: Path, manner: LoadOptions = PLAIN) -> Loaded:
    """Import a file as :func:`load` does, and say what was left out of it."""
    check_path(path)
    module = ModuleType(f"{LOADED}{path.stem}")
    module.__file__ = str(path)
    sources = Sources(str(path.parent), path.name)
    sys.modules[module.__name__] = module  # dataclasses look their module up here
    try:
        with _importing(path.name, path.resolve().parent, sources, manner):
            parts, notes = _cells(path)
            if path.suffix == ".ipynb":
                sources.cells.update({cell.name: cell.source for cell in parts})
            run(module, [(cell.source, cell.name) for cell in parts], path, manner)
    finally:
        sys.modules.pop(module.__name__, None)
    return Loaded(module, sources, notes)


def load_module(name: str, folder: Path) -> Loaded:
    """Import an installed module, or one below a folder, by its dotted name.

    Raises
    ------
    LoadError
        When it cannot be imported, whatever it raises.
    """
    place = _whereabouts(name, folder)
    sources = Sources(str(place.parent), "", within=place.name)
    with _importing(name, folder, sources):
        module = importlib.import_module(name)
        sources.main = sources.name_of(getattr(module, "__file__", None) or "")
    return Loaded(module, sources)


def _whereabouts(name: str, folder: Path) -> Path:
    """Return where a module's topmost package is."""
    top = name.partition(".")[0]
    spec = importlib.machinery.PathFinder.find_spec(top, [*sys.path, str(folder)])
    origin = Path(spec.origin) if spec is not None and spec.origin else folder / top
    return origin.parent if origin.stem == "__init__" else origin


def attribute(loaded: Loaded, dotted: str, name: str) -> Loaded:
    """Take one thing out of what was loaded.

    What follows the contract is taken as it is, a class of it called without arguments; all
    else is read by the adapters, as a file that holds no more. Where a declaration says how
    the file is asked, it says so of all that is in it.

    Raises
    ------
    LoadError
        When there is no such attribute, the class cannot be called, or it can be asked nothing.
    """
    from gradcheck.reading.part import readable  # launching a worker must not load numpy

    found = loaded.code
    for part in dotted.split("."):
        known = [each for each in dir(found) if each[:1] != "_"]
        if not hasattr(found, part):
            raise LoadError(f"{name} has no attribute {dotted}{meant(part, known, '')}")
        found = getattr(found, part)
    if hasattr(loaded.code, "__gradcheck_declaration__"):
        return loaded
    with _importing(f"{name}:{dotted}", None, loaded.sources):
        try:
            found = readable(found)
        except UsageError as error:
            raise LoadError(f"{name}:{dotted}: {error}") from None
    return Loaded(found, loaded.sources, loaded.notes)


def _cells(path: Path) -> tuple[list[Cell], tuple[str, ...]]:
    source = path.read_bytes()
    if path.suffix == ".ipynb":
        return cells(source.decode("utf-8", errors="replace"), path.name)
    return [Cell(str(path), source)], ()


@contextlib.contextmanager
def _importing(
    name: str, beside: Path | None, sources: Sources, manner: LoadOptions = PLAIN
) -> Iterator[None]:
    """Run the code's own top level: keep its prints away, and say what it raises."""
    folder = [str(beside)] if beside else []
    sys.path += folder  # last, so that it can shadow nothing installed
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except (KeyboardInterrupt, LoadError):
        raise
    except BaseException as error:  # a file may raise anything, SystemExit too
        place = sources.find(trail_of(error))
        message = _import_message(name, error, place, sources.main, manner)
        raise LoadError(message, place) from error
    finally:
        if beside and str(beside) in sys.path:
            sys.path.remove(str(beside))


def _import_message(
    file: str, error: BaseException, place: Place | None, main: str, manner: LoadOptions
) -> str:
    declared = place is not None and place.file.endswith(DECLARATION)
    missing = getattr(error, "name", None)
    if isinstance(error, ModuleNotFoundError) and missing:
        package = missing.partition(".")[0]
        if package in sys.modules:
            return f"{file} needs {missing}, which the installed {package} does not have"
        where = f" ({replace(place, text='').told(main)})" if place else ""
        needs = f"needs {package}{where}, {manner.missing(package)}"
        if declared:
            return f"the declaration cannot be used: it {needs}"
        if manner.imports_only:  # as it is inside of a try, which is run as it stands
            return f"{file} {needs}"
        return f"{file} {needs}; with --imports-only it is left out until it is used"
    try:
        text = "".join(str(error).splitlines()[:1])[:200]
    except Exception:  # its __str__ is the file's own
        text = ""
    if isinstance(error, SyntaxError):
        text = text.partition(f" ({Path(place.file).name}, line ")[0] if place else text
    what = text if isinstance(error, GradcheckError) else raised(error, text)
    told = f"{place.told(main)}: {what}" if place else what
    if declared:
        return f"the declaration cannot be used: {told}"
    message = f"{file} could not be imported: {told}"
    if isinstance(error, SyntaxError) or manner.imports_only:
        return message
    return f"{message}; --imports-only runs only its imports, functions and classes"
