"""The example in reports/ is what the program writes today: structure, names and verdicts."""

import contextlib
import json
import re
from pathlib import Path

import pytest

import gradcheck
from gradcheck.checks import CHECKS
from gradcheck.networks.bugs import CATALOGUE
from gradcheck.networks.worked_examples import EXAMPLES
from gradcheck.records.record import Record
from gradcheck.renderers import html

ROOT = Path(__file__).resolve().parents[2]
OLD = "the example is old; run: python docs/examples/refresh_example.py"


@pytest.fixture(scope="module")
def example():
    return (ROOT / "reports" / "example.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def student():
    """The page of the student alone, made now."""
    with contextlib.chdir(ROOT):
        record = gradcheck.check("docs/examples/tanh_student.py", seed=0)
    data = json.loads(record.to_json())
    return html.render(Record(data))


def panel(page):
    """Return the student's panel."""
    start = page.index('data-panel="tanh_student"')
    return page[start:].partition("</section>")[0]


def outline(text):
    """Return headings, captions and formulas, without digits and what they belong to."""
    plain = re.sub(r"<wbr>|<svg.*?</svg>|<pre.*?</pre>", "", text, flags=re.S)
    found = re.findall(r"<(h[1-6]|summary|strong|p class=\"math\")[^>]*>(.*?)</", plain, re.S)
    words = [re.sub(r"<[^>]*>|\d[\d-]*|\s+", " ", each).strip() for _, each in found]
    return [word for word in words if word and "half_squared_error" not in word]


@pytest.mark.slow
def test_its_style_and_its_script_are_todays(example, student):
    for tag in ("style", "script"):
        there, now = (re.search(f"<{tag}>(.*?)</{tag}>", p, re.S)[1] for p in (example, student))
        assert there == now, f"another {tag}: {OLD}"


@pytest.mark.slow
def test_the_student_is_told_the_same(example, student):
    assert outline(panel(example)) == outline(panel(student)), OLD


def test_it_has_every_part(example):
    ids = set(re.findall(r'<section[^>]* id="([^"]*)"', example))
    assert {"answer", "i1", "catalogue", "examples", "run"} <= ids, f"only {ids}: {OLD}"


@pytest.mark.slow
def test_its_verdicts_are_those_of_a_run(example, student):
    there = dict(re.findall(r'data-implementation="(\w+)" data-verdict="(\w+)"', example))
    three = dict.fromkeys(("scalar_loops", "matrix", "jax_autodiff"), "correct")
    assert there == {**three, "tanh_student": "wrong"}, f"{there}: {OLD}"
    rows = [
        re.findall(r'data-check="(\w+)"><span class="verdict (\w+)"', page[page.rindex(name) :])
        for page, name in (
            (example.partition("</table>")[0], 'data-implementation="tanh_student"'),
            (student.partition("</table>")[0], 'data-implementation="tanh_student"'),
        )
    ]
    said = [{check: word for check, word in row if word != "none"} for row in rows]
    assert said[0] == said[1], f"{said}: {OLD}"


def test_it_lists_every_check(example):
    there = set(re.findall(r'data-check="(\w+)"', example))
    assert there == {check.slug for check in CHECKS}, f"{there}: {OLD}"


def test_it_lists_the_catalogue_of_today(example):
    rows = dict(re.findall(r'<tr role="row" data-bug="(\w+)" data-site="(\w+)"', example))
    assert rows == {bug.slug: bug.site for bug in CATALOGUE.values()}, OLD
    missed = re.findall(r'data-bug="(\w+)"[^>]*data-state="missed"', example)
    assert not missed, f"the example shows bugs that were missed: {missed}"


def test_it_lists_the_worked_examples_of_today(example):
    there = set(re.findall(r'data-example="([\w-]+)"', example))
    assert there == {each.name for each in EXAMPLES}, f"{there}: {OLD}"
    assert "not reproduced" not in example, "the example shows a number that is not reproduced"


def test_it_is_small_enough_to_be_kept():
    for name, most in (
        ("reports/example.html", 600_000),
        ("reports/example.md", 100_000),
        ("docs/report.png", 250_000),
    ):
        size = (ROOT / name).stat().st_size
        assert 1000 < size < most, f"{name} has {size} bytes"


def test_the_readme_shows_its_picture():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "](docs/report.png)" in readme, "the README has no picture of the report"
