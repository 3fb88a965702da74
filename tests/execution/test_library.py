"""The archive that a worker imports from: bytecode, or source where Python keeps none."""

import io
import zipfile
from pathlib import Path

import pytest

from gradcheck.execution.staging import archive


@pytest.mark.parametrize(("writes", "suffixes"), [(True, {".pyc"}), (False, {".py", ".pyc"})])
def test_a_worker_gets_bytecode_where_python_keeps_it_and_of_what_every_worker_loads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, writes: bool, suffixes: set[str]
) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", not writes)
    monkeypatch.setattr("sys.pycache_prefix", str(tmp_path))
    names = zipfile.ZipFile(io.BytesIO(archive.__wrapped__())).namelist()
    assert {Path(name).suffix for name in names} == suffixes
    assert "gradcheck/reading/loading.pyc" in names
    assert bool(list(tmp_path.rglob("*.pyc"))) is writes, "compiled for nobody, or not kept"
