"""The second witness: it confirms the primary estimate, and contradicts a false one."""

import numpy as np
import pytest
from hypothesis import given

from gradcheck.networks import sampling
from gradcheck.networks.definitions import evaluate
from gradcheck.networks.fast_estimate import Truth, complex_step, witness
from gradcheck.networks.fast_estimate.witness import DIRECTIONS_A_TENSOR, SLACK
from gradcheck.networks.problem import Batch, Network, Params, Problem
from gradcheck.oracle import Estimate, evaluation
from gradcheck.oracle.estimate import Slope, miss_probability
from tests import strategies

#: name: text of a network, standard deviation of its parameters.
DEEP = {
    "eight sigmoid layers, weights of 0.1": ("-".join("4" * 9), "sigmoid", 0.1),
    "nine sigmoid layers, weights of 0.1": ("-".join("4" * 10), "sigmoid", 0.1),
    "eight relu layers, weights of 0.3": ("-".join("6" * 9), "relu", 0.3),
    "eight relu layers, weights of 1": ("-".join("4" * 9), "relu", 1.0),
    "eight leaky_relu layers, weights of 0.3": ("-".join("4" * 9), "leaky_relu", 0.3),
    "eight elu layers": ("-".join("4" * 9), "elu", 0.5),
    "six tanh layers, weights of 2": ("-".join("4" * 7), "tanh", 2.0),
}


def drawn(name: str, seed: int) -> Problem:
    widths, activation, size = DEEP[name]
    depth = widths.count("-")
    layers = ",".join([activation] * (depth - 1) + ["identity"])
    network = Network.parse(f"{widths} {layers} half_squared_error")
    rng = np.random.default_rng(seed)
    pairs = [
        (size * rng.standard_normal(shape), size * rng.standard_normal(shape[1]))
        for shape in network.shapes
    ]
    x, y = rng.standard_normal((4, network.widths[0])), rng.standard_normal((4, network.widths[-1]))
    return Problem(network, Params(pairs), Batch(x, y))


def told(second: witness.SecondEstimate) -> str:
    return (
        f"{second.tensor}: differences say {second.slope.value:.15g} ± "
        f"{second.slope.error:.1e}, the estimate {second.expected:.15g} ± "
        f"{second.error:.1e}"
    )


def test_the_witness_agrees_on_random_problems() -> None:
    for index in range(300):
        problem = sampling.problem(12, index)
        against = Truth(problem).disagreements
        assert not against, f"problem(12, {index}), {problem.network}: {told(against[0])}"


@given(strategies.problems())
def test_the_witness_agrees_on_every_kind_of_network(problem: Problem) -> None:
    against = Truth(problem).disagreements
    assert not against, f"{problem.network}: {told(against[0])}"


@given(strategies.problems())
def test_the_witness_agrees_when_it_walks_a_few_rows_at_a_time(problem: Problem) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "BLOCK", 1)
        truth = Truth(problem)
        heard, against = truth.second_estimates, truth.disagreements
    assert not against, f"{problem.network}: {told(against[0])}"
    tensors = DIRECTIONS_A_TENSOR * 2 * problem.network.depth
    assert len(heard) == tensors, f"{problem.network}: {len(heard)} of {tensors} directions heard"


@pytest.mark.parametrize("name", list(DEEP))
def test_the_witness_agrees_on_deep_networks(name: str) -> None:
    for seed in range(15):
        problem = drawn(name, seed)
        against = Truth(problem).disagreements
        assert not against, f"{name}, seed {seed}: {told(against[0])}"


def test_the_witness_agrees_near_a_kink_of_the_second_derivative() -> None:
    # elu bends at 0, but its slope does not jump: differences must not reach across
    network = Network.parse("1-1-1 elu,identity half_squared_error")
    for distance in (0.0, 1e-12, -1e-12, 1e-6, -1e-6, 1e-3, -1e-3):
        params = Params([([[1.0]], [distance]), ([[0.5]], [0.25])])
        problem = Problem(network, params, Batch([[0.0]], [[1.0]]))
        truth = Truth(problem)
        assert truth.second_estimates, f"elu at z = {distance}: nothing was differenced"
        assert not truth.disagreements, f"elu at z = {distance}: {told(truth.disagreements[0])}"


def test_the_witness_agrees_on_a_kink() -> None:
    for activation in ("relu", "leaky_relu"):
        network = Network.parse(f"1-2-1 {activation},identity half_squared_error")
        params = Params([([[1.0, 2.0]], [-1.0, 0.5]), ([[0.5], [1.5]], [0.25])])
        truth = Truth(Problem(network, params, Batch([[1.0], [0.5]], [[1.0], [0.0]])))
        assert truth.kinks.count == 1, f"{activation}: {truth.kinks.count} units on the kink, not 1"
        assert not truth.disagreements, f"{activation} at 0: {told(truth.disagreements[0])}"


def test_the_witness_is_hardly_ever_silent() -> None:
    heard = [t for i in range(120) for t in Truth(sampling.problem(13, i)).second_estimates]
    silent = sum(not np.isfinite(t.slope.error) for t in heard)
    assert silent <= 0.005 * len(heard), f"{silent} of {len(heard)} directions said nothing"


