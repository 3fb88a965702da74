"""Profiles, and what every test may use."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from gradcheck import diagnosis
from gradcheck.execution import channel

pytest_plugins = ["pytester"]

# as many tests run at once as there are processors: who looks out takes one from the worker
channel.AWAKE = 0.0

settings.register_profile("dev", max_examples=25, deadline=None, print_blob=True)
settings.register_profile(
    "ci",
    max_examples=100,
    deadline=None,
    derandomize=True,
    print_blob=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("GRADCHECK_PROFILE", "ci" if "CI" in os.environ else "dev"))


def pytest_report_header() -> str:
    """Print what a failure is replayed with."""
    return (
        f"gradcheck: Hypothesis profile {settings._current_profile}; random problems are "
        f"sampling.problem(seed, index), and failures print both; set GRADCHECK_PROFILE to "
        f"dev, ci or thorough"
    )


@pytest.fixture
def undiagnosed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the diagnosis out: it has tests of its own and takes its time."""

    def diagnose(plan: Any, findings: Any) -> Iterator[Any]:
        return []
        yield

    monkeypatch.setattr(diagnosis, "diagnose", diagnose)
