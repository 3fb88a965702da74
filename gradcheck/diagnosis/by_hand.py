"""A counter-example worked by hand: every step, the code's numbers beside the right ones.

The right numbers are the textbook's. Of the code, only what it returned is known: its
loss and gradient, and from these its own deltas.
"""

from dataclasses import dataclass

import numpy as np

from gradcheck.bugs.textbook import Pass
from gradcheck.diagnosis.survey import SAME, survey, textbook_pass
from gradcheck.forward import loss_of
from gradcheck.judging import named
from gradcheck.network import Network
from gradcheck.oracle.truth import Truth
from gradcheck.problem import Floats, Problem
from gradcheck.protocol import Observation


@dataclass(frozen=True)
class Line:
    """One step of the calculation.

    Attributes
    ----------
    quantity : str
        ``z1``, ``a1``, ``loss``, ``delta2``, ``dW2``, ``db2``.
    formula : str
    right : array
    code : array or None
        None where the code's own number cannot be known.
    differs : bool
    """

    quantity: str
    formula: str
    right: Floats
    code: Floats | None
    differs: bool


def by_hand(problem: Problem, observation: Observation, truth: Truth) -> list[Line]:
    """Work a problem through, forward and backward.

    Parameters
    ----------
    observation : Observation
        The code's loss and gradient.
    truth : Truth
        Says how far a number may be off.
    """
    network = problem.network
    p = textbook_pass(problem)
    lines = []
    for layer in range(1, p.last + 1):
        before = "x" if layer == 1 else f"a{layer - 1}"
        lines.append(_given(f"z{layer}", f"{before} W{layer} + b{layer}", p.z[layer]))
        name = network.activations[layer - 1]
        lines.append(_given(f"a{layer}", f"{name}(z{layer})", p.a[layer]))
    loss, claimed = np.array(loss_of(problem)), np.array(observation.loss)
    off = truth.loss_off(observation.loss)
    lines.append(Line("loss", _loss_formula(network), loss, claimed, bool(off)))
    found = survey(problem, observation, SAME, factor=1.0)
    claims = named(observation.tensors)
    scale = "" if network.reduction == "sum" or len(p.y) == 1 else f" / {len(p.y)}"
    for layer in range(p.last, 0, -1):
        delta = _textbook_delta(p, layer)
        own = found.deltas.get(layer)
        wrong = own is not None and not np.allclose(own, delta, rtol=1e-7, atol=1e-12)
        formula = _delta_formula(network, layer)
        lines.append(Line(f"delta{layer}", formula, delta, own, wrong))
        for kind, rule, text in (
            ("W", "weight_gradient", _weight_formula(network, layer) + scale),
            ("b", "bias_gradient", f"sum of delta{layer} over samples{scale}"),
        ):
            name = f"{kind}{layer}"
            estimate = truth.gradient[name]
            allowed = estimate.error + estimate.interval + truth.rounding()[name]
            differs = not (np.abs(claims[name] - estimate.value) <= allowed).all()
            if kind == "W" and network.l2:
                text += f" + l2 W{layer}"
            lines.append(Line(f"d{name}", text, p.apply(rule, layer), claims[name], differs))
    return lines


def _given(quantity: str, formula: str, value: Floats) -> Line:
    return Line(quantity, formula, value, None, differs=False)


def _textbook_delta(p: Pass, layer: int) -> Floats:
    delta: Floats = p.apply("output_delta") if layer == p.last else p.apply("hidden_delta", layer)
    p.delta[layer] = delta
    return delta


def _loss_formula(network: Network) -> str:
    text = {
        "half_squared_error": "1/2 sum (a - y)^2",
        "squared_error": "sum (a - y)^2",
        "mean_squared_error": "sum (a - y)^2 / n",
        "cross_entropy": "-sum y log a",
        "binary_cross_entropy": "-sum [y log a + (1 - y) log(1 - a)]",
    }[network.loss]
    return f"{text}, {network.reduction} over samples" + (" + penalty" if network.l2 else "")


def _delta_formula(network: Network, layer: int) -> str:
    if layer < network.depth:
        slope = (
            "" if network.activations[layer - 1] == "identity" else f" * {_slope(network, layer)}"
        )
        return f"delta{layer + 1} W{layer + 1}^T{slope}"
    residual = f"(a{layer} - y)"
    if network.loss in ("cross_entropy", "binary_cross_entropy"):
        return residual
    factor = {"half_squared_error": "", "squared_error": "2 "}.get(network.loss, "2/n ")
    if network.activations[-1] == "softmax":
        return f"(diag(a) - a a^T) {factor}{residual}"
    if network.activations[-1] == "identity":
        return f"{factor}{residual}"
    return f"{factor}{residual} * {_slope(network, layer)}"


def _slope(network: Network, layer: int) -> str:
    return f"{network.activations[layer - 1]}'(z{layer})"


def _weight_formula(network: Network, layer: int) -> str:
    before = "x" if layer == 1 else f"a{layer - 1}"
    return f"{before}^T delta{layer}"
