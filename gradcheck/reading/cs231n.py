"""CS231n: a class with a ``params`` dict and ``loss(X, y, reg) -> loss, grads``.

Weights in x out, samples in rows, integer labels; without labels ``loss(X)`` gives the
scores. (https://cs231n.github.io/assignments2024/assignment1/, TwoLayerNet and
FullyConnectedNet.)
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcheck.contract.answers import ContractError, Floats, Pair
from gradcheck.contract.problem import PosedNetwork as Network
from gradcheck.reading.foreign_call import (
    RAN_FORWARD,
    WAS_CALLED,
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
from gradcheck.reading.layout import Trial, labels
from gradcheck.reading.names import plays
from gradcheck.reading.parameters import from_own, to_own
from gradcheck.reading.source_names import spelled_at

#: What ``reg`` has to be for the penalty to be ``l2 / 2 * sum W**2``.
PENALTIES = {"reg = l2": 1.0, "reg = l2 / 2": 0.5}


class Course:
    """An object of the class, one for each architecture, with its parameters replaced."""

    def __init__(self, model: Model, labels: str, penalty: str, place: str) -> None:
        self.model, self.labels, self.penalty, self.place = model, labels, penalty, place
        self._objects: dict[Any, Any] = {}

    def _object(self, network: Network, params: list[Pair], x: Floats) -> tuple[Any, Any, Floats]:
        own, wide = to_own(self.model.roles.layout, network, params, x)
        widths = (own[0][0].shape[0], *(w.shape[1] for w, _ in own))
        reg = PENALTIES[self.penalty] * network.l2 if self.penalty in PENALTIES else 0.0
        if network.l2 and self.place == "":
            raise NotImplementedError("no weight penalty")
        key = widths, reg if self.place == "constructor" else 0.0
        if key not in self._objects:
            more = {"reg": reg}
            self._objects[key] = self.model.build(widths, more)
        model = self._objects[key]
        self.model.roles_in(model, widths).write(model, own)
        return model, own, wide

    def loss_and_grads(
        self, network: Network, params: list[Pair], batch: Any
    ) -> tuple[Any, list[Pair]]:
        """Ask ``loss`` with labels."""
        with calmly():
            model, own, x = self._object(network, params, batch.x)
            labels = self._labels(batch.y)
            values: dict[str, Any] = {"x": x, "y": labels, "reg": 0.0}
            if self.place == "argument":
                values["reg"] = PENALTIES[self.penalty] * network.l2
            loss, grads = model.loss(*bind(model.loss, values))
            roles = self.model.roles_in(
                model, tuple([own[0][0].shape[0]] + [w.shape[1] for w, _ in own])
            )
            layout = roles.layout
            pairs = []
            for index, (w, _) in enumerate(own):
                weight = grads[_key(grads, roles.weights[index].name)]
                bias = grads[_key(grads, roles.biases[index].name)] if roles.biases else None
                pairs.append(layout.unpack(weight, bias, *w.shape, layer=str(index + 1)))
            return loss, from_own(layout, network, pairs)

    def forward(self, network: Network, params: list[Pair], x: Floats) -> Floats:
        """Ask ``loss`` without labels, for the scores."""
        with calmly():
            model, _, wide = self._object(network, params, x)
            scores: Floats = np.asarray(model.loss(*bind(model.loss, {"x": wide, "reg": 0.0})))
        return scores

    def _labels(self, y: Floats) -> Any:
        return y.copy() if self.labels == "one-hot" else labels(y)


def _tried(code: Course) -> tuple[int, UnsuitedError | None]:
    """Say why ``loss`` gives no loss and no gradient, and how far it came.

    A gradient of another shape is one: what is wrong with it is for whoever asks.
    """
    trial = Trial(code.model.own)
    pairs, batch = trial.question(3)
    stage = WAS_CALLED
    with contextlib.suppress(UnsuitedError):
        attempt(lambda: code.forward(trial, pairs, batch.x))
        stage = RAN_FORWARD
    try:
        attempt(lambda: _returned(code, trial, pairs, batch))
    except UnsuitedError as error:
        return stage, error
    return stage, None


def _returned(code: Course, *question: Any) -> None:
    try:
        code.loss_and_grads(*question)
    except ContractError:
        if code.model.roles.layout.bias != "apart":
            raise  # then it tells of the layout that was guessed


def _key(grads: Any, name: str) -> str:
    for key in (name, f"d{name}", f"grad_{name}", f"grad{name}"):
        if key in grads:
            return key
    raise KeyError(name)


def find(module: Any) -> Iterator[Reading]:
    """Yield the readings of every class that has ``loss`` and parameters in a dict."""
    for cls in classes(module).values():
        if "loss" not in methods(cls):
            continue
        try:
            names = [p.name for p in arguments(methods(cls)["loss"])]
            in_call = any(plays(name, "reg") for name in names)
            in_making = any(plays(p.name, "reg") for p in arguments(cls))
        except UnsuitedError:
            continue
        if not any(plays(name, "y") for name in names):
            continue
        place = "argument" if in_call else "constructor" if in_making else ""
        for model in models(cls):
            for kind in ("integer labels", "one-hot"):
                first = next(iter(PENALTIES)) if place else ""
                stage, why = _tried(Course(model, kind, first, place))
                if why is not None:
                    yield broken("cs231n", why, stage, {"class": cls.__name__, "calls": "loss"})
                    continue
                for penalty in PENALTIES if place else ("",):
                    told = model.roles.layout.told() | {"targets": kind, "class": cls.__name__}
                    roles = model.roles
                    told["spelling"] = spelled_at(
                        [methods(cls)["loss"]],
                        roles.weights,
                        roles.biases,
                        roles.layout,
                        form=roles.form,
                    )
                    if penalty:
                        told["penalty"] = penalty
                    if model.fixed:
                        told["widths"] = "-".join(map(str, model.roles.widths))
                    yield Reading("cs231n", Course(model, kind, penalty, place), told)
