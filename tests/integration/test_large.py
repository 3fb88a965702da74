"""A record stays small, however large the problems are and whatever code under test says."""

import json

import pytest

import gradcheck
from gradcheck.records.build import MOST_NOTES, few_notes
from tests.integration import students

pytestmark = pytest.mark.shut_in

WRONG = students.TANH.replace("1 - np.tanh(z) ** 2", "1 + np.tanh(z) ** 2")


def test_a_problem_too_large_to_be_written_out_is_left_out_and_told(write, monkeypatch):
    monkeypatch.setattr("gradcheck.records.build.MOST_PARAMETERS", 1)
    record = gradcheck.check(write(WRONG), examples=20, seed=3)
    (entry,) = record.data["implementations"]
    assert entry["verdict"] == "wrong", f"{entry['verdict']}: {entry['error']}"
    assert entry["counterexample"] is None, "it was written out"
    (note,) = (note for note in entry["notes"] if "counter-example" in note)
    assert "parameters" in note, note
    assert "network 2-" not in record.to_json(), "the text of a problem stands in the record"


@pytest.mark.parametrize("count", [0, MOST_NOTES, MOST_NOTES + 1, 10_000])
def test_no_more_notes_are_told_than_people_read(count):
    told = few_notes(f"note {i // 2}" for i in range(2 * count))
    assert len(told) <= MOST_NOTES + 1, f"{len(told)} notes"
    left = count - MOST_NOTES
    assert left <= 0 or told[-1] == f"{left} more notes are left out", told[-1]


FORGED = """
import gradcheck.execution.wire as wire
from dataclasses import replace

answers = []
tell = wire.answer_frame


def forged(number, seen):
    answers.append(None)
    notes = tuple(f"{len(answers)}-{k} " + "n" * 10_000 for k in range(300))
    return tell(number, replace(seen, notes=notes))


wire.answer_frame = forged
"""


def test_code_that_tells_enormous_notes_does_not_blow_up_the_record(write):
    record = gradcheck.check(write(FORGED + students.TANH), examples=20, seed=3)
    (entry,) = record.data["implementations"]
    size = len(json.dumps(entry))
    assert any("more notes are left out" in note for note in entry["notes"]), entry["notes"][-1:]
    assert size < 100_000, f"the entry has {size:,} characters"
