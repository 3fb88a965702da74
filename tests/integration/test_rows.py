"""A loss or an activation that is added as CONTRIBUTING says: judged, diagnosed and told."""

import io
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest
from rich.console import Console

import gradcheck
from gradcheck.networks.bugs.textbook import Textbook
from gradcheck.networks.definitions import ACTIVATIONS, HIDDEN_ACTIVATIONS, LOSSES, Activation, Loss
from gradcheck.networks.problem import Network
from gradcheck.networks.sampling import fill_scaled
from gradcheck.renderers.console import show
from gradcheck.renderers.html import render as html
from tests.tiers import sampled

#: Whole examinations, of a second or more each.
pytestmark = pytest.mark.slow

QUARTIC = Loss(
    "quartic_error",
    ("identity", "sigmoid", "tanh", "softmax"),
    "real",
    terms=lambda z, a, y: (a - y) ** 4,
    formula="sum (a - y)^4",
    derivative=lambda a, y: 4.0 * (a - y) ** 3,
    derivative_formula="4 (a - y)^3",
)

#: Bent, odd, and never flat but at zero.
CUBE = Activation(
    "cube", lambda z: z + z * z * z / 10.0, lambda z: 1.0 + 0.3 * z * z, formula="z + z^3 / 10"
)

FILE = """
import numpy as np

networks = {networks!r}
ACTIVATIONS = {{
    "identity": (lambda z: z, np.ones_like),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "cube": (lambda z: z + z ** 3 / 10, lambda z: {slope}),
}}
LOSSES = {{
    "half_squared_error": (lambda r: 0.5 * r ** 2, lambda r: r),
    "quartic_error": (lambda r: r ** 4, lambda r: {upstream}),
}}


def loss_and_grads(network, params, batch):
    a, zs, activations = [batch.x], [], [ACTIVATIONS[name] for name in network.activations]
    for (w, b), (phi, _) in zip(params, activations):
        zs.append(a[-1] @ w + b)
        a.append(phi(zs[-1]))
    of, by = LOSSES[network.loss]
    residual, n = a[-1] - batch.y, len(batch.x)
    delta, grads = by(residual), []
    for layer in reversed(range(len(params))):
        delta = delta * activations[layer][1](zs[layer])
        grads.insert(0, (a[layer].T @ delta / n, {bias} / n))
        delta = delta @ {back}
    return of(residual).sum() / n, grads
"""
RIGHT = {
    "upstream": "4 * r ** 3",
    "slope": "1 + 0.3 * z ** 2",
    "bias": "delta.sum(axis=0)",
    "back": "params[layer][0].T",
}
NETWORKS = [
    "3-4-2 tanh,sigmoid quartic_error",
    "2-3-3-2 cube,tanh,identity quartic_error",
    "3-3-2 cube,identity half_squared_error",
]


@dataclass(frozen=True)
class Wrong:
    part: str
    text: str
    site: str


WRONGS = {
    # a quarter of every tensor: the numbers cannot tell where it was lost
    "a factor of the loss lost": Wrong("upstream", "r ** 3", "returned_gradient"),
    "a power of the loss lost": Wrong("upstream", "4 * r ** 2", "loss_derivative"),
    "half the square derived": Wrong("upstream", "r", "loss_derivative"),
    "a part of the slope lost": Wrong("slope", "1 + 0 * z", "activation_derivative"),
    "the biases negative": Wrong("bias", "-delta.sum(axis=0)", "bias_gradient"),
    "a fifth of what comes back": Wrong("back", "params[layer][0].T / 5", "delta_recursion"),
}


@pytest.fixture
def added(monkeypatch):
    """Both tables with a row more, wherever a part of them is held."""
    for name, row in (*LOSSES.items(), (QUARTIC.name, QUARTIC)):
        outputs = row.outputs if row.cancels else (*row.outputs, CUBE.name)
        monkeypatch.setitem(LOSSES, name, replace(row, outputs=outputs))
    monkeypatch.setitem(ACTIVATIONS, CUBE.name, CUBE)
    for name, module in list(sys.modules.items()):
        if name.startswith("gradcheck") and hasattr(module, "HIDDEN_ACTIVATIONS"):
            monkeypatch.setattr(module, "HIDDEN_ACTIVATIONS", (*HIDDEN_ACTIVATIONS, "cube"))


