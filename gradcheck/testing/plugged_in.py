"""What the options of one run of pytest ask for."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradcheck.errors.suggestion import meant
from gradcheck.renderers.formatting import clean
from gradcheck.run.options import Requirements
from gradcheck.run.settings import EXAMPLES, check_numbers, configured, fresh_seed
from gradcheck.testing.collecting import SLUGS, ImplementationFile, bound, test_id
from gradcheck.testing.examinations import Examinations
from gradcheck.testing.expected_failures import matches, read_expected_failures, unmatched
from gradcheck.testing.selected import Selected, find


class UnmatchedWarning(pytest.PytestWarning):
    """An expected failure names no test: it was renamed, or mistyped."""


class PluggedIn:
    """The implementations, settings and expected failures of a run.

    Parameters
    ----------
    config : pytest.Config

    Raises
    ------
    UsageError
        When an option cannot be used as given.
    """

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
        names = ", ".join(clean(target.text) for target in self.targets)
        seed = self.examinations.seed
        return f"gradcheck: {names}; seed {seed} (replay with --gradcheck-seed {seed})"

    def collector(self, path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """Return the node of a file that holds an implementation."""
        targets = tuple(target for target in self.targets if target.path == path.resolve())
        if not targets:
            return None
        return ImplementationFile.of(parent, path, targets, self.examinations)

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
        """Mark the expected failures; one that passes fails, one that names no test is told."""
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
            told = (f"{n}{meant(n, possible, 'remove or correct the line')}" for n in nameless)
            text = f"{file}: no test is called {', nor '.join(told)}"
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
