"""Which reading of foreign code holds, and what the code computes.

A generator asks each reading a few small problems and holds its outputs and its loss
against the reference forward of every definition. No derivative is looked at, but where
the code has no loss: then that is inferred from its gradient, and said.
"""

from collections.abc import Generator

from gradcheck.protocol import Observation, Request
from gradcheck.settling.session import Settled
from gradcheck.settling.settle import settle
from gradcheck.settling.settlement import Settlement

Questions = Generator[Request, Observation, Settlement]

__all__ = ["Questions", "Settled", "Settlement", "settle"]
