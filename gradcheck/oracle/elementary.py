"""Elementary functions of real numbers, and of complex ones close to the real axis.

The complex step asks for ``f(x + iy)`` with y of 1e-50. Written in x and y by the textbook
(Abramowitz and Stegun, Handbook of Mathematical Functions, ch. 4), these functions hold
cos y, sin y and the angle of a number; up to :data:`_TINY` these are 1, y and y / x to the
last bit. What remains are real functions, which are five to thirty times faster.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Real or complex, any shape.
Array = NDArray[Any]

#: Up to this angle the first term of each series is all that float64 can tell.
_TINY = 2.0**-27


def exp(z: Array) -> Array:
    """``e^x (cos y + i sin y)``.

    Parameters
    ----------
    z : array
        ``x + iy``, or real: any shape.

    Returns
    -------
    array
        Of the same shape, complex where z is.
    """
    if not _close(z):
        power: Array = np.exp(z)
        return power
    size = np.exp(np.ascontiguousarray(z.real))  # numpy's powers of every other number are slow
    return _complex(size, size * z.imag)


def log(z: Array) -> Array:
    """``log |z| + i arctan(y / x)``.

    Parameters
    ----------
    z : array
        ``x + iy``, or real: any shape.

    Returns
    -------
    array
        Of the same shape, complex where z is.
    """
    if not _close(z) or not (np.abs(z.imag) < _TINY * z.real).all():
        result: Array = np.log(z)
        return result
    return _complex(np.log(z.real), z.imag / z.real)


def tanh(z: Array) -> Array:
    """``(sinh x cosh x + i sin y cos y) / (cosh^2 x - sin^2 y)``.

    Parameters
    ----------
    z : array
        ``x + iy``, or real: any shape.

    Returns
    -------
    array
        Of the same shape, complex where z is.
    """
    if not _close(z):
        result: Array = np.tanh(z)
        return result
    shrunk = np.exp(-np.abs(z.real))
    one_over_cosh = 2.0 * shrunk / (1.0 + shrunk * shrunk)  # never overflows
    return _complex(np.tanh(z.real), z.imag * one_over_cosh * one_over_cosh)


def logistic(z: Array) -> Array:
    """``1 / (1 + e^-z)``, that is ``(1 + e^-x (cos y + i sin y)) / |1 + e^-z|^2``.

    Parameters
    ----------
    z : array
        ``x + iy``, or real: any shape.

    Returns
    -------
    array
        Of the same shape, complex where z is.
    """
    if not np.iscomplexobj(z):
        with np.errstate(over="ignore"):  # 1 / inf is right
            share: Array = 1.0 / (1.0 + np.exp(-z))
        return share
    if _close(z):
        x = np.ascontiguousarray(z.real)
        shrunk = np.exp(-np.abs(x))  # never overflows
        half = 1.0 / (1.0 + shrunk)
        return _complex(np.exp(np.minimum(x, 0.0)) * half, z.imag * shrunk * half * half)
    right = z.real >= 0
    turned: Array = np.exp(np.where(right, -z, z))
    result: Array = np.where(right, 1.0, turned) / (1.0 + turned)
    return result


def _close(z: Array) -> bool:
    return np.iscomplexobj(z) and bool((np.abs(z.imag) < _TINY).all())


def _complex(real: Array, imag: Array) -> Array:
    result = np.empty(real.shape, dtype=np.complex128)
    result.real, result.imag = real, imag
    return result
