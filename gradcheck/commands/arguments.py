"""A command's arguments: argparse, with one-line errors."""

import argparse
from typing import Any, NoReturn

from gradcheck.commands import COMMANDS
from gradcheck.errors import UsageError


class Parser(argparse.ArgumentParser):
    """A parser that tells bad arguments as a usage error does.

    Parameters
    ----------
    command : str
        One of :data:`COMMANDS`.
    positional : str
        How its positional arguments are written in the usage line.
    """

    def __init__(self, command: str, positional: str = "") -> None:
        prog = f"python -m gradcheck {command}"
        super().__init__(
            prog=prog,
            usage=f"{prog} {positional} [options]".replace("  ", " "),
            description=COMMANDS[command],
            formatter_class=_Formatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        raise UsageError(f"{message} (see --help)")


class _Formatter(argparse.HelpFormatter):
    """Tells defaults, and has room for the longest option."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        tells = action.option_strings and action.default not in (None, False, argparse.SUPPRESS)
        return f"{action.help} [default: %(default)s]" if tells else action.help


def add_json(parser: Any) -> None:
    """Add the option that every command with a record has."""
    parser.add_argument(
        "--json", metavar="PATH|-", help="Write the record here; - for standard output."
    )
