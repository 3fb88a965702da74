"""What honest code loses to its own arithmetic is granted to it, and not much more."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcheck.contract.posed import by_name
from gradcheck.networks import sampling
from gradcheck.networks.fast_estimate import Truth, rounding
from gradcheck.networks.problem import Batch, Floats, Network, Params, Problem
from gradcheck.oracle import evaluation
from gradcheck.oracle.estimate import UNIT
from gradcheck.reading.loading import load

UNIT32 = 2.0**-24

Naive = load(Path(__file__).parents[2] / "quality" / "naive.py").Naive


def granted(code: Any, unit: float, problems: int) -> Iterator[tuple[Problem, str, float]]:
    """For every tensor, how much of what it is granted the code's rounding uses up."""
    for index in range(problems):
        problem = sampling.problem(21, index)
        truth = Truth(problem)
        if truth.kinks.count:
            continue
        _, grads = code.loss_and_grads(problem.network, problem.params.copies(), problem.batch)
        budget = truth.rounding(unit)
        for name, claimed in by_name(grads).items():
            estimate = truth.gradient[name]
            error = np.abs(np.asarray(claimed, dtype=float) - estimate.value)
            allowed = estimate.error + budget[name]
            with np.errstate(divide="ignore", invalid="ignore"):
                share = np.where(error > 0, error / allowed, 0.0)
            yield problem, f"problem(21, {index}), {name}", float(share.max())


@pytest.mark.parametrize(("dtype", "unit"), [("float64", UNIT), ("float32", UNIT32)])
def test_careless_code_stays_within_what_it_is_granted(dtype: str, unit: float) -> None:
    shares = list(granted(Naive(dtype), unit, 300))
    problem, where, most = max(shares, key=lambda item: item[2])
    assert most <= 1, (
        f"{dtype}: textbook code uses up {most:.2f} of its grant in {where} of {problem.network}"
    )


def test_float32_code_is_beyond_the_grant_of_float64() -> None:
    shares = [share for _, _, share in granted(Naive("float32"), UNIT, 100)]
    beyond = float(np.mean(np.array(shares) > 1))
    assert beyond > 0.95, f"only {beyond:.1%} of float32 tensors exceed the grant of float64"


@pytest.mark.parametrize(("unit", "median", "most"), [(UNIT, 1e-13, 1e-9), (UNIT32, 1e-4, 1.0)])
def test_the_grant_is_small(unit: float, median: float, most: float) -> None:
    shares = []
    for index in range(300):
        truth = Truth(sampling.problem(22, index))
        for name, estimate in truth.gradient.items():
            norm = float(np.linalg.norm(estimate.value))
            if norm > 0:
                shares.append(float(np.linalg.norm(truth.rounding(unit)[name])) / norm)
    assert np.median(shares) < median, f"the median grant is {np.median(shares):.1e} of a tensor"
    quantile = float(np.quantile(shares, 0.99))
    assert quantile < most, f"1 % of tensors are granted more than {quantile:.1e} of themselves"


def test_the_grant_grows_with_the_unit_roundoff() -> None:
    ratios = []
    for index in range(60):
        truth = Truth(sampling.problem(23, index))
        wide, narrow = truth.rounding(UNIT32), truth.rounding(UNIT)
        ratios += [
            float(np.linalg.norm(wide[n]) / np.linalg.norm(narrow[n]))
            for n in wide
            if narrow[n].any()
        ]
    expected = UNIT32 / UNIT
    share = float(np.median(ratios)) / expected
    assert 0.5 < share < 2, f"float32 is granted {share:.2g} times 2^29 as much as float64"


def test_the_grant_has_the_shape_of_the_tensor_and_is_finite() -> None:
    for index in range(100):
        problem = sampling.problem(24, index)
        grants = Truth(problem).rounding()
        for name, tensor in problem.params.tensors():
            grant = grants[name]
            assert grant.shape == tensor.shape, f"problem(24, {index}), {name}: {grant.shape}"
            fine = np.isfinite(grant).all() and (grant >= 0).all()
            assert fine, f"problem(24, {index}), {name}: granted {grant.tolist()}"


def test_the_same_problem_is_granted_the_same_every_time() -> None:
    problem = sampling.problem(25, 0)
    one, two = Truth(problem).rounding(UNIT32), Truth(problem).rounding(UNIT32)
    for name in one:
        # not to the last bits, which numpy's functions may give otherwise
        assert np.allclose(one[name], two[name], rtol=1e-6), f"problem(25, 0), {name}: another"


