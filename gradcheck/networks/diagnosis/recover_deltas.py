"""Which rule is wrong, in which layer: read off the gradients, no dictionary needed.

From ``dW = s a^T D + l2 W`` and ``db = s sum D`` the code's own deltas D are recovered,
layer by layer from the top, and each is compared with what the textbook makes of the
code's own delta *above*. So a wrong rule is seen where it stands, and does not make
every layer below it look wrong; and a hypothesis about one place is judged with the code's
own numbers around it, whatever is wrong elsewhere.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from gradcheck.contract.posed import by_name
from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.networks.bugs import SITES
from gradcheck.networks.bugs.textbook import Pass, Rule, Textbook
from gradcheck.networks.diagnosis.observations import (
    SAME,
    Observations,
    multiple_of,
    same,
    textbook_pass,
)
from gradcheck.networks.diagnosis.probe_setup import ProbeSetup
from gradcheck.networks.diagnosis.result import Diagnosis, Implied, Questions
from gradcheck.networks.problem import Floats, Problem
from gradcheck.networks.scope import Asking

#: A number closer to one than this is not told as a factor.
FACTOR = 1e-3

#: The part of the largest cotangent below which a slope is a quotient of roundings.
AUDIBLE = 1e-7


@dataclass(frozen=True)
class WrongRule:
    """What is not as the textbook makes it of the code's own numbers.

    The part of its layer is ``delta``, ``weight`` or ``bias``.
    """

    part: str
    layer: int

    @property
    def tensor(self) -> str:
        """The gradient that it makes, where it makes one: that of ``W2``."""
        return f"{'W' if self.part == 'weight' else 'b'}{self.layer}"

    @property
    def rule(self) -> str:
        """The textbook's rule for it, where it makes a gradient."""
        return f"{self.part}_gradient"


@dataclass(frozen=True)
class RecoveredDeltas:
    """What the gradients of one problem give away.

    ``deltas`` are the code's own, (N, n[l]), ``expected`` what the textbook makes of its delta
    above. Deltas of the layers below ``blind_below`` vanish, so that nothing shows there; 0 if
    none. When every data part of every tensor is off by one number, that is the ``factor``.
    ``forward`` are rules of the code's forward, where that is known to be wrong.
    """

    problem: Problem
    deltas: dict[int, Floats]
    expected: dict[int, Floats]
    claims: Mapping[str, Floats]
    wrong_rules: tuple[WrongRule, ...]
    blind_below: int = 0
    factor: float | None = None
    forward: Mapping[str, Rule] | None = None

    def textbook(self) -> Pass:
        """Run the forward on this problem, as far as it is known."""
        return textbook_pass(self.problem, self.forward)

    def backward(self) -> Pass:
        """Run the forward, and take the code's own deltas for those of the backward."""
        p = self.textbook()
        p.delta = dict(self.deltas)
        return p


def recover_deltas(
    problem: Problem,
    observation: Observation,
    tolerance: float = SAME,
    factor: float | None = None,
    forward: Mapping[str, Rule] | None = None,
) -> RecoveredDeltas:
    """Recover the code's deltas, and list what does not follow from them.

    ``tolerance`` is the part of its length by which a vector may be off, ``factor`` a number by
    which every data part is known to be off, ``forward`` rules that are known to be wrong.
    """
    p = textbook_pass(problem, forward)
    claims = observation.tensors
    factor = factor or _common_factor(problem, claims, tolerance, forward)
    scale = p.apply("scale") * (factor or 1.0)
    wrong_rules: list[WrongRule] = []
    deltas: dict[int, Floats] = {}
    expected: dict[int, Floats] = {}
    blind = 0
    for layer in range(p.last, 0, -1):
        predicted = p.propagate(layer)
        data = (claims[f"W{layer}"] - p.apply("penalty_gradient", layer)) / scale
        bias = claims[f"b{layer}"] / scale
        delta, found = _layer(p.a[layer - 1], data, bias, predicted, layer, tolerance)
        if (
            predicted.any()
            and _nothing(p, claims, layer)
            and any(not _nothing(p, claims, below) for below in range(1, layer))
        ):  # what reaches the layers below was here
            delta, found = predicted, [WrongRule("weight", layer), WrongRule("bias", layer)]
        wrong_rules += found
        expected[layer] = predicted
        if delta is None:
            blind = blind or layer
            break
        deltas[layer] = p.delta[layer] = delta
        p.grads[layer] = (claims[f"W{layer}"], claims[f"b{layer}"])
        if layer > 1 and not delta.any():
            blind = blind or layer
    return RecoveredDeltas(
        problem, deltas, expected, claims, tuple(wrong_rules), blind, factor, forward
    )


