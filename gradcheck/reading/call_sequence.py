"""A trainer: what changes its weights when it is called, read as an implementation."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck.contract.answers import Floats, Pair
from gradcheck.contract.protocol import NetworkLike as Network
from gradcheck.reading.foreign_call import UnsuitedError, bind, calmly
from gradcheck.reading.holders import ClassHost, Host
from gradcheck.reading.names import plain
from gradcheck.reading.own_loss import OwnLoss, mentions_loss, own_losses
from gradcheck.reading.parameters import to_own
from gradcheck.reading.returned import returned_names
from gradcheck.reading.update_method import Stepper
from gradcheck.reading.upstream import from_above, meant

BACKWARD = (
    "backward",
    "backprop",
    "backpropagate",
    "backpropagation",
    "backpropogate",
    "backwardpass",
    "backwardprop",
    "backwardpropagation",
    "backwardpropagate",
    "back",
    "propagateback",
    "bwd",
    "backpropogation",
    "backpropagateerror",
)


@dataclass(frozen=True)
class Plan:
    """What is called to train once.

    Attributes
    ----------
    calls : tuple of str
        Names of methods, in order.
    forward : str
        The method that gives outputs; empty if there is none.
    loss : str
        What gives the loss, ``returned`` where the training does, or empty.
    samples : str
    targets : {"as given", "one number"}
    rate : float or None
        The rate that is built in; None where it can be set.
    share : float or None
        How much of a rate that is set is used; None where that is all of it for sure.
    outputs : str
        ``columns`` where samples are rows and outputs are not.
    own : OwnLoss or None
        How the loss is had, where it has a name.
    given : str
        What the one argument is given that no name says; a key of
        :data:`~gradcheck.reading.upstream.MEANINGS`, or empty for what its name suggests.
    """

    calls: tuple[str, ...]
    forward: str = ""
    loss: str = ""
    samples: str = "rows"
    targets: str = "as given"
    rate: float | None = None
    share: float | None = None
    outputs: str = ""
    own: OwnLoss | None = None
    given: str = ""


class Trainer(Stepper):
    """Code that trains in place, read as an implementation.

    Attributes
    ----------
    calling : str
        What was called last.
    unknown : str
        The argument that no name says; empty where there is none.
    """

    def __init__(self, host: Host, plan: Plan) -> None:
        layout = replace(host.roles.layout, samples=plan.samples, outputs=plan.outputs)
        super().__init__(layout, plan.rate, plan.share)
        self.host, self.plan, self.calling, self.unknown = host, plan, "", ""
        if plan.forward:
            self.forward = self._forward

    def after(self, own: list[Any], x: Floats, y: Floats, rate: float) -> list[Any]:
        """Train once."""
        return self.train(own, x, y, rate)[0]

    def train(self, own: list[Any], x: Floats, y: Floats, rate: float) -> tuple[list[Any], Any]:
        """Train once; return the parameters after it, and what was returned."""
        with calmly():
            holder, roles, values = self._ready(own, x, y, rate)
            answer = self.calls(holder, values)
            return roles.read(holder, own), answer

    def _ready(
        self, own: list[Any], x: Floats, y: Floats, rate: float
    ) -> tuple[Any, Any, dict[str, Any]]:
        sizes = (own[0][0].shape[0], *(w.shape[1] for w, _ in own))
        given, targets = self.layout.give(x), self._targets(y)
        holder, roles = self.host.fresh(sizes, rate, {"x": given, "y": targets})
        self.host.set_rate(holder, rate)
        roles.write(holder, own)
        values: dict[str, Any] = {
            "x": given,
            "y": targets,
            "rate": rate,
            "once": 1,
            "quiet": False,
            "m": len(x),
        }
        return holder, roles, values

    def _targets(self, y: Floats) -> Any:
        if self.plan.targets == "one number":
            if y.shape != (1, 1):
                raise NotImplementedError("one output of one sample a call")
            return float(y[0, 0])
        return self.layout.give(y)

    def _call(self, holder: Any, name: str, values: dict[str, Any]) -> Any:
        function = self.host.methods[name]
        if isinstance(self.host, ClassHost):
            function = getattr(holder, name)
        try:
            chosen = bind(function, values)
        except UnsuitedError:  # one argument that is not known: the error, or the outputs
            values = dict(values)
            unknown = _unknown(function, values)
            if len(unknown) != 1 or "output" not in values:
                raise
            self.unknown = unknown[0]
            meaning = self.plan.given or ("a - y" if from_above(self.unknown) else "a")
            columns = (self.plan.outputs or self.plan.samples) in ("columns", "one column")
            value = meant(meaning, values["output"], values["y"], values["m"], columns)
            values[self.unknown] = value
            chosen = bind(function, values)
        answer = function(*chosen)
        told = returned_names(function)
        if isinstance(answer, tuple) and len(told) == len(answer):
            values.update(zip(told, answer, strict=True))
        elif answer is not None and plain(name) not in BACKWARD and not mentions_loss(name):
            values["output"] = answer
        return answer

    def _forward(self, network: Network, params: list[Pair], x: Floats) -> Floats:
        own, wide = to_own(self.layout, network, params, x)
        return self.layout.take(self.outputs(own, wide), own[-1][0].shape[1], len(x))

    def outputs(self, own: list[Pair], x: Floats) -> Any:
        """Return what the forward gives, as it gives it."""
        with calmly():
            y = np.zeros((len(x), own[-1][0].shape[1]))
            holder, _, values = self._ready(own, x, y, 0.5)
            return self.run_forward(holder, values)

    def ready(self, own: list[Any], x: Floats, y: Floats) -> tuple[Any, dict[str, Any]]:
        """Return a fresh holder with given parameters, and what its functions may be given."""
        holder, _, values = self._ready(own, x, y, 0.5)
        return holder, values

    def run_forward(self, holder: Any, values: dict[str, Any]) -> Any:
        """Call the forward on a holder, and return its outputs."""
        answer = self._call(holder, self.plan.forward, values)
        answer = _last(holder, self.plan.forward) if answer is None else answer
        return _outputs_in(answer, np.size(values["y"])) if isinstance(answer, tuple) else answer

    def loss_of(self, own: list[Any], x: Floats, y: Floats) -> Any:
        """Return what is the code's own loss, or what the training itself returns."""
        if self.plan.loss == "returned":
            answer = self.train(own, x, y, self.plan.rate or 1.0)[1]
            return answer[0] if isinstance(answer, list) and len(answer) == 1 else answer
        if self.plan.own is None:
            return float("nan")
        with calmly():
            holder, values = self._seen(own, x, y)
            if self.plan.own.find is None:
                self.calls(holder, values)
            return self.plan.own.value(holder, values)

    def own_losses(self, own: list[Any], x: Floats, y: Floats) -> list[OwnLoss]:
        """Return the ways to have the code's own loss, tried on a question."""
        with calmly():
            holder, values = self._seen(own, x, y)
            trained, others = self._seen(own, x, y)
            self.calls(trained, others)
            called = tuple(name for name in self.plan.calls if not mentions_loss(name))
            return own_losses(holder, self.host.module, values, called, trained)

    def _seen(self, own: list[Any], x: Floats, y: Floats) -> tuple[Any, dict[str, Any]]:
        """Return a holder whose forward has run, and what its functions may be given."""
        holder, _, values = self._ready(own, x, y, 0.5)
        if self.plan.forward:
            values["output"] = self.run_forward(holder, values)
        return holder, values | {"reg": 0.0}

    def calls(self, holder: Any, values: dict[str, Any]) -> Any:
        """Make the calls that train, and return what the last one does."""
        answer = None
        for name in self.plan.calls:
            self.calling = name
            answer = self._call(holder, name, values)
        return answer


def _unknown(function: Callable[..., Any], values: dict[str, Any]) -> list[str]:
    names = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.default is not inspect.Parameter.empty:
            continue
        try:
            bind(_taking(parameter), values)
        except UnsuitedError:
            names.append(parameter.name)
    return names


def _taking(parameter: inspect.Parameter) -> Callable[..., Any]:
    def function(*args: Any) -> None: ...

    function.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]
    return function


def _outputs_in(parts: tuple[Any, ...], size: int) -> Any:
    """Return the outputs of several things returned: what has their size, the first or last."""
    fitting = [part for part in parts if isinstance(part, np.ndarray) and part.size == size]
    if not fitting:
        return parts[-1]
    return parts[0] if fitting[0] is parts[0] else fitting[-1]


def _last(holder: Any, name: str) -> Any:
    """What a forward that returns nothing left behind."""
    for key in ("output", "outputs", "a2", "A2", "o", "out", "y_hat", "yhat", "ao"):
        if hasattr(holder, key):
            return getattr(holder, key)
    raise UnsuitedError(f"{name} returns nothing")
