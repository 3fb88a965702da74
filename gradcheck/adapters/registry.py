"""The adapters there are, in the order in which they are tried."""

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from gradcheck.adapters.broken import Broken
from gradcheck.adapters.reading import Reading
from gradcheck.errors import UsageError

#: Name of an adapter, and the module that finds its readings.
ADAPTERS: dict[str, str] = {
    "native": "native",
    "declaration": "declared",
    "cs231n": "cs231n",
    "nielsen": "nielsen",
    "deeplearning.ai": "deeplearning_ai",
    "flat vector": "flat_vector",
    "gradients": "gradients",
    "in place": "in_place",
    "script": "script",
}

#: More readings than these of one module are not looked at.
MOST = 400


def check_name(name: str) -> str:
    """Return an adapter's full name from what a user typed.

    Raises
    ------
    UsageError
        When there is none of that name; those there are, are listed.
    """
    short = {_short(known): known for known in ADAPTERS}
    if _short(name) not in short:
        raise UsageError(
            f"there is no adapter {name!r}; choose one of: "
            f"{', '.join(known.replace(' ', '-') for known in ADAPTERS)}"
        )
    return short[_short(name)]


def _short(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def readings(code: Any, adapter: str | None = None) -> tuple[Reading, ...]:
    """Return the ways in which a module or object can be read, the likeliest first.

    Only readings of the first adapter that finds any are returned. Where nothing is
    found the code is read as native, which says what is missing when it is asked.

    Parameters
    ----------
    adapter : str, optional
        The only adapter to try.

    Raises
    ------
    UsageError
        When there is no adapter of that name.
    """
    names = [check_name(adapter)] if adapter else list(ADAPTERS)
    stopped: tuple[Reading, ...] = ()
    for name in names:
        if name not in ("native", "declaration") and not isinstance(code, ModuleType):
            continue
        found = tuple(_limited(name, code))
        if any(not isinstance(reading.implementation, Broken) for reading in found):
            return found
        stopped = stopped or found
    return stopped or (Reading("native", code),)


def _limited(name: str, code: Any) -> Iterator[Reading]:
    """Yield an adapter's readings; what the code does to stop it ends them, no more."""
    find = import_module(f"gradcheck.adapters.{ADAPTERS[name]}").find
    try:
        for count, reading in enumerate(find(code)):
            if count == MOST:
                return
            yield reading
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException:  # the code may raise anything, from a property or a constructor
        return
