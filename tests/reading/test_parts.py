"""What adapters are made of: layouts, the unit that is always on, steps, and cut scripts."""

import ast
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.adapters import Declaration
from gradcheck.contract.conventions import BIAS_PLACES, SAMPLE_LAYOUTS, WEIGHT_LAYOUTS
from gradcheck.networks import sampling
from gradcheck.networks.bugs.textbook import Textbook
from gradcheck.networks.definitions import ACTIVATIONS, HIDDEN_ACTIVATIONS, evaluate
from gradcheck.networks.fast_estimate import Truth
from gradcheck.networks.problem import Batch, Network, Params, Problem
from gradcheck.reading.foreign_call import is_bias, is_gradient, is_loss, is_weight, plays
from gradcheck.reading.layout import AT_ONE, Layout, narrow, widen, wider
from gradcheck.reading.parameters import Family, RowPart
from gradcheck.reading.paths import ArrayPath, read, write
from gradcheck.reading.running import FIRST_IN_SCRIPT, first, one_iteration, to_run, training_loop
from gradcheck.reading.update_method import gradient

layouts = st.builds(
    Layout,
    st.sampled_from(WEIGHT_LAYOUTS),
    st.sampled_from([b for b in BIAS_PLACES if b != "missing"]),
    st.sampled_from(SAMPLE_LAYOUTS),
    st.booleans(),
)


@given(layouts, st.integers(1, 4), st.integers(1, 4), st.integers(0, 10**6))
def test_a_layer_comes_back_from_every_layout_as_it_was(layout, n_in, n_out, seed):
    rng = np.random.default_rng(seed)
    w, b = rng.normal(size=(n_in, n_out)), rng.normal(size=n_out)
    again = layout.unpack(*layout.pack(w, b), n_in, n_out)
    assert np.array_equal(again[0], w), f"{layout}: W came back as {again[0]}"
    assert np.array_equal(again[1], b), f"{layout}: b came back as {again[1]}"


@given(layouts, st.integers(1, 4), st.integers(1, 4), st.integers(0, 10**6))
def test_samples_come_back_from_every_layout_as_they_were(layout, n, width, seed):
    n = 1 if layout.samples.startswith("one") else n
    width = 1 if layout.samples == "one number a row" else width
    samples = np.random.default_rng(seed).normal(size=(n, width))
    again = layout.take(layout.give(samples), width, n)
    assert np.array_equal(again, samples), f"{layout}: {samples} came back as {again}"


def test_transposed_weights_are_refused_and_not_reshaped():
    with pytest.raises(ValueError, match=r"shape \(3, 2\), expected \(2, 3\)"):
        Layout().unpack(np.zeros((3, 2)), np.zeros(3), 2, 3)


@pytest.mark.parametrize("name", HIDDEN_ACTIVATIONS)
def test_what_an_activation_gives_for_one_is_known(name):
    wanted = float(ACTIVATIONS[name].forward(np.ones(1))[0])
    assert AT_ONE.get(name) == pytest.approx(wanted, rel=1e-15), (
        f"AT_ONE in gradcheck/reading/layout.py has {AT_ONE.get(name)} for {name}(1), {wanted}"
    )


@pytest.mark.parametrize(
    "text",
    [
        "2-3-1 tanh,sigmoid squared_error mean",
        "2-3 relu squared_error sum",
        "2-2 tanh a_loss mean l2=1e-1",
    ],
)
def test_the_network_of_a_declaration_is_written_as_networks_are_printed(text):
    declaration = Declaration(network=text, gradients=len)
    wanted = text.replace("a_loss", "squared_error")
    printed = declaration.networks()[0].replace("a_loss", "squared_error")
    assert printed == str(Network.parse(wanted))


def test_a_network_without_a_reduction_leaves_it_open():
    printed = Declaration(network="2-2 tanh squared_error l2=1e-1", gradients=len).networks()
    assert printed == ("2-2 tanh squared_error l2=0.1",), printed


NETWORKS = ["2-3-1 tanh,sigmoid half_squared_error", "3-4-2-2 relu,elu,softmax cross_entropy sum"]


def bare_problem(problem):
    """The same problem on the wider network of code without biases."""
    weights, x = widen(problem.network, problem.params.copies(), problem.batch.x)
    network = Network(
        wider(problem.network.widths),
        problem.network.activations,
        problem.network.loss,
        problem.network.reduction,
    )
    params = Params([(w, np.zeros(w.shape[1])) for w in weights])
    return Problem(network, params, Batch(x, problem.batch.y))


