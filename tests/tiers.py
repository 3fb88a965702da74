"""Which cases of a long family are tried whenever pytest runs, and which where there is time."""

from collections.abc import Iterable
from typing import Any

import pytest


def telling(cases: Iterable[Any], every: int = 3) -> list[Any]:
    """Mark cases of a family as slow, but for the first of each so many."""
    return [
        pytest.param(*_values(case), marks=pytest.mark.slow if index % every else ())
        for index, case in enumerate(cases)
    ]


def _values(case: Any) -> tuple[Any, ...]:
    return case if isinstance(case, tuple) else (case,)
