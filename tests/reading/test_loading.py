"""Loading files: what is refused, what a failing import says, and what we ship."""

import os
import sys
from pathlib import Path

import pytest

from gradcheck.errors import LoadError, UsageError
from gradcheck.reading.loading import load
from gradcheck.reading.target import MAX_BYTES, check_path, shipped


def written(folder: Path, text: str, name: str = "student.py") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(UsageError) as error:
        load(path)
    return str(error.value)


def load_failure(path: Path) -> str:
    with pytest.raises(LoadError) as error:
        load(path)
    return str(error.value)


def test_a_file_becomes_a_module_with_what_it_defines(tmp_path: Path) -> None:
    module = load(written(tmp_path, "def answer():\n    return 42\n"))
    assert module.answer() == 42, f"the loaded function gives {module.answer()}"


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path / "none.py")
    assert "there is no such file" in message, f"refused with {message!r}"


def test_a_path_with_a_null_character_is_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path / "a\0b.py")
    assert "there is no such file" in message, f"refused with {message!r}"


def test_a_folder_is_refused_though_its_name_ends_in_py(tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    message = refusal(tmp_path / "folder.py")
    assert "is a folder" in message, f"refused with {message!r}"


def test_a_link_is_refused_though_it_leads_to_a_good_file(tmp_path: Path) -> None:
    target, link = written(tmp_path, "x = 1\n"), tmp_path / "link.py"
    try:
        link.symlink_to(target)
    except (OSError, NotImplementedError):
        pytest.skip("this system does not let us make links")
    message = refusal(link)
    assert "is a link" in message, f"refused with {message!r}"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.py"
    os.mkfifo(pipe)
    message = refusal(pipe)
    assert "is a device or pipe" in message, f"refused with {message!r}"


@pytest.mark.skipif(os.devnull != "/dev/null", reason="this system has no device files")
def test_a_device_is_refused() -> None:
    message = refusal(Path(os.devnull))
    assert "is a device or pipe" in message, f"refused with {message!r}"


@pytest.mark.parametrize("name", ["student.txt", "student", "student.pyc", "student.ipynb.txt"])
def test_a_file_with_another_suffix_is_refused(tmp_path: Path, name: str) -> None:
    message = refusal(written(tmp_path, "x = 1\n", name))
    assert "is not a .py file" in message, f"{name} was refused with {message!r}"


def test_a_file_of_the_largest_size_is_accepted_and_one_byte_more_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.py"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES)  # sparse: it takes no room
    check_path(path)
    with path.open("r+b") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(UsageError, match=f"has {MAX_BYTES + 1} bytes"):
        check_path(path)


def test_a_syntax_error_is_told_with_its_line(tmp_path: Path) -> None:
    message = load_failure(written(tmp_path, "a = 1\n\ndef f(:\n    pass\n"))
    expected = "student.py could not be imported: line 3, `def f(:`: SyntaxError: invalid syntax"
    assert message == expected, f"the message is {message!r}"


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    message = load_failure(written(tmp_path, "import no_such_package.part\n"))
    expected = (
        "student.py needs no_such_package (line 1), a package that is not installed, and other "
        "files of your own are not brought along; with "
        "--imports-only it is left out until it is used"
    )
    assert message == expected, f"the message is {message!r}"


def test_a_missing_part_of_an_installed_package_is_named(tmp_path: Path) -> None:
    message = load_failure(written(tmp_path, "import numpy.no_such_part\n"))
    expected = "student.py needs numpy.no_such_part, which the installed numpy does not have"
    assert message == expected, f"the message is {message!r}"


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("raise ValueError('first\\nsecond')", "ValueError: first"),
        ("raise ValueError", "ValueError"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        (
            "class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd",
            "Odd",
        ),
    ],
)
def test_whatever_a_file_raises_at_import_is_a_load_error_in_one_line(
    tmp_path: Path, text: str, ending: str
) -> None:
    message = load_failure(written(tmp_path, text))
    place = f"line {text.count(chr(10)) + 1}, `{text.splitlines()[-1]}`"
    expected = f"student.py could not be imported: {place}: {ending}; --imports-only runs only "
    assert message == f"{expected}its imports, functions and classes", f"the message is {message!r}"


