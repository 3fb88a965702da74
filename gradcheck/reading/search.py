"""Trying the adapters in turn, until one can read the code."""

import math
from dataclasses import dataclass, replace
from importlib import import_module
from types import ModuleType
from typing import Any

from gradcheck.errors.lines import Anywhere, Sources
from gradcheck.reading.foreign_call import Reading, SearchEndedError, searching, works
from gradcheck.reading.registry import ADAPTERS, check_name

#: More readings than these of one module are not looked at.
MOST = 400


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


def readings(
    code: Any,
    adapter: str | None = None,
    sources: Sources | None = None,
    first: int = 0,
    seconds: float = math.inf,
) -> Found:
    """Return the ways in which a module or object can be read, the likeliest first.

    Only readings of the first adapter that finds any are returned. Where nothing is
    found the nearest is, if the code itself is what stops it; else the code is read as
    native, and the conventions say what it has.

    Parameters
    ----------
    adapter : str, optional
        The only adapter to try.
    sources : Sources, optional
        The code's own lines.
    first : int
        The number of the adapter to begin with.
    seconds : float
        For how long the code is tried.

    Raises
    ------
    UsageError
        When there is no adapter of that name.
    """
    names = [check_name(adapter)] if adapter else list(ADAPTERS)
    stopped: list[Reading] = []
    ended = False
    with searching(seconds):
        for number, name in enumerate(names[first:], start=first + 1):
            if name == "declaration" and not hasattr(code, "__gradcheck_declaration__"):
                continue  # code without one does not pay for it
            if name not in ("native", "declaration") and not isinstance(code, ModuleType):
                continue
            found, ended = _limited(name, code)
            found = [reading for reading in found if _is_about(reading, code)]
            working = tuple(reading for reading in found if works(reading))
            if working:
                return Found(_of_classes(_of_batches(working, code), code), number)
            stopped += found
            if ended:
                break
    from gradcheck.reading.nearest import nearest  # native code does not pay for it

    kept = nearest(code, stopped, sources or Anywhere(code), ended)
    last = getattr(code, "__gradcheck_last__", None)
    if last is not None and (kept is None or kept.adapter == "native"):
        return Found((Reading("native", last),), len(names))
    return Found((kept or Reading("native", code),), len(names))


def _is_about(reading: Reading, code: Any) -> bool:
    """Whether a reading calls the one function that was handed over, of all that are beside it."""
    among = getattr(code, "__gradcheck_among__", ())
    told = " ".join(reading.conventions.get(key, "") for key in ("functions", "function", "calls"))
    return not among or bool(set(among) & set(told.replace(",", " ").split()))


def _of_batches(found: tuple[Reading, ...], code: Any) -> tuple[Reading, ...]:
    """Add what the source says of batches."""
    if found[0].adapter == "native":
        return found
    from gradcheck.reading.batching import handles_batches  # native code does not pay for it

    if not handles_batches(code):
        return found
    return tuple(
        replace(each, conventions={**each.conventions, "handles": "batches"}) for each in found
    )


def _of_classes(found: tuple[Reading, ...], code: Any) -> tuple[Reading, ...]:
    """Ask code that counts the classes of a batch those in which the last one occurs."""
    if not any("labels" in r.conventions.get("targets", "") for r in found):
        return found
    from gradcheck.reading.batching import WithLastClass, counts_classes

    if not counts_classes(code):
        return found
    return tuple(
        replace(
            each,
            implementation=WithLastClass(each.implementation),
            conventions={**each.conventions, "targets": f"{told}, the last class in every batch"},
        )
        if "labels" in (told := each.conventions.get("targets", ""))
        else each
        for each in found
    )


def _limited(name: str, code: Any) -> tuple[list[Reading], bool]:
    """List an adapter's readings; what the code does to stop it ends them, no more.

    Returns
    -------
    readings : list of Reading
    ended : bool
        The time for trying the code is over.
    """
    find = import_module(f"gradcheck.reading.{ADAPTERS[name]}").find
    found: list[Reading] = []
    working = 0
    try:
        for reading in find(code):
            found.append(reading)
            working += works(reading)
            if working == MOST:
                break
    except (KeyboardInterrupt, MemoryError):
        raise
    except SearchEndedError:
        return found, True
    except BaseException:  # the code may raise anything, from a property or a constructor
        return found, False
    return found, False
