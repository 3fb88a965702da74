"""Worked examples: one file per published system, with its numbers and source."""

from gradcheck.networks.worked_examples import (
    digits,
    four_three_one,
    least_squares,
    sine_and_constant,
    sine_one_four_one,
    two_moons,
    two_two_two,
    two_two_two_b,
    xor,
)
from gradcheck.networks.worked_examples.worked_example import Example, NotRun, Reproduction, Result

EXAMPLES: tuple[Example, ...] = (
    two_two_two.EXAMPLE,
    two_two_two_b.EXAMPLE,
    four_three_one.EXAMPLE,
    sine_one_four_one.EXAMPLE,
    sine_and_constant.EXAMPLE,
    xor.EXAMPLE,
    least_squares.EXAMPLE,
    two_moons.EXAMPLE,
    digits.EXAMPLE,
)

__all__ = ["EXAMPLES", "Example", "NotRun", "Reproduction", "Result"]
