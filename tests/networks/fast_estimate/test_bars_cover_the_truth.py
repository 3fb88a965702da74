"""The oracle's error bars hold the true gradient, and are not idle.

``python -m benchmarks.bars`` looks at a thousand problems.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from mpmath import mp

from gradcheck.networks import sampling
from gradcheck.networks.definitions import PAIRINGS
from gradcheck.networks.fast_estimate import Truth
from gradcheck.networks.problem import Batch, Network, Params, Problem
from tests.networks.fast_estimate.mpmath_truth import (
    COVERED,
    DIGITS,
    ENTRIES,
    FURTHEST,
    Definition,
    coordinates,
    errors_in_bars,
)

Report = Callable[[str, object], None]


def assert_covered(seed: int, problems: int, report: Report) -> None:
    assert_these_covered(
        [sampling.problem(seed, index) for index in range(problems)], f"problem({seed}, .)", report
    )


def assert_these_covered(problems: list[Problem], called: str, report: Report) -> None:
    rng = np.random.default_rng(len(problems))
    found = [errors_in_bars(problem, ENTRIES, rng) for problem in problems]
    in_bars, relative = np.array(found)[..., 0], np.array(found)[..., 1]
    coverage, furthest = float((in_bars <= 1).mean()), float(in_bars.max())
    report("coverage", coverage)
    report("largest error in bars", furthest)
    report("median relative error", float(np.median(relative)))
    print(  # noqa: T201 (shown by -s and -rP: these are the numbers of the report)
        f"\n{called}: {in_bars.size} entries of {len(problems)} problems, {coverage:.4%} within "
        f"a bar, largest error {furthest:.3g} bars, median relative error "
        f"{np.median(relative):.2g}, 99 % below {np.quantile(relative, 0.99):.2g}"
    )
    worst = int(in_bars.max(axis=1).argmax())
    assert furthest <= FURTHEST, (
        f"{called}: in number {worst}, {problems[worst].network}, an entry is {furthest:.3g} bars "
        f"from the mpmath truth"
    )
    assert coverage >= COVERED, (
        f"{called}: only {coverage:.3%} of {in_bars.size} entries lie within a bar of the mpmath "
        f"truth; outside are numbers {np.flatnonzero((in_bars > 1).any(axis=1))}"
    )
    assert np.median(relative) < 1e-15, (
        f"{called}: the median relative error is {np.median(relative):.2g}"
    )


@pytest.mark.parametrize(
    ("seed", "problems"), [(5, 60), pytest.param(20240607, 200, marks=pytest.mark.slow)]
)
def test_bars_cover_the_mpmath_truth_on_random_problems(
    seed: int, problems: int, record_property: Report
) -> None:
    assert_covered(seed, problems, record_property)


@pytest.mark.parametrize(
    ("output", "loss"), [pair for pair in PAIRINGS if pair[0] in ("softmax", "sigmoid")]
)
def test_bars_cover_the_mpmath_truth_where_outputs_saturate(
    output: str, loss: str, record_property: Report
) -> None:
    # p (1 - p) and p - y have no digits left to cancel when p is near 1
    support = replace(
        sampling.EVERYTHING, pairings=((output, loss),), depths=(1,), batch_sizes=(1, 2)
    )
    problems = []
    for index in range(60):
        rng = np.random.default_rng((11, index))
        network, samples = sampling.architecture(rng, support)
        problems.append(sampling.fill(rng, network, samples, "steep"))
    assert_these_covered(problems, f"steep {output} with {loss}", record_property)


def assert_every_entry_covered(problem: Problem, called: str) -> None:
    definition, gradient = Definition(problem), Truth(problem).gradient
    for name, entry in coordinates(problem, problem.params.size, np.random.default_rng(0)):
        true, value = definition.derivative(name, entry), float(gradient[name].value[entry])
        error, bar = abs(true - value), float(gradient[name].error[entry])
        assert error <= bar, (
            f"{called}: {name}{list(entry)} is {value!r} ± {bar:.1e}, mpmath says {true!r}: "
            f"{error / bar:.3g} bars off"
        )


@pytest.mark.parametrize("output", ["sigmoid", "tanh", "softmax"])
def test_bars_cover_the_mpmath_truth_where_a_saturated_output_meets_its_target(output: str) -> None:
    # a - y cancels, and moving the parameters by an ulp no longer changes a
    width = 2 if output == "softmax" else 1
    network = Network.parse(f"1-{width} {output} half_squared_error")
    for z in np.arange(3.0, 8.01, 0.25).tolist():
        params = Params([([[z, -z][:width]], [0.0] * width)])
        problem = Problem(network, params, Batch([[1.0]], [[1.0, 0.0][:width]]))
        assert_every_entry_covered(problem, f"{output} at z = {z} with target 1")


def test_bars_cover_the_mpmath_truth_where_saturated_samples_cancel() -> None:
    # one sample pulls with all but 1, the other with all but -1
    network = Network.parse("1-1 sigmoid binary_cross_entropy sum")
    for z in np.arange(3.0, 8.01, 0.25).tolist():
        params = Params([([[1.0]], [0.25])])
        problem = Problem(network, params, Batch([[z], [0.3 - z]], [[0.0], [1.0]]))
        assert_every_entry_covered(problem, f"sigmoid at z = {z + 0.25} and {0.55 - z}")


def test_the_loss_lies_within_its_error_of_the_mpmath_loss() -> None:
    for index in range(100):
        problem = sampling.problem(8, index)
        truth, true = Truth(problem), Definition(problem).loss()
        assert abs(truth.loss - true) <= truth.loss_error(), (
            f"problem(8, {index}), {problem.network}: loss {truth.loss!r}, mpmath says {true!r}, "
            f"granted error {truth.loss_error():.1e}"
        )


def test_the_mpmath_truth_of_one_tanh_unit_is_its_textbook_derivative() -> None:
    network = Network.parse("1-1 tanh half_squared_error l2=0.5")
    problem = Problem(network, Params([([[0.75]], [0.25])]), Batch([[0.5]], [[-1.0]]))
    definition = Definition(problem)
    with mp.workdps(DIGITS):
        a = mp.tanh(mp.mpf("0.625"))
        delta = (a + 1) * (1 - a**2)
        expected = {"W1": float(delta / 2 + mp.mpf("0.375")), "b1": float(delta)}
    got = {"W1": definition.derivative("W1", (0, 0)), "b1": definition.derivative("b1", (0,))}
    assert got == expected, f"mpmath differences say {got}, the formula {expected}"
