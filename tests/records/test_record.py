"""The record: what is fit for JSON, what is read back, and how files are written."""

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradcheck.commands import check_writable, write_whole
from gradcheck.comparison.verdict import Verdict, plain
from gradcheck.errors import UsageError
from gradcheck.records.build import new_record
from gradcheck.records.record import Record
from gradcheck.records.schema import SCHEMA

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(Verdict)
    | st.floats(width=32).map(np.float32)
    | st.integers(-128, 127).map(np.int8)
    | st.booleans().map(np.bool_)
    | hnp.arrays(np.float64, hnp.array_shapes(min_dims=0, max_dims=2, max_side=3)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def record(*verdicts: str, agrees: bool | None = None) -> Record:
    """Return a record of implementations with these verdicts."""
    examples = [] if agrees is None else [{"name": "an example", "agrees": agrees}]
    implementations = [{"name": "student", "verdict": verdict} for verdict in verdicts]
    return new_record(7, "check student.py", implementations, worked_examples=examples)


@given(VALUES)
def test_whatever_is_made_plain_is_strict_json(value: Any) -> None:
    text = json.dumps(plain(value), allow_nan=False)
    assert json.loads(text) == plain(value), f"{value!r} became {text}"


@given(VALUES)
def test_what_is_plain_already_stays_as_it_is(value: Any) -> None:
    once = plain(value)
    assert plain(once) == once, f"{value!r} became {once!r}, then {plain(once)!r}"


@pytest.mark.parametrize(
    ("number", "text"),
    [(math.nan, "nan"), (-math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")],
)
@pytest.mark.parametrize("kind", [float, np.float64, np.float32, np.float16, np.array])
def test_a_number_that_is_not_finite_becomes_a_word(kind: Any, number: float, text: str) -> None:
    assert plain(kind(number)) == text, f"{number} became {plain(kind(number))!r}"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_bit_of_a_finite_number_survives_the_json_text(number: float) -> None:
    again = json.loads(json.dumps(plain({"x": np.float64(number)})))["x"]
    assert again.hex() == number.hex(), f"{number!r} was read back as {again!r}"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int64(3), 3),
        (np.uint8(3), 3),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (True, True),
        (None, None),
        (Verdict.WRONG, "wrong"),
        ((1, (2, 3)), [1, [2, 3]]),
        (np.array(2.0), 2.0),
        (np.array([[1.0, math.nan], [2.0, -math.inf]]), [[1.0, "nan"], [2.0, "-inf"]]),
        ({1: np.int64(2)}, {"1": 2}),
        ({"verdict": Verdict.CORRECT}, {"verdict": "correct"}),
    ],
)
def test_numpy_and_our_own_types_become_plain_ones(value: Any, expected: Any) -> None:
    converted = plain(value)
    assert converted == expected, f"{value!r} became {converted!r}"
    assert type(converted) is type(expected), f"{value!r} became a {type(converted).__name__}"


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=3))
def test_a_record_is_read_back_from_json_as_it_was(extra: dict[str, Any]) -> None:
    made = new_record(7, "check", [{"verdict": Verdict.CORRECT, "extra": extra}])
    assert Record.from_json(made.to_json()) == made, f"changed by the JSON text: {made.data}"


def test_the_json_text_is_of_schema_1_and_ends_with_a_line_end() -> None:
    text = record("correct").to_json()
    assert json.loads(text)["schema"] == SCHEMA == 1, f"schema {json.loads(text)['schema']}"
    assert text.endswith("}\n"), f"the text ends with {text[-5:]!r}"


def test_a_record_holds_the_documented_parts() -> None:
    parts = set(record("correct").data)
    documented = {"schema", "gradcheck", "seed", "command", "machine"}
    documented |= {"implementations", "bugs", "worked_examples"}
    assert parts >= documented, f"a record lacks {documented - parts}"


