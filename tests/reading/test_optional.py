"""A function that only has the name of an optional one is left out, and told; others are judged."""

import pytest

import gradcheck
from tests.reading.conftest import example, wrong_checks
from tests.tiers import sampled

pytestmark = pytest.mark.slow  # each starts a worker, or several

NATIVE = """\
import numpy as np

networks = ["2-3-2 tanh,identity half_squared_error", "3-2 identity half_squared_error"]


def activations_of(params, x):
    a = [x]
    for layer, (W, b) in enumerate(params, start=1):
        z = a[-1] @ W + b
        a.append(np.tanh(z) if layer < len(params) else z)
    return a


def loss_and_grads(network, params, batch):
    a = activations_of(params, batch.x)
    d = (a[-1] - batch.y) / len(batch.x)
    loss = 0.5 * np.sum((a[-1] - batch.y) ** 2) / len(batch.x)
    grads = []
    for layer in range(len(params), 0, -1):
        grads.insert(0, (a[layer - 1].T @ d, d.sum(axis=0)))
        if layer > 1:
            d = (d @ params[layer - 1][0].T) * SLOPE
    return loss, grads
"""

RIGHT, WRONG = "(1 - a[layer - 1] ** 2)", "(1 - a[layer - 1])"

#: Functions that serve another purpose than the optional ones.
OTHERS = {
    "a forward that returns all activations": """
def forward(network, params, x):
    a = activations_of(params, x)
    return a[-1], a
""",
    "a forward that returns a dict": """
def forward(network, params, x):
    return {"a": activations_of(params, x)}
""",
    "a forward of one layer": """
def forward(x, W, b):
    return x @ W + b
""",
    "a forward of parameters": """
def forward(params, x):
    return activations_of(params, x)[-1]
""",
    "a step of Adam with its state": """
def step(params, grads, m, v, t, lr=0.001, beta1=0.9, beta2=0.999):
    t = t + 1
    m = [beta1 * a + (1 - beta1) * g for a, g in zip(m, grads)]
    return params, m, v, t
""",
    "a step of Adam that is given four things": """
def step(params, grads, state, lr):
    state["t"] += 1
    return params, state
""",
    "a step in place": """
def step(network, params, batch, rate):
    _, grads = loss_and_grads(network, params, batch)
    for (W, b), (dW, db) in zip(params, grads):
        W -= rate * dW
        b -= rate * db
""",
    "a step that returns its state": """
def step(network, params, batch, rate):
    _, grads = loss_and_grads(network, params, batch)
    return [(W - rate * dW, b - rate * db) for (W, b), (dW, db) in zip(params, grads)], grads, 1
""",
}

#: Optional functions that are wrong: a check that finds it, or the contract.
BROKEN = {
    "outputs without the last bias": ("forward", """
def forward(network, params, x):
    return activations_of(params, x)[-1] - params[-1][1]
"""),
    "outputs turned": ("contract", """
def forward(network, params, x):
    return activations_of(params, x)[-1].T
"""),
    "a name that is not there": ("contract", """
def step(network, params, batch, rate):
    return params - learning_rate * grads
"""),
    "a step uphill": ("step", """
def step(network, params, batch, rate):
    _, grads = loss_and_grads(network, params, batch)
    return [(W + rate * dW, b + rate * db) for (W, b), (dW, db) in zip(params, grads)]
"""),
    "a step with W turned": ("contract", """
def step(network, params, batch, rate):
    _, grads = loss_and_grads(network, params, batch)
    return [((W - rate * dW).T, b - rate * db) for (W, b), (dW, db) in zip(params, grads)]
"""),
}  # fmt: skip


def native(more="", slope=RIGHT):
    return NATIVE.replace("SLOPE", slope) + "\n" + more


@pytest.mark.parametrize("name", sampled(OTHERS))
def test_right_code_is_correct_beside_a_function_with_another_purpose(examined, name):
    entry = examined(native(OTHERS[name]))
    assert entry["verdict"] == "correct", f"{name}: {entry['error']}, {wrong_checks(entry)}"
    word = "forward" if "forward" in name else "step"
    assert any(n.startswith(f"not asked: {word}") for n in entry["notes"]), entry["notes"]
    assert word not in {f["check"] for f in entry["findings"]}


@pytest.mark.usefixtures("undiagnosed")
@pytest.mark.parametrize("name", ["a forward of one layer", "a step in place"])
def test_wrong_code_is_wrong_beside_a_function_with_another_purpose(examined, name):
    entry = examined(native(OTHERS[name], WRONG))
    assert entry["verdict"] == "wrong", entry["notes"]


@pytest.mark.usefixtures("undiagnosed")
@pytest.mark.parametrize("name", list(BROKEN))
def test_an_optional_function_that_follows_the_contract_is_judged(examined, name):
    check, text = BROKEN[name]
    entry = examined(native(text))
    assert check in wrong_checks(entry), f"{name}: {entry['verdict']}, {entry['notes']}"


ADAM = """

def initialize_adam(parameters):
    return {}, {}


def update_parameters_with_adam(parameters, grads, v, s, t, learning_rate=0.01, beta1=0.9):
    for name in list(parameters):
        v[name] = beta1 * v.get(name, 0) + (1 - beta1) * grads["d" + name]
        parameters[name] = parameters[name] - learning_rate * v[name]
    return parameters, v, s
"""


@pytest.mark.usefixtures("undiagnosed")
def test_the_plain_update_is_preferred_to_one_that_keeps_something(examined):
    text = example("deeplearning_ai.py")
    before, name, rest = text.partition("def update_parameters(")
    assert name, "the example has no update_parameters"
    both = before + ADAM.strip() + "\n\n\n" + name + rest
    entry = examined(both)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert "step" in {f["check"] for f in entry["findings"]}, entry["notes"]
    uphill = both.replace(
        "parameters[name] - learning_rate * g", "parameters[name] + learning_rate * g"
    )
    assert "step" in wrong_checks(examined(uphill))


def test_an_update_with_adam_alone_is_left_out(examined):
    text = example("deeplearning_ai.py")
    before = text.partition("def update_parameters(")[0]
    entry = examined(before + ADAM)
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert "step" not in {f["check"] for f in entry["findings"]}


UNNAMED_UPDATE = """
import numpy as np
def forward(X, W1, b1, W2, b2):
    A1 = np.tanh(X @ W1 + b1)
    A2 = A1 @ W2 + b2
    return A1, A2
def cost(A2, Y):
    return np.sum((A2 - Y) ** 2) / len(Y)
def backward(X, Y, A1, A2, W2):
    dA2 = 2 * (A2 - Y) / len(Y)
    dZ1 = dA2 @ W2.T * (1 - A1 ** 2)
    dW1, db1, dW2, db2 = X.T @ dZ1, dZ1.sum(axis=0), A1.T @ dA2, dA2.sum(axis=0)
    return dW1, db1, dW2, db2
def update(W1, b1, W2, b2, dW1, db1, dW2, db2, lr):
    return W1 - lr * dW1, b1 - lr * db1, W2 - lr * dW2, b2 - lr * db2
"""


@pytest.mark.parametrize("seed", sampled(range(3), 3))
def test_what_an_update_returns_is_known_on_sizes_that_tell(tmp_path, seed):
    path = tmp_path / "student.py"
    path.write_text(UNNAMED_UPDATE, encoding="utf-8")
    entry = gradcheck.check(path, seed=seed, examples=24).data["implementations"][0]
    assert entry["verdict"] == "correct", f"seed {seed}: {entry['findings']}"
    assert "step" in {f["check"] for f in entry["findings"]}, "no step was asked"
