"""docs/plug-in.md shows what is tried, and names what there is."""

import re

import pytest

from gradcheck.reading.declared import Declaration
from gradcheck.reading.target import ADAPTERS
from tests.reading.conftest import EXAMPLES, example

GUIDE = (EXAMPLES.parents[1] / "plug-in.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n# (\S+)\n(.*?)```", GUIDE, flags=re.DOTALL)


@pytest.mark.parametrize(("name", "block"), BLOCKS, ids=[name for name, _ in BLOCKS])
def test_an_excerpt_is_of_the_file_it_names(name, block):
    lines = iter(example(name).splitlines())
    wanted = [line for line in block.splitlines() if line.strip() not in ("", "...")]
    missing = [line for line in wanted if line not in lines]
    assert not missing, f"not in {name}, or not in this order: {missing}"


def test_every_example_is_shown_or_named():
    files = {path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.glob("*.py")}
    shown = {name for name, _ in BLOCKS}
    assert files <= shown, f"not shown: {files - shown}"
    declared = {path.name.split(".")[0] for path in (EXAMPLES / "declared").glob("*.py")}
    unnamed = [name for name in declared if f"`{name}`" not in GUIDE and name not in str(shown)]
    assert not unnamed, f"not named: {unnamed}"


def test_every_adapter_is_named():
    unnamed = [name for name in ADAPTERS if f"`{name.replace(' ', '-')}`" not in GUIDE]
    assert not unnamed, f"not named: {unnamed}"


def test_every_argument_of_a_declaration_is_named():
    unnamed = [name for name in Declaration.__dataclass_fields__ if f"`{name}" not in GUIDE]
    assert not unnamed, f"not named: {unnamed}"


def test_the_line_that_is_shown_is_the_one_that_is_printed(examined):
    entry = examined(example("deeplearning_ai.py"))
    told = ", ".join(f"{k}: {v}" for k, v in entry["adapter"]["conventions"].items())
    assert f"recognised as deeplearning.ai ({told})" in " ".join(GUIDE.split())
