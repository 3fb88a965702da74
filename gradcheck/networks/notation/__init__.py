"""How things are told to the author of code: in the layout and the names of that code."""

from gradcheck.networks.notation.notation import NATIVE, Notation

__all__ = ["NATIVE", "Notation"]
