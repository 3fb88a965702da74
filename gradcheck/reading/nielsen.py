"""Nielsen: ``Network(sizes)`` with ``weights``, ``biases`` and ``backprop(x, y)``.

Column vectors, one sample a call, nablas of the biases first. (Michael Nielsen, Neural
Networks and Deep Learning, chapter 1, network.py and network2.py.)
"""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcheck.contract.answers import Floats, Pair
from gradcheck.contract.problem import PosedNetwork as Network
from gradcheck.reading.foreign_call import (
    RAN_FORWARD,
    WAS_CALLED,
    WAS_MADE,
    Reading,
    UnsuitedError,
    arguments,
    attempt,
    bind,
    broken,
    calmly,
    classes,
    methods,
)
from gradcheck.reading.holders import Model, models
from gradcheck.reading.own_loss import OwnLoss, choices, own_losses, told_of_loss
from gradcheck.reading.parameters import ParameterRoles, from_own, stepped, to_own


class Book:
    """An object of the class; a batch's loss and gradient are the means of its samples'."""

    def __init__(self, model: Model, biases_first: bool, own: OwnLoss | None = None) -> None:
        self.model, self.biases_first, self.own = model, biases_first, own
        self._objects: dict[tuple[int, ...], Any] = {}
        names = methods(model.cls)
        if "feedforward" in names:
            self.forward = self._forward
        if "update_mini_batch" in names:
            self.step = self._step

    def _object(
        self, network: Network, params: list[Pair], x: Floats
    ) -> tuple[Any, list[Pair], Floats, ParameterRoles]:
        if network.l2:
            raise NotImplementedError("no weight penalty")
        own, wide = to_own(self.model.roles.layout, network, params, x)
        widths = (own[0][0].shape[0], *(w.shape[1] for w, _ in own))
        if widths not in self._objects:
            self._objects[widths] = self.model.build(widths)
        model = self._objects[widths]
        roles = self.model.roles_in(model, widths)
        roles.write(model, own)
        return model, own, wide, roles

    def loss_and_grads(
        self, network: Network, params: list[Pair], batch: Any
    ) -> tuple[float, list[Pair]]:
        """Ask ``backprop`` for every sample, and for its loss where there is one."""
        with calmly():
            model, own, x, roles = self._object(network, params, batch.x)
            layout = roles.layout
            total: list[list[Pair]] = []
            losses = []
            for row, target in zip(x, batch.y, strict=True):
                answer = model.backprop(row[:, None].copy(), target[:, None].copy())
                biases, weights = answer if self.biases_first else answer[::-1]
                pairs = [
                    layout.unpack(
                        weights[i], biases[i] if roles.biases else None, *w.shape, layer=str(i + 1)
                    )
                    for i, (w, _) in enumerate(own)
                ]
                total.append(pairs)
                losses.append(self._loss(model, row, target))
        mean = [
            (np.mean([w for w, _ in layer], axis=0), np.mean([b for _, b in layer], axis=0))
            for layer in zip(*total, strict=True)
        ]
        return float(np.mean(losses)), from_own(layout, network, mean)

    def _loss(self, model: Any, row: Floats, target: Floats) -> Any:
        if self.own is None:
            return float("nan")
        value = self.own.value(model, given(model, row, target))
        return np.asarray(value, dtype=float).reshape(-1)[0]

    def _forward(self, network: Network, params: list[Pair], x: Floats) -> Floats:
        with calmly():
            model, _, wide, _ = self._object(network, params, x)
            rows = [np.asarray(model.feedforward(row[:, None].copy())).ravel() for row in wide]
        return np.array(rows)

    def _step(self, network: Network, params: list[Pair], batch: Any, rate: float) -> list[Pair]:
        with calmly():
            model, own, x, roles = self._object(network, params, batch.x)
            samples = [
                (row[:, None].copy(), target[:, None].copy())
                for row, target in zip(x, batch.y, strict=True)
            ]
            values = {"mini_batch": samples, "rate": rate, "reg": 0.0, "n": len(samples)}
            model.update_mini_batch(*bind(model.update_mini_batch, values))
            after: list[Pair] = roles.read(model, own)
        return stepped(roles.layout, network, params, own, after, rate)


