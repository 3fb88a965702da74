"""``gradcheck report``."""

import json
from argparse import Namespace
from pathlib import Path

from gradcheck.commands import (
    Parser,
    add_json,
    check_json,
    check_writable,
    console,
    deliver,
    wanted,
    whole,
)
from gradcheck.errors import UsageError
from gradcheck.records.record import Entry
from gradcheck.renderers import FORMATS
from gradcheck.run.options import check_numbers


def parser() -> Parser:
    """Return the command's arguments."""
    parser = Parser("report")
    add = parser.add_argument
    add("--output", metavar="DIR", type=Path, default=Path("reports"), help="Where to write.")
    add(
        "--implementation",
        metavar="PATH",
        type=Path,
        action="append",
        help="A further implementation; may be repeated.",
    )
    add("--quick", action="store_true", help="Fewer problems, no training.")
    add(
        "--benchmarks",
        metavar="FILE",
        type=Path,
        help="Also show what benchmarks/peers.py --json FILE measured.",
    )
    add("--seed", metavar="N", type=whole, default=0, help="Of everything that is drawn.")
    add("--open", action="store_true", help="Open the page in a browser.")
    add_json(parser)
    return parser


def run(arguments: Namespace) -> int:
    """Write the report, show it, and return its exit code."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from gradcheck.run.full_report import make_report

    check_numbers(seed=arguments.seed)
    check_json(arguments.json)
    measured = _measured(arguments.benchmarks) if arguments.benchmarks else None
    output: Path = arguments.output
    _make_folder(output)
    screen = console(arguments.json)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("starting", total=None)
        record = make_report(
            arguments.implementation or [],
            seed=arguments.seed,
            quick=arguments.quick,
            benchmarks=measured,
            progress=lambda label, done, total: bar.update(
                task, description=label, completed=done, total=total
            ),
        )
    pages = wanted({k: output / f.report for k, f in FORMATS.items() if f.report})
    code = deliver(record, screen, arguments.json, pages)
    if arguments.open:
        import webbrowser

        webbrowser.open(pages["html"].resolve().as_uri())
    return code


def _make_folder(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot use {output} as --output: {error.strerror or error}") from None
    check_writable(output / "report.json")


def _measured(path: Path) -> Entry:
    """Read measurements, and try whether they can be shown."""
    from gradcheck.renderers import benchmark_tables

    try:
        data: Entry = json.loads(path.read_text(encoding="utf-8"))
        benchmark_tables.tables(data), benchmark_tables.machine(data), benchmark_tables.rate(data)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        raise UsageError(
            f"{path}: holds no measurements; make it with benchmarks/peers.py --json {path}"
        ) from None
    return data
