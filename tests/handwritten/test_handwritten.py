"""A hundred wrong files: nothing false is said of them, and the place is right in nine of ten."""

import pytest

import gradcheck
from tests.handwritten.mistakes import MISTAKES
from tests.handwritten.truth import false, placed

#: Two of each style, whichever tests are run.
ALWAYS = [m for index, m in enumerate(MISTAKES) if index % 10 in (3, 8)]

#: Problems of a file: the verdict is that of more.
EXAMPLES = 24


def checked(mistake, folder):
    """Check the file that has a mistake, as a person would."""
    path = folder / f"{mistake.style}.py"
    path.write_text(mistake.text, encoding="utf-8")
    return gradcheck.check(path, seed=5, examples=EXAMPLES).data["implementations"][0]


def test_there_are_a_hundred_in_ten_styles():
    assert len({m.slug for m in MISTAKES}) == 100
    assert len({m.style for m in MISTAKES}) == 10
    assert len({m.text for m in MISTAKES}) == 100, "two of them are one file"


@pytest.mark.parametrize("mistake", ALWAYS, ids=lambda m: m.slug)
def test_nothing_false_is_said_of_a_wrong_file(mistake, tmp_path):
    entry = checked(mistake, tmp_path)
    assert not false(entry, mistake)


@pytest.mark.slow
def test_of_a_hundred_wrong_files_nothing_is_false_and_the_place_right(tmp_path):
    entries = [(m, checked(m, tmp_path)) for m in MISTAKES]
    wrong = {m.slug: said for m, entry in entries if (said := false(entry, m))}
    lost = [m.slug for m, entry in entries if not placed(entry, m)]
    assert not wrong, wrong
    assert len(lost) <= 10, f"the place was not told of {lost}"
