"""Code that compiles each shape it is first asked for is judged in its time, on few shapes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradcheck.comparison.verdict import Verdict
from gradcheck.contract.protocol import Observation, Request
from gradcheck.execution.calling import InProcess
from gradcheck.execution.limits import TIMEOUT
from gradcheck.networks.fast_estimate import Truths
from gradcheck.records.record import Entry
from gradcheck.run.examine import Examination
from gradcheck.run.submission import Submission
from tests.quality.naive import Naive, Pairs
from tests.tiers import telling

TRUTHS = Truths()

#: Seconds of a call that compiles nothing.
CALL = 0.002


class Compiling(InProcess):
    """A session whose code says how long it would have taken: no clock, no sleep.

    Parameters
    ----------
    compiling : float
        Seconds for a shape that was not asked before.
    """

    def __init__(self, code: Any, compiling: float) -> None:
        super().__init__(code)
        self.compiling, self.waited = compiling, 0.0
        self.shapes: set[Any] = set()

    def ask(self, request: Request) -> Observation:
        network, samples = request.problem.network, request.problem.batch.size
        shape = replace(network, l2=float(network.l2 != 0)), samples
        seconds = CALL if shape in self.shapes else self.compiling
        self.shapes.add(shape)
        self.waited += seconds
        return replace(super().ask(request), seconds=seconds)


class Wrong(Naive):
    """Wrong where a unit saturates, a little."""

    def __init__(self) -> None:
        super().__init__(
            forms={"tanh": (np.tanh, lambda z, a: np.where(np.abs(z) > 2, 0, 1 - a**2))}
        )


class OnOneActivation(Naive):
    """Wrong in layers of one activation, which few shapes have."""

    def loss_and_grads(self, network: Any, params: Pairs, batch: Any) -> tuple[Any, Pairs]:
        loss, grads = super().loss_and_grads(network, params, batch)
        return loss, [
            (1.01 * dw, db) if name == "elu" else (dw, db)
            for name, (dw, db) in zip(network.activations, grads, strict=True)
        ]


def examined(code: Any, compiling: float) -> tuple[Entry, Compiling]:
    session = Compiling(code, compiling)
    subject = Submission("compiling", "", session, waited=lambda: session.waited)
    return Examination(7, truths=TRUTHS, budget=TIMEOUT).examine(subject), session


@pytest.mark.parametrize("compiling", [0.8, 1.4])
def test_right_code_that_compiles_is_correct_in_its_time_on_as_many_problems(
    compiling: float,
) -> None:
    entry, session = examined(Naive(), compiling)
    assert entry["verdict"] == Verdict.CORRECT, entry["findings"]
    assert session.waited < TIMEOUT, f"{session.waited:.0f} s for {len(session.shapes)} shapes"
    assert entry["scope"]["asked"]["problems"] == 200, entry["notes"]
    assert "more shapes: time" in entry["scope"]["sentence"], entry["scope"]
    assert "all activations and losses" in entry["scope"]["sentence"]


def test_code_that_compiles_nothing_is_asked_all_shapes() -> None:
    entry, session = examined(Naive(), CALL)
    assert "more shapes" not in entry["scope"]["sentence"], entry["scope"]
    assert len(session.shapes) > 90


@pytest.mark.parametrize("code", telling([OnOneActivation(), Wrong()]), ids=["elu", "saturated"])
def test_wrong_code_that_compiles_is_wrong_in_its_time(code: Any) -> None:
    entry, session = examined(code, 1.4)
    assert entry["verdict"] == Verdict.WRONG, entry["notes"]
    assert session.waited < TIMEOUT, f"{session.waited:.0f} s for {len(session.shapes)} shapes"
