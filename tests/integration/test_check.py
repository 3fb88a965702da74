"""``gradcheck check``: verdicts, exit codes, the record, and what a student reads."""

import json

import pytest

import gradcheck
from gradcheck.comparison.verdict import Verdict
from gradcheck.records.record import Record
from tests.integration import students


def checked(run, path, *more):
    """Run check and return the run and the entry of the only implementation."""
    result = run("check", path, "--json", "-", "--seed", 3, *more)
    return result, json.loads(result.out)["implementations"][0]


def verdicts(entry):
    return {finding["check"]: finding["verdict"] for finding in entry["findings"]}


def test_a_right_file_is_correct_with_exit_code_0(run, write):
    result, entry = checked(run, write(students.TANH), "--examples", 60)
    assert result.code == 0, f"exit code {result.code}; findings {verdicts(entry)}"
    assert entry["verdict"] == "correct", f"findings {verdicts(entry)}"
    assert entry["resolution"] < 1e-12, f"resolution {entry['resolution']} is too coarse"


def test_code_for_a_single_network_is_judged_on_it(run, write):
    result, entry = checked(run, write(students.ONE_NETWORK))
    assert (result.code, entry["verdict"]) == (0, "correct"), f"findings {verdicts(entry)}"
    assert entry["supports"]["networks"] == ["2-2-2 sigmoid,sigmoid half_squared_error mean"], (
        f"supports {entry['supports']}"
    )
    compared = next(f["problems"] for f in entry["findings"] if f["check"] == "gradient")
    assert compared >= 20, f"only {compared} problems were compared"


def test_the_tanh_bug_is_wrong_with_exit_code_1_and_a_tiny_counterexample(run, write):
    result, entry = checked(run, write(students.TAN_BUG), "--examples", 60)
    assert (result.code, entry["verdict"]) == (1, "wrong"), f"findings {verdicts(entry)}"
    example = entry["counterexample"]
    widths = [int(n) for n in example["network"].split()[0].split("-")]
    assert max(widths) == 1, f"the counter-example is {example['network']}"
    assert len(widths) <= 3, f"the counter-example is {example['network']}"
    assert len(example["x"]) == 1, f"the counter-example has {len(example['x'])} samples"


def test_the_worst_entry_of_a_wrong_tensor_is_named(run, write):
    _, entry = checked(run, write(students.TAN_BUG), "--examples", 40)
    gradient = next(f for f in entry["findings"] if f["check"] == "gradient")
    tensor = gradient["tensors"]["W1"]
    assert tensor["verdict"] == "wrong", f"W1 came out {tensor}"
    assert tensor["worst_entry"].startswith("W1["), f"named {tensor['worst_entry']}"
    off = abs(tensor["claimed"] - tensor["expected"])
    assert off > tensor["error_bar"], f"the example does not show the error: {tensor}"
    assert len(tensor["steps"]) == len(tensor["errors"]) > 5, "no step-size picture in the record"


def test_a_console_run_shows_verdict_entry_counterexample_and_replay(run, write):
    result = run("check", write(students.TAN_BUG), "--examples", 40, "--seed", 3)
    for text in ("WRONG", "right", "your code", "differs first", "Replay:", "--seed 3"):
        assert text in result.out, f"{text!r} is missing from:\n{result.out}"


def test_a_gradient_that_is_right_for_another_loss_is_a_wrong_forward(run, write):
    result, entry = checked(run, write(students.OTHER_LOSS), "--examples", 40)
    found = verdicts(entry)
    assert result.code == 1, f"exit code {result.code}"
    assert found["forward"] == "wrong", f"findings {found}"
    assert found["loss"] == "wrong", f"findings {found}"
    assert found["gradient"] == "correct", f"tensors were called wrong: {found}"


def test_a_bias_without_gradient_is_called_never_trained(run, write):
    _, entry = checked(run, write(students.BIAS_FORGOTTEN), "--examples", 40)
    gradient = next(f for f in entry["findings"] if f["check"] == "gradient")
    assert "never trained" in gradient["message"], gradient["message"]
    assert gradient["tensors"]["W1"]["verdict"] == "correct", "W1 is right and was called wrong"


def test_a_bias_gradient_that_is_not_summed_is_a_contract_error_that_says_so(run, write):
    result, entry = checked(run, write(students.NOT_SUMMED), "--examples", 40)
    assert result.code == 1, f"exit code {result.code}"
    assert entry["error"]["kind"] == "contract", f"error {entry['error']}"
    assert "not summed over the batch" in entry["error"]["message"], entry["error"]["message"]


def test_nan_never_passes(run, write):
    result, entry = checked(run, write(students.NAN), "--examples", 40)
    assert (result.code, verdicts(entry)["gradient"]) == (1, "wrong"), f"{verdicts(entry)}"


def test_state_between_calls_is_found(run, write):
    _, entry = checked(run, write(students.COUNTS_CALLS), "--examples", 40)
    assert verdicts(entry)["purity"] == "wrong", f"findings {verdicts(entry)}"


def test_returning_the_arguments_memory_is_found(run, write):
    _, entry = checked(run, write(students.ALIASING), "--examples", 40)
    purity = next(f for f in entry["findings"] if f["check"] == "purity")
    assert purity["verdict"] == "wrong", f"purity: {purity}"
    assert "memory of its arguments" in purity["message"], purity["message"]


