"""Code that moves its weights when it is called: what all its shapes have in common.

From a step to the gradient that it follows: ``(before - after) / rate``.

Forming the difference costs digits. So the rate is huge where it can be chosen, and the
weight's own digits vanish beside the change. Code that changes weights before it is done
reading them takes a step that is no multiple of its rate: then the gradient is what is
left as the rate goes to zero, and the rest shows in the check of the step. A rate that
is built in cannot be chosen; then parameters are given in extended precision.

A trainer: what changes its weights when it is called, read as an implementation.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck.contract.answers import Floats, Pair
from gradcheck.contract.problem import PosedNetwork as Network
from gradcheck.reading.foreign_call import UnsuitedError, bind, calmly
from gradcheck.reading.holders import ClassHolder, Holder
from gradcheck.reading.layout import Layout
from gradcheck.reading.names import plain
from gradcheck.reading.own_loss import OwnLoss, mentions_loss, own_losses
from gradcheck.reading.parameters import from_own, stepped, to_own
from gradcheck.reading.returned import from_above, meant, returned_names

#: ``step(pairs, rate) -> pairs after``.
Step = Callable[[list[Any], float], list[Any]]

#: Two rates, powers of two, so that scaling rounds nothing.
HUGE = (2.0**30, 2.0**31)

#: Changes that agree to this part are the same multiple of the rate.
SAME = 1e-9


def extended(array: Floats) -> Any:
    """Return an array in extended precision, where the machine has it."""
    return array.astype(np.longdouble)


def flat(pairs: list[Any]) -> Any:
    """Return all numbers of some pairs in a row."""
    return np.concatenate([np.asarray(a).ravel() for pair in pairs for a in pair])


def shaped(values: Any, like: list[Pair]) -> list[Pair]:
    """Cut a row of numbers into pairs again."""
    pairs, start = [], 0
    for pair in like:
        parts = []
        for array in pair:
            part = values[start : start + array.size]
            parts.append(np.asarray(part, dtype=np.float64).reshape(array.shape))
            start += array.size
        pairs.append((parts[0], parts[1]))
    return pairs


def gradient(step: Step, pairs: list[Pair], rate: float | None, depth: int) -> list[Pair]:
    """Return the gradient that a step follows.

    Parameters
    ----------
    rate : float or None
        The rate that is built in; None when it can be chosen.
    depth : int
        Layers: the implied gradient of a step that reads changed weights is a polynomial in
        the rate, of degree ``2**(depth - 1) - 1``.
    """
    if rate is not None:
        return shaped(_change(step, pairs, rate, wide=True) / rate, pairs)
    one, two = (_change(step, pairs, r) / r for r in HUGE)
    parts, start = [], 0
    several = None
    for array in (array for pair in pairs for array in pair):
        cut = slice(start, start + array.size)
        start += array.size
        # what the difference of two parameters cannot show
        hidden = 4.0 * np.finfo(float).eps * float(np.abs(array).max(initial=0.0)) / HUGE[0]
        if _same(one[cut], two[cut], hidden):
            parts.append(two[cut])
            continue
        if several is None:
            several = _at_small_rates(step, pairs, depth)
        whole, half, polynomial = (values[cut] for values in several)
        power = any(_same(whole, half * factor) for factor in (1.0, 4.0))
        parts.append(whole if power else polynomial)
    return shaped(np.concatenate(parts), pairs)


def _same(one: Any, two: Any, hidden: float = 0.0) -> bool:
    finite = np.isfinite(one).all() and np.isfinite(two).all()
    allowed = SAME * max(np.abs(one).max(), 1e-300) + hidden
    return bool(finite and np.abs(one - two).max() <= allowed)


def _change(step: Step, pairs: list[Pair], rate: float, wide: bool = False) -> Any:
    given = [(extended(w), extended(b)) for w, b in pairs] if wide else pairs
    before = flat(given)
    after = flat(step([(w.copy(), b.copy()) for w, b in given], rate))
    return before - after


def _at_small_rates(step: Step, pairs: list[Pair], depth: int) -> tuple[Any, Any, Any]:
    """Return the changes at the rates 1 and 1/2, and what is implied at a rate of zero.

    Where a rate is ignored or squared, the change at a rate of 1 is the gradient.
    """
    count = min(2 ** (depth - 1), 8) if depth > 1 else 2
    rates = np.cos((2 * np.arange(count, dtype=np.longdouble) + 1) * np.pi / (2 * count))
    limit = np.zeros_like(extended(flat(pairs)))
    for rate in rates:
        others = rates[rates != rate]
        share = np.prod(others / (others - rate))
        limit = limit + share * _change(step, pairs, float(rate), wide=True) / float(rate)
    changes = (_change(step, pairs, rate, wide=True) for rate in (1.0, 0.5))
    return (*changes, limit)


class Stepping:
    """Code that takes steps, read as an implementation.

    Attributes
    ----------
    layout : Layout
    built_in : float or None
        Its learning rate; None where that can be set. Only then has it a ``step``.
    share : float
        How much of a rate that is set it uses.
    """

    def __init__(self, layout: Layout, built_in: float | None, share: float | None = None) -> None:
        self.layout, self.built_in, self.share = layout, built_in, share or 1.0
        if built_in is None:
            self.step = self._step

    def after(self, own: list[Any], x: Floats, y: Floats, rate: float) -> list[Any]:
        """Return the code's own parameters after a step from given ones."""
        raise NotImplementedError

    def loss_of(self, own: list[Any], x: Floats, y: Floats) -> Any:
        """Return the code's own loss; NaN where it has none."""
        raise NotImplementedError

    def loss_and_grads(
        self, network: Network, params: list[Pair], batch: Any
    ) -> tuple[Any, list[Pair]]:
        """Take steps at several rates, and see where they lead."""
        own, x = self._own(network, params, batch.x)
        loss = self.loss_of(own, x, batch.y)

        def step(pairs: list[Any], rate: float) -> list[Any]:
            return self.after(pairs, x, batch.y, rate / self.share)

        grads = gradient(step, own, self.built_in, len(own))
        return loss, from_own(self.layout, network, grads)

    def _step(self, network: Network, params: list[Pair], batch: Any, rate: float) -> list[Pair]:
        own, x = self._own(network, params, batch.x)
        after = self.after(own, x, batch.y, rate / self.share)
        return stepped(self.layout, network, params, own, after, rate)

    def _own(self, network: Network, params: list[Pair], x: Floats) -> tuple[list[Pair], Floats]:
        if network.l2:
            raise NotImplementedError("no weight penalty")
        return to_own(self.layout, network, params, x)


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
class CallSequence:
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
        :data:`~gradcheck.reading.returned.MEANINGS`, or empty for what its name suggests.
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


class UpdateMethod(Stepping):
    """Code that trains in place, read as an implementation.

    Attributes
    ----------
    calling : str
        What was called last.
    unknown : str
        The argument that no name says; empty where there is none.
    """

    def __init__(self, host: Holder, plan: CallSequence) -> None:
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
        if isinstance(self.host, ClassHolder):
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
