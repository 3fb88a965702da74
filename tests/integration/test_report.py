"""``gradcheck report``: everything in one run, written whole."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gradcheck.networks.bugs import CATALOGUE
from gradcheck.networks.worked_examples import EXAMPLES
from gradcheck.run import full_report
from gradcheck.run.full_report import QUICK_EXAMPLES
from tests.integration import students

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """Run a quick report with a further, wrong implementation."""
    folder = tmp_path_factory.mktemp("report")
    student = folder / "student.py"
    student.write_text(students.TAN_BUG, encoding="utf-8")
    output = folder / "out"
    command = [sys.executable, "-m", "gradcheck", "report", "--quick"]
    command += ["--output", str(output), "--implementation", str(student)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=900)
    return run, output


@pytest.fixture(scope="module")
def record(reported):
    run, output = reported
    path = output / "report.json"
    assert path.is_file(), f"no report.json: {run.stdout}{run.stderr}"
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_wrong_implementation_decides_the_exit_code(reported):
    run, _ = reported
    assert run.returncode == 1, f"exit code {run.returncode}: {run.stderr}"


def test_each_implementation_gets_its_own_verdict(record):
    verdicts = {entry["name"]: entry["verdict"] for entry in record["implementations"]}
    assert verdicts == {
        "scalar_loops": "correct",
        "matrix": "correct",
        "jax_autodiff": "correct",
        "student": "wrong",
    }, f"verdicts {verdicts}"


def test_every_planted_bug_is_listed_as_caught(record):
    missed = [bug["slug"] for bug in record["bugs"] if not bug["caught"]]
    assert not missed, f"missed: {missed}"
    sites = {bug["site"] for bug in record["bugs"]}
    assert sites == {bug.site for bug in CATALOGUE.values()}, f"planted at {sites} only"


def test_the_worked_examples_run_on_every_shipped_implementation(record):
    done = {(r["implementation"], r["name"]) for r in record["worked_examples"]}
    assert set(QUICK_EXAMPLES) <= {example.name for example in EXAMPLES}, "an example was renamed"
    wanted = {
        (name, example)
        for name in ("scalar_loops", "matrix", "jax_autodiff")
        for example in QUICK_EXAMPLES
    }
    assert wanted <= done, f"not run: {sorted(wanted - done)}"
    off = [r for r in record["worked_examples"] if not r["agrees"]]
    assert not off, f"not reproduced: {off}"


def test_what_an_implementation_does_not_support_is_noted_and_not_counted(record):
    entry = next(e for e in record["implementations"] if e["name"] == "student")
    assert any("not run" in note for note in entry["notes"]), f"notes {entry['notes']}"


def test_the_markdown_tells_the_same_verdicts(reported, record):
    _, output = reported
    text = (output / "report.md").read_text(encoding="utf-8")
    for entry in record["implementations"]:
        name = entry["name"].replace("_", "\\_")
        word = "correct" if entry["verdict"] == "correct" else f"**{entry['verdict'].upper()}**"
        assert f"| {name} | {word} |" in text, f"{entry['name']} is missing"


def test_the_page_has_all_parts_and_takes_less_than_two_megabytes(reported, record):
    _, output = reported
    page = (output / "report.html").read_text(encoding="utf-8")
    assert len(page.encode()) < 2_000_000, f"{len(page.encode())} bytes"
    for bug in record["bugs"]:
        assert f'data-bug="{bug["slug"]}"' in page, f"{bug['slug']} is not listed"
    for part in ("answer", "i1", "catalogue", "examples", "run"):
        assert f'id="{part}"' in page, f"no part {part}"


def test_the_example_in_the_repository_has_the_same_verdicts_by_check(record):
    page = (ROOT / "reports" / "example.html").read_text(encoding="utf-8").partition("</table>")[0]
    for entry in record["implementations"]:
        name = "tanh_student" if entry["name"] == "student" else entry["name"]
        row = page[page.index(f'data-implementation="{name}"') :].partition("</tr>")[0]
        there = dict(re.findall(r'data-check="(\w+)"><span class="verdict (\w+)"', row))
        now = {finding["check"]: finding["verdict"] for finding in entry["findings"]}
        told = {check: word for check, word in there.items() if word != "none"}
        assert told == now, f"{name}: {told}; run: python docs/examples/refresh_example.py"


def test_the_report_can_be_replayed_from_its_command(record):
    assert "report --seed 0" in record["command"], record["command"]


def test_without_jax_one_sentence_says_so_and_the_others_run(run, tmp_path, monkeypatch):
    blocked = tmp_path / "blocked" / "jax"
    blocked.mkdir(parents=True)
    (blocked / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'jax'\", name='jax')", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(blocked.parent)  # the processes of the report look where this does
    monkeypatch.setattr(full_report, "QUICK", 20)
    monkeypatch.setattr(full_report, "QUICK_EXAMPLES", ())
    monkeypatch.setattr(full_report, "QUICK_BUGS", 0)
    ended = run("report", "--quick", "--output", tmp_path / "out")
    record = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    verdicts = {entry["name"]: entry["verdict"] for entry in record["implementations"]}
    assert verdicts["matrix"] == verdicts["scalar_loops"] == "correct", f"verdicts {verdicts}"
    assert verdicts["jax_autodiff"] == "error", f"a check that did not run counted: {verdicts}"
    said = [line for line in ended.out.splitlines() if "needs jax" in line]
    assert len(said) == 1, f"one sentence should say that jax is missing: {ended.out}"
