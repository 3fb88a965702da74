"""One flat vector: ``f(theta, X, y, ...) -> J, grad``.

Andrew Ng's ``nnCostFunction(nn_params, input_layer_size, hidden_layer_size, num_labels, X,
y, lambda)``, and what ``scipy.optimize.minimize(f, jac=True)`` takes.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from gradcheck.contract.conventions import Conventions, Penalty, Targets
from gradcheck.contract.posed import Floats, Pairs
from gradcheck.contract.posed import PosedNetwork as Network
from gradcheck.reading import foreign_call as foreign
from gradcheck.reading.foreign_call import plays, role_of
from gradcheck.reading.function_pair import PENALTIES
from gradcheck.reading.layout import (
    Answer,
    Layout,
    Trial,
    from_own,
    narrower,
    sizes_by_role,
    to_own,
    widths_of,
)
from gradcheck.reading.loading import Reading
from gradcheck.reading.source_names import by_number, spelled

#: How targets are given.
_TARGETS = (
    Targets.AS_GIVEN,
    Targets.VECTOR,
    Targets.FROM_0,
    Targets.FROM_1,
    Targets.FROM_1_IN_A_COLUMN,
)

#: In which order tensors stand in the vector.
_ORDERS = ("layer by layer", "weights, then biases")


@dataclass(frozen=True)
class Flat:
    """A function of one vector, which may read its data from a module, as an implementation."""

    function: Callable[..., Any]
    layout: Layout
    order: str
    targets: Targets
    penalty: Penalty | None
    module: Any

    def loss_and_grads(self, network: Network, params: Pairs, batch: Any) -> Answer:
        """Call the function with everything in one vector."""
        if network.l2 and not self.penalty:
            raise NotImplementedError("no weight penalty")
        own, x = to_own(self.layout, network, params, batch.x)
        theta = np.concatenate([array.ravel() for array in self._in_order(own)])
        values: dict[str, Any] = {
            foreign.arguments(self.function)[0].name: theta,
            **sizes_by_role(widths_of(own)),
            "x": self.layout.give(x),
            "y": self.layout.targets(batch.y, self.targets),
        }
        values["reg"] = self.penalty.factor(network.l2, len(x)) if self.penalty else 0.0
        kept = self._lend(values)
        try:
            with foreign.calmly():
                answer = self.function(*foreign.bind(self.function, values))
        finally:
            for key, value in kept.items():
                setattr(self.module, key, value)
        loss, grad = answer
        return loss, from_own(self.layout, network, self._pairs(np.asarray(grad), own))

    def _lend(self, values: dict[str, Any]) -> dict[str, Any]:
        """Where the function reads its data from the module, put them there for a while."""
        taken = {role_of(p.name, ("x", "y")) for p in foreign.arguments(self.function)}
        kept = {}
        for key, value in list(foreign.members(self.module).items()):
            role = role_of(key, ("x", "y"))
            if role and role not in taken and isinstance(value, np.ndarray):
                kept[key] = value
                setattr(self.module, key, values[role])
        return kept

    def _in_order(self, own: Pairs) -> list[Floats]:
        """Return the arrays of the code's own layout in the order in which the vector has them."""
        packed = [self.layout.pack(w, b) for w, b in own]
        if self.order == _ORDERS[0]:
            return [array for pair in packed for array in pair if array is not None]
        return [*(w for w, _ in packed), *(b for _, b in packed if b is not None)]

    def _pairs(self, grad: Floats, own: Pairs) -> Pairs:
        arrays = self._in_order(own)
        ends = np.cumsum([array.size for array in arrays])
        if grad.size != ends[-1]:
            raise ValueError(
                f"the gradient has {grad.size} numbers, as many as the vector expected"
            )
        parts = [
            part.reshape(array.shape)
            for part, array in zip(np.split(grad.ravel(), ends[:-1]), arrays, strict=True)
        ]
        if len(parts) == len(own):
            return self.layout.pairs(parts, None, own)
        if self.order == _ORDERS[0]:
            return self.layout.pairs(parts[::2], parts[1::2], own)
        return self.layout.pairs(parts[: len(own)], parts[len(own) :], own)


def _layouts() -> Iterator[tuple[Layout, str]]:
    for bias, weights, samples in itertools.product(
        ("first", "apart", "last", "missing"), ("out x in", "in x out"), ("rows", "columns")
    ):
        for order in _ORDERS if bias == "apart" else _ORDERS[:1]:
            yield Layout(weights, bias, samples), order


def find(module: Any) -> Iterator[Reading]:
    """Yield the readings of functions whose first argument is a vector of parameters."""
    for name, function in foreign.functions(module).items():
        try:
            parameters = foreign.arguments(function)
        except foreign.UnsuitedError:
            continue
        if not parameters or not plays(parameters[0].name, "vector"):
            continue
        fixed = _sizes(module)
        takes_sizes = any(role_of(p.name, ("sizes", "n_hidden", "hiddens")) for p in parameters[1:])
        reg = any(plays(p.name, "reg") for p in parameters)
        for (layout, order), targets in itertools.product(_layouts(), _TARGETS):
            code = Flat(function, layout, order, targets, None, module)
            widths = None if takes_sizes else fixed
            why = _stop_of(code, widths)
            if why is not None:
                yield foreign.broken(
                    "flat vector", why, foreign.WAS_CALLED, Conventions(function=name)
                )
                continue
            for penalty in PENALTIES if reg else (None,):
                conventions = replace(
                    layout.conventions(),
                    order=order,
                    targets=targets,
                    function=name,
                    names=spelled([function], by_number, layout),
                    penalty=penalty,
                    widths=(_read_as(layout, widths),) if widths else None,
                )
                yield Reading("flat vector", replace(code, penalty=penalty), conventions)


def _read_as(layout: Layout, widths: tuple[int, ...]) -> tuple[int, ...]:
    return narrower(widths) if layout.bias == "missing" else widths


def _sizes(module: Any) -> tuple[int, ...] | None:
    """The sizes a module states: ``sizes = [2, 3, 1]``, or a number each."""
    found: dict[str, int] = {}
    for name, value in foreign.members(module).items():
        several = isinstance(value, list | tuple) and len(value) > 1
        if several and plays(name, "sizes") and all(_size(n) for n in value):
            return tuple(value)
        role = role_of(name, ("n_in", "n_hidden", "n_out"))
        if role and _size(value):
            found[role] = value
    if len(found) == 3:
        return found["n_in"], found["n_hidden"], found["n_out"]
    return None


def _size(value: Any) -> bool:
    return type(value) is int and 0 < value < 1000


def _stop_of(code: Flat, widths: tuple[int, ...] | None) -> foreign.UnsuitedError | None:
    """Say why the function gives no number and as many derivatives as it was given numbers."""
    why: foreign.UnsuitedError | None = None
    trials = [_read_as(code.layout, widths)] if widths else [(3, 5, 2), (3, 5, 1), (3, 2), (3, 1)]
    for sizes in trials:
        if min(sizes) < 1:
            continue
        trial = Trial(sizes)
        pairs, batch = trial.question(4)
        try:
            loss, grads = foreign.attempt(partial(code.loss_and_grads, trial, pairs, batch))
            if np.asarray(loss, dtype=float).size == 1 and len(grads) == len(pairs):
                return None
        except foreign.UnsuitedError as error:
            why = why or error
        except (TypeError, ValueError):
            continue
    return why or foreign.UnsuitedError("it returns no (J, grad)")
