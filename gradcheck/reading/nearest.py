"""Where no adapter can read code: what there is in it, and which reading came nearest.

What code trains and no reading reads: an array that takes part in its outputs.

Slopes of its own, scales, running means: a verdict on weights and biases alone would pass
over them in silence. They are found by what they do: training changes them, and the
outputs change with them.
"""

from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from gradcheck.contract.answers import Floats
from gradcheck.errors.lines import Place, Sources
from gradcheck.reading.foreign_call import (
    RAN_FORWARD,
    WAS_MADE,
    Broken,
    Reading,
    UnsuitedError,
    arguments,
    attempt,
    classes,
    functions,
    members,
    methods,
)
from gradcheck.reading.paths import ArrayPath, find, numeric
from gradcheck.reading.returned import NO_ARRAY

#: Functions, classes and methods of one class that are listed.
MOST_LISTED = 6

#: A line that begins so refuses on purpose.
_REFUSES = ("raise", "assert", "sys.exit", "exit", "quit")


def nearest(code: Any, stopped: Sequence[Reading], sources: Sources, ended: bool) -> Reading | None:
    """Return the reading that came farthest, if it is the code itself that stops it.

    Otherwise the code as it is, with what was found in it, and what the nearest reading
    was stopped by, for conventions; None where there is nothing to say. ``ended`` says that
    the time for trying was over.
    """
    ranked = sorted(stopped, key=lambda reading: _rank(reading, sources), reverse=True)
    if ranked and _theirs(ranked[0], sources):
        return ranked[0]
    told = {
        "found": _contents(code),
        "nearest": _told(ranked[0], sources) if ranked else "",
        "ended": "its functions take long, so that not every way was tried" if ended else "",
    }
    place = _place(ranked[0], sources) if ranked else None
    if place is not None and _broken(ranked[0]).stage != WAS_MADE:
        told |= {"nearest_file": place.file, "nearest_line": str(place.line)}
    told = {key: value for key, value in told.items() if value}
    return Reading("native", code, told) if told else None


def _place(reading: Reading, sources: Sources) -> Place | None:
    return sources.find(_broken(reading).why.trail)


def _broken(reading: Reading) -> Broken:
    implementation = reading.implementation
    assert isinstance(implementation, Broken)
    return implementation


def _theirs(reading: Reading, sources: Sources) -> bool:
    """Whether what was raised is the code's doing, and not that of a guess of ours."""
    stopped, place = _broken(reading), _place(reading, sources)
    if _gives_nothing(reading):
        return True
    if place is None:
        return False
    refuses = stopped.stage == WAS_MADE and place.text.startswith(_REFUSES)
    return stopped.why.sure or stopped.stage == RAN_FORWARD or refuses


def _rank(reading: Reading, sources: Sources) -> tuple[bool, int, bool, bool, bool, int]:
    """How far a reading came; of two in the same function the one with the later line."""
    stopped, place = _broken(reading), _place(reading, sources)
    called = sources.called(stopped.why.trail)
    line = called.line if called else 0
    theirs = _theirs(reading, sources)
    return (
        theirs,
        stopped.stage,
        stopped.why.sure,
        _gives_nothing(reading),
        place is not None,
        line,
    )


def _gives_nothing(reading: Reading) -> bool:
    """Whether it ran to its end, and returned no array: what other guesses raise tells less."""
    stopped = _broken(reading)
    return stopped.stage == RAN_FORWARD and stopped.why.what.endswith(NO_ARRAY)


def _told(reading: Reading, sources: Sources) -> str:
    """Say what was tried, and what stopped it. What our guess of an object raised is not told."""
    stopped, place = _broken(reading), _place(reading, sources)
    told = reading.conventions
    asked = told.get("calls") or told.get("functions") or told.get("function") or "loss"
    asked = f"{told['class']}: {asked}" if "class" in told else asked
    if stopped.stage == WAS_MADE:
        return (
            f"{reading.adapter}, but how an object of {told.get('class', 'it')} is made is unknown"
        )
    where = f"{place.told(sources.main)}: " if place else ""
    return f"{reading.adapter} ({asked}), stopped by {where}{stopped.why.what}"


def _contents(code: Any) -> str:
    """List functions with their arguments, and classes with their methods."""
    if not isinstance(code, ModuleType):
        return ""
    made = [f"{name}({_taken(function)})" for name, function in functions(code).items()]
    parts = [_some("function", made)] if made else []
    kinds = []
    for name, cls in classes(code).items():
        inside = [f"{m}({_taken(f)})" for m, f in methods(cls).items() if m[:1] != "_"]
        listed = ", ".join(inside[:MOST_LISTED]) + (", …" if len(inside) > MOST_LISTED else "")
        kinds.append(f"{name}({_taken(cls)}){' with ' + listed if listed else ''}")
    parts += [_some("class", kinds)] if kinds else []
    return "; ".join(parts)


def _some(noun: str, items: list[str]) -> str:
    plural = {"class": "classes"}.get(noun, f"{noun}s") if len(items) > 1 else noun
    more = f" and {len(items) - MOST_LISTED} more" if len(items) > MOST_LISTED else ""
    return f"the {plural} {', '.join(items[:MOST_LISTED])}{more}"


def _taken(function: Any) -> str:
    try:
        names = [parameter.name for parameter in arguments(function)]
    except UnsuitedError:
        return "…"
    return ", ".join(names[1:] if names[:1] == ["self"] else names)


#: At most so many are tried.
MOST_ARRAYS = 8


def numbers(holder: Any) -> dict[ArrayPath, Floats]:
    """Return copies of the arrays and single numbers that an object holds."""
    found = {place: np.array(array) for place, array in find(holder)}
    for name, value in members(holder).items():
        if isinstance(value, float | np.floating):
            found[ArrayPath((("attribute", name),))] = np.asarray(float(value))
    return found


def moved(before: dict[ArrayPath, Floats], after: dict[ArrayPath, Floats]) -> list[ArrayPath]:
    """Return the places whose numbers are others now, and as many."""
    return [
        place
        for place, old in before.items()
        if place in after
        and after[place].shape == old.shape
        and not np.array_equal(after[place], old)
    ]


def unread(
    trained: Iterable[ArrayPath],
    read: Iterable[ArrayPath],
    outputs: Callable[[ArrayPath | None], Any],
) -> tuple[str, ...]:
    """Name what is trained, takes part in the outputs, and is not read.

    Parameters
    ----------
    trained : iterable of Place
        What training changes.
    read : iterable of Place
        The weights and biases.
    outputs : callable
        ``outputs(place)`` runs the forward afresh with the numbers there changed, or none.
    """
    known = set(read)
    names: list[str] = []
    places = [place for place in trained if place not in known][:MOST_ARRAYS]
    if not places:
        return ()
    try:
        plain = numeric(np.asarray(attempt(lambda: outputs(None)), dtype=float))
        for place in places:
            other = numeric(np.asarray(attempt(lambda p=place: outputs(p)), dtype=float))  # type: ignore[misc]
            same = plain is None or other is None or np.allclose(plain, other, rtol=1e-9, atol=0)
            if not same and place.name not in names:
                names.append(place.name)
    except (UnsuitedError, TypeError, ValueError):
        return tuple(names)
    return tuple(names)


def changed(array: Any) -> Any:
    """Return other numbers of the same shape."""
    return np.asarray(array, dtype=float) * 1.3 + 0.21
