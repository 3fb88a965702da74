"""The limits of gradcheck's own process: a process of the same user can lower them."""

import contextlib
import sys
from collections.abc import Mapping

if sys.platform != "win32":
    import resource


Limits = Mapping[str, tuple[int, int]]


def known() -> Limits:
    """Return the limits by name, soft and hard."""
    if sys.platform == "win32":
        return {}
    return {name: _limit(name) for name in dir(resource) if name.startswith("RLIMIT_")}


def changed(since: Limits) -> list[str]:
    """Return the names of limits that are no longer what they were, and put back what can be.

    A soft limit can be raised up to the hard one by anybody, a hard one by root alone.
    """
    if sys.platform == "win32":
        return []
    names = []
    for name, before in since.items():
        now = _limit(name)
        if now == before:
            continue
        names.append(name)
        for limits in (before, (_least(before[0], now[1]), now[1])):
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(getattr(resource, name), limits)
                break
    return names


def _limit(name: str) -> tuple[int, int]:
    return resource.getrlimit(getattr(resource, name))


def _least(first: int, second: int) -> int:
    """Return the smaller of two limits; -1 stands for none."""
    limits = [limit for limit in (first, second) if limit != resource.RLIM_INFINITY]
    return min(limits, default=resource.RLIM_INFINITY)
