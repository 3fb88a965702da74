"""Worked examples: published systems, each with its numbers and source."""

from gradcheck.networks.worked_examples import by_hand, classification, descent
from gradcheck.networks.worked_examples.worked_example import Example, NotRun, Reproduction, Result

EXAMPLES: tuple[Example, ...] = (*by_hand.EXAMPLES, *descent.EXAMPLES, *classification.EXAMPLES)

__all__ = ["EXAMPLES", "Example", "NotRun", "Reproduction", "Result"]
