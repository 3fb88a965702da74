"""``pytest --gradcheck-impl student.py``."""

import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import gradcheck
from gradcheck.testing.pytest_run import SLUGS
from tests.integration import students

ROOT = Path(__file__).resolve().parents[2]

RAISES = """
def loss_and_grads(network, params, batch):
    raise KeyError("W3")
"""

FEW_NETWORKS = students.ONE_NETWORK  # has no step and no forward


def outcomes(result):
    """Return the outcome of every test by name, from the summary of ``-rA``."""
    words = ("PASSED", "FAILED", "ERROR", "XFAIL")
    lines = [line.split() for line in result.outlines]
    return {
        next(name for name in w if "::" in name).rpartition("::")[2]: w[0]
        for w in lines
        if len(w) > 1 and w[0] in words
    }


def names(result):
    return [
        line.strip()[len("<CheckItem ") : -1] for line in result.outlines if "<CheckItem" in line
    ]


def test_the_project_declares_the_plugin():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"gradcheck": "gradcheck.testing.plugin"}, (
        "pytest would not find the plugin of an installed gradcheck"
    )


def test_a_right_file_passes_in_a_folder_without_any_test(run, write):
    write("student.py", students.TANH)
    result = run("--gradcheck-impl", "student.py")
    found = outcomes(result)
    assert found["student-gradient"] == "PASSED", f"came out {found}"
    assert set(found.values()) == {"PASSED"}, f"came out {found}"
    assert result.ret == 0, f"exit code {result.ret}"


def test_what_was_asked_is_told_at_the_end_and_in_the_junit_file(run, write, pytester):
    write("student.py", students.TANH)
    result = run("--gradcheck-impl", "student.py", "--junitxml", "junit.xml")
    told = [line for line in result.outlines if line.startswith("gradcheck: student.py is correct")]
    assert len(told) == 1, f"told {told}"
    assert "not asked: 9 activations" in told[0], told
    case = ElementTree.parse(pytester.path / "junit.xml").find(".//testcase")
    told = case.find("./properties/property[@name='gradcheck_scope']").get("value")
    assert told.startswith("student.py is correct for"), told


def test_a_wrong_file_fails_with_verdict_tensors_bug_fix_and_replay(run, write):
    write("student.py", students.TAN_BUG)
    result = run("--gradcheck-impl", "student.py", "--gradcheck-seed", 3, "-k", "gradient")
    text = result.stdout.str()
    assert result.ret == 1, f"exit code {result.ret}"
    for part in (
        "wrong: The gradient is wrong",
        "W1  wrong on 20 of 20 problems; W1[",
        "tanh_derivative_uses_tan (activation_derivative",
        "Multiply by 1 - tanh(z)**2",
        "Replay: pytest --gradcheck-impl student.py --gradcheck-seed 3 --gradcheck-examples 20 "
        "-k student-gradient",
        "python -m gradcheck check student.py --examples 20 --seed 3",
    ):
        assert part in text, f"{part!r} is missing from:\n{text}"


def test_a_failure_shows_no_traceback_of_ours(run, write):
    write("student.py", students.TAN_BUG)
    text = run("--gradcheck-impl", "student.py").stdout.str()
    for part in ("Traceback", "examinations.py", "collecting.py", "outcome("):
        assert part not in text, f"{part!r} is in:\n{text}"


@pytest.mark.usefixtures("undiagnosed")
def test_what_follows_from_a_wrong_gradient_points_to_it(run, write):
    write("student.py", students.TAN_BUG)
    result = run("--gradcheck-impl", "student.py", "-k", "agreement")
    result.stdout.fnmatch_lines(["Same cause as student-gradient: look there."])
    assert result.ret == 1, "selected alone it has to fail: nothing else says that it is wrong"


@pytest.mark.usefixtures("undiagnosed")
def test_findings_of_one_cause_are_one_failure(run, write):
    write("student.py", students.TAN_BUG)
    result = run("--gradcheck-impl", "student.py")
    found = outcomes(result)
    failed = [name for name, outcome in found.items() if outcome == "FAILED"]
    assert failed == ["student-gradient"], f"came out {found}"
    assert found["student-agreement"] == "XFAIL", f"came out {found}"
    assert "same cause as student-gradient" in result.stdout.str()
    assert result.ret == 1, f"exit code {result.ret}"


