"""One example an interface: recognised by itself; right, and wrong at its site and layer."""

import pytest

from tests.reading.conftest import example, planted, sites, wrong_checks
from tests.tiers import sampled, telling

#: File, the adapter it is recognised as, and conventions that are told.
RIGHT = [
    ("native.py", "native", {}),
    ("gradients_only.py", "gradients", {"weights": "in x out", "activations": "tanh,sigmoid"}),
    ("cs231n.py", "cs231n", {"targets": "integer labels", "penalty": "reg = l2"}),
    ("deeplearning_ai.py", "deeplearning.ai", {"weights": "out x in", "samples": "columns"}),
    ("nielsen.py", "nielsen", {"returned": "biases first"}),
    ("ng.py", "flat vector", {"bias": "first column of the weights", "penalty": "lambda = l2 N"}),
    ("scipy_objective.py", "flat vector", {"loss": "squared_error mean"}),
    ("in_place.py", "in place", {"weights": "out x in", "rate": "can be set"}),
    ("four_three_one.py", "script", {"parameters": "wh, wout, bh, bout", "outputs": "output"}),
]


@pytest.mark.parametrize(("name", "adapter", "told"), RIGHT, ids=[name for name, _, _ in RIGHT])
def test_the_example_of_an_interface_is_recognised_and_correct(examined, name, adapter, told):
    entry = examined(example(name), name)
    assert entry["adapter"]["name"] == adapter, f"recognised as {entry['adapter']}"
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    conventions = entry["adapter"]["conventions"]
    assert told.items() <= conventions.items(), f"told {conventions}"
    assert entry["resolution"] < 1e-12, f"resolution {entry['resolution']} is too coarse"


@pytest.mark.slow
@pytest.mark.shut_in
@pytest.mark.parametrize(("name", "adapter"), sampled([each[:2] for each in RIGHT], 3))
def test_the_example_of_an_interface_is_recognised_in_a_worker_that_is_shut_in(
    examined, name, adapter
):
    entry = examined(example(name), name)
    assert (entry["adapter"]["name"], entry["verdict"]) == (adapter, "correct"), entry["error"]


#: File, a right line, the wrong one, site and layer (None: of the whole).
WRONG = [
    ("native.py", "(delta @ W.T) * (1 - a[l] ** 2)", "(delta @ W.T) * (1 - a[l])",
     "activation_derivative", 1),
    ("gradients_only.py", "(1 - h**2)", "(1 - np.tanh(h) ** 2)", "activation_derivative", 1),
    ("cs231n.py", "dscores /= N", "dscores /= 1", "batch_reduction", None),
    ("deeplearning_ai.py", "(1 - np.power(A1, 2))", "(1 - A1)", "activation_derivative", 1),
    ("nielsen.py", "sigmoid_prime(zs[-l])", "zs[-l] * (1 - zs[-l])", "activation_derivative", 1),
    ("ng.py", "Theta1_grad[:, 1:] += lambda_ / m * Theta1[:, 1:]",
     "Theta1_grad += lambda_ / m * Theta1", "regularisation", 1),
    ("scipy_objective.py", "d_out = 2 * residual", "d_out = residual", "loss_derivative", 2),
    ("in_place.py", "np.dot(self.who.T, output_errors)", "np.dot(self.who.T, targets - final)",
     "delta_recursion", 1),
    ("four_three_one.py", "np.sum(d_hiddenlayer, axis=0, keepdims=True)", "np.sum(d_hiddenlayer)",
     "bias_gradient", 1),
]  # fmt: skip

MORE = [
    ("gradients_only.py", "db1 = d_h.sum(axis=0)", "db1 = np.full_like(b1, d_h.sum())",
     "bias_gradient", 1),
    ("cs231n.py", "X.T.dot(dhidden) + self.reg * W1", "X.T.dot(dhidden)", "regularisation", 1),
    ("cs231n.py", "dhidden[hidden <= 0] = 0", "pass", "activation_derivative", 1),
    ("deeplearning_ai.py", "dW1 = np.dot(dZ1, X.T) / m", "dW1 = np.dot(dZ1, X.T)",
     "weight_gradient", 1),
    ("deeplearning_ai.py", "dZ2 = A2 - Y", "dZ2 = (A2 - Y) * A2 * (1 - A2)", "loss_derivative", 2),
    ("ng.py", "(d3 @ Theta2)[:, 1:]", "(d3 @ Theta2)[:, :-1]", "delta_recursion", 1),
    ("scipy_objective.py", "return loss, np", "return loss, -1 * np", "returned_gradient", None),
    ("four_three_one.py", "slope_hidden_layer = derivatives_sigmoid(hiddenlayer_activations)",
     "slope_hidden_layer = derivatives_sigmoid(sigmoid(hiddenlayer_activations))",
     "activation_derivative", 1),
]  # fmt: skip


def names(table):
    return [f"{name} {site}" for name, _, _, site, _ in table]


