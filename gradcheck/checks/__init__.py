"""The checks: the properties of a right implementation, one idea a file.

A check is a generator. It yields requests, is sent observations, and returns
findings; it never calls code under test, so it can be tested with canned answers.
What it shows, costs and follows from stands in its row. They run in the order below.
"""

from gradcheck.checks import (
    agreement,
    contract,
    gradient,
    metamorphic,
    primal,
    purity,
    saturation,
    step,
)
from gradcheck.checks.definition import Check

CHECKS: tuple[Check, ...] = (
    contract.CHECK,
    primal.LOSS_CHECK,
    primal.FORWARD_CHECK,
    gradient.CHECK,
    agreement.CHECK,
    purity.CHECK,
    metamorphic.BATCH_ADDITIVITY,
    metamorphic.PERMUTATION,
    step.CHECK,
    saturation.CHECK,
)

__all__ = ["CHECKS"]
