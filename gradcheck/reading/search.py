"""Trying the adapters in turn, until one can read the code; else saying what came nearest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from types import ModuleType
from typing import Any

from gradcheck.contract.conventions import Conventions, Unrecognised
from gradcheck.errors import Place
from gradcheck.reading import foreign_call as foreign
from gradcheck.reading.loading import Found, Reading, Sources
from gradcheck.reading.target import ADAPTERS, check_name

#: More readings than these of one module are not looked at.
_MOST_READINGS = 400

#: Functions, classes and methods of one class that are listed.
_MOST_LISTED = 6

#: A line that begins so refuses on purpose.
_REFUSES = ("raise", "assert", "sys.exit", "exit", "quit")


def search(code: Any, adapter: str | None, sources: Sources, first: int, seconds: float) -> Found:
    """Try the adapters; see :func:`gradcheck.reading.loading.readings`."""
    names = [check_name(adapter)] if adapter else list(ADAPTERS)
    stopped: list[Reading] = []
    ended, among = False, set(getattr(code, "__gradcheck_among__", ()))
    with foreign.searching(seconds):
        for number, name in enumerate(names[first:], start=first + 1):
            if name == "declaration" and not hasattr(code, "__gradcheck_declaration__"):
                continue  # code without one does not pay for it
            if name not in ("native", "declaration") and not isinstance(code, ModuleType):
                continue
            found, ended = _limited(name, code)
            if among:  # of all functions beside it, readings that call what was handed over
                found = [each for each in found if among & set(each.conventions.called)]
            working = tuple(reading for reading in found if foreign.works(reading))
            if working:
                return Found(_told_of_source(working, code), number)
            stopped += found
            if ended:
                break
    kept = _nearest(code, stopped, sources, ended)
    last = getattr(code, "__gradcheck_last__", None)
    if last is not None and kept.adapter == "native":
        kept = Reading("native", last)
    return Found((kept,), len(names))


def _limited(name: str, code: Any) -> tuple[list[Reading], bool]:
    """List an adapter's readings, and whether the time for trying the code is over.

    What the code does to stop it ends them, no more.
    """
    module, _, function = ADAPTERS[name].partition(":")
    find = getattr(import_module(f"gradcheck.reading.{module}"), function)
    found: list[Reading] = []
    working = 0
    try:
        for reading in find(code):
            found.append(reading)
            working += foreign.works(reading)
            if working == _MOST_READINGS:
                break
    except (KeyboardInterrupt, MemoryError):
        raise
    except foreign.SearchEndedError:
        return found, True
    except BaseException:  # the code may raise anything, from a property or a constructor
        pass
    return found, False


def _told_of_source(found: tuple[Reading, ...], code: Any) -> tuple[Reading, ...]:
    """Add what the source says of batches.

    Code that counts the classes of a batch is asked those in which the last one occurs.
    """
    if found[0].adapter == "native":
        return found
    from gradcheck.reading import layout, source  # native code does not pay for it

    batches = source.handles_batches(code)
    labels = any(each.conventions.labels for each in found)
    counts = labels and source.counts_classes(code)

    def told(each: Reading) -> Reading:
        last = counts and each.conventions.labels
        conventions = replace(each.conventions, for_batches=batches, last_class=last)
        code = layout.WithLastClass(each.implementation) if last else each.implementation
        return replace(each, implementation=code, conventions=conventions)

    return tuple(map(told, found))


def _nearest(code: Any, stopped: Sequence[Reading], sources: Sources, ended: bool) -> Reading:
    """Return the reading that came farthest, if it is the code itself that stops it.

    Otherwise the code as it is, with what was found in it, and what the nearest reading
    was stopped by, for conventions. ``ended`` says that the time for trying was over.
    """
    nearest = max((_Stop.of(each, sources) for each in stopped), key=_Stop.rank, default=None)
    if nearest is not None and nearest.theirs:
        return nearest.reading
    found = Unrecognised(_contents(code), nearest.told(sources) if nearest else "", ended=ended)
    if nearest is not None and nearest.place is not None and nearest.stage != foreign.WAS_MADE:
        found = replace(found, file=nearest.place.file, line=nearest.place.line)
    return Reading("native", code, Conventions(unrecognised=found))


@dataclass(frozen=True)
class _Stop:
    """A reading that does not work: how far it came, what was raised, and where in the code."""

    reading: Reading
    stage: int
    why: foreign.UnsuitedError
    place: Place | None
    line: int

    @classmethod
    def of(cls, reading: Reading, sources: Sources) -> "_Stop":
        broken = reading.implementation
        assert isinstance(broken, foreign.Broken)
        called = sources.find(broken.why.trail[::-1])
        place = sources.find(broken.why.trail)
        return cls(reading, broken.stage, broken.why, place, called.line if called else 0)

    @property
    def gives_nothing(self) -> bool:
        """Whether it ran to its end, and returned no array: what other guesses raise tells less."""
        return self.stage == foreign.RAN_FORWARD and self.why.what.endswith(foreign.NO_ARRAY)

    @property
    def theirs(self) -> bool:
        """Whether what was raised is the code's doing, and not that of a guess of ours."""
        if self.gives_nothing:
            return True
        if self.place is None:
            return False
        refuses = self.stage == foreign.WAS_MADE and self.place.text.startswith(_REFUSES)
        return self.why.sure or self.stage == foreign.RAN_FORWARD or refuses

    def rank(self) -> tuple[bool, int, bool, bool, bool, int]:
        """How far a reading came; of two in the same function the one with the later line."""
        there = self.place is not None
        return self.theirs, self.stage, self.why.sure, self.gives_nothing, there, self.line

    def told(self, sources: Sources) -> str:
        """Say what was tried, and what stopped it; not what our guess of an object raised."""
        adapter, conventions = self.reading.adapter, self.reading.conventions
        made = conventions.class_name
        if self.stage == foreign.WAS_MADE:
            return f"{adapter}, but how an object of {made or 'it'} is made is unknown"
        asked = ", ".join(conventions.called) or "loss"
        asked = f"{made}: {asked}" if made else asked
        where = f"{self.place.told(sources.main)}: " if self.place else ""
        return f"{adapter} ({asked}), stopped by {where}{self.why.what}"


def _contents(code: Any) -> str:
    """List functions with their arguments, and classes with their methods."""
    if not isinstance(code, ModuleType):
        return ""
    made = [f"{name}({_taken(function)})" for name, function in foreign.functions(code).items()]
    parts = [_some("function", "functions", made)] if made else []
    kinds = []
    for name, cls in foreign.classes(code).items():
        inside = [f"{m}({_taken(f)})" for m, f in foreign.methods(cls).items() if m[:1] != "_"]
        listed = ", ".join(inside[:_MOST_LISTED]) + (", …" if len(inside) > _MOST_LISTED else "")
        kinds.append(f"{name}({_taken(cls)}){' with ' + listed if listed else ''}")
    parts += [_some("class", "classes", kinds)] if kinds else []
    return "; ".join(parts)


def _some(noun: str, plural: str, items: list[str]) -> str:
    more = f" and {len(items) - _MOST_LISTED} more" if len(items) > _MOST_LISTED else ""
    return f"the {plural if len(items) > 1 else noun} {', '.join(items[:_MOST_LISTED])}{more}"


def _taken(function: Any) -> str:
    try:
        names = [parameter.name for parameter in foreign.arguments(function)]
    except foreign.UnsuitedError:
        return "…"
    return ", ".join(names[1:] if names[:1] == ["self"] else names)