def recover_all(
    observations: Observations, tolerance: float, forward: Mapping[str, Rule] | None = None
) -> list[RecoveredDeltas]:
    """Recover the code's deltas on every problem whose gradient was had."""
    return [
        recover_deltas(problem, answer, tolerance, forward=forward)
        for problem, answer, _ in observations.gradients()
    ]


def _nothing(p: Pass, claims: Mapping[str, Floats], layer: int) -> bool:
    """Whether the gradient of a layer is zero, or that of the penalty alone."""
    w, b = claims[f"W{layer}"], claims[f"b{layer}"]
    return not b.any() and (
        not w.any() or np.array_equal(w, np.asarray(p.apply("penalty_gradient", layer)))
    )


def _layer(
    a: Floats, data: Floats, bias: Floats, predicted: Floats, layer: int, tolerance: float
) -> tuple[Floats | None, list[WrongRule]]:
    """Decide between delta, weight and bias at one layer; no delta when none can be told."""
    weight_fits = same(data, a.T @ predicted, tolerance)
    bias_fits = same(bias, predicted.sum(axis=0), tolerance)
    if weight_fits:
        return predicted, [] if bias_fits else [WrongRule("bias", layer)]
    recovered, solved = _recover(a, data, tolerance)
    if solved and recovered is not None and same(recovered.sum(axis=0), bias, tolerance):
        return recovered, [WrongRule("delta", layer)]
    if bias_fits:
        return predicted, [WrongRule("weight", layer)]
    if len(a) == 1 and not solved:
        return bias[None, :], [WrongRule("delta", layer), WrongRule("weight", layer)]
    if solved:
        return recovered, [WrongRule("delta", layer), WrongRule("bias", layer)]
    return None, [WrongRule("delta", layer)]


def _recover(a: Floats, data: Floats, tolerance: float) -> tuple[Floats | None, bool]:
    """Solve ``a^T D = data`` for D; say whether it has a solution."""
    if len(a) > a.shape[1] or np.linalg.matrix_rank(a) < len(a):
        return None, False
    solution: Floats = np.asarray(np.linalg.lstsq(a.T, data, rcond=None)[0], dtype=np.float64)
    return solution, same(a.T @ solution, data, 10 * tolerance)


def _common_factor(
    problem: Problem,
    claims: Mapping[str, Floats],
    tolerance: float,
    forward: Mapping[str, Rule] | None,
) -> float | None:
    """Return c when every data part is c times the true one, and c is not 1."""
    network, params = problem.network, problem.params
    _, grads = Textbook(forward).loss_and_grads(network, params.copies(), problem.batch)
    parts = []
    for name, right in by_name(grads).items():
        penalty = network.l2 * params[name] if right.ndim == 2 else 0.0
        parts.append((claims[name] - penalty, right - penalty))
    claimed = np.concatenate([one.ravel() for one, _ in parts])
    c = multiple_of(claimed, np.concatenate([two.ravel() for _, two in parts]), tolerance)
    if not c or abs(c - 1) <= FACTOR:
        return None
    return c if all(same(one, c * two, tolerance) for one, two in parts) else None


#: Sites whose bugs make a wrong rule of each part.
SITES_OF = {
    part: tuple(site.slug for site in SITES.values() if part in site.parts)
    for part in ("delta", "weight", "bias")
}

#: What a rule that stands in one layer makes.
PARTS = {site.slug: site.parts[-1] for site in SITES.values() if site.parts}


def left_unexplained(
    rules: Mapping[str, Rule], wrong: WrongRule, recovered: list[RecoveredDeltas], noise: float
) -> float:
    """Return what part of the error at one place some rules leave, on the worst problem.

    Infinite where no problem shows an error, or one cannot tell.
    """
    worst = 0.0
    shown = False
    for found in recovered:
        observed = observed_at(wrong, found)
        if observed is None:
            continue
        right = predicted_by({}, wrong, found)
        guess = predicted_by(rules, wrong, found)
        if right is None or guess is None or guess.shape != observed.shape:
            return float("inf")
        error = float(np.linalg.norm(observed - right))
        size = float(np.linalg.norm(right))
        left = float(np.linalg.norm(observed - guess))
        floor = 300 * noise * max(size, float(np.linalg.norm(observed)))
        shown = shown or error > floor
        if not left <= floor:
            worst = max(worst, left / max(error, 1e-3 * size, 1e-300))
    return worst if shown else float("inf")


