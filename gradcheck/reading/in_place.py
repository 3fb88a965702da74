"""In-place trainers: anything that changes its weights when it is called.

Its gradient is ``(before - after) / rate``, its step is what it does. One method
(``train``, ``fit`` with one epoch, ``update``, ``learn``, ...), or a forward, a backward
and perhaps an update in turn.
"""

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.contract.answers import Floats, Pair
from gradcheck.reading.foreign_call import RAN_FORWARD as BACKWARD_STAGE
from gradcheck.reading.foreign_call import WAS_CALLED as FORWARD_STAGE
from gradcheck.reading.foreign_call import (
    WAS_MADE,
    Reading,
    UnsuitedError,
    attempt,
    broken,
    classes,
    methods,
)
from gradcheck.reading.holders import Holder, hosts, why_not
from gradcheck.reading.layout import wider
from gradcheck.reading.names import plain
from gradcheck.reading.own_loss import (
    OwnLoss,
    built_in,
    choices,
    mentions_loss,
    number_of,
    told_of_loss,
)
from gradcheck.reading.paths import ArrayPath, changed, moved, numbers, unread
from gradcheck.reading.returned import MEANINGS, WITHOUT_LOSS, told_of_meaning
from gradcheck.reading.shrinking import shares, told_of_share
from gradcheck.reading.source_names import spelled_at
from gradcheck.reading.update_method import BACKWARD, SAME, CallSequence, UpdateMethod, flat

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

SAMPLES = ("rows", "columns", "one vector", "one column", "one list")


def find(module: Any) -> Iterator[Reading]:
    """Yield the readings of everything that trains in place."""
    failed: list[Reading] = []
    for host in hosts(module):
        for plan in _plans(host, failed):
            others = _unread(host, plan)
            for made, said in _with_loss(host, plan):
                told = UpdateMethod(host, made).layout.told() | {"calls": ", ".join(made.calls)}
                told["trains"] = host.name
                told["spelling"] = spelled_at(
                    [host.methods[name] for name in made.calls],
                    host.roles.weights,
                    host.roles.biases,
                    UpdateMethod(host, made).layout,
                    "" if host.name == "the module" else "self",
                    host.roles.form,
                )
                if made.targets != "as given":
                    told["targets"] = made.targets
                if made.samples.startswith("one"):
                    told["batch"] = "1"
                told |= said | ({"unread": ", ".join(others)} if others else {})
                told["rate"] = "can be set" if made.rate is None else f"built in, {made.rate:g}"
                told["rate"] += told_of_share(made.share)
                if host.fixed:
                    told["widths"] = "-".join(map(str, host.roles.widths))
                yield Reading("in place", UpdateMethod(host, made), told)

    yield from failed
    for cls in classes(module).values():
        if set(map(plain, methods(cls))) & {*TRAIN, *BACKWARD, "loss"}:
            why = why_not(cls)
            if why is not None:
                yield broken("in place", why, WAS_MADE, {"class": cls.__name__})


def stopped(adapter: str, trainer: UpdateMethod, why: UnsuitedError) -> Reading:
    """Return a reading that says what one of its calls raised."""
    plan, host = trainer.plan, trainer.host
    stage = WAS_MADE
    if trainer.calling:
        stage = FORWARD_STAGE if plain(trainer.calling) in FORWARD else BACKWARD_STAGE
    if stage == BACKWARD_STAGE and trainer.calling == plan.calls[0]:
        stage = BACKWARD_STAGE if _runs_forward(trainer) else FORWARD_STAGE
    return broken(adapter, why, stage, {"calls": ", ".join(plan.calls), "class": host.name})


def _runs_forward(trainer: UpdateMethod) -> bool:
    """Whether the forward runs by itself, where the training does not."""
    if not trainer.plan.forward:
        return False
    own, x, _ = trial(trainer.host, trainer.plan)
    try:
        attempt(lambda: trainer.outputs(own, x))
    except UnsuitedError:
        return False
    return True


def _plans(host: Holder, failed: list[Reading]) -> Iterator[CallSequence]:
    """Yield what trains, in the first form of samples in which it does; keep why others fail."""
    names = {plain(name): name for name in host.methods}
    forward = [names[n] for n in FORWARD if n in names]
    backward = [names[n] for n in BACKWARD if n in names]
    update = [names[n] for n in UPDATE if n in names]
    train = [names[n] for n in TRAIN if n in names]
    lines: list[tuple[str, ...]] = list(itertools.product(forward[:2], backward))
    lines += list(itertools.product(forward[:2], backward, update))
    lines += [(name,) for name in train]
    between = [name for name in host.methods if mentions_loss(name)][:1]  # it may leave the error
    lines += itertools.product(forward[:1], between, backward)
    lines += itertools.product(forward[:1], between, backward, update)
    seen = False
    for calls in lines:
        for samples, targets in itertools.product(SAMPLES, ("as given", "one number")):
            plan = CallSequence(calls, forward[0] if forward else "", "", samples, targets)
            trainer = UpdateMethod(host, plan)
            try:
                moved = _trains(trainer)
            except UnsuitedError as error:
                failed.append(stopped("in place", trainer, error))
                continue
            if moved is None:
                continue
            seen, plan = True, oriented(host, plan)
            if not moved:
                yield from (replace(plan, rate=rate) for rate in built_in(host.module))
                continue
            yield from (replace(plan, share=share) for share in _shares(trainer))
        if seen:
            return


