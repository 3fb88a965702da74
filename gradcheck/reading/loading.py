"""Loading an implementation from a file or notebook, its lines, and the ways to read it.

Code that follows the contract is run whole and read as it is, and waits for nothing else.
"""

import ast
import contextlib
import importlib
import importlib.machinery
import inspect
import linecache
import math
import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from gradcheck.contract.conventions import AS_DEFINED, Conventions
from gradcheck.errors import (
    DECLARATION,
    LOADED,
    GradcheckError,
    LoadError,
    Place,
    Trail,
    UsageError,
    first_line,
    line_of,
    meant,
    raised,
    trail_of,
)
from gradcheck.reading.target import (
    ADAPTERS,
    PACKAGE_FOLDERS,
    PLAIN_LOAD_OPTIONS,
    LoadOptions,
    check_path,
)

_IPYTHON = re.compile(r"<ipython-input-(\d+)-")


#: Where our modules were compiled: in a worker they lie in an archive.
_OURS = Path(trail_of.__code__.co_filename).absolute().parent
_PYTHON = Path(linecache.__file__).absolute().parent


class Sources:
    """The files of code under test.

    Parameters
    ----------
    folder : str
        Whatever lies in it is the code's own, and known by its place in it.
    main : str
        The name of the file that was given.
    cells : mapping of str to str or bytes
        The text of what is no file, by the name that it runs under.
    within : str
        Only what is called so in the folder, if it is given.
    """

    def __init__(
        self,
        folder: str,
        main: str = "",
        cells: Mapping[str, str | bytes] | None = None,
        within: str = "",
    ) -> None:
        self.main = main
        self.cells: MutableMapping[str, str | bytes] = dict(cells or {})
        self._folder = Path(folder).absolute()
        self._within = within
        self._texts: dict[str, bytes] = {}

    def find(self, trail: Trail) -> Place | None:
        """Return the innermost place of a trail that is the code's own, if any is."""
        for file, line in reversed(trail):
            known = self.name_of(file)
            if known:
                return Place(known, line, self.text_of(file, line))
        return None

    def name_of(self, file: str) -> str:
        """Return what a file of the code is called; empty for any other."""
        if file in self.cells:
            return file
        try:
            inside = Path(file).absolute().relative_to(self._folder)
        except (ValueError, OSError):  # elsewhere, or no file at all
            return ""
        installed = any(part in PACKAGE_FOLDERS for part in inside.parts)
        own = inside.parts[:1] == (self._within,) if self._within else True
        return inside.as_posix() if own and not installed and file[:1] != "<" else ""

    def text_of(self, file: str, line: int) -> str:
        """Return what stands on a line; empty where that is not to be had."""
        if file in self.cells:
            return line_of(self.cells[file], line) or ""
        if file not in self._texts:
            try:
                self._texts[file] = Path(file).read_bytes()
            except (ValueError, OSError):
                self._texts[file] = b""
        return line_of(self._texts[file], line) or ""


class Anywhere(Sources):
    """The lines of code in this process: whatever is neither ours nor installed."""

    def __init__(self, implementation: Any) -> None:
        kind = implementation if isinstance(implementation, type) else type(implementation)
        module = sys.modules.get(kind.__module__)
        if isinstance(implementation, ModuleType):
            module = implementation
        file = getattr(module, "__file__", None)
        # code that has no file is known to linecache by a name that is none
        self._unfiled = set(getattr(implementation, "__gradcheck_files__", ()))
        super().__init__("", Path(file).name if isinstance(file, str) else "")
        if not self.main and len(self._unfiled) == 1:
            self.main = self.name_of(next(iter(self._unfiled)))

    def name_of(self, file: str) -> str:
        """Return what a file is called; empty for ours, Python's and those of packages."""
        cell = _IPYTHON.match(file)
        if cell:
            return f"cell {cell[1]}"
        if file[:1] == "<" and file in self._unfiled:
            return file
        path = Path(file)
        if not file or file[0] == "<" or any(part in PACKAGE_FOLDERS for part in path.parts):
            return ""
        ours = path.is_relative_to(_OURS) and "shipped_implementations" not in path.parts
        if ours or path.is_relative_to(_PYTHON):
            return ""
        return "the cell" if path.parent.name.startswith("ipykernel_") else path.name

    def text_of(self, file: str, line: int) -> str:
        """Return what stands on a line; a notebook's cells are known to linecache."""
        return line_of(linecache.getline(file, line), 1) or ""


@dataclass(frozen=True)
class Reading:
    """One way to understand code as an implementation.

    Attributes
    ----------
    adapter : str
        ``native``, ``cs231n``, ...
    implementation : object
        Follows :class:`gradcheck.contract.protocol.Implementation`.
    conventions : Conventions
        What this reading takes the code to do.
    """

    adapter: str
    implementation: Any
    conventions: Conventions = AS_DEFINED

    @property
    def calls(self) -> tuple[str, ...]:
        """The functions it has, of those that can be asked for."""
        named = ("loss_and_grads", *_OPTIONAL)
        return tuple(n for n in named if callable(getattr(self.implementation, n, None)))