def test_asking_for_one_grant_does_not_change_another() -> None:
    problem = sampling.problem(25, 1)
    alone: dict[str, Floats] = Truth(problem).rounding(UNIT32)
    truth = Truth(problem)
    truth.rounding(UNIT)
    _ = truth.second_estimates
    for name, grant in truth.rounding(UNIT32).items():
        assert np.allclose(grant, alone[name], rtol=1e-6), (
            f"problem(25, 1), {name}: the grant depends on what was asked before"
        )


@pytest.mark.parametrize("ask", ["rounding", "loss_error"])
def test_a_grant_takes_no_more_memory_than_a_few_of_the_tensor(ask: str) -> None:
    """It took fifteen of it: 1.4 GB for 3072-3000-10."""
    network = Network.parse("3000-300-5 tanh,softmax cross_entropy mean l2=0.1")
    problem = sampling.fill(np.random.default_rng(0), network, 4)
    size = problem.params.pairs[0][0].nbytes
    truth = Truth(problem)
    _ = truth.loss, truth.kinks.count
    tracemalloc.start()
    try:
        getattr(truth, ask)()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * size + 2 * evaluation.BLOCK, f"W has {size:,} bytes; held were {peak:,}"


def test_a_grant_formed_some_rows_at_a_time_is_of_the_same_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = Network.parse("40-30-5 tanh,softmax cross_entropy mean l2=0.1")
    problem = sampling.fill(np.random.default_rng(0), network, 4)
    whole = Truth(problem)
    grants, loss = whole.rounding(), whole.loss_error()
    monkeypatch.setattr(evaluation, "BLOCK", 6 * 8 * 5 * 34 * 7)  # seven rows
    parts = Truth(problem)
    for name, grant in parts.rounding().items():
        ratio = float(np.linalg.norm(grant) / np.linalg.norm(grants[name]))
        assert 0.3 < ratio < 3, f"{name}: {ratio:.2g} times what is granted for the whole"
    assert 0.1 < parts.loss_error() / loss < 10, "another grant for the loss"


def test_a_unit_next_to_a_kink_is_granted_its_other_side_whatever_is_drawn() -> None:
    network = Network.parse("1-1-2 gelu,leaky_relu half_squared_error")
    pairs = [
        (np.array([[1.0]]), np.array([0.0])),
        (np.array([[-1.37, 0.5]]), np.array([0.0, 0.3])),  # gelu(-29) is -1e-183, or 0
    ]
    batch = Batch(np.array([[-29.0]]), np.array([[0.4, 0.1]]))
    problem = Problem(network, Params(pairs), batch)
    slope = abs(Truth(problem).gradient["b2"].value[0])
    for seed in range(60):
        budget = rounding.budget(problem, UNIT, np.random.default_rng(seed))
        assert budget["b2"][0] > 0.99 * slope, f"seed {seed}: {budget['b2'][0]} of {slope}"


@pytest.mark.parametrize("slope", ["a - a**2", "1 - tanh**2"])
def test_a_sure_and_wrong_output_may_cost_what_the_quotient_makes_of_its_slope(slope: str) -> None:
    slopes = {
        "a - a**2": lambda z, a: a - a**2,
        "1 - tanh**2": lambda z, a: 0.25 * (1 - np.tanh(z / 2) ** 2),
    }
    code = Naive(forms={"sigmoid": (lambda z: 0.5 * (1 + np.tanh(z / 2)), slopes[slope])})
    network = Network.parse("1-1 sigmoid binary_cross_entropy")
    for z in np.linspace(5.0, 8.0, 60):
        for sign in (1.0, -1.0):
            batch = Batch(np.array([[1.0]]), np.array([[float(sign < 0)]]))
            params = Params([(np.array([[0.25]]), np.array([sign * z - 0.25]))])
            truth = Truth(Problem(network, params, batch))
            ((dw, db),) = code.loss_and_grads(network, params.copies(), batch)[1]
            for name, claim in (("W1", dw), ("b1", db)):
                off = np.abs(claim - truth.gradient[name].value).max()
                granted = (truth.gradient[name].error + truth.rounding(UNIT)[name]).max()
                assert off <= granted, f"z = {sign * z}: {name} is off by {off}, granted {granted}"
