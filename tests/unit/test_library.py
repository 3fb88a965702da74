"""The archive that a worker imports from: bytecode, or source where Python keeps none."""

import io
import zipfile
from pathlib import Path

import pytest

from gradcheck.execution.staging import archive


@pytest.mark.parametrize(("writes", "suffix"), [(True, ".pyc"), (False, ".py")])
def test_a_worker_gets_bytecode_where_python_keeps_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, writes: bool, suffix: str
) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", not writes)
    monkeypatch.setattr("sys.pycache_prefix", str(tmp_path))
    names = zipfile.ZipFile(io.BytesIO(archive.__wrapped__())).namelist()
    assert {Path(name).suffix for name in names} == {suffix}
    assert bool(list(tmp_path.rglob("*.pyc"))) is writes, "compiled for nobody, or not kept"
