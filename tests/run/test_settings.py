"""``[tool.gradcheck]`` of a pyproject.toml, found from a folder upwards."""

from pathlib import Path

import pytest

from gradcheck.errors import UsageError
from gradcheck.run.options import OPTIONS, configured


def test_every_option_can_be_set_under_its_name_on_the_command_line(tmp_path: Path) -> None:
    examples = {str: '"relu"', Path: '"relu"', int: "21", float: "2.5", bool: "true"}
    lines = [f"{name} = {examples[option.kind]}" for name, option in OPTIONS.items()]
    (tmp_path / "pyproject.toml").write_text("\n".join(["[tool.gradcheck]", *lines]))
    found = configured(tmp_path)
    assert set(found) == {name.replace("-", "_") for name in OPTIONS}, found
    assert found["declaration"] == tmp_path / "relu", found["declaration"]


def test_the_options_are_those_of_check() -> None:
    from gradcheck.commands.check import parser

    known = {action.dest for action in parser()._actions}
    missing = {name.replace("-", "_") for name in OPTIONS} - known
    assert not missing, f"check has no {missing}"


def test_the_nearest_file_with_the_table_counts(tmp_path: Path) -> None:
    inner = tmp_path / "course" / "week"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.gradcheck]\nrequire = "relu"\nexamples = 50\n')
    (inner / "pyproject.toml").write_text("[tool.ruff]\nline-length = 100\n")
    assert configured(inner) == {"require": "relu", "examples": 50}
    (inner.parent / "pyproject.toml").write_text("[tool.gradcheck]\ntimeout = 60\n")
    assert configured(inner) == {"timeout": 60.0}


def test_a_list_may_be_required(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.gradcheck]\nrequire = ["relu", "depth>=3"]\n')
    assert configured(tmp_path) == {"require": "relu,depth>=3"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.gradcheck]\nrequires = 'relu'", "no 'requires'; did you mean require?"),
        ("[tool.gradcheck]\ncall_time_out = 1", "did you mean call-timeout?"),
        ("[tool.gradcheck]\ncolour = 'red'", "known are network, require"),
        ("[tool.gradcheck]\nexamples = '50'", "examples must be a whole number; got '50'"),
        ("[tool.gradcheck]\nexamples = true", "must be a whole number; got True"),
        ("[tool.gradcheck]\nrequire = [3]", "require must be a text; got [3]"),
        ("[tool]\ngradcheck = 3", "must be a table"),
        ("[tool.gradcheck\n", "is no TOML"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        configured(tmp_path)
    assert said in str(caught.value), caught.value
    assert "pyproject.toml" in str(caught.value), caught.value


def test_a_file_that_does_not_speak_of_us_may_be_as_broken_as_it_likes(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"[tool.ruff\n")
    assert not [key for key in configured(tmp_path) if key]
