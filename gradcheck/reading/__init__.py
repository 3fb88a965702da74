"""How foreign interfaces are plugged in: each is read as an implementation of the contract.

This package runs beside the code under test, in its process; it knows nothing of
truth, oracle or verdict. Which of several readings holds is settled from outside,
by what the code computes (:mod:`gradcheck.networks.inference`). Names are fetched when
they are used: a command line that only names an adapter loads no numpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradcheck.reading.declared import Declaration
    from gradcheck.reading.foreign_call import Reading
    from gradcheck.reading.registry import PLAIN, LoadOptions, check_name
    from gradcheck.reading.search import readings

_HOMES = {
    "PLAIN": "registry",
    "Declaration": "declared",
    "LoadOptions": "registry",
    "Reading": "foreign_call",
    "check_name": "registry",
    "readings": "search",
}

__all__ = ["PLAIN", "Declaration", "LoadOptions", "Reading", "check_name", "readings"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gradcheck.reading' has no attribute {name!r}")
    return getattr(import_module(f"gradcheck.reading.{_HOMES[name]}"), name)
