"""Findings of one cause are one; a fault of its own stays a finding of its own."""

from typing import Any

import pytest

import gradcheck
from gradcheck.networks.bugs.textbook import Textbook

FEW = 24


class Sigmoid(Textbook):
    """A right backprop, for sigmoid and half the squared error alone."""

    def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
        if set(network.activations) != {"sigmoid"} or network.loss != "half_squared_error":
            raise NotImplementedError
        if network.l2:
            raise NotImplementedError
        return super().loss_and_grads(network, params, batch)

    def step(self, network: Any, params: Any, batch: Any, learning_rate: float) -> Any:
        _, grads = self.loss_and_grads(network, params, batch)
        return [
            (w - learning_rate * dw, b - learning_rate * db)
            for (w, b), (dw, db) in zip(params, grads, strict=True)
        ]


class Doubled(Sigmoid):
    """A gradient of weights that is twice what it should be."""

    def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
        loss, grads = super().loss_and_grads(network, params, batch)
        return loss, [(2 * dw, db) for dw, db in grads]


class Ascending(Doubled):
    """The same, and a step that goes up."""

    def step(self, network: Any, params: Any, batch: Any, learning_rate: float) -> Any:
        return super().step(network, params, batch, -learning_rate)


class Keeping(Doubled):
    """The same, and something is kept between calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
        self.calls += 1
        loss, grads = super().loss_and_grads(network, params, batch)
        return loss, [(dw * (1 + self.calls % 7), db) for dw, db in grads]


class Overflowing(Doubled):
    """The same, and an answer that is not finite where units saturate."""

    def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
        loss, grads = super().loss_and_grads(network, params, batch)
        large = max(abs(w).max() for w, _ in params) > 8
        return loss, [(dw * (float("nan") if large else 1), db) for dw, db in grads]


class Summed(Sigmoid):
    """The sum of the samples where the mean is asked for, in loss and gradient."""

    def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
        loss, grads = super().loss_and_grads(network, params, batch)
        n = len(batch.x) if network.reduction == "mean" else 1
        return n * loss, [(n * dw, n * db) for dw, db in grads]


def found(code: Any) -> tuple[dict[str, str], set[str]]:
    """Return the cause of each finding that follows, and the checks that fail by themselves."""
    entry = gradcheck.check(code, examples=FEW, seed=1).data["implementations"][0]
    bad = [f for f in entry["findings"] if f["verdict"] != "correct"]
    follow = {f["check"]: f["cause"] for f in bad if "cause" in f}
    return follow, {f["check"] for f in bad if "cause" not in f}


def test_right_code_has_no_cause_of_anything() -> None:
    assert found(Sigmoid()) == ({}, set())


def test_what_a_wrong_gradient_makes_fail_follows_from_it() -> None:
    follow, own = found(Doubled())
    assert own == {"gradient"}, f"told apart: {own}"
    assert {"agreement", "step", "saturation"} <= set(follow), f"following are {follow}"
    assert set(follow.values()) == {"gradient"}, follow


@pytest.mark.parametrize(
    ("code", "check"),
    [(Ascending(), "step"), (Keeping(), "purity"), (Overflowing(), "saturation")],
    ids=["step", "purity", "saturation"],
)
def test_a_second_fault_stays_a_finding_of_its_own(code: Any, check: str) -> None:
    follow, own = found(code)
    assert {"gradient", check} <= own, f"own are {own}, following {follow}"


@pytest.mark.slow
def test_all_that_another_loss_makes_fail_follows_from_the_loss() -> None:
    follow, own = found(Summed())
    assert own == {"loss"}, f"told apart: {own}, following {follow}"
    assert {"forward", "agreement", "step"} <= set(follow), f"following are {follow}"
    assert set(follow.values()) == {"loss"}, follow
