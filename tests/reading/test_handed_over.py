"""What a program or a notebook's cell hands over goes through the adapters as a file does."""

import linecache
import subprocess
import sys

import numpy as np
import pytest

import gradcheck
from tests.reading.conftest import PROBLEMS, example, planted
from tests.tiers import sampled

pytestmark = pytest.mark.slow  # each starts a worker, or several

NIELSEN = example("nielsen.py")
WRONG = planted("nielsen.py", "* sigmoid_prime(zs[-l])", "* sigmoid(zs[-l])")
FAILS = planted("nielsen.py", "* sigmoid_prime(zs[-l])", "* sigmoid_primee(zs[-l])")


def cell(text, file="<cell 7>", **names):
    """Run a cell's text where there is no file, as a notebook does."""
    scope = {"__name__": "__main__", **names}
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), scope)
    return scope


def entry_of(target, **options):
    record = gradcheck.check(target, seed=3, examples=PROBLEMS, **options)
    return record.data["implementations"][0]


@pytest.mark.parametrize(
    ("name", "target", "adapter"),
    sampled(
        [
            ("nielsen.py", "Network", "nielsen"),
            ("cs231n.py", "TwoLayerNet", "cs231n"),
            ("in_place.py", "NeuralNetwork", "in place"),
            ("deeplearning_ai.py", "backward_propagation", "deeplearning.ai"),
            ("ng.py", "nnCostFunction", "flat vector"),
            ("native.py", "loss_and_grads", "native"),
        ]
    ),
)
def test_a_class_or_function_of_a_cell_is_read_by_its_adapter(name, target, adapter):
    scope = cell(example(name))
    entry = entry_of(scope[target])
    assert (entry["verdict"], entry["adapter"]["name"]) == ("correct", adapter), entry["error"]
    assert entry["name"] == target, entry["name"]


def test_an_object_is_read_by_its_adapter_and_stays_as_it_was():
    net = cell(NIELSEN)["Network"]([3, 4, 2])
    before = [w.copy() for w in net.weights]
    entry = entry_of(net)
    assert (entry["verdict"], entry["adapter"]["name"]) == ("correct", "nielsen"), entry["error"]
    assert {text.split()[0] for text in entry["supports"]["networks"]} == {"3-4-2"}
    assert all((a == b).all() for a, b in zip(before, net.weights, strict=True)), "it was changed"


def test_an_object_of_the_sizes_of_a_probe_is_of_those_sizes_only():
    entry = entry_of(cell(NIELSEN)["Network"]([3, 5, 2]))
    networks = {text.split()[0] for text in entry["supports"]["networks"]}
    assert networks == {"3-5-2"}, networks


def test_a_method_stands_for_its_object_or_class():
    network = cell(NIELSEN)["Network"]
    for method in (network([3, 4, 2]).backprop, network.backprop):
        entry = entry_of(method)
        found = entry["verdict"], entry["adapter"]["name"]
        assert found == ("correct", "nielsen"), f"{found}: {entry['error']}"


def test_a_wrong_class_of_a_cell_is_wrong_and_told_in_its_words():
    entry = entry_of(cell(WRONG)["Network"])
    assert entry["verdict"] == "wrong", entry["error"]
    assert {d["site"] for d in entry["diagnoses"]} == {"activation_derivative"}, entry["diagnoses"]


@pytest.mark.parametrize("file", ["<cell 7>", "<string>", "<ipython-input-4-f00>"])
def test_what_a_cell_raises_is_told_with_its_line(file):
    entry = entry_of(cell(FAILS, file)["Network"])
    message = entry["error"]["message"]
    assert "line 39, `delta = np.dot(self.weights[-l + 1].T, delta) * sigmoid_primee" in message
    assert "NameError: name 'sigmoid_primee' is not defined" in message, message


def test_a_cell_whose_text_is_gone_is_asked_all_the_same():
    scope = {}  # not even a name of the module
    exec(compile(NIELSEN, "<nowhere>", "exec"), scope)
    assert entry_of(scope["Network"])["verdict"] == "correct"
    assert entry_of(scope["Network"]([3, 4, 2]))["verdict"] == "correct"


def test_functions_that_work_together_are_one_target():
    scope = cell(example("deeplearning_ai.py"))
    names = ("forward_propagation", "compute_cost", "backward_propagation")
    record = gradcheck.check([scope[name] for name in names], seed=3, examples=PROBLEMS)
    (entry,) = record.data["implementations"]
    assert (entry["verdict"], entry["name"]) == ("correct", ", ".join(names)), entry["error"]
    assert "update_parameters" not in entry["adapter"]["conventions"]["functions"]


def test_several_that_are_each_enough_are_several_targets():
    first, second = (cell(example("native.py"))["loss_and_grads"] for _ in range(2))
    record = gradcheck.check([first, second], seed=3, examples=PROBLEMS)
    assert len(record.data["implementations"]) == 2


def test_a_function_of_any_name_is_taken_by_the_contract_if_nothing_else_fits():
    scope = cell(example("native.py").replace("loss_and_grads", "mine"))
    entry = entry_of(scope["mine"])
    assert (entry["verdict"], entry["adapter"]["name"]) == ("correct", "native"), entry["error"]


def test_a_function_beside_another_is_the_one_that_is_asked():
    right = example("ng.py")
    wrong = right.replace("def nnCostFunction", "def other").replace("/ m", "/ (m + 1)")
    scope = cell(f"{wrong}\n{right[right.index('def nnCost') :]}")
    assert entry_of(scope["nnCostFunction"])["verdict"] == "correct"
    assert entry_of(scope["other"])["adapter"]["conventions"]["function"] == "other"


