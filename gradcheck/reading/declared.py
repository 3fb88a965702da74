"""Code read as its declaration says.

A declaration: a few lines that say how code no adapter knows is to be asked.

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

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck.contract.conventions import (
    BIAS_PLACES,
    SAMPLE_LAYOUTS,
    WEIGHT_LAYOUTS,
    LossSource,
    OwnNames,
)
from gradcheck.contract.posed import Floats, Pairs
from gradcheck.contract.posed import PosedNetwork as Network
from gradcheck.errors import TrailedError, UsageError, first_line, meant, raised, trail_of
from gradcheck.reading.foreign_call import UnsuitedError, arguments, calmly
from gradcheck.reading.layout import Answer, Layout, Trial, from_own, stepped, to_own
from gradcheck.reading.loading import Reading
from gradcheck.reading.paths import Path, read, single, write
from gradcheck.reading.update_method import gradient

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
            ("layout", self.layout, WEIGHT_LAYOUTS),
            ("bias", self.bias, BIAS_PLACES),
            ("samples", self.samples, SAMPLE_LAYOUTS),
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
    """Write a network's text as it is printed; its names are looked up in the parent."""
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


#: Layers of a network that are named at most.
LAYERS = 6


class Declared:
    """Code read as its declaration says."""

    def __init__(self, code: Any, declaration: Declaration, anything: bool = False) -> None:
        self.anything = anything
        self.code, self.declaration = code, declaration
        self.own_layout = Layout(
            declaration.layout, declaration.bias, declaration.samples, declaration.threshold
        )
        self._known = {n for text in declaration.networks() for n in meant_by(text)}
        if declaration.forward is not None:
            self.forward = self._forward
        if declaration.train is not None and declaration.rate is None:
            self.step = self._step

    def _own(self, network: Network, params: Pairs, x: Floats) -> tuple[Pairs, Floats]:
        if not self.anything and str(network) not in self._known:
            raise NotImplementedError(f"declared are {', '.join(self.declaration.networks())}")
        return to_own(self.own_layout, network, params, x)

    def _given(
        self, network: Network, own: list[Any], x: Floats, y: Floats | None, rate: float
    ) -> tuple[Any, dict[str, Any]]:
        """Build the object, write the parameters, and list what functions may ask for."""
        declaration = self.declaration
        holder = self.code
        if declaration.build is not None:
            with self._under("build"):
                holder = _call(declaration.build, self.code, {"network": network})
        packed = [self.own_layout.pack(w, b) for w, b in own]
        taken: list[Any] = []  # by other tensors
        for index, (matrix, vector) in enumerate(packed):
            if declaration.weights:
                with self._under("weights"):
                    turned = matrix.T if self._by_units(declaration.weights) else matrix
                    write(holder, declaration.weights, index, turned, taken)
            if declaration.biases and vector is not None:
                with self._under("biases"):
                    write(holder, declaration.biases, index, vector, taken)
        values: dict[str, Any] = {
            "x": self.own_layout.give(x),
            "rate": rate,
            "params": packed,
            "network": network,
        }
        if y is not None:
            values["y"] = self.own_layout.give(y)
        return holder, values

    def _by_units(self, path: Path) -> bool:
        """Whether a matrix is turned: paths of single numbers say j, then k, in any layout."""
        return single(path) and self.declaration.layout == "out x in"

    def loss_and_grads(self, network: Network, params: Pairs, batch: Any) -> Answer:
        """Ask as declared."""
        declaration = self.declaration
        own, x = self._own(network, params, batch.x)
        with calmly():
            loss = float("nan")
            if declaration.loss is not None:
                holder, values = self._given(network, own, x, batch.y, 0.5)
                with self._under("loss"):
                    loss = _call(declaration.loss, holder, values)
            if declaration.gradients is None:

                def step(pairs: list[Any], rate: float) -> Any:
                    return self._train(network, pairs, x, batch.y, rate)

                return loss, from_own(
                    self.own_layout, network, gradient(step, own, declaration.rate)
                )
            holder, values = self._given(network, own, x, batch.y, 0.5)
            with self._under("gradients"):
                answer = _call(declaration.gradients, holder, values)
            if declaration.weight_gradients:
                pairs = self._read(holder, own, "weight_gradients", "bias_gradients")
            else:
                with self._under("gradients"):
                    if isinstance(answer, tuple) and len(answer) == 2 and np.ndim(answer[0]) == 0:
                        loss, answer = answer if declaration.loss is None else (loss, answer[1])
                    pairs = self._unpacked(answer, own)
        sign = declaration.sign
        signed = [(sign * dw, sign * db) for dw, db in pairs]
        return loss, from_own(self.own_layout, network, signed)

    def _unpacked(self, answer: Any, own: Pairs) -> Pairs:
        """Read what a function returned, layer by layer."""
        items = list(answer)
        if len(items) != len(own):
            raise UnsuitedError(f"{len(items)} items where there are {len(own)} layers")
        return [
            self.own_layout.unpack(*_two(item), *w.shape)
            for item, (w, _) in zip(items, own, strict=True)
        ]

    @contextlib.contextmanager
    def _under(self, word: str) -> Iterator[None]:
        """Tell whatever is raised with the word of the declaration, and its line."""
        try:
            yield
        except (KeyboardInterrupt, MemoryError, NotImplementedError):
            raise
        except BaseException as error:  # the code may raise anything, SystemExit too
            known: Any = getattr(self.code, "__gradcheck_declaration_lines__", ("", {}))
            file, line = known[0], known[1].get(word, 0)
            trail = (((file, line),) if line else ()) + trail_of(error)
            verb = ":" if isinstance(error, TrailedError) else " raised"
            where = f"{word}= of the declaration{f' (line {line})' if line else ''}"
            raise UnsuitedError(
                f"{where}{verb} {raised(error, first_line(error))}", trail
            ) from None

    def _read(self, holder: Any, own: Pairs, matrices: str, vectors: str) -> Pairs:
        """Read tensors from where two words of the declaration say."""
        weights: Path = getattr(self.declaration, matrices)
        biases: Path = getattr(self.declaration, vectors)
        pairs = []
        for index, (w, b) in enumerate(own):
            matrix, vector = self.own_layout.pack(w, b)
            turned = self._by_units(weights)
            with self._under(matrices):
                now = read(holder, weights, index, matrix.T.shape if turned else matrix.shape)
            now = now.T if turned else now
            bias = None
            if vector is not None:
                bias = np.zeros(b.shape)
                if biases:
                    with self._under(vectors):
                        bias = read(holder, biases, index, vector.shape)
            with self._under(matrices):
                pairs.append(self.own_layout.unpack(now, bias, *w.shape))
        return pairs

    def _train(self, network: Network, own: list[Any], x: Floats, y: Floats, rate: float) -> Any:
        holder, values = self._given(network, own, x, y, rate)
        assert self.declaration.train is not None
        with self._under("train"):
            answer = _call(self.declaration.train, holder, values)
        if self.declaration.weights:
            return self._read(holder, own, "weights", "biases")
        with self._under("train"):
            return self._unpacked(values["params"] if answer is None else answer, own)

    def _step(self, network: Network, params: Pairs, batch: Any, rate: float) -> Pairs:
        own, x = self._own(network, params, batch.x)
        with calmly():
            after = self._train(network, own, x, batch.y, rate)
        return stepped(self.own_layout, network, params, own, list(after), rate)

    def _forward(self, network: Network, params: Pairs, x: Floats) -> Floats:
        assert self.declaration.forward is not None
        own, wide = self._own(network, params, x)
        with calmly():
            holder, values = self._given(network, own, wide, None, 0.5)
            with self._under("forward"):
                answer = _call(self.declaration.forward, holder, values)
                return self.own_layout.take(answer, own[-1][0].shape[1], len(x))


