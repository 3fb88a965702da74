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

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradcheck.adapters import stepping
from gradcheck.adapters.calling import arguments, calmly
from gradcheck.adapters.layout import BIASES, SAMPLES, WEIGHTS, Layout
from gradcheck.adapters.places import like
from gradcheck.adapters.reading import Reading
from gradcheck.adapters.roles import from_own, to_own
from gradcheck.errors import UsageError
from gradcheck.network import Network
from gradcheck.problem import Floats, Pair

Function = Callable[..., Any]

#: A path for every layer, or a list of one a layer.
Path = str | Sequence[str]


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
        for word, words in (
            (self.layout, WEIGHTS),
            (self.bias, BIASES),
            (self.samples, SAMPLES),
            (self.sign, (1, -1)),
        ):
            if word not in words:
                listed = ", ".join(repr(each) for each in words)
                raise UsageError(f"a declaration has no {word!r}; choose one of {listed}")
        if self.gradients is None and self.train is None:
            raise UsageError("a declaration needs gradients=... or train=...")
        if self.biases and not self.weights:
            raise UsageError("a declaration with a path for biases needs one for weights")
        if self.weights and self.bias == "apart" and not self.biases:
            raise UsageError('a declaration needs biases="...", or bias="missing"')
        self.networks()

    def networks(self) -> tuple[Network, ...]:
        """Return the networks that the code computes."""
        texts = [self.network] if isinstance(self.network, str) else list(self.network)
        return tuple(Network.parse(text) for text in texts)


class Declared:
    """Code read as its declaration says."""

    def __init__(self, code: Any, declaration: Declaration) -> None:
        self.code, self.declaration = code, declaration
        self.own_layout = Layout(
            declaration.layout, declaration.bias, declaration.samples, declaration.threshold
        )
        self._known = set(declaration.networks())
        if declaration.forward is not None:
            self.forward = self._forward
        if declaration.train is not None and declaration.rate is None:
            self.step = self._step

    def _ready(
        self, network: Network, params: list[Pair], x: Floats, y: Floats | None, rate: float = 0.5
    ) -> tuple[Any, list[Pair], dict[str, Any]]:
        if network not in self._known:
            raise NotImplementedError(f"declared are {', '.join(map(str, self._known))}")
        own, wide = to_own(self.own_layout, network, params, x)
        return self._given(network, own, wide, y, rate)

    def _given(
        self, network: Network, own: list[Any], x: Floats, y: Floats | None, rate: float
    ) -> tuple[Any, list[Any], dict[str, Any]]:
        """Build the object, write the parameters, and list what functions may ask for."""
        declaration = self.declaration
        holder = self.code
        if declaration.build is not None:
            holder = _call(declaration.build, self.code, {"network": network})
        packed = [self.own_layout.pack(w, b) for w, b in own]
        for index, (matrix, vector) in enumerate(packed):
            if declaration.weights:
                _write(holder, declaration.weights, index, self._by_units(matrix))
            if declaration.biases and vector is not None:
                _write(holder, declaration.biases, index, vector)
        values: dict[str, Any] = {
            "x": self.own_layout.give(x),
            "rate": rate,
            "params": packed,
            "network": network,
        }
        if y is not None:
            values["y"] = self.own_layout.give(y)
        return holder, own, values

    def _by_units(self, matrix: Floats) -> Floats:
        """Paths of single numbers say j, then k, whatever the layout."""
        single = _single(self.declaration.weights)
        return matrix.T if single and self.declaration.layout == "out x in" else matrix

    def loss_and_grads(
        self, network: Network, params: list[Pair], batch: Any
    ) -> tuple[Any, list[Pair]]:
        """Ask as declared."""
        declaration = self.declaration
        with calmly():
            holder, own, values = self._ready(network, params, batch.x, batch.y)
            loss = float("nan")
            if declaration.loss is not None:
                loss = _call(declaration.loss, holder, values)
                holder, own, values = self._ready(network, params, batch.x, batch.y)
            if declaration.gradients is None:
                return loss, self._from_steps(network, params, batch)
            answer = _call(declaration.gradients, holder, values)
            if declaration.weight_gradients:
                pairs = self._left(holder, own)
            else:
                if isinstance(answer, tuple) and len(answer) == 2 and np.ndim(answer[0]) == 0:
                    loss, answer = answer if declaration.loss is None else (loss, answer[1])
                pairs = [
                    self.own_layout.unpack(*_two(item), *w.shape)
                    for item, (w, _) in zip(answer, own, strict=True)
                ]
        sign = declaration.sign
        signed = [(sign * dw, sign * db) for dw, db in pairs]
        return loss, from_own(self.own_layout, network, signed)

    def _left(self, holder: Any, own: list[Pair]) -> list[Pair]:
        """Read the gradient from where it was left."""
        return self._read(
            holder, own, self.declaration.weight_gradients, self.declaration.bias_gradients
        )

    def _read(self, holder: Any, own: list[Pair], weights: Path, biases: Path) -> list[Pair]:
        pairs = []
        for index, (w, b) in enumerate(own):
            matrix, vector = self.own_layout.pack(w, b)
            if _single(weights):
                shape = matrix.T.shape if self.declaration.layout == "out x in" else matrix.shape
                read = _read(holder, weights, index, shape)
                read = read.T if self.declaration.layout == "out x in" else read
            else:
                read = _read(holder, weights, index, matrix.shape)
            bias = None
            if vector is not None:
                bias = _read(holder, biases, index, vector.shape) if biases else np.zeros(b.shape)
            pairs.append(self.own_layout.unpack(read, bias, *w.shape))
        return pairs

    def _train(self, network: Network, own: list[Any], x: Floats, y: Floats, rate: float) -> Any:
        holder, _, values = self._given(network, own, x, y, rate)
        assert self.declaration.train is not None
        answer = _call(self.declaration.train, holder, values)
        if self.declaration.weights:
            return self._read(holder, own, self.declaration.weights, self.declaration.biases)
        answer = values["params"] if answer is None else answer
        return [
            self.own_layout.unpack(*_two(item), *w.shape)
            for item, (w, _) in zip(answer, own, strict=True)
        ]

    def _from_steps(self, network: Network, params: list[Pair], batch: Any) -> list[Pair]:
        own, x = to_own(self.own_layout, network, params, batch.x)

        def step(pairs: list[Any], rate: float) -> list[Any]:
            after: list[Any] = self._train(network, pairs, x, batch.y, rate)
            return after

        grads = stepping.gradient(step, own, self.declaration.rate, len(own))
        return from_own(self.own_layout, network, grads)

    def _step(self, network: Network, params: list[Pair], batch: Any, rate: float) -> list[Pair]:
        with calmly():
            self._ready(network, params, batch.x, batch.y)
            own, x = to_own(self.own_layout, network, params, batch.x)
            after = self._train(network, own, x, batch.y, rate)
        implied = [
            ((w - new) / rate, (b - c) / rate) for (w, b), (new, c) in zip(own, after, strict=True)
        ]
        if self.own_layout.bias != "missing":
            return list(after)
        grads = from_own(self.own_layout, network, implied)
        return [
            (w - rate * dw, b - rate * db) for (w, b), (dw, db) in zip(params, grads, strict=True)
        ]

    def _forward(self, network: Network, params: list[Pair], x: Floats) -> Floats:
        assert self.declaration.forward is not None
        with calmly():
            holder, own, values = self._ready(network, params, x, None)
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
            raise UsageError(
                f"an argument of a declaration's function is named {parameter.name}; "
                f"there are {', '.join(values)}"
            )
    return function(*chosen)


