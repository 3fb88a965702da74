"""What is examined: found without being run, examined once, and what every check of it found."""

import importlib.machinery
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradcheck.errors import GradcheckError, InternalError, UsageError
from gradcheck.reading.target import Target as Submitted
from gradcheck.reading.target import parse_target
from gradcheck.records.record import Record
from gradcheck.renderers import failure
from gradcheck.run.api import check
from gradcheck.run.options import quoted
from gradcheck.run.settings import EXAMPLES, fresh_seed


@dataclass(frozen=True)
class Selected:
    """An implementation, found but not yet loaded.

    Attributes
    ----------
    text : str
        As the user wrote it.
    name : str
        What its tests are called after.
    path : Path
        The file that its tests are shown under.
    submitted : gradcheck.reading.target.Target
        What ``gradcheck.check`` takes.
    """

    text: str
    name: str
    path: Path
    submitted: Submitted


def find(text: str, folder: Path) -> Selected:
    """Find what a text points at; nothing of it is run.

    Parameters
    ----------
    text : str
        ``file.py``, ``file.py:attribute`` or ``package.module:attribute``.
    folder : Path
        What it is relative to.

    Raises
    ------
    UsageError
        When it is none of them.
    """
    submitted = parse_target(text, folder=folder)
    path = submitted.path or _file_of(submitted, folder)
    if "[" in str(path) or "::" in str(path):
        raise UsageError(f"{text}: pytest cannot be given a path with [ or :: in it; rename it")
    name = submitted.attribute.rpartition(".")[2] or path.stem
    return Selected(text, name, path.resolve(), submitted)


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


@dataclass(frozen=True)
class CheckOutcome:
    """How one check of one implementation came out.

    Attributes
    ----------
    verdict : str
        correct, wrong, unresolved or error; empty when there was nothing to check.
    text : str
        For the author of the code; its first line says the most.
    scope : str
        What the verdict on the implementation covers, in a line; empty where nothing was asked.
    cause : str
        The check by whose fault it fails, where that is another.
    """

    verdict: str
    text: str = ""
    scope: str = ""
    cause: str = ""


@dataclass
class Examinations:
    """All examinations of one run of pytest.

    Attributes
    ----------
    seed : int
    examples : int
    require : str or None
        What must be handled.
    """

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

        Parameters
        ----------
        implementation : Selected, path, module or object
        slug : str
            The check's.
        replay : str
            The command that runs this very test again.

        Raises
        ------
        InternalError
            When gradcheck itself is at fault: no failure to be expected.
        """
        if isinstance(implementation, str | Path):
            implementation = find(str(implementation), Path.cwd())
        done = self._examined(implementation)
        if isinstance(done, InternalError):
            raise done
        if isinstance(done, GradcheckError):
            return CheckOutcome("error", f"error: {done}\nReplay: {replay}")
        entry = done.data["implementations"][0]
        verdict, scope = failure.verdict_of(entry, slug), failure.covers(entry)
        if verdict in ("correct", ""):
            text = "" if verdict else failure.nothing_to_check(entry, slug)
            return CheckOutcome(verdict, text, scope)
        text = failure.render(entry, slug, replay, done.data["command"])
        return CheckOutcome(verdict, text, scope, failure.cause_of(entry, slug))

    def _examined(self, implementation: Any) -> Record | GradcheckError:
        key = _key(implementation)
        if key not in self._done:
            self._done[key] = (implementation, self._examine(implementation))
        return self._done[key][1]

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
