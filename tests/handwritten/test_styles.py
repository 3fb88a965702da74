"""Ten ways in which people write a network, all of them right."""

import pytest

import gradcheck
from tests.handwritten.mistakes import STYLES


@pytest.mark.parametrize("path", sorted(STYLES.glob("*.py")), ids=lambda path: path.stem)
def test_a_right_file_is_read_and_correct(path):
    entry = gradcheck.check(path, seed=5, examples=24).data["implementations"][0]
    assert entry["verdict"] == "correct", f"{entry['error']} {entry['findings']}"
    assert not entry["flags"], entry["flags"]
