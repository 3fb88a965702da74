"""``gradcheck check`` on foreign code: what is said, the options, and what cannot be read."""

import json

import pytest

from tests.reading.conftest import example


def entry_of(result):
    return json.loads(result.out)["implementations"][0]


def test_what_was_recognised_is_said_in_one_line(run, write):
    result = run("check", write(example("nielsen.py")), "--examples", 24, "--seed", 3)
    text = " ".join(result.out.split())
    assert result.code == 0, f"exit code {result.code}: {result.out}"
    assert "recognised as nielsen (weights: out x in, bias: apart" in text, result.out
    assert "inferred from the gradient: half_squared_error" in text, result.out


def test_an_unknown_adapter_is_a_usage_error_that_lists_those_there_are(run, write):
    result = run("check", write(example("nielsen.py")), "--adapter", "keras")
    assert result.code == 2, f"exit code {result.code}"
    for name in ("cs231n", "nielsen", "deeplearning.ai", "flat-vector", "in-place", "script"):
        assert name in result.err, f"{name} is not listed: {result.err}"


def test_an_adapter_that_is_chosen_is_the_only_one_tried_and_is_replayed(run, write):
    path = write(example("nielsen.py"))
    result = run("check", path, "--adapter", "in-place", "--examples", 24, "--seed", 3)
    assert "recognised as" not in result.out or "in place" in result.out, result.out
    result = run("check", path, "--adapter", "nielsen", "--examples", 24, "--seed", 3)
    assert "--adapter nielsen --seed 3" in " ".join(result.out.split()), result.out


def test_a_file_that_nothing_recognises_is_an_error_that_names_the_way_out(run, write):
    result = run("check", write("answer = 42\n"), "--json", "-")
    assert result.code == 1, f"exit code {result.code}"
    error = entry_of(result)["error"]
    assert error["kind"] == "contract", error
    assert "no adapter recognises it" in error["message"], error
    assert "declaration" in error["message"], error


READS_A_FILE = example("nielsen.py") + "\n\ndata = open('mnist.pkl.gz').read()\n"


def test_top_level_code_that_fails_is_told_with_the_option_that_leaves_it_out(run, write):
    result = run("check", write(READS_A_FILE), "--json", "-")
    assert result.code == 1, f"exit code {result.code}"
    error = entry_of(result)["error"]
    assert error["kind"] == "import", error
    assert "FileNotFoundError" in error["message"], error
    assert "--imports-only" in error["message"], error


def test_imports_only_leaves_out_what_the_top_level_does(run, write):
    options = ("--imports-only", "--examples", 24, "--seed", 3, "--json", "-")
    result = run("check", write(READS_A_FILE), *options)
    assert result.code == 0, result.out
    assert "--imports-only" in json.loads(result.out)["command"]


PLOTS = "import no_such_plotting_package as plt\n" + example("nielsen.py") + "\n\nplt.show()\n"


def test_a_plotting_package_that_is_missing_is_left_out_with_imports_only(run, write):
    path = write(PLOTS)
    result = run("check", path, "--json", "-")
    assert "no_such_plotting_package" in entry_of(result)["error"]["message"]
    result = run("check", path, "--imports-only", "--examples", 24, "--json", "-")
    assert result.code == 0, entry_of(result)["error"]


@pytest.mark.parametrize("name", ["models", "models.py"])
@pytest.mark.parametrize("options", [(), ("--imports-only",)])
def test_what_lies_beside_a_file_and_is_not_brought_along_is_called_that(run, write, name, options):
    path = write(
        "from models.activations import sigmoid\n"
        + example("nielsen.py").replace("def sigmoid(", "def other(")
    )
    if name.endswith(".py"):
        (path.parent / name).write_text("", encoding="utf-8")
    else:
        (path.parent / name).mkdir()
    message = entry_of(run("check", path, *options, "--json", "-"))["error"]["message"]
    kind = "file of your own beside this one" if name.endswith(".py") else "folder of your own"
    assert f"a {kind}" in message, message
    assert "which is not brought along" in message, message
    assert "not installed" not in message, message


