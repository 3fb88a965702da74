"""The checks: one property of a right implementation a file.

A check is a generator. It yields requests, is sent observations, and returns
findings; it never calls code under test, so it can be tested with canned answers.
What it shows, costs and follows from stands in its row. They run in the order below.
"""

from gradcheck.checks import (
    agreement,
    batch_additivity,
    contract,
    forward,
    gradient,
    loss,
    permutation,
    purity,
    saturation,
    step,
)
from gradcheck.checks.definition import Check

CHECKS: tuple[Check, ...] = (
    contract.CHECK,
    loss.CHECK,
    forward.CHECK,
    gradient.CHECK,
    agreement.CHECK,
    purity.CHECK,
    batch_additivity.CHECK,
    permutation.CHECK,
    step.CHECK,
    saturation.CHECK,
)

__all__ = ["CHECKS"]
