"""How numbers, names and places are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.renderers.formatting import (
    clean,
    layers,
    listing,
    part_in_words,
    sentence,
    shortened,
    tamed,
    typeset,
)
from gradcheck.renderers.summary import DiagnosedLayers, answer, faults


@pytest.mark.parametrize(
    ("resolution", "words"),
    [
        (2.5e-11, "one part in 4·10¹⁰"),
        (1e-6, "one part in 10⁶"),
        (1.02e-9, "one part in 10⁹"),
        (1.0e-3, "one part in 1000"),
        ("nan", ""),
        (0.0, ""),
    ],
)
def test_a_resolution_is_put_in_words(resolution, words):
    assert part_in_words(resolution) == words, part_in_words(resolution)


@given(st.floats(1e-17, 1e-5))
def test_a_resolution_in_words_is_off_by_less_than_half(resolution):
    words = part_in_words(resolution)
    lead, _, power = words.removeprefix("one part in ").rpartition("10")
    exponent = int("".join(str("⁰¹²³⁴⁵⁶⁷⁸⁹".index(c)) for c in power))
    written = float(lead.rstrip("·") or 1) * 10.0**exponent
    assert 0.6 < written * resolution < 1.5, f"{resolution} is written {words}"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (-0.5, "−0.5"),
        (1e-16, "10⁻¹⁶"),
        (-2.5e20, "−2.5·10²⁰"),
        (12, "12"),
        ("nan", "nan"),
        (-0.0, "0"),
    ],
)
def test_numbers_are_typeset(number, text):
    assert typeset(number) == text, typeset(number)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([2], "layer 2"), ([4, 3, 2, 1], "layers 1 to 4"), ([1, 3], "layers 1 and 3")],
)
def test_layers_are_listed(numbers, text):
    assert layers(numbers) == text, layers(numbers)


def test_a_listing_ends_with_and():
    assert listing("abc") == "a, b and c", listing("abc")


def test_a_sentence_has_a_capital_and_one_full_stop():
    assert sentence("the end") == "The end.", sentence("the end")
    assert sentence("The end?") == "The end?", sentence("The end?")


@given(st.text(), st.integers(50, 200))
def test_what_is_shortened_is_short_and_what_is_short_stays(text, longest):
    cut = shortened(text, longest)
    assert len(cut) <= longest, f"{len(cut)} characters"
    assert cut == text or len(text) > longest, "a short text was changed"


@given(st.text())
def test_what_is_clean_is_printable_and_stays_as_it_is(text):
    once = clean(text)
    assert once.isprintable(), f"{once!r}"
    assert clean(once) == once, f"{once!r} became {clean(once)!r}"


def test_taming_keeps_numbers_and_structure():
    data = {"command": "x", "replay": "y", "a": [1, 2.5, None, True, {"b": "nan"}]}
    assert tamed(data) == data, tamed(data)


def test_a_command_is_not_cut_where_names_are():
    command = " ".join(f"submission{i}.py" for i in range(300))
    assert tamed({"command": command})["command"] == command, "it cannot be replayed any more"


def entry(name, verdict, **more):
    base = {"name": name, "path": "", "verdict": verdict, "findings": [], "diagnoses": []}
    return {**base, "error": None, **more}


def test_the_answer_to_one_names_the_kind_of_error():
    broken = entry("s", "error", error={"kind": "import", "message": "a long message"})
    assert answer([broken]) == "s is in error: it cannot be imported", answer([broken])


def test_the_answer_to_many_counts_them():
    many = [entry(f"s{i}", "correct") for i in range(7)] + [entry("t", "wrong")]
    assert answer(many) == "t is wrong; 7 of 8 are correct", answer(many)


def unnamed(layer, more=""):
    said = f"In layer {layer} the bias gradient is not the sum.{more}"
    return {"bug": None, "site": "bias_gradient", "layer": layer, "explanation": said, "also": []}


def test_one_thing_said_of_several_layers_is_said_once():
    told = faults({"diagnoses": [unnamed(3), unnamed(1), unnamed(2)]})
    assert [fault.layers for fault in told] == [(1, 2, 3)], told


def test_what_is_said_of_one_layer_only_keeps_it_apart():
    told = faults({"diagnoses": [unnamed(3), unnamed(2, " Fix this first."), unnamed(1)]})
    assert [fault.layers for fault in told] == [(1, 3), (2,)], told


@pytest.mark.parametrize("certainty", ["named", "class", "localised", "unknown"])
def test_every_certainty_is_put_in_words(certainty):
    diagnosis = {"bug": "a_bug", "site": "update", "layer": None, "also": []}
    fault = DiagnosedLayers({**diagnosis, "certainty": certainty}, ())
    assert fault.certainty.endswith("."), fault.certainty
