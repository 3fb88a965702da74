"""In-place trainers: anything that changes its weights when it is called.

Its gradient is ``(before - after) / rate``, its step is what it does. One method
(``train``, ``fit`` with one epoch, ``update``, ``learn``, ...), or a forward, a backward
and perhaps an update in turn.
"""

import inspect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck.adapters import stepping
from gradcheck.adapters.bare import wider
from gradcheck.adapters.broken import broken
from gradcheck.adapters.calling import (
    UnsuitedError,
    attempt,
    bind,
    calmly,
    classes,
    methods,
)
from gradcheck.adapters.construct import why_not
from gradcheck.adapters.functions import mentions_loss, returned_names
from gradcheck.adapters.hosts import ClassHost, Host, hosts
from gradcheck.adapters.names import plain
from gradcheck.adapters.reading import Reading
from gradcheck.adapters.roles import from_own, to_own
from gradcheck.network import Network
from gradcheck.problem import Floats, Pair

FORWARD = (
    "forward",
    "feedforward",
    "forwardpass",
    "forwardprop",
    "forwardpropagation",
    "forwardpropagate",
    "propagate",
    "think",
    "predict",
    "query",
    "feedfwd",
    "compute",
    "activate",
    "run",
    "fwd",
    "calculate",
    "output",
    "getoutput",
    "evaluate",
)
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
UPDATE = (
    "step",
    "update",
    "updateweights",
    "updateparams",
    "updateparameters",
    "optimize",
    "applygradients",
    "gradientdescent",
    "applygradient",
    "updateweight",
    "descend",
)
TRAIN = (
    "trainstep",
    "trainonbatch",
    "trainone",
    "trainonce",
    "partialfit",
    "fitpartial",
    "learn",
    "train",
    "fit",
    "trainsample",
    "step",
    "update",
    "sgd",
    "trainepoch",
    "trainbatch",
    "trainnetwork",
    *BACKWARD,
)

#: Rates that are built in where none can be set.
CONSTANTS = (1.0, 0.1, 0.5, 0.01, 0.2, 0.05)

