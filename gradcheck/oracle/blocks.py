"""Work in blocks, so that memory stays bounded however large a network is."""

from collections.abc import Iterator
from functools import cache

import numpy as np

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


def blocks(count: int, numbers: int, size: int = 8) -> Iterator[slice]:
    """Cut ``range(count)`` into slices that stay in bounds; one item at least in each.

    Parameters
    ----------
    numbers : int
        How many numbers an item takes.
    size : int
        Bytes a number: 16 for complex ones.
    """
    together = max(1, BLOCK // (numbers * size * TEMPORARIES))
    for start in range(0, count, together):
        yield slice(start, min(start + together, count))
