"""Where fixed tolerances and fixed steps fail: tiny gradients, tiny pre-activations."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from gradcheck.comparison.compare import FLOAT64, Judgement, judge
from gradcheck.comparison.verdict import Verdict
from gradcheck.contract.posed import Tensors, by_name
from gradcheck.networks.definitions import evaluate, loss_of
from gradcheck.networks.fast_estimate import Truth
from gradcheck.networks.problem import Batch, Floats, Network, Params, Problem
from gradcheck.reading.loading import load
from gradcheck.reading.target import shipped

MATRIX = load(shipped("matrix"))

SEEDS = range(8)


def nine_sigmoid_layers(seed: int, size: float) -> Problem:
    network = Network.parse(f"{'-'.join('4' * 9)}-2 {','.join(['sigmoid'] * 9)} half_squared_error")
    rng = np.random.default_rng((61, seed))
    pairs = [
        (size * rng.standard_normal(shape), size * rng.standard_normal(shape[1]))
        for shape in network.shapes
    ]
    return Problem(
        network, Params(pairs), Batch(rng.standard_normal((5, 4)), rng.standard_normal((5, 2)))
    )


def eight_relu_layers(seed: int, l2: float = 0.0) -> Problem:
    """The network of cthorey/CS231 issue 2, with CS231n's sizes.

    Weights of 0.05, biases of zero, two samples: the pre-activations shrink by a factor
    of about six in each layer.
    """
    layers = ",".join(["relu"] * 7 + ["softmax"])
    network = Network.parse(f"15-20-30-20-30-20-30-20-10 {layers} cross_entropy l2={l2}")
    rng = np.random.default_rng((62, seed))
    pairs = [(0.05 * rng.standard_normal(s), np.zeros(s[1])) for s in network.shapes]
    y = np.eye(10)[rng.integers(10, size=2)]
    return Problem(network, Params(pairs), Batch(rng.standard_normal((2, 15)), y))


def claim(problem: Problem) -> Tensors:
    _, grads = MATRIX.loss_and_grads(problem.network, problem.params.copies(), problem.batch)
    return by_name(grads)


def verdicts(judgements: list[Judgement]) -> dict[str, str]:
    return {j.tensor: f"{j.verdict.value} {j.note}".strip() for j in judgements}


CHANGES: dict[str, Callable[[Floats], Floats]] = {
    "zeros": np.zeros_like,
    "doubled": lambda g: 2 * g,
    "negated": lambda g: -g,
    "off by a millionth": lambda g: g * (1 + 1e-6),
}


@pytest.mark.parametrize("size", [0.1, 1.0])
@pytest.mark.parametrize("change", list(CHANGES))
def test_a_false_first_layer_of_nine_sigmoid_layers_is_wrong(change: str, size: float) -> None:
    for seed in SEEDS:
        problem = nine_sigmoid_layers(seed, size)
        true = claim(problem)
        false = {**true, **{name: CHANGES[change](true[name]) for name in ("W1", "b1")}}
        found = {j.tensor: j.verdict for j in judge(false, Truth(problem), FLOAT64)}
        wrong = sorted(name for name, verdict in found.items() if verdict is Verdict.WRONG)
        assert wrong == ["W1", "b1"], (
            f"nine sigmoid layers, weights of {size}, seed {seed}: with dW1 and db1 {change} "
            f"(norm {np.linalg.norm(true['W1']):.1e}) the tensors {wrong} are called wrong"
        )


@pytest.mark.parametrize("size", [0.1, 1.0])
def test_the_true_gradient_of_nine_sigmoid_layers_is_correct(size: float) -> None:
    for seed in SEEDS:
        problem = nine_sigmoid_layers(seed, size)
        judgements = judge(claim(problem), Truth(problem), FLOAT64)
        assert all(j.verdict is Verdict.CORRECT for j in judgements), (
            f"nine sigmoid layers, weights of {size}, seed {seed}: {verdicts(judgements)}"
        )


def test_the_first_layer_of_nine_sigmoid_layers_is_too_small_for_a_fixed_tolerance() -> None:
    norms = [float(np.linalg.norm(claim(nine_sigmoid_layers(s, 0.1))["W1"])) for s in SEEDS]
    assert max(norms) < 1e-8, f"the norms of dW1 are {norms}: the test above is too easy"


@pytest.mark.parametrize("l2", [0.0, 3.14])
def test_the_true_gradient_of_eight_relu_layers_is_correct(l2: float) -> None:
    for seed in SEEDS:
        problem = eight_relu_layers(seed, l2)
        judgements = judge(claim(problem), Truth(problem), FLOAT64)
        assert all(j.verdict is Verdict.CORRECT for j in judgements), (
            f"eight relu layers, l2 = {l2}, seed {seed}: {verdicts(judgements)}"
        )
        resolution = max(j.resolution for j in judgements if not np.isnan(j.resolution))
        assert resolution < 1e-9, f"eight relu layers, seed {seed}: resolution {resolution:.1e}"


def test_both_witnesses_agree_on_eight_relu_layers() -> None:
    for seed in SEEDS:
        against = Truth(eight_relu_layers(seed)).disagreements
        assert not against, f"eight relu layers, seed {seed}: {against}"


@pytest.mark.parametrize("change", list(CHANGES))
def test_a_false_bias_gradient_of_eight_relu_layers_is_wrong(change: str) -> None:
    for seed in SEEDS:
        problem = eight_relu_layers(seed)
        true = claim(problem)
        for layer in (2, 5, 7):
            db = true[f"b{layer}"]
            if not db.any():
                continue
            false = {**true, f"b{layer}": CHANGES[change](db)}
            found = {j.tensor: j.verdict for j in judge(false, Truth(problem), FLOAT64)}
            wrong = [name for name, verdict in found.items() if verdict is Verdict.WRONG]
            assert wrong == [f"b{layer}"], (
                f"eight relu layers, seed {seed}: with db{layer} {change} the tensors {wrong} are "
                f"called wrong"
            )


def test_eight_relu_layers_are_the_network_on_which_no_step_works() -> None:
    problem = eight_relu_layers(0)
    run = evaluate(problem.network, problem.params.pairs, problem.batch.x)
    sizes = [float(np.median(np.abs(z))) for z in run.z]
    assert sizes[0] > 1e-2, f"median |z| by layer: {sizes}"
    assert sizes[-1] < 1e-6, f"median |z| by layer: {sizes}"
    for step in (1e-3, 1e-5, 1e-7, 1e-9):
        errors = [_relative_error_of_differences(problem, name, step) for name in ("W1", "b5")]
        assert max(errors) > 1e-3, (
            f"seed 0, step {step}: plain differences of W1 and b5 are off by {errors} only"
        )


def _relative_error_of_differences(problem: Problem, name: str, step: float) -> float:
    """The worst relative error of central differences with one step over one tensor."""
    layer, which = int(name[1:]) - 1, "Wb".index(name[0])
    true = claim(problem)[name].ravel()
    entries = np.argsort(-np.abs(true))[:8]  # the largest: the most favourable to differences
    worst = 0.0
    for entry in entries.tolist():
        losses = []
        for sign in (1.0, -1.0):
            pairs = problem.params.copies()
            pairs[layer][which].ravel()[entry] += sign * step
            losses.append(loss_of(replace(problem, params=Params(pairs))))
        difference = (losses[0] - losses[1]) / (2 * step)
        worst = max(worst, abs(difference - true[entry]) / abs(true[entry]))
    return worst


def test_a_claim_far_beyond_a_bar_of_nearly_nothing_is_wrong_and_warns_of_nothing() -> None:
    # a dead unit with an input of 1e-290: the bar of dW1 is of the order of 1e-320
    network = Network.parse("1-1-1 relu,identity half_squared_error")
    params = Params([([[1.0]], [-5.0]), ([[1.0]], [0.0])])
    problem = Problem(network, params, Batch([[1e-290]], [[1e-160]]))
    found = judge({**claim(problem), "W1": np.array([[1e10]])}, Truth(problem), FLOAT64)
    assert found[0].bar < 1e-300, f"the bar of dW1 is {found[0].bar}: the test is too easy"
    assert found[0].verdict is Verdict.WRONG, f"dW1 = 1e10 where it is zero: {verdicts(found)}"
