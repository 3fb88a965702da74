"""Outputs that meet in one sum, moved together, give what moving each by itself gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck.networks import sampling
from gradcheck.networks.definitions import LOSSES, Loss
from gradcheck.networks.fast_estimate import Truth, complex_step
from gradcheck.networks.problem import Network, Params, Problem

#: Losses of outputs under a softmax.
MEETING = ("cross_entropy", "half_squared_error", "squared_error", "mean_squared_error")


def gradient(problem: Problem, many: int, epsilon: float = 0.0) -> dict[str, np.ndarray]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(complex_step, "MANY", many)
        return {name: each.value for name, each in Truth(problem, epsilon).gradient.items()}


@settings(deadline=None, max_examples=40)
@given(
    st.integers(2, 45),
    st.sampled_from((1, 1, 2, 6)),
    st.sampled_from((1e-3, 1.0, 20.0, 100.0)),
    st.sampled_from(("mean", "sum")),
    st.sampled_from([*((loss, 0.0) for loss in MEETING), ("cross_entropy", 1e-8)]),
    st.integers(0, 2**32 - 1),
)
def test_both_ways_agree_to_roundoff_saturated_or_not(
    width: int, samples: int, scale: float, reduction: str, written: tuple[str, float], seed: int
) -> None:
    loss, epsilon = written
    network = Network((3, width), ("softmax",), loss, reduction)
    drawn = sampling.fill(np.random.default_rng(seed), network, samples)
    params = Params([(scale * w, scale * b) for w, b in drawn.params])
    problem = Problem(network, params, drawn.batch)
    together, alone = gradient(problem, 1, epsilon), gradient(problem, 10**9, epsilon)
    for name, value in alone.items():
        largest = np.abs(value).max()
        norm = largest * np.linalg.norm(value / largest) if largest else 0.0
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


@pytest.mark.parametrize("loss", MEETING)
def test_what_arithmetic_may_cost_is_the_same_both_ways(loss: str) -> None:
    """The errors that are added to outputs, and to their slopes, are felt in either."""
    network = Network((3, 12), ("softmax",), loss)
    problem = sampling.fill(np.random.default_rng(0), network, 3)
    granted = {}
    for many in (1, 10**9):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(complex_step, "MANY", many)
            granted[many] = Truth(problem).rounding(2.0**-24)
    for name, grant in granted[1].items():
        np.testing.assert_allclose(grant, granted[10**9][name], rtol=1e-4, err_msg=name)


@pytest.mark.parametrize("loss", MEETING)
def test_many_outputs_cost_no_square_of_their_number(
    loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, not timed: how many numbers the loss is evaluated on."""
    counts = {100: 0, 1000: 0}

    class Counting(Loss):
        def per_sample(self, z, *rest):  # type: ignore[no-untyped-def]
            counts[z.shape[-1]] += z.size
            return super().per_sample(z, *rest)

    monkeypatch.setitem(LOSSES, loss, Counting(**vars(LOSSES[loss])))
    for width in counts:
        network = Network((3, width), ("softmax",), loss)
        assert Truth(sampling.fill(np.random.default_rng(0), network, 2)).gradient
    assert counts[1000] <= 11 * counts[100], f"numbers by width: {counts}"
