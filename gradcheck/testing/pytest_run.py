"""One run of pytest: what it examines, the tests that it sees, and its expected failures.

An implementation is found without being run, and examined once for all of its checks.

The file of expected failures holds one id a line, such as ``student-gradient`` or
``path/student.py::student-gradient``; after ``#`` the reason, or a remark on a line of its own.
"""

import importlib.machinery
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gradcheck.checks import CHECKS
from gradcheck.errors import GradcheckError, InternalError, UsageError, meant
from gradcheck.reading.target import Target as Submitted
from gradcheck.reading.target import parse_target
from gradcheck.records.record import Record
from gradcheck.renderers.failure import CheckOutcome, check_outcome
from gradcheck.renderers.formatting import clean
from gradcheck.run.api import check
from gradcheck.run.options import (
    EXAMPLES,
    Requirements,
    check_numbers,
    configured,
    fresh_seed,
    quoted,
)


@dataclass(frozen=True)
class Selected:
    """An implementation, found but not yet loaded: its tests' name and file, and where it is."""

    name: str
    path: Path
    submitted: Submitted


def find(text: str, folder: Path) -> Selected:
    """Find what a text points at, from a folder; nothing of it is run.

    It is written ``file.py``, ``file.py:attribute`` or ``package.module:attribute``.
    """
    submitted = parse_target(text, folder=folder)
    path = submitted.path or _file_of(submitted, folder)
    if "[" in str(path) or "::" in str(path):
        raise UsageError(f"{text}: pytest cannot be given a path with [ or :: in it; rename it")
    name = submitted.attribute.rpartition(".")[2] or path.stem
    return Selected(name, path.resolve(), submitted)


def _file_of(submitted: Submitted, folder: Path) -> Path:
    """Return the file of a module without running any of it, packages around it included."""
    top, *inner = submitted.module.split(".")
    places = [str(folder.resolve()), *sys.path]
    spec = importlib.machinery.PathFinder.find_spec(top, places)
    if spec is None or spec.origin is None:
        raise UsageError(f"{submitted.text}: the module {top} has no file")
    if not inner:
        return Path(spec.origin)
    within = Path(spec.origin).parent.joinpath(*inner)
    for file in (within.with_suffix(".py"), within / "__init__.py"):
        if file.is_file():
            return file
    raise UsageError(f"{submitted.text}: there is no module {submitted.module}; check the name")


@dataclass
class Examinations:
    """All examinations of one run of pytest."""

    seed: int = field(default_factory=fresh_seed)
    examples: int = EXAMPLES
    require: str | None = None

    def __post_init__(self) -> None:
        #: What will be run, once that is known.
        self.collected: frozenset[str] = frozenset()
        # the object itself is kept, so that no other can get its id
        self._done: dict[Any, tuple[Any, Record | GradcheckError]] = {}

    @property
    def settings(self) -> str:
        """The options of pytest with which the same problems are drawn again."""
        text = f"--gradcheck-seed {self.seed}"
        if self.examples != EXAMPLES:
            text += f" --gradcheck-examples {self.examples}"
        return f"{text} --gradcheck-require {quoted(self.require)}" if self.require else text

    def outcome(self, implementation: Any, slug: str, replay: str = "") -> CheckOutcome:
        """Return what a check found; the implementation is examined when first asked for.

        ``replay`` runs this very test again. An InternalError, by which gradcheck itself is at
        fault, is no failure to be expected, and raised.
        """
        if isinstance(implementation, str | Path):
            implementation = find(str(implementation), Path.cwd())
        key = _key(implementation)
        if key not in self._done:
            self._done[key] = (implementation, self._examine(implementation))
        done = self._done[key][1]
        if isinstance(done, InternalError):
            raise done
        if isinstance(done, GradcheckError):
            return CheckOutcome("error", f"error: {done}\nReplay: {replay}")
        return check_outcome(done.data["implementations"][0], slug, replay, done.data["command"])

    def _examine(self, implementation: Any) -> Record | GradcheckError:
        with warnings.catch_warnings():
            warnings.simplefilter("default")  # a filter of "error" must not change the verdict
            try:
                if isinstance(implementation, Selected):
                    implementation = implementation.submitted
                return check(
                    implementation, examples=self.examples, seed=self.seed, require=self.require
                )
            except GradcheckError as error:
                return error
            except Exception as error:
                text = f"our own fault ({type(error).__name__}: {error}); please report the seed"
                return InternalError(f"{text} {self.seed}")


