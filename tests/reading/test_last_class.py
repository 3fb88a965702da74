"""Code that counts the classes of a batch is asked batches in which the last one occurs."""

import ast
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from gradcheck.networks.bugs.textbook import Textbook
from gradcheck.networks.problem import Network
from gradcheck.reading.layout import WithLastClass
from gradcheck.reading.source import counts_classes

pytestmark = pytest.mark.slow  # each starts a worker, or several

DIGITS = """
import numpy as np
def relu(Z):
    return np.maximum(0, Z)
def softmax(Z):
    e = np.exp(Z - Z.max(axis=0))
    return e / e.sum(axis=0)
def forward_prop(W1, b1, W2, b2, X):
    Z1 = W1.dot(X) + b1
    A1 = relu(Z1)
    Z2 = W2.dot(A1) + b2
    A2 = softmax(Z2)
    return Z1, A1, Z2, A2
def one_hot(Y):
    hot = np.zeros((Y.size, {classes}))
    hot[np.arange(Y.size), Y] = 1
    return hot.T
def back_prop(Z1, A1, Z2, A2, W1, W2, X, Y):
    m = Y.size
    dZ2 = A2 - one_hot(Y)
    dW2 = dZ2.dot(A1.T) / m
    db2 = np.sum(dZ2{axis}) / m
    dZ1 = W2.T.dot(dZ2) * (Z1 > 0)
    dW1 = dZ1.dot(X.T) / m
    db1 = np.sum(dZ1{axis}) / m
    return dW1, db1, dW2, db2
def update_params(W1, b1, W2, b2, dW1, db1, dW2, db2, alpha):
    return W1 - alpha * dW1, b1 - alpha * db1, W2 - alpha * dW2, b2 - alpha * db2
"""
UNITS = ", axis=1, keepdims=True"


@pytest.mark.parametrize("classes", ["Y.max() + 1", "1 + np.max(Y)", "int(max(Y)) + 1"])
def test_code_that_counts_the_classes_of_a_batch_is_correct_where_the_last_occurs(
    examined, classes
):
    entry = examined(DIGITS.format(classes=classes, axis=UNITS))
    assert entry["verdict"] == "correct", entry["error"] or entry["findings"]
    told = entry["adapter"]["conventions"]["targets"]
    assert told == "integer labels, the last class in every batch", told


def test_a_bug_beside_a_count_of_classes_is_named(examined):
    entry = examined(DIGITS.format(classes="Y.max() + 1", axis=""))
    assert entry["verdict"] == "wrong", entry
    assert {d["bug"] for d in entry["diagnoses"]} == {"bias_gradient_one_number"}, entry


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        ("Y.max() + 1", True),
        ("1 + int(np.max(Y))", True),
        ("Y.max(axis=0) + 1", False),
        ("max(Y, 0) + 1", False),
        ("Y.max() + 2", False),
        ("Y.sum() + 1", False),
    ],
)
def test_only_one_more_than_the_largest_label_is_a_count_of_classes(line, counts):
    module = ModuleType("student")
    module.__gradcheck_loop__ = ast.parse(f"for i in Y:\n    n = {line}").body[0]
    assert counts_classes(module) == counts


@pytest.mark.parametrize("labels", [[0, 0], [1, 0], [2, 0], [0]])
def test_changing_the_order_of_classes_changes_no_answer(labels):
    network = Network.parse("3-4-3 tanh,softmax cross_entropy mean")
    rng = np.random.default_rng(1)
    params = [(rng.normal(size=s), rng.normal(size=s[1])) for s in network.shapes]
    batch = SimpleNamespace(x=rng.normal(size=(len(labels), 3)), y=np.eye(3)[labels])
    loss, grads = Textbook().loss_and_grads(network, params, batch)
    code = WithLastClass(Textbook())
    own, same = code.loss_and_grads(network, params, batch)
    assert own == pytest.approx(loss, rel=1e-14)
    for (w, b), (v, c) in zip(grads, same, strict=True):
        np.testing.assert_allclose(v, w, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(c, b, rtol=1e-12, atol=1e-15)
    after = code.step(network, params, batch, 0.5)
    for (w, b), (v, c), (dw, db) in zip(params, after, grads, strict=True):
        np.testing.assert_allclose(v, w - 0.5 * dw, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(c, b - 0.5 * db, rtol=1e-12, atol=1e-14)
