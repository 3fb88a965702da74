"""What a user may choose of a run, where it may be set for good, and the line that replays it.

Options of ``check`` may stand in ``[tool.gradcheck]`` of a ``pyproject.toml``. It is looked for
from a folder upwards, as other tools do; the nearest file with that table counts, and no other.
What is said on the command line goes before.

A worker starts before numpy is imported, so networks are imported where they are needed.
"""

import os
import re
import secrets
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcheck.errors import UsageError, meant
from gradcheck.execution.limits import CALL_TIMEOUT, TIMEOUT, Limits
from gradcheck.reading.target import LoadOptions, check_name
from gradcheck.records.schema import REVEAL_LEVELS

if TYPE_CHECKING:
    from gradcheck.networks.problem import Network
    from gradcheck.networks.scope import Scope

#: Problems compared unless another number is given.
EXAMPLES = 200

#: With fewer problems compared, nothing is called correct.
ENOUGH_PROBLEMS = 20


def check_numbers(examples: int = EXAMPLES, seed: int = 0) -> None:
    """Refuse numbers that cannot be used.

    Parameters
    ----------
    examples, seed : int

    Raises
    ------
    UsageError
        For fewer problems than an answer takes, and for a negative seed.
    """
    if examples < ENOUGH_PROBLEMS:
        raise UsageError(
            f"examples must be {ENOUGH_PROBLEMS} or more: nothing is called correct on fewer "
            f"problems; got {examples}"
        )
    if seed < 0:
        raise UsageError(f"the seed must not be negative; got {seed}")


def fresh_seed() -> int:
    """Return a seed that no one can guess and anyone can type.

    Returns
    -------
    int
    """
    return secrets.randbelow(10**9)


#: What can be required to be at least so large, and where the scope has it.
SIZES = {"depth": "depths", "batch": "batch_sizes", "width": "widths"}

#: The largest batch that is asked.
LARGEST_BATCH = 65

_EXAMPLE = "relu,cross_entropy,depth>=3"


@dataclass(frozen=True)
class Requirements:
    """What must be handled.

    Attributes
    ----------
    words : tuple of str
        Each as it was written, without spaces.
    """

    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ",".join(self.words)

    @classmethod
    def parse(cls, text: str) -> "Requirements":
        """Read a list with commas.

        Raises
        ------
        UsageError
            For a word that is none of activations, losses, reductions, ``l2`` and sizes.
        """
        words = [re.sub(r"\s", "", word) for word in text.split(",")]
        words = [word for word in words if word]
        if not words:
            raise UsageError(f'nothing is required by {text!r}; write "{_EXAMPLE}"')
        for word in words:
            _check(word)
        return cls(tuple(dict.fromkeys(words)))

    def missing(self, scope: "Scope") -> list[str]:
        """Say of each requirement that is not met why."""
        return [f"{word} ({_why(word, scope)})" for word in self.words if not _met(word, scope)]


def _check(word: str) -> None:
    from gradcheck.networks.definitions import ACTIVATIONS, LOSSES, REDUCTIONS
    from gradcheck.networks.far_out import DEEPEST, WIDEST

    words = (*ACTIVATIONS, *LOSSES, *REDUCTIONS, "l2")
    largest = {"depth": DEEPEST, "batch": LARGEST_BATCH, "width": WIDEST}
    name, sign, number = word.partition(">=")
    if not sign and word in words:
        return
    if sign and name in SIZES and number.isdecimal() and int(number) >= 1:
        if int(number) > largest[name]:
            raise UsageError(f"{word} cannot be required: {name} is asked up to {largest[name]}")
        return
    known = [*words, *(f"{size}>={number or 3}" for size in SIZES)]
    raise UsageError(f"{word!r} cannot be required{meant(word, known)}")


def _met(word: str, scope: "Scope") -> bool:
    asked = scope.asked
    if not asked:
        return False
    name, sign, number = word.partition(">=")
    if sign:
        return bool(max(asked[SIZES[name]]) >= int(number))
    if word == "l2":
        return any(asked["l2"])
    kinds = ("activations", "output_activations", "losses", "reductions")
    return any(word in asked[kind] for kind in kinds)