def test_a_training_loop_at_top_level_is_not_run_on_loading(run, write):
    endless = example("four_three_one.py").replace("range(epoch)", "iter(int, 1)")
    result = run("check", write(endless), "--examples", 24, "--json", "-")
    assert result.code == 0, entry_of(result)["error"]


THETA = "declared/theta_with_bias"


def test_a_declaration_beside_the_file_is_used_by_itself(run, write):
    write(example(f"{THETA}.gradcheck.py"), "student.gradcheck.py")
    result = run("check", write(example(f"{THETA}.py")), "--examples", 24, "--json", "-")
    assert entry_of(result)["adapter"]["name"] == "declaration"
    assert result.code == 0, result.out


def test_a_declaration_elsewhere_is_given_by_its_path(run, write):
    declaration = write(example(f"{THETA}.gradcheck.py"), "how.py")
    path = write(example(f"{THETA}.py"))
    result = run("check", path, "--declaration", declaration, "--examples", 24, "--json", "-")
    assert result.code == 0, result.out
    assert f"--declaration {declaration}" in json.loads(result.out)["command"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("declaration = 3", "declares nothing"),
        ("import nothing_there", "declaration cannot be used: it needs nothing_there"),
        (
            "from gradcheck.adapters import Declaration\n"
            "Declaration(network='2-1', train=len)",
            "network= cannot be '2-1'",
        ),
        (
            "from gradcheck.adapters import Declaration\n"
            "Declaration(network='2-1 tanh squared_error', train=len, layout='sideways')",
            "'in x out', 'out x in'",
        ),
        (
            "from gradcheck.adapters import Declaration\n"
            "Declaration(network='2-1 tanh squared_error')",
            "needs gradients=... or train=...",
        ),
    ],
    ids=["none", "import", "network", "layout", "nothing to call"],
)  # fmt: skip
def test_a_declaration_that_cannot_be_used_is_told_in_a_sentence(run, write, text, part):
    write(text, "student.gradcheck.py")
    result = run("check", write("x = 1\n"), "--json", "-")
    assert result.code == 1, f"exit code {result.code}: {result.err}"
    error = entry_of(result)["error"]
    assert error["kind"] == "import", error
    assert part in error["message"], error


def test_a_missing_declaration_is_a_usage_error(run, write):
    result = run("check", write("x = 1\n"), "--declaration", "nowhere.py")
    assert result.code == 2, f"exit code {result.code}"
    assert "nowhere.py" in result.err, result.err


def test_a_declaration_of_a_network_there_is_none_of_is_an_error_that_guesses_the_name(run, write):
    text = example(f"{THETA}.gradcheck.py").replace("sigmoid,sigmoid", "sigmoidal,sigmoid")
    write(text, "student.gradcheck.py")
    result = run("check", write(example(f"{THETA}.py")), "--json", "-")
    assert result.code == 1, f"exit code {result.code}: {result.err}"
    error = entry_of(result)["error"]
    assert error["kind"] == "contract", error
    assert "'sigmoidal'" in error["message"], error
    assert "did you mean sigmoid?" in error["message"], error


def test_the_loss_of_code_that_has_none_is_not_shown_as_its_own(run, write):
    text = example("nielsen.py").replace("sigmoid_prime(zs[-l])", "zs[-l]")
    result = run("check", write(text), "--examples", 24, "--seed", 3, "--json", "-")
    counterexample = entry_of(result)["counterexample"]
    assert "loss" not in counterexample["got"], counterexample["got"]
    lines = {line["quantity"]: line["code"] for line in counterexample["by_hand"]}
    assert lines["loss"] is None, lines


#: What is tried is run as it stands.
TRIED = (
    "try:\n    from .data_of_mine import *\nexcept ImportError:\n    from data_of_mine import *\n"
)


@pytest.mark.parametrize("text", [TRIED, "class Data:\n    lines = open('no such file')\n"])
def test_imports_only_is_not_advised_where_it_was_given(run, write, text):
    error = entry_of(run("check", write(text), "--imports-only", "--json", "-"))["error"]
    assert error["kind"] == "import", error
    assert "--imports-only" not in error["message"], error
