"""The contract itself: ``loss_and_grads(network, params, batch)``."""

import inspect
from collections.abc import Iterator
from typing import Any

from gradcheck.reading.foreign_call import Reading
from gradcheck.reading.names import is_gradient, is_weight, role_of

#: Arguments of the optional functions.
OPTIONAL = {"forward": 3, "step": 4}

#: What a first argument may be where it is no network: then the function has another purpose.
OTHERS = ("x", "y", "output", "parameters", "weights", "biases", "cache")


def find(code: Any) -> Iterator[Reading]:
    """Yield the code itself, if it follows the contract."""
    if callable(getattr(code, "loss_and_grads", None)):
        yield Reading("native", code, {f"aside {n}": text for n, text in _aside(code).items()})


def _aside(code: Any) -> dict[str, str]:
    """Return the functions that have the name of an optional one and other arguments."""
    found = {}
    for name, count in OPTIONAL.items():
        try:
            signature = inspect.signature(getattr(code, name))
        except (AttributeError, TypeError, ValueError):
            continue
        try:
            given = list(signature.bind(*range(count)).arguments)
        except TypeError:
            given = []
        first = given[0] if given else ""
        if not given or role_of(first, OTHERS) or is_weight(first) or is_gradient(first):
            found[name] = f"{name}({', '.join(signature.parameters)})"
    return found