def test_few_comparisons_are_unresolved_with_exit_code_3(run, write, monkeypatch):
    monkeypatch.setattr("gradcheck.run.examine.ENOUGH_PROBLEMS", 30)
    result, entry = checked(run, write(students.TANH), "--examples", 20)
    assert (result.code, entry["verdict"]) == (3, "unresolved"), f"findings {verdicts(entry)}"


def test_network_option_restricts_to_one_network(run, write):
    text = "1-3-1 tanh,tanh half_squared_error sum"
    _, entry = checked(run, write(students.TANH), "--network", text, "--examples", 30)
    assert entry["supports"]["networks"] == [text], f"supports {entry['supports']}"


@pytest.mark.slow
def test_the_same_seed_asks_and_says_the_same(run, write):
    """Not to the last bits: those of two computations differ where arrays lie elsewhere."""
    path = write(students.TAN_BUG)
    first, second = (checked(run, path, "--examples", 30)[1] for _ in range(2))
    for key in ("verdict", "supports", "notes", "flags"):
        assert first[key] == second[key], f"{key}: two runs of one seed differ"
    for told in (lambda f: (f["check"], f["verdict"], f["problems"]), lambda f: list(f["tensors"])):
        assert [*map(told, first["findings"])] == [*map(told, second["findings"])]
    asked = [
        {k: e["counterexample"][k] for k in ("network", "params", "x", "y")}
        for e in (first, second)
    ]
    assert asked[0] == asked[1], "two runs of one seed asked other problems"
    names = [[(d["bug"], d["layer"]) for d in e["diagnoses"]] for e in (first, second)]
    assert names[0] == names[1], "two runs of one seed name other bugs"


def test_a_fresh_seed_is_printed_and_recorded(run, write):
    path = write(students.ONE_NETWORK)
    record = json.loads(run("check", path, "--json", "-").out)
    assert f"--seed {record['seed']}" in record["command"], record["command"]


def test_several_files_are_a_line_each_and_the_worst_decides(run, write):
    good = write(students.ONE_NETWORK, "good.py")
    bad = write(students.TAN_BUG, "bad.py")
    result = run("check", good, bad, "--seed", 3, "--examples", 30)
    assert result.code == 1, f"exit code {result.code}"
    assert "good.py" in result.out, result.out
    assert "bad.py" in result.out, result.out


def test_json_dash_leaves_standard_output_to_the_record(run, write):
    noisy = "print('hello')\n" + students.ONE_NETWORK.replace(
        "    (W1, b1)", "    print('called')\n    (W1, b1)"
    )
    result = run("check", write(noisy), "--json", "-", "--examples", 20)
    assert json.loads(result.out)["schema"] == 1, "standard output is not the record alone"
    assert "hello" not in result.err, "what a stranger's file prints is shown to nobody"


def test_json_path_gets_the_whole_record(run, write, tmp_path):
    target = tmp_path / "out.json"
    run("check", write(students.ONE_NETWORK), "--json", target, "--examples", 20)
    record = Record.from_json(target.read_text(encoding="utf-8"))
    assert record.verdict is Verdict.CORRECT, f"verdict {record.verdict}"


@pytest.mark.parametrize(
    ("text", "kind", "part"),
    [
        ("import nosuchpackage", "import", "nosuchpackage"),
        ("x = (", "import", "line 1"),
        ("import sys; sys.exit(0)", "import", "SystemExit"),
        ("def loss_and_grads(n, p, b):\n    return 1 / 0", "exception", "ZeroDivisionError"),
        ("def loss_and_grads(n, p, b):\n    return None", "contract", "NoneType"),
        pytest.param(
            "def loss_and_grads(n, p, b):\n    raise NotImplementedError('all')",
            "unsupported",
            "NotImplementedError",
            marks=pytest.mark.slow,  # every network is tried
        ),
        ("networks = 3\ndef loss_and_grads(n, p, b):\n    return 0, []", "contract", "networks"),
    ],
    ids=["package", "syntax", "exit", "raises", "none", "unsupported", "declaration"],
)
def test_code_that_cannot_be_judged_is_an_error_of_its_kind(run, write, text, kind, part):
    result, entry = checked(run, write(text), "--examples", 20)
    assert result.code == 1, f"exit code {result.code}"
    assert entry["verdict"] == "error", f"verdict {entry['verdict']}"
    assert entry["error"]["kind"] == kind, f"error {entry['error']}"
    assert part in entry["error"]["message"], entry["error"]["message"]


def test_an_object_can_be_checked_from_python():
    record = gradcheck.check(_Linear(), examples=40, seed=1)
    assert record.verdict is Verdict.CORRECT, record.to_json()


def test_from_python_a_wrong_object_is_data_and_no_exception():
    record = gradcheck.check(_Linear(factor=1 + 1e-6), examples=40, seed=1)
    assert (record.verdict, record.exit_code) == (Verdict.WRONG, 1), record.to_json()


class _Linear:
    """A single identity layer; the factor is the bug."""

    networks = ("2-2 identity half_squared_error sum",)

    def __init__(self, factor=1.0):
        self.factor = factor

    def loss_and_grads(self, network, params, batch):
        ((w, b),) = params
        delta = batch.x @ w + b - batch.y
        return 0.5 * (delta**2).sum(), [(self.factor * batch.x.T @ delta, delta.sum(axis=0))]