def given(model: Any, row: Floats, target: Floats) -> dict[str, Any]:
    """Return what the functions of an object may be given for one sample."""
    x, y = row[:, None].copy(), target[:, None].copy()
    values: dict[str, Any] = {"x": x, "y": y, "samples": [(x, y)], "reg": 0.0}
    if hasattr(model, "feedforward"):
        values["output"] = model.feedforward(x.copy())
    return values


def _losses(model: Model, module: Any) -> list[OwnLoss]:
    """Return the ways to have the loss of one sample."""
    sizes = model.own
    rng = np.random.default_rng(0)
    target = np.zeros(sizes[-1])
    target[0] = 1.0

    def tried() -> list[OwnLoss]:
        code = model.build(sizes)
        values = given(code, rng.normal(size=sizes[0]), target)
        return own_losses(code, module, values, ("backprop", "update_mini_batch"))

    try:
        found: list[OwnLoss] = attempt(tried)
    except UnsuitedError:
        return []
    return found


def find(module: Any) -> Iterator[Reading]:
    """Yield the readings of every class with ``backprop(x, y)`` that returns two lists."""
    for cls in classes(module).values():
        method = methods(cls).get("backprop")
        if method is None or len(arguments(method)) != 3:
            continue
        for model in models(cls):
            stage, why = _tried(model)
            if why is not None:
                yield broken("nielsen", why, stage, {"class": cls.__name__, "calls": "backprop"})
                continue
            losses = _losses(model, module)
            for first, own in itertools.product((True, False), choices(losses)):
                told = model.roles.layout.told() | {
                    "samples": "one column a call; a batch is their mean",
                    "returned": "biases first" if first else "weights first",
                    "class": cls.__name__,
                    "spelling": _spelling(method, model.roles),
                }
                told |= told_of_loss(own, losses)
                if model.fixed:
                    told["widths"] = "-".join(map(str, model.roles.widths))
                yield Reading("nielsen", Book(model, first, own), told)


#: Lists of the book, by quantity; a layer's place in each is counted from its number.
_LISTS = {"dW": ("nabla_w", 1), "db": ("nabla_b", 1), "z": ("zs", 1), "a": ("activations", 0)}

#: Layers of a network that are named at most.
_LAYERS = 6


def _spelling(method: Any, roles: ParameterRoles) -> str:
    """Name what the book keeps in lists, where the method has lists of those names."""
    names = {"W": (roles.weights[0].written("self").rpartition("[")[0], 1)}
    if roles.biases:
        names["b"] = (roles.biases[0].written("self").rpartition("[")[0], 1)
    local = getattr(getattr(method, "__code__", None), "co_varnames", ())
    names |= {quantity: each for quantity, each in _LISTS.items() if each[0] in local}
    words = [
        f"{quantity}{layer}={name}[{layer - offset}]"
        for quantity, (name, offset) in names.items()
        for layer in range(1, _LAYERS)
        if name
    ]
    return " ".join([roles.form or "column", *words])


def _tried(model: Model) -> tuple[int, UnsuitedError | None]:
    """Say why ``backprop`` gives no two lists of as many items as there are layers."""
    sizes, stage = model.own, WAS_MADE
    x, y = np.full((sizes[0], 1), 0.5), np.full((sizes[-1], 1), 0.5)
    try:
        code = attempt(lambda: model.build(sizes))
        stage = WAS_CALLED
        if "feedforward" in methods(model.cls):
            attempt(lambda: code.feedforward(x.copy()))
            stage = RAN_FORWARD
        answer = attempt(lambda: code.backprop(x, y))
        if attempt(lambda: [len(part) for part in answer]) != [len(sizes) - 1] * 2:
            raise UnsuitedError("backprop returns no two lists with one item a layer")
    except UnsuitedError as error:
        return stage, error
    return stage, None
