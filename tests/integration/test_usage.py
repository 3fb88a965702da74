"""Bad input: one clear line, exit code 2, and nothing half written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gradcheck.reading.target import shipped
from tests.integration import students

ROOT = Path(__file__).resolve().parents[2]


def refused(result, *parts):
    """Assert exit code 2 and a single line on standard error that holds the parts."""
    assert result.code == 2, f"exit code {result.code}: {result.err}{result.out}"
    lines = result.err.strip().splitlines()
    assert len(lines) == 1, f"expected one line, got: {result.err!r}"
    for part in parts:
        assert part in lines[0], f"{part!r} is missing from {lines[0]!r}"


def test_a_missing_path_is_named(run, tmp_path):
    refused(run("check", tmp_path / "nowhere.py"), "nowhere.py", "no such file")


def test_a_folder_is_refused(run, tmp_path):
    refused(run("check", tmp_path), "folder")


def test_a_file_that_is_no_python_is_refused(run, write):
    refused(run("check", write("hello", "notes.txt")), "not a .py file")


def test_a_link_is_refused(run, write, tmp_path):
    link = tmp_path / "link.py"
    try:
        link.symlink_to(write(students.TANH))
    except (OSError, NotImplementedError):
        pytest.skip("this system lets us make no links")
    refused(run("check", link), "link")


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="no device files here")  # noqa: PTH110
def test_a_device_is_refused(run):
    refused(run("check", "/dev/null"), "device")


def test_a_file_that_is_too_large_is_refused(run, write):
    refused(run("check", write("#" * 10_000_001)), "at most")


def test_a_file_without_the_function_is_told_what_to_add(run, write):
    result = run("check", write("x = 1"))
    assert result.code == 1, f"exit code {result.code}: {result.err}"
    assert "has no function loss_and_grads" in result.out, result.out


def test_a_second_bad_path_stops_before_any_work(run, write, tmp_path):
    refused(run("check", write(students.TANH), tmp_path / "nowhere.py"), "nowhere.py")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("2-2 foo half_squared_error", "foo"),
        ("2 sigmoid half_squared_error", "widths"),
        ("2-2 sigmoid", "cannot read"),
        ("2-2 sigmoid cross_entropy", "softmax"),
    ],
)
def test_a_bad_network_is_explained(run, write, text, part):
    refused(run("check", write(students.TANH), "--network", text), part)


@pytest.mark.parametrize(
    "option",
    [
        ("--examples", "0"),
        ("--examples", "5"),
        ("--examples", "4.5"),
        ("--seed", "-1"),
        ("--seed", "x"),
        ("--timeout", "0"),
        ("--call-timeout", "nan"),
        ("--timeout", "soon"),
        ("--min-sandbox", "7"),
    ],
)
def test_a_bad_number_is_refused_before_anything_is_run(run, write, monkeypatch, option):
    monkeypatch.setattr("gradcheck.commands.check.Launch", _never)
    said = option[0].lstrip("-") if option[0] != "--seed" else "seed"
    refused(run("check", write(students.TANH), *option), said, option[1])


def _never(*arguments):
    raise AssertionError("a worker was started")


def test_a_record_that_cannot_be_written_is_refused_before_any_work(run, write, tmp_path):
    target = tmp_path / "missing" / "out.json"
    refused(run("check", write(students.TANH), "--json", target), "no folder")
    assert not target.parent.exists(), "a folder was made that nobody asked for"


def test_an_output_that_is_a_file_is_refused(run, write):
    refused(run("report", "--output", write("x", "taken")), "--output")


def test_a_missing_implementation_of_a_report_is_named(run, tmp_path):
    result = run("report", "--implementation", tmp_path / "no.py", "--output", tmp_path / "out")
    refused(result, "no.py")
    assert not list((tmp_path / "out").glob("*")), "a report was left half written"


def test_an_unknown_command_is_refused(run):
    refused(run("frobnicate"), "frobnicate")


def test_a_misspelt_command_is_guessed(run):
    refused(run("chekc"), "chekc", "did you mean check?")


def test_a_missing_argument_is_refused(run):
    refused(run("check"), "PATH")


@pytest.mark.parametrize(
    "words", [("check", "a.py", "--nope"), ("report", "x"), ("bugs", "a", "b")]
)
def test_an_unknown_argument_is_named(run, words):
    refused(run(*words), words[-1], "--help")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("check", "a.py", "--exampels", "50"), "did you mean --examples?"),
        (("check", "a.py", "--call_timeout=5"), "did you mean --call-timeout?"),
        (("report", "--quik"), "did you mean --quick?"),
        (("check", "a.py", "--reveal", "bugs"), "did you mean bug?"),
        (("check", "a.py", "--adapter", "nielson"), "did you mean nielsen?"),
        (("check", "a.py", "--adapter", "flatvector2"), "did you mean flat-vector?"),
        (("check", "{right}", "--require", "rellu"), "did you mean relu?"),
        (("check", "{right}", "--network", "2-2 tahn squared_error"), "did you mean tanh?"),
        (("check", "{right}", "--network", "2-2 tanh Squared-Error"), "mean squared_error?"),
        (("bugs", "tanh_derivative_used_tan"), "did you mean tanh_derivative_uses_tan?"),
    ],
)
def test_a_word_that_is_nearly_known_is_guessed(run, write, words, said):
    right = write(students.TANH)
    refused(run(*(word.format(right=right) for word in words)), said)


def test_a_shortened_option_is_refused(run, write):
    refused(run("check", write(students.TANH), "--exam", "5"), "--exam")


def test_options_may_stand_between_paths(run, write):
    first, second = write(students.TANH), write(students.TANH, "second.py")
    result = run("check", first, "--examples", "20", "--seed", "1", second)
    assert result.code == 0, f"exit code {result.code}: {result.err}{result.out}"
    assert result.out.count("correct") == 2, result.out


def test_the_version_is_printed(run):
    result = run("--version")
    assert result.code == 0, f"exit code {result.code}"
    assert result.out.startswith("gradcheck 0."), result.out


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--help",), "report"),
        (("check", "--help"), "--min-sandbox"),
        (("report", "--help"), "--implementation"),
        (("bugs", "--help"), "SLUG"),
        (("new", "--help"), "--network"),
    ],
)
def test_help_is_no_error(run, words, part):
    result = run(*words)
    assert result.code == 0, f"exit code {result.code}: {result.err}"
    assert part in result.out, result.out


def test_no_command_shows_the_help_and_fails(run):
    result = run()
    assert result.code == 2, f"exit code {result.code}"
    assert "check" in result.out, result.out


def test_a_fault_of_our_own_has_exit_code_4(run, write, monkeypatch):
    monkeypatch.setattr("gradcheck.networks.fast_estimate.witness.SLACK", -1.0)
    result = run("check", write(students.TANH), "--examples", "20", "--seed", "1")
    assert result.code == 4, f"exit code {result.code}: {result.err}"
    assert "witnesses" in result.err, result.err


def test_the_shipped_implementations_are_found():
    for name in ("scalar_loops", "matrix", "jax_autodiff"):
        assert shipped(name).is_file(), f"{name} is not shipped"


@pytest.mark.parametrize("name", ["numpy/__init__.py", "rich.py", "random.py"])
def test_what_lies_in_the_working_directory_stands_in_for_no_package(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("raise ImportError('mine')\n", encoding="utf-8")
    text = shipped("matrix").read_text(encoding="utf-8")
    (tmp_path / "student.py").write_text(text, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-m", "gradcheck", "check", "student.py", "--examples", "20"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        encoding="utf-8",
    )
    assert ended.returncode == 0, f"exit code {ended.returncode}: {ended.stdout}{ended.stderr}"


def test_pyproject_sets_options_and_the_command_line_goes_before(run, write, tmp_path, monkeypatch):
    write('[tool.gradcheck]\nexamples = 22\nrequire = "depth>=9"\n', "pyproject.toml")
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    result = run("check", write(students.TANH), "--seed", "1", "--require", "tanh")
    assert result.code == 0, f"exit code {result.code}: {result.err}{result.out}"
    assert "--require tanh --examples 22" in " ".join(result.out.split()), result.out
    write("[tool.gradcheck]\nexample = 22\n", "pyproject.toml")
    refused(run("check", write(students.TANH)), "did you mean examples?")
    assert run("check", "--help").code == 0, "a mistake there keeps from reading the help"
    write("[tool.gradcheck]\nexamples = 2\n", "pyproject.toml")
    refused(run("check", write(students.TANH)), "examples must be 20 or more")
