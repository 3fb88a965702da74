"""What pictures are drawn from: implied slopes, a failing network, differences by one entry."""

import json

import numpy as np
import pytest

import gradcheck
from gradcheck.networks.bugs import CATALOGUE
from gradcheck.networks.bugs.textbook import RULES
from gradcheck.networks.definitions import ACTIVATIONS
from gradcheck.networks.figure_data import RULE, WINDOW, sampled


def entry_of(code, **options):
    record = gradcheck.check(code, **{"examples": 200, "seed": 5, **options})
    return json.loads(record.to_json())["implementations"][0]


@pytest.fixture(scope="module")
def tan():
    """The entry of code whose tanh' is wrong in layer 1 only."""
    return entry_of(CATALOGUE["tanh_derivative_uses_tan"].planted(1))


def test_right_code_has_no_pictures():
    assert entry_of(CATALOGUE["step_taken_twice"].planted())["pictures"] is None


def test_the_implied_points_lie_on_the_wrong_formula_and_not_on_the_right_one(tan):
    (slope,) = tan["pictures"]["slopes"]
    assert (slope["activation"], slope["bug"]) == ("tanh", "tanh_derivative_uses_tan"), slope
    z, points = np.array(slope["z"]), np.array(slope["derivative"])
    assert len(z) > 10, f"only {len(z)} points"
    wrong = 1 - np.tanh(z) * np.tan(z)
    assert np.allclose(points, wrong, rtol=1e-6), f"off by {np.abs(points - wrong).max():.1e}"
    assert np.abs(points - (1 - np.tanh(z) ** 2)).max() > 0.1, "they show no fault"


def test_the_curves_are_those_of_the_formulas(tan):
    (slope,) = tan["pictures"]["slopes"]
    grid = np.array(slope["grid"])
    assert np.allclose(slope["right"], 1 - np.tanh(grid) ** 2), "the true curve is another"
    assert np.allclose(slope["wrong"], 1 - np.tanh(grid) * np.tan(grid)), "the wrong one is"


@pytest.mark.parametrize("slug", [b.slug for b in CATALOGUE.values() if RULE in b.rules])
def test_every_wrong_derivative_is_a_curve_or_says_that_it_is_none(slug):
    bug = CATALOGUE[slug]
    activation = bug.activation or "tanh"
    grid = np.linspace(-2, 2, 9)
    values = sampled(bug.rules[RULE], activation, grid)
    assert values is None or values.shape == grid.shape, f"{slug}: {values}"


@pytest.mark.parametrize("name", [n for n, a in ACTIVATIONS.items() if a.derivative])
def test_the_right_rule_is_the_derivative_of_every_activation(name):
    grid = np.array([-1.5, -0.3, 0.2, 1.7])
    values = sampled(RULES[RULE], name, grid)
    h = 1e-6
    forward = ACTIVATIONS[name].forward
    slopes = (forward(grid + h) - forward(grid - h)) / (2 * h)
    assert np.allclose(values, slopes, atol=1e-8), f"{name}: {values} and {slopes}"


def test_the_specimen_shows_the_diagnosed_layer(tan):
    specimen = tan["pictures"]["specimen"]
    assert {"part": "delta", "layer": 1} in specimen["sites"], specimen["sites"]
    assert specimen["tensors"]["W1"]["verdict"] == "wrong", specimen["tensors"]["W1"]
    others = [
        n for n, t in specimen["tensors"].items() if n[1:] != "1" and t["verdict"] != "correct"
    ]
    assert not others, f"{others} are not right, though layer 1 alone is at fault"


def test_the_worst_entry_is_where_it_is_said_to_be(tan):
    specimen = tan["pictures"]["specimen"]
    name, _, place = specimen["worst_entry"].rstrip("]").partition("[")
    index = tuple(int(i) for i in place.split(","))
    tensor, sweep = specimen["tensors"][name], specimen["sweep"]
    assert np.array(tensor["claimed"])[index] == sweep["claimed"], "the values differ"
    assert np.array(tensor["expected"])[index] == sweep["expected"], "the values differ"


def test_differences_come_close_to_the_truth_and_far_from_the_claim(tan):
    sweep = tan["pictures"]["specimen"]["sweep"]
    claim = abs(sweep["claimed"] - sweep["expected"])
    assert min(sweep["errors"]) < 1e-4 * claim, "no difference tells claim and truth apart"
    assert sweep["ladder"]["error"] <= sweep["ladder"]["error_bar"] + sweep["error_bar"], sweep
    assert sweep["errors"][0] > min(sweep["errors"]), "no truncation is seen"
    assert sweep["errors"][-1] > min(sweep["errors"]), "no rounding is seen"


def test_of_a_large_tensor_the_surroundings_of_the_worst_entry_are_kept():
    code = CATALOGUE["bias_gradient_negated"].planted()
    network = "30-40-2 tanh,identity half_squared_error"
    entry = entry_of(code, network=network, examples=20)
    tensors = entry["pictures"]["specimen"]["tensors"]
    w1 = tensors["W1"]
    assert w1["shape"] == [30, 40], w1["shape"]
    assert np.array(w1["claimed"]).shape == (WINDOW, WINDOW), np.array(w1["claimed"]).shape
    start, place = w1["start"], w1["worst_entry"]
    row, column = (int(i) for i in place[3:-1].split(","))
    assert start[0] <= row < start[0] + WINDOW, f"{place} is not in rows from {start[0]}"
    assert start[1] <= column < start[1] + WINDOW, f"{place} is not in columns from {start[1]}"


def test_a_diagnosis_carries_the_words_of_the_catalogue(tan):
    bug = CATALOGUE["tanh_derivative_uses_tan"]
    diagnosis = tan["diagnoses"][0]
    told = [diagnosis[word] for word in ("title", "wrong", "right", "why")]
    assert told == [bug.title, bug.wrong, bug.right, bug.why], told


@pytest.mark.slow
def test_gradients_that_are_not_numbers_can_be_illustrated():
    from tests.integration import students

    namespace = {}
    exec(students.NAN, namespace)
    code = type("Code", (), {"loss_and_grads": staticmethod(namespace["loss_and_grads"])})
    entry = entry_of(code())
    assert entry["verdict"] == "wrong", entry["verdict"]
    assert entry["pictures"]["specimen"]["sweep"]["claimed"] == "nan", entry["pictures"]
