"""Checking the tried examples of docs/plug-in.md, right and with a bug planted."""

from pathlib import Path

import pytest

import gradcheck

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples" / "plug_in"

#: Enough to be told correct, few enough to be quick.
PROBLEMS = 24


def sites(entry):
    """The (site, layer) of every diagnosis, and of what is the same function there."""
    named = [each for d in entry["diagnoses"] for each in (d, *d["also"])]
    return [(d["site"], d["layer"]) for d in named]


def wrong_checks(entry):
    return {f["check"]: f["message"] for f in entry["findings"] if f["verdict"] != "correct"}


@pytest.fixture
def examined(tmp_path):
    """Return a function that checks some code and returns its entry in the record."""

    def examined(text, name="student.py", declaration=None, **options):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        if declaration is not None:
            beside = path.with_suffix(".gradcheck.py")
            beside.write_text(declaration, encoding="utf-8")
        record = gradcheck.check(path, seed=3, examples=PROBLEMS, **options)
        return record.data["implementations"][0]

    return examined


def example(name):
    return (EXAMPLES / name).read_text(encoding="utf-8")


def planted(name, right, wrong):
    text = example(name)
    assert right in text, f"{name} has no line {right!r} to plant a bug in"
    return text.replace(right, wrong)