def _write(holder: Any, path: Path, index: int, array: Floats) -> None:
    for place, at in _places(path, index, array.shape):
        value = array if at is None else array[at]
        old = _value(holder, place) if at is None else 0.0
        scope = {"_holder": holder, "_value": like(np.asarray(value), old)}
        exec(f"_holder{_join(place)} = _value", scope)


def _read(holder: Any, path: Path, index: int, shape: tuple[int, ...]) -> Any:
    places = list(_places(path, index, shape))
    if places[0][1] is None:
        return np.asarray(_value(holder, places[0][0])).copy()
    result = np.empty(shape, dtype=np.longdouble)
    for place, at in places:
        result[at] = _value(holder, place)
    return result


def _value(holder: Any, place: str) -> Any:
    try:
        return eval(f"_holder{_join(place)}", {"_holder": holder})
    except (AttributeError, LookupError):
        return None


def _join(place: str) -> str:
    return place if place.startswith("[") else f".{place}"


def _single(path: Path) -> bool:
    """Whether a path is that of a single number."""
    text = path if isinstance(path, str) else "".join(path)
    return "{j}" in text or "{k}" in text


def _places(path: Path, index: int, shape: tuple[int, ...]) -> Iterator[tuple[str, Any]]:
    """Yield every path of a tensor, with the entry it is of; None for the whole."""
    path = path if isinstance(path, str) else path[index]
    count = {"i": index, "l": index + 1}
    if not _single(path):
        yield path.format(**count), None
        return
    for at in np.ndindex(*shape):
        units = {"j": at[0], "k": at[-1]}
        yield path.format(**count, **units), at


def find(code: Any) -> Iterator[Reading]:
    """Yield the reading that a declaration beside the code describes."""
    declaration = getattr(code, "__gradcheck_declaration__", None)
    if not isinstance(declaration, Declaration):
        return
    told = Layout(
        declaration.layout, declaration.bias, declaration.samples, declaration.threshold
    ).told()
    told["networks"] = "; ".join(str(network) for network in declaration.networks())
    if declaration.samples.startswith("one ") and "row" not in declaration.samples:
        told["batch"] = "1"
    if declaration.loss is None and not _returns_loss(code, declaration):
        told["loss"] = "none"
    yield Reading("declaration", Declared(code, declaration), told)


def _returns_loss(code: Any, declaration: Declaration) -> bool:
    """Whether the gradients come with a loss: seen on one small problem."""
    network = declaration.networks()[0]
    rng = np.random.default_rng(0)
    pairs = [(rng.normal(size=s), rng.normal(size=s[1])) for s in network.shapes]
    y = np.zeros((1, network.widths[-1]))
    y[:, 0] = 1.0
    batch = SimpleNamespace(x=rng.normal(size=(1, network.widths[0])), y=y)
    try:
        loss, _ = Declared(code, declaration).loss_and_grads(network, pairs, batch)
        return bool(np.isfinite(np.asarray(loss, dtype=float)).all())
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException:  # told when it is asked
        return True
