"""An exception is told with the line of the code that raised it."""

import json
import textwrap

import pytest

from gradcheck.errors import LONGEST_LINE, Place
from gradcheck.execution import wire
from gradcheck.execution.calling import InProcess
from gradcheck.execution.limits import Limits, WorkerLostError
from gradcheck.execution.sandbox import Launch
from gradcheck.execution.session import Remote
from gradcheck.reading.loading import load
from gradcheck.reading.target import parse_target
from tests.execution.remote.asking import GRADIENT

BROKEN = """\
import numpy as np

def helper(a):
    return np.ones((2, 3)) @ a

def loss_and_grads(network, params, batch):
    {body}
"""

BODIES = {
    "a name that is not there": ("d = yy", Place("student.py", 7, "d = yy"), "NameError"),
    "a function of its own": ("helper(np.ones(2))", Place("student.py", 4), "ValueError"),
    "a library that calls it back": (
        "sorted([2, 1], key=lambda x: x / 0)",
        Place("student.py", 7),
        "ZeroDivisionError",
    ),
    "text that it runs": ("eval('1 +')", Place("student.py", 7, "eval('1 +')"), "SyntaxError"),
    "not supported": ("raise NotImplementedError('tanh')", Place("student.py", 7), "tanh"),
    "calls without end": (
        "loss_and_grads(network, params, batch)",
        Place("student.py", 7),
        "RecursionError",
    ),
    "a statement of several lines": (
        "x = max(\n        1,\n        1 / 0,\n    )",
        Place("student.py", 9, "1 / 0,"),
        "ZeroDivisionError",
    ),
}


@pytest.mark.parametrize(("body", "expected", "name"), BODIES.values(), ids=BODIES)
def test_the_innermost_line_of_the_file_is_told_here_and_there(
    session, tmp_path, body, expected, name
):
    there = session(BROKEN.format(body=body)).ask(GRADIENT).failure
    here = InProcess(load(tmp_path / "student.py")).ask(GRADIENT).failure
    assert here == there, f"told here as {here} and there as {there}"
    place = there.place
    assert place is not None, f"no line is told: {there}"
    assert (place.file, place.line) == (expected.file, expected.line), f"told {place}"
    assert place.text == expected.text or not expected.text, f"the line is told as {place.text!r}"
    assert place.text, f"what stands on the line is not told: {place}"
    assert name in there.message, there.message
    if there.kind == "exception":
        assert there.message.startswith(f"line {place.line}, `{place.text}`: "), there.message


def test_a_line_of_a_notebook_is_told_with_its_cell(tmp_path):
    sources = ["import numpy as np\n%matplotlib inline", "", "def loss_and_grads(n, p, b):\n  q"]
    cells = [
        {"cell_type": "code", "metadata": {}, "source": s, "outputs": [], "execution_count": None}
        for s in sources
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    path = tmp_path / "work.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    begun = Remote(Launch(parse_target(str(path)), Limits()))
    failure = begun.ask(GRADIENT).failure
    begun.close()
    assert failure.place == Place("work.ipynb, cell 3", 2, "q"), failure
    assert failure.message.startswith("cell 3, line 2, `q`: NameError"), failure.message


def test_a_line_of_another_file_of_a_package_is_told_with_its_file(tmp_path, monkeypatch):
    package = tmp_path / "lesson"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "parts.py").write_text("def part():\n    return zz\n", encoding="utf-8")
    (package / "net.py").write_text(
        "from lesson.parts import part\ndef mine(n, p, b): return part()\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    begun = Remote(Launch(parse_target("lesson.net:mine"), Limits()))
    failure = begun.ask(GRADIENT).failure
    begun.close()
    assert failure.place == Place("lesson/parts.py", 2, "return zz"), failure
    assert failure.message.startswith("line 2 of lesson/parts.py, `return zz`: "), failure


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = 1\ndef f(:\n", Place("student.py", 2, "def f(:")),
        ("a = 1\n\nb = a / 0\n", Place("student.py", 3, "b = a / 0")),
        ("import json\njson.loads('{')\n", Place("student.py", 2, "json.loads('{')")),
        ("\nimport no_such_package\n", Place("student.py", 2, "import no_such_package")),
    ],
)
def test_a_file_that_cannot_be_imported_is_told_with_its_line(tmp_path, text, place):
    path = tmp_path / "student.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(WorkerLostError) as end:
        Remote(Launch(parse_target(str(path)), Limits()))
    assert end.value.place == place, f"told {end.value.place}: {end.value}"


FORGED = {
    "a line past the end": ("student.py", 10**6),
    "line nought": ("student.py", 0),
    "a line before the first": ("student.py", -1),
    "another file": ("/etc/passwd", 1),
    "a file above": ("../student.py", 1),
    "a cell of no notebook": ("student.py, cell 1", 1),
    "no file": ("", 1),
}


@pytest.mark.parametrize(("file", "line"), FORGED.values(), ids=FORGED)
def test_a_line_that_a_worker_makes_up_is_not_believed(session, tmp_path, file, line):
    session("def loss_and_grads(n, p, b): return 0.0, p\n")
    launch = Launch(parse_target(str(tmp_path / "student.py")), Limits())
    try:
        frame = wire.Frame(wire.ANSWER, 1, ("exception", "nonsense", file, line))
        claimed = wire.read_failure(wire.unpack(wire.pack(frame)[12:])).place
        assert launch.staged.place(claimed) is None, f"believed {claimed}"
    finally:
        launch.close()


@pytest.mark.parametrize("values", [("exception", "x", "f", "1"), ("exception", "x", 1, 1), ("x",)])
def test_a_failure_of_another_form_is_a_wire_error(values):
    with pytest.raises(wire.WireError):
        wire.read_failure(values)


def test_a_line_is_what_was_handed_in_whatever_the_code_made_of_its_copy(session):
    code = """
        def loss_and_grads(network, params, batch):
            try:
                open(__file__, "w").write("forged\\n" * 20)
            except OSError:
                pass
            missing
    """
    failure = session(code).ask(GRADIENT).failure
    assert failure.place.text == "missing", f"what stands there is {failure.place}"


def test_a_long_line_is_cut(session):
    text = " + ".join(["missing"] * 50)
    place = (
        session(f"def loss_and_grads(n, p, b):\n    return {text}\n").ask(GRADIENT).failure.place
    )
    assert len(place.text) <= LONGEST_LINE, f"{len(place.text)} characters are shown"
    assert place.text.endswith("…"), f"nothing says that it was cut: {place.text!r}"


def test_lines_are_counted_as_python_counts_them(session):
    text = 'a = "\\x0c\x0c \u2028"\r\n\x0c\ndef loss_and_grads(n, p, b):\r\n    missing\r\n'
    place = session(textwrap.dedent(text)).ask(GRADIENT).failure.place
    assert place == Place("student.py", 4, "missing"), f"told {place}"
