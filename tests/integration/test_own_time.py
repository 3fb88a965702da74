"""Our own work has an end, too, and what was not done by then is told."""

from dataclasses import replace

import pytest

import gradcheck
from gradcheck.contract.posed import numbers
from gradcheck.contract.protocol import Call, Request
from gradcheck.execution.session import Remote
from gradcheck.networks.dense_networks import NetworkContext
from gradcheck.run import examine
from gradcheck.run.compared_problems import CrossCheck, OwnTime
from tests.integration import students

#: Whole examinations, of a second or more each.
pytestmark = pytest.mark.slow


def entry_of(path, examples=60, **options):
    record = gradcheck.check(path, examples=examples, seed=3, **options)
    return record.data["implementations"][0]


def runs_out_after(monkeypatch, problems):
    """Let the time for our own work be used up once so many problems were heard."""
    heard = []
    hear = CrossCheck.hold

    def hearing(self, problem):
        heard.append(problem)
        hear(self, problem)

    monkeypatch.setattr(CrossCheck, "hold", hearing)
    monkeypatch.setattr(OwnTime, "over", property(lambda self: len(heard) >= problems))


def test_too_few_problems_within_our_own_time_are_unresolved_and_told(write, monkeypatch):
    runs_out_after(monkeypatch, 7)
    entry = entry_of(write(students.TANH))
    (gradient,) = (f for f in entry["findings"] if f["check"] == "gradient")
    assert entry["verdict"] == "unresolved", f"{entry['verdict']}: {entry['error']}"
    assert "7 of 60 problems were compared" in gradient["message"], gradient["message"]
    assert "--timeout" in gradient["message"], gradient["message"]
    assert entry["scope"]["asked"]["problems"] == 7, entry["scope"]


def test_checks_that_were_not_made_are_told_in_one_finding_and_nothing_is_correct(
    write, monkeypatch
):
    runs_out_after(monkeypatch, 30)
    entry = entry_of(write(students.TANH))
    by_check = {f["check"]: f["verdict"] for f in entry["findings"]}
    assert by_check["gradient"] == "correct", by_check
    undone = [f for f in entry["findings"] if f["verdict"] == "unresolved"]
    assert len(undone) == 1, f"{len(undone)} findings of one cause: {by_check}"
    assert entry["verdict"] == "unresolved", "checks that were not made are taken for correct"
    assert any("30 of 60 problems" in note for note in entry["notes"]), entry["notes"]


def test_half_of_the_time_is_left_for_the_checks_once_there_are_enough_problems(write, monkeypatch):
    heard = []
    hear = CrossCheck.hold
    monkeypatch.setattr(CrossCheck, "hold", lambda self, p: (heard.append(p), hear(self, p)))
    left = property(lambda self: 0.4 if len(heard) >= 5 else 1.0)
    monkeypatch.setattr(OwnTime, "left", left)
    entry = entry_of(write(students.TANH))
    assert entry["verdict"] == "correct", f"{entry['verdict']}: {entry['findings']}"
    assert 20 <= len(heard) < 60, f"{len(heard)} problems were compared"
    assert any("of 60 problems were compared: half" in note for note in entry["notes"]), entry
    assert "saturation" in {f["check"] for f in entry["findings"]}, "checks were left out"


def test_large_problems_are_as_many_as_are_needed_to_tell_and_checks_ask_few(write, monkeypatch):
    monkeypatch.setattr("gradcheck.run.compared_problems.MANY_TOGETHER", 1)
    entry = entry_of(write(students.TANH))
    asked = entry["scope"]["asked"]["problems"]
    assert entry["verdict"] == "correct", f"{entry['verdict']}: {entry['findings']}"
    assert 20 <= asked < 30, f"{asked} problems were compared"
    assert any("they are large" in note for note in entry["notes"]), entry["notes"]


def test_of_large_problems_a_relation_asks_few_but_one():
    first = [gradcheck.networks.sampling.problem(3, index) for index in range(9)]
    sizes, some = [numbers(p.network, p.batch.size) for p in first], NetworkContext(()).some
    assert list(some(first, 5)) == first[:5], "small ones are left out"
    assert list(some(first, 5, sum(sizes[:3]))) == first[:3], "more are held than may be"
    assert list(some(first, 5, 1)) == first[:1], "none is left"


