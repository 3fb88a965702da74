"""What a worker gets to see: copies in a private folder, and nothing else.

The modules of gradcheck that run beside the code under test lie there in one archive. Oracle,
networks and implementations are not among them. Python imports from a zip archive as from a
folder; one file is written faster than a hundred. It holds bytecode, since a worker must not
write, and would compile the modules every time. Where Python keeps no bytecode here either,
only what every worker loads is compiled, and the rest is source.
"""

import contextlib
import functools
import importlib.machinery
import importlib.util
import io
import itertools
import marshal
import os
import stat
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gradcheck.errors import DECLARATION, Place, UsageError, line_of
from gradcheck.reading.target import MAX_BYTES, Target, check_path

#: The modules of gradcheck that a worker can import; a folder stands for all its modules.
WORKER_MODULES = (
    "__init__",
    "adapters",
    "contract",
    "errors",
    "reading",
    "execution/__init__",
    "execution/calling",
    "execution/wire",
    "execution/worker",
)

#: Of these, what reading native code takes: folders, and single modules.
_EVERY = (
    "contract",
    "errors",
    "execution",
    "reading/__init__",
    "reading/loading",
    "reading/running",
    "reading/target",
)

#: Name of the archive.
ARCHIVE = "gradcheck.zip"


@functools.cache
def archive() -> bytes:
    """Return the archive's bytes."""
    package = Path(__file__).resolve().parents[1]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as zipped:
        for name in WORKER_MODULES:
            source = package / name
            files = sorted(source.rglob("*.py")) if source.is_dir() else [source.with_suffix(".py")]
            for file in files:
                inside = file.relative_to(package)
                known = (inside.parent.as_posix(), inside.with_suffix("").as_posix())
                suffix, content = _module(file, any(each in _EVERY for each in known))
                place = Path("gradcheck") / inside.with_suffix(suffix)
                # without a date: equal bytes
                zipped.writestr(zipfile.ZipInfo(place.as_posix()), content)
    return buffer.getvalue()


def _module(file: Path, every: bool) -> tuple[str, bytes]:
    """Return a module's suffix and content: bytecode with a header (PEP 552), or its source."""
    kept = Path(importlib.util.cache_from_source(str(file)))
    if sys.dont_write_bytecode and not every and not kept.exists():
        return ".py", file.read_bytes()
    code = importlib.machinery.SourceFileLoader(file.stem, str(file)).get_code(file.stem)
    return ".pyc", importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(code)


#: A package under test may have so many files.
MAX_FILES = 500

#: ... in folders nested so deep.
MAX_NESTING = 30

_READABLE_FILE, _READABLE_FOLDER = 0o644, 0o755

#: Open what is there, no link to it, and without waiting for the other end of a pipe.
_PLAINLY = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")
)


@dataclass(frozen=True)
class StagedCode:
    """A copy of the code under test in a private folder, removed by :meth:`close`.

    In it are folders with the modules of gradcheck that a worker can import (``library``), with
    the code, and to run in. ``texts`` are what the copies held when they were made, by their place
    in the folder of the code: that may write to the copies themselves.
    """

    root: Path
    library: Path
    code: Path
    scratch: Path
    target: Target
    texts: Mapping[str, bytes]

    def place(self, claimed: Place | None) -> Place | None:
        """Look up a line that a worker speaks of; None where there is no such line."""
        if claimed is None:
            return None
        file, _, cell = claimed.file.partition(", cell ")
        whole = self.texts.get(file)
        text = _cell(whole, file, claimed.file) if whole is not None and cell else whole
        line = None if text is None else line_of(text, claimed.line)
        if line is None:
            return None
        return Place(self._handed_in(file) + claimed.file[len(file) :], claimed.line, line)

    def _handed_in(self, file: str) -> str:
        """Return the name under which a file was handed in."""
        path, declaration = self.target.path, self.target.declaration
        if path is None:
            return file
        if declaration is not None and file.endswith(DECLARATION):
            return declaration.name
        return path.name if file == staged_name(path) else file

    def close(self) -> None:
        """Remove everything."""
        _remove(self.root)