def _two(item: Any) -> tuple[Any, Any]:
    """A layer's weights and biases; where biases are inside or missing, weights alone will do."""
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0], item[1]
    return item, None


def _call(function: Function, holder: Any, values: dict[str, Any]) -> Any:
    """Give a function of the declaration what its arguments are named after."""
    chosen = []
    for index, parameter in enumerate(arguments(function)):
        if parameter.name in values:
            chosen.append(values[parameter.name])
        elif index == 0:
            chosen.append(holder)
        else:
            raise UnsuitedError(
                f"an argument is named {parameter.name}; there are {', '.join(values)}"
            )
    return function(*chosen)


def find(code: Any) -> Iterator[Reading]:
    """Yield the reading that a declaration beside the code describes."""
    declaration = getattr(code, "__gradcheck_declaration__", None)
    if not isinstance(declaration, Declaration):
        return
    asked = Declared(code, declaration)
    conventions = replace(
        asked.own_layout.conventions(),
        networks=declaration.networks(),
        names=OwnNames(names=_names(declaration)),
        one_sample=declaration.samples.startswith("one "),
        loss=LossSource(absent=declaration.loss is None and not _returns_loss(code, declaration)),
    )
    yield Reading("declaration", asked, conventions)


def _names(declaration: Declaration) -> dict[str, str]:
    """Name the parameters as their paths do, where a path is that of a whole array."""
    names = {}
    paths = (("W", declaration.weights), ("b", declaration.biases))
    for layer in range(1, LAYERS + 1):
        for quantity, path in paths:
            if not isinstance(path, str):
                each = path[layer - 1] if layer <= len(path) else ""
            else:
                each = path.replace("{i}", str(layer - 1)).replace("{l}", str(layer))
            if each and "{" not in each:
                names[f"{quantity}{layer}"] = each
    return names


def _returns_loss(code: Any, declaration: Declaration) -> bool:
    """Whether the gradients come with a loss: seen on one small problem."""
    text = declaration.networks()[0]
    trial = Trial(tuple(int(n) for n in text.split()[0].split("-")))
    pairs, batch = trial.question(1)
    network = Network(trial.widths, tuple(text.split()[1].split(",")), trial.loss)
    try:
        code_read = Declared(code, declaration, anything=True)
        loss, _ = code_read.loss_and_grads(network, pairs, batch)
        return bool(np.isfinite(np.asarray(loss, dtype=float)).all())
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException:  # told when it is asked
        return True
