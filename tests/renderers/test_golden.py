"""Each format, rendered from a stored record, is what it was."""

import pytest

from tests.renderers.formats import FORMATS, GOLDEN


@pytest.mark.parametrize("name", FORMATS)
def test_a_stored_record_is_rendered_as_it_was(name, stored):
    golden = (GOLDEN / name).read_text(encoding="utf-8").splitlines()
    now = FORMATS[name](stored).splitlines()
    changed = [
        (number, before, after)
        for number, (before, after) in enumerate(zip(golden, now, strict=False), start=1)
        if before != after
    ]
    told = "\n".join(f"line {n}\n  was {a[:300]}\n  is  {b[:300]}" for n, a, b in changed[:3])
    assert now == golden, (
        f"{name} has {len(now)} lines, it had {len(golden)}. If this is meant, run "
        f"python -m tests.renderers.formats and look at the difference.\n{told}"
    )
