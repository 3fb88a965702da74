"""How much of a record is told."""

import json

import pytest

import gradcheck
from gradcheck.records.record import revealed
from gradcheck.records.schema import REVEAL_LEVELS
from gradcheck.renderers import console
from tests.integration import students

#: Words of the student's record that are first told at each level.
FIRST = {
    "place": '"site": "activation_derivative"',
    "bug": "tanh_derivative_uses_tan",
    "fix": "Multiply by 1 - tanh(z)**2",
}


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    path = tmp_path_factory.mktemp("code") / "student.py"
    path.write_text(students.TAN_BUG, encoding="utf-8")
    return gradcheck.check(path, examples=40, seed=3)


@pytest.mark.parametrize("much", REVEAL_LEVELS)
def test_each_level_tells_what_it_says_and_nothing_above_it(record, much):
    text = revealed(record, much).to_json()
    for level, words in FIRST.items():
        told = REVEAL_LEVELS.index(level) <= REVEAL_LEVELS.index(much)
        assert (words in text) == told, f"{words!r} is {'not ' if told else ''}told at {much}"


@pytest.mark.parametrize("much", REVEAL_LEVELS)
def test_verdicts_and_exit_code_are_the_same_at_every_level(record, much):
    less = revealed(record, much)
    assert less.exit_code == record.exit_code == 1, f"exit code {less.exit_code}"
    for one, two in zip(record.data["implementations"], less.data["implementations"], strict=True):
        assert one["verdict"] == two["verdict"], f"{two['verdict']} at {much}"
        findings = [[(f["check"], f["verdict"]) for f in e["findings"]] for e in (one, two)]
        assert findings[0] == findings[1], f"findings changed at {much}"


@pytest.mark.parametrize("much", REVEAL_LEVELS[:-1])
def test_below_fix_no_number_of_the_right_answer_is_told(record, much):
    entry = revealed(record, much).data["implementations"][0]
    text = json.dumps(entry)
    assert entry["counterexample"] is None, "the counter-example shows the right numbers"
    assert '"expected"' not in text, f"an expected value is told at {much}"


def test_the_whole_record_is_the_record(record):
    assert revealed(record, "fix") is record, "a record changed though all is told"


def test_the_record_itself_stays_as_it_was(record):
    before = record.to_json()
    revealed(record, "verdict")
    assert record.to_json() == before, "the record was changed in place"


@pytest.mark.parametrize("much", REVEAL_LEVELS)
def test_every_level_can_be_shown(record, much, capsys):
    from rich.console import Console

    console.show(revealed(record, much), Console(width=100))
    out = capsys.readouterr().out
    assert "WRONG" in out, out
    assert "None" not in out, out
    assert ("tanh_derivative_uses_tan" in out) == (much in ("bug", "fix")), out


def test_why_a_file_could_not_be_imported_is_told_at_every_level(tmp_path):
    path = tmp_path / "student.py"
    path.write_text("import nosuchpackage", encoding="utf-8")
    entry = revealed(gradcheck.check(path), "verdict").data["implementations"][0]
    assert "nosuchpackage" in entry["error"]["message"], f"told {entry['error']}"
