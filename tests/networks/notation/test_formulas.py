"""A formula told in a layout gives, on arrays in that layout, what it gives as defined.

Every formula of the catalogue is evaluated in every layout that code is read in: what is
written as code is run by Python, on the very arrays that code of that layout would have.
"""

import itertools
import re

import numpy as np
import pytest

from gradcheck.contract.conventions import Conventions, OwnNames
from gradcheck.networks.bugs import CATALOGUE
from gradcheck.networks.notation import NATIVE, Notation
from gradcheck.networks.notation.formula import Quantity, parse, shape_of
from gradcheck.reading.layout import Layout

#: Names and layouts of code: samples, weights, where biases stand and in which form.
LAYOUTS = [
    Conventions(weights, bias, threshold, samples=samples, names=OwnNames(form))
    for samples, weights, (bias, threshold, form) in itertools.product(
        ("rows", "columns", "one vector", "one column"),
        ("in x out", "out x in"),
        (
            ("apart", False, "vector"),
            ("apart", False, "column"),
            ("apart", False, "row"),
            ("apart", True, "vector"),
            ("first", False, ""),
            ("last", False, ""),
            ("missing", False, ""),
        ),
    )
    # what no code has: a bias that does not broadcast over its samples
    if not (form == "column" and samples in ("rows", "one vector"))
    and not (form == "row" and samples not in ("rows",))
    and not (form == "vector" and samples in ("columns", "one column"))
]

TEXTS = ("title", "wrong", "right", "why", "mend", "hides")

FORMULAS = sorted(
    {
        part.removeprefix("code(").removesuffix(")") if part.startswith("code(") else part
        for bug in CATALOGUE.values()
        for text in TEXTS
        for part in re.findall(r"\{([^{}]+)\}", getattr(bug, text))
        if part not in NATIVE.words and "loss: " not in part
    }
    | {"inputs @ W + b", "inputs.T @ delta", "delta[up] @ W[up].T", "total(delta)"}
)

#: Formulas that Python can run: no entries of samples, and no shape that is only a letter.
RUN = [
    text
    for text in FORMULAS
    if not re.search(r"\.(?!T\b)[a-zA-Z_]|reshaped|mask|\be\b|mean|float16|n\]", text)
]

#: All alike, so that wrong formulas too can be run.
WIDTHS, LAYER, DEPTH = (4, 4, 4, 4), 2, 3


def ids(layout):
    return f"{', '.join(layout.describe().values())} {layout.names.form}"


def test_there_are_formulas_to_run():
    assert len(RUN) > 60, f"only {len(RUN)} of {len(FORMULAS)} formulas are run"


def arrays(samples):
    """Quantities as defined, by layer: samples in rows, weights in x out."""
    rng = np.random.default_rng(5)
    made = {"a": {}, "z": {}, "delta": {}, "W": {}, "b": {}, "dW": {}, "db": {}}
    for layer, width in enumerate(WIDTHS):
        for name in ("a", "z", "delta"):
            made[name][layer] = rng.normal(size=(samples, width))
        if layer:
            for name in ("W", "dW"):
                made[name][layer] = rng.normal(size=(WIDTHS[layer - 1], width))
            for name in ("b", "db"):
                made[name][layer] = rng.normal(size=width)
    return made


def namespace(made, notation):
    """The arrays as code of a layout has them, under the names that formulas have."""
    names = {
        "np": np,
        "N": 7.0,
        "n": WIDTHS,
        "l": LAYER,
        "L": DEPTH,
        "rate": 0.3,
        "l2": 0.7,
        "j": 1,
        "k": 1,
        "i": 0,
        "phi": np.tanh,
        "phi_prime": lambda z: 1 / np.cosh(z) ** 2,
        "sign": np.sign,
    }
    for name in ("a", "z", "delta"):
        for layer, values in made[name].items():
            key = "x" if (name, layer) == ("a", 0) else f"{name}{layer}"
            names[key] = notation.samples(values)
    for prefix in ("", "d"):
        for layer in range(1, DEPTH + 1):
            w, b = made[f"{prefix}W"][layer], made[f"{prefix}b"][layer]
            matrix, vector = notation.layout.pack(w, b)
            if notation.bare:
                matrix = notation.weights(w)
            names[f"{prefix}W{layer}"] = matrix
            names[f"{prefix}b{layer}"] = notation.biases(b if vector is not None else 0 * b)
    return names


def laid(values, shape, notation):
    """What is expected of a value in a layout."""
    if shape == ("N", "n"):
        return notation.samples(values)
    if shape == ("n", "n"):
        return notation.weights(values)
    return notation.biases(values) if shape == ("n",) else values


@pytest.mark.parametrize("text", RUN)
def test_a_formula_gives_the_same_in_every_layout(text):
    for layout in LAYOUTS:
        notation = Notation.of(layout)
        if notation.bare and re.search(r"\bd?b\b", text):
            continue  # there are no biases in such code
        made = arrays(1 if layout.samples.startswith("one") else 6)
        native = NATIVE.formula(text, LAYER, python=True, depth=DEPTH)
        written = notation.formula(text, LAYER, python=True, depth=DEPTH)
        got = np.asarray(eval(written, namespace(made, notation)))
        right = np.asarray(eval(native, namespace(made, NATIVE)))
        expected = np.asarray(laid(right, shape_of(parse(text)), notation))
        if notation.one_by_one or notation.inside:  # one sample, or biases cut out of a matrix
            expected, got = expected.squeeze(), got.squeeze()
        message = f"{written} in {ids(layout)}"
        assert got.shape == expected.shape, f"{message}: {got.shape}, not {expected.shape}"
        np.testing.assert_allclose(got, expected, rtol=1e-10, err_msg=message)


