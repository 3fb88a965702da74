"""A stored record, and a browser."""

import copy
import json
import os
import shutil
from pathlib import Path

import pytest

from gradcheck.records.record import Record

STORED = Path(__file__).parent / "stored.json"

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def stored():
    """A record of four implementations: right, wrong in the gradient and in the step, broken."""
    return Record.from_json(STORED.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def measured():
    """What benchmarks/peers.py --json wrote, shortened."""
    return json.loads(Path(__file__).with_name("measured.json").read_text(encoding="utf-8"))


@pytest.fixture
def one(stored):
    """Return a function that keeps one implementation of the stored record, as check writes it."""

    def one(name, **changes):
        entry = next(e for e in stored.data["implementations"] if e["name"] == name)
        entry = {**copy.deepcopy(entry), **changes}
        data = {**stored.data, "implementations": [entry], "bugs": [], "worked_examples": []}
        return Record(data)

    return one


@pytest.fixture(scope="session")
def browser():
    """Start the system's Chromium; GRADCHECK_BROWSER=required forbids to do without."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    reason = "" if found else f"no browser: none of {', '.join(BROWSERS)} is installed"
    if found:
        try:
            from playwright.sync_api import sync_playwright
        except ImportError:
            reason = "no playwright: pip install -e '.[test]'"
    if reason and os.environ.get("GRADCHECK_BROWSER") == "required":
        pytest.fail(f"GRADCHECK_BROWSER=required, but there is {reason}")
    if reason:
        pytest.skip(reason)
    as_root = ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=as_root)
        yield started
        started.close()
