"""The command line: arguments in, exit code out. It decides nothing."""

import gc
import importlib
import os
import sys

from gradcheck.commands import COMMANDS
from gradcheck.errors import InternalError, SandboxError, UsageError
from gradcheck.version import __version__

USAGE, INTERNAL = 2, 4


def main() -> None:
    """Run the command line and exit with the documented code."""
    # these networks are small: more threads would only wait for one another
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(50_000)  # a run makes little garbage, and looking for it costs time
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # any encoding will do
    try:
        sys.exit(_run(sys.argv[1:]))
    except UsageError as error:
        _say(f"gradcheck: {error}")
        sys.exit(USAGE)
    except SandboxError as error:
        _say(f"gradcheck: {error}")
        sys.exit(INTERNAL)
    except InternalError as error:
        _say(f"gradcheck: our own fault: {error}")
        sys.exit(INTERNAL)
    except KeyboardInterrupt:
        _say("gradcheck: interrupted; nothing was written")
        sys.exit(130)
    except Exception as error:
        name = type(error).__name__
        _say(f"gradcheck: our own fault ({name}: {error}); please report the command and seed")
        sys.exit(INTERNAL)


def _run(words: list[str]) -> int:
    first = words[0] if words else ""
    if first in COMMANDS:
        command = importlib.import_module(f"gradcheck.commands.{first}")
        # intermixed: options may stand between paths
        return int(command.run(command.parser().parse_intermixed_args(words[1:])))
    if first in ("", "-h", "--help"):
        print(_help())
        return 0 if first else USAGE
    if first == "--version":
        print(f"gradcheck {__version__}")
        return 0
    from difflib import get_close_matches

    near = get_close_matches(first, COMMANDS, 1)
    meant = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(COMMANDS)}"
    raise UsageError(f"there is no command {first}{meant} (see --help)")


def _help() -> str:
    commands = "\n".join(f"  {name:8}{does}" for name, does in COMMANDS.items())
    return f"""usage: python -m gradcheck COMMAND ...

Is a hand-written backprop right, wrong, or can nobody tell?

commands:
{commands}

options:
  --version  Print the version.
  --help     Print this; after a command, its arguments."""


def _say(text: str) -> None:
    print(" ".join(text.split()), file=sys.stderr)
