"""Notebooks: the sources of code cells, in order, and no Jupyter."""

import json
from pathlib import Path

import pytest

from gradcheck.errors import LoadError
from gradcheck.reading.loading import load_file
from gradcheck.reading.running import without_magics


def notebook(*sources, kinds=None):
    kinds = kinds or ["code"] * len(sources)
    cells = [
        {"cell_type": kind, "metadata": {}, "source": source}
        | (
            {
                "outputs": [{"output_type": "stream", "name": "stdout", "text": "<script>"}],
                "execution_count": 1,
            }
            if kind == "code"
            else {}
        )
        for kind, source in zip(kinds, sources, strict=True)
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells})


@pytest.fixture
def loaded(tmp_path):
    def load(text, name="student.ipynb"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return load_file(path)

    return load


def test_code_cells_run_in_order_in_one_namespace(loaded):
    found = loaded(
        notebook("a = 1", "prose", "a += 1\nb = [a]", kinds=["code", "markdown", "code"])
    )
    assert (found.code.a, found.code.b) == (2, [2]), "cells ran in another order, or apart"
    assert found.notes == (), f"something was left out: {found.notes}"


def test_shell_and_line_magics_are_left_out_and_told(loaded):
    found = loaded(notebook("%matplotlib inline\n!touch x\nmath?\nx = 1", "%%bash\nrm x\n"))
    assert found.code.x == 1, "what is Python did not run"
    (note,) = found.notes
    assert "left out" in note, note


@pytest.mark.parametrize(
    ("source", "python", "dropped"),
    [
        ("x = 1", "x = 1", 0),
        ("%time x = 1\ny = 2", "\ny = 2", 1),
        ("!pip install numpy\nx = 1", "\nx = 1", 1),
        ("files = !ls\nx = 1", "\nx = 1", 1),
        ("if True:\n    %pylab\nx = 1", "if True:\n    pass\nx = 1", 1),
        ("%%time\nx = 1", "\nx = 1", 1),
        ("%%html\n<b>x</b>", "", 2),
        ("np.dot??\nx = 1", "\nx = 1", 1),
        ("text = 'a %s'\\\n% 3", "text = 'a %s'\\\n% 3", 0),
        ("text = '''\n!kept\n%kept\n'''", "text = '''\n!kept\n%kept\n'''", 0),
    ],
)
def test_a_magic_is_told_from_python(source, python, dropped):
    assert without_magics(source) == (python, dropped), f"{source!r} became another thing"


def test_a_cell_that_raises_is_named(loaded):
    with pytest.raises(LoadError, match="SyntaxError"):
        loaded(notebook("x = 1", "y = ("))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"cells": 3, "nbformat": 4}', "[" * 10**5])
def test_what_is_no_notebook_is_refused(loaded, text):
    with pytest.raises(LoadError, match=r"student\.ipynb"):
        loaded(text)


def test_a_saved_output_is_never_used(loaded):
    found = loaded(notebook("x = 1"))
    assert "<script>" not in str(vars(found.code)), "an output of the notebook was read"


def test_an_old_notebook_is_read(loaded):
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {},
        "worksheets": [
            {
                "metadata": {},
                "cells": [
                    {
                        "cell_type": "code",
                        "input": ["x = 7"],
                        "language": "python",
                        "outputs": [],
                        "collapsed": False,
                        "metadata": {},
                    }
                ],
            }
        ],
    }
    assert loaded(json.dumps(old)).code.x == 7, "cells of an old notebook were not found"


def test_a_python_file_with_the_wrong_suffix_is_no_notebook(loaded):
    with pytest.raises(LoadError, match="no notebook"):
        loaded(Path(__file__).read_text(encoding="utf-8"))