def stage(target: Target) -> StagedCode:
    """Copy the code under test to a private folder.

    Raises UsageError when a file cannot be read, or a package is too large.
    """
    root = Path(tempfile.mkdtemp(prefix="gradcheck-")).resolve()
    texts: dict[str, bytes] = {}
    try:
        library, code, scratch = root / "library", root / "code", root / "scratch"
        for folder in (library, code, scratch):
            folder.mkdir()
            folder.chmod(_READABLE_FOLDER)
        (library / ARCHIVE).write_bytes(archive())
        _make_readable(library)
        if target.path is not None:
            copy = code / staged_name(target.path)
            texts[copy.name] = _copy_file(target.path, copy)
            if target.declaration is not None:  # beside the copy it is found
                beside = copy.with_suffix(DECLARATION)
                texts[beside.name] = _copy_file(target.declaration, beside)
        elif target.package is not None:
            texts |= _copy_package(target.package, code)
    except OSError as error:
        _remove(root)
        raise UsageError(f"{target.text}: cannot be read: {error.strerror or error}") from None
    except BaseException:  # a signal may come at any time
        _remove(root)
        raise
    return StagedCode(root, library, code, scratch, target, texts)


def _cell(notebook: bytes, file: str, name: str) -> str | bytes | None:
    """Return the text of a cell of a notebook, by the name it runs under."""
    from gradcheck.reading.running import cells  # a launch does not wait for it

    try:
        found, _ = cells(notebook, file)
    except Exception:  # whatever there is in it: then it has no lines
        return None
    return next((text for text, called in found if called == name), None)


def staged_name(path: Path) -> str:
    """Return the name of the copy: the file's own, if it can be written as text."""
    try:
        path.name.encode("utf-8")
    except UnicodeEncodeError:
        return f"submission{path.suffix}"
    return path.name


def _copy_file(source: Path, copy: Path) -> bytes:
    check_path(source)
    # it may have grown, or become a link or a pipe, since it was checked
    with os.fdopen(os.open(source, _PLAINLY), "rb") as file:
        plain = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
        data = file.read(MAX_BYTES + 1) if plain else b""
    if not plain or len(data) > MAX_BYTES:
        raise UsageError(f"{source}: is no plain file of at most {MAX_BYTES} bytes")
    copy.write_bytes(data)
    copy.chmod(_READABLE_FILE)
    return data


def _copy_package(source: Path, folder: Path) -> dict[str, bytes]:
    """Copy the Python files of a package, or a module that is a single file."""
    if source.is_file():
        return {source.name: _copy_file(source, folder / source.name)}
    files = sorted(_python_files(source))
    size = sum(path.lstat().st_size for path in files)
    if len(files) > MAX_FILES or size > MAX_BYTES:
        raise UsageError(
            f"{source}: the package has {len(files)} files with {size} bytes; "
            f"at most {MAX_FILES} and {MAX_BYTES} are read"
        )
    texts = {}
    for path in files:
        copy = folder / source.name / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        data = texts[copy.relative_to(folder).as_posix()] = path.read_bytes()
        copy.write_bytes(data)
    _make_readable(folder)
    return texts


def _python_files(source: Path) -> Iterator[Path]:
    """Yield the Python files of a package; without recursion, for it may be nested at will."""
    waiting = [(source, 1)]
    while waiting:
        folder, depth = waiting.pop()
        if depth > MAX_NESTING:
            raise UsageError(f"{source}: its folders are nested more than {MAX_NESTING} deep")
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((folder / entry.name, depth + 1))
                elif entry.name.endswith(".py") and entry.is_file(follow_symlinks=False):
                    yield folder / entry.name


def _make_readable(root: Path) -> None:
    root.chmod(_READABLE_FOLDER)
    for path in root.rglob("*"):
        path.chmod(_READABLE_FOLDER if path.is_dir() else _READABLE_FILE)


def _remove(root: Path) -> None:
    """Remove a folder, whatever the code under test made of it.

    It may have taken rights away, or nested folders deeper than a path or Python's stack is
    long. So what lies in a folder of the root is moved up into the root, folder by folder.
    What cannot be removed all the same is left: no verdict is lost for it.
    """
    numbers = itertools.count()
    while folders := _emptied_of_files(root):
        progress = False
        for folder in folders:
            for inner in _emptied_of_files(folder):
                with contextlib.suppress(OSError):
                    inner.chmod(stat.S_IRWXU)
                    inner.rename(root / f".gradcheck-{next(numbers)}")
                    progress = True
            with contextlib.suppress(OSError):
                folder.rmdir()
                progress = True
        if not progress:
            return
    with contextlib.suppress(OSError):
        root.rmdir()


def _emptied_of_files(folder: Path) -> list[Path]:
    """Remove what a folder holds and is no folder, and return the folders in it."""
    with contextlib.suppress(OSError):
        folder.chmod(stat.S_IRWXU)
    folders = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                folders.append(folder / entry.name)
                continue
            path = folder / entry.name
            with contextlib.suppress(OSError):
                if os.name == "nt":  # there a file that is closed to writing cannot be removed
                    path.chmod(stat.S_IWRITE)
                path.unlink()
    return folders
