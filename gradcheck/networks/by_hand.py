"""A counter-example worked by hand: every step, the code's numbers beside the right ones.

The right numbers are the textbook's. Of the code, only what it returned is known: its
loss and gradient, and from these its own deltas. All of it is told in the layout and
names of the code; without biases the network is the author's own, wider by a unit that
is always on, and what the code has for that unit is not known.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.comparison.compare import FLOAT64, Arithmetic, judge_tensor, loss_differs, within
from gradcheck.comparison.verdict import Verdict
from gradcheck.contract.protocol import Observation
from gradcheck.networks.definitions import LOSSES, loss_of
from gradcheck.networks.diagnosis.observations import SAME, textbook_pass
from gradcheck.networks.diagnosis.recover_deltas import recover_deltas
from gradcheck.networks.fast_estimate import Truth
from gradcheck.networks.notation import NATIVE, Notation
from gradcheck.networks.problem import Floats, Problem
from gradcheck.oracle.estimate import UNIT
from gradcheck.reading.layout import AT_ONE

#: Stands for a number of the code that cannot be known.
UNKNOWN = "?"


@dataclass(frozen=True)
class Line:
    """One step of the calculation: of ``z1``, ``loss``, ``dW2``, or what the code calls it.

    Arrays are laid out as the code has them. Its own is None where it cannot be known, ``?`` where
    an entry cannot.
    """

    quantity: str
    formula: str
    right: Floats
    code: Any = None
    differs: bool = False


def by_hand(
    problem: Problem,
    observation: Observation,
    truth: Truth,
    notation: Notation = NATIVE,
    arithmetic: Arithmetic = FLOAT64,
) -> list[Line]:
    """Work a problem through, forward and backward.

    Parameters
    ----------
    problem : Problem
    observation : Observation
        The code's loss and gradient.
    truth : Truth
        Says how far a number may be off.
    notation : Notation, optional
        In which it is told.
    arithmetic : Arithmetic, optional
        Of the code: what it costs is no difference.

    Returns
    -------
    list of Line
        Forward, then backward.
    """
    with np.errstate(all="ignore"):  # the code's numbers may be anything
        hand = _Hand(problem, observation, truth, notation, arithmetic)
        return [*hand.forward(), *hand.backward()]


@dataclass
class _Hand:
    """Works a problem through."""

    problem: Problem
    observation: Observation
    truth: Truth
    notation: Notation
    arithmetic: Arithmetic

    def __post_init__(self) -> None:
        self.network = self.problem.network
        self.p = textbook_pass(self.notation.own_problem(self.problem))
        self.plain = textbook_pass(self.problem)  # of the network as it is read
        self.claims = self.observation.tensors
        found = recover_deltas(self.problem, self.observation, SAME, factor=1.0)
        layers = [wrong.layer for wrong in found.wrong_rules]
        # where dW and db go with no common delta, what the code's delta was is a guess
        guessed = max((layer for layer in layers if layers.count(layer) > 1), default=0)
        self.deltas = {at: delta for at, delta in found.deltas.items() if at > guessed}

    def forward(self) -> list[Line]:
        """The steps up to the loss."""
        lines, p, tell = [], self.p, self.notation
        product = "inputs @ W" if tell.bare else "inputs @ W + b"
        for layer in range(1, p.last + 1):
            z, a = tell.name("z", layer), tell.name("a", layer)
            lines.append(Line(z, tell.formula(product, layer), tell.samples(p.z[layer])))
            activation = self.network.activations[layer - 1]
            lines.append(Line(a, f"{activation}({z})", tell.samples(p.a[layer])))
        loss, claimed = np.array(loss_of(self.problem)), np.array(self.observation.loss)
        off = loss_differs(self.observation.loss, self.truth, self.arithmetic)
        text = LOSSES[self.network.loss].formula or self.network.loss
        text += f", {self.network.reduction} over samples"
        text += " + penalty" if self.network.l2 else ""
        return [*lines, Line("loss", text, loss, claimed, off)]

    def backward(self) -> list[Line]:
        """The steps from the loss down."""
        lines = []
        for layer in range(self.p.last, 0, -1):
            lines += [self._delta(layer), self._weights(layer)]
            lines += [] if self.notation.bare else [self._biases(layer)]
        return lines

    def _delta(self, layer: int) -> Line:
        delta, expected = (p.propagate(layer) for p in (self.p, self.plain))
        own = self.deltas.get(layer)
        tell, coarse = self.notation, self.arithmetic.unit / UNIT
        limit = min(1e-12 * coarse, 1e-4) + min(1e-7 * coarse, 1e-2) * np.abs(expected)
        wrong = own is not None and not within(own, expected, limit)
        part, formula = 1.0, self._delta_formula(layer)
        if tell.mean_in_delta and self._scale:
            part = float(self.p.apply("scale"))
            formula += self._scale if layer == self.p.last else ""
        if own is not None:
            own = tell.samples(self._with_unknown(part * own, layer))
        return Line(tell.name("delta", layer), formula, tell.samples(part * delta), own, wrong)

    def _weights(self, layer: int) -> Line:
        tell, kinds = self.notation, ("W", "b") if self.notation.bare else ("W",)
        text = tell.formula("inputs.T @ delta", layer) + self._scale_of_gradients
        if self.network.l2:
            text += f" + l2 {tell.name('W', layer)}"
        right = self.p.apply("weight_gradient", layer)
        code = self.claims[f"W{layer}"]
        if tell.bare:
            on = AT_ONE[self.network.activations[layer - 2]] if layer > 1 else 1.0
            code = np.vstack((code, on * self.claims[f"b{layer}"]))
        shown = tell.weights(self._with_unknown(code, layer))
        differs = any(self._off(f"{kind}{layer}") for kind in kinds)
        return Line(tell.name("dW", layer), text, tell.weights(right), shown, differs)

    def _biases(self, layer: int) -> Line:
        tell, name, delta = self.notation, f"b{layer}", self.notation.name("delta", layer)
        sign = "-" if tell.layout.threshold else ""
        text = sign + (delta if tell.one_by_one else f"sum of {delta} over samples")
        text += "" if tell.one_by_one else self._scale_of_gradients
        right, code = self.p.apply("bias_gradient", layer), self.claims[name]
        values = tell.biases(right), tell.biases(code)
        return Line(tell.name("db", layer), text, *values, self._off(name))

    def _off(self, name: str) -> bool:
        judgement = judge_tensor(name, self.claims[name], self.truth, self.arithmetic)
        return judgement.verdict is Verdict.WRONG

    def _with_unknown(self, values: Floats, layer: int) -> Any:
        """Add the unit that is always on, of which the code's number is not known."""
        if not self.notation.bare or layer == self.p.last:
            return values
        return np.hstack((values.astype(object), np.full((len(values), 1), UNKNOWN)))

    @property
    def _scale(self) -> str:
        n = len(self.p.y)
        return "" if self.network.reduction == "sum" or n == 1 else f" / {n}"

    @property
    def _scale_of_gradients(self) -> str:
        return "" if self.notation.mean_in_delta else self._scale

    def _delta_formula(self, layer: int) -> str:
        network, activation = self.network, self.network.activations[layer - 1]
        slope = f"{activation}'({self.notation.name('z', layer)})"
        if layer < network.depth:
            back = self.notation.formula("delta[up] @ W[up].T", layer)
            return back if activation == "identity" else f"{back} * {slope}"
        residual = f"({self.notation.name('a', layer)} - {self.notation.name('y')})"
        loss = LOSSES[network.loss]
        if loss.cancels:
            return residual
        upstream = loss.derivative_formula.replace("(a - y)", residual)
        if activation == "softmax":
            return f"(diag(a) - a a^T) {upstream}"
        return upstream + ("" if activation == "identity" else f" * {slope}")
