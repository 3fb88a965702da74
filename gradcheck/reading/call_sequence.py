"""Functions called in turn on what holds the parameters: a forward, a backward, an update.

What all code has in common whose functions share an object or a module, whether they return
the gradient or change the parameters by it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck.contract.conventions import Argument, Conventions, Targets
from gradcheck.contract.posed import Floats, Pairs
from gradcheck.contract.posed import PosedNetwork as Network
from gradcheck.reading import foreign_call as foreign
from gradcheck.reading.foreign_call import METHODS, plain
from gradcheck.reading.holders import Holder
from gradcheck.reading.layout import Trial, to_own, widths_of
from gradcheck.reading.loading import Reading
from gradcheck.reading.own_loss import OwnLoss, mentions_loss, own_losses
from gradcheck.reading.returned import (
    MEANINGS,
    WITHOUT_LOSS,
    from_above,
    meant,
    outputs_at,
    returned_names,
)

#: Where a forward that returns nothing leaves its outputs.
_LEFT = ("output", "outputs", "a2", "A2", "o", "out", "y_hat", "yhat", "ao")


@dataclass(frozen=True)
class CallSequence:
    """What is called to train once, or for a gradient.

    Attributes
    ----------
    calls : tuple of str
        Names of methods, in order.
    forward : str
        The method that gives outputs; empty if there is none.
    loss : str
        What gives the loss, ``returned`` where the training does, or empty.
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
    targets: Targets = Targets.AS_GIVEN
    rate: float | None = None
    share: float | None = None
    outputs: str = ""
    own: OwnLoss | None = None
    given: str = ""