def test_the_witness_speaks_on_eight_relu_layers() -> None:
    drawings = [drawn("eight relu layers, weights of 0.3", seed) for seed in range(15)]
    heard = [t for problem in drawings for t in Truth(problem).second_estimates]
    silent = sum(not np.isfinite(t.slope.error) for t in heard)
    assert silent <= 0.01 * len(heard), f"{silent} of {len(heard)} directions said nothing"


def one_entry_off(gradient: np.ndarray) -> np.ndarray:
    off = gradient.copy()
    off.flat[0] += 1e-5 * np.linalg.norm(gradient)
    return off


FALSIFICATIONS = {
    "off by a millionth": lambda g: g * (1 + 1e-6),
    "negated": lambda g: -g,
    "doubled": lambda g: 2 * g,
    "zero": np.zeros_like,
    "wrong in one entry": one_entry_off,
    "not a number": lambda g: g * np.nan,
}


def falsified(truth: Truth, name: str, how: str) -> list[witness.SecondEstimate]:
    estimate = truth.gradient[name]
    false = Estimate(FALSIFICATIONS[how](estimate.value), estimate.error)
    estimates = {**truth.gradient, name: false}
    return heard(truth, estimates)


def heard(truth: Truth, estimates: dict[str, Estimate]) -> list[witness.SecondEstimate]:
    problem = truth.problem
    run = evaluate(problem.network, problem.params.pairs, problem.batch.x)
    return witness.second_estimates(problem, run, estimates, None, np.random.default_rng(0))


def too_coarse(honest: list[witness.SecondEstimate], off: float) -> bool:
    """Whether three directions would overlook so small an error once in a million times."""
    bar = max(SLACK * (t.slope.error + t.error) for t in honest)
    return not off > bar or miss_probability(off / bar, DIRECTIONS_A_TENSOR) > 1e-6


@pytest.mark.parametrize("how", list(FALSIFICATIONS))
def test_a_falsified_estimate_is_contradicted_and_only_that_one(how: str) -> None:
    compared = 0
    for index in range(0, 100, 4):
        problem = sampling.problem(14, index)
        truth = Truth(problem)
        names = [n for n, e in truth.gradient.items() if e.value.any() and not e.interval.any()]
        for name in names:
            value = truth.gradient[name].value
            honest = heard(truth, truth.gradient)
            off = float(np.linalg.norm(FALSIFICATIONS[how](value) - value))
            if how != "not a number" and too_coarse([t for t in honest if t.tensor == name], off):
                continue
            compared += 1
            against = {t.tensor for t in falsified(truth, name, how) if not t.agrees}
            assert against == {name}, (
                f"problem(14, {index}), {problem.network}: {name} is {how}; contradicted is "
                f"{sorted(against) or 'nothing'}"
            )
    assert compared >= 80, f"only {compared} tensors could be looked at"


def test_a_falsified_complex_step_shows_as_a_disagreement(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = complex_step.by_preactivation

    def off(*arguments: object, **options: object) -> complex_step.Stack:
        return [(dw * (1 + 1e-5), db) for dw, db in honest(*arguments, **options)]  # type: ignore[arg-type]

    monkeypatch.setattr(complex_step, "by_preactivation", off)
    problem = sampling.problem(15, 0)
    tensors = {t.tensor[0] for t in Truth(problem).disagreements}
    assert tensors == {"W"}, f"problem(15, 0): every dW is off, contradicted are {tensors}"


def test_a_contradiction_by_accident_is_gone_when_the_witness_is_heard_again() -> None:
    truth = Truth(sampling.problem(15, 0))
    accident = witness.SecondEstimate("W1", Slope(1.0, 1e-12, 0.01), 2.0, 1e-12)
    truth.__dict__["second_estimates"] = [accident]
    assert not accident.agrees, "the second made up for this test agrees"
    assert not truth.disagreements, "an accident of one ladder counts as our own fault"


def test_a_silent_witness_contradicts_nobody() -> None:
    silent = witness.SecondEstimate(
        "W1", Slope(float("nan"), float("inf"), float("nan")), 3.0, 1e-16
    )
    assert silent.agrees, "a witness without a usable rung counts as a contradiction"


@pytest.mark.parametrize(("off", "agrees"), [(9.0, True), (11.0, False)])
def test_the_witnesses_agree_up_to_ten_joint_bars(off: float, agrees: bool) -> None:
    second = witness.SecondEstimate("W1", Slope(1.0 + off * 3e-10, 2e-10, 0.01), 1.0, 1e-10)
    assert second.agrees is agrees, f"{off} joint bars apart: agrees is {second.agrees}"


def test_the_bars_of_deep_sigmoid_networks_show_why_the_complex_step_is_the_estimate() -> None:
    problem = drawn("nine sigmoid layers, weights of 0.1", 1)
    truth = Truth(problem)
    first = [t for t in truth.second_estimates if t.tensor == "W1"]
    norm = float(np.linalg.norm(truth.gradient["W1"].value))
    ladder, estimate = max(t.slope.error for t in first) / norm, truth.gradient["W1"].resolution
    assert estimate < 1e-10 < 1e-6 < ladder, (
        f"nine sigmoid layers, seed 1, W1: the ladder resolves {ladder:.1e} of it, the complex "
        f"step {estimate:.1e}"
    )
