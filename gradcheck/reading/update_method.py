"""Code that changes its parameters when it is called: its gradient is what they change by.

One method (``train``, ``fit`` with one epoch, ``update``, ``learn``, ...), or a forward, a
backward and perhaps an update in turn.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.contract.answers import Floats
from gradcheck.reading.call_sequence import SAMPLES, Called, CallSequence, answered
from gradcheck.reading.foreign_call import (
    WAS_MADE,
    Reading,
    UnsuitedError,
    attempt,
    broken,
    calmly,
    classes,
    methods,
)
from gradcheck.reading.holders import Holder, hosts, why_not
from gradcheck.reading.layout import widths_of
from gradcheck.reading.names import METHODS, plain
from gradcheck.reading.own_loss import OwnLoss, choices, mentions_loss, number_of, told_of_loss
from gradcheck.reading.paths import ArrayPath, changed, moved, numbers, unread
from gradcheck.reading.shrinking import shares, told_of_share
from gradcheck.reading.steps import SAME, Stepping, built_in, flat

_TRAIN = (*METHODS["train"], *METHODS["backward"])


class UpdateMethod(Called, Stepping):
    """Code that trains in place, read as an implementation."""

    def __init__(self, host: Holder, plan: CallSequence) -> None:
        Called.__init__(self, host, plan)
        Stepping.__init__(self, self.layout, plan.rate, plan.share)

    def after(self, own: list[Any], x: Floats, y: Floats, rate: float) -> list[Any]:
        """Train once."""
        return self.train(own, x, y, rate)[0]

    def train(self, own: list[Any], x: Floats, y: Floats, rate: float) -> tuple[list[Any], Any]:
        """Train once; return the parameters after it, and what was returned."""
        with calmly():
            holder, roles, values = self.ready(own, x, y, rate)
            answer = self.call_all(holder, values)
            return roles.read(holder, own), answer

    def loss_of(self, own: list[Any], x: Floats, y: Floats) -> Any:
        """Return what is the code's own loss, or what the training itself returns."""
        if self.plan.loss != "returned":
            return super().loss_of(own, x, y)
        answer = self.train(own, x, y, self.plan.rate or 1.0)[1]
        return answer[0] if isinstance(answer, list) and len(answer) == 1 else answer


def find(module: Any) -> Iterator[Reading]:
    """Yield the readings of everything that trains in place."""
    failed: list[Reading] = []
    for host in hosts(module):
        for plan in _plans(host, failed):
            others = _unread(UpdateMethod(host, plan))
            for made, said in _with_loss(host, plan):
                code = UpdateMethod(host, made)
                told = code.told("trains") | said
                told |= {"unread": ", ".join(others)} if others else {}
                told["rate"] = "can be set" if made.rate is None else f"built in, {made.rate:g}"
                told["rate"] += told_of_share(made.share)
                yield Reading("in place", code, told)
    yield from failed
    for cls in classes(module).values():
        if set(map(plain, methods(cls))) & {*_TRAIN, "loss"}:
            why = why_not(cls)
            if why is not None:
                yield broken("in place", why, WAS_MADE, {"class": cls.__name__})


def _plans(host: Holder, failed: list[Reading]) -> Iterator[CallSequence]:
    """Yield what trains, in the first form of samples in which it does; keep why others fail."""
    names = {plain(name): name for name in host.methods}
    kinds = ("forward", "backward", "update")
    forward, backward, update = ([names[n] for n in METHODS[k] if n in names] for k in kinds)
    lines: list[tuple[str, ...]] = list(itertools.product(forward[:2], backward))
    lines += list(itertools.product(forward[:2], backward, update))
    lines += [(names[n],) for n in _TRAIN if n in names]
    between = [name for name in host.methods if mentions_loss(name)][:1]  # it may leave the error
    lines += itertools.product(forward[:1], between, backward)
    lines += itertools.product(forward[:1], between, backward, update)
    seen = False
    for calls in lines:
        for samples, targets in itertools.product(SAMPLES, ("as given", "one number")):
            plan = CallSequence(calls, forward[0] if forward else "", "", samples, targets)
            trainer = UpdateMethod(host, plan)
            try:
                by_rate = _trains(trainer)
            except UnsuitedError as error:
                failed.append(trainer.stopped("in place", error))
                continue
            if by_rate is None:
                continue
            seen, plan = True, trainer.oriented()
            if by_rate:
                yield from (replace(plan, share=share) for share in _shares(trainer))
            else:
                yield from (replace(plan, rate=rate) for rate in built_in(host.module))
        if seen:
            return


def _trains(trainer: UpdateMethod) -> bool | None:
    """Whether the weights change by this plan, in a way that the rate can be set for.

    Returns
    -------
    settable : bool or None
        None when nothing changes.

    Raises
    ------
    UnsuitedError
        When the calls cannot be made.
    """
    own, x, y = trainer.trial()
    one, _ = attempt(lambda: trainer.train(own, x, y, 1.0))
    two, _ = attempt(lambda: trainer.train(own, x, y, 0.25))
    before, first, second = (flat(pairs) for pairs in (own, one, two))
    if not np.isfinite(first.astype(float)).all() or np.array_equal(before, first):
        return None
    if np.abs(first - second).max() > SAME * np.abs(before - first).max():
        return True
    # a rate that is there and changes nothing is a fault to be shown, not built in
    host = trainer.host
    made: Any = answered(lambda: host.fresh(widths_of(own), 1.0, {}), None)
    return made is not None and bool(answered(lambda: host.set_rate(made[0], 1.0), False))


def _shares(trainer: UpdateMethod) -> tuple[float | None, ...]:
    """Return what part of the rate the trainer may use."""
    own, x, y = trainer.trial()

    def step(rate: float) -> None:
        count = 3 if rate == 1.0 else 2  # lr / m is a mean
        trainer.train(own, x[:count], y[:count], rate)

    return shares(trainer.host.module, step)


def _with_loss(host: Holder, plan: CallSequence) -> Iterator[tuple[CallSequence, dict[str, str]]]:
    """Yield a plan with each way to have a loss, then without one; and what is told of it."""
    losses = Called(host, plan).losses()
    returning = UpdateMethod(host, replace(plan, loss="returned"))
    question = returning.trial()
    if number_of(answered(lambda: returning.loss_of(*question), None)) is not None:
        losses.append(OwnLoss("returned"))
    for own in choices(losses):
        named = own is not None and own.name != "returned"
        made = replace(plan, loss=own.name if own else "", own=own if named else None)
        for meaning, told in Called(host, plan).meanings(own is not None):
            yield replace(made, given=meaning), told_of_loss(own, losses) | told


def _unread(trainer: UpdateMethod) -> tuple[str, ...]:
    """Name what the plan trains and the forward uses, and is neither weight nor bias."""
    if not trainer.plan.forward:
        return ()
    own, x, y = trainer.trial()

    def trained() -> list[ArrayPath]:
        holder, _, values = trainer.ready(own, x, y)
        before = numbers(holder)
        trainer.call_all(holder, values)
        return moved(before, numbers(holder))

    def outputs(place: ArrayPath | None) -> Any:
        holder, _, values = trainer.ready(own, x, y)
        if place is not None:
            place.set(holder, changed(place.get(holder)))
        return np.array(trainer.run_forward(holder, values))

    return unread(answered(trained, []), trainer.host.roles.places, outputs)
