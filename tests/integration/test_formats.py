"""``check --html --csv --gradescope`` and ``report --open``: files, whole or not at all."""

import json

import pytest

from gradcheck.errors import InternalError
from gradcheck.records.record import Record
from gradcheck.run import api, full_report
from tests.integration import students
from tests.renderers.conftest import STORED


def test_each_file_is_written_and_named(run, write, tmp_path):
    names = {"--html": "a.html", "--csv": "a.csv", "--gradescope": "results.json"}
    options = [word for option, name in names.items() for word in (option, tmp_path / name)]
    ended = run("check", write(students.TAN_BUG), "--seed", 1, "--examples", 40, *options)
    assert ended.code == 1, ended.err
    for name in names.values():
        assert (tmp_path / name).stat().st_size > 100, f"{name} is empty"
        assert name in ended.out.replace("\n", ""), f"{name} is not named in: {ended.out}"


def test_the_page_of_a_check_is_about_the_file(run, write, tmp_path):
    page = tmp_path / "page.html"
    run("check", write(students.TAN_BUG), "--seed", 1, "--examples", 40, "--html", page)
    text = page.read_text(encoding="utf-8")
    assert 'data-bug="tanh_derivative_uses_tan"' in text, "the bug is not named on it"
    assert len(text.encode()) < 400_000, f"{len(text.encode())} bytes"


@pytest.mark.parametrize("option", ["--html", "--csv", "--gradescope"])
def test_a_file_that_cannot_be_written_is_refused_before_any_work(run, write, tmp_path, option):
    ended = run("check", write(students.TAN_BUG), option, tmp_path / "none" / "file")
    assert ended.code == 2, f"exit code {ended.code}: {ended.out}"
    assert "there is no folder" in ended.err, ended.err


def test_two_formats_in_one_file_are_refused(run, write, tmp_path):
    both = tmp_path / "file"
    ended = run("check", write(students.TAN_BUG), "--html", both, "--csv", both)
    assert ended.code == 2, f"exit code {ended.code}: {ended.out}"
    assert "name the same file" in ended.err, ended.err
    assert not both.exists(), "something was written all the same"


def test_gradescope_has_a_failing_result_if_the_run_does_not_end(run, write, tmp_path, monkeypatch):
    def broken(*arguments, **options):
        raise InternalError("the witnesses disagree")

    monkeypatch.setattr(api, "check_all", broken)
    results, page = tmp_path / "results.json", tmp_path / "page.html"
    file = write(students.TAN_BUG)
    ended = run("check", file, "--gradescope", results, "--html", page)
    assert ended.code == 4, f"exit code {ended.code}: {ended.err}"
    assert json.loads(results.read_text(encoding="utf-8"))["score"] == 0, "not a failure"
    assert not page.exists(), "a page was begun that has no content"


def test_a_mistyped_path_leaves_the_last_result_as_it_was(run, tmp_path):
    results = tmp_path / "results.json"
    results.write_text("earlier", encoding="utf-8")
    ended = run("check", tmp_path / "missing.py", "--gradescope", results)
    assert ended.code == 2, f"exit code {ended.code}"
    assert results.read_text(encoding="utf-8") == "earlier", "it was overwritten"


@pytest.fixture
def quick(monkeypatch):
    """A report that takes no time: the stored record."""
    stored = Record.from_json(STORED.read_text(encoding="utf-8"))
    monkeypatch.setattr(full_report, "make_report", lambda *arguments, **options: stored)


@pytest.mark.usefixtures("quick")
def test_report_writes_the_page_beside_the_others(run, tmp_path):
    ended = run("report", "--output", tmp_path)
    assert ended.code == 1, ended.err
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["report.html", "report.json", "report.md"], names
    assert "report.html" in ended.out, ended.out


@pytest.mark.usefixtures("quick")
def test_report_opens_the_page_only_when_asked(run, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    run("report", "--output", tmp_path)
    assert not opened, f"opened {opened} unasked"
    run("report", "--output", tmp_path, "--open")
    assert opened == [(tmp_path / "report.html").as_uri()], opened


@pytest.mark.usefixtures("quick")
def test_a_terminal_tells_the_bug_in_its_first_ten_lines(run, tmp_path, write):
    ended = run("check", write(students.TAN_BUG), "--seed", 1, "--examples", 40)
    first = " ".join(" ".join(ended.out.splitlines()[:10]).split())
    assert "is WRONG" in first, first
    assert "tanh_derivative_uses_tan" in first, first
    assert "Multiply by 1 - tanh(z)**2" in first, first
