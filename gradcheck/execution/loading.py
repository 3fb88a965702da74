"""Loading an implementation from a file, and finding the ones we ship."""

import contextlib
import importlib.util
import os
import stat
import sys
from pathlib import Path
from types import ModuleType

from gradcheck.adapters.manner import PLAIN, Manner
from gradcheck.adapters.running import run
from gradcheck.errors import LoadError, UsageError

#: Larger than any hand-written file; smaller than a mistake such as a data set.
MAX_BYTES = 10_000_000


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
    """Refuse what is not a plain Python file of a sensible size.

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
    if path.suffix != ".py":
        raise UsageError(f"{path}: is not a .py file")
    if status.st_size > MAX_BYTES:
        raise UsageError(f"{path}: has {status.st_size} bytes; at most {MAX_BYTES} are read")


def load(path: Path, manner: Manner = PLAIN) -> ModuleType:
    """Import a file as a module of its own, under no public name.

    What the file prints goes to standard error, so that standard output stays ours.
    The file is compiled afresh each time: cached bytecode would leave a folder beside
    it, and stands for the text of a moment ago when a file changes within a second.

    Raises
    ------
    UsageError
        When the path is not a plain Python file.
    LoadError
        When the file cannot be imported, whatever it raises.
    """
    check_path(path)
    spec = importlib.util.spec_from_file_location(f"_gradcheck_loaded_{path.stem}", path)
    if spec is None:
        raise LoadError(f"{path}: Python does not know how to import it")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up here
    beside = str(path.resolve().parent)  # last, so that it can shadow nothing installed
    sys.path.append(beside)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            run(module, [(path.read_bytes(), str(path))], path, manner)
    except (KeyboardInterrupt, LoadError):
        raise
    except BaseException as error:  # a file may raise anything, SystemExit too
        raise LoadError(_import_message(path, error)) from error
    finally:
        sys.modules.pop(spec.name, None)
        sys.path.remove(beside)
    return module


def _import_message(path: Path, error: BaseException) -> str:
    name = type(error).__name__
    missing = getattr(error, "name", None)
    if isinstance(error, ModuleNotFoundError) and missing:
        package = missing.partition(".")[0]
        if package in sys.modules:
            return f"{path.name} needs {missing}, which the installed {package} does not have"
        return (
            f"{path.name} needs the package {package}, which is not installed; with "
            f"--imports-only it is left out until it is used"
        )
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
    place = f" (line {line})" if line else ""
    try:
        text = "".join(str(error).splitlines()[:1])[:200]
    except Exception:  # its __str__ is the file's own
        text = ""
    message = f"{path.name} could not be imported{place}: {name}{': ' + text if text else ''}"
    if isinstance(error, SyntaxError):
        return message
    return f"{message}; --imports-only runs only its imports, functions and classes"
