"""Loading an implementation from a file or notebook, and finding the ones we ship.

Of a notebook only the sources of code cells are used: never a saved output, never a kernel.
Shell and line magics are no Python; they are left out, and that is said.
"""

import contextlib
import importlib
import importlib.machinery
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from gradcheck.errors import GradcheckError, LoadError, UsageError
from gradcheck.errors.lines import DECLARATION, LOADED, Place, Sources, raised, trail_of
from gradcheck.errors.suggestion import meant
from gradcheck.reading.running import run
from gradcheck.reading.target import PLAIN_LOAD_OPTIONS, LoadOptions, check_path


class SourceCell(NamedTuple):
    """Python to run: a file, or a cell of a notebook.

    Attributes
    ----------
    source : str or bytes
    name : str
        For messages: ``student.ipynb, cell 3``.
    """

    source: str | bytes
    name: str


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


def load(path: Path, options: LoadOptions = PLAIN_LOAD_OPTIONS) -> ModuleType:
    """Import a file as a module of its own, under no public name.

    What the file prints goes to standard error, so that standard output stays ours.
    The file is compiled afresh each time: cached bytecode would leave a folder beside
    it, and stands for the text of a moment ago when a file changes within a second.

    Parameters
    ----------
    path : Path
    options : LoadOptions
        How it is to be run.

    Returns
    -------
    module

    Raises
    ------
    UsageError
        When the path is not a plain Python file or notebook.
    LoadError
        When the file cannot be imported, whatever it raises.
    """
    module: ModuleType = load_file(path, options).code
    return module


def load_file(path: Path, options: LoadOptions = PLAIN_LOAD_OPTIONS) -> Loaded:
    """Import a file as :func:`load` does, and say what was left out of it.

    Parameters
    ----------
    path : Path
    options : LoadOptions
        How it is to be run.

    Returns
    -------
    Loaded
        The module, its lines, and notes of what was left out.

    Raises
    ------
    UsageError, LoadError
        As :func:`load` does.
    """
    check_path(path)
    module = ModuleType(f"{LOADED}{path.stem}")
    module.__file__ = str(path)
    sources = Sources(str(path.parent), path.name)
    sys.modules[module.__name__] = module  # dataclasses look their module up here
    try:
        with _importing(path.name, path.resolve().parent, sources, options):
            parts, notes = _cells(path)
            if path.suffix == ".ipynb":
                sources.cells.update({cell.name: cell.source for cell in parts})
            run(module, parts, path, options)
    finally:
        sys.modules.pop(module.__name__, None)
    return Loaded(module, sources, notes)


def load_module(name: str, folder: Path) -> Loaded:
    """Import an installed module, or one below a folder, by its dotted name.

    Parameters
    ----------
    name : str
        Such as ``package.module``.
    folder : Path
        Searched after all else that Python searches.

    Returns
    -------
    Loaded

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

    Parameters
    ----------
    loaded : Loaded
    dotted : str
        The attribute: ``Network``, or one of one, ``nets.Network``.
    name : str
        What to call the file or module in messages.

    Returns
    -------
    Loaded
        The attribute; all that was loaded, where there is a declaration.

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


def _cells(path: Path) -> tuple[list[SourceCell], tuple[str, ...]]:
    source = path.read_bytes()
    if path.suffix == ".ipynb":
        return cells(source.decode("utf-8", errors="replace"), path.name)
    return [SourceCell(source, str(path))], ()


@contextlib.contextmanager
def _importing(
    name: str, beside: Path | None, sources: Sources, options: LoadOptions = PLAIN_LOAD_OPTIONS
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
        message = _import_message(name, error, place, sources.main, options)
        raise LoadError(message, place) from error
    finally:
        if beside and str(beside) in sys.path:
            sys.path.remove(str(beside))


def _import_message(
    file: str, error: BaseException, place: Place | None, main: str, options: LoadOptions
) -> str:
    declared = place is not None and place.file.endswith(DECLARATION)
    missing = getattr(error, "name", None)
    if isinstance(error, ModuleNotFoundError) and missing:
        package = missing.partition(".")[0]
        if package in sys.modules:
            return f"{file} needs {missing}, which the installed {package} does not have"
        where = f" ({replace(place, text='').told(main)})" if place else ""
        needs = f"needs {package}{where}, {options.missing(package)}"
        if declared:
            return f"the declaration cannot be used: it {needs}"
        if options.imports_only:  # as it is inside of a try, which is run as it stands
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
    if isinstance(error, SyntaxError) or options.imports_only:
        return message
    return f"{message}; --imports-only runs only its imports, functions and classes"


#: Cell magics whose cell is Python all the same.
_TRANSPARENT = ("%%time", "%%timeit", "%%capture", "%%prun")

_MAGIC = re.compile(r"^\s*(?:[%!?]|[\w.]+\?{1,2}\s*$|\w+\s*=\s*[%!])")


def cells(text: str, name: str) -> tuple[list[SourceCell], tuple[str, ...]]:
    """Read a notebook.

    Parameters
    ----------
    text : str
        The file's text.
    name : str
        The file's name.

    Returns
    -------
    cells : list of SourceCell
        Code cells in order, magics left out.
    notes : tuple of str
        What was left out.

    Raises
    ------
    LoadError
        When it is no notebook.
    """
    import nbformat

    read: Any = nbformat.reads  # it has no types

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old notebooks lack cell ids
            notebook: Any = read(text, as_version=4)
        sources = [str(c.source) for c in notebook.cells if c.cell_type == "code"]
    except ImportError:
        raise
    except Exception as error:  # nbformat lets out what json, validators and attributes raise
        raise LoadError(f"{name} is no notebook that can be read: {type(error).__name__}") from None
    found, dropped = [], 0
    for number, source in enumerate(sources, start=1):
        python, lines = without_magics(source)
        dropped += lines
        if python.strip():
            found.append(SourceCell(python, f"{name}, cell {number}"))
    plural = "s" if dropped != 1 else ""
    notes = (f"{dropped} line{plural} of shell and magic commands left out",) if dropped else ()
    return found, notes


def without_magics(source: str) -> tuple[str, int]:
    """Leave out what is no Python; a line left out stays as an empty one.

    Returns
    -------
    python : str
    dropped : int
        How many lines were left out.
    """
    lines = source.split("\n")
    first = lines[0].strip()
    if first.startswith("%%") and not first.startswith(_TRANSPARENT):
        return "", len(lines)
    if _is_python(source):
        return source, 0  # a line may start with the operator %
    kept = ["" if _MAGIC.match(line) else line for line in lines]
    kept = [_placeholder(line, old) for line, old in zip(kept, lines, strict=True)]
    return "\n".join(kept), sum(new != old for new, old in zip(kept, lines, strict=True))


def _placeholder(line: str, old: str) -> str:
    """Stand in for a magic inside a block, which may be all the block has."""
    indent = old[: len(old) - len(old.lstrip())]
    return f"{indent}pass" if not line and indent and old.strip() else line


def _is_python(source: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "cell", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, MemoryError, RecursionError, OverflowError):
        return False
    return True