@pytest.mark.parametrize("text", NETWORKS)
def test_code_without_biases_computes_the_network_it_is_read_as(text):
    problem = sampling.fill(np.random.default_rng(1), Network.parse(text), 4)
    wide = bare_problem(problem)
    seen = evaluate(wide.network, wide.params.pairs, wide.batch.x).a[-1]
    wanted = Truth(problem).outputs
    assert np.allclose(seen, wanted, rtol=1e-13, atol=1e-14), f"{seen} for {wanted}"


@pytest.mark.parametrize("text", NETWORKS)
def test_the_gradient_of_code_without_biases_is_that_of_the_network_it_is_read_as(text):
    problem = sampling.fill(np.random.default_rng(1), Network.parse(text), 4)
    wide = bare_problem(problem)
    _, grads = Textbook().loss_and_grads(wide.network, wide.params.copies(), wide.batch)
    pairs = narrow(problem.network, [dw for dw, _ in grads])
    for layer, (dw, db) in enumerate(pairs, start=1):
        for name, got in ((f"W{layer}", dw), (f"b{layer}", db)):
            wanted = Truth(problem).gradient[name].value
            assert np.allclose(got, wanted, rtol=1e-11, atol=1e-13), f"{name}: {got} for {wanted}"


def textbook_step(problem, rules=None):
    book = Textbook(rules)

    def step(pairs, rate):
        given = [(np.array(w, dtype=float), np.array(b, dtype=float)) for w, b in pairs]
        return book.step(problem.network, given, problem.batch, rate)

    return step


def off(problem, pairs):
    truth = Truth(problem).gradient
    return max(
        float(np.abs(array - truth[f"{kind}{layer}"].value).max())
        for layer, pair in enumerate(pairs, start=1)
        for kind, array in zip("Wb", pair, strict=True)
    )


def test_a_plain_step_gives_its_gradient_to_the_last_digits():
    problem = sampling.fill(np.random.default_rng(2), Network.parse(NETWORKS[0]), 4)
    pairs = gradient(textbook_step(problem), problem.params.copies(), None)
    assert off(problem, pairs) < 1e-15, f"off by {off(problem, pairs)}"


@pytest.mark.parametrize("size", [1e-12, 1e-15, 1e-18])
def test_a_tiny_gradient_is_read_off_the_step_at_a_huge_rate(size):
    given = [(np.array([[0.76, -0.36]]), np.array([19.7, -3.1]))]
    true = [(size * np.array([[0.88, -2.09]]), size * np.array([0.5, 1.1]))]

    def step(pairs, rate):
        both = zip(pairs, true, strict=True)
        return [(w - rate * dw, b - rate * db) for (w, b), (dw, db) in both]

    pairs = gradient(step, given, None)
    error = max(
        float(np.abs(one - two).max())
        for got, want in zip(pairs, true, strict=True)
        for one, two in zip(got, want, strict=True)
    )
    assert error < 1e-6 * size, f"off by {error} where the gradient is of size {size}"


@pytest.mark.parametrize("power", [0, 2])
def test_a_rate_that_is_ignored_or_squared_leaves_the_gradient_right(power):
    problem = sampling.fill(np.random.default_rng(2), Network.parse(NETWORKS[0]), 4)
    plain = textbook_step(problem)
    pairs = gradient(lambda given, rate: plain(given, rate**power), problem.params.copies(), None)
    assert off(problem, pairs) < 1e-14, f"off by {off(problem, pairs)}"


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_weights_updated_before_they_are_read_leave_the_gradient_at_a_rate_of_zero(depth):
    widths = (2, 3, 2, 3, 2)[: depth + 1]
    network = Network(widths, ("tanh",) * depth, "half_squared_error", "sum")
    problem = sampling.fill(np.random.default_rng(3), network, 3, "small")

    def step(pairs, rate):
        pairs = [[np.array(w, dtype=float), np.array(b, dtype=float)] for w, b in pairs]
        a = [problem.batch.x]
        for w, b in pairs:
            a.append(np.tanh(a[-1] @ w + b))
        delta = (a[-1] - problem.batch.y) * (1 - a[-1] ** 2)
        for layer in reversed(range(depth)):
            pairs[layer][0] -= rate * a[layer].T @ delta
            pairs[layer][1] -= rate * delta.sum(axis=0)
            delta = (delta @ pairs[layer][0].T) * (1 - a[layer] ** 2)
        return [tuple(pair) for pair in pairs]

    pairs = gradient(step, problem.params.copies(), None)
    assert off(problem, pairs) < 1e-11, f"off by {off(problem, pairs)}"


LOOP = "import numpy as np\nw = np.ones(3)\nprint(w)\nfor i in range(9):\n    w -= 0.1 * w * w\n"


def run_names(tree):
    return [type(node).__name__ for node in tree.body]


