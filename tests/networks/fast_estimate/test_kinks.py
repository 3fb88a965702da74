"""On a kink any slope between the one-sided ones is right, and nothing else."""

from collections.abc import Mapping

import numpy as np
import pytest

from gradcheck.comparison.compare import FLOAT64, Judgement, judge
from gradcheck.comparison.verdict import Verdict
from gradcheck.contract.posed import Tensors, by_name
from gradcheck.networks import sampling
from gradcheck.networks.bugs.textbook import Pass, Textbook, activation_derivative
from gradcheck.networks.definitions import ACTIVATIONS
from gradcheck.networks.fast_estimate import Truth
from gradcheck.networks.problem import Batch, Floats, Network, Params, Problem

#: (sample, unit) -> slope, by layer.
Choice = Mapping[int, Floats]


def claim(problem: Problem, chosen: Choice) -> Tensors:
    """Backprop as in a textbook, with these slopes where z is zero."""

    def rule(p: Pass, layer: int) -> Floats:
        slope = activation_derivative(p, layer)
        return np.where(p.z[layer] == 0, chosen[layer], slope) if layer in chosen else slope

    code = Textbook({"activation_derivative": rule})
    _, grads = code.loss_and_grads(problem.network, problem.params.copies(), problem.batch)
    return by_name(grads)


def judged(problem: Problem, chosen: Choice) -> list[Judgement]:
    return judge(claim(problem, chosen), Truth(problem), FLOAT64)


def verdicts(judgements: list[Judgement]) -> dict[str, str]:
    return {j.tensor: j.verdict.value for j in judgements}


def one_unit(activation: str, bias: float = -1.0) -> Problem:
    """x = 1, W1 = 1, b1 = -1: the hidden unit sits at z = 0."""
    network = Network.parse(f"1-1-1 {activation},identity half_squared_error")
    params = Params([([[1.0]], [bias]), ([[0.75]], [0.5])])
    return Problem(network, params, Batch([[1.0]], [[2.0]]))


def several_units(activation: str, units: int, on_kink: int) -> Problem:
    """Some of the units of one hidden layer sit at z = 0, with one sample."""
    network = Network.parse(f"2-{units}-2 {activation},identity squared_error sum l2=0.1")
    rng = np.random.default_rng(units)
    w = np.round(rng.uniform(0.5, 2.0, (2, units)), 2)
    x = np.array([[1.0, 2.0]])
    b = -(x @ w)[0]
    b[on_kink:] += 0.5
    out = np.round(rng.standard_normal((units, 2)), 2), np.array([0.25, -0.5])
    return Problem(network, Params([(w, b), out]), Batch(x, [[1.0, -1.0]]))


@pytest.mark.parametrize("slope", [0.0, 0.25, 0.5, 1.0])
def test_relu_at_zero_may_have_any_slope_from_0_to_1(slope: float) -> None:
    problem = one_unit("relu")
    found = judged(problem, {1: np.array([[slope]])})
    assert all(j.verdict is Verdict.CORRECT for j in found), (
        f"relu at z = 0 with slope {slope}: {verdicts(found)}"
    )


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_an_accepted_slope_on_a_kink_is_said_to_be_on_a_kink(slope: float) -> None:
    found = judged(one_unit("relu"), {1: np.array([[slope]])})
    noted = {j.tensor for j in found if "on a kink" in j.note}
    assert noted == {"W1", "b1"}, f"relu at z = 0: the tensors said to be on a kink are {noted}"


@pytest.mark.parametrize("slope", [1.5, -0.5, 1.001, -0.001, float("nan")])
def test_relu_at_zero_may_have_no_slope_outside_0_to_1(slope: float) -> None:
    found = judged(one_unit("relu"), {1: np.array([[slope]])})
    expected = {"W1": "wrong", "b1": "wrong", "W2": "correct", "b2": "correct"}
    assert verdicts(found) == expected, f"relu at z = 0 with slope {slope}: {verdicts(found)}"


