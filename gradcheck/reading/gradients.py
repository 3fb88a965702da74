"""Functions and methods that return gradients, with or without a loss."""

from collections.abc import Iterator
from typing import Any

from gradcheck.reading import gradient_method
from gradcheck.reading.broken import works
from gradcheck.reading.candidate import Reading
from gradcheck.reading.deeplearning_ai import read
from gradcheck.reading.foreign_call import functions
from gradcheck.reading.function_pair import Chain
from gradcheck.reading.names import gives_gradients, plain


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
    yield from gradient_method.find(module)
