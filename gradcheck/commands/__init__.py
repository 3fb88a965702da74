"""What the command line can do: one file a command, loaded when it is called.

Each has ``parser()``, its arguments, and ``run(arguments)``, which returns the exit code. What
they share is here: how arguments are read, and where a result goes: the console, or files that
were tried beforehand. A worker starts before the rest is imported, so nothing heavy is here.
"""

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from gradcheck.errors import UndeliveredError, UsageError, meant
from gradcheck.records.schema import INTERNAL
from gradcheck.renderers import FORMATS
from gradcheck.renderers.formatting import clean, listing

if TYPE_CHECKING:
    from gradcheck.run.compared_problems import Progress

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


def check_json(json: str | None) -> None:
    """Refuse a file that cannot be written, before any work."""
    if json is not None and json != "-":
        check_writable(Path(json))


def console(json: str | None) -> Any:
    """Return the console for people; with ``--json -`` that is standard error."""
    from rich.console import Console

    class Screen(Console):
        def on_broken_pipe(self) -> None:
            """Say so; rich would exit with the code of a wrong gradient."""
            raise BrokenPipeError

    stream = sys.stderr if json == "-" else sys.stdout
    return Screen(file=stream, highlight=False, markup=False, safe_box=True)


@contextlib.contextmanager
def status(screen: Any) -> Iterator["Progress"]:
    """Give a function that shows what is being done, where somebody may be looking.

    With a bar, where it is known how far it is.
    """
    from gradcheck.run.compared_problems import silent

    if not screen.is_terminal:
        yield silent
        return
    from rich import progress

    text = progress.TextColumn("{task.description}", markup=False)
    columns, bar = (progress.SpinnerColumn(), text), progress.BarColumn()
    with progress.Progress(*columns, console=screen, transient=True) as shown:
        task = shown.add_task("starting", total=1.0)

        def show(what: str, part: float | None = None) -> None:
            shown.columns = columns if part is None else (*columns, bar)
            shown.update(task, description=clean(what), completed=part or 0.0)

        yield show


def deliver(record: Any, screen: Any, json: str | None, pages: Mapping[str, Path]) -> int:
    """Show a record, write it, and return its exit code.

    Verdicts are shown first: a full disk keeps nobody from reading them, and a console that
    is gone keeps no file from being written. Pages are other formats to write, by name.
    """
    gone: OSError | None = None
    try:
        _tell(record, screen, json)
    except OSError as error:
        gone = error
    written, failed = _write(record, json, pages)
    try:
        if written and json != "-" and not gone:
            names = listing(clean(str(path)) for path in written)
            screen.print(f"Written: {names}", soft_wrap=True)
    except OSError as error:
        gone = error
    if failed:
        raise UndeliveredError(f"the verdicts stand, but {'; '.join(failed)}")
    if isinstance(gone, BrokenPipeError):
        raise gone
    if gone:
        raise UndeliveredError(f"cannot write standard output: {gone.strerror}")
    return int(record.exit_code)


def _tell(record: Any, screen: Any, json: str | None) -> None:
    if json == "-":
        sys.stdout.write(record.to_json())
        sys.stdout.flush()
        return
    from gradcheck.renderers.console import show

    try:
        show(record, screen)
    except OSError:
        raise
    except Exception:  # our own fault, and no reason to keep the verdicts back
        for entry in record.data["implementations"]:
            print(clean(f"{entry['path'] or entry['name']}: {entry['verdict']}"))
        raise


def _write(
    record: Any, json: str | None, pages: Mapping[str, Path]
) -> tuple[list[Path], list[str]]:
    """Write every file that can be; return those written, and what went wrong with others."""
    written: list[Path] = []
    failed: list[str] = []
    files = [(path, FORMATS[name].module) for name, path in pages.items()]
    if json not in (None, "-"):
        files.append((Path(str(json)), FORMATS["json"].module))
    for number, (path, module) in enumerate(files):
        try:
            write_whole(path, import_module(module).render(record))
            if number < (len(pages) or 1):  # the record is told of where it alone was asked for
                written.append(path)
        except UsageError as error:
            failed.append(str(error))
    return written, failed


def faults(record: Any) -> str:
    """Say of which submissions nothing is known through our own fault; empty when of none."""
    return "; ".join(
        f"{entry['path'] or entry['name']}: {entry['error']['message']}"
        for entry in record.data["implementations"]
        if entry["error"] and entry["error"]["kind"] == INTERNAL
    )


def wanted(paths: Mapping[str, Path | None]) -> dict[str, Path]:
    """Return the files that are asked for, by format, before any work is done."""
    chosen = {name: path for name, path in paths.items() if path is not None}
    names: dict[Path, str] = {}
    for name, path in chosen.items():
        check_writable(path)
        other = names.setdefault(path.resolve(), name)
        if other != name:
            raise UsageError(f"--{other} and --{name} name the same file, {path}")
    return chosen


def begin(pages: Mapping[str, Path]) -> None:
    """Write what stands if the run never ends: Gradescope takes no result for a fault of its own.

    Files of other formats are left as they are until there is something to write.
    """
    for name, path in pages.items():
        if FORMATS[name].early:
            write_whole(path, import_module(FORMATS[name].module).unfinished())


def check_writable(path: Path) -> None:
    """Refuse a place that a file cannot be written to, before any work is done."""
    try:
        folder, special = path.is_dir(), path.exists() and not path.is_file()
    except OSError as error:  # such as a name that is too long
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    if folder:
        raise UsageError(f"cannot write {path}: it is a folder; name a file in it")
    if special:
        raise UsageError(f"cannot write {path}: it is a device or pipe; name a file")
    if not path.parent.is_dir():
        raise UsageError(f"cannot write {path}: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"cannot write {path}: the folder {path.parent} is closed to us")


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all; where that fails, nothing is left behind.

    Half of a surrogate pair, as in a message of code under test, is written as its
    escape: it has no UTF-8.
    """
    check_writable(path)
    data = text.encode("utf-8", errors="backslashreplace")
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=".gradcheck-", delete=False
        ) as file:
            temporary = Path(file.name)
            file.write(data)
        temporary.chmod(0o644)
        temporary.replace(path)
        temporary = None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot write {path}: {reason}") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
