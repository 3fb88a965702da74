"""Ten ways in which people write a network, all of them right."""

import pytest

import gradcheck
from tests.handwritten.mistakes import STYLES

#: Read after many tries, or in a way that others are read in, too.
SLOW = ("course_deep", "flat_theta", "gradient_functions", "layer_objects", "native_columns")

FILES = [
    pytest.param(path, marks=pytest.mark.slow if path.stem in SLOW else (), id=path.stem)
    for path in sorted(STYLES.glob("*.py"))
]


@pytest.mark.parametrize("path", FILES)
def test_a_right_file_is_read_and_correct(path):
    entry = gradcheck.check(path, seed=5, examples=24).data["implementations"][0]
    assert entry["verdict"] == "correct", f"{entry['error']} {entry['findings']}"
    assert not entry["flags"], entry["flags"]
