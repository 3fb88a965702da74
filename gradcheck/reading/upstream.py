"""What an argument of a backward may be that no name says: target, error, upstream gradient.

``backward(dA)``, ``backward(dout)``, ``backward(error)``: each meaning is a reading of its
own, and numbers decide. The gradient is linear in what comes from above, so where code has
no loss one meaning of each kind will do; beside a loss of its own its factor is needed too.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.contract.answers import Floats
from gradcheck.reading.names import plain

#: Made of outputs a, targets y, N samples and n outputs.
Meaning = Callable[[Floats, Floats, int, int], Any]

#: What is given, by what it is called.
MEANINGS: dict[str, Meaning] = {
    "a - y": lambda a, y, m, n: a - y,
    "y": lambda a, y, m, n: y,
    "y - a": lambda a, y, m, n: y - a,
    "a": lambda a, y, m, n: a,
    "-y / a": lambda a, y, m, n: -y / a,
    "(a - y) / (a (1 - a))": lambda a, y, m, n: (a - y) / (a * (1 - a)),
    "(a - y) / N": lambda a, y, m, n: (a - y) / m,
    "2 (a - y)": lambda a, y, m, n: 2 * (a - y),
    "2 (a - y) / N": lambda a, y, m, n: 2 * (a - y) / m,
    "2 (a - y) / (N n)": lambda a, y, m, n: 2 * (a - y) / (m * n),
    "(a - y) / (N n)": lambda a, y, m, n: (a - y) / (m * n),
    "-y / a / N": lambda a, y, m, n: -y / a / m,
    "(a - y) / (a (1 - a)) / N": lambda a, y, m, n: (a - y) / (a * (1 - a)) / m,
}

#: What becomes of logits before they are compared, by rows.
_FUSED: dict[str, Callable[[Floats], Floats]] = {
    "softmax": lambda z: (
        np.exp(z - z.max(axis=-1, keepdims=True))
        / np.exp(z - z.max(axis=-1, keepdims=True)).sum(axis=-1, keepdims=True)
    ),
    "sigmoid": lambda z: 1.0 / (1.0 + np.exp(-z)),
}
for _name in _FUSED:
    MEANINGS[f"{_name}(a) - y"] = lambda a, y, m, n, f=_FUSED[_name]: f(a) - y  # type: ignore[misc]
    MEANINGS[f"({_name}(a) - y) / N"] = lambda a, y, m, n, f=_FUSED[_name]: (f(a) - y) / m  # type: ignore[misc]

#: Those that differ by more than a factor.
WITHOUT_LOSS = tuple(MEANINGS)[:6]

#: Names of what comes from above; ``dout`` is otherwise the number of outputs.
_FROM_ABOVE = re.compile(
    r"^d(a|al|out|output|y|yhat|h|o|loss|l|cost|prev|next|curr)?\d*$|^dl|grad|delta|err|upstream|deriv|loss|cost"
)


def from_above(name: str) -> bool:
    """Whether a name is one for what a backward is given from the layers above."""
    return _FROM_ABOVE.search(plain(name)) is not None


def meant(meaning: str, outputs: Any, y: Any, samples: int, columns: bool) -> Any:
    """Return what an argument is given, in the layout of the outputs."""
    a = np.asarray(outputs, dtype=np.float64)
    target = np.asarray(y, dtype=np.float64)
    if target.shape != a.shape and target.size == a.size:
        target = target.reshape(a.shape)
    if columns:
        return MEANINGS[meaning](a.T, target.T, samples, a.size // samples).T
    return MEANINGS[meaning](a, target, samples, a.size // samples)


def told_of_meaning(name: str, meaning: str) -> dict[str, str]:
    """Say what an argument is given, where that is one of several meanings."""
    return {"argument": f"{name} = {meaning}", "among": "several meanings"}
