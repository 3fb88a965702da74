"""What one submission causes is told of that one; the results of the others stand."""

import json
import sys
from pathlib import Path

import pytest

import gradcheck
import gradcheck.run.submission
from gradcheck.execution import sandbox
from gradcheck.execution.staging import MAX_NESTING
from gradcheck.run import examine
from tests.integration import students

ROOT = Path(__file__).parents[2]

DEEP = """
import os
there = os.getcwd()
os.chdir(os.environ["TMPDIR"])
for _ in range(1500):
    try:
        os.mkdir("d" * 30)
    except FileExistsError:  # by another worker
        pass
    os.chdir("d" * 30)
os.chdir(there)
"""


def class_of(write, one):
    """Return a class of three, the one in the middle, that are right but for this one."""
    return [write(students.ONE_NETWORK, "first.py"), one, write(students.ONE_NETWORK, "last.py")]


def entries_of(run, paths, *options):
    result = run("check", *paths, "--examples", "20", "--seed", "3", "--json", "-", *options)
    assert result.out, f"no record at all, exit code {result.code}: {result.err}"
    return result, json.loads(result.out)["implementations"]


def held(entries, verdict, kind, *parts):
    """Hold the entry in the middle against what is expected, and those beside it."""
    first, one, last = entries
    for name, entry in (("first", first), ("last", last)):
        assert entry["verdict"] == "correct", f"the {name} file came out {entry['verdict']}"
    error = one["error"] or {"kind": None, "message": ""}
    assert one["verdict"] == verdict, f"came out {one['verdict']}, {error}"
    assert error["kind"] == kind, f"the kind is {error}"
    for part in parts:
        assert part in error["message"], f"{part!r} is missing from {error['message']!r}"


@pytest.mark.parametrize(
    ("declared", "parts"),
    [
        ('networks = ["100000-100000 tanh squared_error"]', ("10,000,100,000", "at most")),
        ('networks = ["9-9999999-9 tanh,tanh squared_error"]', ("parameters", "at most")),
        (
            'networks = ["9-9 tanh squared_error"]\nbatch_sizes = [1, 99999999]',
            ("99,999,999 samples", "at most"),
        ),
    ],
)
def test_what_is_too_large_is_the_error_of_the_one_that_declares_it(run, write, declared, parts):
    one = write(f"{students.TANH}\n{declared}\n", "one.py")
    result, entries = entries_of(run, class_of(write, one))
    held(entries, "error", "contract", *parts)
    assert result.code == 1, f"exit code {result.code}"


def test_a_network_of_the_command_line_that_is_too_large_is_a_usage_error(run, write):
    text = "100000-100000 tanh squared_error"
    result = run("check", write(students.TANH), "--network", text)
    assert result.code == 2, f"exit code {result.code}: {result.out}{result.err}"
    assert "at most" in result.err, result.err


@pytest.mark.skipif(sys.platform == "win32", reason="names are shorter there")
@pytest.mark.slow
def test_a_name_of_253_bytes_is_a_name_like_any_other(run, write):
    one = write(students.TANH, "x" * 250 + ".py")
    _, entries = entries_of(run, class_of(write, one))
    verdicts = [entry["verdict"] for entry in entries]
    assert verdicts == ["correct"] * 3, f"{verdicts}: {entries[1]['error']}"


def test_a_linked_declaration_is_the_error_of_its_submission(run, write, tmp_path):
    one = write(students.TANH, "one.py")
    try:
        (tmp_path / "one.gradcheck.py").symlink_to(write("", "elsewhere.py"))
    except (OSError, NotImplementedError):
        pytest.skip("this system lets us make no links")
    result, entries = entries_of(run, class_of(write, one))
    held(entries, "error", "import", "one.gradcheck.py", "link")
    assert result.code == 1, f"exit code {result.code}"


@pytest.mark.slow
@pytest.mark.shut_in
@pytest.mark.skipif(sys.platform == "win32", reason="paths are shorter there")
@pytest.mark.parametrize("level", [1, 3])
def test_nested_folders_of_a_submission_end_nothing_and_are_removed(
    run, write, monkeypatch, tmp_path, level
):
    wanted = tuple(each for each in sandbox.SANDBOX_LEVELS if each.number == level)
    if not wanted[0].available():
        pytest.skip(f"there is no {wanted[0].name} here")
    monkeypatch.setattr(sandbox, "SANDBOX_LEVELS", wanted)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    one = write(DEEP + students.TANH, "one.py")
    _, entries = entries_of(run, class_of(write, one))
    assert [entry["verdict"] for entry in entries] == ["correct"] * 3, entries[1]["error"]
    left = [p.name for p in (tmp_path / "temporary").iterdir()]
    assert not left, f"left behind: {left}"


def test_a_package_nested_too_deep_is_the_error_of_its_submission(write, tmp_path, monkeypatch):
    package = tmp_path / "nested"
    package.mkdir()
    (package / "__init__.py").write_text(students.TANH, encoding="utf-8")
    package.joinpath(*["deeper"] * 100).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    first = write(students.TANH, "first.py")
    record = gradcheck.check([first, "nested:loss_and_grads", first], examples=20, seed=3)
    held(record.data["implementations"], "error", "import", f"more than {MAX_NESTING} deep")


@pytest.mark.parametrize(
    "fault",
    [RecursionError("deep"), gradcheck.InternalError("y")],
    ids=lambda fault: type(fault).__name__,
)
def test_our_own_fault_with_one_is_told_with_that_one_and_ends_with_4(
    run, write, monkeypatch, fault
):
    """Whatever is raised here while one is examined."""
    paths = class_of(write, write(students.TANH, "one.py"))
    calibrate, calls = examine.calibrate, []

    def fails_the_second_time(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise fault
        return calibrate(*arguments)

    monkeypatch.setattr(examine, "calibrate", fails_the_second_time)
    result, entries = entries_of(run, paths)
    held(entries, "unresolved", "internal", "says nothing of this file", str(fault))
    assert result.code == 4, f"exit code {result.code}"


def test_memory_that_we_run_out_of_with_one_is_the_error_of_that_one(run, write, monkeypatch):
    paths = class_of(write, write(students.TANH, "one.py"))
    calibrate, calls = examine.calibrate, []

    def fails_the_second_time(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise MemoryError
        return calibrate(*arguments)

    monkeypatch.setattr(examine, "calibrate", fails_the_second_time)
    result, entries = entries_of(run, paths)
    held(entries, "error", "memory", "ran out of memory")
    assert result.code == 1, f"exit code {result.code}"


def test_our_own_fault_with_a_single_object_is_raised(monkeypatch):
    def fails(*arguments):
        raise gradcheck.InternalError("y")

    monkeypatch.setattr(examine, "calibrate", fails)
    with pytest.raises(gradcheck.InternalError):
        gradcheck.check(gradcheck.run.submission.own("matrix").session.readings[0].implementation)


def test_a_declaration_beside_a_file_that_is_named_is_no_submission(run, tmp_path):
    declared = ROOT / "docs" / "examples" / "plug_in" / "declared"
    names = ["ascent.gradcheck.py", "ascent.py"]  # what *.py names, in its order
    for name in names:
        (tmp_path / name).write_text((declared / name).read_text(encoding="utf-8"), "utf-8")
    result, entries = entries_of(run, [str(tmp_path / name) for name in names])
    assert [entry["name"] for entry in entries] == ["ascent"], result.out
    assert entries[0]["verdict"] == "correct", entries[0]["error"]
