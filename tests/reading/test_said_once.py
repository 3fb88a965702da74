"""One cause is told once, and no check that came out right is contradicted."""

from dataclasses import replace

from gradcheck.networks.diagnosis.result import BugAtPlace, Diagnosis
from gradcheck.networks.diagnosis.sequence import _told_better

NET = """\
import numpy as np


class Net:
    def __init__(self, n_in, n_hidden, n_out):
        self.W1 = np.random.randn(n_in, n_hidden)
        self.b1 = np.zeros(n_hidden)
        self.W2 = np.random.randn(n_hidden, n_out)
        self.b2 = np.zeros(n_out)

    def forward(self, X):
        self.a1 = 1 / (1 + np.exp(-(X @ self.W1 + self.b1)))
        self.a2 = 1 / (1 + np.exp(-(self.a1 @ self.W2 + self.b2)))
        return self.a2

    def backward(self, X, y, rate):
        delta2 = DELTA2
        delta1 = delta2 @ self.W2.T * self.a1 * (1 - self.a1)
        self.W2 -= rate * self.a1.T @ delta2
        self.b2 -= rate * delta2.sum(axis=0)
        self.W1 -= rate * X.T @ delta1
        self.b1 -= rate * delta1.sum(axis=0)

    def compute_loss(self, y, a):
        return LOSS
"""

ENTROPY = "-np.mean(y * np.log(a + 1e-8) + (1 - y) * np.log(1 - a + 1e-8))"


def net(delta2, loss):
    return NET.replace("DELTA2", delta2).replace("LOSS", loss)


def test_a_loss_that_was_found_right_is_not_said_to_be_another_one(examined):
    entry = examined(net("(self.a2 - y) / len(X)", ENTROPY))
    right = {f["check"] for f in entry["findings"] if f["verdict"] == "correct"}
    assert {"loss", "forward"} <= right, f"the loss is right here: {right}"
    told = [d["explanation"] for d in entry["diagnoses"] if d["site"] == "forward"]
    assert not told, f"the check of the loss says otherwise: {told}"


def test_a_factor_that_is_the_number_of_outputs_is_told_with_that_number(examined):
    entry = examined(net("(self.a2 - y) / len(X)", ENTROPY))
    (diagnosis,) = entry["diagnoses"]
    outputs = round(diagnosis["recovered"]["factor"])
    assert f", {outputs} outputs)" in diagnosis["explanation"], diagnosis["explanation"]


def test_a_place_without_a_name_is_not_told_beside_its_name():
    place = BugAtPlace("", "delta_recursion", 1)
    unnamed = Diagnosis(place, "localised", "the delta is not that", "look there")
    name = Diagnosis(replace(place, bug="weights_updated_before_hidden_delta"), "named", "", "")
    elsewhere = replace(unnamed, name=replace(place, layer=2))
    told = [d for d in (unnamed, name, elsewhere) if not _told_better(d, ["step"], [unnamed, name])]
    assert told == [name, elsewhere], f"told are {told}"