class Called:
    """Code whose functions are called in turn.

    Attributes
    ----------
    calling : str
        What was called last.
    unknown : str
        The argument that no name says; empty where there is none.
    """

    def __init__(self, host: Holder, plan: CallSequence) -> None:
        self.layout = replace(host.roles.layout, samples=plan.samples, outputs=plan.outputs)
        self.host, self.plan, self.calling, self.unknown = host, plan, "", ""
        if plan.forward:
            self.forward = self._forward

    def ready(
        self, own: list[Any], x: Floats, y: Floats, rate: float = 0.5
    ) -> tuple[Any, Any, dict[str, Any]]:
        """Return a fresh holder with given parameters, their roles, and what functions may get."""
        given, targets = self.layout.give(x), self.layout.targets(y, self.plan.targets)
        holder, roles = self.host.fresh(widths_of(own), rate, {"x": given, "y": targets})
        self.host.set_rate(holder, rate)
        roles.write(holder, own)
        values = {"x": given, "y": targets, "rate": rate, "once": 1, "quiet": False, "m": len(x)}
        return holder, roles, values

    def call_all(self, holder: Any, values: dict[str, Any]) -> Any:
        """Make the calls in turn, and return what the last one does."""
        answer = None
        for name in self.plan.calls:
            self.calling = name
            answer = self._call(holder, name, values)
        return answer

    def _call(self, holder: Any, name: str, values: dict[str, Any]) -> Any:
        function = getattr(holder, name)
        try:
            chosen = foreign.bind(function, values)
        except foreign.UnsuitedError:  # one argument that is not known: the error, or the outputs
            unknown = [n for n in foreign.needed(function) if foreign.role_among(n, values) is None]
            if len(unknown) != 1 or "output" not in values:
                raise
            self.unknown = unknown[0]
            meaning = self.plan.given or ("a - y" if from_above(self.unknown) else "a")
            columns = (self.plan.outputs or self.plan.samples) in ("columns", "one column")
            value = meant(meaning, values["output"], values["y"], values["m"], columns)
            values = {**values, self.unknown: value}
            chosen = foreign.bind(function, values)
        answer = function(*chosen)
        told = returned_names(function)
        outputs = plain(name) not in METHODS["backward"] and not mentions_loss(name)
        if isinstance(answer, tuple) and len(told) == len(answer):
            values.update(zip(told, answer, strict=True))
        elif answer is not None and outputs:
            values["output"] = answer
        return answer

    def _forward(self, network: Network, params: Pairs, x: Floats) -> Floats:
        own, wide = to_own(self.layout, network, params, x)
        return self.layout.take(self.outputs(own, wide), own[-1][0].shape[1], len(x))

    def outputs(self, own: Pairs, x: Floats) -> Any:
        """Return what the forward gives, as it gives it."""
        with foreign.calmly():
            holder, _, values = self.ready(own, x, np.zeros((len(x), own[-1][0].shape[1])))
            return self.run_forward(holder, values)

    def run_forward(self, holder: Any, values: dict[str, Any]) -> Any:
        """Call the forward on a holder, and return its outputs."""
        answer = self._call(holder, self.plan.forward, values)
        if answer is None:
            left = [key for key in _LEFT if hasattr(holder, key)]
            if not left:
                raise foreign.UnsuitedError(f"{self.plan.forward} returns nothing")
            answer = getattr(holder, left[0])
        if not isinstance(answer, tuple):
            return answer
        size = np.size(values["y"])
        at = outputs_at(answer, size)
        return answer[-1] if at is None or answer[at].size != size else answer[at]

    def loss_of(self, own: list[Any], x: Floats, y: Floats) -> Any:
        """Return the code's own loss, of a function or of what the calls leave; NaN without one."""
        if self.plan.own is None:
            return float("nan")
        with foreign.calmly():
            holder, values = self._seen(own, x, y)
            if self.plan.own.find is None:
                self.call_all(holder, values)
            return self.plan.own.value(holder, values)

    def _seen(self, own: list[Any], x: Floats, y: Floats) -> tuple[Any, dict[str, Any]]:
        """Return a holder whose forward has run, and what its functions may be given."""
        holder, _, values = self.ready(own, x, y)
        if self.plan.forward:
            values["output"] = self.run_forward(holder, values)
        return holder, values | {"reg": 0.0}

    def trial(self) -> tuple[Pairs, Floats, Floats]:
        """Make up parameters and a batch of the host's own sizes, to see whether it answers."""
        trial = Trial(self.host.roles.own_widths)
        pairs, batch = trial.question(1 if self.plan.samples.startswith("one") else 3)
        if self.layout.bias == "missing":
            pairs = [(w, 0.0 * b) for w, b in pairs]
        return pairs, batch.x, batch.y

    def losses(self) -> list[OwnLoss]:
        """Return the ways to have the code's own loss, tried on a question."""
        own, x, y = self.trial()

        def tried() -> list[OwnLoss]:
            holder, values = self._seen(own, x, y)
            trained, others = self._seen(own, x, y)
            self.call_all(trained, others)
            called = tuple(name for name in self.plan.calls if not mentions_loss(name))
            return own_losses(holder, self.host.module, values, called, trained)

        found: list[OwnLoss] = foreign.answered(tried, [])
        return found

    def meanings(self, loss: bool) -> Iterator[Argument | None]:
        """Yield what the argument may be given that no name says; None where there is none."""
        own, x, y = self.trial()

        def tried() -> None:
            holder, roles, values = self.ready(own, x, y, 1.0)
            self.call_all(holder, values)
            roles.read(holder, own)

        foreign.answered(tried)
        if not self.unknown:
            yield None
            return
        for meaning in MEANINGS if loss else WITHOUT_LOSS:
            yield Argument(self.unknown, meaning)

    def oriented(self) -> CallSequence:
        """See whether the forward runs, and whether outputs are columns where samples are rows."""
        if not self.plan.forward:
            return self.plan
        own, x, _ = self.trial()
        try:
            answer = np.asarray(foreign.attempt(lambda: self.outputs(own, x)))
        except foreign.UnsuitedError:
            return replace(self.plan, forward="")
        turned = self.plan.samples == "rows" and answer.shape == (own[-1][0].shape[1], len(x))
        return replace(self.plan, outputs="columns") if turned else self.plan

    def stopped(self, adapter: str, why: foreign.UnsuitedError) -> Reading:
        """Return a reading that says what one of its calls raised."""
        stage = foreign.WAS_CALLED if self.calling else foreign.WAS_MADE
        if self.calling and plain(self.calling) not in METHODS["forward"]:
            own, x, _ = self.trial()
            ran = self.calling != self.plan.calls[0]
            if ran or (self.plan.forward and foreign.answered(lambda: [self.outputs(own, x)])):
                stage = foreign.RAN_FORWARD
        tried = Conventions(calls=self.plan.calls, class_name=self.host.name)
        return foreign.broken(adapter, why, stage, tried)

    def conventions(self) -> Conventions:
        """Say how the code is called and keeps its parameters, and no more yet."""
        host, plan = self.host, self.plan
        functions = [host.methods[name] for name in plan.calls]
        return replace(
            self.layout.conventions(),
            calls=plan.calls,
            names=host.roles.spelling(functions, self.layout, host.root),
            targets=None if plan.targets is Targets.AS_GIVEN else plan.targets,
            one_sample=plan.samples.startswith("one"),
            widths=(host.roles.widths,) if host.fixed else None,
        )
