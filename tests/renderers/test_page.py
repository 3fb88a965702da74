"""The page: what is on it, how large it is, and how long it takes."""

import re
import subprocess
import sys

import pytest

from gradcheck.renderers import html
from gradcheck.renderers.html import formula, matrix
from gradcheck.renderers.html.failing_network import heat_maps, network_graph
from tests.renderers.conftest import STORED


@pytest.fixture(scope="module")
def page(stored):
    return html.render(stored)


def test_the_answer_comes_first(page):
    text = page[page.index("<main") :]
    assert text.index("<h1") < text.index("<table"), "the table stands before the answer"
    assert "are wrong; broken is in error; matrix is correct." in re.sub(r"<wbr>", "", text)


def test_every_implementation_and_check_is_in_the_table(page, stored):
    for entry in stored.data["implementations"]:
        row = page[page.index(f'data-implementation="{entry["name"]}"') :].partition("</tr>")[0]
        assert f'data-verdict="{entry["verdict"]}"' in row, f"{entry['name']} has another verdict"
        for finding in entry["findings"]:
            cell = row[row.index(f'data-check="{finding["check"]}"') :].partition("</td>")[0]
            assert f'class="sr">{finding["verdict"]}<' in cell, f"{entry['name']}: {cell}"


def test_a_resolution_is_told_in_words(page):
    assert re.search(r"an error of one part in (\d·)?10[⁰¹²³⁴⁵⁶⁷⁸⁹]+", page), "not found"


def test_wrong_and_right_formula_stand_side_by_side(page):
    both = page[page.index('class="formulas"') :].partition("</article>")[0]
    assert "1 − tanh(z) tan(z)" in both, both[:500]
    assert "1 − a<sup>2</sup>" in both, both[:500]


def test_all_five_pictures_are_on_it(page):
    for label in (
        "The derivative of tanh that the code",
        "Network ",
        "Relative errors of the gradient by W1",
        "Error of central differences",
        "Loss during the training",
    ):
        assert f'aria-label="{label}' in page, f"no picture labelled {label!r}"


def test_what_is_right_has_no_panel(page):
    panels = re.findall(r'data-panel="([^"]*)"', page)
    assert panels == ["tanh_student", "update_student", "broken"], panels


def test_a_flag_is_shown_though_the_verdict_is_correct(one):
    flag = {"kind": "numerical_differentiation", "evidence": "17 forward passes for one gradient"}
    page = html.render(one("matrix", flags=[flag], notes=["float32 arithmetic"]))
    assert "17 forward passes" in page, "the evidence is missing"
    assert "⚑" in page.partition("</table>")[0], "the table does not say that it is flagged"
    assert "float32 arithmetic" in page, "a note on right code is missing"


def test_an_implied_matrix_is_shown(one):
    record = one("tanh_student")
    record.data["implementations"][0]["diagnoses"][0]["implied"] = {"matrix": [[1.0, 2.0], [3, 4]]}
    assert "[1, 2]\n[3, 4]" in html.render(record), "the matrix is missing"


def test_how_a_foreign_interface_was_read_is_said(one):
    adapter = {"name": "cs231n", "conventions": {"samples": "rows"}}
    page = html.render(one("tanh_student", adapter=adapter))
    assert "cs231n; samples: rows" in page, "the interface is not named"


def test_of_many_wrong_derivatives_three_are_drawn_and_the_rest_named(one):
    record = one("tanh_student")
    pictures = record.data["implementations"][0]["pictures"]
    (slope,) = pictures["slopes"]
    names = ["tanh", "relu", "sigmoid", "silu", "elu"]
    pictures["slopes"] = [{**slope, "activation": name} for name in names]
    page = html.render(record)
    assert page.count('aria-label="The derivative of') == 3, "too many pictures, or too few"
    assert "The same holds for relu and elu." in page, "the others are not named"


def test_it_refers_to_nothing_outside(page):
    named = re.findall(r'(?:\b(?:src|href|action|data)=|url\()["\']?([^"\'>)\s]+)', page)
    outside = [name for name in named if not name.startswith("#")]
    assert named, "there should be links within the page"
    assert not outside, f"refers to {outside[:5]}"
    assert "@import" not in page, "imports a style"


def test_no_two_elements_share_an_id(page):
    ids = re.findall(r'\sid="([^"]*)"', page)
    twice = sorted({name for name in ids if ids.count(name) > 1})
    assert not twice, f"ids given twice: {twice[:5]}"


def test_the_same_record_gives_the_same_page(stored, page):
    assert html.render(stored) == page, "two pages of one record differ"


def test_a_record_of_an_older_program_without_pictures_is_shown(one):
    record = one("tanh_student")
    record.data["implementations"][0].pop("pictures")
    for diagnosis in record.data["implementations"][0]["diagnoses"]:
        for new in ("title", "wrong", "right", "why"):
            diagnosis.pop(new, None)
    assert "In layer 4 your code multiplies" in html.render(record), "the explanation is missing"


def test_one_wrong_student_takes_less_than_400_kilobytes(one):
    size = len(html.render(one("tanh_student")).encode())
    assert size < 400_000, f"{size} bytes"


