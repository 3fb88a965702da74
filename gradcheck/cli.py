"""The command line: arguments in, exit code out. It decides nothing."""

import contextlib
import gc
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from gradcheck.errors import InternalError, SandboxError, UsageError
from gradcheck.version import __version__

app = typer.Typer(
    name="gradcheck",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Is a hand-written backprop right, wrong, or can nobody tell?",
)

USAGE, INTERNAL = 2, 4

Json = Annotated[
    str | None,
    typer.Option("--json", metavar="PATH|-", help="Write the record here; - for standard output."),
]


Reveal = Literal["verdict", "place", "bug", "fix"]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gradcheck {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Is a hand-written backprop right, wrong, or can nobody tell?"""


@app.command()
def check(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...", help="Files or notebooks to examine, or package.module:attribute."
        ),
    ],
    network: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help='Ask for this network only: "2-3-1 tanh,sigmoid ...".'),
    ] = None,
    examples: Annotated[int, typer.Option(metavar="N", help="Problems to compare.")] = 200,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Replay a run; fresh unless given.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page to look at.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a table, a line a submission.")
    ] = None,
    gradescope: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write Gradescope's results.json.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="S", help="Seconds for all calls of a file together.")
    ] = 120.0,
    call_timeout: Annotated[float, typer.Option(metavar="S", help="Seconds for one call.")] = 10.0,
    min_sandbox: Annotated[
        int,
        typer.Option(metavar="N", help="Refuse below this sandbox level: 3 bubblewrap, 1 process."),
    ] = 1,
    reveal: Annotated[
        Reveal, typer.Option(help="How much is told: the verdict alone, or also why.")
    ] = "fix",
    adapter: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Read files by this interface; recognised unless given."),
    ] = None,
    imports_only: Annotated[
        bool,
        typer.Option("--imports-only", help="Run only imports, functions, classes, constants."),
    ] = False,
    declaration: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="How to ask; FILE.gradcheck.py beside it by itself."),
    ] = None,
    json: Json = None,
) -> None:
    """Examine hand-written backprops: a function loss_and_grads, or an interface known."""
    from gradcheck.adapters.manner import Manner
    from gradcheck.adapters.registry import check_name
    from gradcheck.execution.launch import Launch
    from gradcheck.execution.limits import Limits
    from gradcheck.execution.target import parse_target

    manner = Manner(check_name(adapter) if adapter else None, imports_only, declaration)
    targets = [parse_target(path, manner) for path in paths]  # before any work, for all of them
    # the first worker gets ready while the rest is imported, which takes longer
    with contextlib.closing(
        Launch(targets[0], Limits(call_timeout, timeout, min_sandbox))
    ) as first:
        from gradcheck.api import check as examine
        from gradcheck.renderers import files
        from gradcheck.reveal import revealed

        _check_json(json)
        wanted = files.wanted(html=html, csv=csv, gradescope=gradescope)
        files.begin(wanted)
        console = _console(json)
        with console.status("starting") as status:
            record = examine(
                [first, *targets[1:]],
                network=network,
                examples=examples,
                seed=seed,
                timeout=timeout,
                call_timeout=call_timeout,
                min_sandbox=min_sandbox,
                adapter=adapter,
                imports_only=imports_only,
                declaration=declaration,
                progress=lambda what: status.update(what),
            )
    told = revealed(record, reveal)
    files.write(told, wanted)
    _deliver(told, console, json, files.written(wanted.values()))


@app.command()
def report(
    output: Annotated[Path, typer.Option(metavar="DIR", help="Where to write.")] = Path("reports"),
    implementation: Annotated[
        list[Path] | None,
        typer.Option(metavar="PATH", help="A further implementation; may be repeated."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer problems, no training.")] = False,
    seed: Annotated[int, typer.Option(metavar="N")] = 0,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    json: Json = None,
) -> None:
    """Run the implementations over checks, worked examples and planted bugs."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from gradcheck.record import write_whole
    from gradcheck.renderers import files
    from gradcheck.report import make_report

    _check_json(json)
    _make_folder(output)
    console = _console(json)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)
        record = make_report(
            implementation or [],
            seed=seed,
            quick=quick,
            progress=lambda label, done, total: bar.update(
                task, description=label, completed=done, total=total
            ),
        )
    write_whole(output / "report.json", record.to_json())
    pages = files.wanted(html=output / "report.html", markdown=output / "report.md")
    files.write(record, pages)
    if show:
        import webbrowser

        webbrowser.open(pages["html"].resolve().as_uri())
    _deliver(record, console, json, files.written([*pages.values(), output / "report.json"]))


