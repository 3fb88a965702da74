"""Every format, with what differs between machines left out, and the golden files.

``python -m tests.renderers.formats`` writes the golden files from the stored record.
"""

import re
from pathlib import Path

from gradcheck.records.record import Record
from gradcheck.renderers import csv, gradescope, html, markdown

GOLDEN = Path(__file__).parent / "golden"


def without_curves(page):
    """Leave out the inside of matplotlib's pictures: fonts and versions differ."""
    return re.sub(r'(<svg role="img" aria-label="[^"]*")[^>]*>.*?</svg>', r"\1/>", page, flags=re.S)


FORMATS = {
    "report.html": lambda record: without_curves(html.render(record)),
    "report.md": markdown.render,
    "grades.csv": csv.render,
    "results.json": gradescope.render,
    "notebook.html": lambda record: without_curves(html.notebook(record)),
}

if __name__ == "__main__":
    stored = Record.from_json((GOLDEN.parent / "stored.json").read_text(encoding="utf-8"))
    for name, render in FORMATS.items():
        (GOLDEN / name).write_text(render(stored), encoding="utf-8")
