"""Names and messages from outside stay text in every format, and are shortened."""

import csv as csv_reader
import io
import json
import re
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from gradcheck.commands import write_whole
from gradcheck.records.record import Record
from gradcheck.renderers import csv, gradescope, html, markdown
from gradcheck.renderers.markdown import escape

HOSTILE = {
    "script": "</script></title></style><script>alert(1)</script><img src=x onerror=alert(1)>",
    "attribute": '" onmouseover="alert(1)" x=\'',
    "template": "{{ 7 * 7 }}{% raw %}",
    "right_to_left": "evil\u202egnp.exe\u2066\u200f",
    "ansi": "\x1b[31mred\x1b]0;title\x07",
    "lines": "a\nb\rc\u2028d\x00e\tf",
    "surrogate": "half \ud800 pair",
    "formula": '=HYPERLINK("http://evil.example","x")',
    "markdown": "| [x](javascript:alert(1)) `` ``` ![](http://evil.example) @everyone <b>",
    "long": "x" * 10_000_000,
}


def hostile(stored, text, curves=False):
    """Put a text wherever one can come from outside."""
    data = json.loads(stored.to_json())
    for entry in data["implementations"]:
        entry["name"] = entry["path"] = text
        entry["notes"] = [text]
        entry["flags"] = [{"kind": "numerical_differentiation", "evidence": text}]
        for finding in entry["findings"]:
            finding["message"] = text
        for diagnosis in entry["diagnoses"]:
            diagnosis["explanation"] = diagnosis["fix"] = text
        if entry["error"]:
            entry["error"]["message"] = text
        entry["pictures"] = None  # they hold numbers; drawing them takes its time
    for example in data["worked_examples"]:
        example["implementation"] = example["quantity"] = text
        example["curve"] = example["curve"] if curves else []
    data["command"] = f"python -m gradcheck check {text}"
    return Record(data)


@pytest.fixture(params=HOSTILE)
def text(request):
    """One hostile text."""
    return HOSTILE[request.param]


class Tags(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.text = [], set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text.append(data)


def parsed(page):
    parser = Tags()
    parser.feed(page)
    return parser


def unsafe(text):
    """Characters that act instead of being shown."""
    return sorted({c for c in text if not c.isprintable() and c not in "\n\t"})


@pytest.mark.parametrize("render", [html.render, html.notebook])
def test_in_html_it_adds_no_element_and_no_attribute(render, stored, text):
    usual, now = (parsed(render(hostile(stored, each))) for each in ("harmless", text))
    assert set(now.tags) <= set(usual.tags), f"new: {set(now.tags) - set(usual.tags)}"
    assert now.tags.count("script") == usual.tags.count("script"), "there is another script"
    assert now.attributes <= usual.attributes, f"new: {now.attributes - usual.attributes}"
    assert not unsafe("".join(now.text)), f"obeyed, not shown: {unsafe(''.join(now.text))}"


@pytest.mark.parametrize("name", ["_hidden", "$x$", "$", "a" * 200, "<b>&"])
def test_a_legend_shows_a_name_and_no_formula(stored, name):
    page = parsed(html.render(hostile(stored, name, curves=True)))
    legends = "".join(page.text).split("Loss during the training")[1:]
    assert legends, "no training curve was drawn"
    for legend in legends:
        assert name[:20] in legend, f"{name[:20]!r} is not in the legend"


def test_in_html_it_is_still_there_to_be_read(stored):
    page = parsed(html.render(hostile(stored, HOSTILE["script"])))
    assert HOSTILE["script"] in "".join(page.text), "the text is gone, or has become markup"


def test_in_markdown_it_is_neither_markup_nor_link_nor_mention(stored, text):
    page = markdown.render(hostile(stored, text))
    assert not unsafe(page), f"obeyed, not shown: {unsafe(page)}"
    usual, now = (
        parsed(MarkdownIt("commonmark").enable("table").render(each))
        for each in (markdown.render(hostile(stored, "harmless")), page)
    )
    assert set(now.tags) <= set(usual.tags), f"new: {set(now.tags) - set(usual.tags)}"
    outside_code = re.sub(r"(?ms)^(`{3,})\w*\n.*?^\1$|`[^`\n]*`", "", page)
    for live in ("http://", "www.", "@everyone"):  # a link and a mention need no markup
        assert live not in outside_code, f"{live!r} is live"


def test_in_markdown_it_leaves_every_table_its_columns(stored):
    page = markdown.render(hostile(stored, HOSTILE["markdown"])).splitlines()
    rows = [line for line in page if line.startswith("| ")]
    table = rows[: 2 + len(stored.data["implementations"])]
    widths = {len(line.replace("\\|", "").split("|")) for line in table}
    assert len(widths) == 1, f"the rows of the first table have {widths} cells"


def test_a_spreadsheet_sees_text_and_no_formula(stored, text):
    rows = list(csv_reader.reader(io.StringIO(csv.render(hostile(stored, text)))))
    assert len({len(row) for row in rows}) == 1, "a text broke a row"
    assert len(rows) == 1 + len(stored.data["implementations"]), "a text added a row"
    live = [cell for row in rows for cell in row if cell[:1] in "=+-@\t\r" and cell]
    assert not live, f"formulas: {live}"
    assert not unsafe("".join(map("".join, rows))), "control characters are left"


def test_in_results_json_it_is_ascii_json_shown_as_text(stored, text):
    written = gradescope.render(hostile(stored, text))
    assert written.isascii(), "not ASCII"
    results = json.loads(written)
    assert results["output_format"] == "text", "the answer is not shown as text"
    assert all(t["output_format"] == t["name_format"] == "text" for t in results["tests"]), (
        "a test is not shown as text"
    )


@pytest.mark.parametrize("render", [html.render, markdown.render, csv.render, gradescope.render])
def test_ten_million_characters_are_cut_and_counted(render, stored):
    page = render(hostile(stored, HOSTILE["long"]))
    assert len(page.encode()) < 2_000_000, f"{len(page.encode())} bytes"
    assert "10000000 characters" in page, "it is not said how long the text was"


@pytest.mark.parametrize("render", [html.render, markdown.render, csv.render, gradescope.render])
def test_what_is_rendered_can_be_written(render, stored, text, tmp_path):
    write_whole(tmp_path / "page", render(hostile(stored, text)))
    (tmp_path / "page").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("a|b", "a\\|b"),
        ("<b>", "&lt;b&gt;"),
        ("@you", "@&#8203;you"),
        ("www.evil.example", "www&#46;evil.example"),
        ("https://evil.example", "https&#58;//evil.example"),
    ],
)
def test_markdown_is_escaped_sign_by_sign(raw, safe):
    assert escape(raw) == safe, f"{raw!r} became {escape(raw)!r}"