def test_a_wrong_gradient_is_wrong_however_little_time_there_was(write, monkeypatch):
    runs_out_after(monkeypatch, 3)
    entry = entry_of(write(students.TANH.replace("1 - np.tanh(z) ** 2", "1 + np.tanh(z) ** 2")))
    assert entry["verdict"] == "wrong", f"{entry['verdict']}: {entry['error']}"
    assert entry["counterexample"] is None, "it was explained though the time was used up"
    assert any("not explained" in note for note in entry["notes"]), entry["notes"]


def test_a_diagnosis_that_goes_on_and_on_ends_with_the_time(write, monkeypatch):
    asked = []

    def endless(plan, findings):
        while True:
            asked.append(None)
            assert len(asked) < 1000, "it goes on though the time is over"
            yield Request(Call.LOSS_AND_GRADS, plan.problems[0])

    monkeypatch.setattr("gradcheck.networks.diagnosis.diagnose", endless)
    monkeypatch.setattr(OwnTime, "over", property(lambda self: len(asked) >= 5))
    entry = entry_of(write(students.TANH.replace("1 - np.tanh(z) ** 2", "1 + np.tanh(z) ** 2")))
    assert entry["verdict"] == "wrong", f"{entry['verdict']}: {entry['error']}"
    assert entry["counterexample"] is not None, "what was found before is lost"
    assert any("not explained" in note for note in entry["notes"]), entry["notes"]


def test_a_check_that_goes_on_and_on_is_told_as_not_made(write, monkeypatch):
    asked = []

    def endless(plan):
        while True:
            asked.append(None)
            assert len(asked) < 1000, "it goes on though the time is over"
            yield Request(Call.LOSS_AND_GRADS, plan.problems[0])

    checks = [replace(c, run=endless) if c.slug == "permutation" else c for c in examine.CHECKS]
    monkeypatch.setattr(examine, "CHECKS", checks)
    monkeypatch.setattr(OwnTime, "over", property(lambda self: len(asked) >= 5))
    entry = entry_of(write(students.TANH))
    (undone,) = (f for f in entry["findings"] if f["verdict"] == "unresolved")
    assert undone["check"] == "permutation", undone
    assert entry["verdict"] == "unresolved", entry["verdict"]


def test_problems_hold_no_more_memory_than_they_may(write, monkeypatch):
    first = gradcheck.networks.sampling.problem(3, 0)
    most = 40 * numbers(first.network, first.batch.size)
    for limit in ("MANY_TOGETHER", "MAX_TOGETHER"):
        monkeypatch.setattr(f"gradcheck.run.compared_problems.{limit}", most)
    entry = entry_of(write(students.TANH), examples=200)
    asked = entry["scope"]["asked"]["problems"]
    assert 0 < asked < 200, f"{asked} problems were kept"
    assert any("of 200 problems were compared" in note for note in entry["notes"]), entry["notes"]


def test_our_own_time_is_none_of_the_codes_and_the_other_way_round(write):
    """An answer larger than a pipe waits with the worker while we do something else."""
    import time

    from gradcheck.contract.protocol import Call, Request
    from gradcheck.execution.limits import Limits
    from gradcheck.execution.sandbox import Launch
    from gradcheck.networks.problem import Network
    from gradcheck.reading.target import parse_target

    path = write("def loss_and_grads(network, params, batch): return 1.0, params\n")
    session = Remote(Launch(parse_target(str(path)), Limits(call_timeout=0.5, timeout=20)))
    try:
        network = Network.parse("10-4000 tanh squared_error")
        rng = gradcheck.networks.sampling.np.random.default_rng(0)
        request = Request(Call.LOSS_AND_GRADS, gradcheck.networks.sampling.fill(rng, network, 2))
        session.begin(request)
        time.sleep(1.0)
        assert session.ask(request).failure is None
        assert session.waited < 20, session.waited
    finally:
        session.close()
