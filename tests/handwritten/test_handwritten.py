"""A hundred wrong files: nothing false is said of them, and the place is right in nine of ten."""

import pytest

import gradcheck
from tests.handwritten.mistakes import MISTAKES
from tests.handwritten.truth import false, placed

#: One of every other style is checked whichever tests are run.
ALWAYS = MISTAKES[4::20]

#: Problems of a file: the verdict is that of more.
EXAMPLES = 24


def marked(mistake):
    """Let a file be checked always, or where slow tests are."""
    marks = () if mistake in ALWAYS else pytest.mark.slow
    return pytest.param(mistake, marks=marks, id=mistake.slug)


def test_there_are_a_hundred_in_ten_styles_and_the_place_is_told_of_nine_in_ten():
    assert len({m.slug for m in MISTAKES}) == 100
    assert len({m.style for m in MISTAKES}) == 10
    assert len({m.text for m in MISTAKES}) == 100, "two of them are one file"
    untold = [m.slug for m in MISTAKES if m.untold]
    assert len(untold) <= 10, f"the place is not told of {untold}"


@pytest.mark.parametrize("mistake", [marked(m) for m in MISTAKES])
def test_nothing_false_is_said_of_a_wrong_file_and_its_place_is_told(mistake, tmp_path):
    path = tmp_path / f"{mistake.style}.py"
    path.write_text(mistake.text, encoding="utf-8")
    entry = gradcheck.check(path, seed=5, examples=EXAMPLES).data["implementations"][0]
    assert not false(entry, mistake)
    assert mistake.untold or placed(entry, mistake), f"{entry['error']} {entry['findings']}"
