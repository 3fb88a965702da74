"""Truths of large problems are not all kept, and come out the same when they are formed again."""

import numpy as np
import pytest

from gradcheck.networks import fast_estimate, sampling
from gradcheck.networks.fast_estimate import Truths

pytestmark = pytest.mark.last_bits


def test_a_truth_that_was_let_go_is_formed_again_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problems = [sampling.problem(5, index) for index in range(12)]
    monkeypatch.setattr(fast_estimate, "KEPT_PARAMETERS", 3 * max(p.params.size for p in problems))
    truths = Truths()
    first = {p: truths.of(p).gradient for p in problems}
    held = sum(p.params.size for p, *_ in truths._known)
    assert held <= fast_estimate.KEPT_PARAMETERS, (
        f"{held} parameters are held, more than {fast_estimate.KEPT_PARAMETERS}"
    )
    for problem, gradient in first.items():
        again = truths.of(problem).gradient
        for name, estimate in gradient.items():
            difference = np.abs(estimate.value - again[name].value)
            assert (difference <= estimate.error + again[name].error).all(), (
                f"{name} is {again[name].value}, and was {estimate.value}"
            )


def test_a_truth_is_formed_once_while_there_is_room() -> None:
    truths, problem = Truths(), sampling.problem(5, 0)
    assert truths.of(problem) is truths.of(problem)
