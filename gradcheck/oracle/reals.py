"""Reading numbers as float64, where nothing may be lost on the way."""

from typing import Any

import numpy as np

from gradcheck.contract.answers import Floats
from gradcheck.errors import UsageError

#: What to do about complex numbers.
_SPLIT = (
    "only real numbers are differenced: split it into real and imaginary parts, as in "
    "{'re': z.real, 'im': z.imag}, with a function of both that returns one real number"
)


def real(value: Any, what: str) -> Floats:
    """Return a float64 copy of what someone handed over.

    Parameters
    ----------
    value : array_like
    what : str
        What it is, for the message.

    Raises
    ------
    UsageError
        For complex numbers, whose imaginary part NumPy would drop with a warning at most
        (one of zeros too: it may be so by chance), for masked entries, and for what is no
        array of numbers.
    """
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O":
            array = np.array([_number(item) for item in array.flat]).reshape(array.shape)
        if array.dtype.kind == "c":
            raise UsageError(f"{what} is complex; {_SPLIT}")
        if np.ma.is_masked(value):
            raise UsageError(f"{what} has masked entries; leave them out, or fill them")
        if array.dtype.kind not in "fiub":
            raise UsageError(f"{what} must hold numbers; got an array of {array.dtype}")
        return np.array(array, dtype=float)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{what} must be an array of numbers: {error}") from None


def short_floats(value: Any) -> str:
    """Name the arithmetic of an array that has fewer digits than float64; else empty."""
    kind = np.asarray(value).dtype
    return kind.name if kind.kind == "f" and kind.itemsize < 8 else ""


def real_number(value: Any, what: str) -> float:
    """Return one number as a float; see :func:`real`."""
    if isinstance(value, float):
        return float(value)
    array = real(value, what)
    if array.size != 1:
        raise UsageError(f"{what} must be one number; got an array of shape {array.shape}")
    return float(array.reshape(()))


def _number(item: Any) -> Any:
    return item if isinstance(item, complex | np.complexfloating) else float(item)
