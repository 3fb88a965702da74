"""Which rule is wrong, in which layer: read off the gradients, no dictionary needed.

From ``dW = s a^T D + l2 W`` and ``db = s sum D`` the code's own deltas D are recovered,
layer by layer from the top, and each is held against what the textbook makes of the
code's own delta *above*. So a wrong rule is seen where it stands, and does not make
every layer below it look wrong.

A hypothesis at one flagged place, fed with the code's own numbers around it.

Because everything above the place is taken from the code itself, other bugs elsewhere
do not disturb: each place is judged alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gradcheck.contract.problem import by_name
from gradcheck.contract.protocol import Observation
from gradcheck.networks.bugs import SITES
from gradcheck.networks.bugs.textbook import Pass, Rule, Textbook
from gradcheck.networks.problem import Floats, Problem

#: Two vectors closer than this part of their length are the same, in float64.
SAME = 1e-8


#: A factor closer to one is none.
FACTOR = 1e-3


@dataclass(frozen=True)
class WrongRule:
    """Something that is not what the textbook makes of the code's own numbers.

    Attributes
    ----------
    part : str
        ``delta``, ``weight`` or ``bias``.
    layer : int
    """

    part: str
    layer: int


@dataclass(frozen=True)
class RecoveredDeltas:
    """What the gradients of one problem give away.

    Attributes
    ----------
    problem : Problem
    deltas : dict of int to array
        The code's own, (N, n[l]).
    expected : dict of int to array
        What the textbook makes of the code's delta above.
    claims : dict of str to array
    flags : tuple of WrongRule
        From the top layer down.
    blind_below : int
        Deltas of layers below this one vanish, so that nothing shows there; 0 if none.
    factor : float or None
        When every data part of every tensor is off by one factor, that factor.
    forward : mapping of str to callable or None
        Rules of the code's forward, where that is known to be wrong.
    """

    problem: Problem
    deltas: dict[int, Floats]
    expected: dict[int, Floats]
    claims: Mapping[str, Floats]
    flags: tuple[WrongRule, ...]
    blind_below: int = 0
    factor: float | None = None
    forward: Mapping[str, Rule] | None = None

    def textbook(self) -> Pass:
        """Run the forward on this problem, as far as it is known."""
        return textbook_pass(self.problem, self.forward)


def same(one: Floats, two: Floats, tolerance: float) -> bool:
    """Whether two arrays agree within a part of their length."""
    if one.shape != two.shape or not (np.isfinite(one).all() and np.isfinite(two).all()):
        return False
    size = max(float(np.linalg.norm(one)), float(np.linalg.norm(two)))
    return float(np.linalg.norm(one - two)) <= tolerance * size + 1e-13


def textbook_pass(problem: Problem, forward: Mapping[str, Rule] | None = None) -> Pass:
    """Run a forward on a problem; its backward is left to the caller.

    Parameters
    ----------
    forward : mapping of str to callable, optional
        Rules of a forward that is known to be wrong, and how.
    """
    code = Textbook(forward)
    p = Pass(
        problem.network, problem.params.copies(), problem.batch.y, code.rules, None, code.memory
    )
    p.a[0] = problem.batch.x
    p.run()
    return p


def survey(
    problem: Problem,
    observation: Observation,
    tolerance: float = SAME,
    factor: float | None = None,
    forward: Mapping[str, Rule] | None = None,
) -> RecoveredDeltas:
    """Recover the code's deltas and flag what does not follow from them.

    Parameters
    ----------
    tolerance : float
        Part of its length by which a vector may be off.
    factor : float, optional
        By which every data part is known to be off.
    forward : mapping of str to callable, optional
        Rules of the code's forward, where that is known to be wrong.
    """
    p = textbook_pass(problem, forward)
    claims = observation.tensors
    factor = factor or _common_factor(problem, claims, tolerance, forward)
    scale = p.apply("scale") * (factor or 1.0)
    flags: list[WrongRule] = []
    deltas: dict[int, Floats] = {}
    expected: dict[int, Floats] = {}
    blind = 0
    for layer in range(p.last, 0, -1):
        predicted = p.apply("output_delta") if layer == p.last else p.apply("hidden_delta", layer)
        data = (claims[f"W{layer}"] - p.apply("penalty_gradient", layer)) / scale
        bias = claims[f"b{layer}"] / scale
        delta, found = _layer(p.a[layer - 1], data, bias, predicted, layer, tolerance)
        if (
            predicted.any()
            and _nothing(p, claims, layer)
            and any(not _nothing(p, claims, below) for below in range(1, layer))
        ):  # what reaches the layers below was here
            delta, found = predicted, [WrongRule("weight", layer), WrongRule("bias", layer)]
        flags += found
        expected[layer] = predicted
        if delta is None:
            blind = blind or layer
            break
        deltas[layer] = p.delta[layer] = delta
        p.grads[layer] = (claims[f"W{layer}"], claims[f"b{layer}"])
        if layer > 1 and not delta.any():
            blind = blind or layer
    return RecoveredDeltas(problem, deltas, expected, claims, tuple(flags), blind, factor, forward)


def _nothing(p: Pass, claims: Mapping[str, Floats], layer: int) -> bool:
    """Whether all that a layer is given is zero, or the gradient of the penalty alone."""
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
    code = Textbook(forward)
    answer = code.loss_and_grads(problem.network, problem.params.copies(), problem.batch)
    right = by_name(answer[1])
    parts = []
    for name, true in right.items():
        if claims[name].shape != true.shape:
            return None
        weight = problem.params[name]
        penalty = problem.network.l2 * weight if weight.ndim == 2 else np.zeros_like(true)
        parts.append((claims[name] - penalty, true - penalty))
    claimed = np.concatenate([c.ravel() for c, _ in parts])
    true_all = np.concatenate([t.ravel() for _, t in parts])
    square = float(true_all @ true_all)
    if not square or not np.isfinite(claimed).all():
        return None
    c = float(claimed @ true_all) / square
    every = all(same(one, c * two, tolerance) for one, two in parts)
    return c if every and abs(c - 1) > FACTOR and c != 0 else None


#: Sites whose bugs can raise a flag of each kind.
SITES_OF = {
    part: tuple(site.slug for site in SITES.values() if part in site.parts)
    for part in ("delta", "weight", "bias")
}

#: What a rule that stands in one layer makes.
PARTS = {site.slug: site.parts[-1] for site in SITES.values() if site.parts}


def left_unexplained(
    rules: Mapping[str, Rule], flag: WrongRule, surveys: list[RecoveredDeltas], noise: float
) -> float:
    """Return what wrong rules leave of the error at a flagged place, at worst over surveys."""
    worst = 0.0
    told = False
    for survey in surveys:
        observed = observed_at(flag, survey)
        if observed is None:
            continue
        right = predicted_by({}, flag, survey)
        guess = predicted_by(rules, flag, survey)
        if right is None or guess is None or guess.shape != observed.shape:
            return float("inf")
        error = float(np.linalg.norm(observed - right))
        size = float(np.linalg.norm(right))
        left = float(np.linalg.norm(observed - guess))
        floor = 300 * noise * max(size, float(np.linalg.norm(observed)))
        told = told or error > floor
        if not left <= floor:
            worst = max(worst, left / max(error, 1e-3 * size, 1e-300))
    return worst if told else float("inf")


def observed_at(flag: WrongRule, survey: RecoveredDeltas) -> Floats | None:
    """Return what the code has at a place; None where that cannot be told."""
    if flag.part == "delta":
        return survey.deltas.get(flag.layer)
    if flag.layer not in survey.deltas:
        return None
    return survey.claims[f"{'W' if flag.part == 'weight' else 'b'}{flag.layer}"]


def predicted_by(
    rules: Mapping[str, Rule], flag: WrongRule, survey: RecoveredDeltas
) -> Floats | None:
    """Apply rules at one place, to the code's own numbers above it."""
    p = _prepared(rules, flag, survey)
    if p is None:
        return None
    with np.errstate(all="ignore"):
        if flag.part == "delta":
            top = flag.layer == p.last
            value = p.apply("output_delta") if top else p.apply("hidden_delta", flag.layer)
        elif flag.part == "weight":
            value = p.apply("weight_gradient", flag.layer)
        else:
            value = p.apply("bias_gradient", flag.layer)
    return np.asarray(value)


def _prepared(rules: Mapping[str, Rule], flag: WrongRule, survey: RecoveredDeltas) -> Pass | None:
    p = survey.textbook()
    p.rules = {**p.rules, **rules}
    lowest = flag.layer + 1 if flag.part == "delta" else flag.layer
    for layer in range(p.last, lowest - 1, -1):
        if layer not in survey.deltas:
            return None
        p.delta[layer] = survey.deltas[layer]
        if layer > flag.layer:
            p.grads[layer] = (survey.claims[f"W{layer}"], survey.claims[f"b{layer}"])
            p.apply("visit", layer)
    if survey.factor is not None:
        scale, factor = p.rules["scale"], survey.factor
        p.rules = {**p.rules, "scale": lambda q: factor * scale(q)}
    return p