GLOBALS = """
import numpy as np

w1 = np.full((3, 4), 0.1)
b1 = np.zeros(4)
w2 = np.full((4, 2), 0.2)
b2 = np.zeros(2)
learning_rate = 0.25
history = []


def forward(x):
    return np.tanh(x @ w1 + b1) @ w2 + b2


def train(x, y):
    global w1, b1, w2, b2
    h = np.tanh(x @ w1 + b1)
    delta = (h @ w2 + b2 - y) / len(x)
    hidden = (delta @ w2.T) * (1 - h**2)
    history.append(0)
    w2 = w2 - learning_rate * h.T @ delta
    b2 = b2 - learning_rate * delta.sum(axis=0)
    w1 = w1 - learning_rate * x.T @ hidden
    b1 = b1 - learning_rate * hidden.sum(axis=0)
"""


def test_variables_that_functions_train_are_put_back():
    scope = cell(GLOBALS)
    before = {name: scope[name] for name in ("w1", "b1", "w2", "b2", "learning_rate", "history")}
    numbers = before["w1"].copy()
    entry = entry_of(scope["train"])
    assert (entry["verdict"], entry["adapter"]["name"]) == ("correct", "in place"), entry["error"]
    changed = [name for name, value in before.items() if scope[name] is not value]
    assert not changed, f"other objects stand in {changed}"
    assert (scope["w1"] == numbers).all(), "the numbers in w1 were changed"
    assert scope["history"] == [], "the list holds what our questions left"


class Locked:
    """Cannot be copied, as with an open file or a lock."""

    def __init__(self):
        self.w1 = np.zeros((3, 2))

    def __reduce__(self):
        raise TypeError("cannot pickle 'lock' object")

    def backward(self, x, y):
        return self.w1


class Sealed(type):
    def __new__(mcs, name, bases, body):
        if bases:
            raise TypeError("not to be derived from")
        return super().__new__(mcs, name, bases, body)


class Final(metaclass=Sealed):
    def backward(self, x, y):
        return x


class Forecast:
    def predict(self, x):
        return x


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (3, "an object of type int"),
        (np.zeros(3), "an object of type ndarray"),
        ([], "there is nothing to check"),
        (Locked(), "cannot be copied (TypeError: cannot pickle 'lock' object)"),
        (Final(), "cannot be asked (TypeError: not to be derived from)"),
        (Forecast, "no adapter recognises it. It has the class Forecast() with predict(x)"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(target, said):
    with pytest.raises(gradcheck.UsageError) as caught:
        gradcheck.check(target)
    assert said in str(caught.value), caught.value


NATIVE_CLASS = """
class Linear:
    networks = ("2-2 identity half_squared_error sum",)

    def __init__(self, factor{default}):
        self.factor = factor

    def loss_and_grads(self, network, params, batch):
        ((w, b),) = params
        delta = batch.x @ w + b - batch.y
        return 0.5 * (delta**2).sum(), [(self.factor * batch.x.T @ delta, delta.sum(axis=0))]
"""


def test_a_class_that_follows_the_contract_is_made_without_arguments():
    linear = cell(NATIVE_CLASS.format(default="=1.0"))["Linear"]
    entry = entry_of(linear)
    assert (entry["verdict"], entry["name"]) == ("correct", "Linear"), entry["error"]
    assert entry_of(linear(1.1))["verdict"] == "wrong"
    needy = cell(NATIVE_CLASS.format(default=""))["Linear"]
    with pytest.raises(
        gradcheck.UsageError, match=r"Linear\(\) raised TypeError: .*factor.*; hand"
    ):
        gradcheck.check(needy)


def test_a_declaration_is_for_files():
    with pytest.raises(gradcheck.UsageError, match="are for files"):
        gradcheck.check(Locked, declaration="x.gradcheck.py")


@pytest.mark.parametrize(
    ("attribute", "verdict", "said"),
    [
        ("Network", "correct", ""),
        ("net", "correct", ""),
        ("Network.backprop", "correct", ""),
        ("Networ", "error", "has no attribute Networ; did you mean Network?"),
        ("three", "error", "an object of type int"),
        ("sigmoid", "error", "student.py:sigmoid has no function loss_and_grads"),
    ],
)
def test_an_attribute_of_a_file_is_read_by_its_adapter(tmp_path, attribute, verdict, said):
    path = tmp_path / "student.py"
    path.write_text(f"{NIELSEN}\nnet = Network([3, 4, 2])\nthree = 3\n", encoding="utf-8")
    entry = entry_of(f"{path}:{attribute}")
    assert entry["verdict"] == verdict, entry["error"]
    assert said in (entry["error"] or {"message": ""})["message"], entry["error"]


def test_an_attribute_of_a_module_is_read_by_its_adapter(tmp_path, monkeypatch):
    (tmp_path / "handed").mkdir()
    (tmp_path / "handed" / "__init__.py").touch()
    (tmp_path / "handed" / "book.py").write_text(WRONG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    entry = entry_of("handed.book:Network")
    assert (entry["verdict"], entry["adapter"]["name"]) == ("wrong", "nielsen"), entry["error"]


def test_a_program_given_on_the_command_line_can_check_its_class():
    code = f"{NIELSEN}\nimport gradcheck\nprint(repr(gradcheck.check(Network, examples=20)))\n"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "<Record correct: Network>", ended.stdout
