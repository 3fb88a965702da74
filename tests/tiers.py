"""Which cases of a long family are tried always, and which where there is time, or much."""

import os
from collections.abc import Iterable
from typing import Any

import pytest

#: Nothing is left out of a family, however long it takes.
THOROUGH = os.environ.get("GRADCHECK_PROFILE") == "thorough"


def sampled(cases: Iterable[Any], every: int = 2) -> list[Any]:
    """Leave out cases of a kind that others are of, but for the first of each so many.

    ``GRADCHECK_PROFILE=thorough`` leaves none out.
    """
    return list(cases)[:: 1 if THOROUGH else every]


def telling(cases: Iterable[Any], every: int = 3) -> list[Any]:
    """Mark cases of a family as slow, but for the first of each so many."""
    return [
        pytest.param(*_values(case), marks=pytest.mark.slow if index % every else ())
        for index, case in enumerate(cases)
    ]


def _values(case: Any) -> tuple[Any, ...]:
    return case if isinstance(case, tuple) else (case,)
