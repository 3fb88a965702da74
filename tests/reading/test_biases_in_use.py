"""Code that has biases and uses them is not read as code that has none."""

import pytest

import gradcheck

pytestmark = pytest.mark.slow  # each starts a worker, or several

CODE = """
import numpy as np


class TwoLayerNet:
    def __init__(self, input_size, hidden_size, output_size):
        self.params = {
            "W1": np.random.randn(input_size, hidden_size), "b1": np.zeros(hidden_size),
            "W2": np.random.randn(hidden_size, output_size), "b2": np.zeros(output_size),
        }

    def loss(self, X, y=None):
        p = self.params
        h = np.tanh(X @ p["W1"] + p["b1"])
        scores = h @ p["W2"] + p["b2"]
        if y is None:
            return scores
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        probs = e / e.sum(axis=1, keepdims=True)
        N = len(X)
        d = probs.copy()
        d[np.arange(N), y] -= 1
        d /= N
        dh = d @ p["W2"].T * (1 - h * h)
        grads = {"W1": X.T @ dh, "b1": dh.sum(axis=0), "W2": h.T @ d, "b2": d.sum(axis=0)}
        return -np.log(probs[np.arange(N), y]).mean(), grads
"""


RIGHT = '"b2": d.sum(axis=0)'


def _checked(folder, text):
    path = folder / "net.py"
    path.write_text(text, encoding="utf-8")
    return gradcheck.check(path, seed=3, examples=24).data["implementations"][0]


def test_right_code_with_biases_is_correct(tmp_path):
    entry = _checked(tmp_path, CODE)
    assert entry["verdict"] == "correct", f"{entry['error']} {entry['findings']}"


def test_a_bias_gradient_summed_over_the_wrong_axis_is_told(tmp_path):
    assert RIGHT in CODE
    entry = _checked(tmp_path, CODE.replace(RIGHT, '"b2": d.sum(axis=1)'))
    assert entry["verdict"] in ("wrong", "error"), f"called {entry['verdict']}: {entry['adapter']}"
    assert entry["adapter"]["conventions"]["bias"] == "apart", entry["adapter"]
    told = [(d["bug"], d["layer"]) for d in entry["diagnoses"]]
    assert told == [("bias_summed_over_units", 2)], entry["diagnoses"]
