"""``--gradcheck-xfails FILE``."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.testing.pytest_run import read_expected_failures, unmatched
from tests.integration import students
from tests.testing.test_plugin import outcomes

KNOWN = """
# the tanh exercise
student-gradient    # tan for tanh
student.py::student-agreement
student-saturation  # follows from it
"""


@pytest.mark.usefixtures("undiagnosed")
def test_expected_failures_do_not_fail_the_run(run, write):
    write("student.py", students.TAN_BUG)
    write("known.txt", KNOWN)
    result = run("--gradcheck-impl", "student.py", "--gradcheck-xfails", "known.txt")
    found = outcomes(result)
    expected = {"student-gradient", "student-agreement", "student-saturation"}
    assert {name for name, word in found.items() if word == "XFAIL"} == expected, f"{found}"
    assert result.ret == 0, f"exit code {result.ret}"
    result.stdout.fnmatch_lines(["XFAIL*student-gradient*tan for tanh*"])


def test_an_expected_failure_that_passes_fails(run, write):
    write("student.py", students.ONE_NETWORK)
    write("known.txt", "student-gradient # mended by now\n")
    result = run("--gradcheck-impl", "student.py", "--gradcheck-xfails", "known.txt")
    assert outcomes(result)["student-gradient"] == "FAILED"
    result.stdout.fnmatch_lines(["*XPASS(strict)*mended by now*"])
    assert result.ret == 1, f"exit code {result.ret}"


def test_an_expected_error_is_expected(run, write):
    write("student.py", "import no_such_package\n")
    write("known.txt", "student-gradient\n")
    result = run(
        "--gradcheck-impl", "student.py", "--gradcheck-xfails", "known.txt", "-k", "gradient"
    )
    assert outcomes(result) == {"student-gradient": "XFAIL"}


def test_an_id_that_names_no_test_is_told(run, write):
    write("student.py", students.ONE_NETWORK)
    write("known.txt", "student-gradeint\n")
    arguments = ("--gradcheck-impl", "student.py", "--gradcheck-xfails", "known.txt")
    result = run(*arguments, "-W", "default", "-k", "loss")
    text = result.stdout.str()
    assert "known.txt: no test is called student-gradeint; did you mean student-gradient?" in text
    assert result.ret == 0, f"a warning changed the exit code to {result.ret}"


def test_an_id_that_names_no_test_ends_a_run_whose_warnings_are_errors(run, write):
    write("student.py", students.ONE_NETWORK)
    write("known.txt", "student-gradeint\n")
    result = run("--gradcheck-impl", "student.py", "--gradcheck-xfails", "known.txt")
    assert result.ret == pytest.ExitCode.USAGE_ERROR, f"exit code {result.ret}"
    assert "no test is called student-gradeint" in result.stderr.str()


@pytest.mark.usefixtures("undiagnosed")
def test_ids_that_are_only_deselected_are_not_told(run, write):
    write("student.py", students.TAN_BUG)
    write("known.txt", KNOWN)
    result = run("--gradcheck-impl", "student.py", "--gradcheck-xfails", "known.txt", "-k", "loss")
    assert result.ret == 0, result.stdout.str()


def test_a_file_that_is_missing_is_a_usage_error(run, write):
    write("student.py", students.TANH)
    result = run("--gradcheck-impl", "student.py", "--gradcheck-xfails", "nowhere.txt")
    assert result.ret == pytest.ExitCode.USAGE_ERROR, f"exit code {result.ret}"
    assert "cannot read the expected failures" in result.stderr.str(), result.stderr.str()


NAMES = st.from_regex(r"[a-z_]{1,12}-[a-z]{1,12}", fullmatch=True)
REASONS = st.from_regex(r"[ -~]{0,30}", fullmatch=True)


@given(st.dictionaries(NAMES, REASONS, max_size=5))
def test_what_is_written_is_read_back(tmp_path_factory, expected):
    path = tmp_path_factory.mktemp("known") / "known.txt"
    path.write_text(
        "".join(f"  {name} # {reason}\n\n# {name}\n" for name, reason in expected.items())
    )
    read = read_expected_failures(path)
    assert read == {name: reason.strip() for name, reason in expected.items()}
    nodeids = [f"a.py::{name}" for name in expected]
    assert unmatched(read, nodeids) == [], "an id is not recognised as its own test"
