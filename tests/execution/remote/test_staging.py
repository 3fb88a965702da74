"""What a worker finds around it, and what it leaves behind."""

import os
import sys
import tempfile

import pytest

from gradcheck.errors import UsageError
from gradcheck.execution.sandbox import Launch
from gradcheck.execution.session import Remote
from gradcheck.execution.staging import stage
from gradcheck.reading.target import parse_target, shipped
from tests.execution.remote.asking import GRADIENT, PATIENT


def test_a_module_that_is_not_installed_is_found_here_and_copied(level, tmp_path, monkeypatch):
    package = tmp_path / "homework"
    package.mkdir()
    (package / "__init__.py").write_text("raise_if_imported_here = 1\n", encoding="utf-8")
    (package / "parts.py").write_text("value = 5.0\n", encoding="utf-8")
    (package / "net.py").write_text(
        "from homework.parts import value\ndef mine(n, p, b): return value, p\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    begun = Remote(Launch(parse_target("homework.net:mine"), PATIENT))
    assert begun.ask(GRADIENT).loss == 5.0, "the module answered something else"
    assert "homework" not in sys.modules, "a stranger's package was imported into this process"
    begun.close()


@pytest.mark.parametrize("text", ["nosuchmodule_at_all:f", "nowhere/file.py:f", "nowhere.py"])
def test_a_target_that_is_not_there_is_refused(text):
    with pytest.raises(UsageError, match="there is no"):
        parse_target(text)


def test_nothing_is_left_in_the_folder_for_temporary_files(tmp_path, monkeypatch, level):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    begun = Remote(Launch(parse_target(str(shipped("matrix"))), PATIENT))
    assert any(tmp_path.iterdir()), "nothing was copied"
    begun.close()
    assert not any(tmp_path.iterdir()), f"left behind: {list(tmp_path.iterdir())}"


def test_the_environment_of_a_worker_holds_nothing_of_ours(session, level, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "1")
    begun = session(
        "import os\nraise_it = 0\ndef loss_and_grads(n, p, b):\n"
        "    raise ValueError(sorted(os.environ))"
    )
    failure = begun.ask(GRADIENT).failure
    assert failure is not None, "nothing was raised"
    assert "SECRET_TOKEN" not in failure.message, failure.message
    assert os.environ["SECRET_TOKEN"] == "1"


@pytest.mark.parametrize("name", ["NPY_DISABLE_CPU_FEATURES", "OPENBLAS_CORETYPE"])
def test_a_worker_computes_with_what_was_chosen_for_this_process(session, level, name, monkeypatch):
    monkeypatch.setenv(name, "Nehalem" if name.startswith("OPENBLAS") else "")
    begun = session(
        "import os\ndef loss_and_grads(n, p, b):\n"
        f"    raise ValueError('it is ' + repr(os.environ.get({name!r})))"
    )
    failure = begun.ask(GRADIENT).failure
    assert failure is not None, "nothing was raised"
    assert f"it is {os.environ[name]!r}" in failure.message, failure.message


def test_closing_twice_does_no_harm_to_the_folder_for_temporary_files(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tmp_path.chmod(0o755)
    launch = Launch(parse_target(str(shipped("matrix"))), PATIENT)
    launch.close()
    launch.close()
    mode = tmp_path.stat().st_mode & 0o777
    assert mode == 0o755 or sys.platform == "win32", f"its rights are now {mode:o}"


@pytest.mark.skipif(sys.platform == "win32", reason="rights are another thing there")
def test_a_folder_without_rights_is_removed_too(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    submission = stage(parse_target(str(shipped("matrix"))))
    locked = submission.scratch / "locked"
    (locked / "inside").mkdir(parents=True)
    locked.chmod(0)
    submission.close()
    assert not any(tmp_path.iterdir()), f"left behind: {list(tmp_path.iterdir())}"
