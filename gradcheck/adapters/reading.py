"""A reading: one way to understand a module as an implementation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Reading:
    """One way to understand code as an implementation.

    Attributes
    ----------
    adapter : str
        ``native``, ``cs231n``, ...
    implementation : object
        Follows :class:`gradcheck.protocol.Implementation`.
    conventions : mapping of str to str
        What this reading takes the code to do, such as
        ``{"weights": "out x in", "samples": "columns"}``.
    """

    adapter: str
    implementation: Any
    conventions: Mapping[str, str] = field(default_factory=dict)


def readings(code: Any) -> tuple[Reading, ...]:
    """Return the ways in which a module or object can be read, the likeliest first."""
    return (Reading("native", code),)
