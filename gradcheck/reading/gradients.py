"""Functions and methods that return gradients, with or without a loss.

Methods that return gradients: of an object that holds its parameters.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from gradcheck.contract.answers import Pair
from gradcheck.contract.problem import PosedNetwork as Network
from gradcheck.reading.deeplearning_ai import read
from gradcheck.reading.foreign_call import Reading, UnsuitedError, attempt, calmly, functions, works
from gradcheck.reading.function_pair import Chain
from gradcheck.reading.holders import Holder, hosts
from gradcheck.reading.in_place import (
    FORWARD,
    SAMPLES,
    losses_of,
    meanings,
    oriented,
    stopped,
    trial,
)
from gradcheck.reading.names import gives_gradients, plain
from gradcheck.reading.own_loss import choices, mentions_loss, told_of_loss
from gradcheck.reading.parameters import from_own
from gradcheck.reading.returned import (
    BACKWARDS,
    BIAS,
    FORWARDS,
    WEIGHT,
    Picker,
    arrays_in,
    loss_in,
    returned_names,
)
from gradcheck.reading.source_names import spelled_at
from gradcheck.reading.update_method import CallSequence, UpdateMethod


class GradientMethod(UpdateMethod):
    """An object whose method returns the gradient, read as an implementation."""

    def __init__(self, host: Holder, plan: CallSequence, picker: Picker) -> None:
        super().__init__(host, replace(plan, rate=1.0))  # it takes no step
        self.picker = picker

    def loss_and_grads(
        self, network: Network, params: list[Pair], batch: Any
    ) -> tuple[Any, list[Pair]]:
        """Call the method, and find the gradient in what it returns."""
        own, x = self._own(network, params, batch.x)
        loss, pairs = self.ask(own, x, batch.y)
        if self.plan.own is not None:
            loss = self.loss_of(own, x, batch.y)
        return loss, from_own(self.layout, network, pairs)

    def ask(self, own: list[Pair], x: Any, y: Any) -> tuple[Any, list[Pair]]:
        """Return the loss, if there is one, and the gradient of the code's own network."""
        with calmly():
            holder, _, values = self._ready(own, x, y, 0.5)
            answer = None
            for name in self.plan.calls:
                self.calling = name
                answer = self._call(holder, name, values)
        told = returned_names(self.host.methods[self.plan.calls[-1]])
        found, pairs = arrays_in(answer, told), []
        for index, (w, b) in enumerate(own):
            matrix, vector = self.layout.pack(w, b)
            weight = self.picker.pick(found, WEIGHT, index + 1, matrix.shape, index, len(own))
            bias = None
            if vector is not None:
                bias = self.picker.pick(found, BIAS, index + 1, vector.shape, index, len(own))
            pairs.append(self.layout.unpack(weight, bias, *w.shape, layer=str(index + 1)))
        return loss_in(answer, told), pairs


def find_methods(module: Any) -> Iterator[Reading]:
    """Yield the readings of classes with a method that returns their gradient."""
    for host in hosts(module):
        names = [n for n in host.methods if gives_gradients(n)]
        forward = [n for n in host.methods if plain(n) in FORWARD]
        lines: list[tuple[str, ...]] = [(f, n) for f in forward[:1] for n in names]
        lines += [(n,) for n in names]
        # a loss may leave what the backward needs
        between = [name for name in host.methods if mentions_loss(name)]
        lines += [(f, loss, n) for f in forward[:1] for loss in between[:1] for n in names]
        for calls, samples in itertools.product(lines, SAMPLES):
            plan = CallSequence(calls, forward[0] if forward else "", "", samples)
            own, x, y = trial(host, plan)
            picker = Picker()
            returner = GradientMethod(host, plan, picker)
            try:
                loss, _ = attempt(lambda r=returner, q=(own, x, y): r.ask(*q))  # type: ignore[misc]
            except UnsuitedError as error:
                yield stopped("gradients", returner, error)
                continue
            plan = oriented(host, plan)
            losses = losses_of(host, plan) if loss != loss else []
            for each in choices(losses):
                made = replace(plan, loss=each.name if each else "", own=each)
                said = told_of_loss(each, losses) if loss != loss else {}
                for meaning, more in meanings(host, plan, each is not None or loss == loss):
                    final = replace(made, given=meaning)
                    for picked, order in _orders(picker):
                        yield _reading(host, final, picked, said | more | order)
            break


def _orders(picker: Picker) -> Iterator[tuple[Picker, dict[str, str]]]:
    """Yield the orders in which layers may be returned, where their shapes are alike."""
    if not picker.alike:
        yield picker, {}
        return
    for order in (FORWARDS, BACKWARDS):
        told = {"returned": order, "among": "several orders"}
        yield Picker(order == BACKWARDS), told


def _reading(host: Holder, plan: CallSequence, picker: Picker, said: dict[str, str]) -> Reading:
    """Return a reading with what is told of it."""
    code = GradientMethod(host, plan, picker)
    told = code.layout.told() | {"calls": ", ".join(plan.calls)}
    told["spelling"] = spelled_at(
        [host.methods[name] for name in plan.calls],
        host.roles.weights,
        host.roles.biases,
        code.layout,
        "" if host.name == "the module" else "self",
        host.roles.form,
    )
    told["class"] = host.name
    told |= said
    if plan.samples.startswith("one"):
        told["batch"] = "1"
    if host.fixed:
        told["widths"] = "-".join(map(str, host.roles.widths))
    return Reading("gradients", code, told)


def find(module: Any) -> Iterator[Reading]:
    """Yield the readings of functions and methods named after gradients or backprop."""
    own = functions(module)
    forwards = [
        f for name, f in own.items() if "forward" in plain(name) or plain(name) == "predict"
    ]
    for name, function in own.items():
        if not gives_gradients(name):
            continue
        for forward in [*forwards, None]:
            made = list(read(Chain(function, forward), "gradients", module))
            yield from made
            if any(map(works, made)):
                break
    yield from find_methods(module)