def test_a_check_without_anything_to_look_at_is_skipped_and_not_passed(run, write):
    write("student.py", FEW_NETWORKS)
    result = run("--gradcheck-impl", "student.py")
    assert "student-step" not in outcomes(result), "a check that did not run counts as passed"
    result.stdout.fnmatch_lines(["SKIPPED*student has nothing that the check step could look at"])


def test_code_that_raises_is_an_error_in_every_test_and_never_a_pass(run, write):
    write("student.py", RAISES)
    result = run("--gradcheck-impl", "student.py")
    found = outcomes(result)
    assert found == {f"student-{slug}": "ERROR" for slug in SLUGS}, f"came out {found}"
    assert 'error (exception): line 3, `raise KeyError("W3")`: KeyError' in result.stdout.str()
    assert result.ret == 1, f"exit code {result.ret}"


def test_a_file_that_does_not_import_is_an_error_even_if_one_check_is_selected(run, write):
    write("student.py", "import no_such_package\n")
    result = run("--gradcheck-impl", "student.py", "-k", "gradient")
    assert outcomes(result) == {"student-gradient": "ERROR"}
    result.stdout.fnmatch_lines(
        ["*needs no_such_package (line *), a package that is not installed*"]
    )
    assert result.ret == 1, f"exit code {result.ret}"


def test_unresolved_fails_because_nothing_was_shown_to_be_right(run, write, monkeypatch):
    monkeypatch.setattr("gradcheck.run.examine.ENOUGH_PROBLEMS", 30)
    write("student.py", students.ONE_NETWORK)
    result = run("--gradcheck-impl", "student.py", "-k", "gradient")
    assert outcomes(result) == {"student-gradient": "FAILED"}
    result.stdout.fnmatch_lines(["unresolved: Only 20 problems were compared*", "Nobody can tell*"])


def test_collecting_only_runs_nothing_and_gives_stable_names(run, write):
    write("student.py", "raise SystemExit('this must not run')\n")
    first, second = (run("--gradcheck-impl", "student.py", "--collect-only") for _ in range(2))
    expected = [f"student-{slug}" for slug in SLUGS]
    assert names(first) == names(second) == expected, f"collected {names(first)}"
    assert first.ret == 0, f"exit code {first.ret}"


def test_tests_are_selected_by_keyword_and_by_id(run, write):
    write("student.py", students.ONE_NETWORK)
    by_word = run("--gradcheck-impl", "student.py", "-k", "gradient or loss")
    assert set(outcomes(by_word)) == {"student-gradient", "student-loss"}
    by_id = run("--gradcheck-impl", "student.py", "student.py::student-purity")
    assert outcomes(by_id) == {"student-purity": "PASSED"}


def test_the_implementation_is_examined_once_for_all_its_tests(run, write, monkeypatch):
    examined = []

    def counting(implementation, **options):
        examined.append(implementation)
        return gradcheck.check(implementation, **options)

    monkeypatch.setattr("gradcheck.testing.pytest_run.check", counting)
    write("student.py", students.ONE_NETWORK)
    result = run("--gradcheck-impl", "student.py")
    assert result.ret == 0, f"exit code {result.ret}"
    assert len(outcomes(result)) > 4, f"came out {outcomes(result)}"
    assert len(examined) == 1, f"examined {len(examined)} times"


def test_tests_of_the_user_run_beside_those_of_implementations(run, write):
    write("student.py", students.ONE_NETWORK)
    write("test_own.py", "def test_own():\n    pass\n")
    found = outcomes(run("--gradcheck-impl", "student.py", "-k", "own or gradient"))
    assert found == {"test_own": "PASSED", "student-gradient": "PASSED"}


@pytest.mark.usefixtures("undiagnosed")
def test_several_implementations_of_one_name_have_ids_of_their_own(run, write):
    write("a/student.py", students.ONE_NETWORK)
    write("b/student.py", students.ONE_NETWORK_WRONG)
    result = run(
        "--gradcheck-impl", "a/student.py", "--gradcheck-impl", "b/student.py", "-k", "gradient"
    )
    text = result.stdout.str()
    assert "PASSED a/student.py::student-gradient" in text, text
    assert "FAILED b/student.py::student-gradient" in text, text


