"""What code trains and no reading reads: an array that takes part in its outputs.

Slopes of its own, scales, running means: a verdict on weights and biases alone would pass
over them in silence. They are found by what they do: training changes them, and the
outputs change with them.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from gradcheck.contract.answers import Floats
from gradcheck.reading.foreign_call import UnsuitedError, attempt, members
from gradcheck.reading.paths_to_arrays import Place, find, numeric

#: At most so many are tried.
MOST = 8


def numbers(holder: Any) -> dict[Place, Floats]:
    """Return copies of the arrays and single numbers that an object holds."""
    found = {place: np.array(array) for place, array in find(holder)}
    for name, value in members(holder).items():
        if isinstance(value, float | np.floating):
            found[Place((("attribute", name),))] = np.asarray(float(value))
    return found


def moved(before: dict[Place, Floats], after: dict[Place, Floats]) -> list[Place]:
    """Return the places whose numbers are others now, and as many."""
    return [
        place
        for place, old in before.items()
        if place in after
        and after[place].shape == old.shape
        and not np.array_equal(after[place], old)
    ]


def unread(
    trained: Iterable[Place],
    read: Iterable[Place],
    outputs: Callable[[Place | None], Any],
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
    places = [place for place in trained if place not in known][:MOST]
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
