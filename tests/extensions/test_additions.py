"""What CONTRIBUTING says an addition takes is all that it takes.

A copy of the package gets one addition of each kind, in the files that the table names and in
no other. They are all met by what a user runs: the check, the diagnosis, the page and pytest.
"""

import compileall
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.extensions.additions import ADDITIONS, FOREIGN, RIGHT, SUBMISSION, Addition

ROOT = Path(__file__).resolve().parents[2]

#: How a check is asked for.
ASKED = ("--seed=1", "--examples=60", "--json=-")

#: Where the submissions that follow are asked.
NETWORK = "2-3-2 sine,identity quartic_error sum"


def rows() -> dict[str, str]:
    """Return what CONTRIBUTING says to write, by what is added."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    cells = [line.split("|") for line in text.splitlines() if line.startswith("| a")]
    return {cell[1].strip(): cell[2] for cell in cells}


@pytest.mark.parametrize("addition", ADDITIONS, ids=lambda addition: addition.kind)
def test_an_addition_touches_only_files_that_contributing_names(addition: Addition) -> None:
    row = rows().get(addition.kind)
    assert row is not None, f"CONTRIBUTING does not say what {addition.kind} takes"
    named = re.findall(r"`([\w/.]+)`", row)
    for path in {*(path for path, _ in addition.lines), *addition.files}:
        folder, _, name = path.rpartition("/")
        one_of_its_files = f"file of `{folder}/`" in row
        new_in_it = path in addition.files and f"{folder}/" in named
        ours = path in named or one_of_its_files or new_in_it
        ours = ours or (name == "__init__.py" and name in named and f"{folder}/" in named)
        assert ours, f"{addition.kind} takes {path}, which CONTRIBUTING does not name: {row}"


@dataclass(frozen=True)
class House:
    """A copy of the package with all additions, and a folder for submissions."""

    root: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python in it, with the copy in front of the package that is installed."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
        )

    def submission(self, name: str, text: str = SUBMISSION, **wrong: str) -> str:
        """Write a submission with something wrong in it, and return its name."""
        for word, code in {**RIGHT, **wrong}.items():
            text = text.replace(word, code)
        (self.root / f"{name}.py").write_text(text, encoding="utf-8")
        return f"{name}.py"

    def checked(self, name: str, *options: str) -> dict[str, Any]:
        """Check a submission and return its entry in the record."""
        ended = self.run(
            "-m", "gradcheck", "check", name, "--seed=1", "--examples=60", "--json=-", *options
        )
        assert ended.returncode in (0, 1), f"{name} ended with {ended.returncode}: {ended.stderr}"
        entry: dict[str, Any] = json.loads(ended.stdout)["implementations"][0]
        return entry


def write_below(path: Path, begins: str, text: str) -> None:
    """Write text below the first line that begins so."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    at = next((n for n, line in enumerate(lines) if line.startswith(begins)), None)
    assert at is not None, f"{path} has no line that begins {begins!r}"
    path.write_text("".join([*lines[: at + 1], text, *lines[at + 1 :]]), encoding="utf-8")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    root = tmp_path_factory.mktemp("house")
    for folder in ("gradcheck", "implementations"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for addition in ADDITIONS:
        for (path, begins), text in addition.lines.items():
            write_below(root / path, begins, text)
        for path, text in addition.files.items():
            assert not (root / path).exists(), f"{path} exists already"
            (root / path).write_text(text, encoding="utf-8")
    compileall.compile_dir(root, quiet=2)  # once, and not by each process that imports the copy
    return House(root)


def test_right_code_of_a_new_activation_and_loss_is_correct_and_meets_the_new_check(
    house: House,
) -> None:
    name = house.submission("right")
    entry = house.checked(name, "--tally=tally.txt")
    assert entry["verdict"] == "correct", entry["findings"]
    assert "sine" in entry["supports"]["activations"], entry["supports"]
    assert "quartic_error" in entry["supports"]["losses"], entry["supports"]
    checks = {finding["check"]: finding["verdict"] for finding in entry["findings"]}
    assert checks.get("positive") == "correct", f"the new check says nothing: {checks}"
    assert (house.root / "tally.txt").read_text(encoding="utf-8") == "correct: 1\n"


#: A submission's fault; the site and the bug that are named, and what the page shows.
FAULTS: dict[str, tuple[Mapping[str, str], str, str | None, str]] = {
    "slope": ({"SINE": "np.cos(z) + 0.3 * z"}, "activation_derivative", None, "sine"),
    "loss": ({"QUARTIC": "3 * r**3 + r"}, "loss_derivative", None, "4 (a - y)^3"),
    "site": (
        {"RETURNED": "(lambda g: np.sign(g) * np.sqrt(np.abs(g)))"},
        "scale_of_gradient",
        "root_of_gradient",
        "the root of the gradient is handed back",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_wrong_code_is_diagnosed_and_shown_with_what_was_added(house: House, fault: str) -> None:
    wrong, site, bug, shown = FAULTS[fault]
    name = house.submission(fault, **wrong)
    entry = house.checked(name, f"--network={NETWORK}", f"--html={fault}.html")
    assert entry["verdict"] == "wrong", entry["findings"]
    found = [(d["site"], d["bug"]) for d in entry["diagnoses"]]
    assert (site, bug) in found, f"{fault}: {found}"
    page = (house.root / f"{fault}.html").read_text(encoding="utf-8")
    assert shown in page, f"the page of {fault} does not show {shown!r}"


@pytest.mark.slow
def test_a_new_check_finds_what_it_looks_for(house: House) -> None:
    entry = house.checked(house.submission("negative", LOSS_OF="(lambda loss: -1 - loss)"))
    found = {f["check"]: f["message"] for f in entry["findings"] if f["verdict"] == "wrong"}
    assert "a loss below zero" in found.get("positive", ""), found


@pytest.mark.slow
def test_a_new_bug_is_in_the_catalogue_that_is_printed(house: House) -> None:
    ended = house.run("-m", "gradcheck", "bugs", "root_of_gradient")
    assert "root_of_gradient (scale_of_gradient)" in ended.stdout, ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("sine", "verdict"), [("np.cos(z1)", "correct"), ("np.sin(z1)", "wrong")])
def test_a_new_adapter_reads_its_interface(house: House, sine: str, verdict: str) -> None:
    entry = house.checked(house.submission(f"foreign_{verdict}", FOREIGN, SINE=sine))
    assert entry["adapter"]["name"] == "one argument", entry["adapter"]
    assert entry["verdict"] == verdict, (entry["findings"], entry["notes"], entry["error"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["matrix", "scalar_loops"])
def test_our_implementations_have_a_new_activation(house: House, name: str) -> None:
    entry = house.checked(f"implementations/{name}.py", "--require=sine")
    assert entry["verdict"] == "correct", (entry["findings"], entry["error"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "wrong", "told"),
    [("right_too", {}, "passed"), ("wrong", {"SINE": "np.cos(z) + z"}, "the derivative of sine")],
)
def test_pytest_meets_what_was_added(
    house: House, name: str, wrong: Mapping[str, str], told: str
) -> None:
    file = house.submission(name, **wrong)
    options = ("-v", "-p", "no:cacheprovider", f"--gradcheck-impl={file}", "--gradcheck-seed=1")
    options += ("--gradcheck-examples=60",)
    ended = house.run("-m", "pytest", *options)
    assert ("passed" if not wrong else "failed") in ended.stdout, ended.stdout + ended.stderr
    assert "positive" in ended.stdout or not wrong, "pytest makes no test of the new check"
    assert told in ended.stdout, ended.stdout


@pytest.mark.slow
def test_a_new_activation_can_be_begun_with(house: House) -> None:
    ended = house.run("-m", "gradcheck", "new", "begun.py", f"--network={NETWORK}")
    text = (house.root / "begun.py").read_text(encoding="utf-8")
    assert '"sine": np.sin' in text, ended.stderr + text
