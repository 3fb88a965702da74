"""How foreign interfaces are plugged in: each is read as an implementation of the contract.

This package runs beside the code under test, in its process; it knows nothing of
truth, oracle or verdict. Which of several readings holds is settled from outside,
by what the code computes (:mod:`gradcheck.settling`).
"""

from gradcheck.adapters.declaration import Declaration
from gradcheck.adapters.manner import PLAIN, Manner
from gradcheck.adapters.reading import Reading
from gradcheck.adapters.registry import check_name, readings

__all__ = ["PLAIN", "Declaration", "Manner", "Reading", "check_name", "readings"]
