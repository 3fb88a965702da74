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
        Follows :class:`gradcheck.contract.protocol.Implementation`.
    conventions : mapping of str to str
        What this reading takes the code to do, such as
        ``{"weights": "out x in", "samples": "columns"}``. Some of them are read by whoever
        settles the reading: ``loss`` is ``none`` where the code has none, ``among`` says that
        the next readings have other losses of the code, ``beside`` names those that a reading
        without a loss leaves aside, ``widths`` lists
        the sizes the code can be asked for, its own first, ``batch`` the only size of a
        batch, ``networks`` what a declaration says the code computes, by semicolons, and
        ``handles`` is ``batches`` where the source is written for them.
    """

    adapter: str
    implementation: Any
    conventions: Mapping[str, str] = field(default_factory=dict)
