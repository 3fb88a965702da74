"""Code that trains on mini-batches of its own takes several steps on more samples than that."""

import pytest

pytestmark = pytest.mark.slow  # each starts a worker

SCRIPT = """
import numpy as np
np.random.seed(1)
inputs = []
labels = []
for i in range(300):
    a = np.random.random_sample() * 2 - 1
    b = np.random.random_sample() * 2 - 1
    inputs.append([a, b])
    labels.append([1, 0] if a > b else [0, 1])
inputs = np.array(inputs)
labels = np.array(labels)
lr = 0.05
W1 = np.random.randn(2, 6); b1 = np.zeros(6)
W2 = np.random.randn(6, 2); b2 = np.zeros(2)
for epoch in range(1000):
    for start in range(0, len(inputs), {size}):
        x, y = inputs[start:start + {size}], labels[start:start + {size}]
        h = np.tanh(x @ W1 + b1)
        out = h @ W2 + b2
        loss = np.sum((out - y) ** 2) / len(x)
        d = 2 * (out - y) / len(x)
        dh = d @ W2.T * {slope}
        W1 -= lr * x.T @ dh; b1 -= lr * dh.sum(axis=0)
        W2 -= lr * h.T @ d; b2 -= lr * d.sum(axis=0)
    {shrink}
"""


def script(size, slope="(1 - h ** 2)", shrink="pass"):
    return SCRIPT.format(size=size, slope=slope, shrink=shrink)


@pytest.mark.parametrize(
    ("size", "shrink"), [(4, "pass"), (10, "pass"), (32, "pass"), (10, "lr *= 0.5")]
)
def test_a_script_of_mini_batches_is_asked_for_no_more_samples_than_one_has(examined, size, shrink):
    entry = examined(script(size, shrink=shrink))
    assert entry["verdict"] == "correct", entry["findings"]
    asked = max(entry["scope"]["asked"]["batch_sizes"])
    assert asked <= size, f"asked for {asked} samples, of which {size} make a step"


def test_the_verdict_on_a_script_of_mini_batches_says_how_many_samples_make_a_step(examined):
    notes = examined(script(10))["notes"]
    told = "asked for at most 10 samples a call: it takes several steps on more than 10 samples"
    assert told in notes, notes


def test_a_wrong_slope_in_a_script_of_mini_batches_is_named(examined):
    entry = examined(script(10, slope="(1 - h)"))
    named = [(d["bug"], d["layer"]) for d in entry["diagnoses"]]
    assert named == [("tanh_derivative_not_squared", 1)], f"{entry['verdict']}: {named}"