@app.command()
def bugs(
    slug: Annotated[
        str | None,
        typer.Argument(metavar="[SLUG]", help="Explain this one; list all unless given."),
    ] = None,
    json: Json = None,
) -> None:
    """List the catalogue of backprop bugs, or explain one of them."""
    from gradcheck.bugs import CATALOGUE
    from gradcheck.bugs.showing import find
    from gradcheck.record import write_whole
    from gradcheck.renderers import catalogue

    _check_json(json)
    chosen = [find(slug)] if slug else list(CATALOGUE.values())
    text = catalogue.to_json(chosen, worked_out=bool(slug))
    if json == "-":
        sys.stdout.write(text)
    elif json is not None:
        write_whole(Path(json), text)
    if json != "-":
        catalogue.show(chosen, _console(json), in_full=bool(slug))


@app.command()
def new(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The file to write.")],
    network: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help='For this network only: "2-3-1 tanh,sigmoid ...".'),
    ] = None,
) -> None:
    """Write a file to complete: forward and loss are there, the gradient is missing."""
    from gradcheck.network import Network
    from gradcheck.record import write_whole
    from gradcheck.templates import student

    if os.path.lexists(path):
        raise UsageError(f"{path}: there is such a file already; choose another name")
    if path.suffix != ".py":
        raise UsageError(f"{path}: is not the name of a .py file; write {path.with_suffix('.py')}")
    write_whole(path, student(path.name, Network.parse(network) if network else None))
    typer.echo(f"Written: {path}. Write the gradient where it says TODO, then run")
    typer.echo(f"  python -m gradcheck check {path}")


def _check_json(json: str | None) -> None:
    from gradcheck.record import check_writable

    if json is not None and json != "-":
        check_writable(Path(json))


def _make_folder(output: Path) -> None:
    from gradcheck.record import check_writable

    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot use {output} as --output: {error.strerror or error}") from None
    check_writable(output / "report.json")


def _console(json: str | None) -> Any:
    """Return the console for people; with ``--json -`` that is standard error."""
    from rich.console import Console

    stream = sys.stderr if json == "-" else sys.stdout
    return Console(file=stream, highlight=False, markup=False, safe_box=True)


def _deliver(record: Any, console: Any, json: str | None, written: str = "") -> None:
    from gradcheck.record import write_whole
    from gradcheck.renderers.console import show

    if json == "-":
        sys.stdout.write(record.to_json())
    else:
        if json is not None:
            write_whole(Path(json), record.to_json())
        show(record, console)
        if written:
            console.print(written, soft_wrap=True)
    raise typer.Exit(record.exit_code)


def main() -> None:
    """Run the command line and exit with the documented code."""
    # these networks are small: more threads would only wait for one another
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(50_000)  # a run makes little garbage, and looking for it costs time
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # any encoding will do
    try:
        sys.exit(app(standalone_mode=False))
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
        if hasattr(error, "format_message"):  # typer's own copy of click has no public name
            _say(f"gradcheck: {error.format_message()} (see --help)")
            sys.exit(USAGE)
        name = type(error).__name__
        _say(f"gradcheck: our own fault ({name}: {error}); please report the command and seed")
        sys.exit(INTERNAL)


def _say(text: str) -> None:
    print(" ".join(text.split()), file=sys.stderr)