def test_a_file_outside_the_folder_is_checked_too(run, write, pytester, monkeypatch):
    path = write("elsewhere/student.py", students.ONE_NETWORK)
    (pytester.path / "here").mkdir()
    monkeypatch.chdir(pytester.path / "here")
    found = outcomes(run("--gradcheck-impl", path, "-k", "gradient"))
    assert found == {"student-gradient": "PASSED"}


def test_an_object_of_a_module_is_checked(run, write):
    indented = "\n".join(
        "    " + line for line in students.TANH.splitlines() if "import" not in line
    )
    body = indented.replace("def loss_and_grads(", "def loss_and_grads(self, ").replace(
        "def derivative(", "@staticmethod\n    def derivative("
    )
    body = body.replace("derivative(zs", "self.derivative(zs")
    write("nets/__init__.py", "")
    write("nets/deep.py", f"import numpy as np\n\n\nclass Net:\n{body}\n\n\nnet = Net()\n")
    result = run(
        "--gradcheck-impl", "nets.deep:net", "--gradcheck-impl", "nets.deep:Net", "-k", "gradient"
    )
    assert outcomes(result) == {"net-gradient": "PASSED", "Net-gradient": "PASSED"}


def test_pyproject_names_implementations_for_runs_without_a_path(run, write):
    write(
        "pyproject.toml",
        '[tool.pytest.ini_options]\ngradcheck_implementations = ["student.py"]\n',
    )
    write("student.py", students.ONE_NETWORK)
    write("test_own.py", "def test_own():\n    pass\n")
    found = outcomes(run("-k", "own or gradient"))
    assert found == {"test_own": "PASSED", "student-gradient": "PASSED"}
    assert outcomes(run("test_own.py")) == {"test_own": "PASSED"}, (
        "a run of one test file examined the implementations as well"
    )


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("missing.py", "there is no such file"),
        ("folder", "is a folder"),
        ("notes.txt", "is not a .py file"),
        ("no_such_module:net", "there is no module no_such_module"),
        ("sys:path", "there is no module sys"),
        ("a[1].py", "rename it"),
    ],
)
def test_what_cannot_be_checked_is_refused_in_one_sentence(run, write, pytester, spec, said):
    (pytester.path / "folder").mkdir()
    write("notes.txt", "")
    write("a[1].py", students.TANH)
    result = run("--gradcheck-impl", spec)
    assert result.ret == pytest.ExitCode.USAGE_ERROR, f"exit code {result.ret}"
    error = [line for line in result.stderr.lines if line.strip()]
    assert len(error) == 1, f"more than one sentence: {error}"
    assert "gradcheck: " in error[0], error
    assert said in error[0], error


@pytest.mark.parametrize(("option", "value"), [("seed", "-1"), ("examples", "5")])
def test_settings_out_of_range_are_refused(run, write, option, value):
    write("student.py", students.TANH)
    result = run("--gradcheck-impl", "student.py", f"--gradcheck-{option}", value, examples=None)
    assert result.ret == pytest.ExitCode.USAGE_ERROR, f"exit code {result.ret}"


def test_a_misspelt_option_is_guessed(run):
    result = run("--gradcheck-requrie=relu")
    assert result.ret == pytest.ExitCode.USAGE_ERROR, f"exit code {result.ret}"
    result.stderr.fnmatch_lines(["*--gradcheck-requrie; did you mean --gradcheck-require?*"])


def test_a_misspelt_setting_is_guessed(run, write):
    write("pytest.ini", "[pytest]\ngradcheck_requires = relu\n")
    result = run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR, f"exit code {result.ret}"
    result.stderr.fnmatch_lines(["*gradcheck_requires; did you mean gradcheck_require?*"])


def test_what_is_said_for_check_in_pyproject_holds_here_too(run, write):
    write("student.py", students.ONE_NETWORK)
    write("pyproject.toml", '[tool.gradcheck]\nrequire = "relu"\nexamples = 21\nseed = 4\n')
    result = run("--gradcheck-impl", "student.py", "-k", "contract", examples=None)
    assert outcomes(result) == {"student-contract": "ERROR"}
    settings = "--gradcheck-seed 4 --gradcheck-examples 21 --gradcheck-require relu"
    result.stdout.fnmatch_lines([f"Replay: pytest --gradcheck-impl student.py {settings}*"])
    result.stdout.no_fnmatch_line("*Worked by hand*")  # what is missing has no example
    write("pyproject.toml", "[tool.gradcheck]\nexampels = 21\n")
    result = run("--gradcheck-impl", "student.py", examples=None)
    assert result.ret == pytest.ExitCode.USAGE_ERROR, f"exit code {result.ret}"
    result.stderr.fnmatch_lines(["*has no 'exampels'; did you mean examples?*"])


