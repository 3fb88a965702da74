"""Profiles, and what every test may use."""

import importlib
import itertools
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from gradcheck.execution import calling
from gradcheck.networks import diagnosis
from gradcheck.records import build
from gradcheck.records.record import Record
from tests.arithmetic.elsewhere import FUNCTIONS, moved, tilted
from tests.execution.forked import workers
from tests.records.form import fault

pytest_plugins = ["pytester"]

settings.register_profile("dev", max_examples=25, deadline=None, print_blob=True)
# a commit is judged by the same examples each time; .ci/seeds draws others
settings.register_profile(
    "ci",
    max_examples=25,
    deadline=None,
    derandomize=True,
    print_blob=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", max_examples=1000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("GRADCHECK_PROFILE", "ci" if "CI" in os.environ else "dev"))


def pytest_report_header() -> str:
    """Print what a failure is replayed with."""
    return (
        f"gradcheck: Hypothesis profile {settings._current_profile}; random problems are "
        f"sampling.problem(seed, index), and failures print both; set GRADCHECK_PROFILE to "
        f"dev, ci or thorough"
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let a file's tests run in one process: what they share is made once."""
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log) if config.getvalue("dist") == "load" else None


@pytest.fixture(autouse=os.environ.get("GRADCHECK_ARITHMETIC") == "elsewhere")
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let arrays lie elsewhere each time, and numpy's functions have other last bits there."""
    problem = importlib.import_module("gradcheck.networks.problem")  # a function has this name, too
    handed, frozen, count = calling.handed, problem._frozen, itertools.count(1)

    def handed_elsewhere(posed: Any) -> Any:
        pairs, x, y = handed(posed)
        pairs = [(moved(w, next(count)), moved(b, next(count))) for w, b in pairs]
        return pairs, moved(x, next(count)), moved(y, next(count))

    def frozen_elsewhere(values: Any) -> Any:
        array = moved(frozen(values), next(count))
        array.flags.writeable = False
        return array

    monkeypatch.setattr(calling, "handed", handed_elsewhere)
    monkeypatch.setattr(problem, "_frozen", frozen_elsewhere)
    for name in FUNCTIONS:
        monkeypatch.setattr(np, name, tilted(getattr(np, name), name))


@pytest.fixture(autouse=True)
def _workers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork workers off one that is ready, but for tests of how they are started and shut in."""
    started = os.environ.get("GRADCHECK_WORKERS") == "started"
    if not started and request.node.get_closest_marker("shut_in") is None:
        workers.use(monkeypatch)


@pytest.fixture(autouse=True, scope="session")
def _records_have_their_form() -> Iterator[None]:
    """Hold every record that is made in a test to the written schema."""
    new_record = build.new_record

    def checked(*arguments: Any, **options: Any) -> Record:
        record = new_record(*arguments, **options)
        assert not (found := fault(record.data)), f"not the form of records/schema.py: {found}"
        return record

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "new_record", checked)
        yield


@pytest.fixture
def undiagnosed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the diagnosis out: it has tests of its own and takes its time."""

    def diagnose(plan: Any, findings: Any) -> Iterator[Any]:
        return []
        yield

    monkeypatch.setattr(diagnosis, "diagnose", diagnose)
