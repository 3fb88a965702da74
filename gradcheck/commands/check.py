"""``gradcheck check PATH...``."""

import contextlib
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gradcheck.commands import (
    Parser,
    add_json,
    begin,
    check_json,
    console,
    deliver,
    faults,
    seconds,
    status,
    wanted,
    whole,
)
from gradcheck.errors import DECLARATION, UsageError, meant
from gradcheck.execution.limits import Limits
from gradcheck.execution.sandbox import Launch
from gradcheck.reading.target import Target, parse_target
from gradcheck.records.schema import REVEAL_LEVELS
from gradcheck.renderers import FORMATS
from gradcheck.run.options import OPTIONS, Options, configured


def parser() -> Parser:
    """Return the command's arguments."""
    parser = Parser("check", "PATH...", lambda: configured(Path()))
    add = parser.add_argument
    add(
        "paths",
        nargs="+",
        metavar="PATH",
        help="Files or notebooks to examine, or package.module:attribute.",
    )
    kinds = {int: whole, float: seconds}
    for name, option in OPTIONS.items():
        how: dict[str, Any] = {"action": "store_true"}
        if option.kind is not bool:
            kind = kinds.get(option.kind, option.kind)
            how = {"metavar": option.metavar, "type": kind, "default": option.default}
        add(f"--{name}", help=option.help, **how)
    for name, form in FORMATS.items():
        if form.option:
            add(f"--{name}", metavar="FILE", type=Path, help=form.option)
    add_json(parser)
    return parser


def run(arguments: Namespace) -> int:
    """Examine the files, show what was found, and return the exit code of the worst."""
    given = {name: getattr(arguments, name) for name in map(_attribute, OPTIONS)}
    reveal = given.pop("reveal")
    if reveal not in REVEAL_LEVELS:
        raise UsageError(f"{reveal!r} cannot be revealed{meant(reveal, REVEAL_LEVELS)}")
    options = Options.of(**given)
    # before any work, for all of them
    targets = [parse_target(path, options.loading) for path in _submitted(arguments.paths)]
    # the first worker gets ready while the rest is imported, which takes longer
    with _launched(targets[0], options.limits) as first:
        from gradcheck.records.record import revealed
        from gradcheck.renderers.formatting import clean
        from gradcheck.run.api import check_all

        check_json(arguments.json)
        pages = wanted({k: getattr(arguments, k) for k, form in FORMATS.items() if form.option})
        begin(pages)
        screen = console(arguments.json)
        with status(screen) as progress:
            record = check_all([first, *targets[1:]], options, progress)
    if text := faults(record):
        print(clean(f"gradcheck: our own fault: {text}"), file=sys.stderr)
    return deliver(revealed(record, reveal), screen, arguments.json, pages)


def _attribute(option: str) -> str:
    """Return the name that argparse, and Python, has for an option."""
    return option.replace("-", "_")


def _submitted(paths: Sequence[str]) -> list[str]:
    """Leave out declarations of files that are named too: ``*.py`` names both."""
    named = set(paths)
    return [
        path
        for path in paths
        if not (path.endswith(DECLARATION) and f"{path.removesuffix(DECLARATION)}.py" in named)
    ]


@contextlib.contextmanager
def _launched(target: Target, limits: Limits) -> Iterator[Target | Launch]:
    """Launch the first, if that can be done; if not, it is told why when its turn comes."""
    try:
        launch = Launch(target, limits)
    except UsageError:
        yield target
        return
    with contextlib.closing(launch):
        yield launch
