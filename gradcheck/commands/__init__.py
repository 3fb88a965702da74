"""What the command line can do: one file a command, loaded when it is called.

Each has ``parser()``, its arguments, and ``run(arguments)``, which returns the exit code.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from gradcheck.errors import UsageError, meant

#: Name of each command, in the order of the help: what it does.
COMMANDS = {
    "check": "Examine hand-written backprops: a function loss_and_grads, or an interface known.",
    "report": "Run the implementations over checks, worked examples and planted bugs.",
    "bugs": "List the catalogue of backprop bugs, or explain one of them.",
    "new": "Write a file to complete: forward and loss are there, the gradient is missing.",
}


class Parser(argparse.ArgumentParser):
    """A parser that tells bad arguments as a usage error does.

    Parameters
    ----------
    command : str
        One of :data:`COMMANDS`.
    positional : str
        How its positional arguments are written in the usage line.
    configured : callable, optional
        Returns options that are set elsewhere, by name; those on the command line go before.
    """

    def __init__(
        self,
        command: str,
        positional: str = "",
        configured: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        prog = f"python -m gradcheck {command}"
        super().__init__(
            prog=prog,
            usage=f"{prog} {positional} [options]".replace("  ", " "),
            description=COMMANDS[command],
            formatter_class=_Formatter,
            allow_abbrev=False,
        )
        self._configured = configured

    def parse_intermixed_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Read the arguments, and say of an unknown option which one was probably meant."""
        if namespace is None and not {"-h", "--help"} & set(args or ()):
            namespace = argparse.Namespace(**self._configured())
        parsed, unknown = self.parse_known_intermixed_args(args, namespace)
        if unknown:
            word = next((word for word in unknown if word.startswith("-")), unknown[0])
            hint = meant(word.partition("=")[0], self._option_string_actions, "")
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return parsed

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


def whole(text: str) -> int:
    """Read a whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number; got {text!r}") from None


def seconds(text: str) -> float:
    """Read a number of seconds."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be seconds, as 2.5; got {text!r}") from None


def add_json(parser: Any) -> None:
    """Add the option that every command with a record has."""
    parser.add_argument(
        "--json", metavar="PATH|-", help="Write the record here; - for standard output."
    )
