"""``@gradcheck.parametrize_with_checks`` in tests that people write themselves."""

import pytest

import gradcheck
from gradcheck.testing.pytest_run import SLUGS
from tests.integration import students
from tests.testing.test_plugin import outcomes

OWN_TESTS = """
import gradcheck
import student


@gradcheck.parametrize_with_checks([student, "wrong.py"])
def test_backprop(implementation, check):
    check(implementation)
"""


@pytest.fixture
def folder(write, pytester):
    pytester.syspathinsert()
    write("student.py", students.TANH)
    write("wrong.py", students.TAN_BUG)
    write("test_own.py", OWN_TESTS)


@pytest.mark.usefixtures("folder", "undiagnosed")
def test_each_implementation_and_check_is_a_test(run):
    found = outcomes(run())
    assert found["test_backprop[student-gradient]"] == "PASSED", f"came out {found}"
    assert found["test_backprop[wrong-gradient]"] == "FAILED", f"came out {found}"
    assert found["test_backprop[wrong-loss]"] == "PASSED", f"came out {found}"


@pytest.mark.usefixtures("folder")
def test_a_failure_says_how_to_replay_it_and_shows_no_traceback(run):
    text = run("-k", "wrong-gradient", "--gradcheck-seed", 5).stdout.str()
    assert "Replay: pytest --gradcheck-seed 5 --gradcheck-examples 20 -k wrong-gradient" in text
    assert "tanh_derivative_uses_tan" in text, text
    assert "check(implementation)" not in text, f"a traceback:\n{text}"


@pytest.mark.usefixtures("folder", "undiagnosed")
def test_expected_failures_hold_for_decorated_tests_too(run, write):
    write("known.txt", "".join(f"wrong-{slug}  # the tan\n" for slug in ("gradient", "agreement")))
    found = outcomes(run("--gradcheck-xfails", "known.txt", "-k", "gradient or agreement"))
    assert found["test_backprop[wrong-gradient]"] == "XFAIL", f"came out {found}"
    assert found["test_backprop[student-gradient]"] == "PASSED", f"came out {found}"


def test_an_object_may_be_wrapped_before_it_is_checked(run, write, pytester):
    pytester.syspathinsert()
    write("student.py", students.TAN_BUG)
    write(
        "test_own.py",
        "import types\nimport gradcheck\nimport student\n\n\n"
        "@gradcheck.parametrize_with_checks([student])\n"
        "def test_backprop(implementation, check):\n"
        "    right = lambda z: 1 - student.np.tanh(z) ** 2\n"
        "    student.derivative = right\n"
        "    check(types.SimpleNamespace(loss_and_grads=implementation.loss_and_grads))\n",
    )
    found = outcomes(run("-k", "gradient"))
    assert found == {"test_backprop[student-gradient]": "PASSED"}


def test_two_objects_of_one_name_get_different_ids(run, write):
    write(
        "test_own.py",
        "import gradcheck\n\n\nclass Net:\n    pass\n\n\n"
        "@gradcheck.parametrize_with_checks([Net(), Net()])\n"
        "def test_backprop(implementation, check):\n    check(implementation)\n",
    )
    result = run("--collect-only", "-q")
    expected = {f"test_own.py::test_backprop[{n}-{s}]" for n in ("Net", "Net_2") for s in SLUGS}
    collected = {line for line in result.outlines if "::" in line}
    assert collected == expected, f"collected {sorted(collected)}"


def test_an_object_without_loss_and_grads_is_an_error_and_not_a_pass(run, write):
    write(
        "test_own.py",
        "import gradcheck\n\n\n@gradcheck.parametrize_with_checks([object()])\n"
        "def test_backprop(implementation, check):\n    check(implementation)\n",
    )
    result = run("-k", "gradient")
    assert outcomes(result) == {"test_backprop[object-gradient]": "FAILED"}
    assert "loss_and_grads" in result.stdout.str(), result.stdout.str()


def test_an_object_of_a_module_may_be_given_as_text(run, write):
    write(
        "nets.py",
        students.TANH + "\n\nimport types\nnet = types.SimpleNamespace(\n"
        "    loss_and_grads=loss_and_grads)\n",
    )
    write(
        "test_own.py",
        "import gradcheck\n\n\n@gradcheck.parametrize_with_checks(['nets:net'])\n"
        "def test_backprop(implementation, check):\n    check(implementation)\n",
    )
    assert outcomes(run("-k", "gradient")) == {"test_backprop[net-gradient]": "PASSED"}


def test_a_file_that_is_missing_is_one_sentence_at_collection(run, write):
    write(
        "test_own.py",
        "import gradcheck\n\n\n@gradcheck.parametrize_with_checks(['missing.py'])\n"
        "def test_backprop(implementation, check):\n    check(implementation)\n",
    )
    result = run()
    text = result.stdout.str()
    assert "missing.py: there is no such file; check the path" in text, text
    assert "Traceback" not in text, text
    assert result.ret == pytest.ExitCode.INTERRUPTED, f"exit code {result.ret}"


def test_a_single_text_is_refused():
    with pytest.raises(TypeError, match=r"write \['student.py'\]"):
        gradcheck.parametrize_with_checks("student.py")