def console(record):
    printed = io.StringIO()
    show(record, Console(file=printed, width=80))
    return printed.getvalue()


def _checked(folder, **wrong):
    path = folder / "added.py"
    path.write_text(FILE.format(networks=NETWORKS, **{**RIGHT, **wrong}), encoding="utf-8")
    record = gradcheck.check(path, seed=3, examples=60)
    return record, record.data["implementations"][0]


def test_right_code_for_an_added_loss_and_activation_is_correct(added, tmp_path):
    record, entry = _checked(tmp_path)
    assert entry["verdict"] == "correct", f"{entry['verdict']}: {console(record)}"
    assert not entry["diagnoses"], entry["diagnoses"]
    assert "quartic_error" in console(record)


@pytest.mark.parametrize("name", sampled(WRONGS))
def test_wrong_code_for_an_added_loss_and_activation_is_placed_and_told(added, tmp_path, name):
    wrong = WRONGS[name]
    record, entry = _checked(tmp_path, **{wrong.part: wrong.text})
    assert entry["verdict"] == "wrong", f"{name}: {entry['verdict']}, {entry['error']}"
    told = [(d["site"], d["layer"], d["explanation"]) for d in entry["diagnoses"]]
    assert told, f"{name}: no diagnosis"
    for d in entry["diagnoses"]:
        places = {d["site"], *(other["site"] for other in d["also"])}
        assert wrong.site in places, f"{name} is told as {told}"
    text = console(record) + html(record)
    assert "dL/da" not in text, f"{name}: a row's own formula is not told"


@pytest.mark.parametrize("name", LOSSES)
def test_what_a_loss_makes_of_outputs_alone_is_what_it_makes_of_them_with_their_inputs(name):
    row, rng = LOSSES[name], np.random.default_rng(4)
    for output in row.outputs:
        z = rng.normal(size=(5, 3))
        a = ACTIVATIONS[output].forward(z)
        y = (
            np.eye(3)[rng.integers(0, 3, size=5)]
            if row.targets != "real"
            else rng.normal(size=z.shape)
        )
        one, other = row.per_sample(z, a, y), row.of_outputs(a, y)
        assert np.allclose(one, other, rtol=1e-12), f"{name} of {output}: {one} and {other}"


@pytest.mark.parametrize("name", [*LOSSES, QUARTIC.name])
def test_the_derivative_of_a_loss_is_that_of_its_terms(added, name):
    row, rng = LOSSES[name], np.random.default_rng(5)
    if row.cancels:
        assert set(row.outputs) <= {"sigmoid", "softmax"}, f"{name} has no derivative"
        return
    a, y = rng.normal(size=(2, 5, 3))
    assert row.terms is not None
    expected = row.terms(a + 1e-30j, a + 1e-30j, y).imag / 1e-30
    assert np.allclose(row.derivative(a, y), expected, rtol=1e-12), f"{name}: derivative is wrong"
    assert row.derivative_formula != "dL/da", f"{name} does not say its derivative"
    assert row.formula, f"{name} does not say its formula"


@pytest.mark.parametrize("slope", [0.25, 0.5, 1.0])
def test_a_signal_gets_through_ten_layers_of_an_added_activation(monkeypatch, slope):
    row = Activation("tanh", lambda z: slope * np.tanh(z), lambda z: slope / np.cosh(z) ** 2)
    monkeypatch.setitem(ACTIVATIONS, row.name, row)
    network = Network((3,) * 11, (row.name,) * 10, "half_squared_error")
    shares = []
    for seed in range(12):
        problem = fill_scaled(np.random.default_rng(seed), network, 4)
        _, grads = Textbook().loss_and_grads(network, problem.params.copies(), problem.batch)
        shares.append(np.abs(grads[0][0]).max() / np.abs(grads[-1][0]).max())
    assert np.median(shares) > 0.01, f"of a slope of {slope} the first layer feels {shares}"