def test_the_machine_is_described_without_naming_it() -> None:
    described = set(record("correct").data["machine"])
    harmless = {"python", "numpy", "system", "processor", "cores"}
    assert described == harmless, f"the machine is described by {described}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[1, 2]",
        "null",
        "3",
        "{}",
        '{"schema": 2}',
        '{"schema": "1"}',
        '{"schema": 1',
        "[" * 100_000,
    ],
    ids=lambda text: text[:12],
)
def test_what_is_no_record_of_schema_1_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="this is not a gradcheck record"):
        Record.from_json(text)


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        (["correct"], 0),
        (["correct", "correct"], 0),
        (["correct", "unresolved"], 3),
        (["unresolved", "error"], 1),
        (["correct", "wrong"], 1),
        ([], 3),
    ],
)
def test_the_worst_implementation_decides_the_exit_code(verdicts: list[str], code: int) -> None:
    found = record(*verdicts).exit_code
    assert found == code, f"{verdicts} lead to the exit code {found}, expected {code}"


def test_a_worked_example_that_is_not_reproduced_counts_as_wrong() -> None:
    assert record("correct", agrees=False).exit_code == 1, "a missed number does not count"
    assert record("correct", agrees=True).exit_code == 0, "a reproduced number counts as missed"


def test_a_planted_bug_that_was_caught_does_not_count() -> None:
    caught = [{"slug": "a_bug", "caught": True, "named": False, "by": ["gradient"]}]
    made = new_record(7, "report", [{"verdict": "correct"}], bugs=caught)
    assert made.exit_code == 0, f"a caught bug led to the exit code {made.exit_code}"


@given(text=st.text())
def test_a_file_is_written_with_exactly_the_text(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("written") / "record.json"
    write_whole(path, text)
    assert path.read_bytes() == text.encode(), f"{text!r} was written as {path.read_bytes()!r}"


def test_an_old_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text("a much longer old text", encoding="utf-8")
    write_whole(path, "new")
    assert path.read_text(encoding="utf-8") == "new", f"it holds {path.read_text()!r}"
    left = [other.name for other in tmp_path.iterdir()]
    assert left == ["record.json"], f"the folder holds {left}"


def test_half_a_surrogate_pair_is_written_as_its_escape(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    write_whole(path, "student says \ud800")
    assert path.read_text(encoding="utf-8") == "student says \\ud800", path.read_text()


def refusal(path: Path) -> str:
    with pytest.raises(UsageError) as error:
        write_whole(path, "text")
    with pytest.raises(UsageError):
        check_writable(path)  # before the work, too
    return str(error.value)


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    message = refusal(tmp_path / "folder")
    assert "it is a folder" in message, f"refused with {message!r}"
    assert [p.name for p in tmp_path.rglob("*")] == ["folder"], "something was left behind"


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path / "none" / "record.json")
    assert "there is no folder" in message, f"refused with {message!r}"
    assert not list(tmp_path.iterdir()), "something was left behind"


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    message = refusal(tmp_path / "file" / "record.json")
    assert "there is no folder" in message, f"refused with {message!r}"


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path / ("x" * 5000))
    assert message.startswith("cannot write"), f"refused with {message[:80]!r}"
    assert not list(tmp_path.iterdir()), "something was left behind"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    message = refusal(pipe)
    assert "it is a device or pipe" in message, f"refused with {message!r}"
    assert pipe.is_fifo(), "the pipe was replaced by a file"


def test_a_failure_half_way_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "record.json"
    path.write_text("old", encoding="utf-8")

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UsageError, match="No space left on device"):
        write_whole(path, "new")
    assert path.read_text(encoding="utf-8") == "old", "the old file was touched"
    left = [other.name for other in tmp_path.iterdir()]
    assert left == ["record.json"], f"the folder holds {left}"


def test_an_interrupt_half_way_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "record.json"
    path.write_text("old", encoding="utf-8")

    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, "new")
    left = [(other.name, other.read_text(encoding="utf-8")) for other in tmp_path.iterdir()]
    assert left == [("record.json", "old")], f"the folder holds {left}"
