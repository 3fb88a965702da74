"""Ten shapes that no adapter knows, each with a declaration of at most ten lines."""

import pytest

from tests.reading.conftest import EXAMPLES, example, planted, sites, wrong_checks
from tests.tiers import sampled, telling

#: File, a right line, the wrong one, site and layer.
SHAPES = [
    ("units_and_edges", "1 - unit.value**2", "1 - math.tanh(unit.value) ** 2",
     "activation_derivative", 1),
    ("list_of_dicts", 'n["weights"][j] * n', 'n["weights"][j - 1] * n', "delta_recursion", 1),
    ("keyed_by_layer", "(self.Z[l - 1] > 0)", "1", "activation_derivative", 1),
    ("thresholds", "self.gamma += -eta * e", "self.gamma += eta * e", "bias_gradient", 1),
    ("step_apart", "layer.b - rate", "layer.b + rate", "update", None),
    ("theta_with_bias", "thetas[1][:, 1:]", "thetas[1][:, :-1]", "delta_recursion", 1),
    ("bias_first", "d_hidden.sum(axis=0)", "d_hidden.mean(axis=0)", "bias_gradient", 1),
    ("ascent", "(1 - self.hidden**2)", "(1 - self.hidden)", "activation_derivative", 1),
    ("scalar_graph", "(1 - out.data**2)", "(1 - out.data)", "activation_derivative", 2),
    ("closures", '(1 - state["h"][1:] ** 2)', "1", "activation_derivative", 1),
]  # fmt: skip

NAMES = [shape[0] for shape in SHAPES]


@pytest.mark.parametrize("name", NAMES)
def test_a_declaration_has_at_most_ten_lines(name):
    lines = [line for line in example(f"declared/{name}.gradcheck.py").splitlines() if line.strip()]
    assert len(lines) <= 10, f"{name} has {len(lines)} lines"


def test_every_declared_example_is_tried_here():
    files = {path.name.split(".")[0] for path in (EXAMPLES / "declared").glob("*.py")}
    assert files == set(NAMES), f"untried: {files ^ set(NAMES)}"


@pytest.mark.parametrize("name", telling(NAMES, 2))
def test_right_code_of_a_declared_shape_is_correct(examined, name):
    declaration = example(f"declared/{name}.gradcheck.py")
    entry = examined(example(f"declared/{name}.py"), declaration=declaration)
    assert entry["adapter"]["name"] == "declaration", f"read as {entry['adapter']}"
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"


@pytest.mark.parametrize(
    ("name", "right", "wrong", "site", "layer"), telling(sampled(SHAPES)), ids=sampled(NAMES)
)
def test_wrong_code_of_a_declared_shape_is_wrong_at_its_site(
    examined, name, right, wrong, site, layer
):
    declaration = example(f"declared/{name}.gradcheck.py")
    entry = examined(planted(f"declared/{name}.py", right, wrong), declaration=declaration)
    assert entry["verdict"] == "wrong", f"{entry['verdict']}: {entry['error']}"
    assert (site, layer) in sites(entry), f"diagnosed {sites(entry)}, found {wrong_checks(entry)}"


@pytest.mark.slow
def test_a_bug_in_the_forward_is_held_against_the_declared_network(examined):
    declaration = example("declared/keyed_by_layer.gradcheck.py")
    text = planted("declared/keyed_by_layer.py", "np.maximum(self.Z[l], 0)", "np.abs(self.Z[l])")
    entry = examined(text, declaration=declaration)
    assert {"loss", "forward"} <= set(wrong_checks(entry)), f"found {wrong_checks(entry)}"


def test_a_path_that_leads_nowhere_is_told_in_a_sentence(examined):
    declaration = example("declared/ascent.gradcheck.py").replace("weights[{i}]", "heights[{i}]")
    entry = examined(example("declared/ascent.py"), declaration=declaration)
    assert entry["verdict"] == "error", entry["verdict"]
    assert "heights" in entry["error"]["message"], entry["error"]


def test_a_declaration_is_used_though_the_file_has_a_function_of_the_contract(examined):
    text = (
        example("declared/closures.py")
        + """

def loss_and_grads(network, params, batch):
    raise ValueError("not this one")
"""
    )
    entry = examined(text, declaration=example("declared/closures.gradcheck.py"))
    assert entry["adapter"]["name"] == "declaration", entry["adapter"]
    assert entry["verdict"] == "correct", entry["error"]
