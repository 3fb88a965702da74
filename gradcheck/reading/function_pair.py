"""Functions that pass a forward on to a backward: called by the names of their arguments.

Parameters may be a dict ``W1, b1, ...``, a list of pairs, two lists, or arguments of
their own; whatever the forward returns is known to the backward by the names that
stand in its ``return``.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gradcheck.contract.answers import Floats, Pair
from gradcheck.contract.problem import PosedNetwork as Network
from gradcheck.reading.foreign_call import (
    RAN_FORWARD,
    WAS_CALLED,
    UnsuitedError,
    arguments,
    bind,
    calmly,
)
from gradcheck.reading.layout import Layout, labels, single
from gradcheck.reading.names import ROLES, plays
from gradcheck.reading.own_loss import OwnLoss, own_losses
from gradcheck.reading.parameters import from_own, to_own
from gradcheck.reading.returned import (
    BIAS,
    WEIGHT,
    Picker,
    arrays_in,
    from_above,
    loss_in,
    meant,
    parts_of,
    returned_names,
)

Function = Callable[..., Any]

#: What a penalty's argument has to be for the penalty to be ``l2 / 2 * sum W**2``.
PENALTIES: dict[str, Callable[[float, int], float]] = {
    "lambda = l2 N": lambda l2, n: l2 * n,
    "lambda = l2": lambda l2, n: l2,
    "lambda = l2 / 2": lambda l2, n: l2 / 2,
}


@dataclass(frozen=True)
class Chain:
    """What is called in turn.

    Attributes
    ----------
    forward, backward, update : callable or None
    loss : OwnLoss or None
    """

    backward: Function
    forward: Function | None = None
    loss: OwnLoss | None = None
    update: Function | None = None


@dataclass(frozen=True)
class Style:
    """How the functions want their arguments.

    Attributes
    ----------
    layout : Layout
    bias : {"column", "row", "vector"}
        The shape of a bias.
    container : {"dict", "pairs"}
        What ``parameters`` is.
    targets : str
        ``as given``, ``integer labels`` or ``one vector``.
    penalty : str
        One of :data:`PENALTIES`, or empty.
    given : str
        What the one argument of the backward is given that no name says; a key of
        :data:`~gradcheck.reading.returned.MEANINGS`, or empty.
    """

    layout: Layout
    bias: str = "vector"
    container: str = "dict"
    targets: str = "as given"
    penalty: str = ""
    given: str = ""

    def told(self) -> dict[str, str]:
        """Say it in words."""
        told = self.layout.told()
        if self.targets != "as given":
            told["targets"] = self.targets
        if self.penalty:
            told["penalty"] = self.penalty
        return told


class Chained:
    """Functions read as an implementation.

    Attributes
    ----------
    stage : int
        How far the last question came.
    unknown : str
        The one argument of the backward that no name says; empty where there is none.
    picker, updated : Picker
        Where the gradients are in what the backward returns, and the parameters in what the
        update does: seen once, on sizes that tell them apart.
    """

    def __init__(
        self,
        chain: Chain,
        style: Style,
        picker: Picker | None = None,
        updated: Picker | None = None,
    ) -> None:
        self.chain, self.style = chain, style
        self.picker, self.updated = picker or Picker(), updated or Picker()
        self.stage = WAS_CALLED
        self.unknown = ""
        self.returned = False  # whether the backward ever ran to its end
        if chain.forward is not None:
            self.forward = self._outputs
        if chain.update is not None:
            self.step = self._step

    def loss_and_grads(
        self, network: Network, params: list[Pair], batch: Any
    ) -> tuple[Any, list[Pair]]:
        """Call the forward, the cost and the backward."""
        with calmly():
            own, values = self._values(network, params, batch.x, batch.y)
            self.stage = WAS_CALLED
            outputs = self._forward(values)
            loss = self._loss(values)
            self.stage = WAS_CALLED if self.chain.forward is None else RAN_FORWARD
            answer = self._backward(values, outputs)
            told = returned_names(self.chain.backward)
            if self.chain.loss is None:
                loss = loss_in(answer, told)
            self.returned = True
            pairs = self._gradients(answer, told, own, self.picker)
        return loss, from_own(self.style.layout, network, pairs)

    def _values(
        self, network: Network, params: list[Pair], x: Floats, y: Floats | None
    ) -> tuple[list[Pair], dict[str, Any]]:
        if network.l2 and not self.style.penalty:
            raise NotImplementedError("no weight penalty")
        layout = self.style.layout
        own, x = to_own(layout, network, params, x)
        values: dict[str, Any] = {}
        table: dict[str, Any] = {}
        packed = []
        for index, (w, b) in enumerate(own, start=1):
            matrix, vector = layout.pack(w, b)
            table[f"W{index}"] = matrix
            if vector is not None:
                vector = {"column": vector[:, None], "row": vector[None, :]}.get(
                    self.style.bias, vector
                )
                table[f"b{index}"] = vector
            packed.append((matrix, vector))
        values |= table | {key.lower(): value for key, value in table.items()}
        values |= {f"w_{key[1:]}": v for key, v in table.items() if key[0] == "W"}
        values["parameters"] = table if self.style.container == "dict" else packed
        values["weights"] = [matrix for matrix, _ in packed]
        values["biases"] = [vector for _, vector in packed]
        values["sizes"] = [own[0][0].shape[0], *(w.shape[1] for w, _ in own)]
        values["x"], values["m"] = layout.give(x), len(x)
        values["n_in"], values["n_out"] = values["sizes"][0], values["sizes"][-1]
        if len(own) == 2:
            values["n_hidden"] = values["sizes"][1]
        if y is not None:
            values["y"] = self._targets(y)
        values["reg"] = 0.0
        if self.style.penalty:
            values["reg"] = PENALTIES[self.style.penalty](network.l2, len(x))
        return own, values

    def _targets(self, y: Floats) -> Any:
        if self.style.targets == "integer labels":
            return labels(y)
        if self.style.targets == "one vector":
            return single(y)
        return self.style.layout.give(y)

    def _forward(self, values: dict[str, Any]) -> Any:
        """Call the forward, and know what it returns by name."""
        if self.chain.forward is None:
            return None
        answer = self.chain.forward(*bind(self.chain.forward, values))
        names = returned_names(self.chain.forward)
        parts = list(answer) if isinstance(answer, tuple) else [answer]
        known = dict(zip(names, parts, strict=True)) if len(names) == len(parts) else {}
        values |= known
        samples, width = values["m"], values["n_out"]
        outputs = self.picker.outputs(parts, samples * width)
        rest = [part for part in parts if part is not outputs]
        if rest:
            values["cache"] = rest[0] if len(parts) == 2 else answer
        values.setdefault("output", outputs)
        return outputs

    def _loss(self, values: dict[str, Any]) -> Any:
        return float("nan") if self.chain.loss is None else self.chain.loss.value(None, values)

    def losses(
        self, module: Any, network: Network, params: list[Pair], batch: Any
    ) -> list[OwnLoss]:
        """Return the functions of a module that give the loss of a question."""
        with calmly():
            _, values = self._values(network, params, batch.x, batch.y)
            self._forward(values)
        made = (self.chain.forward, self.chain.backward, self.chain.update)
        names = tuple(f.__name__ for f in made if f is not None)
        found = own_losses(module, module, values | {"reg": 0.7}, names)
        takes = any(plays(p.name, "reg") for p in arguments(self.chain.backward))
        return [loss for loss in found if ("reg" in loss.roles) is takes] or found

    def _backward(self, values: dict[str, Any], outputs: Any) -> Any:
        """Call the backward, with what its one unknown argument is taken for."""
        function = self.chain.backward
        needed = [p.name for p in arguments(function) if p.default is inspect.Parameter.empty]
        open_names = [
            n for n in needed if n not in values and (from_above(n) or not _known(n, values))
        ]
        self.unknown = open_names[0] if len(open_names) == 1 and outputs is not None else ""
        if self.unknown:
            if not self.style.given:
                raise UnsuitedError(f"{function.__name__} has an argument {self.unknown}")
            columns = self.style.layout.samples in ("columns", "one column")
            value = meant(self.style.given, outputs, values["y"], values["m"], columns)
            values = {**values, self.unknown: value}
        return function(*bind(function, values))

    def _outputs(self, network: Network, params: list[Pair], x: Floats) -> Any:
        with calmly():
            own, values = self._values(network, params, x, None)
            outputs = self._forward(values)
            return self.style.layout.take(outputs, own[-1][0].shape[1], len(x))

    def _gradients(
        self, answer: Any, told: list[str], own: list[Pair], picker: Picker
    ) -> list[Pair]:
        layout = self.style.layout
        packed = [layout.pack(w, b) for w, b in own]
        found = arrays_in(answer, told)
        pairs = []
        for index, ((matrix, vector), (w, _)) in enumerate(zip(packed, own, strict=True)):
            number = index + 1
            weight = picker.pick(found, WEIGHT, number, matrix.shape, index, len(own))
            bias = None
            if vector is not None:
                bias = picker.pick(found, BIAS, number, vector.shape, index, len(own))
            pairs.append(layout.unpack(weight, bias, *w.shape, layer=str(number)))
        return pairs

    def _step(self, network: Network, params: list[Pair], batch: Any, rate: float) -> list[Pair]:
        with calmly():
            own, values = self._values(network, params, batch.x, batch.y)
            answer = self._backward(values, self._forward(values))
            values |= dict(zip(returned_names(self.chain.backward), parts_of(answer), strict=False))
            update = self.chain.update
            if update is None or self.style.layout.bias == "missing":
                raise NotImplementedError("no step")
            values |= {"rate": rate, "grads": answer, "gradients": answer}
            after = update(*bind(update, values))
            if after is None:
                after = values["parameters"]
            return self._gradients(after, returned_names(update), own, self.updated)


def _known(name: str, values: dict[str, Any]) -> bool:
    return any(role in ROLES and plays(name, role) for role in values)


def has_reg(chain: Chain) -> bool:
    """Whether some function takes the factor of a weight penalty."""
    taken = [p.name for p in arguments(chain.backward)]
    return any(plays(n, "reg") for n in taken) or "reg" in (chain.loss.roles if chain.loss else ())
