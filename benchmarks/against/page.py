"""The measurements as the page docs/benchmarks.md."""

from typing import Any

HEAD = """# gradcheck beside its peers

One command measures, in one run on one machine: `pip install -e '.[bench]' && python benchmarks/peers.py`. These numbers are
from `{command}` ({machine}, shared with other work).
Times are processor time with one thread; a ratio is the median over rounds in which everybody ran once, one after the
other. Everybody checks the same hand-written backward of the same network, batch 32, tanh and softmax with cross-entropy.

## Time

Milliseconds, and in brackets how many times our estimate of every parameter with error bars / our whole verdict (estimate,
witness, comparison) fits in. torch's fast mode, jax and autograd look at one projection of the gradient; scipy and
numdifftools at every parameter, without bars (numdifftools estimates its error; the comparison here does not use it).
"""

QUALITY = """
## Quality

Random networks (`benchmarks/against/quality.py`), one problem at a time, default tolerances; wrong gradients are bugs of the
catalogue, planted, that are off by more than a millionth of some tensor's norm by torch's own differentiation. Missed of
those planted / right gradients refused; "unresolved" is neither.
"""

AFTER = """
scipy's check_grad returns a number and leaves the verdict to the reader; here it is accepted below 1e-5 of the gradient's
norm, or below 1e-5. numdifftools' gradient is compared by `np.allclose`.

## Growth

A whole verdict on n-30-10, batch 32, each in a process of its own.
"""


def render(data: dict[str, Any], command: str) -> str:
    """Return the page."""
    m = data["machine"]
    machine = (
        f"{m['system']}, {m['processor']}, Python {m['python']}, numpy {m['numpy']}, "
        f"{m['cores']} cores"
    )
    lines = [HEAD.format(command=command, machine=machine), *_timing(data["timing"])]
    if "quality" in data:
        lines += [QUALITY, *_quality(data["quality"])]
    lines += [AFTER, *_growth(data["growth"])]
    rate = data["rate"]["verdicts_per_second"]
    lines.append(
        f"\n`matrix.py` gets {rate:.0f} gradient verdicts a second on random problems of depth 1 to 5 "
        f"(`benchmarks/against/rate.py`)."
    )
    return "\n".join(lines) + "\n"


def _table(heading: list[str], rows: list[list[str]]) -> list[str]:
    lines = [heading, ["---", *["---:"] * (len(heading) - 1)], *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def _timing(networks: list[dict[str, Any]]) -> list[str]:
    heading = ["", *(f"{n['network'].split()[0]} ({n['parameters']})" for n in networks)]
    columns = [{row["name"]: row for row in n["rows"]} for n in networks]
    return _table(heading, [[name, *(_time(c[name]) for c in columns)] for name in columns[0]])


def _time(row: dict[str, Any]) -> str:
    if "seconds" not in row:
        return f"not run: {row['predicted_seconds']:.0f} s foreseen"
    ratios = f"{row['ratio_to_estimate']:,.3g} / {row['ratio_to_verdict']:,.3g}"
    return f"{1e3 * row['seconds']:,.3g} ({ratios})"


def _quality(kinds: list[dict[str, Any]]) -> list[str]:
    heading = ["", *(kind["kind"] for kind in kinds)]
    return _table(
        heading,
        [[name, *(_count(kind["peers"][name]) for kind in kinds)] for name in kinds[0]["peers"]],
    )


def _count(c: dict[str, int]) -> str:
    text = f"{c['missed']} of {c['wrong']} / {c['false_alarms']} of {c['right']}"
    return f"{text}, {c['unresolved']} unresolved" if c["unresolved"] else text


def _growth(rows: list[dict[str, Any]]) -> list[str]:
    return _table(
        ["network", "parameters", "ms", "µs a parameter", "peak MB"],
        [
            [
                row["network"],
                f"{row['parameters']:,}",
                f"{1e3 * row['seconds']:.1f}",
                f"{row['microseconds_per_parameter']:.3f}",
                f"{row['peak_bytes'] / 1e6:.0f}",
            ]
            for row in rows
        ],
    )
