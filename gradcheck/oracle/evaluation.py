"""Evaluating functions: elementary ones close to the real axis, and all of them in blocks.

The complex step asks for ``f(x + iy)`` with y of 1e-50. Written in x and y by the textbook
(Abramowitz and Stegun, Handbook of Mathematical Functions, ch. 4), these functions hold
cos y, sin y and the angle of a number; up to :data:`_TINY` these are 1, y and y / x to the
last bit. What remains are real functions, which are five to thirty times faster.

Blocks keep memory bounded, however large a network is.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradcheck.contract.posed import Floats

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


#: Largest block evaluated at once, in bytes: larger ones leave the processor's caches.
BLOCK = 8 * 2**20

#: Arrays of a block's size that numpy holds at once while it evaluates an activation.
TEMPORARIES = 6


@cache
def keep_memory() -> None:
    """Have the C library keep freed memory for the next block; once a process.

    glibc gives it back to the system, which faults it in again page by page. Having freed one
    array of this size, it keeps as much.
    """
    np.empty(BLOCK, dtype=np.uint8)


def blocks(count: int, numbers: int, size: int = 8, least: int = 1) -> Iterator[slice]:
    """Cut ``range(count)`` into slices that stay in bounds.

    Parameters
    ----------
    count : int
        How many items there are.
    numbers : int
        How many numbers an item takes.
    size : int
        Bytes a number: 16 for complex ones.
    least : int
        Items in each slice but the last, whatever they take.

    Yields
    ------
    slice
        In order; together they are all items.
    """
    together = max(least, BLOCK // (numbers * size * TEMPORARIES))
    for start in range(0, count, together):
        yield slice(start, min(start + together, count))


def rows_of(w: Floats, inputs: Floats, copies: int) -> Iterator[slice]:
    """Cut a layer's weights into blocks of rows, to be multiplied by its inputs one by one.

    Each has as many rows as there are samples, at least: with fewer, it would take longer to
    sum the products than to form them.

    Parameters
    ----------
    w : array
        (n[l-1], n[l]).
    inputs : array
        (N, n[l-1]).
    copies : int
        How many arrays like them are held at once.

    Returns
    -------
    iterator of slice
        Of the n[l-1] rows, in order.
    """
    return blocks(len(w), copies * (w.shape[1] + len(inputs)), least=len(inputs))
