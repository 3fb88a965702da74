"""``gradcheck check PATH...``."""

import contextlib
from argparse import Namespace
from pathlib import Path

from gradcheck.adapters.manner import Manner
from gradcheck.adapters.registry import check_name
from gradcheck.commands.arguments import Parser, add_json
from gradcheck.execution.launch import Launch
from gradcheck.execution.limits import CALL_TIMEOUT, TIMEOUT, Limits
from gradcheck.execution.target import parse_target
from gradcheck.reveal import LEVELS, revealed


def parser() -> Parser:
    """Return the command's arguments."""
    parser = Parser("check", "PATH...")
    add = parser.add_argument
    add(
        "paths",
        nargs="+",
        metavar="PATH",
        help="Files or notebooks to examine, or package.module:attribute.",
    )
    add("--network", metavar="TEXT", help='Ask for this network only: "2-3-1 tanh,sigmoid ...".')
    add("--examples", metavar="N", type=int, default=200, help="Problems to compare.")
    add("--seed", metavar="N", type=int, help="Replay a run; fresh unless given.")
    add("--html", metavar="FILE", type=Path, help="Write a page to look at.")
    add("--csv", metavar="FILE", type=Path, help="Write a table, a line a submission.")
    add("--gradescope", metavar="FILE", type=Path, help="Write Gradescope's results.json.")
    add(
        "--timeout",
        metavar="S",
        type=float,
        default=TIMEOUT,
        help="Seconds for all calls of a file together.",
    )
    add(
        "--call-timeout",
        metavar="S",
        type=float,
        default=CALL_TIMEOUT,
        help="Seconds for one call.",
    )
    add(
        "--min-sandbox",
        metavar="N",
        type=int,
        default=1,
        help="Refuse below this sandbox level: 3 bubblewrap, 1 process.",
    )
    add(
        "--reveal",
        choices=LEVELS,
        default="fix",
        help="How much is told: the verdict alone, or also why.",
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
    adapter = check_name(arguments.adapter) if arguments.adapter else None
    manner = Manner(adapter, arguments.imports_only, arguments.declaration)
    # before any work, for all of them
    targets = [parse_target(path, manner) for path in arguments.paths]
    limits = Limits(arguments.call_timeout, arguments.timeout, arguments.min_sandbox)
    # the first worker gets ready while the rest is imported, which takes longer
    with contextlib.closing(Launch(targets[0], limits)) as first:
        from gradcheck.api import check as examine
        from gradcheck.commands import delivery
        from gradcheck.renderers import files

        delivery.check_json(arguments.json)
        wanted = files.wanted(
            html=arguments.html, csv=arguments.csv, gradescope=arguments.gradescope
        )
        files.begin(wanted)
        screen = delivery.console(arguments.json)
        with delivery.status(screen) as tell:
            record = examine(
                [first, *targets[1:]],
                network=arguments.network,
                examples=arguments.examples,
                seed=arguments.seed,
                timeout=arguments.timeout,
                call_timeout=arguments.call_timeout,
                min_sandbox=arguments.min_sandbox,
                adapter=adapter,
                imports_only=arguments.imports_only,
                declaration=arguments.declaration,
                progress=tell,
            )
    told = revealed(record, arguments.reveal)
    files.write(told, wanted)
    return delivery.deliver(told, screen, arguments.json, files.written(wanted.values()))
