"""A flagged place that no catalogued bug explains: which site, and what is implied.

A delta is the product of what comes back and of a slope. Where the targets and
everything above change and the implied slope ``D / (D_above W^T)`` does not, the
slope is at fault; where it changes, what comes back is. What a wrong weight gradient
adds to the right one is a penalty when it stays as the targets change.
"""

from collections.abc import Callable, Generator
from dataclasses import replace

import numpy as np

from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.networks.bugs import SITES
from gradcheck.networks.bugs.textbook import Pass
from gradcheck.networks.diagnosis.diagnosis import Diagnosis, Implied, Name
from gradcheck.networks.diagnosis.implied import implied_derivative, implied_slope
from gradcheck.networks.diagnosis.probe_setup import other_targets, other_weights_above
from gradcheck.networks.diagnosis.recover_deltas import RecoveredDeltas, WrongRule, same, survey
from gradcheck.networks.losses import LOSSES
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Floats, Problem

Questions = Generator[Request, Observation, Diagnosis]


def localise(
    flag: WrongRule, surveys: list[RecoveredDeltas], others: list[RecoveredDeltas], tolerance: float
) -> Questions:
    """Find the site of a flag; asks one more problem.

    Parameters
    ----------
    surveys : list of RecoveredDeltas
        Those in which it is raised.
    others : list of RecoveredDeltas
        Those in which it is not. A number is told that holds in every one: what several
        samples have and one has not is none.
    """
    found = next((s for s in surveys if flag.layer in s.deltas), surveys[0])
    other: RecoveredDeltas | None = None
    problem = (
        other_weights_above(found.problem, flag.layer, 3)
        if flag.part == "delta" and flag.layer < found.problem.network.depth
        else other_targets(found.problem, 3)
    )
    observation = yield Request(Call.LOSS_AND_GRADS, problem)
    if observation.failure is None:
        other = survey(problem, observation, tolerance, found.factor, found.forward)
    every = [*surveys, *others]
    every += [other] if other is not None and flag in other.flags else []
    if flag.part == "delta":
        return _delta(flag, found, other, every, tolerance)
    return _tensor(flag, found, other, every, tolerance)


def _delta(
    flag: WrongRule,
    found: RecoveredDeltas,
    other: RecoveredDeltas | None,
    every: list[RecoveredDeltas],
    tolerance: float,
) -> Diagnosis:
    layer, last = flag.layer, found.problem.network.depth
    loose = 1e3 * tolerance
    above = "loss_derivative" if layer == last else "delta_recursion"
    if layer not in found.deltas:  # too many samples for the layer's inputs to tell them apart
        return _told([above, "activation_derivative"], layer, found.problem, {}, None)
    recovered = _agreed("factor", every, lambda s: _constant(s, layer, loose))
    either = [above, "activation_derivative"]
    if layer == last and not _output_has_slope(found.problem):
        return _told(either, layer, found.problem, recovered, None)
    first = implied_slope(found, layer)
    second = implied_slope(other, layer) if other is not None else None
    stays = first is not None and second is not None and _same_where_known(first, second, loose)
    if not stays or first is None:
        return _told(either, layer, found.problem, recovered, None)
    implied = implied_derivative(layer, [found])
    factor = _constant(found, layer, loose)
    if factor is None or np.isfinite(factor):  # a factor may stand in either place
        sites = either[::-1] if recovered else either
        return _told(sites, layer, found.problem, recovered, implied, said_of=above)
    return _told(["activation_derivative"], layer, found.problem, recovered, implied)


def _tensor(
    flag: WrongRule,
    found: RecoveredDeltas,
    other: RecoveredDeltas | None,
    every: list[RecoveredDeltas],
    tolerance: float,
) -> Diagnosis:
    """Is what the code adds to the right tensor independent of the targets?"""
    site = "weight_gradient" if flag.part == "weight" else "bias_gradient"
    extra = _extra(flag, found)
    moved = _extra(flag, other) if other is not None else None
    sites = [site]
    if extra is not None and moved is not None and same(extra, moved, 1e4 * tolerance):
        # where no gradient arrives, nothing depends on the targets
        sites = ["regularisation"] if found.deltas[flag.layer].any() else [site, "regularisation"]
    recovered = _agreed("factor", every, lambda s: _factor(flag, s, tolerance))
    if sites[0] == "regularisation":
        recovered |= _agreed("coefficient", every, lambda s: _coefficient(flag, s, 1e4 * tolerance))
    return _told(sites, flag.layer, found.problem, recovered, None)


def placed(site: str, layer: int | None, network: Network) -> tuple[str, str]:
    """Say where something is wrong, and where to look, and no more."""
    said, mend = SITES[site].in_layer
    if layer is None or not said:
        return SITES[site].whole
    activation = network.activations[layer - 1]
    flat = activation == "identity"
    words = {
        "activation": activation,
        "layer": layer,
        "above": layer + 1,
        "times": "" if flat else " * slope(z)",
        "outputs": _of_outputs(network),
        "slope": "" if flat else f", and the derivative of {activation} where it is multiplied in",
    }
    return f"In layer {layer} {said.format(**words)}.", mend.format(**words)


