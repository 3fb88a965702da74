"""The modules of gradcheck that run beside the code under test, in one archive.

Oracle, bugs, diagnosis and implementations are not among them. Python imports from a zip
archive as from a folder; one file is written faster than a hundred. It holds bytecode, since
a worker must not write, and would compile the modules every time. Where Python keeps no
bytecode here either, it holds source: a worker compiles only what it uses.
"""

import functools
import importlib.machinery
import importlib.util
import io
import marshal
import sys
import zipfile
from pathlib import Path

#: The modules of gradcheck that a worker can import; a folder stands for all its modules.
VISIBLE = (
    "__init__",
    "adapters",
    "contract",
    "errors",
    "reading",
    "execution/__init__",
    "execution/calling",
    "execution/confinement",
    "execution/messages",
    "execution/system_calls",
    "execution/wire",
    "execution/worker",
)

#: Name of the archive.
ARCHIVE = "gradcheck.zip"


@functools.cache
def archive() -> bytes:
    """Return the archive's bytes."""
    package = Path(__file__).resolve().parents[1]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as zipped:
        for name in VISIBLE:
            source = package / name
            files = sorted(source.rglob("*.py")) if source.is_dir() else [source.with_suffix(".py")]
            for file in files:
                suffix, content = _module(file)
                place = Path("gradcheck") / file.relative_to(package).with_suffix(suffix)
                # without a date: equal bytes
                zipped.writestr(zipfile.ZipInfo(place.as_posix()), content)
    return buffer.getvalue()


def _module(file: Path) -> tuple[str, bytes]:
    """Return a module's suffix and content: bytecode with a header (PEP 552), or its source."""
    kept = Path(importlib.util.cache_from_source(str(file)))
    if sys.dont_write_bytecode and not kept.exists():
        return ".py", file.read_bytes()
    code = importlib.machinery.SourceFileLoader(file.stem, str(file)).get_code(file.stem)
    return ".pyc", importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(code)