def observed_at(wrong: WrongRule, found: RecoveredDeltas) -> Floats | None:
    """Return what the code has at a place; None where that is not known."""
    if wrong.part == "delta" or wrong.layer not in found.deltas:
        return found.deltas.get(wrong.layer)
    return found.claims[wrong.tensor]


def predicted_by(
    rules: Mapping[str, Rule], wrong: WrongRule, found: RecoveredDeltas
) -> Floats | None:
    """Apply rules at one place, to the code's own numbers above it."""
    p = found.textbook()
    p.rules = {**p.rules, **rules}
    lowest = wrong.layer + 1 if wrong.part == "delta" else wrong.layer
    for layer in range(p.last, lowest - 1, -1):
        if layer not in found.deltas:
            return None
        p.delta[layer] = found.deltas[layer]
        if layer > wrong.layer:
            p.grads[layer] = (found.claims[f"W{layer}"], found.claims[f"b{layer}"])
    if found.factor is not None:
        scale, factor = p.rules["scale"], found.factor
        p.rules = {**p.rules, "scale": lambda q: factor * scale(q)}
    with np.errstate(all="ignore"):
        if wrong.part == "delta":
            return np.asarray(p.propagate(wrong.layer))
        return np.asarray(p.apply(wrong.rule, wrong.layer))


def extra(wrong: WrongRule, found: RecoveredDeltas) -> Floats | None:
    """Return what the code adds to the right gradient of its own delta; None where not known."""
    if wrong.layer not in found.deltas:
        return None
    right: Floats = found.backward().apply(wrong.rule, wrong.layer)
    return found.claims[wrong.tensor] - right


def factor_at(
    wrong: WrongRule, recovered: Iterable[RecoveredDeltas], tolerance: float
) -> float | None:
    """Return by what number a delta, or the data part of a gradient, is multiplied.

    None where problems have different ones: one sample always has some.
    """
    if wrong.part == "delta":
        return agreed(0.0, (delta_beside(wrong.layer, found) for found in recovered), tolerance)
    return agreed(1.0, (_data_beside(wrong, found) for found in recovered), tolerance)


def is_multiple(wrong: WrongRule, recovered: list[RecoveredDeltas], tolerance: float) -> bool:
    """Whether what is wrong is one number times what is right, the same on every problem."""
    loose = tolerance if wrong.part == "delta" else 1e3 * tolerance
    return factor_at(wrong, recovered, loose) is not None


def agreed(
    start: float, pairs: Iterable[tuple[Floats, Floats] | None], tolerance: float
) -> float | None:
    """Return the number that every pair of arrays has, more than one; None where they differ.

    It is ``start`` and by what the second array is multiplied to be the first; a pair is None where
    a problem cannot tell.
    """
    multiples = [multiple_of(*pair, tolerance) for pair in pairs if pair is not None]
    numbers = [start + number for number in multiples if number is not None]
    if len(numbers) < max(2, len(multiples)):
        return None
    return numbers[0] if np.ptp(numbers) <= 1e-4 * np.abs(numbers).max() else None


def delta_beside(layer: int, found: RecoveredDeltas) -> tuple[Floats, Floats] | None:
    """Return the code's delta and the right one; None where not known, or both are zero."""
    if layer not in found.deltas:
        return None
    delta, expected = found.deltas[layer], found.expected[layer]
    return (delta, expected) if delta.any() or expected.any() else None


def _data_beside(wrong: WrongRule, found: RecoveredDeltas) -> tuple[Floats, Floats] | None:
    """Return what the code adds, and the right data part; None where not known, or that is zero."""
    added = extra(wrong, found)
    if added is None:
        return None
    p = found.backward()
    rule = "weight_product" if wrong.part == "weight" else "bias_sum"
    data = p.apply("scale") * p.apply(rule, wrong.layer)
    return (added, data) if data.any() else None