def _of_outputs(network: Network) -> str:
    """Write the delta of the outputs, as far as it is one formula."""
    activation = network.activations[-1]
    if LOSSES[network.loss].cancels:
        return "a - y"
    if activation == "softmax":
        return "{loss: (a - y)} through the Jacobian of softmax"
    slope = "" if activation == "identity" else f" * {activation}'(z)"
    return f"{{loss: (a - y){slope}}}"


def _told(
    sites: list[str],
    layer: int,
    problem: Problem,
    recovered: dict[str, float],
    implied: Implied | None,
    said_of: str = "",
) -> Diagnosis:
    explanation, mend = placed(said_of or sites[0], layer, problem.network)
    if "factor" in recovered:
        explanation += f" It is {recovered['factor']:.6g} times what it should be."
    if "coefficient" in recovered:
        explanation += (
            f" The coefficient in it is {recovered['coefficient']:.6g}, where l2 is "
            f"{problem.network.l2:.6g}."
        )
    names = [Name("", site, layer) for site in sites]
    diagnosis = Diagnosis(
        names[0],
        "localised",
        explanation,
        mend,
        also=tuple(names[1:]),
        recovered=recovered,
    )
    return replace(diagnosis, implied=implied)


def is_multiple(flag: WrongRule, surveys: list[RecoveredDeltas], tolerance: float) -> bool:
    """Whether what is wrong is one number times what is right, the same in every survey."""
    if flag.part == "delta":
        return bool(_agreed("factor", surveys, lambda s: _constant(s, flag.layer, tolerance)))
    return bool(_agreed("factor", surveys, lambda s: _factor(flag, s, tolerance)))


def _pass(found: RecoveredDeltas) -> Pass:
    p = found.textbook()
    p.delta = dict(found.deltas)
    return p


def _same_where_known(one: Floats, two: Floats, tolerance: float) -> bool:
    known = np.isfinite(one) & np.isfinite(two)
    return bool(known.any()) and same(one[known], two[known], tolerance)


def _agreed(
    name: str, surveys: list[RecoveredDeltas], number: Callable[[RecoveredDeltas], float | None]
) -> dict[str, float]:
    """Recover a number where every survey has it, and the same one: one sample has some always.

    Parameters
    ----------
    number : callable
        NaN where there is none, None where a survey cannot tell.
    """
    found = [n for n in map(number, surveys) if n is not None]
    if len(found) < 2 or not np.isfinite(found).all():
        return {}
    return {name: found[0]} if np.ptp(found) <= 1e-4 * np.abs(found).max() else {}


def _constant(found: RecoveredDeltas, layer: int, tolerance: float) -> float | None:
    """Recover the factor when the delta is a multiple of the right one."""
    if layer not in found.deltas:
        return None
    delta, expected = found.deltas[layer], found.expected[layer]
    square = float((expected * expected).sum())
    if not square and not delta.any():
        return None
    factor = float((delta * expected).sum()) / square if square else 0.0
    return factor if same(delta, factor * expected, tolerance) else float("nan")


def _output_has_slope(problem: Problem) -> bool:
    cancels = LOSSES[problem.network.loss].cancels
    return not cancels and problem.network.activations[-1] != "softmax"


def _extra(flag: WrongRule, found: RecoveredDeltas) -> Floats | None:
    if flag.layer not in found.deltas:
        return None
    p = _pass(found)
    rule = "weight_gradient" if flag.part == "weight" else "bias_gradient"
    name = f"{'W' if flag.part == 'weight' else 'b'}{flag.layer}"
    right: Floats = p.apply(rule, flag.layer)
    return found.claims[name] - right


def _coefficient(flag: WrongRule, found: RecoveredDeltas, tolerance: float) -> float | None:
    """Recover c where the penalty's gradient is c times the parameter, and c is not l2."""
    extra = _extra(flag, found)
    if extra is None:
        return None
    w, b = found.problem.params.pairs[flag.layer - 1]
    l2, parameter = (found.problem.network.l2, w) if flag.part == "weight" else (0.0, b)
    c = float((extra * parameter).sum()) / float((parameter * parameter).sum())
    return l2 + c if same(extra, c * parameter, tolerance) else float("nan")


def _factor(flag: WrongRule, found: RecoveredDeltas, tolerance: float) -> float | None:
    """Return c when the data part is c times the right one."""
    extra = _extra(flag, found)
    if extra is None:
        return None
    p = _pass(found)
    rule = "weight_product" if flag.part == "weight" else "bias_sum"
    data = p.apply("scale") * p.apply(rule, flag.layer)
    square = float((data * data).sum())
    if not square:
        return None
    c = 1.0 + float((extra * data).sum()) / square
    return c if same(extra, (c - 1.0) * data, 1e3 * tolerance) else float("nan")
