"""Functions and methods that return gradients, with or without a loss."""

from collections.abc import Iterator
from typing import Any

from gradcheck.adapters import returner
from gradcheck.adapters.broken import works
from gradcheck.adapters.calling import functions
from gradcheck.adapters.deeplearning_ai import read
from gradcheck.adapters.functions import Chain
from gradcheck.adapters.names import gives_gradients, plain
from gradcheck.adapters.reading import Reading


def find(module: Any) -> Iterator[Reading]:
    """Yield the readings of functions and methods named after gradients or backprop."""
    own = functions(module)
    forwards = [
        f for name, f in own.items() if "forward" in plain(name) or plain(name) == "predict"
    ]
    for name, function in own.items():
        if not gives_gradients(name):
            continue
        for forward in [*forwards, None]:
            made = list(read(Chain(function, forward), "gradients", module))
            yield from made
            if any(map(works, made)):
                break
    yield from returner.find(module)