def _key(implementation: Any) -> Any:
    if isinstance(implementation, Selected):
        return str(implementation.path), implementation.submitted.attribute
    return id(implementation)


def read_expected_failures(path: Path) -> dict[str, str]:
    """Read a file into reasons by id."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise UsageError(f"cannot read the expected failures in {path}: {reason}") from None
    expected = {}
    for line in text.splitlines():
        name, _, reason = line.partition("#")
        if name.strip():
            expected[name.strip()] = reason.strip()
    return expected


def matches(expected: str, nodeid: str) -> bool:
    """Say whether an id of the file means this test.

    It may be the whole node id, the name of a test (``student-gradient``), or what
    stands in the brackets of a parametrized one.
    """
    name = nodeid.rpartition("::")[2]
    inside = name[name.index("[") + 1 : -1] if name.endswith("]") else name
    return expected in (nodeid, name, inside)


def unmatched(expected: Iterable[str], nodeids: Iterable[str]) -> list[str]:
    """Return the ids of the file that mean no test."""
    known = list(nodeids)
    return [name for name in expected if not any(matches(name, nodeid) for nodeid in known)]


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

    def collect(self) -> "Iterator[CheckItem]":
        """Yield a test for each implementation and check; nothing is imported or run."""
        for target in self.targets:
            for slug in SLUGS:
                item: CheckItem = CheckItem.from_parent(self, name=test_id(target.name, slug))
                item.target, item.slug, item.examinations = target, slug, self.examinations
                yield item


class CheckItem(pytest.Item):
    """One check of one implementation."""

    target: Selected
    slug: str
    examinations: Examinations
    outcome: CheckOutcome | InternalError

    def setup(self) -> None:
        """Examine the implementation, if no other test did; code that fails is an error."""
        text, settings = quoted(self.target.submitted.text), self.examinations.settings
        replay = f"pytest --gradcheck-impl {text} {settings} -k {quoted(self.name)}"
        try:
            self.outcome = self.examinations.outcome(self.target, self.slug, replay)
        except InternalError as fault:
            self.outcome = fault
            return
        if self.outcome.scope:
            # a property goes into JUnit's XML, and from a process of pytest-xdist to the first one
            self.user_properties.append((SCOPE, self.outcome.scope))
        if self.outcome.verdict == "error":
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


class UnmatchedWarning(pytest.PytestWarning):
    """An expected failure names no test: it was renamed, or mistyped."""


class PluggedIn:
    """The implementations, settings and expected failures of a run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        option = config.option
        usual = {"examples": EXAMPLES} | configured(config.rootpath)
        seed = option.gradcheck_seed
        if seed is None:
            fresh = usual.get("seed", fresh_seed())
            seed = getattr(config, "workerinput", {}).get("gradcheck_seed", fresh)
        examples = option.gradcheck_examples
        examples = usual["examples"] if examples is None else examples
        check_numbers(examples, seed)
        require = option.gradcheck_require or config.getini("gradcheck_require")
        require = require or usual.get("require")
        if require:
            Requirements.parse(require)
        self.examinations = Examinations(seed, examples, require)
        self.targets = tuple(dict.fromkeys(_targets(config)))
        self.expected: dict[str, str] = {}
        if option.gradcheck_xfails:
            file = config.invocation_params.dir / option.gradcheck_xfails
            self.expected = read_expected_failures(file)
        self._add_arguments()

    def _add_arguments(self) -> None:
        """Have the files collected wherever they are, as if they were named on the command line."""
        named = {_path_of(argument, self._config) for argument in self._config.args}
        for path in dict.fromkeys(target.path for target in self.targets):
            if path not in named:
                self._config.args.append(str(path))

    def header(self) -> str:
        """Return the line printed at the start of a run."""
        names = ", ".join(clean(target.submitted.text) for target in self.targets)
        seed = self.examinations.seed
        return f"gradcheck: {names}; seed {seed} (replay with --gradcheck-seed {seed})"

    def collector(self, path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """Return the node of a file that holds an implementation."""
        targets = tuple(target for target in self.targets if target.path == path.resolve())
        if not targets:
            return None
        node: ImplementationFile = ImplementationFile.from_parent(parent, path=path)
        node.targets, node.examinations = targets, self.examinations
        return node

    def parametrize(self, metafunc: pytest.Metafunc, mark: pytest.Mark) -> None:
        """Make the tests of a function decorated with ``parametrize_with_checks``."""
        names: dict[str, Any] = {}
        for implementation in mark.args[0]:
            names[_unused(_name(implementation), names)] = implementation
        cases = [
            pytest.param(
                implementation, bound(self.examinations, name, slug), id=test_id(name, slug)
            )
            for name, implementation in names.items()
            for slug in SLUGS
        ]
        metafunc.parametrize(("implementation", "check"), cases)

    def collected(self, items: list[pytest.Item]) -> None:
        """Take note of what will be run."""
        ids = (item.nodeid for item in items)
        names = {part for each in ids for part in (each.rpartition("::")[2], _case(each))}
        self.examinations.collected = frozenset(names)

    def expect_failures(self, items: list[pytest.Item]) -> None:
        """Mark the expected failures; one that passes fails, one that names no test is names."""
        for item in items:
            for name, reason in self.expected.items():
                if matches(name, item.nodeid):
                    mark = pytest.mark.xfail(
                        reason=reason, strict=True, raises=pytest.fail.Exception
                    )
                    item.add_marker(mark)
        possible = [test_id(target.name, slug) for target in self.targets for slug in SLUGS]
        nameless = unmatched(self.expected, [*possible, *(item.nodeid for item in items)])
        worker = getattr(self._config, "workerinput", {"workerid": "gw0"})["workerid"]
        if nameless and worker == "gw0":
            file = self._config.option.gradcheck_xfails
            names = (f"{n}{meant(n, possible, 'remove or correct the line')}" for n in nameless)
            text = f"{file}: no test is called {', nor '.join(names)}"
            try:
                warnings.warn(UnmatchedWarning(text), stacklevel=2)
            except UnmatchedWarning:  # by a filter of "error"
                raise pytest.UsageError(f"gradcheck: {text}") from None


def _case(nodeid: str) -> str:
    """Return the id of a case of a decorated test."""
    return nodeid.partition("[")[2].removesuffix("]")


def _targets(config: pytest.Config) -> Iterator[Selected]:
    for text in config.option.gradcheck_impl:
        yield find(text, config.invocation_params.dir)
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        for text in config.getini("gradcheck_implementations"):
            yield find(text, config.rootpath)


def _path_of(argument: str, config: pytest.Config) -> Path:
    path = argument.partition("::")[0].partition("[")[0]
    return (config.invocation_params.dir / path).resolve()


def _name(implementation: Any) -> str:
    if isinstance(implementation, str | Path):
        return find(str(implementation), Path.cwd()).name
    name = getattr(implementation, "__name__", type(implementation).__name__)
    return str(name).rpartition(".")[2]


def _unused(name: str, taken: dict[str, Any]) -> str:
    """Number the second and later ones of a name."""
    if name not in taken:
        return name
    return next(n for i in range(2, len(taken) + 3) if (n := f"{name}_{i}") not in taken)
