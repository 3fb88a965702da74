"""The form of a record is written down once, and every record of the suite has it."""

import copy
import json

import pytest

import gradcheck
from gradcheck.records.record import revealed
from gradcheck.records.schema import REVEAL_LEVELS
from tests.integration import students
from tests.records.form import fault, generator


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """The record of a wrong file and of one that cannot be asked."""
    folder = tmp_path_factory.mktemp("code")
    for name, text in (("wrong", students.TAN_BUG), ("broken", "import nosuchpackage")):
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return gradcheck.check([folder / "wrong.py", folder / "broken.py"], examples=40, seed=3)


def test_the_json_schema_in_docs_is_that_of_the_package():
    module = generator()
    stored = json.loads(module.PAGE.read_text(encoding="utf-8"))
    same = stored == module.json_schema()
    assert same, "docs/record.schema.json is old: run python docs/examples/refresh_schema.py"


@pytest.mark.parametrize("much", REVEAL_LEVELS)
def test_a_record_has_the_form_however_much_is_revealed(record, much):
    found = fault(json.loads(revealed(record, much).to_json()))
    assert not found, f"revealed up to {much}, the record has another form: {found}"


def test_what_could_not_be_asked_has_all_keys_of_what_was_examined(record):
    wrong, broken = record.data["implementations"]
    missing = wrong.keys() - broken.keys()
    assert not missing, f"the entry of a file that could not be imported lacks {missing}"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda data: data.pop("seed"), "seed"),
        (lambda data: data["implementations"][0].update(colour="red"), "implementations"),
        (lambda data: data["implementations"][0]["findings"][0].update(verdict="good"), "verdict"),
        (lambda data: data["implementations"][0].update(resolution=[1.0]), "resolution"),
    ],
    ids=["a key that is gone", "a key that is not listed", "another word", "another kind"],
)
def test_another_form_is_noticed(record, change, named):
    data = copy.deepcopy(record.data)
    change(data)
    assert named in fault(data), f"the fault in {named!r} was not noticed: {fault(data)!r}"
