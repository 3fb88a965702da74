"""No derivative written by hand reaches the oracle: with all of them broken it says the same."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradcheck.networks import sampling
from gradcheck.networks.bugs.textbook import Textbook
from gradcheck.networks.definitions import ACTIVATIONS, LOSSES
from gradcheck.networks.fast_estimate import Truth
from gradcheck.networks.problem import Batch, Network, Params, Problem
from gradcheck.oracle.estimate import UNIT

pytestmark = pytest.mark.last_bits

PROBLEMS = 60


class DerivativeUsedError(Exception):
    """A declared derivative was called."""


def refuse(*z: Any) -> Any:
    raise DerivativeUsedError("a declared derivative was called")


@pytest.fixture
def no_derivatives(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, activation in list(ACTIVATIONS.items()):
        monkeypatch.setitem(ACTIVATIONS, name, replace(activation, derivative=refuse))
    for name, loss in list(LOSSES.items()):
        monkeypatch.setitem(LOSSES, name, replace(loss, derivative=refuse))


#: Bars and grants are spreads of rounding errors: they change by a factor with the last bits.
SPREAD = 30.0

Said = dict[str, tuple[np.ndarray, Any]]


def everything(problem: Problem, epsilon: float = 0.0) -> Said:
    """All that the oracle says of a problem, with what it may be off by; None for a bar."""
    truth = Truth(problem, epsilon)
    said: Said = {
        "loss": (np.array(truth.loss), truth.loss_error()),
        "outputs": (truth.outputs, truth.outputs_error()),
        "loss_error": (np.array(truth.loss_error()), None),
        "outputs_error": (truth.outputs_error(), None),
    }
    for name, estimate in truth.gradient.items():
        said[f"gradient {name}"] = (estimate.value, estimate.error)
        said[f"error {name}"] = (estimate.error, None)
        said[f"interval {name}"] = (np.asarray(estimate.interval), estimate.error)
    for unit in (UNIT, 2.0**-24):
        for name, grant in truth.rounding(unit).items():
            said[f"rounding {unit} {name}"] = (np.array(np.linalg.norm(grant)), None)
    for i, t in enumerate(truth.second_estimates):
        said[f"second {i}"] = (np.array(t.slope.value), t.slope.error)
        said[f"second {i}, expected"] = (np.array(t.expected), t.error)
    return said


def same(before: tuple[np.ndarray, Any], after: tuple[np.ndarray, Any]) -> bool:
    """Whether two statements agree, within what each may be off by."""
    (one, bar), (two, other) = before, after
    if bar is None:
        low, high = np.minimum(one, two), np.maximum(one, two)
        return bool((high <= SPREAD * low + 1e-300).all())
    apart = np.abs(one - two) > bar + other
    return bool((~apart & (np.isnan(one) == np.isnan(two))).all())


def on_a_kink() -> Problem:
    network = Network.parse("1-2-1 relu,identity half_squared_error")
    params = Params([([[1.0, 2.0]], [-1.0, 0.5]), ([[0.5], [1.5]], [0.25])])
    return Problem(network, params, Batch([[1.0]], [[2.0]]))


CASES = [*(sampling.problem(31, index) for index in range(PROBLEMS)), on_a_kink()]

WITH_DERIVATIVES = [everything(problem) for problem in CASES]


@pytest.mark.usefixtures("no_derivatives")
def test_the_oracle_says_the_same_without_any_derivative() -> None:
    for number, (problem, before) in enumerate(zip(CASES, WITH_DERIVATIVES, strict=True)):
        after = everything(problem)
        changed = [what for what in before if not same(before[what], after[what])]
        assert not changed, f"problem(31, {number}), {problem.network}: {changed} changed"


@pytest.mark.usefixtures("no_derivatives")
def test_no_derivative_is_needed_for_a_loss_with_a_constant_in_its_logarithm() -> None:
    index = next(i for i, p in enumerate(CASES) if p.network.loss == "cross_entropy")
    said = everything(CASES[index], 1e-8)
    assert "gradient W1" in said, f"problem(31, {index}) with epsilon 1e-8 has no gradient"


@pytest.mark.usefixtures("no_derivatives")
def test_the_derivatives_are_really_broken() -> None:
    case = on_a_kink()
    with pytest.raises(DerivativeUsedError):
        Textbook().loss_and_grads(case.network, case.params.copies(), case.batch)


def test_every_kind_of_activation_and_loss_is_among_the_cases() -> None:
    activations = {name for p in CASES for name in p.network.activations}
    losses = {p.network.loss for p in CASES}
    assert activations == set(ACTIVATIONS), f"missing: {set(ACTIVATIONS) - activations}"
    assert len(losses) == 5, f"only the losses {losses} occur"
