"""Factors of losses and their derivatives: ``2``, ``1/n``, ``1/(2n)``."""

import re
from fractions import Fraction

_FACTOR = re.compile(r"(\d+)?(?:/(?:(\d+)|(n)|\((\d+)n\)))?")


def coefficient(*factors: str) -> str:
    """Multiply factors and write the product; empty where it is one.

    Parameters
    ----------
    factors : str
        Each empty, a whole number or a fraction whose denominator is a number, ``n`` or
        ``(2n)``; ``n`` is the number of outputs.

    Raises
    ------
    ValueError
        When one is something else.
    """
    number, power = Fraction(1), 0
    for factor in factors:
        found = _FACTOR.fullmatch(factor)
        if found is None:
            raise ValueError(f"{factor!r} is no factor")
        number *= Fraction(int(found[1] or 1), int(found[2] or found[4] or 1))
        power += found[3] is not None or found[4] is not None
    above, below = number.numerator, number.denominator
    if not power:
        return "" if number == 1 else str(number)
    outputs = "n" if power == 1 else f"n^{power}"
    return f"{above}/{outputs}" if below == 1 else f"{above}/({below}{outputs})"
