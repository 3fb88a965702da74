"""A form that loses its own digits somewhere is right, and a wrong one does not hide there."""

from dataclasses import replace
from typing import Any

import pytest

from gradcheck.checks import gradient
from gradcheck.checks.definition import SET_ASIDE_IN, Aggregate
from gradcheck.comparison.compare import FLOAT64, Judgement, loss_differs
from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.contract.protocol import Call, Request
from gradcheck.execution.calling import InProcess
from gradcheck.execution.session import drive
from gradcheck.networks.dense_networks import DenseNetworks, NetworkContext
from gradcheck.networks.fast_estimate import Truth
from gradcheck.networks.sampling import EVERYTHING, problem
from gradcheck.records.record import Entry
from gradcheck.run.examine import Examination
from gradcheck.run.submission import Submission
from tests.quality.forms import RIGHT, WRONG
from tests.quality.naive import Naive
from tests.tiers import sampled

#: Whole examinations, of a second or more each.
pytestmark = pytest.mark.slow


def examined(code: Any, seed: int, examples: int = 200, sizes: list[int] | None = None) -> Entry:
    subject = Submission("form", "", InProcess(code), batch_sizes=sizes)
    return Examination(seed, examples=examples).examine(subject)


def compared(code: Any, seed: int, activation: str, sizes: tuple[int, ...]) -> Finding:
    """Judge the gradient of networks whose hidden layers have one activation."""
    support = replace(EVERYTHING, activations=(activation,), batch_sizes=sizes)
    problems = tuple(problem(seed, index, support) for index in range(60))
    findings = drive(
        gradient.run(NetworkContext(problems, DenseNetworks(support))), InProcess(code)
    )
    return findings[-1]


@pytest.mark.parametrize(("seed", "sizes"), [(2182, None), (2067, None), (2067, [1])])
def test_gelu_as_textbooks_write_it_is_correct_where_a_tensor_has_no_digits_left(
    seed: int, sizes: list[int] | None
) -> None:
    entry = examined(Naive(forms=RIGHT["gelu with erf"]), seed, sizes=sizes)
    assert entry["verdict"] == Verdict.CORRECT, entry["findings"]


def test_tensors_that_are_set_aside_are_told() -> None:
    code = Naive(forms=RIGHT["gelu with erf"])
    found = [compared(code, seed, "gelu", (1,)) for seed in range(12)]
    assert all(finding.verdict is Verdict.CORRECT for finding in found), found
    assert any("set aside" in note for finding in found for note in finding.notes), (
        "of 720 problems of single samples none has a tensor without digits"
    )


@pytest.mark.parametrize("sizes", [(1,), EVERYTHING.batch_sizes])
@pytest.mark.parametrize("name", sampled(RIGHT))
def test_a_right_form_is_right_on_every_problem(name: str, sizes: tuple[int, ...]) -> None:
    (activation,) = RIGHT[name]
    finding = compared(Naive(forms=RIGHT[name]), 3, activation, sizes)
    assert finding.verdict is Verdict.CORRECT, f"{name}: {finding.message}"


@pytest.mark.parametrize("sizes", [(1,), EVERYTHING.batch_sizes])
@pytest.mark.parametrize("name", sampled(WRONG))
def test_a_wrong_form_is_wrong_beside_them(name: str, sizes: tuple[int, ...]) -> None:
    (activation,) = WRONG[name]
    finding = compared(Naive(forms=WRONG[name]), 3, activation, sizes)
    assert finding.verdict is Verdict.WRONG, f"{name}: {finding.message}"


def judgement(lost: bool) -> Judgement:
    verdict = Verdict.UNRESOLVED if lost else Verdict.CORRECT
    note = "the code's own digits are lost here" if lost else ""
    return Judgement("W1", verdict, (0, 0), 1.0, 1.0, 1e-9, 1e-9, 0.5, note, lost)


@pytest.mark.parametrize("problems", [2, 9, 40, 200])
def test_a_tensor_that_is_lost_too_often_is_unresolved(problems: int) -> None:
    few = max(1, problems // SET_ASIDE_IN)
    verdicts = []
    for lost in (few, few + 1):
        aggregate = Aggregate(DenseNetworks())
        for index in range(problems):
            aggregate.add(problem(1, index), [judgement(index < lost)])
        finding = aggregate.finding("gradient", "right", "wrong")
        verdicts.append(finding.verdict)
        assert any("set aside" in note for note in finding.notes) == (lost == few)
        assert finding.tensors["W1"].problems == problems - (lost if lost == few else 0)
    assert verdicts == [Verdict.CORRECT, Verdict.UNRESOLVED]
    assert finding.message == ("could not be told for W1: the code's own digits are lost here"), (
        finding.message
    )


def test_a_tensor_that_is_always_lost_is_unresolved() -> None:
    aggregate = Aggregate(DenseNetworks())
    aggregate.add(problem(1, 0), [judgement(True)])
    assert aggregate.finding("gradient", "right", "wrong").verdict is Verdict.UNRESOLVED


OF_SIGMOID = replace(EVERYTHING, pairings=(("sigmoid", "binary_cross_entropy"),))


@pytest.mark.parametrize(("seed", "index"), [(1, 330), (2, 920)])
def test_the_logarithm_of_1_less_an_output_is_a_right_loss(seed: int, index: int) -> None:
    steep = problem(seed, index, OF_SIGMOID)  # an output near 1: 1 - a has lost four digits
    answer = InProcess(Naive()).ask(Request(Call.LOSS_AND_GRADS, steep))
    truth = Truth(steep)
    assert not loss_differs(answer.loss, truth, FLOAT64), f"{answer.loss!r}, {truth.loss!r}"
    assert loss_differs(answer.loss * (1 + 1e-10), truth, FLOAT64), "a wrong loss is let through"
