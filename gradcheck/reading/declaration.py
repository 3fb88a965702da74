"""A declaration: a few lines that say how code no adapter knows is to be asked.

It stands in a file of its own, ``student.gradcheck.py`` beside ``student.py``::

    from gradcheck.adapters import Declaration

    declaration = Declaration(
        network="2-3-1 sigmoid,sigmoid half_squared_error sum",
        build=lambda code, network: code.Net(2, 3, 1),
        weights="layers[{i}].w",
        biases="layers[{i}].b",
        train=lambda net, x, y, rate: net.learn(x, y, rate),
    )
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gradcheck.errors import UsageError
from gradcheck.errors.suggestion import meant
from gradcheck.reading.layout import BIASES, SAMPLES, WEIGHTS
from gradcheck.reading.paths import Path

Function = Callable[..., Any]

_NETWORK = re.compile(
    r"(?P<widths>\d+(-\d+)+) (?P<activations>\w+(,\w+)*) (?P<loss>(?!l2=)\w+)"
    r"( (?P<reduction>mean|sum))?( l2=(?P<l2>[0-9.e+-]+))?"
)


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """How to ask code that no adapter knows.

    The functions are given what their arguments are named after: ``x``, ``y``, ``rate``,
    ``params`` (the list of (W, b) in the code's own layout) and ``network``; any other
    first argument is the object that ``build`` made.

    Parameters
    ----------
    network : str or list of str
        What the code computes, loss and all: ``"2-3-1 tanh,sigmoid squared_error sum"``.
        Without ``mean`` or ``sum`` its loss or its gradient say which.
    build : callable, optional
        ``build(code, network)`` makes the object that holds the parameters; ``code`` is
        the module. The module itself unless given.
    weights, biases : str or list of str, optional
        Where they are in that object: a path, ``"layers[{i}].w"`` or ``"W{l}"``, or a list
        of one a layer. ``{i}`` counts layers from 0 and ``{l}`` from 1. A path with ``{j}``
        and ``{k}`` is that of a single number, from unit j to unit k, both from 0. Without
        paths the functions take ``params``.
    gradients : callable, optional
        Returns ``[(dW, db), ...]`` or ``(loss, [(dW, db), ...])`` in the code's own layout;
        or None, where ``weight_gradients`` and ``bias_gradients`` say where it leaves them.
    weight_gradients, bias_gradients : str or list of str, optional
        Paths like those of the weights.
    train : callable, optional
        Changes the parameters in place, by one step of ``rate``; or returns
        ``[(W, b), ...]`` where there are no paths.
    loss : callable, optional
        Returns the loss of x and y.
    forward : callable, optional
        Returns the outputs of x.
    layout : {"in x out", "out x in"}
    bias : {"apart", "first", "last", "missing"}
        Of its own, or the first or last row (in x out) or column (out x in) of the weights.
    threshold : bool
        The bias is subtracted.
    samples : {"rows", "columns", "one vector", "one column", "one list", "one number a row"}
    rate : float, optional
        The learning rate that is built in, where ``train`` takes none.
    sign : {1, -1}
        -1 where the returned gradient is that of the ascent.

    Raises
    ------
    UsageError
        When a word is not one of those above, or there is neither ``gradients`` nor
        ``train``.
    """

    network: str | Sequence[str]
    build: Function | None = None
    weights: Path = ""
    biases: Path = ""
    gradients: Function | None = None
    weight_gradients: Path = ""
    bias_gradients: Path = ""
    train: Function | None = None
    loss: Function | None = None
    forward: Function | None = None
    layout: str = "in x out"
    bias: str = "apart"
    threshold: bool = False
    samples: str = "rows"
    rate: float | None = None
    sign: int = 1

    def __post_init__(self) -> None:
        for name, value, values in (
            ("layout", self.layout, WEIGHTS),
            ("bias", self.bias, BIASES),
            ("samples", self.samples, SAMPLES),
            ("sign", self.sign, (1, -1)),
        ):
            if value not in values:
                hint = meant(str(value), map(repr, values))
                raise UsageError(f"{name}= cannot be {value!r}{hint}")
        if self.gradients is None and self.train is None:
            raise UsageError("a declaration needs gradients=... or train=...")
        if self.biases and not self.weights:
            raise UsageError("biases= needs weights=... beside it")
        if self.weights and self.bias == "apart" and not self.biases:
            raise UsageError('weights= needs biases="..." beside it, or bias="missing"')
        self.networks()

    def networks(self) -> tuple[str, ...]:
        """Return the networks that the code computes, each as networks are printed.

        Those without ``mean`` or ``sum`` are left without: the code's numbers say which.
        """
        texts = [self.network] if isinstance(self.network, str) else list(self.network)
        return tuple(_printed(text) for text in texts)


def _printed(text: str) -> str:
    """Write a network's text as it is printed; its names are looked up by who settles it."""
    match = _NETWORK.fullmatch(" ".join(str(text).split()))
    if match is None:
        raise UsageError(
            f"network= cannot be {text!r}; write '2-3-1 tanh,sigmoid squared_error mean'"
        )
    penalty = float(match["l2"] or 0.0)
    words = [match["widths"], match["activations"], match["loss"], match["reduction"] or ""]
    return " ".join([*filter(None, words), *([f"l2={penalty!r}"] if penalty else [])])


def meant_by(text: str) -> tuple[str, ...]:
    """Return the networks that a text may mean: of a mean and of a sum, where it does not say."""
    words = text.split()
    if "mean" in words or "sum" in words:
        return (text,)
    return tuple(" ".join([*words[:3], each, *words[3:]]) for each in ("mean", "sum"))