def draws(code):
    """Render in a process of its own, and say whether matplotlib was loaded for it."""
    script = f"""
import json, sys
from pathlib import Path
from gradcheck.records.record import Record
record = Record.from_json(Path({str(STORED)!r}).read_text(encoding="utf-8"))
data = dict(record.data, bugs=[], worked_examples=[])
{code}
from gradcheck.renderers import html
html.render(record)
print("matplotlib" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return run.stdout.strip() == "True"


RIGHT = "record = Record(dict(data, implementations=data['implementations'][:1]))"
WRONG = "record = Record(dict(data, implementations=data['implementations'][1:2]))"


@pytest.mark.slow
def test_matplotlib_is_loaded_where_there_is_a_figure_and_only_there():
    assert not draws(RIGHT), "matplotlib was imported though there is nothing to draw"
    assert draws(WRONG), "no figure was drawn of a wrong file"


@pytest.mark.slow
def test_of_a_whole_class_only_the_first_get_pictures(one, monkeypatch):
    monkeypatch.setattr("gradcheck.renderers.html.PICTURED", 2)
    record = one("tanh_student")
    entry = record.data["implementations"][0]
    record.data["implementations"] = [{**entry, "name": f"s{i}"} for i in range(30)]
    page = html.render(record)
    assert page.count('class="network"') == 2, page.count('class="network"')
    assert page.count("data-panel=") == 30, "a submission has no panel"


def test_a_notebook_shows_table_and_figures(one):
    shown = one("tanh_student")._repr_html_()
    assert shown.count("<figure>") == 2, f"{shown.count('<figure>')} figures"
    assert "tanh_student is wrong" in shown, shown[:400]
    assert "<script" not in shown, "a notebook's cell needs no script"


def specimen(**tensors):
    """Return a specimen of a network with one weight and one bias."""
    whole = {"verdict": "wrong", "worst_entry": "W1[0,0]", "shape": [1, 1], "start": [0, 0]}
    right = {"verdict": "correct", "worst_entry": "b1[0]", "shape": [1], "start": [0]}
    right |= {"claimed": [1.0], "expected": [1.0], "error_bar": [1e-15]}
    return {
        "network": "1-1 tanh half_squared_error mean",
        "samples": 1,
        "sites": [{"part": "delta", "layer": 1}],
        "worst_entry": "W1[0,0]",
        "tensors": {"W1": {**whole, **tensors}, "b1": right},
        "sweep": None,
    }


@pytest.mark.parametrize(
    ("claimed", "expected", "level", "mark"),
    [
        (1.0, 1.0 + 1e-16, 0, "·"),
        (1.0, 1.0 + 1e-11, 1, "10⁻¹¹"),
        (1.0, 1.0 + 2e-8, 2, "10⁻⁸"),
        (1.0, 1.0 + 2e-5, 3, "10⁻⁵"),
        (1.0, 1.05, 4, ".05"),
        (1.0, -1.0, 5, "2.0"),
        ("nan", 1.0, 6, "nan"),
    ],
)
def test_a_cell_says_how_wrong_it_is_without_its_colour(claimed, expected, level, mark):
    tensor = {"claimed": [[claimed]], "expected": [[expected]], "error_bar": [[1e-15]]}
    cell = heat_maps(specimen(**tensor))[0]["rows"][0][0]
    assert (cell["level"], cell["mark"]) == (level, mark), cell
    assert cell["text"].startswith("W1[0,0]: your code"), cell["text"]


def test_an_entry_of_a_window_keeps_its_own_name():
    tensor = {"claimed": [[2.0]], "expected": [[1.0]], "error_bar": [[0.0]]}
    tensor |= {"shape": [30, 40], "start": [7, 9], "worst_entry": "W1[7,9]"}
    shown = heat_maps(specimen(**tensor))[0]
    assert shown["rows"][0][0]["name"] == "W1[7,9]", shown["rows"]
    assert shown["cut"], "it is not said that this is a part"


def test_the_graph_circles_the_site_and_marks_the_tensor():
    whole = {"claimed": [[2.0]], "expected": [[1.0]], "error_bar": [[0.0]]}
    graph = network_graph(specimen(**whole))
    assert [c["circled"] for c in graph["columns"]] == [False, True], graph["columns"]
    assert graph["bundles"][0]["verdict"] == "wrong", graph["bundles"]
    assert "Wrong: W1." in graph["label"], graph["label"]


def test_a_wide_layer_is_drawn_with_dots():
    wide = {**specimen(claimed=[[2.0]], expected=[[1.0]], error_bar=[[0.0]])}
    wide["network"] = "300-1 tanh half_squared_error mean"
    column = network_graph(wide)["columns"][0]
    assert len(column["nodes"]) == 6, len(column["nodes"])
    assert sum(node["dots"] for node in column["nodes"]) == 1, "nothing says that there are more"


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("1 - a^2", "1 − a<sup>2</sup>"),
        ("delta' W'^T", "δ′ W′<sup>T</sup>"),
        ("exp(z) / (1 + exp(-z))^2", "exp(z) / (1 + exp(−z))<sup>2</sup>"),
        ("1 if z <= 0 else <b>", "1 if z ≤ 0 else &lt;b&gt;"),
        (
            "delta1 = (a1 - y) * tanh'(z1)",
            "δ<sub>1</sub> = (a<sub>1</sub> − y) · tanh′(z<sub>1</sub>)",
        ),
    ],
)
def test_formulas_are_set(text, markup):
    assert str(formula(text)) == markup, formula(text)


def test_a_matrix_has_a_row_a_line():
    assert matrix([[1.0, -0.5], [2.0, 1e-9]]) == "[1, −0.5]\n[2, 10⁻⁹]", matrix([[1.0, -0.5]])
    assert matrix([[0.25]]) == "0.25", "a single number keeps its brackets"
