"""``gradcheck check PATH...``."""

import contextlib
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path

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
from gradcheck.execution.limits import CALL_TIMEOUT, TIMEOUT, Limits
from gradcheck.execution.sandbox import Launch
from gradcheck.reading.target import LoadOptions, Target, check_name, parse_target
from gradcheck.records.schema import REVEAL_LEVELS
from gradcheck.renderers import FORMATS
from gradcheck.run.options import EXAMPLES, check_numbers, configured


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
    add("--network", metavar="TEXT", help='Ask for this network only: "2-3-1 tanh,sigmoid ...".')
    add("--require", metavar="LIST", help='What must be handled: "relu,cross_entropy,depth>=3".')
    add("--examples", metavar="N", type=whole, default=EXAMPLES, help="Problems to compare.")
    add("--seed", metavar="N", type=whole, help="Replay a run; fresh unless given.")
    for name, form in FORMATS.items():
        if form.option:
            add(f"--{name}", metavar="FILE", type=Path, help=form.option)
    add(
        "--timeout",
        metavar="S",
        type=seconds,
        default=TIMEOUT,
        help="Seconds for all calls of a file together.",
    )
    add(
        "--call-timeout",
        metavar="S",
        type=seconds,
        default=CALL_TIMEOUT,
        help="Seconds for one call.",
    )
    add(
        "--min-sandbox",
        metavar="N",
        type=whole,
        default=1,
        help="Refuse below this sandbox level: 3 bubblewrap, 1 process.",
    )
    add(
        "--reveal",
        metavar=f"{{{','.join(REVEAL_LEVELS)}}}",
        default="fix",
        help="How much is revealed: the verdict alone, or also why.",
    )
    add("--adapter", metavar="NAME", help="Read files by this interface; recognised unless given.")
    add(
        "--imports-only",
        action="store_true",
        help="Run only imports, functions, classes, constants.",
    )
    add(
        "--declaration",
        metavar="FILE",
        type=Path,
        help="How to ask; FILE.gradcheck.py beside it by itself.",
    )
    add_json(parser)
    return parser


def run(arguments: Namespace) -> int:
    """Examine the files, show what was found, and return the exit code of the worst."""
    if arguments.reveal not in REVEAL_LEVELS:
        raise UsageError(
            f"{arguments.reveal!r} cannot be revealed{meant(arguments.reveal, REVEAL_LEVELS)}"
        )
    check_numbers(arguments.examples, arguments.seed or 0)
    limits = Limits(arguments.call_timeout, arguments.timeout, arguments.min_sandbox)
    adapter = check_name(arguments.adapter) if arguments.adapter else None
    loading = LoadOptions(adapter, arguments.imports_only, arguments.declaration)
    # before any work, for all of them
    targets = [parse_target(path, loading) for path in _submitted(arguments.paths)]
    # the first worker gets ready while the rest is imported, which takes longer
    with _launched(targets[0], limits) as first:
        from gradcheck.records.record import revealed
        from gradcheck.renderers.formatting import clean
        from gradcheck.run.api import check_all
        from gradcheck.run.options import Options

        options = Options.of(
            limits,
            loading,
            arguments.examples,
            arguments.seed,
            arguments.network,
            arguments.require,
        )
        check_json(arguments.json)
        given = {name: getattr(arguments, name) for name in FORMATS if FORMATS[name].option}
        pages = wanted(given)
        begin(pages)
        screen = console(arguments.json)
        with status(screen) as progress:
            record = check_all([first, *targets[1:]], options, progress)
    if text := faults(record):
        print(clean(f"gradcheck: our own fault: {text}"), file=sys.stderr)
    return deliver(revealed(record, arguments.reveal), screen, arguments.json, pages)


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
