"""NotImplementedError is about a network or a batch size, never about the numbers."""

from typing import Any

import numpy as np
import pytest

from gradcheck.networks.bugs.textbook import Textbook
from gradcheck.run.api import check
from tests.tiers import telling


class Choosy(Textbook):
    """Right code that refuses where its trigger says so."""

    def __init__(self, trigger: Any) -> None:
        super().__init__()
        self.trigger = trigger

    def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
        if self.trigger(network, params, batch):
            raise NotImplementedError("not these numbers")
        return super().loss_and_grads(network, params, batch)


BY_NUMBERS = {
    "a large weight": lambda network, params, batch: max(np.abs(w).max() for w, _ in params) > 2,
    "a first input over 1.5": lambda network, params, batch: batch.x[0, 0] > 1.5,
    "two equal samples": lambda network, params, batch: (
        len(batch.x) > 1 and (batch.x[0] == batch.x[-1]).all()
    ),
    "inputs over 100": lambda network, params, batch: np.abs(batch.x).max() > 100,
}

BY_FEATURE = {
    "a penalty with softmax": lambda network, params, batch: (
        network.l2 > 0 and network.activations[-1] == "softmax"
    ),
    "deep and wide": lambda network, params, batch: network.depth > 2 and max(network.widths) > 6,
    "few samples of deep networks": lambda network, params, batch: (
        network.depth > 3 and len(batch.x) < 3
    ),
}


@pytest.mark.parametrize("name", telling(BY_NUMBERS))
def test_code_that_refuses_some_numbers_is_in_error_and_told(name: str) -> None:
    entry = check(Choosy(BY_NUMBERS[name]), seed=3).data["implementations"][0]
    assert entry["verdict"] == "error", f"came out {entry['verdict']}"
    contract = next(f for f in entry["findings"] if f["check"] == "contract")
    assert contract["kind"] == "contract", contract
    assert "NotImplementedError: not these numbers on " in contract["message"], contract["message"]


@pytest.mark.parametrize("name", telling(BY_FEATURE))
def test_code_that_refuses_combinations_of_features_is_correct(name: str) -> None:
    entry = check(Choosy(BY_FEATURE[name]), seed=3).data["implementations"][0]
    assert entry["verdict"] == "correct", f"{entry['verdict']}: {entry['error']}"


class Silent(Textbook):
    """Right code that refuses saturated networks, and gives no reason."""

    def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
        if max(np.abs(w).max() for w, _ in params) > 20:
            raise NotImplementedError
        return super().loss_and_grads(network, params, batch)


def test_a_refusal_without_a_reason_is_told_without_a_colon() -> None:
    entry = check(Silent(), seed=3).data["implementations"][0]
    notes = [note for finding in entry["findings"] for note in finding["notes"]]
    assert "refuses when an output saturates" in notes, notes
