"""Code that changes its parameters when it is called, and the gradient that its step follows.

One method (``train``, ``fit`` with one epoch, ``update``, ``learn``, ...), or a forward, a
backward and perhaps an update in turn.

From a step to its gradient: ``(before - after) / rate``. Forming the difference costs digits. So
the rate is huge where it can be chosen, and the weight's own digits vanish beside the change.
Code that changes weights before it is done reading them takes a step that is no multiple of its
rate: then the gradient is what is left as the rate goes to zero, and the rest shows in the check
of the step. A rate that is built in cannot be chosen; then parameters are given in extended
precision.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradcheck.contract.conventions import SAMPLE_LAYOUTS, Conventions, Rate, Targets
from gradcheck.contract.posed import Floats, Pairs
from gradcheck.contract.posed import PosedNetwork as Network
from gradcheck.reading import foreign_call as foreign
from gradcheck.reading.call_sequence import Called, CallSequence
from gradcheck.reading.foreign_call import METHODS, plain
from gradcheck.reading.holders import Holder, hosts, why_not
from gradcheck.reading.layout import Answer, Layout, from_own, stepped, to_own, widths_of
from gradcheck.reading.loading import Reading
from gradcheck.reading.own_loss import OwnLoss, choices, mentions_loss, number_of, with_loss
from gradcheck.reading.paths import ArrayPath, changed, moved, numbers, unread
from gradcheck.reading.source import built_in, shares

#: ``step(pairs, rate) -> pairs after``.
Step = Callable[[list[Any], float], list[Any]]

#: Two rates, powers of two, so that scaling rounds nothing.
_HUGE_RATES = (2.0**30, 2.0**31)

#: Changes that agree to this part are the same multiple of the rate.
_SAME_CHANGE = 1e-9


def _flat(pairs: list[Any]) -> Any:
    """Return all numbers of some pairs in a row."""
    return np.concatenate([np.asarray(a).ravel() for pair in pairs for a in pair])


def _cuts(pairs: Pairs) -> Iterator[tuple[Floats, slice]]:
    """Yield each array of some pairs, and where its numbers are in the row of all."""
    start = 0
    for array in (array for pair in pairs for array in pair):
        yield array, slice(start, start + array.size)
        start += array.size


def _shaped(values: Any, like: Pairs) -> Pairs:
    """Cut a row of numbers into pairs again."""
    parts = [np.asarray(values[cut], dtype=float).reshape(a.shape) for a, cut in _cuts(like)]
    return list(zip(parts[::2], parts[1::2], strict=True))


def gradient(step: Step, pairs: Pairs, rate: float | None) -> Pairs:
    """Return the gradient that a step follows, at the rate that is built in or at any.

    The implied gradient of a step that reads changed weights is a polynomial in the rate, of
    degree ``2**(L - 1) - 1``.
    """
    if rate is not None:
        return _shaped(_change(step, pairs, rate, wide=True) / rate, pairs)
    one, two = (_change(step, pairs, r) / r for r in _HUGE_RATES)
    parts = []
    several = None
    for array, cut in _cuts(pairs):
        # what the difference of two parameters cannot show
        hidden = 4.0 * np.finfo(float).eps * float(np.abs(array).max(initial=0.0)) / _HUGE_RATES[0]
        if _same(one[cut], two[cut], hidden):
            parts.append(two[cut])
            continue
        if several is None:
            several = _at_small_rates(step, pairs)
        whole, half, polynomial = (values[cut] for values in several)
        power = any(_same(whole, half * factor) for factor in (1.0, 4.0))
        parts.append(whole if power else polynomial)
    return _shaped(np.concatenate(parts), pairs)


def _same(one: Any, two: Any, hidden: float = 0.0) -> bool:
    finite = np.isfinite(one).all() and np.isfinite(two).all()
    allowed = _SAME_CHANGE * max(np.abs(one).max(), 1e-300) + hidden
    return bool(finite and np.abs(one - two).max() <= allowed)


def _change(step: Step, pairs: Pairs, rate: float, wide: bool = False) -> Any:
    kind = np.longdouble if wide else np.float64  # extended, where the machine has it
    given = [(w.astype(kind), b.astype(kind)) for w, b in pairs]
    before = _flat(given)
    after = _flat(step([(w.copy(), b.copy()) for w, b in given], rate))
    return before - after


def _at_small_rates(step: Step, pairs: Pairs) -> tuple[Any, Any, Any]:
    """Return the changes at the rates 1 and 1/2, and what is implied at a rate of zero.

    Where a rate is ignored or squared, the change at a rate of 1 is the gradient.
    """
    count = max(2, min(2 ** (len(pairs) - 1), 8))
    rates = np.cos((2 * np.arange(count, dtype=np.longdouble) + 1) * np.pi / (2 * count))
    limit = np.zeros_like(_flat(pairs), dtype=np.longdouble)
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

    def loss_and_grads(self, network: Network, params: Pairs, batch: Any) -> Answer:
        """Take steps at several rates, and see where they lead."""
        own, x = self._own(network, params, batch.x)
        loss = self.loss_of(own, x, batch.y)

        def step(pairs: list[Any], rate: float) -> list[Any]:
            return self.after(pairs, x, batch.y, rate / self.share)

        grads = gradient(step, own, self.built_in)
        return loss, from_own(self.layout, network, grads)

    def _step(self, network: Network, params: Pairs, batch: Any, rate: float) -> Pairs:
        own, x = self._own(network, params, batch.x)
        after = self.after(own, x, batch.y, rate / self.share)
        return stepped(self.layout, network, params, own, after, rate)

    def _own(self, network: Network, params: Pairs, x: Floats) -> tuple[Pairs, Floats]:
        if network.l2:
            raise NotImplementedError("no weight penalty")
        return to_own(self.layout, network, params, x)


#: How targets are given, the likelier first.
_TARGETS_IN_TURN = (Targets.AS_GIVEN, Targets.NUMBER)

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
        with foreign.calmly():
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
            for code, conventions in _with_loss(host, plan):
                yield Reading("in place", code, replace(conventions, unread=others))
    yield from failed
    for cls in foreign.classes(module).values():
        if set(map(plain, foreign.methods(cls))) & {*_TRAIN, "loss"}:
            why, tried = why_not(cls), Conventions(class_name=cls.__name__)
            if why is not None:
                yield foreign.broken("in place", why, foreign.WAS_MADE, tried)


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
        for samples, targets in itertools.product(SAMPLE_LAYOUTS, _TARGETS_IN_TURN):
            plan = CallSequence(calls, forward[0] if forward else "", "", samples, targets)
            method = UpdateMethod(host, plan)
            try:
                by_rate = _trains(method)
            except foreign.UnsuitedError as error:
                failed.append(method.stopped("in place", error))
                continue
            if by_rate is None:
                continue
            seen, plan = True, method.oriented()
            if by_rate:
                yield from (replace(plan, share=share) for share in _shares(method))
            else:
                yield from (replace(plan, rate=rate) for rate in built_in(host.module))
        if seen:
            return


def _trains(method: UpdateMethod) -> bool | None:
    """Whether the rate can be set by which the weights change; None when nothing changes."""
    own, x, y = method.trial()
    one, two = (foreign.attempt(partial(method.train, own, x, y, rate))[0] for rate in (1.0, 0.25))
    before, first, second = (_flat(pairs) for pairs in (own, one, two))
    if not np.isfinite(first.astype(float)).all() or np.array_equal(before, first):
        return None
    if np.abs(first - second).max() > _SAME_CHANGE * np.abs(before - first).max():
        return True
    # a rate that is there and changes nothing is a fault to be shown, not built in
    host = method.host
    made: Any = foreign.answered(lambda: host.fresh(widths_of(own), 1.0, {}), None)
    return made is not None and bool(foreign.answered(lambda: host.set_rate(made[0], 1.0), False))


def _shares(method: UpdateMethod) -> tuple[float | None, ...]:
    """Return what part of the rate the method may use."""
    own, x, y = method.trial()

    def step(rate: float) -> None:
        count = 3 if rate == 1.0 else 2  # lr / m is a mean
        method.train(own, x[:count], y[:count], rate)

    return shares(method.host.module, step)


def _with_loss(host: Holder, plan: CallSequence) -> Iterator[tuple[UpdateMethod, Conventions]]:
    """Yield a plan with each way to have a loss, then without one; and its conventions."""
    losses = Called(host, plan).losses()
    returning = UpdateMethod(host, replace(plan, loss="returned"))
    question = returning.trial()
    if number_of(foreign.answered(lambda: returning.loss_of(*question), None)) is not None:
        losses.append(OwnLoss("returned"))
    for own in choices(losses):
        named = own is not None and own.name != "returned"
        made = replace(plan, loss=own.name if own else "", own=own if named else None)
        for argument in Called(host, plan).meanings(own is not None):
            code = UpdateMethod(host, replace(made, given=argument.meaning if argument else ""))
            conventions = replace(
                code.conventions(),
                trained=host.name,
                argument=argument,
                rate=Rate(built_in=plan.rate, share=plan.share),
                several=argument is not None,
            )
            yield code, with_loss(conventions, own, losses)


def _unread(method: UpdateMethod) -> tuple[str, ...]:
    """Name what the plan trains and the forward uses, and is neither weight nor bias."""
    if not method.plan.forward:
        return ()
    own, x, y = method.trial()

    def trained() -> list[ArrayPath]:
        holder, _, values = method.ready(own, x, y)
        before = numbers(holder)
        method.call_all(holder, values)
        return moved(before, numbers(holder))

    def outputs(place: ArrayPath | None) -> Any:
        holder, _, values = method.ready(own, x, y)
        if place is not None:
            place.set(holder, changed(place.get(holder)))
        return np.array(method.run_forward(holder, values))

    return unread(foreign.answered(trained, []), method.host.roles.places, outputs)