def test_a_keyboard_interrupt_at_import_stops_gradcheck(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        load(written(tmp_path, "raise KeyboardInterrupt\n"))


def test_what_a_file_prints_goes_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load(written(tmp_path, "print('training ...')\n"))
    captured = capsys.readouterr()
    assert captured.out == "", f"standard output got {captured.out!r}"
    assert captured.err == "training ...\n", f"standard error got {captured.err!r}"


def test_code_for_running_the_file_as_a_script_is_not_run(tmp_path: Path) -> None:
    module = load(written(tmp_path, "ran = __name__ == '__main__'\n"))
    assert module.ran is False, "the file was run as a script"


def test_a_dataclass_with_postponed_annotations_can_be_defined(tmp_path: Path) -> None:
    text = (
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "@dataclass\nclass Layer:\n    width: int = 3\n"
    )
    module = load(written(tmp_path, text))
    assert module.Layer().width == 3, "the dataclass does not work"


def test_two_files_of_one_name_do_not_mix(tmp_path: Path) -> None:
    modules = []
    for part in ("a", "b"):
        (tmp_path / part).mkdir()
        modules.append(load(written(tmp_path / part, f"name = {part!r}\n")))
    names = [module.name for module in modules]
    assert names == ["a", "b"], f"two files of one name hold {names}"


def test_a_file_that_changed_a_moment_ago_is_read_anew(tmp_path: Path) -> None:
    first = load(written(tmp_path, "value = 1\n"))
    second = load(written(tmp_path, "value = 2\n"))  # of the same size, in the same second
    assert (first.value, second.value) == (1, 2), f"loaded {first.value}, then {second.value}"


def test_nothing_is_left_beside_a_loaded_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    load(written(tmp_path, "x = 1\n"))
    left = [path.name for path in tmp_path.iterdir()]
    assert left == ["student.py"], f"the folder now holds {left}"


def test_a_loaded_file_gets_no_public_name(tmp_path: Path) -> None:
    before = set(sys.modules)
    load(written(tmp_path, "x = 1\n"))
    assert set(sys.modules) == before, f"new modules: {set(sys.modules) - before}"


def test_code_that_follows_the_contract_is_run_whole_with_a_loop_that_trains(
    tmp_path: Path,
) -> None:
    loop = "w = 1.0\nfor i in range(9):\n    w -= 0.1 * w * w\n"
    native = "def loss_and_grads(network, params, batch): pass\n"
    module = load(written(tmp_path, native + loop))
    assert module.w < 1.0, "the loop of native code was cut out, as that of a script is"


@pytest.mark.parametrize("name", ["scalar_loops", "matrix", "jax_autodiff"])
def test_the_shipped_implementations_are_found_and_may_be_loaded(name: str) -> None:
    path = shipped(name)
    check_path(path)
    assert path.name == f"{name}.py", f"{name} was found at {path.name}"


def test_an_implementation_that_is_not_shipped_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="ships no implementation named 'student'"):
        shipped("student")


def test_a_module_beside_the_file_can_be_imported(tmp_path):
    (tmp_path / "helper_beside.py").write_text("answer = 42", encoding="utf-8")
    path = tmp_path / "student.py"
    path.write_text("import helper_beside\nanswer = helper_beside.answer", encoding="utf-8")
    assert load(path).answer == 42, "the file's own folder is not searched"
    sys.modules.pop("helper_beside", None)


def test_loading_leaves_the_search_path_as_it_was(tmp_path):
    path = tmp_path / "student.py"
    path.write_text("x = 1", encoding="utf-8")
    before = list(sys.path)
    load(path)
    assert sys.path == before, "the search path was left changed"
