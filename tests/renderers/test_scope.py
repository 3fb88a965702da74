"""Every format says what a verdict covers: no reader is left to think that everything was asked."""

import io

import pytest
from rich.console import Console

from gradcheck.renderers import console
from tests.renderers.formats import FORMATS


def test_console_says_it_in_the_headline(one):
    buffer = io.StringIO()
    console.show(one("matrix"), Console(file=buffer, width=300))
    head = buffer.getvalue().splitlines()[0]
    assert "is correct for 1 to 5 layers, all activations and losses" in head, head


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("of", ["matrix", "tanh_student"])
def test_every_format_says_it_of_right_and_of_wrong_code(of, name, one):
    record = one(of)
    text = FORMATS[name](record).replace("\\", "")
    said = record.data["implementations"][0]["scope"]["sentence"]
    assert said in text, f"{name} does not say what was asked of {of}"


@pytest.mark.parametrize("name", FORMATS)
def test_a_record_that_says_nothing_of_it_can_be_shown(name, one):
    record = one("matrix")
    del record.data["implementations"][0]["scope"]
    assert FORMATS[name](record), f"{name} is empty"
