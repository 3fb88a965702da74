"""Methods that return the gradient of the object that holds the parameters.

Those named after gradients, and functions named so; and those of two courses, whose objects are
kept from question to question:

CS231n: a class with a ``params`` dict and ``loss(X, y, reg) -> loss, grads``. Weights in x out,
samples in rows, integer labels; without labels ``loss(X)`` gives the scores.
(https://cs231n.github.io/assignments2024/assignment1/, TwoLayerNet and FullyConnectedNet.)

Nielsen: ``Network(sizes)`` with ``weights``, ``biases`` and ``backprop(x, y)``. Column vectors,
one sample a call, nablas of the biases first. (Michael Nielsen, Neural Networks and Deep
Learning, chapter 1, network.py and network2.py.)
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.contract.conventions import (
    SAMPLE_LAYOUTS,
    Conventions,
    OwnNames,
    Penalty,
    Targets,
)
from gradcheck.contract.posed import Floats, Pairs
from gradcheck.contract.posed import PosedNetwork as Network
from gradcheck.contract.protocol import ContractError
from gradcheck.reading import foreign_call as foreign
from gradcheck.reading.call_sequence import Called, CallSequence
from gradcheck.reading.foreign_call import METHODS, gives_gradients, plain
from gradcheck.reading.function_pair import Chain, read
from gradcheck.reading.holders import Holder, Model, hosts, models
from gradcheck.reading.layout import Answer, Trial, from_own, stepped, to_own, widths_of
from gradcheck.reading.loading import Reading
from gradcheck.reading.own_loss import OwnLoss, choices, mentions_loss, own_losses, with_loss
from gradcheck.reading.parameters import ParameterRoles
from gradcheck.reading.returned import BACKWARDS, FORWARDS, Picker, loss_in, returned_names


class GradientMethod(Called):
    """An object whose method returns the gradient, read as an implementation."""

    def __init__(self, host: Holder, plan: CallSequence, picker: Picker) -> None:
        super().__init__(host, plan)
        self.picker = picker

    def loss_and_grads(self, network: Network, params: Pairs, batch: Any) -> Answer:
        """Call the method, and find the gradient in what it returns."""
        if network.l2:
            raise NotImplementedError("no weight penalty")
        own, x = to_own(self.layout, network, params, batch.x)
        loss, pairs = self.ask(own, x, batch.y)
        if self.plan.own is not None:
            loss = self.loss_of(own, x, batch.y)
        return loss, from_own(self.layout, network, pairs)

    def ask(self, own: Pairs, x: Any, y: Any) -> Answer:
        """Return the loss, if there is one, and the gradient of the code's own network."""
        with foreign.calmly():
            holder, _, values = self.ready(own, x, y)
            answer = self.call_all(holder, values)
        told = returned_names(self.host.methods[self.plan.calls[-1]])
        return loss_in(answer, told), self.picker.pairs(answer, told, own, self.layout)


def find(module: Any) -> Iterator[Reading]:
    """Yield the readings of functions, then of methods, named after gradients or backprop."""
    own = foreign.functions(module)
    forwards = [
        f for name, f in own.items() if "forward" in plain(name) or plain(name) == "predict"
    ]
    for name, function in own.items():
        if not gives_gradients(name):
            continue
        for forward in [*forwards, None]:
            made = list(read(Chain(function, forward), "gradients", module))
            yield from made
            if any(map(foreign.works, made)):
                break
    yield from _of_methods(module)


def _of_methods(module: Any) -> Iterator[Reading]:
    """Yield the readings of classes with a method that returns their gradient."""
    for host in hosts(module):
        names = [n for n in host.methods if gives_gradients(n)]
        forward = [n for n in host.methods if plain(n) in METHODS["forward"]]
        lines: list[tuple[str, ...]] = [(f, n) for f in forward[:1] for n in names]
        lines += [(n,) for n in names]
        # a loss may leave what the backward needs
        between = [name for name in host.methods if mentions_loss(name)]
        lines += [(f, loss, n) for f in forward[:1] for loss in between[:1] for n in names]
        for calls, samples in itertools.product(lines, SAMPLE_LAYOUTS):
            plan = CallSequence(calls, forward[0] if forward else "", "", samples)
            code = GradientMethod(host, plan, Picker())
            try:
                loss, _ = foreign.attempt(lambda c=code: c.ask(*c.trial()))  # type: ignore[misc]
            except foreign.UnsuitedError as error:
                yield code.stopped("gradients", error)
                continue
            yield from _readings(code, loss == loss)
            break