def test_an_attribute_that_does_not_exist_is_an_error(run, write):
    write("nets.py", "")
    result = run("--gradcheck-impl", "nets:net", "-k", "gradient")
    assert outcomes(result) == {"net-gradient": "ERROR"}
    result.stdout.fnmatch_lines(["error (import): nets has no attribute net*"])


@pytest.mark.usefixtures("undiagnosed")
def test_the_seed_is_printed_fresh_and_replays(run, write):
    write("student.py", students.ONE_NETWORK_WRONG)
    first = run("--gradcheck-impl", "student.py", "-k", "gradient")
    header = next(line for line in first.outlines if line.startswith("gradcheck: student.py"))
    seed = header.rpartition(" ")[2].rstrip(")")
    again = run("--gradcheck-impl", "student.py", "-k", "gradient", "--gradcheck-seed", seed)
    other = run("--gradcheck-impl", "student.py", "-k", "gradient")
    tensors = [[x for x in r.outlines if x.startswith("  W1")] for r in (first, again, other)]
    assert tensors[0] == tensors[1], "the printed seed gave other problems"
    assert tensors[0] != tensors[2], "two runs without a seed drew the same problems"


def test_junit_output_tells_wrong_from_error(run, write):
    write("student.py", students.TAN_BUG)
    write("broken.py", RAISES)
    run(
        "--gradcheck-impl", "student.py", "--gradcheck-impl", "broken.py", "-k", "gradient",
        "--junitxml", "out.xml",
    )  # fmt: skip
    cases = {c.get("name"): c for c in ElementTree.parse("out.xml").iter("testcase")}
    assert cases["student-gradient"].get("classname") == "student", "no class name to group by"
    failure = cases["student-gradient"].find("failure")
    assert failure is not None, "a wrong gradient is no failure in JUnit's terms"
    assert "The gradient is wrong" in failure.get("message"), failure.get("message")
    assert "tanh_derivative_uses_tan" in failure.text, failure.text
    assert cases["broken-gradient"].find("error") is not None, (
        "a crash is no error in JUnit's terms"
    )


@pytest.mark.slow
def test_two_processes_collect_the_same_and_share_the_seed(run, write):
    write("student.py", students.ONE_NETWORK_WRONG)
    write("other.py", students.ONE_NETWORK_WRONG)
    both = ("--gradcheck-impl", "student.py", "--gradcheck-impl", "other.py")
    result = run(*both, "-n", 2, subprocess=True)
    found = outcomes(result)
    assert found["student-gradient"] == "FAILED", f"came out {found}"
    assert found["student-loss"] == "PASSED", f"came out {found}"
    lines = [line for line in result.outlines if line.startswith("Replay:")]
    seeds = {line.split("--gradcheck-seed ")[1].split()[0] for line in lines}
    assert len(lines) > 1, f"too little failed to compare: {lines}"
    assert len(seeds) == 1, f"the processes drew different problems: {seeds}"


def test_our_own_fault_is_no_failure_that_could_be_expected(run, write, monkeypatch):
    def broken(*arguments, **more):
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr("gradcheck.testing.pytest_run.check", broken)
    write("student.py", students.TANH)
    write("known.txt", "student-gradient\n")
    result = run(
        "--gradcheck-impl", "student.py", "--gradcheck-xfails", "known.txt", "-k", "gradient"
    )
    assert outcomes(result) == {"student-gradient": "FAILED"}
    result.stdout.fnmatch_lines(["gradcheck: our own fault (ZeroDivisionError: a fault of ours)*"])


def test_loading_the_plugin_imports_nothing_heavy():
    import subprocess

    code = "import pytest, sys; before = set(sys.modules); import gradcheck.testing.plugin; "
    code += "print(' '.join(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert not {name for name in loaded if not name.startswith("gradcheck")}, (
        f"loads {sorted(loaded)}"
    )
    assert len(loaded) < 7, f"loads {sorted(loaded)}"
