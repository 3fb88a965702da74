"""The measurements as the page docs/benchmarks.md."""

from typing import Any

from gradcheck.renderers import benchmark_tables

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
    time, *quality, growth = benchmark_tables.tables(data)
    lines = [HEAD.format(command=command, machine=benchmark_tables.machine(data)), *_markdown(time)]
    for table in quality:
        lines += [QUALITY, *_markdown(table)]
    lines += [AFTER, *_markdown(growth)]
    lines.append(
        f"\n`matrix.py` gets {benchmark_tables.rate(data)} gradient verdicts a second on random problems of "
        f"depth 1 to 5 (`benchmarks/against/rate.py`)."
    )
    return "\n".join(lines) + "\n"


def _markdown(table: benchmark_tables.Table) -> list[str]:
    lines = [table.heading, ["---", *["---:"] * (len(table.heading) - 1)], *table.rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]