#: At most so many samples are asked about for a picture.
PICTURE_SAMPLES = 9


def with_pictures(setup: ProbeSetup, diagnoses: list[Diagnosis]) -> Questions:
    """Fill in the implied derivative or matrix where a diagnosis is of one.

    Several samples are asked about at the same weights. Each gives its delta in every layer;
    what comes back to a layer, divided by the right derivative, is the code's delta above
    times a matrix, which as many samples as that has units determine.
    """
    if any(d.name.site == "forward" for d in diagnoses):
        return diagnoses
    implied = {"activation_derivative": implied_derivative, "delta_recursion": implied_matrix}
    pictured = [d.name.layer is not None and d.name.site in implied for d in diagnoses]
    if not any(pictured):
        return diagnoses
    recovered = yield from _samples(setup)
    return [
        replace(d, implied=implied[d.name.site](d.name.layer or 0, recovered) or d.implied)
        if wanted
        else d
        for d, wanted in zip(diagnoses, pictured, strict=True)
    ]


def _samples(setup: ProbeSetup) -> Asking[list[RecoveredDeltas]]:
    """Ask about single samples of one point; about batches where one sample cannot be had."""
    size = min(setup.sizes)
    units = max(setup.network.widths[1:])
    base = setup.probe(size * min(units + 1, PICTURE_SAMPLES), (2, 0, 5))
    recovered = []
    for start in range(0, base.batch.size, size):
        problem = replace(base, batch=base.batch.select(range(start, start + size)))
        answer = yield Request(Call.LOSS_AND_GRADS, problem)
        if answer.failure is None:
            recovered.append(recover_deltas(problem, answer, setup.tolerance))
    return recovered


def implied_derivative(layer: int, recovered: Iterable[RecoveredDeltas]) -> Implied | None:
    """Return points of the derivative in order of z; None where there are none."""
    z, derivative = implied_points(layer, recovered).T
    return Implied(z=z, derivative=derivative) if z.size else None


def implied_points(
    layer: int, recovered: Iterable[RecoveredDeltas], audible: float = AUDIBLE
) -> Floats:
    """Return the points (z, derivative) that deltas imply, (K, 2), in order of z."""
    parts = [np.zeros((0, 2))]
    for found in recovered:
        slope = implied_slope(found, layer, audible)
        if slope is not None:
            points = np.stack((found.textbook().z[layer], slope), axis=-1).reshape(-1, 2)
            parts.append(points[np.isfinite(points[:, 1])])
    every = np.concatenate(parts)
    return every[np.lexsort(every.T[::-1])]


def implied_slope(found: RecoveredDeltas, layer: int, audible: float = AUDIBLE) -> Floats | None:
    """Return the code's delta divided by what comes back to the layer, (N, n[l]).

    NaN where less than the ``audible`` part of the largest comes back: there it is a quotient of
    roundings. None where the delta is not known.
    """
    if layer not in found.deltas:
        return None
    p = found.backward()
    back = p.apply("loss_derivative") if layer == p.last else p.apply("propagate", layer)
    usable = np.abs(back) > audible * np.abs(back).max(initial=0.0)
    return np.where(usable, found.deltas[layer] / np.where(usable, back, 1.0), np.nan)


def implied_matrix(layer: int, recovered: list[RecoveredDeltas]) -> Implied | None:
    """Return the matrix M, (n[l], n[l+1]), with ``what comes back = delta[l+1] M^T``.

    None where samples do not determine it, or no matrix does that.
    """
    above, back = [], []
    for found in recovered:
        if layer not in found.deltas or layer + 1 not in found.deltas:
            continue
        slope = found.textbook().apply("activation_derivative", layer)
        if (np.abs(slope) < 1e-6).any():
            continue
        above.append(found.deltas[layer + 1])
        back.append(found.deltas[layer] / slope)
    if not above:
        return None
    deltas, came = np.concatenate(above), np.concatenate(back)
    if np.linalg.matrix_rank(deltas) < deltas.shape[1]:
        return None
    solution: Floats = np.asarray(np.linalg.lstsq(deltas, came, rcond=None)[0], dtype=np.float64)
    if not same(deltas @ solution, came, 1e-6):
        return None
    weights = recovered[0].problem.params.pairs[layer][0]
    return Implied(matrix=solution.T, weights=weights)