def test_a_training_loop_and_what_follows_it_are_not_run_but_for_functions():
    tree = ast.parse(f"{LOOP}w.save()\n\ndef f(): pass\n")
    assert run_names(to_run(tree)) == ["Import", "Assign", "FunctionDef"]


@pytest.mark.parametrize(
    "text",
    [
        "y = [0] * 4\nfor i, c in enumerate([1, 2]):\n    y[i] = c\n",
        "def loss_and_grads(network, params, batch): pass\n" + LOOP,
        "import numpy as np\nfor i in range(3):\n    print(i)\n",
    ],
    ids=["filling a list", "native code", "printing"],
)
def test_a_loop_that_is_no_training_is_run(text):
    tree = ast.parse(text)
    assert training_loop(tree) is None
    assert to_run(tree) is tree


def test_imports_only_runs_imports_definitions_and_constants():
    text = (
        '"""Doc."""\nimport os\nsize = [2, 3]\ndata = open("x")\nclass A: pass\ndef f(): ...\nf()\n'
    )
    kinds = run_names(to_run(ast.parse(text), imports_only=True))
    assert kinds == ["Expr", "Import", "Assign", "ClassDef", "FunctionDef"]


@pytest.mark.parametrize("header", ["for i in range(10):", "while True:"])
@pytest.mark.parametrize("end", ["", "    break\n", "    continue\n"])
def test_one_iteration_of_a_loop_is_run_once(header, end):
    loop = ast.parse(f"{header}\n    count += 1\n{end}").body[0]
    scope = {"count": 0, FIRST_IN_SCRIPT: first}
    exec(compile(one_iteration(loop), "loop", "exec"), scope)
    assert scope["count"] == 1, f"run {scope['count']} times"


@pytest.mark.parametrize(
    "path",
    [
        "layers[{i}].w",
        "layers[-2 + {i}].w",
        "params['W{l}']",
        "held().layers[{i}].w",
        "nested[0, {i}]",
    ],
)
def test_a_path_of_a_declaration_leads_where_python_would_go(path):
    layers = [SimpleNamespace(w=np.zeros((2, 3))), SimpleNamespace(w=np.zeros((3, 1)))]
    holder = SimpleNamespace(
        layers=layers,
        params={"W1": layers[0].w, "W2": layers[1].w},
        held=lambda: holder,
        nested={(0, 0): layers[0].w, (0, 1): layers[1].w},
    )
    write(holder, path, 1, np.full((3, 1), 7.0), [])
    assert np.array_equal(layers[1].w, np.full((3, 1), 7.0)), f"{path} wrote {layers[1].w}"
    assert np.array_equal(layers[0].w, np.zeros((2, 3))), f"{path} wrote into another layer"
    assert np.array_equal(read(holder, path, 1, (3, 1)), layers[1].w), f"{path} reads elsewhere"


@pytest.mark.parametrize("kept", ["array", "list", "numbers"])
def test_a_tensor_in_a_row_is_written_beside_the_others(kept):
    places = tuple(ArrayPath((("item", f"w{n}"),)) for n in range(6))
    root, row = {
        "array": ({"w": np.arange(6.0)}, ArrayPath((("item", "w"),))),
        "list": ({"w": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]}, ArrayPath((("item", "w"),))),
        "numbers": ({f"w{n}": float(n) for n in range(6)}, Family("w", places)),
    }[kept]
    part = RowPart(row, 1, (2, 2))
    part.set(root, np.array([[10.0, 20.0], [30.0, 40.0]]))
    assert list(row.get(root)) == [0.0, 10.0, 20.0, 30.0, 40.0, 5.0], f"{kept}: {root}"
    assert part.get(root).tolist() == [[10.0, 20.0], [30.0, 40.0]], f"{kept}: {part.get(root)}"


NAMES = {
    is_weight: (
        ["W1", "weights", "wih", "who", "syn0", "Theta1", "weights_ih"],
        ["dW1", "b1", "X"],
    ),
    is_bias: (["b1", "bias", "biases", "bh", "bout", "bias_hidden"], ["W1", "batch", "db1"]),
    is_gradient: (["dW1", "db2", "grads", "nabla_b", "delta", "v_w"], ["W1", "b1", "x"]),
    is_loss: (["loss", "cost", "error", "E", "E_total", "mse"], ["output", "lr", "layer"]),
}


@pytest.mark.parametrize("rule", NAMES, ids=lambda rule: rule.__name__)
def test_names_are_told_apart(rule):
    yes, no = NAMES[rule]
    assert [name for name in yes if not rule(name)] == []
    assert [name for name in no if rule(name)] == []


def test_spellings_of_a_role_are_one():
    for name in ("learning_rate", "learningRate", "LEARNING_RATE", "lr", "alpha", "eta"):
        assert plays(name, "rate"), name
