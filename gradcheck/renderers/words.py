"""How numbers and names are written for people."""

from typing import Any


def number(value: Any, digits: int = 6) -> str:
    """Write a number of a record, which may be one of the strings nan, inf and -inf."""
    if isinstance(value, str):
        return value
    return f"{value:.{digits}g}"


def one_part_in(resolution: Any) -> str:
    """Write a resolution as the smallest error that would have been seen."""
    if isinstance(resolution, str) or resolution <= 0:
        return "not known"
    return f"1 part in {1 / resolution:.0e}".replace("e+", "e").replace("e0", "e")


def clean(text: str) -> str:
    """Make foreign text safe for a terminal: control characters are shown, not obeyed."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def count(n: int, noun: str) -> str:
    """``1 sample``, ``3 samples``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