def _readings(code: GradientMethod, returned: bool) -> Iterator[Reading]:
    """Yield code with every loss, meaning of an argument and order of layers that it may have."""
    host, plan = code.host, code.oriented()
    read = Called(host, plan)
    losses = [] if returned else read.losses()
    for own in choices(losses):
        for argument in Called(host, plan).meanings(returned or own is not None):
            given = argument.meaning if argument else ""
            made = replace(plan, loss=own.name if own else "", own=own, given=given)
            for order in (FORWARDS, BACKWARDS) if code.picker.alike else ("",):
                picker = Picker(order == BACKWARDS) if order else code.picker
                final = GradientMethod(host, made, picker)
                conventions = replace(
                    final.conventions(),
                    class_name=host.name,
                    argument=argument,
                    returned=order,
                    several=argument is not None or bool(order),
                )
                conventions = conventions if returned else with_loss(conventions, own, losses)
                yield Reading("gradients", final, conventions)


class _Kept:
    """An object of a class for each architecture, kept, with its parameters replaced."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._objects: dict[Any, Any] = {}

    def holding(
        self, network: Network, params: Pairs, x: Floats, reg: float | None = None, place: str = ""
    ) -> tuple[Any, ParameterRoles, Pairs, Floats]:
        """Return an object with given parameters, their roles, and its own parameters and inputs.

        ``place`` says where the penalty is given: none is taken where there is none.
        """
        if network.l2 and not place:
            raise NotImplementedError("no weight penalty")
        own, x = to_own(self.model.roles.layout, network, params, x)
        widths, made_with = widths_of(own), reg if place == "constructor" else None
        if (widths, made_with) not in self._objects:
            more = None if reg is None else {"reg": reg}
            self._objects[widths, made_with] = self.model.build(widths, more)
        made = self._objects[widths, made_with]
        roles = self.model.roles_in(made, widths)
        roles.write(made, own)
        return made, roles, own, x

    def conventions(self, names: OwnNames) -> Conventions:
        """Say of what class the object is, and how its parameters are laid out; no more yet."""
        roles = self.model.roles
        return replace(
            roles.layout.conventions(),
            class_name=self.model.cls.__name__,
            names=names,
            widths=(roles.widths,) if self.model.fixed else None,
        )


class Course(_Kept):
    """CS231n: ``loss`` gives the loss and the gradient, and without labels the scores."""

    def __init__(self, model: Model, targets: Targets, penalty: Penalty | None, place: str) -> None:
        super().__init__(model)
        self.targets, self.penalty, self.place = targets, penalty, place

    def loss_and_grads(self, network: Network, params: Pairs, batch: Any) -> Answer:
        """Ask ``loss`` with labels."""
        reg = self.penalty.factor(network.l2, len(batch.x)) if self.penalty else 0.0
        with foreign.calmly():
            made, roles, own, x = self.holding(network, params, batch.x, reg, self.place)
            y = roles.layout.targets(batch.y, self.targets)
            values = {"x": x, "y": y, "reg": reg if self.place == "argument" else 0.0}
            loss, grads = made.loss(*foreign.bind(made.loss, values))
            weights, biases = (
                [grads[_key(grads, place.name)] for place in places]
                for places in (roles.weights, roles.biases)
            )
            pairs = roles.layout.pairs(weights, biases or None, own)
            return loss, from_own(roles.layout, network, pairs)

    def forward(self, network: Network, params: Pairs, x: Floats) -> Floats:
        """Ask ``loss`` without labels, for the scores."""
        with foreign.calmly():
            reg = self.penalty.factor(network.l2, len(x)) if self.penalty else 0.0
            made, _, _, wide = self.holding(network, params, x, reg, self.place)
            return np.asarray(made.loss(*foreign.bind(made.loss, {"x": wide, "reg": 0.0})))


def _key(grads: Any, name: str) -> str:
    for key in (name, f"d{name}", f"grad_{name}", f"grad{name}"):
        if key in grads:
            return key
    raise KeyError(name)


def find_cs231n(module: Any) -> Iterator[Reading]:
    """Yield the readings of every class that has ``loss`` and parameters in a dict."""
    for cls in foreign.classes(module).values():
        method = foreign.methods(cls).get("loss")
        try:
            if method is None or not foreign.takes(method, "y"):
                continue
            place = "constructor" if foreign.takes(cls, "reg") else ""
            place = "argument" if foreign.takes(method, "reg") else place
        except foreign.UnsuitedError:
            continue
        penalties = (Penalty.REG, Penalty.HALF_REG) if place else (None,)
        for model, targets in itertools.product(models(cls), (Targets.INTEGERS, Targets.ONE_HOT)):
            stage, why = _stop_of_loss(Course(model, targets, penalties[0], place))
            if why is not None:
                tried = Conventions(calls=("loss",), class_name=cls.__name__)
                yield foreign.broken("cs231n", why, stage, tried)
                continue
            own_names = model.roles.spelling([method], model.roles.layout)
            for penalty in penalties:
                code = Course(model, targets, penalty, place)
                conventions = code.conventions(own_names)
                conventions = replace(conventions, targets=targets, penalty=penalty)
                yield Reading("cs231n", code, conventions)


def _stop_of_loss(code: Course) -> tuple[int, foreign.UnsuitedError | None]:
    """Say why ``loss`` gives no loss and no gradient, and how far it came.

    A gradient of another shape is one: what is wrong with it is for whoever asks.
    """
    trial = Trial(code.model.own)
    pairs, batch = trial.question(3)

    def asked() -> None:
        try:
            code.loss_and_grads(trial, pairs, batch)
        except ContractError:
            if code.model.roles.layout.bias != "apart":
                raise  # then it tells of the layout that was guessed

    runs = foreign.answered(lambda: [code.forward(trial, pairs, batch.x)]) is not None
    stage = foreign.RAN_FORWARD if runs else foreign.WAS_CALLED
    try:
        foreign.attempt(asked)
    except foreign.UnsuitedError as error:
        return stage, error
    return stage, None


class Book(_Kept):
    """Nielsen: a batch's loss and gradient are the means of its samples'."""

    def __init__(self, model: Model, biases_first: bool, own: OwnLoss | None = None) -> None:
        super().__init__(model)
        self.biases_first, self.own = biases_first, own
        names = foreign.methods(model.cls)
        if "feedforward" in names:
            self.forward = self._forward
        if "update_mini_batch" in names:
            self.step = self._step

    def loss_and_grads(self, network: Network, params: Pairs, batch: Any) -> Answer:
        """Ask ``backprop`` for every sample, and for its loss where there is one."""
        with foreign.calmly():
            made, roles, own, x = self.holding(network, params, batch.x)
            layers = range(len(own))
            samples, losses = [], []
            for column, target in _samples(x, batch.y):
                answer = made.backprop(column.copy(), target.copy())
                biases, weights = answer if self.biases_first else answer[::-1]
                mine = (biases[i] for i in layers) if roles.biases else None
                samples.append(roles.layout.pairs((weights[i] for i in layers), mine, own))
                loss = float("nan")
                if self.own is not None:
                    loss = self.own.value(made, _given(made, column, target))
                losses.append(np.asarray(loss, dtype=float).reshape(-1)[0])
        mean = [
            (np.mean([w for w, _ in layer], axis=0), np.mean([b for _, b in layer], axis=0))
            for layer in zip(*samples, strict=True)
        ]
        return float(np.mean(losses)), from_own(roles.layout, network, mean)

    def _forward(self, network: Network, params: Pairs, x: Floats) -> Floats:
        with foreign.calmly():
            made, _, _, wide = self.holding(network, params, x)
            return np.array([np.ravel(made.feedforward(row[:, None].copy())) for row in wide])

    def _step(self, network: Network, params: Pairs, batch: Any, rate: float) -> Pairs:
        with foreign.calmly():
            made, roles, own, x = self.holding(network, params, batch.x)
            samples = _samples(x, batch.y)
            values = {"mini_batch": samples, "rate": rate, "reg": 0.0, "n": len(samples)}
            made.update_mini_batch(*foreign.bind(made.update_mini_batch, values))
            after = roles.read(made, own)
        return stepped(roles.layout, network, params, own, after, rate)


def _samples(x: Floats, y: Floats) -> list[tuple[Floats, Floats]]:
    """Return inputs and targets as columns, sample by sample."""
    pairs = zip(x, y, strict=True)
    return [(row[:, None].copy(), target[:, None].copy()) for row, target in pairs]


def _given(made: Any, x: Floats, y: Floats) -> dict[str, Any]:
    """Return what the functions of an object may be given for one sample."""
    values: dict[str, Any] = {"x": x, "y": y, "samples": [(x, y)], "reg": 0.0}
    if hasattr(made, "feedforward"):
        values["output"] = made.feedforward(x.copy())
    return values


def find_nielsen(module: Any) -> Iterator[Reading]:
    """Yield the readings of every class with ``backprop(x, y)`` that returns two lists."""
    for cls in foreign.classes(module).values():
        method = foreign.methods(cls).get("backprop")
        if method is None or len(foreign.arguments(method)) != 3:
            continue
        for model in models(cls):
            stage, why = _stop_of_backprop(model)
            if why is not None:
                tried = Conventions(calls=("backprop",), class_name=cls.__name__)
                yield foreign.broken("nielsen", why, stage, tried)
                continue
            losses = _losses(model, module)
            for first, own in itertools.product((True, False), choices(losses)):
                code = Book(model, first, own)
                conventions = replace(
                    code.conventions(_names(method, model.roles)),
                    samples="one column",
                    averaged=True,
                    returned="biases first" if first else "weights first",
                )
                yield Reading("nielsen", code, with_loss(conventions, own, losses))


def _stop_of_backprop(model: Model) -> tuple[int, foreign.UnsuitedError | None]:
    """Say why ``backprop`` gives no two lists of as many items as there are layers."""
    sizes, stage = model.own, foreign.WAS_MADE
    x, y = np.full((sizes[0], 1), 0.5), np.full((sizes[-1], 1), 0.5)
    try:
        code = foreign.attempt(lambda: model.build(sizes))
        stage = foreign.WAS_CALLED
        if "feedforward" in foreign.methods(model.cls):
            foreign.attempt(lambda: code.feedforward(x.copy()))
            stage = foreign.RAN_FORWARD
        answer = foreign.attempt(lambda: code.backprop(x, y))
        if foreign.attempt(lambda: [len(part) for part in answer]) != [len(sizes) - 1] * 2:
            raise foreign.UnsuitedError("backprop returns no two lists with one item a layer")
    except foreign.UnsuitedError as error:
        return stage, error
    return stage, None


def _losses(model: Model, module: Any) -> list[OwnLoss]:
    """Return the ways to have the loss of one sample."""
    sizes = model.own
    x, y = np.random.default_rng(0).normal(size=(sizes[0], 1)), np.zeros((sizes[-1], 1))
    y[0] = 1.0

    def tried() -> list[OwnLoss]:
        made = model.build(sizes)
        passed = ("backprop", "update_mini_batch")
        return own_losses(made, module, _given(made, x, y), passed)

    found: list[OwnLoss] = foreign.answered(tried, [])
    return found


#: Lists of the book, by quantity; a layer's place in each is counted from its number.
_LISTS = {"dW": ("nabla_w", 1), "db": ("nabla_b", 1), "z": ("zs", 1), "a": ("activations", 0)}

#: Layers of a network that are named at most.
_LAYERS = 6


def _names(method: Any, roles: ParameterRoles) -> OwnNames:
    """Name what the book keeps in lists, where the method has lists of those names."""
    names = {"W": (roles.weights[0].written("self").rpartition("[")[0], 1)}
    if roles.biases:
        names["b"] = (roles.biases[0].written("self").rpartition("[")[0], 1)
    local = getattr(getattr(method, "__code__", None), "co_varnames", ())
    names |= {quantity: each for quantity, each in _LISTS.items() if each[0] in local}
    numbered = {
        f"{quantity}{layer}": f"{name}[{layer - offset}]"
        for quantity, (name, offset) in names.items()
        for layer in range(1, _LAYERS)
        if name
    }
    return OwnNames(roles.form or "column", numbered)