SAMPLES = ("rows", "one vector", "one column", "one list", "columns")


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
        The method that gives the loss, ``returned`` where the training does, or empty.
    samples : str
    targets : {"as given", "one number"}
    rate : float or None
        The rate that is built in; None where it can be set.
    outputs : str
        ``columns`` where samples are rows and outputs are not.
    """

    calls: tuple[str, ...]
    forward: str = ""
    loss: str = ""
    samples: str = "rows"
    targets: str = "as given"
    rate: float | None = None
    outputs: str = ""


class Trainer:
    """Code that trains in place, read as an implementation."""

    def __init__(self, host: Host, plan: Plan) -> None:
        self.host, self.plan = host, plan
        self.layout = replace(host.roles.layout, samples=plan.samples, outputs=plan.outputs)
        if plan.forward:
            self.forward = self._forward
        if plan.rate is None:
            self.step = self._step

    def loss_and_grads(
        self, network: Network, params: list[Pair], batch: Any
    ) -> tuple[Any, list[Pair]]:
        """Train once at several rates, and see where that leads."""
        if network.l2:
            raise NotImplementedError("no weight penalty")
        own, x = to_own(self.layout, network, params, batch.x)
        loss = self._loss(own, x, batch.y)

        def step(pairs: list[Any], rate: float) -> list[Any]:
            return self.train(pairs, x, batch.y, rate)[0]

        grads = stepping.gradient(step, own, self.plan.rate, len(own))
        return loss, from_own(self.layout, network, grads)

    def train(self, own: list[Any], x: Floats, y: Floats, rate: float) -> tuple[list[Any], Any]:
        """Train once; return the parameters after it, and what was returned."""
        with calmly():
            holder, roles, values = self._ready(own, x, y, rate)
            answer = None
            for name in self.plan.calls:
                answer = self._call(holder, name, values)
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
            short = plain(unknown[0])
            error = "err" in short or "loss" in short or "grad" in short or "delta" in short
            out, y = np.asarray(values["output"]), np.asarray(values["y"])
            values[unknown[0]] = out - y if error else values["output"]
            chosen = bind(function, values)
        answer = function(*chosen)
        told = returned_names(function)
        if isinstance(answer, tuple) and len(told) == len(answer):
            values.update(zip(told, answer, strict=True))
        elif answer is not None and plain(name) not in BACKWARD:
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
            answer = self._call(holder, self.plan.forward, values)
            answer = _last(holder, self.plan.forward) if answer is None else answer
            return answer[-1] if isinstance(answer, tuple) else answer

    def _loss(self, own: list[Pair], x: Floats, y: Floats) -> Any:
        if not self.plan.loss:
            return float("nan")
        if self.plan.loss == "returned":
            answer = self.train(own, x, y, self.plan.rate or 1.0)[1]
            return answer[0] if isinstance(answer, list) and len(answer) == 1 else answer
        with calmly():
            holder, _, values = self._ready(own, x, y, 0.5)
            if self.plan.forward:
                values["output"] = self._call(holder, self.plan.forward, values)
            return self._call(holder, self.plan.loss, values)

    def _step(self, network: Network, params: list[Pair], batch: Any, rate: float) -> list[Pair]:
        if network.l2:
            raise NotImplementedError("no weight penalty")
        own, x = to_own(self.layout, network, params, batch.x)
        after = self.train(own, x, batch.y, rate)[0]
        if self.layout.bias != "missing":
            return after
        implied = [
            ((w - new) / rate, (b - c) / rate) for (w, b), (new, c) in zip(own, after, strict=True)
        ]
        grads = from_own(self.layout, network, implied)
        return [
            (w - rate * dw, b - rate * db) for (w, b), (dw, db) in zip(params, grads, strict=True)
        ]


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


def _last(holder: Any, name: str) -> Any:
    """What a forward that returns nothing left behind."""
    for key in ("output", "outputs", "a2", "A2", "o", "out", "y_hat", "yhat", "ao"):
        if hasattr(holder, key):
            return getattr(holder, key)
    raise UnsuitedError(f"{name} returns nothing")


def find(module: Any) -> Iterator[Reading]:
    """Yield the readings of everything that trains in place."""
    for host in hosts(module):
        for plan in _plans(host):
            for made in _with_loss(host, plan):
                told = Trainer(host, made).layout.told() | {"calls": ", ".join(made.calls)}
                told["trains"] = host.name
                if made.targets != "as given":
                    told["targets"] = made.targets
                if made.samples.startswith("one"):
                    told["batch"] = "1"
                told["loss"] = made.loss or "none"
                told["rate"] = "can be set" if made.rate is None else f"built in, {made.rate:g}"
                if host.fixed:
                    told["widths"] = "-".join(map(str, host.roles.widths))
                yield Reading("in place", Trainer(host, made), told)

    for cls in classes(module).values():
        if set(map(plain, methods(cls))) & {*TRAIN, *BACKWARD, "loss"}:
            why = why_not(cls)
            if why:
                yield broken("in place", why)


def _plans(host: Host) -> Iterator[Plan]:
    """Yield what trains, in the first form of samples in which it does."""
    names = {plain(name): name for name in host.methods}
    forward = [names[n] for n in FORWARD if n in names]
    backward = [names[n] for n in BACKWARD if n in names]
    update = [names[n] for n in UPDATE if n in names]
    train = [names[n] for n in TRAIN if n in names]
    lines: list[tuple[str, ...]] = list(itertools.product(forward[:2], backward))
    lines += list(itertools.product(forward[:2], backward, update))
    lines += [(name,) for name in train]
    seen = False
    for calls in lines:
        for samples, targets in itertools.product(SAMPLES, ("as given", "one number")):
            plan = Plan(calls, forward[0] if forward else "", "", samples, targets)
            moved = _trains(host, plan)
            if moved is None:
                continue
            seen, plan = True, _oriented(host, plan)
            yield from [plan] if moved else [replace(plan, rate=rate) for rate in CONSTANTS]
        if seen:
            return


def _with_loss(host: Host, plan: Plan) -> Iterator[Plan]:
    """Yield a plan with each place where a loss may be had, then without one."""
    names = [name for name in host.methods if mentions_loss(name) and name not in plan.calls]
    own, x, y = _trial(host, plan)
    for loss in [*names[:3], "returned"]:
        trainer = Trainer(host, replace(plan, loss=loss))
        try:
            value = attempt(lambda t=trainer: t._loss(own, x, y))  # type: ignore[misc]
            if np.asarray(value, dtype=float).size == 1 and value is not None:
                yield trainer.plan
        except (UnsuitedError, TypeError, ValueError):
            continue
    yield plan


def _oriented(host: Host, plan: Plan) -> Plan:
    """See whether the forward runs, and whether outputs come in columns where samples are rows."""
    if not plan.forward:
        return plan
    own, x, _ = _trial(host, plan)
    trainer = Trainer(host, plan)
    try:
        answer = np.asarray(attempt(lambda: trainer.outputs(own, x)))
    except UnsuitedError:
        return replace(plan, forward="")
    if plan.samples != "rows":
        return plan
    sizes = (own[-1][0].shape[1], len(x))
    return replace(plan, outputs="columns") if answer.shape == sizes else plan


def _trial(host: Host, plan: Plan) -> tuple[list[Pair], Floats, Floats]:
    rng = np.random.default_rng(0)
    widths = host.roles.widths
    own = wider(widths) if host.roles.layout.bias == "missing" else widths
    pairs = [
        (rng.normal(size=s), rng.normal(size=s[1]) * (host.roles.layout.bias != "missing"))
        for s in itertools.pairwise(own)
    ]
    n = 1 if plan.samples.startswith("one") else 3
    y = np.zeros((n, own[-1]))
    y[:, 0] = 1.0
    return pairs, rng.normal(size=(n, own[0])), y


def _trains(host: Host, plan: Plan) -> bool | None:
    """Whether the weights change by this plan, in a way that the rate can be set for.

    Returns
    -------
    settable : bool or None
        None when nothing changes, or the calls cannot be made.
    """
    own, x, y = _trial(host, plan)
    trainer = Trainer(host, plan)
    try:
        one, _ = attempt(lambda: trainer.train(own, x, y, 1.0))
        two, _ = attempt(lambda: trainer.train(own, x, y, 0.25))
    except UnsuitedError:
        return None
    before, first, second = (stepping.flat(pairs) for pairs in (own, one, two))
    if not np.isfinite(first.astype(float)).all() or np.array_equal(before, first):
        return None
    if not np.array_equal(first, second):
        return True
    return _has_rate(host, plan, own, x, y)


def _has_rate(host: Host, plan: Plan, own: list[Pair], x: Floats, y: Floats) -> bool:
    """A rate that is there and changes nothing is a fault to be shown, not built in."""
    sizes = (own[0][0].shape[0], *(w.shape[1] for w, _ in own))
    try:
        holder, _ = attempt(lambda: host.fresh(sizes, 1.0, {}))
        return bool(attempt(lambda: host.set_rate(holder, 1.0)))
    except UnsuitedError:
        return False
