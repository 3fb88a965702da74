"""Worked examples: published systems, each with its numbers and source."""

from gradcheck.networks.worked_examples import classification, descent, two_sigmoid_layers
from gradcheck.networks.worked_examples.worked_example import Example, NotRun, Reproduction, Result

EXAMPLES: tuple[Example, ...] = (
    *two_sigmoid_layers.EXAMPLES,
    *descent.EXAMPLES,
    *classification.EXAMPLES,
)

__all__ = ["EXAMPLES", "Example", "NotRun", "Reproduction", "Result"]
