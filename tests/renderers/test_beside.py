"""The peers' measurements in a report: shown where they were given, and only there."""

import copy
import json
import sys

import pytest

from gradcheck import cli
from gradcheck.records.record import Record
from gradcheck.renderers import benchmark_tables, html, markdown

SLOW = "torch gradcheck, slow"


@pytest.fixture
def report(stored, measured):
    return Record({**stored.data, "benchmarks": measured})


def test_a_report_without_measurements_has_no_such_section(stored):
    assert "Beside other checkers" not in html.render(stored) + markdown.render(stored)


def test_every_number_measured_is_on_the_page_and_in_the_summary(report, measured):
    page, summary = html.render(report), markdown.render(report)
    cells = [
        cell for table in benchmark_tables.tables(measured) for row in table.rows for cell in row
    ]
    assert len(cells) >= 30, f"only {len(cells)} cells"
    missing = [cell for cell in cells if cell not in page]
    assert not missing, f"not on the page: {missing[:5]}"
    missing = [cell for cell in cells if markdown.escape(cell) not in summary]
    assert not missing, f"not in the summary: {missing[:5]}"
    assert 'href="#beside"' in page, "no link leads there"


def test_what_was_not_run_says_how_long_it_would_have_taken(measured):
    time = benchmark_tables.tables(measured)[0]
    row = next(row for row in time.rows if row[0] == SLOW)
    assert row[-1] == "not run: 32 s foreseen", f"{SLOW} on the largest network: {row[-1]}"


def test_names_in_a_file_of_measurements_are_plain_text(report, measured):
    hostile = copy.deepcopy(measured)
    for network in hostile["timing"]:
        network["rows"][0]["name"] = "<script>alert(1)</script>|"
    record = Record({**report.data, "benchmarks": hostile})
    assert "<script>alert" not in html.render(record), "the page runs a name"
    assert "<script>alert" not in markdown.render(record), "the summary runs a name"


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation_in_the_tables(browser, report, tmp_path, scheme):
    from axe_playwright_python.sync_playwright import Axe

    path = tmp_path / "report.html"
    path.write_text(html.render(report), encoding="utf-8")
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(path.as_uri())
    found = Axe().run(page).response["violations"]
    context.close()
    serious = [v for v in found if v["impact"] in ("serious", "critical")]
    assert not serious, "\n".join(f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in serious)


@pytest.mark.parametrize("text", ["", "[]", "{}", "1", '{"timing": [], "growth": []}'])
def test_a_file_that_holds_no_measurements_is_refused(tmp_path, monkeypatch, capsys, text):
    path = tmp_path / "measured.json"
    path.write_text(text, encoding="utf-8")
    words = ["gradcheck", "report", "--benchmarks", str(path), "--output", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2, f"exit code {end.value.code}"
    assert "measured.json" in capsys.readouterr().err
    assert not (tmp_path / "out").exists(), "a folder was made before the file was read"


def test_the_record_holds_measurements_as_they_were(report, measured):
    assert json.loads(report.to_json())["benchmarks"] == measured
