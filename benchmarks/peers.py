"""gradcheck beside its peers, in one run: ``python benchmarks/peers.py [--json PATH]``.

Needs ``pip install -e '.[bench]'``; a peer that is not installed is left out and named.
Prints ratios of processor time, misses and false alarms at default tolerances, and how
time and memory grow. ``--quick`` draws fewer problems and leaves the largest network out.
"""

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console
from rich.table import Table

from benchmarks.against import growth, ours, page, rate, timing
from gradcheck.commands import write_whole
from gradcheck.records.build import machine

MODULES = ("torch_peer", "jax_peer", "autograd_peer", "scipy_peer", "numdifftools_peer")


def peers(console: Console) -> dict[str, Any]:
    """Return every checker by name, ours first."""
    found: dict[str, Any] = dict.fromkeys(ours.NAMES, ours)
    for name in MODULES:
        try:
            module = importlib.import_module(f"benchmarks.against.{name}")
        except ImportError as error:
            console.print(f"left out: {name} ({error})")
            continue
        found |= dict.fromkeys(module.NAMES, module)
    return found


def show_timing(rows: list[dict[str, Any]], console: Console) -> None:
    """Print a table a network."""
    for network in rows:
        table = Table(title=f"{network['network']}: {network['parameters']} parameters, batch 32")
        for heading in ("", "ms", "runs", "times our estimate", "times our verdict"):
            table.add_column(heading, justify="left" if not heading else "right")
        for row in network["rows"]:
            if "seconds" in row:
                cells = (1e3 * row["seconds"], row["ratio_to_estimate"], row["ratio_to_verdict"])
                ms, estimate, verdict = (f"{value:,.4g}" for value in cells)
                table.add_row(row["name"], ms, str(row["repetitions"]), estimate, verdict)
            else:
                table.add_row(row["name"], f"not run: {row['predicted_seconds']:.0f} s foreseen")
        console.print(table)


def show_quality(rows: list[dict[str, Any]], console: Console) -> None:
    """Print misses and false alarms, peers down and kinds of problem across."""
    table = Table(title="missed bugs of those planted / right gradients refused (unresolved)")
    table.add_column("")
    for row in rows:
        table.add_column(row["kind"], justify="right")
    for name in rows[0]["peers"]:
        cells = []
        for row in rows:
            c = row["peers"][name]
            text = f"{c['missed']} of {c['wrong']} / {c['false_alarms']} of {c['right']}"
            cells.append(text + (f" ({c['unresolved']})" if c["unresolved"] else ""))
        table.add_row(name, *cells)
    console.print(table)


def show_growth(rows: list[dict[str, Any]], console: Console) -> None:
    """Print time and memory a parameter."""
    table = Table(title="growth of a whole verdict")
    for heading in ("network", "parameters", "ms", "µs each", "bytes each", "peak MB"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row["network"],
            f"{row['parameters']:,}",
            f"{1e3 * row['seconds']:.1f}",
            f"{row['microseconds_per_parameter']:.3f}",
            f"{row['bytes_per_parameter']:.0f}",
            f"{row['peak_bytes'] / 1e6:.0f}",
        )
    console.print(table)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", metavar="PATH")
    parser.add_argument("--markdown", metavar="PATH", help="write the page docs/benchmarks.md")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument(
        "--patience",
        type=float,
        default=timing.PATIENCE,
        metavar="S",
        help="skip what takes longer",
    )
    parser.add_argument("--problems", type=int, default=25, metavar="N", help="of each kind")
    parser.add_argument("--bugs", type=int, default=8, metavar="N", help="planted in each problem")
    given = parser.parse_args()
    console = Console(width=120)
    everybody = peers(console)
    data: dict[str, Any] = {"machine": machine()}
    if given.quick:
        timing.NETWORKS = timing.NETWORKS[:3]
        given.problems, given.bugs = 5, 3
    timing.PATIENCE = given.patience
    with console.status("starting") as status:
        data["timing"] = timing.measure(everybody, status.update)
        show_timing(data["timing"], console)
        if "torch gradcheck, slow" in everybody:  # it is the referee
            from benchmarks.against import quality

            judges = {
                n: p
                for n, p in everybody.items()
                if n not in (ours.ESTIMATE, "scipy approx_fprime")
            }
            data["quality"] = quality.measure(judges, given.problems, given.bugs, status.update)
            show_quality(data["quality"], console)
        data["growth"] = growth.measure(status.update)
        show_growth(data["growth"], console)
        status.update("rate")
        data["rate"] = rate.measure()
    console.print(f"{data['rate']['verdicts_per_second']:.0f} verdicts a second on random problems")
    if given.markdown:
        sizes = f"--problems {given.problems} --bugs {given.bugs}"
        settings = f"--patience {given.patience:g} {'--quick' if given.quick else sizes}"
        command = f"python benchmarks/peers.py {settings}"  # without where it wrote
        write_whole(Path(given.markdown), page.render(data, command))
    if given.json:
        write_whole(Path(given.json), json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
