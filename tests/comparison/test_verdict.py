"""Words of a verdict."""

import pytest

from gradcheck.comparison.verdict import written_factor


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.5, "0.5"), (1 - 1e-7, "0.9999999"), (1 + 2e-12, "1.000000000002"), (-1.0, "-1"), (3, "3")],
)
def test_a_factor_is_written_with_the_digits_that_tell_it_from_one(number, text):
    assert written_factor(number) == text
