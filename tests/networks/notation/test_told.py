"""What the author of foreign code reads is in the layout of that code."""

import ast
import json
from pathlib import Path

import numpy as np
import pytest

import gradcheck
from gradcheck.comparison.compare import FLOAT64, Arithmetic
from gradcheck.contract.conventions import AS_DEFINED, Conventions, OwnNames
from gradcheck.contract.posed import by_name
from gradcheck.contract.protocol import Observation
from gradcheck.networks.bugs import CATALOGUE
from gradcheck.networks.bugs.textbook import Textbook
from gradcheck.networks.by_hand import by_hand
from gradcheck.networks.fast_estimate import Truths
from gradcheck.networks.notation import NATIVE, Notation
from gradcheck.networks.notation.formula import coefficient
from gradcheck.networks.problem import Batch, Network, Params, Problem
from gradcheck.reading import flat_vector, function_pair, gradient_method, update_method
from gradcheck.reading.layout import Layout
from gradcheck.reading.loading import load
from gradcheck.reading.source_names import by_number, spelled

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples" / "plug_in"

COLUMNS = Conventions("out x in", samples="columns", names=OwnNames("column"))
BARE = Conventions("out x in", bias="missing")


def problem(text, samples, seed=1):
    network, rng = Network.parse(text), np.random.default_rng(seed)
    pairs = [(rng.normal(size=s), rng.normal(size=s[1])) for s in network.shapes]
    x, y = (rng.normal(size=(samples, network.widths[i])) for i in (0, -1))
    return Problem(network, Params(pairs), Batch(x, y))


def worked(asked, bug, conventions):
    code = CATALOGUE[bug].planted() if bug else Textbook()
    loss, grads = code.loss_and_grads(asked.network, asked.params.copies(), asked.batch)
    observation = Observation(loss, by_name((np.array(w), np.array(b)) for w, b in grads))
    lines = by_hand(asked, observation, Truths().of(asked), Notation.of(conventions))
    return {line.quantity: line for line in lines}


def test_a_counter_example_in_columns_is_worked_in_columns():
    asked = problem("3-2-1 tanh,identity half_squared_error mean", 2)
    lines = worked(asked, "derivative_missing", COLUMNS)
    assert lines["z1"].formula == "W1 x + b1"
    assert lines["dW1"].formula == "delta1 x^T / 2"
    assert lines["delta1"].formula == "W2^T delta2 * tanh'(z1)"
    shapes = {name: np.shape(line.right) for name, line in lines.items()}
    assert shapes["z1"] == (2, 2), f"z1 has a column a sample; got {shapes['z1']}"
    assert shapes["dW1"] == (2, 3), f"dW1 is out x in; got {shapes['dW1']}"
    assert shapes["db1"] == (2, 1), f"db1 is a column; got {shapes['db1']}"
    wrong = [name for name, line in lines.items() if line.differs]
    assert wrong == ["delta1", "dW1", "db1"], f"{wrong} differ"


def test_what_float32_costs_is_not_marked_as_a_difference():
    asked = problem("3-4-2 tanh,identity half_squared_error mean", 2)
    loss, grads = Textbook().loss_and_grads(asked.network, asked.params.copies(), asked.batch)
    tensors = by_name((np.float64(np.float32(w)), np.float64(np.float32(b))) for w, b in grads)
    tensors["W1"][1, 2] += 1.0
    observation, truth = Observation(float(np.float32(loss)), tensors), Truths().of(asked)
    marked = {
        unit: {
            line.quantity
            for line in by_hand(asked, observation, truth, NATIVE, arithmetic)
            if line.differs
        }
        for unit, arithmetic in (("64", FLOAT64), ("32", Arithmetic(2.0**-24, 2.0**-24)))
    }
    assert "dW2" in marked["64"], f"in float64 the loss of digits differs; got {marked['64']}"
    assert marked["32"] == {"dW1"}, f"in float32 one tensor is wrong; got {marked['32']}"


def test_without_biases_the_network_is_that_of_the_author():
    asked = problem("2-3-1 sigmoid,sigmoid half_squared_error sum", 1)
    notation = Notation.of(BARE)
    assert notation.own_network(asked.network).widths == (3, 4, 1)
    lines = worked(asked, None, BARE)
    assert "db1" not in lines, "code without biases has no db"
    assert lines["z1"].formula == "x W1^T"
    given = {
        name: np.asarray(values) for line in notation.given(asked) for name, values in line.items()
    }
    np.testing.assert_allclose(given["x"] @ given["W1"].T, lines["z1"].right)
    np.testing.assert_allclose(given["x"][:, -1], 1.0)
    unknown = [i for i, row in enumerate(lines["dW1"].code) if "?" in row]
    assert unknown == [3], "of the unit that is always on the code's number is not known"
    known = np.asarray(lines["dW1"].code[:3], dtype=float)
    np.testing.assert_allclose(known, lines["dW1"].right[:3], rtol=1e-12)
    assert not any(line.differs for line in lines.values())