def _why(word: str, scope: "Scope") -> str:
    """Return why it was not asked, as the code said it."""
    name, sign, number = word.partition(">=")
    if sign:
        reasons = {
            int(numbers[0]): why
            for feature, why in scope.refused.items()
            if feature.startswith(f"{name} ") and (numbers := re.findall(r"\d+", feature))
        }
        beyond = [reasons[n] for n in sorted(reasons) if n >= int(number)]
        return beyond[0] if beyond else "none of the problems compared has it"
    return scope.refused.get(word, "none of the problems compared has it")


@dataclass(frozen=True)
class Options:
    """What was chosen of a run: made once, by the command or by :func:`gradcheck.check`.

    Attributes
    ----------
    limits : Limits
        What code in a process of its own may use up.
    loading : LoadOptions
        How a file is to be run.
    examples : int
        Problems to compare.
    seed : int
    only : Network or None
        The only network to ask for.
    network : str
        How that was written.
    require : Requirements
        What must be handled.
    """

    limits: Limits = field(default_factory=Limits)
    loading: LoadOptions = field(default_factory=LoadOptions)
    examples: int = EXAMPLES
    seed: int = field(default_factory=fresh_seed)
    only: "Network | None" = None
    network: str = ""
    require: Requirements = field(default_factory=Requirements)

    @classmethod
    def of(
        cls,
        *,
        network: "Network | str | None",
        require: str | None,
        examples: int,
        seed: int | None,
        timeout: float,
        call_timeout: float,
        min_sandbox: int,
        adapter: str | None,
        imports_only: bool,
        declaration: str | os.PathLike[str] | None,
    ) -> "Options":
        """Read them as a user gives them: no seed is a fresh one.

        Raises
        ------
        UsageError
            When one cannot be used as given.
        """
        check_numbers(examples, seed or 0)
        limits = Limits(call_timeout, timeout, min_sandbox)
        name = check_name(adapter) if adapter else None
        beside = Path(declaration) if declaration is not None else None
        text = " ".join(str(network or "").split())
        if isinstance(network, str):
            from gradcheck.networks.problem import Network

            network = Network.parse(text)
        return cls(
            limits,
            LoadOptions(name, imports_only, beside),
            examples,
            fresh_seed() if seed is None else seed,
            network,
            text,
            Requirements() if require is None else Requirements.parse(require),
        )

    @property
    def any_reduction(self) -> bool:
        """Whether the only network is of a mean or a sum was left open."""
        from gradcheck.networks.problem import left_open

        return left_open(self.network)

    def words(self) -> list[str]:
        """Write those that are not as usual as options of the command line."""
        words = ["--network", self.network] if self.only else []
        words += ["--require", str(self.require)] if self.require.words else []
        words += ["--examples", str(self.examples)] if self.examples != EXAMPLES else []
        return [*words, *self.limits.words(), *self.loading.words(), "--seed", str(self.seed)]


#: So many files are named; of more, a pattern or the first few.
MOST_NAMED = 5
FIRST_NAMED = 3

_PROGRAM = ("python", "-m", "gradcheck", "check")


