"""A loss and a gradient that both penalise the biases agree; one of them alone is a bug."""

from typing import Any

import numpy as np
import pytest

from gradcheck.comparison.verdict import Verdict
from gradcheck.execution.calling import InProcess
from gradcheck.networks.fast_estimate import Truths
from gradcheck.records.record import Entry
from gradcheck.run.examine import Examination
from gradcheck.run.submission import Submission
from tests.quality.naive import Naive, Pairs
from tests.tiers import sampled

#: Whole examinations, of a second or more each.
pytestmark = pytest.mark.slow

TRUTHS = Truths()
CONVENTION = "It is a convention: the loss penalises the biases too, and so does the gradient"


class Penalised(Naive):
    """Naive code whose penalty counts the biases: in the loss, in the gradient, how strongly."""

    def __init__(self, loss: float, gradient: float, weights: float = 1, **options: Any) -> None:
        super().__init__(**options)
        self.loss, self.gradient, self.weights = loss, gradient, weights

    def loss_and_grads(self, network: Any, params: Pairs, batch: Any) -> tuple[Any, Pairs]:
        loss, grads = super().loss_and_grads(network, params, batch)
        half = self.loss * network.l2 / 2
        loss = loss + self.dtype.type(half) * sum(
            (b.astype(self.dtype) ** 2).sum() for _, b in params
        )
        factor = self.dtype.type(self.gradient * network.l2)
        pairs = zip(grads, params, strict=True)
        return loss, [
            (self.weights * dw, db + factor * b.astype(self.dtype)) for (dw, db), (_, b) in pairs
        ]


def examined(code: Any) -> Entry:
    examination = Examination(3, examples=40, truths=TRUTHS)
    with np.errstate(all="ignore"):
        return examination.examine(Submission("penalised", "", InProcess(code)))


def bad(entry: Entry) -> dict[str, str]:
    return {f["check"]: f["message"] for f in entry["findings"] if f["verdict"] != "correct"}


@pytest.mark.parametrize("dtype", sampled(["float64", "float32"]))
def test_where_both_penalise_the_biases_the_loss_alone_is_told_as_a_convention(dtype: str) -> None:
    entry = examined(Penalised(1, 1, dtype=dtype))
    assert set(bad(entry)) == {"loss"}, bad(entry)
    assert CONVENTION in bad(entry)["loss"]
    told = " ".join(d["explanation"] for d in entry["diagnoses"])
    assert "both penalise the biases" in told, told
    assert "not in the" not in told, told


@pytest.mark.parametrize(
    ("code", "check", "says"),
    [
        (Penalised(0, 1), "gradient", "in the gradient and not in the loss"),
        (Penalised(1, 0), "loss", "in the loss and not in the gradient"),
    ],
    ids=["gradient", "loss"],
)
def test_where_one_alone_does_it_is_wrong_and_named(code: Any, check: str, says: str) -> None:
    entry = examined(code)
    assert entry["verdict"] == Verdict.WRONG
    assert check in bad(entry), bad(entry)
    assert CONVENTION not in str(bad(entry))
    assert says in entry["diagnoses"][0]["explanation"]


@pytest.mark.usefixtures("undiagnosed")
def test_what_is_wrong_beside_the_convention_is_wrong() -> None:
    wrong = bad(examined(Penalised(1, 1, weights=1.001)))
    assert "gradient" in wrong, wrong
    assert "b1" not in wrong["gradient"], wrong["gradient"]


@pytest.mark.usefixtures("undiagnosed")
def test_a_penalty_of_the_biases_that_is_twice_its_loss_is_a_wrong_gradient() -> None:
    wrong = bad(examined(Penalised(1, 2)))
    assert {"loss", "gradient"} <= set(wrong), wrong
    assert CONVENTION not in wrong["loss"]