@pytest.mark.parametrize(
    ("conventions", "place", "own", "factor"),
    [
        (COLUMNS, "W2[0,1]", "W2[1,0]", 1.0),
        (COLUMNS, "b2[1]", "b2[1,0]", 1.0),
        (Conventions(bias="first"), "W2[0,1]", "W2[1,1]", 1.0),
        (Conventions(bias="first"), "b2[1]", "W2[0,1]", 1.0),
        (Conventions(bias="last"), "b2[1]", "W2[3,1]", 1.0),
        (Conventions(threshold=True), "b2[1]", "b2[1]", -1.0),
        (BARE, "W2[0,1]", "W2[1,0]", 1.0),
        (BARE, "b1[1]", "W1[1,2]", 1.0),
        (BARE, "b2[1]", "W2[1,3]", float(np.tanh(1.0))),
    ],
)
def test_an_entry_is_named_where_it_is_in_the_code(conventions, place, own, factor):
    network = Network.parse("2-3-2 tanh,identity half_squared_error")
    told, times = Notation.of(conventions).entry(place, network)
    assert told == own, f"{place} of ours is {told} there"
    assert times == pytest.approx(factor), f"its number is {times} times ours"


def test_notes_on_rows_of_biases_are_one(tmp_path):
    path = tmp_path / "rows.py"
    native = (EXAMPLES / "native.py").read_text(encoding="utf-8")
    path.write_text(
        native + "\n\n_plain = loss_and_grads\n\n\ndef loss_and_grads(network, params, batch):\n"
        "    loss, grads = _plain(network, params, batch)\n"
        "    return loss, [(dw, db[None, :]) for dw, db in grads]\n",
        encoding="utf-8",
    )
    entry = gradcheck.check(path, seed=3, examples=24).data["implementations"][0]
    told = [note for note in entry["notes"] if "shape" in note]
    assert told == ["db has shape (1, n) where (n,) is expected"], f"notes: {told}"


@pytest.mark.slow
def test_a_wrong_file_in_columns_is_told_in_columns(tmp_path):
    path = tmp_path / "columns.py"
    text = (EXAMPLES / "deeplearning_ai.py").read_text(encoding="utf-8")
    right = "dZ1 = np.dot(W2.T, dZ2) * (1 - np.power(A1, 2))"
    assert right in text
    path.write_text(text.replace(right, "dZ1 = np.dot(W2.T, dZ2)"), encoding="utf-8")
    entry = gradcheck.check(path, seed=3, examples=24).data["implementations"][0]
    json.dumps(entry)  # the record can be written
    assert entry["notation"]["samples"] == "columns"
    told = " ".join(entry["diagnoses"][0][key] for key in ("explanation", "wrong", "right", "fix"))
    assert "W2^T dZ2" in told, f"not in the names and the order of the code: {told}"
    formulas = {line["quantity"]: line["formula"] for line in entry["counterexample"]["by_hand"]}
    assert formulas["dW1"] == "dZ1 X^T", formulas
    assert np.shape(entry["counterexample"]["in_code"]["given"][1].popitem()[1])[1] == 1


def test_names_are_read_where_they_are_certain_and_nowhere_else():
    names = names_of("deeplearning_ai.py")
    assert [names[key] for key in ("delta2", "a1", "z1", "dW2", "x")] == [
        "dZ2",
        "A1",
        "Z1",
        "dW2",
        "X",
    ]
    names = names_of("cs231n.py")
    assert (names["delta1"], names["delta2"], names["a1"]) == ("dhidden", "dscores", "hidden")
    assert "a2" not in names, f"what is shifted is no activation: {names['a2']}"
    assert names["mean"] == "delta", "dscores is divided by N before the products"
    names = names_of("ng.py")
    assert (names["W1"], names["delta1"], names["a1"]) == ("Theta1", "d2", "a2[:,1:]")
    names = names_of("in_place.py")
    assert names["within"] == "columns", "inputs are turned into columns before they are used"
    assert "delta2" not in names, "its errors have the other sign"


#: Who reads an example.
READERS = {
    "deeplearning_ai.py": function_pair.find,
    "cs231n.py": gradient_method.find_cs231n,
    "ng.py": flat_vector.find,
    "in_place.py": update_method.find,
}


def names_of(example):
    """Return the names that are read from an example."""
    for reading in READERS[example](load(EXAMPLES / example)):
        names = reading.conventions.names
        if names != OwnNames():
            return names.names
    return {}


def test_a_name_for_two_things_is_no_name():
    source = """
def backward(X, y, W1, b1, W2, b2):
    Z = X @ W1 + b1
    H = np.tanh(Z)
    Z = H @ W2 + b2
    delta = Z - y
    dW2 = H.T @ delta
    delta = (delta @ W2.T) * (1 - H * H)
    dW1 = X.T @ delta
    return dW1, delta.sum(axis=0), dW2, delta.sum(axis=0)
"""
    names = spelled([ast.parse(source)], by_number, Layout()).names
    assert not {"delta1", "delta2"} & set(names), names
    assert "Z" not in names.values(), names
    assert names["a1"] == "H", names


