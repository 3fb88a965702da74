"""The script of a counter-example runs, with numpy and the submitted file alone."""

import json
import subprocess
import sys

import pytest

import gradcheck
from gradcheck.renderers.snippet import snippet
from tests.integration import students

#: Anything of ours, or of what we depend on, is not to be had.
_ALONE = """
import sys

class Refuse:
    def find_spec(self, name, *rest):
        if name.partition(".")[0] in {"gradcheck", "jax", "scipy", "jinja2", "matplotlib"}:
            raise ImportError(name)

sys.meta_path.insert(0, Refuse())
exec(compile(open("script.py").read(), "script.py", "exec"))
"""

STEP_ADDS = (
    students.TANH
    + """

def step(network, params, batch, learning_rate):
    _, grads = loss_and_grads(network, params, batch)
    pairs = zip(params, grads)
    return [(W + learning_rate * dW, b + learning_rate * db) for (W, b), (dW, db) in pairs]
"""
)


def run_alone(folder, script):
    (folder / "script.py").write_text(script, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-c", _ALONE], cwd=folder, capture_output=True, text=True, timeout=300
    )


@pytest.fixture
def script_of(tmp_path, monkeypatch):
    """Return a function: from a file's text to its entry in the record, and its script."""
    monkeypatch.chdir(tmp_path)

    def script_of(text, name="student.py"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        entry = json.loads(gradcheck.check(name, examples=40, seed=1).to_json())
        entry = entry["implementations"][0]
        return entry, snippet(entry)

    return script_of


def numbers(output, start):
    line = next(line for line in output.splitlines() if line.startswith(start))
    return json.loads(line.split("loss ")[-1] if "differences" in line else line.split("right")[1])


def test_it_prints_the_codes_numbers_the_right_ones_and_differences(script_of, tmp_path):
    entry, script = script_of(students.TAN_BUG)
    run = run_alone(tmp_path, script)
    assert run.returncode == 0, run.stderr
    got = entry["counterexample"]["got"]["W1"]
    assert f"dW1: your code {got}" in run.stdout, run.stdout
    right = numbers(run.stdout, "dW1")
    differences = numbers(run.stdout, "W1: differences")
    assert right == entry["counterexample"]["expected"]["W1"], run.stdout
    assert right[0][0] == pytest.approx(differences[0][0], rel=1e-6), run.stdout
    assert got[0][0] != pytest.approx(right[0][0], rel=1e-3), "it shows nothing wrong"


def test_a_wrong_step_is_shown_as_a_step(script_of, tmp_path):
    _, script = script_of(STEP_ADDS)
    run = run_alone(tmp_path, script)
    assert run.returncode == 0, run.stderr
    assert "submission.step(" in script, script
    assert "W1: your code" in run.stdout, run.stdout


def test_a_broken_contract_is_shown_as_it_comes_back(script_of, tmp_path):
    _, script = script_of(students.NOT_SUMMED)
    run = run_alone(tmp_path, script)
    assert run.returncode == 0, run.stderr
    assert "# contract" in script, script


@pytest.mark.skipif(sys.platform == "win32", reason="no file can have such a name there")
def test_a_file_name_cannot_break_out_of_the_script(script_of, tmp_path):
    name = "it's\"); import os; os.abort() #.py"
    _, script = script_of(students.TAN_BUG, name)
    run = run_alone(tmp_path, script)
    assert run.returncode == 0, f"{run.returncode}: {run.stderr}\n{script[:400]}"


def test_there_is_none_for_an_adapter_an_object_or_numbers_by_the_thousand(one):
    entry = one("tanh_student").data["implementations"][0]
    assert snippet(entry), "there should be one to begin with"
    assert snippet({**entry, "path": ""}) is None, "an object has no file"
    adapted = {**entry, "adapter": {"name": "cs231n", "conventions": {}}}
    assert snippet(adapted) is None, "its interface is another"
    large = {**entry["counterexample"], "x": [[0.5] * 784] * 32}
    assert snippet({**entry, "counterexample": large}) is None, "nobody copies 25 000 numbers"
    assert snippet({**entry, "counterexample": None}) is None, "there is nothing to show"
