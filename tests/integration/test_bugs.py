"""``gradcheck bugs``: the catalogue in a terminal and as JSON, and its page."""

import json
from pathlib import Path

import pytest

from gradcheck.networks.bugs import CATALOGUE
from gradcheck.networks.bugs.bug import worked
from gradcheck.renderers.catalogue import render, to_json

PAGE = Path(__file__).resolve().parents[2] / "docs" / "bugs.md"


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == render(CATALOGUE), (
        "docs/bugs.md is out of date; run python docs/examples/refresh_bugs.py"
    )


def test_the_list_names_every_bug(run):
    result = run("bugs")
    assert result.code == 0, f"exit code {result.code}: {result.err}"
    missing = [slug for slug in CATALOGUE if slug not in result.out]
    assert not missing, f"not listed: {missing}"


def test_one_bug_is_explained_with_both_formulas_and_numbers(run):
    bug = CATALOGUE["tanh_derivative_uses_tan"]
    result = run("bugs", bug.slug)
    assert result.code == 0, f"exit code {result.code}: {result.err}"
    for part in (bug.wrong, bug.right, "textbook", "with the bug", "dW1[0,0]", bug.example):
        assert part in result.out, f"{part!r} is missing from {result.out}"


def test_an_unknown_slug_names_the_closest(run):
    result = run("bugs", "tanh_derivative_use_tan")
    assert result.code == 2, f"exit code {result.code}: {result.out}"
    assert "tanh_derivative_uses_tan" in result.err, f"no hint in {result.err!r}"
    assert len(result.err.strip().splitlines()) == 1, f"more than one line: {result.err!r}"


def test_json_on_standard_output_is_the_record_alone(run):
    result = run("bugs", "--json", "-")
    data = json.loads(result.out)
    assert data["schema"] == 1, "the schema is numbered"
    assert [bug["slug"] for bug in data["bugs"]] == list(CATALOGUE), "bugs are missing"


def test_json_in_a_file_has_the_worked_example(run, tmp_path):
    path = tmp_path / "bug.json"
    result = run("bugs", "step_adds_gradient", "--json", path)
    assert result.code == 0, f"exit code {result.code}: {result.err}"
    (bug,) = json.loads(path.read_text(encoding="utf-8"))["bugs"]
    example = bug["worked_example"]
    assert example["asked"] == "step", "the gradient of this bug is right"
    assert example["textbook"] != example["bug"], "the numbers do not differ"


@pytest.mark.parametrize("slug", CATALOGUE)
def test_every_bug_can_be_worked_and_written(slug):
    bug = CATALOGUE[slug]
    example = worked(bug)
    text = to_json([bug], worked_out=True)
    assert json.loads(text)["bugs"][0]["slug"] == slug, "another bug was written"
    same = json.dumps(json.loads(text)["bugs"][0]["worked_example"]["bug"]) == json.dumps(
        json.loads(text)["bugs"][0]["worked_example"]["textbook"]
    )
    assert not same or example["note"], f"nothing of {slug} is shown"