def test_a_product_that_is_subtracted_names_no_delta():
    source = "def backward(X, y, W1):\n    out = X @ W1\n    e = y - out\n    dW1 = -(X.T @ e)\n"
    names = spelled([ast.parse(source)], by_number, Layout()).names
    assert "delta1" not in names, names


def test_one_sided_means_are_told_where_they_stand():
    names = {"delta1": "dh", "delta2": "dscores", "mean": "delta"}
    conventions = Conventions(names=OwnNames("vector", names))
    asked = problem("3-2-1 tanh,identity half_squared_error mean", 2)
    lines = worked(asked, None, conventions)
    assert lines["dscores"].formula == "(a2 - y) / 2"
    assert lines["dW2"].formula == "a1^T dscores"
    delta, a1 = lines["dscores"].right, lines["a1"].right
    np.testing.assert_allclose(a1.T @ delta, lines["dW2"].right, rtol=1e-12)
    assert not any(line.differs for line in lines.values())


def test_a_product_without_its_bias_is_not_z():
    source = (
        "def forward(X, y, W1, b1):\n    p = X @ W1\n    q = p + b1\n    out = sigmoid(q)\n"
        "def other(X, y, W1):\n    r = X @ W1\n    return r\n"
    )
    names = spelled([ast.parse(source)], by_number, Layout()).names
    assert (names["z1"], names["a1"]) == ("q", "out"), names


def test_thresholds_are_told_as_the_declaration_names_them(tmp_path):
    text = (EXAMPLES / "declared" / "thresholds.py").read_text(encoding="utf-8")
    right = "self.gamma += -eta * e"
    assert right in text
    path = tmp_path / "thresholds.py"
    path.write_text(text.replace(right, "self.gamma += eta * e"), encoding="utf-8")
    beside = EXAMPLES / "declared" / "thresholds.gradcheck.py"
    (tmp_path / beside.name).write_text(beside.read_text(encoding="utf-8"), encoding="utf-8")
    entry = gradcheck.check(path, seed=3, examples=24).data["implementations"][0]
    diagnosis = entry["diagnoses"][0]
    assert diagnosis["right"] == "-delta1", f"a threshold's gradient is -delta: {diagnosis}"
    message = next(f["message"] for f in entry["findings"] if f["check"] == "gradient")
    assert "gamma[" in message, message
    formulas = {line["quantity"]: line["formula"] for line in entry["counterexample"]["by_hand"]}
    assert formulas["z1"] == "x v - gamma", formulas


def test_a_delta_that_is_a_guess_is_not_told_as_that_of_the_code():
    """Layers returned in reverse: no delta goes with both dW and db."""
    asked = problem("1-1-1 tanh,identity half_squared_error mean", 1)
    lines = worked(asked, "layers_returned_in_reverse", AS_DEFINED)
    assert lines["delta2"].code is None, lines["delta2"]
    assert lines["delta1"].code is None, lines["delta1"]
    differs = [name for name, line in lines.items() if line.differs]
    assert differs == ["dW2", "db2", "dW1", "db1"], differs


def test_what_weights_get_before_the_slope_is_not_called_their_delta():
    """The advice would be what the code has already."""
    source = """
def loss(X, y, W1, b1, W2, b2):
    z = X @ W1 + b1
    h = relu(z)
    out = h @ W2 + b2
    d = out - y
    dh = d @ W2.T
    dz = dh * (z > 0)
    dW2 = h.T @ d
    db2 = d.sum(axis=0)
    dW1 = X.T @ dh
    db1 = dz.sum(axis=0)
    return dW1, db1, dW2, db2
"""
    names = spelled([ast.parse(source)], by_number, Layout()).names
    assert names["delta2"] == "d", names
    assert "delta1" not in names, names


def test_a_message_names_gradients_as_the_code_does():
    notation = Notation.of(Conventions(names=OwnNames("column", {"dW1": "nabla_w[0]"})))
    told = notation.named("dW1 has shape (3, 3), expected (3, 2)")
    assert told == "nabla_w[0] has shape (3, 3), expected (3, 2)"
    assert NATIVE.named("db2 has shape (1,)") == "db2 has shape (1,)"


@pytest.mark.parametrize(
    ("factors", "product"),
    [
        ((), ""),
        (("1/2", "2"), ""),
        (("1/2", "2/n"), "1/n"),
        (("1/2", "2/n", "1/2"), "1/(2n)"),
        (("1/(2n)", "2/n"), "1/n^2"),
        (("2", "2"), "4"),
        (("1/2", ""), "1/2"),
    ],
)
def test_the_factors_of_a_loss_are_multiplied(factors, product):
    assert coefficient(*factors) == product


def test_an_error_has_the_factor_of_the_codes_own_loss():
    notation = Notation.of(AS_DEFINED, scale="1/2")
    text = "{loss: (a - y)}, {twice the loss: (a - y)}, {half the loss: sign(a - y)}"
    told = notation.tell(text, factor="2/n")
    assert told == "1/n (a - y), 2/n (a - y), 1/(2n) sign(a - y)"
    assert NATIVE.tell(text) == "a - y, 2 (a - y), 1/2 sign(a - y)"
