"""Our own work has an end, too, and what was not done by then is told."""

import gradcheck
from gradcheck import campaign
from gradcheck.execution.remote import Remote
from gradcheck.hearing import Hearing
from gradcheck.own_time import OwnTime
from gradcheck.sizes import numbers
from tests.integration import students


def entry_of(path, examples=60, **options):
    record = gradcheck.check(path, examples=examples, seed=3, **options)
    return record.data["implementations"][0]


def runs_out_after(monkeypatch, problems):
    """Let the time for our own work be used up once so many problems were heard."""
    heard = []
    hear = Hearing.hear

    def hearing(self, problem):
        heard.append(problem)
        hear(self, problem)

    monkeypatch.setattr(Hearing, "hear", hearing)
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


def test_a_wrong_gradient_is_wrong_however_little_time_there_was(write, monkeypatch):
    runs_out_after(monkeypatch, 3)
    entry = entry_of(write(students.TANH.replace("1 - np.tanh(z) ** 2", "1 + np.tanh(z) ** 2")))
    assert entry["verdict"] == "wrong", f"{entry['verdict']}: {entry['error']}"
    assert entry["counterexample"] is None, "it was explained though the time was used up"
    assert any("not explained" in note for note in entry["notes"]), entry["notes"]


def test_problems_hold_no_more_memory_than_they_may(write, monkeypatch):
    first = next(gradcheck.sampling.problems(3))
    most = 40 * numbers(first.network, first.batch.size)
    monkeypatch.setattr(campaign, "MAX_TOGETHER", most)
    monkeypatch.setattr("gradcheck.drawing.MAX_TOGETHER", most)
    entry = entry_of(write(students.TANH), examples=200)
    asked = entry["scope"]["asked"]["problems"]
    assert 0 < asked < 200, f"{asked} problems were kept"
    assert any("of 200 problems were compared" in note for note in entry["notes"]), entry["notes"]


def test_our_own_time_is_none_of_the_codes_and_the_other_way_round(write):
    """An answer larger than a pipe waits with the worker while we do something else."""
    import time

    from gradcheck.execution.launch import Launch
    from gradcheck.execution.limits import Limits
    from gradcheck.execution.target import parse_target
    from gradcheck.network import Network
    from gradcheck.protocol import Call, Request

    path = write("def loss_and_grads(network, params, batch): return 1.0, params\n")
    session = Remote(Launch(parse_target(str(path)), Limits(call_timeout=0.5, timeout=20)))
    try:
        network = Network.parse("10-4000 tanh squared_error")
        rng = gradcheck.sampling.np.random.default_rng(0)
        request = Request(Call.LOSS_AND_GRADS, gradcheck.sampling.fill(rng, network, 2))
        session.begin(request)
        time.sleep(1.0)
        assert session.ask(request).failure is None
        assert session.waited < 20, session.waited
    finally:
        session.close()