@pytest.mark.parametrize("slope", [1.5, -0.5])
def test_a_rejected_slope_is_reported_with_the_interval_it_is_outside_of(slope: float) -> None:
    problem = one_unit("relu")
    bias = next(j for j in judged(problem, {1: np.array([[slope]])}) if j.tensor == "b1")
    one = next(j for j in judged(problem, {1: np.array([[1.0]])}) if j.tensor == "b1").claimed
    low, high = sorted((bias.expected - bias.bar, bias.expected + bias.bar))
    assert (low, high) == pytest.approx(sorted((0.0, one)), rel=1e-12), (
        f"slope {slope}: the interval shown is {low!r} to {high!r}; slopes 0 and 1 give 0 and {one}"
    )
    assert not low <= bias.claimed <= high, f"{bias.claimed} is shown as inside of it"


@pytest.mark.parametrize(
    ("slope", "verdict"),
    [
        (0.01, "correct"),
        (0.5, "correct"),
        (1.0, "correct"),
        (0.0, "wrong"),
        (1.5, "wrong"),
        (-0.5, "wrong"),
    ],
)
def test_leaky_relu_at_zero_may_have_any_slope_from_0_01_to_1(slope: float, verdict: str) -> None:
    found = verdicts(judged(one_unit("leaky_relu"), {1: np.array([[slope]])}))
    assert (found["W1"], found["b1"]) == (verdict, verdict), (
        f"leaky_relu at z = 0 with slope {slope}: {found}"
    )


@pytest.mark.parametrize("activation", [n for n, a in ACTIVATIONS.items() if a.derivative])
def test_an_activation_that_has_a_derivative_at_zero_gets_no_interval(activation: str) -> None:
    truth = Truth(one_unit(activation))
    widths = {name: float(np.max(e.interval)) for name, e in truth.gradient.items()}
    if ACTIVATIONS[activation].slopes:
        assert max(widths.values()) > 0, f"{activation} at z = 0 gets no interval"
    else:
        assert not any(widths.values()), f"{activation} at z = 0 gets intervals {widths}"


@pytest.mark.parametrize("slope", [0.0, 0.9, 1.1])
def test_elu_at_zero_has_slope_1_and_no_other(slope: float) -> None:
    found = verdicts(judged(one_unit("elu"), {1: np.array([[slope]])}))
    assert found["W1"] == "wrong", f"elu at z = 0 with slope {slope}: {found}"
    right = verdicts(judged(one_unit("elu"), {1: np.array([[1.0]])}))
    assert set(right.values()) == {"correct"}, f"elu at z = 0 with slope 1: {right}"


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
@pytest.mark.parametrize("units", [2, 3, 5])
def test_several_units_on_a_kink_may_each_have_a_slope_of_their_own(
    activation: str, units: int
) -> None:
    problem = several_units(activation, units + 1, units)
    low, high = ACTIVATIONS[activation].slopes or (0.0, 0.0)
    rng = np.random.default_rng(units)
    for run in range(20):
        share = rng.integers(0, 2, (1, units + 1)) if run % 2 else rng.random((1, units + 1))
        found = judged(problem, {1: low + (high - low) * share})
        assert all(j.verdict is Verdict.CORRECT for j in found), (
            f"{units} {activation} units at z = 0, slopes {share.tolist()} (run {run}): "
            f"{verdicts(found)}"
        )


@pytest.mark.parametrize("units", [1, 3, 5])
def test_one_slope_outside_among_several_units_is_wrong(units: int) -> None:
    problem = several_units("relu", units + 1, units)
    for unit in range(units):
        for slope in (-0.5, 1.5):
            chosen = np.full((1, units + 1), 0.5)
            chosen[0, unit] = slope
            found = verdicts(judged(problem, {1: chosen}))
            assert found["b1"] == found["W1"] == "wrong", (
                f"{units} relu units at z = 0, unit {unit} with slope {slope}: {found}"
            )


def test_beyond_five_units_right_slopes_are_correct() -> None:
    problem = several_units("relu", 8, 7)
    for slope in (0.0, 0.5, 1.0):
        found = judged(problem, {1: np.full((1, 8), slope)})
        assert all(j.verdict is Verdict.CORRECT for j in found), (
            f"7 relu units at z = 0 with slope {slope}: {verdicts(found)}"
        )


