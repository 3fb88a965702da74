"""The pytest plugin: one test per implementation and check.

    pytest --gradcheck-impl student.py

pytest loads this file at every start, so it imports next to nothing; what does
the work is imported when an implementation is given.
"""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gradcheck.testing import PYTEST_MARKER

if TYPE_CHECKING:
    from gradcheck.testing.pytest_run import PluggedIn

#: Name, what stands for its value, what it is, and how pytest reads it.
OPTIONS_OF_PYTEST: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    (
        "impl",
        "SPEC",
        "implementation to check: file.py or package.module:attribute; may be repeated",
        {"action": "append", "default": []},
    ),
    ("seed", "N", "replay a run; fresh unless given, and printed", {"type": int}),
    ("examples", "N", "problems to compare (200 unless given)", {"type": int}),
    ("xfails", "FILE", "expected failures: one id a line, such as student-gradient  # reason", {}),
    ("require", "LIST", 'what must be handled, such as "relu,cross_entropy,depth>=3"', {}),
)

#: What a configuration file may set.
SETTINGS = ("gradcheck_require", "gradcheck_implementations")

_PLUGGED_IN: "pytest.StashKey[PluggedIn]" = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options to those of pytest."""
    group = parser.getgroup("gradcheck", "checking hand-written backprops")
    for name, metavar, text, how in OPTIONS_OF_PYTEST:
        group.addoption(f"--gradcheck-{name}", metavar=metavar, help=text, **how)
    parser.addini("gradcheck_require", "what must be handled", default="")
    parser.addini(
        "gradcheck_implementations",
        "implementations to check when pytest is given no path",
        type="linelist",
        default=[],
    )


def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> None:
    """Refuse what begins as our options and settings do and is none of them, with a guess."""
    options = [n for option in parser.getgroup("gradcheck").options for n in option.names()]
    given = (word.partition("=")[0] for word in args)
    _refuse("option", (word for word in given if word.startswith("--gradcheck")), options)
    # pytest has no public list of what is set: where this is not it, pytest's own warning is left
    of_pytest = vars(early_config)
    settings = of_pytest.get("_inicfg", of_pytest.get("inicfg", {}))
    _refuse("setting", (name for name in settings if name.startswith("gradcheck")), SETTINGS)


def _refuse(kind: str, words: Iterable[str], known: Collection[str]) -> None:
    from gradcheck.errors import meant

    for word in words:
        if word not in known:
            raise pytest.UsageError(f"gradcheck: there is no {kind} {word}{meant(word, known)}")


def pytest_configure(config: pytest.Config) -> None:
    """Find the implementations; refuse what cannot be used before any test runs."""
    config.addinivalue_line(
        "markers", f"{PYTEST_MARKER}: made by gradcheck.parametrize_with_checks"
    )
    option = config.option
    if (
        option.gradcheck_impl
        or option.gradcheck_xfails
        or config.getini("gradcheck_implementations")
    ):
        _plugged_in(config)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Print what is checked, and what a run is replayed with."""
    plugged_in = config.stash.get(_PLUGGED_IN, None)
    return plugged_in.header() if plugged_in and plugged_in.targets else None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give every process of pytest-xdist the same seed."""
    plugged_in = node.config.stash.get(_PLUGGED_IN, None)
    if plugged_in:
        node.workerinput["gradcheck_seed"] = plugged_in.examinations.seed


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Make the tests of an implementation."""
    plugged_in = parent.config.stash.get(_PLUGGED_IN, None)
    return plugged_in.collector(file_path, parent) if plugged_in else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make the tests of ``gradcheck.parametrize_with_checks``."""
    for mark in metafunc.definition.iter_markers(PYTEST_MARKER):
        from gradcheck.errors import UsageError

        try:
            _plugged_in(metafunc.config).parametrize(metafunc, mark)
        except UsageError as error:
            raise pytest.Collector.CollectError(f"gradcheck: {error}") from None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Iterator[None]:
    """Mark expected failures, before any test is deselected."""
    plugged_in = config.stash.get(_PLUGGED_IN, None)
    if plugged_in:
        plugged_in.expect_failures(items)
    return (yield)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Take note of what will be run: what follows from another check needs that one."""
    plugged_in = session.config.stash.get(_PLUGGED_IN, None)
    if plugged_in:
        plugged_in.collected(session.items)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what each verdict covers: a test that passes says nothing of what was asked."""
    if _PLUGGED_IN not in config.stash:
        return
    from gradcheck.testing.pytest_run import SCOPE

    scopes = dict.fromkeys(
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == SCOPE
    )
    for line in scopes:
        terminalreporter.write_line(f"gradcheck: {line}")


def _plugged_in(config: pytest.Config) -> "PluggedIn":
    from gradcheck.errors import UsageError
    from gradcheck.testing.pytest_run import PluggedIn

    if _PLUGGED_IN not in config.stash:
        try:
            config.stash[_PLUGGED_IN] = PluggedIn(config)
        except UsageError as error:
            raise pytest.UsageError(f"gradcheck: {error}") from None
    return config.stash[_PLUGGED_IN]