@pytest.mark.parametrize(
    ("name", "right", "wrong", "site", "layer"), telling(WRONG, 4), ids=names(WRONG)
)
def test_a_planted_bug_is_wrong_at_its_site_and_layer(examined, name, right, wrong, site, layer):
    entry = examined(planted(name, right, wrong), name)
    assert entry["verdict"] == "wrong", f"{entry['verdict']}: {entry['error']}"
    assert (site, layer) in sites(entry), f"diagnosed {sites(entry)}, found {wrong_checks(entry)}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "right", "wrong", "site", "layer"), sampled(MORE, 3), ids=sampled(names(MORE), 3)
)
def test_further_planted_bugs_are_wrong_at_their_site_and_layer(
    examined, name, right, wrong, site, layer
):
    entry = examined(planted(name, right, wrong), name)
    assert entry["verdict"] == "wrong", f"{entry['verdict']}: {entry['error']}"
    assert (site, layer) in sites(entry), f"diagnosed {sites(entry)}, found {wrong_checks(entry)}"


@pytest.mark.parametrize(
    ("loss", "verdict"),
    [("", "error"), ("    loss = 0.5 * np.sum((y - output) ** 2)\n", "wrong")],
    ids=["no loss", "a loss"],
)
def test_a_wrong_slope_of_the_outputs_is_wrong_only_of_code_that_says_its_loss(
    examined, loss, verdict
):
    text = planted(
        "four_three_one.py", "return x * (1 - x)", "return sigmoid(x) * (1 - sigmoid(x))"
    )
    entry = examined(text.replace("    E = y - output\n", f"    E = y - output\n{loss}"))
    assert entry["verdict"] == verdict, f"{entry['verdict']}: {entry['error']}"
    if verdict == "error":
        assert entry["error"]["kind"] == "unsupported", entry["error"]
    else:
        found = {("activation_derivative", 1), ("activation_derivative", 2)}
        assert found <= set(sites(entry)), f"diagnosed {sites(entry)}"


UPDATED_FIRST = [
    (
        "in_place.py",
        """        hidden_errors = np.dot(self.who.T, output_errors) * hidden * (1.0 - hidden)
        self.who += self.lr * np.dot(output_errors, hidden.T)
""",
        """        self.who += self.lr * np.dot(output_errors, hidden.T)
        hidden_errors = np.dot(self.who.T, output_errors) * hidden * (1.0 - hidden)
""",
    ),
    (
        "four_three_one.py",
        """    Error_at_hidden_layer = d_output.dot(wout.T)
    d_hiddenlayer = Error_at_hidden_layer * slope_hidden_layer
    wout += hiddenlayer_activations.T.dot(d_output) * lr
""",
        """    wout += hiddenlayer_activations.T.dot(d_output) * lr
    Error_at_hidden_layer = d_output.dot(wout.T)
    d_hiddenlayer = Error_at_hidden_layer * slope_hidden_layer
""",
    ),
]


@pytest.mark.parametrize(
    ("name", "right", "wrong"), telling(UPDATED_FIRST), ids=["class", "script"]
)
def test_weights_updated_before_they_are_read_show_in_the_step_and_not_in_the_gradient(
    examined, name, right, wrong
):
    entry = examined(planted(name, right, wrong), name)
    found = wrong_checks(entry)
    assert set(found) == {"step"}, f"found {found}"
    bugs = [d["bug"] for d in entry["diagnoses"]]
    assert bugs == ["weights_updated_before_hidden_delta"], f"diagnosed {entry['diagnoses']}"


@pytest.mark.slow
def test_a_layer_that_ignores_the_rate_has_a_right_gradient_and_a_wrong_step(examined):
    entry = examined(planted("in_place.py", "self.wih += self.lr *", "self.wih += 1.0 *"))
    assert set(wrong_checks(entry)) == {"step"}, f"found {wrong_checks(entry)}"


@pytest.mark.slow
def test_the_two_two_two_script_as_printed_is_wrong_at_both_sites(examined):
    entry = examined(example("two_two_two.py"))
    assert entry["adapter"]["name"] == "script", f"recognised as {entry['adapter']}"
    assert entry["verdict"] == "wrong", f"{entry['verdict']}: {entry['error']}"
    told = {(each["site"], each["layer"]) for each in entry["diagnoses"]}
    assert told == {("forward", 2), ("delta_recursion", 1)}, f"diagnosed {entry['diagnoses']}"
    assert "hidden_output_used_twice" in [d["bug"] for d in entry["diagnoses"]]


@pytest.mark.slow
def test_the_two_two_two_script_is_correct_once_both_lines_are_mended(examined):
    text = planted("two_two_two.py", "w[6] * out_h2 + w[7]", "w[6] * out_h1 + w[7]")
    entry = examined(text.replace("delta_o2 * w[4]", "delta_o2 * w[6]"))
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