@dataclass(frozen=True)
class Found:
    """Ways in which code can be read.

    Attributes
    ----------
    readings : tuple of Reading
        Of one adapter, the likeliest first. Where none works: why the nearest does not.
    following : int
        The number of the adapter that can be tried next.
    """

    readings: tuple[Reading, ...]
    following: int


#: Arguments of the optional functions of the contract.
_OPTIONAL = {"forward": 3, "step": 4}

#: What a first argument may be where it is no network: then the function has another purpose.
_OTHERS = ("x", "y", "output", "parameters", "weights", "biases", "cache")


def find_native(code: Any) -> Iterator[Reading]:
    """Yield the code itself, if it follows the contract: ``loss_and_grads``."""
    if callable(getattr(code, "loss_and_grads", None)):
        yield Reading("native", code, Conventions(other_purpose=_other_purpose(code)))


def _other_purpose(code: Any) -> dict[str, str]:
    """Return the functions that have the name of an optional one and other arguments."""
    found = {}
    for name, count in _OPTIONAL.items():
        try:
            signature = inspect.signature(getattr(code, name))
        except Exception:  # there is none, or with a signature of its own making
            continue
        try:
            first = next(iter(signature.bind(*range(count)).arguments), "")
        except TypeError:
            first = ""
        if first == "network":
            continue
        from gradcheck.reading.foreign_call import is_gradient, is_weight, role_of

        if not first or role_of(first, _OTHERS) or is_weight(first) or is_gradient(first):
            found[name] = f"{name}({', '.join(signature.parameters)})"
    return found


def readings(
    code: Any,
    adapter: str | None = None,
    sources: Sources | None = None,
    first: int = 0,
    seconds: float = math.inf,
) -> Found:
    """Return the ways in which a module or object can be read, the likeliest first.

    A module that follows the contract is read as it is. Only readings of the first adapter that
    finds any are returned. Where nothing is found the nearest is, if the code itself is what
    stops it; else the code is read as native, and the conventions say what it has.

    Parameters
    ----------
    code : object
    adapter : str, optional
        The only adapter to try.
    sources : Sources, optional
        The code's own lines.
    first : int
        The number of the adapter to begin with.
    seconds : float
        For how long the code is tried.

    Returns
    -------
    found : Found

    Raises
    ------
    UsageError
        When there is no adapter of that name.
    """
    own = vars(code) if isinstance(code, ModuleType) else {}
    foreign = any(own.get(name) for name in ("__gradcheck_declaration__", "__gradcheck_among__"))
    asked = first == 0 and adapter in (None, "native")
    if asked and callable(own.get("loss_and_grads")) and not foreign:
        return Found(tuple(find_native(code)), list(ADAPTERS).index("native") + 1)
    from gradcheck.reading.search import search  # what native code does not wait for

    return search(code, adapter, sources or Anywhere(code), first, seconds)


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


def load(path: Path, options: LoadOptions = PLAIN_LOAD_OPTIONS) -> ModuleType:
    """Import a file as :func:`load_file` does, and return its module alone.

    Parameters
    ----------
    path : Path
    options : LoadOptions
        How it is to be run.

    Returns
    -------
    module
    """
    module: ModuleType = load_file(path, options).code
    return module


def load_file(path: Path, options: LoadOptions = PLAIN_LOAD_OPTIONS) -> Loaded:
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
    Loaded
        The module, its lines, and notes of what was left out.

    Raises
    ------
    UsageError
        When the path is not a plain Python file or notebook.
    LoadError
        When the file cannot be imported, whatever it raises.
    """
    check_path(path)
    module = ModuleType(f"{LOADED}{path.stem}")
    module.__file__ = str(path)
    sources = Sources(str(path.parent), path.name)
    sys.modules[module.__name__] = module  # dataclasses look their module up here
    try:
        with _importing(path.name, path.resolve().parent, sources, options):
            notes = _run(module, path, sources, options)
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


def _run(module: ModuleType, path: Path, sources: Sources, options: LoadOptions) -> tuple[str, ...]:
    """Run a file or notebook, and the declaration beside it; return notes of what was left out."""
    source = path.read_bytes()
    parts: list[tuple[str | bytes, str]] = [(source, str(path))]
    notes: tuple[str, ...] = ()
    if path.suffix == ".ipynb":
        from gradcheck.reading.running import cells

        parts, notes = cells(source, path.name)
        sources.cells.update({name: text for text, name in parts})
    trees = [(ast.parse(text, name), name) for text, name in parts]
    declared = options.declared_in(path)
    native = any(is_native(tree) for tree, _ in trees)
    if native and not options.imports_only and declared is None:
        for tree, name in trees:
            exec(compile(tree, name, "exec", dont_inherit=True), vars(module))
        return notes
    from gradcheck.reading import running  # what native code does not wait for

    running.run(trees, module, options)
    if declared is not None:
        running.declare(declared, module)
    return notes


def is_native(tree: ast.Module) -> bool:
    """Whether a file defines the function that the contract asks for."""
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    return any(function.name == "loss_and_grads" for function in functions)


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
    text = first_line(error)
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
