"""Work in blocks, so that memory stays bounded however large a network is."""

from collections.abc import Iterator
from functools import cache

import numpy as np

from gradcheck.contract.posed import Floats

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