def quoted(text: str) -> str:
    """Write one word for a shell, free of control characters.

    A name that holds some is written as ``$'...'``, which bash and zsh read.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    if text.isprintable():
        return shlex.quote(text)
    data = text.encode("utf-8", errors="surrogateescape")
    inner = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\x{byte:02x}" for byte in data
    )
    return f"$'{inner}'"


def command_line(targets: Sequence[str], options: Sequence[str]) -> str:
    """Write the whole line, however many targets there are.

    Parameters
    ----------
    targets, options : sequence of str

    Returns
    -------
    str
    """
    return " ".join((*_PROGRAM, *map(quoted, targets), *map(quoted, options)))


def shown_line(targets: Sequence[str], options: Sequence[str]) -> str:
    """Write the line for people: of many files a pattern, or the first few, and how many.

    What follows ``#`` is a remark to a shell.
    """
    count = len(targets)
    if count <= MOST_NAMED:
        return command_line(targets, options)
    rest = " ".join(map(quoted, options))
    program = " ".join(_PROGRAM)
    pattern = _pattern(targets)
    if pattern:
        return f"{program} {pattern} {rest}  # the same {count} files"
    first = " ".join(map(quoted, targets[:FIRST_NAMED]))
    return (
        f"{program} {first} ... {rest}  # ... stands for the other {count - FIRST_NAMED} of {count}"
    )


def _pattern(targets: Sequence[str]) -> str:
    """Return ``FOLDER/*.py`` where that is exactly these, in this order; else nothing."""
    folder, name = os.path.split(targets[0])
    suffix = Path(name).suffix
    try:
        there = sorted(p.name for p in Path(folder).iterdir() if p.suffix == suffix)
    except OSError:
        return ""
    there = [name for name in there if not name.startswith(".")]
    if not suffix or [os.path.join(folder, name) for name in there] != sorted(targets):  # noqa: PTH118
        return ""
    return os.path.join(quoted(folder) if folder else "", f"*{suffix}")  # noqa: PTH118


@dataclass(frozen=True)
class Option:
    """An option of ``check``: of the command line and of a ``pyproject.toml``."""

    kind: type
    metavar: str
    help: str
    default: Any = None


#: By name, in the order of the help.
OPTIONS = {
    "network": Option(str, "TEXT", 'Ask for this network only: "2-3-1 tanh,sigmoid ...".'),
    "require": Option(str, "LIST", 'What must be handled: "relu,cross_entropy,depth>=3".'),
    "examples": Option(int, "N", "Problems to compare.", EXAMPLES),
    "seed": Option(int, "N", "Replay a run; fresh unless given."),
    "timeout": Option(float, "S", "Seconds for all calls of a file together.", TIMEOUT),
    "call-timeout": Option(float, "S", "Seconds for one call.", CALL_TIMEOUT),
    "min-sandbox": Option(int, "N", "Refuse below this sandbox level: 3 bubblewrap, 1 process.", 1),
    "adapter": Option(str, "NAME", "Read files by this interface; recognised unless given."),
    "imports-only": Option(bool, "", "Run only imports, functions, classes, constants."),
    "declaration": Option(Path, "FILE", "How to ask; FILE.gradcheck.py beside it by itself."),
    "reveal": Option(
        str,
        f"{{{','.join(REVEAL_LEVELS)}}}",
        "How much is revealed: the verdict alone, or also why.",
        REVEAL_LEVELS[-1],
    ),
}

_KINDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}

#: More bytes than a pyproject.toml has.
_LARGEST = 1_000_000


def configured(folder: Path) -> dict[str, Any]:
    """Return the options that are set for a folder, under their names in Python.

    A declaration is relative to the file that names it, and what is required may be a list.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    dict
        Empty where no file sets any.

    Raises
    ------
    UsageError
        For a file that cannot be read, an option that is not known and a value of another kind.
    """
    for place in (folder.resolve(), *folder.resolve().parents):
        file = place / "pyproject.toml"
        table = _table(file)
        if table is not None:
            return {
                name.replace("-", "_"): value
                for option, given in table.items()
                for name, value in [_read(file, option, given)]
            }
    return {}


def _table(file: Path) -> dict[str, Any] | None:
    """Return ``[tool.gradcheck]`` of a file; None where there is none."""
    try:
        if not file.is_file() or file.stat().st_size > _LARGEST:
            return None
        text = file.read_bytes().decode("utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: cannot be read: {error}") from None
    if "gradcheck" not in text:
        return None  # whatever is wrong with it is nothing to us
    import tomllib  # most runs read none

    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{file}: is no TOML: {error}") from None
    tools = data.get("tool")
    table = tools.get("gradcheck") if isinstance(tools, dict) else None
    if table is not None and not isinstance(table, dict):
        raise UsageError(f"{file}: tool.gradcheck must be a table, [tool.gradcheck]")
    return table


def _read(file: Path, option: str, given: Any) -> tuple[str, Any]:
    """Return the name of an option and its value."""
    name = option.replace("_", "-")
    if name not in OPTIONS:
        raise UsageError(f"{file}: [tool.gradcheck] has no {option!r}{meant(name, OPTIONS)}")
    kind, value = OPTIONS[name].kind, given
    if kind is Path and isinstance(value, str):
        return name, file.parent / value
    if name == "require" and isinstance(value, list) and all(isinstance(w, str) for w in value):
        value = ",".join(value)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise UsageError(f"{file}: {option} must be {_KINDS.get(kind, _KINDS[str])}; got {given!r}")
    return name, value
