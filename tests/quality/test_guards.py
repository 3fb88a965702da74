"""A constant that keeps a logarithm from zero is no bug, in no arithmetic; one beside it is."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradcheck.checks import gradient, primal, saturation
from gradcheck.comparison.calibration import calibrate
from gradcheck.comparison.verdict import Finding, Verdict, worst
from gradcheck.execution.calling import InProcess
from gradcheck.execution.session import drive
from gradcheck.networks.definitions import PAIRINGS
from gradcheck.networks.dense_networks import DenseNetworks, NetworkContext
from gradcheck.networks.fast_estimate import Truths
from gradcheck.networks.loss_conventions import Guard, askable, guard
from gradcheck.networks.sampling import Support, problem
from gradcheck.run.examine import Examination
from gradcheck.run.submission import Submission
from tests.quality.naive import Array, Naive, Pairs

LOGARITHMIC = ("cross_entropy", "binary_cross_entropy")
SUPPORT = Support(pairings=tuple(pair for pair in PAIRINGS if pair[1] in LOGARITHMIC))
TRUTHS = Truths()


class OnlyLogarithmic(Naive):
    """Naive code for the losses with a logarithm."""

    def output(self, network: Any, z: Array, a: Array, y: Array) -> tuple[Any, Array]:
        if network.loss not in LOGARITHMIC:
            raise NotImplementedError(network.loss)
        return super().output(network, z, a, y)


class Clipped(OnlyLogarithmic):
    """The output is cut off before its logarithm is taken; its slope is, or is not."""

    def __init__(self, cut: float, slope: str = "of what was cut", **options: Any) -> None:
        super().__init__(**options)
        self.cut, self.way = cut, slope

    def output(self, network: Any, z: Array, a: Array, y: Array) -> tuple[Any, Array]:
        super().output(network, z, a, y)
        least = a.dtype.type(self.cut)
        most = a.dtype.type(1) - least
        c = np.clip(a, least, most)
        total, slope = -(y * np.log(c)).sum(), -(y / c)
        if network.loss == "binary_cross_entropy":
            total, slope = total - ((1 - y) * np.log(1 - c)).sum(), slope + (1 - y) / (1 - c)
        if self.way == "a - y":
            return total, a - y
        if self.way == "zero where cut":
            slope = slope * ((a >= least) & (a <= most))
        if network.loss == "binary_cross_entropy":
            return total, slope * (a * (1 - a))
        return total, a * slope - a * (slope * a).sum(axis=1, keepdims=True)


class NoSlopeBeyond(OnlyLogarithmic):
    """The gradient of outputs beyond some z is dropped, which the constant does not explain."""

    def output(self, network: Any, z: Array, a: Array, y: Array) -> tuple[Any, Array]:
        total, delta = super().output(network, z, a, y)
        return total, np.where(np.abs(z) > 8.5, 0, delta)


class WithoutSlopeOfOutput(Clipped):
    def loss_and_grads(self, network: Any, params: Pairs, batch: Any) -> tuple[Any, Pairs]:
        total, grads = super().loss_and_grads(network, params, batch)
        return total, [(2 * w, b) for w, b in grads]


def only_in_the_denominator(constant: float, dtype: str) -> Naive:
    code = OnlyLogarithmic(dtype, epsilon=constant)
    code.in_loss = 0.0
    return code


PROBLEMS = tuple(problem(1, index, SUPPORT) for index in range(40))


def findings(code: Any) -> list[Finding]:
    """Make the checks that know of a logarithm."""
    plan = NetworkContext(PROBLEMS, DenseNetworks(SUPPORT, TRUTHS), seed=1)
    session = InProcess(code)
    with np.errstate(all="ignore"):
        plan = replace(plan, arithmetic=drive(calibrate(plan.subject, plan.problems), session))
        return [
            f
            for check in (primal.LOSS_CHECK, gradient.CHECK, saturation.CHECK)
            for f in drive(check.run(plan), session)
        ]


RIGHT = {
    **{
        f"log(a + {constant}) in {dtype}, {where}": OnlyLogarithmic(dtype, **{where: constant})
        for dtype, constants in {
            "float64": (1e-30,),
            "float32": (1e-6, 1e-7, 1e-8, 1e-15),
        }.items()
        for constant in constants
        for where in ("epsilon", "in_loss")
    },
    "log(a + eps)": OnlyLogarithmic(epsilon=float(np.finfo(float).eps)),
    **{
        f"clip(a, {cut}) in {dtype}, slope {slope}": Clipped(cut, slope, dtype=dtype)
        for dtype in ("float64", "float32")
        for cut, slope in (
            (1e-7, "of what was cut"),
            (1e-7, "zero where cut"),
            (1e-15, "of what was cut"),
            (1e-12, "a - y"),
        )
    },
}

WRONG = {
    "log(a + 1e-4) in float32": OnlyLogarithmic("float32", epsilon=1e-4),
    "1e-8 in the denominator alone": only_in_the_denominator(1e-8, "float64"),
    "1e-6 in the denominator alone, in float32": only_in_the_denominator(1e-6, "float32"),
    "log(a + 1e-12), and no slope beyond 8.5": NoSlopeBeyond(epsilon=1e-12),
    "log(a + 1e-12) in float32, and no slope beyond 8.5": NoSlopeBeyond("float32", epsilon=1e-12),
    "clip(a, 1e-7), and dW is doubled": WithoutSlopeOfOutput(1e-7, dtype="float32"),
}


@pytest.mark.parametrize("name", list(RIGHT))
def test_a_constant_in_the_logarithms_is_no_bug(name: str) -> None:
    bad = [f.message for f in findings(RIGHT[name]) if f.verdict is not Verdict.CORRECT]
    assert not bad, f"{name}: {bad}"


@pytest.mark.parametrize("name", list(WRONG))
def test_a_bug_beside_such_a_constant_is_wrong(name: str) -> None:
    assert worst(f.verdict for f in findings(WRONG[name])) is Verdict.WRONG, name


def test_a_constant_is_told() -> None:
    subject = Submission("guarded", "", InProcess(Clipped(1e-7)))
    with np.errstate(all="ignore"):
        entry = Examination(1, examples=40).examine(subject)
    assert entry["verdict"] == Verdict.CORRECT
    told = "a constant of 1.0e-07 in the logarithms decides the gradient"
    assert any(told in note for note in entry["notes"]), entry["notes"]


def asked(code: Any) -> Guard | None:
    problems = [problem(5, index) for index in range(40)]
    alone = askable(problems)
    assert alone is not None
    with np.errstate(all="ignore"):
        return drive(guard(alone), InProcess(code))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_constant_is_read_where_it_stands_alone(dtype: str) -> None:
    assert asked(Naive(dtype, epsilon=1e-7)) == Guard(1e-7, added=True)
    assert asked(Naive(dtype, in_loss=2.5e-12)) == Guard(2.5e-12, added=True)
    assert asked(Clipped(1e-9, dtype=dtype)) == Guard(1e-9, added=False)
    assert asked(Naive(dtype)) is None