def test_beyond_five_units_a_slope_outside_is_never_called_correct() -> None:
    problem = several_units("relu", 8, 7)
    found = judged(problem, {1: np.full((1, 8), 1.5)})
    outside = [j for j in found if j.tensor in ("W1", "b1")]
    assert [j.verdict for j in outside] == [Verdict.UNRESOLVED] * 2, (
        f"7 relu units at z = 0 with slope 1.5: {verdicts(found)}"
    )
    assert all("too many units" in j.note for j in outside), (
        f"the notes do not say why: {[j.note for j in outside]}"
    )


def test_what_does_not_depend_on_the_kink_is_judged_as_ever() -> None:
    problem = several_units("relu", 8, 7)
    tensors = claim(problem, {1: np.full((1, 8), 0.5)})
    false = {**tensors, "W2": tensors["W2"] * (1 + 1e-9)}
    found = verdicts(judge(false, Truth(problem), FLOAT64))
    assert found["W2"] == "wrong", f"dW2 is off by 1e-9 above 7 units on a kink: {found}"


def test_one_unit_may_have_another_slope_for_every_sample() -> None:
    network = Network.parse("1-1-1 relu,identity half_squared_error")
    params = Params([([[0.0]], [0.0]), ([[0.75]], [0.5])])
    problem = Problem(network, params, Batch([[1.0], [2.0], [-1.0]], [[2.0], [0.0], [1.0]]))
    for slopes in ([0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.3, 0.6, 0.9]):
        found = judged(problem, {1: np.array(slopes)[:, None]})
        assert all(j.verdict is Verdict.CORRECT for j in found), (
            f"relu at z = 0 with slopes {slopes} for three samples: {verdicts(found)}"
        )


def test_kinks_of_two_layers_are_chosen_independently() -> None:
    # both hidden units sit at z = 0: the first by its bias, the second because of it
    network = Network.parse("1-1-1-1 relu,relu,identity half_squared_error")
    params = Params([([[1.0]], [-1.0]), ([[2.0]], [0.0]), ([[0.75]], [0.5])])
    problem = Problem(network, params, Batch([[1.0]], [[2.0]]))
    for first in (0.0, 0.5, 1.0):
        for second in (0.0, 0.5, 1.0):
            found = judged(problem, {1: np.array([[first]]), 2: np.array([[second]])})
            assert all(j.verdict is Verdict.CORRECT for j in found), (
                f"two relu layers at z = 0 with slopes {first} and {second}: {verdicts(found)}"
            )


def test_a_unit_near_a_kink_but_not_on_it_has_one_slope() -> None:
    for z in (1e-9, -1e-9):
        problem = one_unit("relu", bias=-1.0 + z)
        truth = Truth(problem)
        assert truth.kinks.count == 0, f"relu at z = {z} counts as on its kink"
        slopes = [float(truth.gradient["b1"].value[0] != 0), float(z > 0)]
        assert slopes[0] == slopes[1], f"relu at z = {z} has slope {slopes[0]}"


def test_a_sum_that_rounds_to_zero_counts_as_on_the_kink() -> None:
    # 0.1 + 0.2 - 0.3 is 5.6e-17 in this order of summation and 2.8e-17 in another
    network = Network.parse("3-1-1 relu,identity half_squared_error")
    params = Params([([[1.0], [1.0], [-1.0]], [0.0]), ([[1.0]], [0.0])])
    problem = Problem(network, params, Batch([[0.1, 0.2, 0.3]], [[1.0]]))
    assert Truth(problem).kinks.count == 1, "0.1 + 0.2 - 0.3 does not count as zero"


def test_few_random_problems_lie_on_a_kink() -> None:
    on_kink = [i for i in range(1000) if Truth(sampling.problem(16, i)).kinks.count]
    assert len(on_kink) <= 10, f"problems {on_kink} of 1000 of seed 16 lie on a kink"


def rows_of(problem: Problem) -> list[list[float]]:
    return [e.value.ravel().tolist() for e in Truth(problem).gradient.values()]


def test_the_same_problem_gets_the_same_interval_every_time() -> None:
    problem = several_units("relu", 8, 7)
    assert rows_of(problem) == rows_of(problem), "corners beyond five units are not replayable"
