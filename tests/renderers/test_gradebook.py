"""The teacher's table and Gradescope's results: points, names and fields."""

import csv as csv_reader
import io
import json

import pytest

from gradcheck.renderers import csv, gradescope

TOP = {
    "score",
    "execution_time",
    "output",
    "output_format",
    "test_output_format",
    "test_name_format",
    "visibility",
    "stdout_visibility",
    "extra_data",
    "tests",
    "leaderboard",
}
TEST = {
    "score",
    "max_score",
    "status",
    "name",
    "name_format",
    "number",
    "output",
    "output_format",
    "tags",
    "visibility",
    "extra_data",
}


def rows(record):
    return {row["student"]: row for row in csv_reader.DictReader(io.StringIO(csv.render(record)))}


def test_a_line_a_submission_with_its_bug_by_name(stored):
    table = rows(stored)
    assert list(table) == [e["name"] for e in stored.data["implementations"]], list(table)
    assert table["tanh_student"]["bug_code"] == "tanh_derivative_uses_tan", table["tanh_student"]
    assert table["broken"]["bug_code"] == "exception", table["broken"]
    assert table["matrix"]["score"] == table["matrix"]["max_score"] == "100", table["matrix"]


def test_points_are_the_share_of_checks_that_are_correct(stored):
    table = rows(stored)
    for entry in stored.data["implementations"]:
        right = [f["verdict"] == "correct" for f in entry["findings"]] or [False]
        points = 100 * sum(right) / len(right)
        given = float(table[entry["name"]]["score"])
        assert given == pytest.approx(points, abs=0.01), f"{entry['name']} got {given}"


@pytest.mark.parametrize("name", ["matrix", "tanh_student", "update_student", "broken"])
def test_gradescope_and_the_table_give_the_same_points(one, name):
    record = one(name)
    results = json.loads(gradescope.render(record))
    total = sum(test["score"] for test in results["tests"])
    assert total == pytest.approx(float(rows(record)[name]["score"]), abs=0.01), total
    most = sum(test["max_score"] for test in results["tests"])
    assert most == pytest.approx(100, abs=0.01), f"all tests together give {most} points"


def test_only_fields_of_gradescopes_specification_are_written(stored):
    results = json.loads(gradescope.render(stored))
    assert set(results) <= TOP, set(results) - TOP
    for test in results["tests"]:
        assert set(test) <= TEST, set(test) - TEST
        assert test["status"] in ("passed", "failed"), test
        assert (test["status"] == "passed") == (test["score"] == test["max_score"]), test


def test_the_first_check_that_fails_names_the_bug(one):
    results = json.loads(gradescope.render(one("tanh_student")))
    tagged = {test["name"]: test["tags"] for test in results["tests"] if test["tags"]}
    assert tagged == {"gradient": ["tanh_derivative_uses_tan"]}, tagged


def test_before_the_end_the_result_is_a_failure(stored):
    results = json.loads(gradescope.unfinished())
    assert results["score"] == 0, results
    assert set(results) <= TOP, set(results) - TOP