def losses_of(host: Holder, plan: CallSequence) -> list[OwnLoss]:
    """Return the ways to have the loss of code that trains, or returns its gradient."""
    own, x, y = trial(host, plan)
    trainer = UpdateMethod(host, plan)
    try:
        found: list[OwnLoss] = attempt(lambda: trainer.own_losses(own, x, y))
    except UnsuitedError:
        return []
    return found


def _returns_loss(host: Holder, plan: CallSequence) -> bool:
    """Whether the training returns a number, or a list of one."""
    own, x, y = trial(host, plan)
    trainer = UpdateMethod(host, replace(plan, loss="returned"))
    try:
        return number_of(attempt(lambda: trainer.loss_of(own, x, y))) is not None
    except UnsuitedError:
        return False


def _with_loss(host: Holder, plan: CallSequence) -> Iterator[tuple[CallSequence, dict[str, str]]]:
    """Yield a plan with each way to have a loss, then without one; and what is told of it."""
    losses = losses_of(host, plan)
    if _returns_loss(host, plan):
        losses.append(OwnLoss("returned"))
    for own in choices(losses):
        named = own is not None and own.name != "returned"
        made = replace(plan, loss=own.name if own else "", own=own if named else None)
        for meaning, told in meanings(host, plan, own is not None):
            yield replace(made, given=meaning), told_of_loss(own, losses) | told


def meanings(host: Holder, plan: CallSequence, loss: bool) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what the argument may be given that no name says, and what is told of it."""
    own, x, y = trial(host, plan)
    trainer = UpdateMethod(host, plan)
    with contextlib.suppress(UnsuitedError):
        attempt(lambda: trainer.train(own, x, y, 1.0))
    if not trainer.unknown:
        yield "", {}
        return
    for meaning in MEANINGS if loss else WITHOUT_LOSS:
        yield meaning, told_of_meaning(trainer.unknown, meaning)


def _unread(host: Holder, plan: CallSequence) -> tuple[str, ...]:
    """Name what the plan trains and the forward uses, and is neither weight nor bias."""
    if not plan.forward:
        return ()
    own, x, y = trial(host, plan)
    trainer = UpdateMethod(host, plan)

    def trained() -> list[ArrayPath]:
        holder, values = trainer.ready(own, x, y)
        before = numbers(holder)
        trainer.calls(holder, values)
        return moved(before, numbers(holder))

    def outputs(place: ArrayPath | None) -> Any:
        holder, values = trainer.ready(own, x, y)
        if place is not None:
            place.set(holder, changed(place.get(holder)))
        return np.array(trainer.run_forward(holder, values))

    try:
        places: list[ArrayPath] = attempt(trained)
    except UnsuitedError:
        return ()
    roles = host.roles
    return unread(places, (*roles.weights, *roles.biases), outputs)


def oriented(host: Holder, plan: CallSequence) -> CallSequence:
    """See whether the forward runs, and whether outputs come in columns where samples are rows."""
    if not plan.forward:
        return plan
    own, x, _ = trial(host, plan)
    trainer = UpdateMethod(host, plan)
    try:
        answer = np.asarray(attempt(lambda: trainer.outputs(own, x)))
    except UnsuitedError:
        return replace(plan, forward="")
    if plan.samples != "rows":
        return plan
    sizes = (own[-1][0].shape[1], len(x))
    return replace(plan, outputs="columns") if answer.shape == sizes else plan


def trial(host: Holder, plan: CallSequence) -> tuple[list[Pair], Floats, Floats]:
    """Make up parameters and a batch of the host's own sizes, to see whether it answers."""
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
    host, plan = trainer.host, trainer.plan
    own, x, y = trial(host, plan)
    one, _ = attempt(lambda: trainer.train(own, x, y, 1.0))
    two, _ = attempt(lambda: trainer.train(own, x, y, 0.25))
    before, first, second = (flat(pairs) for pairs in (own, one, two))
    if not np.isfinite(first.astype(float)).all() or np.array_equal(before, first):
        return None
    if np.abs(first - second).max() > SAME * np.abs(before - first).max():
        return True
    return _has_rate(host, plan, own, x, y)


def _shares(trainer: UpdateMethod) -> tuple[float | None, ...]:
    """Return what part of the rate the trainer may use."""
    own, x, y = trial(trainer.host, trainer.plan)

    def step(rate: float) -> None:
        count = 3 if rate == 1.0 else 2  # lr / m is a mean
        trainer.train(own, x[:count], y[:count], rate)

    return shares(trainer.host.module, step)


def _has_rate(host: Holder, plan: CallSequence, own: list[Pair], x: Floats, y: Floats) -> bool:
    """A rate that is there and changes nothing is a fault to be shown, not built in."""
    sizes = (own[0][0].shape[0], *(w.shape[1] for w, _ in own))
    try:
        holder, _ = attempt(lambda: host.fresh(sizes, 1.0, {}))
        return bool(attempt(lambda: host.set_rate(holder, 1.0)))
    except UnsuitedError:
        return False