@pytest.mark.parametrize("slug", CATALOGUE)
def test_no_expression_of_another_layout_is_told(slug):
    bug = CATALOGUE[slug]
    for notation in map(Notation.of, LAYOUTS):
        axis = f"axis={int(notation.columns)}"
        for field in TEXTS:
            text = notation.tell(getattr(bug, field), LAYER, DEPTH)
            assert "{" not in text, f"{field} of {slug} is not filled in: {text}"
            for each in re.findall(r"np\.sum\([^)]*axis=\d", text):
                assert each.endswith(axis), f"{field} of {slug}: {text}"
            if field == "right":
                assert_right_products(text, notation, slug)


def assert_right_products(text, notation, slug):
    """A right formula multiplies from the side, and with the transposes, of the layout."""
    for term in re.findall(r"\S+ \S+", text):
        left, right = term.split()
        if re.fullmatch(r"W3\S*", right) and left.startswith("delta3"):
            assert not notation.columns, f"{slug} in columns: {text}"
        if re.fullmatch(r"W3\S*", left) and right.startswith("delta3"):
            assert notation.columns, f"{slug} in rows: {text}"


def test_native_texts_are_those_of_the_definitions():
    bug = CATALOGUE["batch_mean_missing"].told()
    assert (bug.wrong, bug.right) == ("a^T delta", "a^T delta / N")
    bug = CATALOGUE["transpose_missing"].told()
    assert (bug.wrong, bug.right) == ("delta' W'", "delta' W'^T")


@pytest.mark.parametrize(
    ("layout", "formula", "written"),
    [
        (("columns", "out x in"), "inputs.T @ delta", "delta2 a1^T"),
        (("columns", "out x in"), "delta[up] @ W[up].T", "W3^T delta3"),
        (("columns", "out x in"), "inputs @ W + b", "W2 a1 + b2"),
        (("rows", "out x in"), "inputs.T @ delta", "delta2^T a1"),
        (("rows", "out x in"), "delta[up] @ W[up].T", "delta3 W3"),
        (("columns", "in x out"), "inputs.T @ delta", "a1 delta2^T"),
        (("columns", "in x out"), "inputs @ W + b", "W2^T a1 + b2"),
        (("one vector", "out x in"), "inputs.T @ delta", "outer(delta2, a1)"),
        (("one vector", "in x out"), "inputs.T @ delta", "outer(a1, delta2)"),
        (("rows", "in x out"), "delta[up] @ (W[up] - rate * dW[up]).T", "delta3 (W3 - rate dW3)^T"),
    ],
)
def test_a_formula_is_written_as_code_of_the_layout_has_it(layout, formula, written):
    samples, weights = layout
    notation = Notation(Layout(weights=weights, samples=samples))
    assert notation.formula(formula, 2) == written


def test_without_the_first_layer_below_there_is_x():
    notation = Notation(Layout(weights="out x in", samples="columns"))
    assert notation.formula("inputs.T @ delta", 1) == "delta1 x^T"


def test_axis_and_shapes_are_those_of_the_layout():
    columns = Notation.of(Conventions("out x in", samples="columns", names=OwnNames("column")))
    text = CATALOGUE["bias_gradient_not_summed"].mend
    assert columns.tell(text, 2) == ("Sum over the samples: np.sum(delta2, axis=1, keepdims=True).")
    assert NATIVE.tell(text) == "Sum over the samples: np.sum(delta, axis=0)."


def test_names_that_are_no_names_are_not_believed():
    names = {
        "delta2": "dZ2",
        "W1": "\x1b[31m",
        "a1": 99 * "a",
        "z1": "__import__('os')",
        "x": "X;rm",
    }
    hostile = Conventions(names=OwnNames("column", names))
    assert Notation.of(hostile).spelling.names == {"delta2": "dZ2"}


def test_a_name_in_a_formula_is_known():
    for text in FORMULAS:
        unknown = [
            word
            for word in re.findall(r"[A-Za-z_]\w*", text)
            if isinstance(parse(word), Quantity) and not shape_of(parse(word)) and len(word) > 2
        ]
        known = {"inputs", "delta", "rate", "total", "slope", "mean", "pinv", "abs", "sign", "phi"}
        known |= {"n_below", "n_inputs", "n_outputs", "float16", "reshaped", "reshaped_back"}
        assert set(unknown) <= known | {"up", "T", "l2", "mask"}, f"{text}: {unknown}"


@pytest.mark.parametrize(
    "text",
    [
        "KeyError: {'a': 1}",
        "{__import__('os')}",
        "{W[1:2]}",
        "{a % b}",
        "{N @ N}",
        "{" + "(" * 60 + "}",
        "{" + "-" * 110 + "1}",
        "{}",
        "{lambda: 0}",
        "{total(3) @ W}",
        "{W[a,b,c]}",
    ],
)
def test_braces_that_are_no_formula_stay_as_they_are(text):
    for layout in LAYOUTS:
        Notation.of(layout).tell(text, LAYER, DEPTH)  # nothing is raised
    assert NATIVE.tell("{'a': 1} and {__import__('os')}") == "{'a': 1} and {__import__('os')}"
