"""Of a hundred wrong files nothing false is said, and the place is right in nine of ten: a sample.

``python -m benchmarks.handwritten`` takes all of them.
"""

import pytest

from tests.handwritten.examining import examined
from tests.handwritten.mistakes import MISTAKES
from tests.handwritten.truth import false, placed

#: One of every other style is checked whichever tests are run.
ALWAYS = MISTAKES[4::20]

#: With these where slow tests are: one of every style, and of every site.
SAMPLE = MISTAKES[6::7]


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


def test_every_style_and_every_site_is_among_the_files_that_are_checked():
    checked = [*ALWAYS, *SAMPLE]
    assert {m.style for m in checked} == {m.style for m in MISTAKES}
    missing = {s for m in MISTAKES for s in m.sites} - {s for m in checked for s in m.sites}
    assert not missing, f"no file is checked with a mistake of {missing}"


@pytest.mark.parametrize("mistake", [marked(m) for m in MISTAKES if m in (*ALWAYS, *SAMPLE)])
def test_nothing_false_is_said_of_a_wrong_file_and_its_place_is_told(mistake, tmp_path):
    entry = examined(mistake, tmp_path)
    assert not false(entry, mistake)
    assert mistake.untold or placed(entry, mistake), f"{entry['error']} {entry['findings']}"
