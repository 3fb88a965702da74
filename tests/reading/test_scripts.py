"""What is told of a script is so: its outputs are outputs, and a division is there."""

import pytest

SCRIPT = """\
import numpy as np

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([[0.0], [1.0], [1.0], [0.0]])
W1 = np.random.randn(2, 4)
b1 = np.zeros((1, 4))
W2 = np.random.randn(4, 4)
b2 = np.zeros((1, 4))
W3 = np.random.randn(4, 1)
b3 = np.zeros((1, 1))
lr = 0.01


def relu(x):
    return np.maximum(0, x)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


for epoch in range(1000):
    Z1 = X @ W1 + b1
    A1 = relu(Z1)
    Z2 = A1 @ W2 + b2
    A2 = relu(Z2)
    Z3 = A2 @ W3 + b3
    A3 = sigmoid(Z3)
    loss = np.mean((Y - A3) ** 2)
    dA3 = A3 - Y
    dZ3 = dA3 * A3 * (1 - A3)
    dW3 = A2.T @ dZ3
    db3 = np.sum(dZ3, axis=0, keepdims=True)
    dZ2 = (dZ3 @ W3.T) * (Z2 > 0)
    dW2 = A1.T @ dZ2
    db2 = np.sum(dZ2, axis=0, keepdims=True)
    dZ1 = (dZ2 @ W2.T) * (Z1 > 0)
    dW1 = X.T @ dZ1
    db1 = np.sum(dZ1, axis=0, keepdims=True)
    W3 -= lr * dW3
    b3 -= lr * db3
    W2 -= lr * dW2
    b2 -= lr * db2
    W1 -= lr * dW1
    b1 -= lr * db1
"""


@pytest.fixture
def entry(examined):
    return examined(SCRIPT)


def test_outputs_are_not_what_is_left_of_them_beside_the_targets(entry):
    outputs = entry["adapter"]["conventions"]["outputs"]
    assert outputs == "A3", f"the outputs are said to be {outputs}"


@pytest.mark.slow
def test_a_division_by_two_inputs_is_not_named_where_a_mean_of_squares_is_not_divided(entry):
    (diagnosis,) = entry["diagnoses"]
    assert diagnosis["site"] == "batch_reduction", diagnosis
    assert diagnosis["bug"] in ("", None), f"{diagnosis['bug']}: {diagnosis['explanation']}"
    assert "divided by the number of inputs" not in diagnosis["explanation"], diagnosis


@pytest.mark.slow
def test_a_script_whose_first_draw_leaves_every_unit_dead_is_read(examined):
    """With this seed no unit of the second layer is on, and W1, W2 do not move at first."""
    dead = SCRIPT.replace("Y = np", "np.random.seed(97)\nY = np")
    conventions = examined(dead)["adapter"]["conventions"]
    assert "W1, W2, W3" in conventions.get("parameters", ""), conventions


@pytest.mark.slow
def test_a_script_that_starts_from_zero_weights_is_read(examined):
    zero = SCRIPT.replace("np.random.randn(2, 4)", "np.zeros((2, 4))")
    zero = zero.replace("np.random.randn(4, 4)", "np.zeros((4, 4))")
    conventions = examined(zero)["adapter"]["conventions"]
    assert "W1, W2, W3" in conventions.get("parameters", ""), conventions


def test_a_script_draws_the_same_random_numbers_each_time_it_is_loaded(examined):
    told = SCRIPT.replace("lr = 0.01", "raise ValueError(W1[0, 0])")
    first, second = (examined(told)["error"]["message"] for _ in range(2))
    assert "ValueError" in first, first
    assert first == second, f"two loadings differ: {first} / {second}"


def test_a_file_that_is_no_script_draws_as_it_does_for_its_author(examined):
    told = SCRIPT.partition("for epoch")[0].replace("lr = 0.01", "raise ValueError(W1[0, 0])")
    first, second = (examined(told)["error"]["message"] for _ in range(2))
    assert "ValueError" in first, first
    assert first != second, f"chance at import is no chance any more: {first}"
