"""Outputs that meet in one sum, moved together, give what moving each by itself gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck import sampling
from gradcheck.losses import LOSSES
from gradcheck.network import Network
from gradcheck.oracle import Truth, complex_step
from gradcheck.problem import Params, Problem


def gradient(problem: Problem, many: int) -> dict[str, np.ndarray]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(complex_step, "MANY", many)
        return {name: each.value for name, each in Truth(problem).gradient.items()}


@settings(deadline=None, max_examples=40)
@given(
    st.integers(2, 45),
    st.sampled_from((1, 1, 2, 6)),
    st.sampled_from((1e-3, 1.0, 20.0, 100.0)),
    st.sampled_from(("mean", "sum")),
    st.integers(0, 2**32 - 1),
)
def test_both_ways_agree_to_roundoff_saturated_or_not(
    width: int, samples: int, scale: float, reduction: str, seed: int
) -> None:
    network = Network((3, width), ("softmax",), "cross_entropy", reduction)
    drawn = sampling.fill(np.random.default_rng(seed), network, samples)
    params = Params([(scale * w, scale * b) for w, b in drawn.params])
    problem = Problem(network, params, drawn.batch)
    together, alone = gradient(problem, 1), gradient(problem, 10**9)
    for name, value in alone.items():
        norm = np.linalg.norm(value)
        off = np.abs(together[name] - value).max()
        # samples may cancel in a sum; one alone has to keep its digits where it saturates
        cancelled = 0.0 if samples == 1 else 1e-14
        bound = 1e-14 * norm + cancelled
        assert off <= bound, f"{name} of {network}: off by {off:.1e} of {norm:.1e}"


@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if loss.nested])
def test_the_nested_form_is_the_loss_itself(name: str) -> None:
    loss = LOSSES[name]
    assert loss.nested is not None
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(5, 7)), np.eye(7)[rng.integers(7, size=5)]
    shifted = z - z.max(axis=-1, keepdims=True)
    inside = loss.nested.inner(shifted).sum(axis=-1)
    value = loss.nested.outer(inside, y) + loss.nested.plain(shifted, y).sum(axis=-1)
    np.testing.assert_allclose(value, loss.per_sample(z, z, y), rtol=1e-14)


def test_many_outputs_cost_no_square_of_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: how many numbers the loss is evaluated on."""
    counts = {}
    for width in (100, 1000):
        network = Network((3, width), ("softmax",), "cross_entropy")
        problem = sampling.fill(np.random.default_rng(0), network, 2)
        seen = [0]
        evaluate = complex_step.sample_losses

        def counting(network, z, *rest, seen=seen, evaluate=evaluate):  # type: ignore[no-untyped-def]
            seen[0] += z.size
            return evaluate(network, z, *rest)

        monkeypatch.setattr(complex_step, "sample_losses", counting)
        assert Truth(problem).gradient
        monkeypatch.setattr(complex_step, "sample_losses", evaluate)
        counts[width] = seen[0]
    assert counts[1000] <= 11 * counts[100], f"numbers by width: {counts}"
