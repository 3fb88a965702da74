"""The command line: arguments in, exit code out. It decides nothing."""

import contextlib
import gc
import importlib
import os
import signal
import sys
from types import FrameType

from gradcheck.commands import COMMANDS
from gradcheck.contract import __version__
from gradcheck.errors import InternalError, SandboxError, UndeliveredError, UsageError, meant

USAGE, INTERNAL = 2, 4

#: Codes of ends that are no answer: as shells write them, 128 and the number of a signal.
SIGNALLED, INTERRUPTED, CLOSED_PIPE = 128, 130, 141


def main() -> None:
    """Run the command line and exit with the documented code."""
    # these networks are small: more threads would only wait for one another
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(50_000)  # a run makes little garbage, and looking for it costs time
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # closed: else the next file that is opened takes its place
            setattr(sys, name, open(os.devnull, "r+", encoding="utf-8"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # any encoding will do
    _heed_signals()
    try:
        code = _run(sys.argv[1:])
        _flush()
        sys.exit(code)
    except UsageError as error:
        _say(f"gradcheck: {error}")
        sys.exit(USAGE)
    except (SandboxError, UndeliveredError) as error:
        if isinstance(error, UndeliveredError):
            _hush()  # what standard output may hold back would fail again
        _say(f"gradcheck: {error}")
        sys.exit(INTERNAL)
    except InternalError as error:
        _say(f"gradcheck: our own fault: {error}")
        sys.exit(INTERNAL)
    except Ended as end:
        sys.exit(SIGNALLED + end.number)
    except KeyboardInterrupt:
        _say("gradcheck: interrupted; nothing was written")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        _hush()
        sys.exit(CLOSED_PIPE)
    except Exception as error:
        name = type(error).__name__
        _say(f"gradcheck: our own fault ({name}: {error}); please report the command and seed")
        sys.exit(INTERNAL)


def _flush() -> None:
    """Write what standard output still holds: a full disk or a closed pipe may show here only."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _hush()
        raise UndeliveredError(f"cannot write standard output: {error.strerror}") from None


class Ended(KeyboardInterrupt):
    """A signal asked us to end: what is open is closed on the way out, as on Control-C.

    Attributes
    ----------
    number : int
        Of the signal.
    """

    def __init__(self, number: int) -> None:
        self.number = number


def _heed_signals() -> None:
    """Leave no folder and no worker behind when a terminal closes or a scheduler loses patience."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is None or signal.getsignal(number) is signal.SIG_IGN:  # under nohup
            continue
        signal.signal(number, _end)


#: Seconds after which it is tried again to end.
_SOON = 0.02


def _end(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # a second one must not stop what is being closed
    if _is_lost_in(frame) and hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, lambda _, later: _end(number, later))
        signal.setitimer(signal.ITIMER_REAL, _SOON)
        return
    raise Ended(number)


def _is_lost_in(frame: FrameType | None) -> bool:
    """Whether what is raised here may reach nobody.

    An import runs callbacks when its locks are gone, and Python drops what a callback raises.
    """
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib") or (
            frame.f_code.co_name == "__del__"
        ):
            return True
        frame = frame.f_back
    return False


def _hush() -> None:
    """Let nothing more be written to standard output, at the end of the process either."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
    raise UsageError(f"there is no command {first}{meant(first, COMMANDS)} (see --help)")


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
    from gradcheck.renderers.formatting import clean

    with contextlib.suppress(OSError):  # nobody may be there to read it
        print(clean(" ".join(text.split())), file=sys.stderr)
