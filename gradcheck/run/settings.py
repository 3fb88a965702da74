"""The numbers of a run, refused before anything is run where they cannot be used.

What stands in ``[tool.gradcheck]`` of a ``pyproject.toml``: options of ``check``, said for good.

It is looked for from a folder upwards, as other tools do; the nearest file with that table
counts, and no other. What is said on the command line goes before.
"""

import secrets
from pathlib import Path
from typing import Any

from gradcheck.errors import UsageError, meant

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


#: Options that can stand there, and what their values are.
OPTIONS: dict[str, type] = {
    "network": str,
    "require": str,
    "examples": int,
    "seed": int,
    "timeout": float,
    "call-timeout": float,
    "min-sandbox": int,
    "adapter": str,
    "imports-only": bool,
    "declaration": str,
    "reveal": str,
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
    kind, value = OPTIONS[name], given
    if name == "declaration" and isinstance(value, str):
        return name, file.parent / value
    if name == "require" and isinstance(value, list) and all(isinstance(w, str) for w in value):
        value = ",".join(value)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise UsageError(f"{file}: {option} must be {_KINDS[kind]}; got {given!r}")
    return name, value
