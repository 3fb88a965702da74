"""Worked examples: published systems, each with its numbers and source."""

from gradcheck.networks.worked_examples import classification, small_systems
from gradcheck.networks.worked_examples.worked_example import Example, NotRun, Reproduction, Result

EXAMPLES: tuple[Example, ...] = (*small_systems.EXAMPLES, *classification.EXAMPLES)

__all__ = ["EXAMPLES", "Example", "NotRun", "Reproduction", "Result"]
