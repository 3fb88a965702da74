"""The tests that pytest sees: a file of code under test, one item a check."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gradcheck.checks import CHECKS
from gradcheck.errors import InternalError
from gradcheck.run.options import quoted
from gradcheck.testing.examinations import CheckOutcome, Examinations
from gradcheck.testing.selected import Selected

#: The property of a test that says what its implementation's verdict covers.
SCOPE = "gradcheck_scope"

SLUGS = tuple(check.slug for check in CHECKS)


def test_id(name: str, slug: str) -> str:
    """Return the stable name of a test, such as ``student-gradient``."""
    return f"{name}-{slug}"


class ImplementationFile(pytest.File):
    """A file in which there is an implementation, or several."""

    targets: tuple[Selected, ...]
    examinations: Examinations

    @classmethod
    def of(
        cls,
        parent: pytest.Collector,
        path: Path,
        targets: tuple[Selected, ...],
        examinations: Examinations,
    ) -> "ImplementationFile":
        """Make the node of a file."""
        node: ImplementationFile = cls.from_parent(parent, path=path)
        node.targets, node.examinations = targets, examinations
        return node

    def collect(self) -> "list[CheckItem]":
        """Return a test for each implementation and check; nothing is imported or run."""
        return [
            CheckItem.of(self, target, slug, self.examinations)
            for target in self.targets
            for slug in SLUGS
        ]


class CheckItem(pytest.Item):
    """One check of one implementation."""

    target: Selected
    slug: str
    examinations: Examinations
    outcome: CheckOutcome | InternalError

    @classmethod
    def of(
        cls, parent: pytest.Collector, target: Selected, slug: str, examinations: Examinations
    ) -> "CheckItem":
        """Make a test."""
        item: CheckItem = cls.from_parent(parent, name=test_id(target.name, slug))
        item.target, item.slug, item.examinations = target, slug, examinations
        return item

    def setup(self) -> None:
        """Examine the implementation, if no other test did; code that fails is an error."""
        settings = self.examinations.settings
        replay = (
            f"pytest --gradcheck-impl {quoted(self.target.text)} {settings} -k {quoted(self.name)}"
        )
        try:
            self.outcome = self.examinations.outcome(self.target, self.slug, replay)
        except InternalError as fault:
            self.outcome = fault
        if isinstance(self.outcome, CheckOutcome) and self.outcome.scope:
            # a property goes into JUnit's XML, and from a process of pytest-xdist to the first one
            self.user_properties.append((SCOPE, self.outcome.scope))
        if isinstance(self.outcome, CheckOutcome) and self.outcome.verdict == "error":
            demand(self.outcome)

    def runtest(self) -> None:
        """Pass if the check came out correct."""
        if isinstance(self.outcome, InternalError):
            raise self.outcome
        demand(self.outcome, self.examinations, self.target.name)

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None
    ) -> str | Any:
        """Write our own fault as a sentence; the rest as pytest does."""
        if isinstance(excinfo.value, InternalError):
            return f"gradcheck: {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Say where the test is: the file as a whole."""
        return self.path, 0, self.name


def demand(outcome: CheckOutcome, examinations: Examinations | None = None, name: str = "") -> None:
    """End a test as its check came out; no traceback, for the fault is not in the test.

    ``unresolved`` fails: a test that passes says that the gradient is right. What fails by
    the cause of another check is an expected failure where that one is run too.
    """
    if outcome.verdict == "":
        # at the test's own place: ours would mean nothing to the reader
        raise pytest.skip.Exception(outcome.text, _use_item_location=True)
    first = test_id(name, outcome.cause) if outcome.cause else ""
    if first and examinations is not None and first in examinations.collected:
        pytest.xfail(f"same cause as {first}")
    if outcome.verdict != "correct":
        pytest.fail(outcome.text, pytrace=False)


def bound(examinations: Examinations, name: str, slug: str) -> Callable[[Any], None]:
    """Return the ``check`` that a decorated test receives."""

    def check(implementation: Any) -> None:
        replay = f"pytest {examinations.settings} -k {quoted(test_id(name, slug))}"
        demand(examinations.outcome(implementation, slug, replay), examinations, name)

    return check
