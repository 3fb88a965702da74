"""From a record to the page: what goes where, in the order it is read, and how it is printed."""

import base64
import hashlib
import re
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from gradcheck.records.record import Record
from gradcheck.renderers import benchmark_tables, summary
from gradcheck.renderers.formatting import (
    capital,
    count,
    listing,
    part_in_words,
    sentence,
    single,
    stopped,
    tamed,
    typeset,
)
from gradcheck.renderers.html import curves
from gradcheck.renderers.html.failing_network import SCALE, Graph, Map, heat_maps, network_graph
from gradcheck.renderers.html.tables import comparison, planted_bugs, worked_examples
from gradcheck.renderers.snippet import snippet
from gradcheck.renderers.summary import GLYPHS

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

#: Implementations that get pictures; of a whole class, the rest get words.
PICTURED = 12

#: Activations whose implied derivative is drawn, when several are at fault.
SLOPES = 3

#: A calculation by hand of more lines than this is not read.
MOST_LINES_BY_HAND = 60


@dataclass(frozen=True)
class Panel:
    """What is shown of an implementation that is not correct, or is flagged.

    Attributes
    ----------
    id : str
    entry : dict
    faults : list of DiagnosedLayers
    bad, right : lists of findings that are not correct, and slugs of those that are
    follow : list of str
        Slugs of those that are not correct because of another.
    implied : list of (slope, SVG, sentence about points outside)
    graph, maps, sweep
        Pictures of the failing network; None or empty where there are none.
    comparison : list of (name, code, right, differs)
        Of a counter-example that is not worked by hand.
    script : str or None
    """

    id: str
    entry: dict[str, Any]
    faults: list[summary.DiagnosedLayers]
    bad: list[dict[str, Any]]
    follow: list[str]
    right: list[str]
    implied: list[tuple[Any, "Markup", str]] = field(default_factory=list)
    graph: Graph | None = None
    maps: list[Map] = field(default_factory=list)
    sweep: "Markup | None" = None
    comparison: list[tuple[str, Any, Any, bool]] = field(default_factory=list)
    script: str | None = None

    @property
    def specimen(self) -> Any:
        """The failing network that is shown."""
        return (self.entry.get("pictures") or {}).get("specimen")

    @property
    def unpictured(self) -> list[str]:
        """The other activations whose derivative is at fault."""
        drawn = [slope["activation"] for slope, _, _ in self.implied]
        slopes = (self.entry.get("pictures") or {}).get("slopes") or []
        return [s["activation"] for s in slopes if s["activation"] not in drawn]

    @property
    def by_hand(self) -> list[dict[str, Any]]:
        """The lines of the counter-example, the first that differs marked as such."""
        lines = (self.entry["counterexample"] or {}).get("by_hand") or []
        first = next((i for i, line in enumerate(lines) if line["differs"]), None)
        return [{**line, "first": i == first} for i, line in enumerate(lines)][:MOST_LINES_BY_HAND]


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("gradcheck.renderers.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "breakable": breakable,
        "capital": capital,
        "count": count,
        "formula": formula,
        "listing": listing,
        "matrix": matrix,
        "part": part_in_words,
        "sentence": sentence,
        "stopped": stopped,
        "typeset": typeset,
        "verdict": verdict,
    }
    return environment


def render(record: Record) -> str:
    """Return a record as a page of HTML."""
    data = tamed(record.data)
    return _fill(
        "page.html",
        data,
        examples=worked_examples(data["worked_examples"]),
        catalogue=planted_bugs(data["bugs"], summary.checks_of(data["implementations"])),
        beside=benchmark_tables.tables(data["benchmarks"]) if "benchmarks" in data else [],
        measured_on=benchmark_tables.machine(data["benchmarks"]) if "benchmarks" in data else "",
    )


def notebook(record: Record) -> str:
    """Return a record as a small table with its figures, for a notebook's cell."""
    return _fill("notebook.html", tamed(record.data))


def _fill(template: str, data: dict[str, Any], **tables: Any) -> str:
    from markupsafe import Markup

    environment = _environment()
    script = environment.get_template("page.js").render()
    entries = data["implementations"]
    shown = [entry for entry in entries if entry["verdict"] != "correct" or entry["flags"]]
    return environment.get_template(template).render(
        data=data,
        entries=entries,
        answer=summary.answer(entries),
        coverage=summary.coverage(entries),
        checks=summary.checks_of(entries),
        glyphs=summary.GLYPHS,
        scale=SCALE,
        panels=[_panel(entry, i) for i, entry in enumerate(shown, start=1)],
        script=Markup(script),
        script_hash=f"sha256-{_digest(script)}",
        shown_name=summary.shown_name,
        finding_of=finding_of,
        given=summary.given,
        always_on=summary.always_on,
        **tables,
    )


def _digest(script: str) -> str:
    """Return the hash by which the page's policy knows its own script, and no other."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def finding_of(entry: dict[str, Any], check: str) -> dict[str, Any] | None:
    """Return what a check found of an implementation."""
    return next((f for f in entry["findings"] if f["check"] == check), None)


def _panel(entry: dict[str, Any], index: int) -> Panel:
    name = f"i{index}"
    bad = [f for f in entry["findings"] if f["verdict"] != "correct"]
    pictures = entry.get("pictures") or {}
    panel = Panel(
        name,
        entry,
        summary.faults(entry),
        bad,
        summary.followers(entry["findings"]),
        [f["check"] for f in entry["findings"] if f["verdict"] == "correct"],
        script=snippet(entry),
        comparison=comparison(entry["counterexample"]),
    )
    if index > PICTURED or not pictures:
        return panel
    return replace(panel, **_pictures(pictures, name))


def _pictures(pictures: dict[str, Any], name: str) -> dict[str, Any]:
    drawn: dict[str, Any] = {"implied": []}
    if pictures["slopes"]:
        for i, slope in enumerate(_smooth_first(pictures["slopes"])[:SLOPES]):
            svg = curves.implied_derivative(slope, f"{name}-implied-{i}")
            drawn["implied"].append((slope, svg, curves.outside(slope)))
    specimen = pictures["specimen"]
    if specimen:
        drawn |= {"graph": network_graph(specimen), "maps": heat_maps(specimen)}
        if specimen["sweep"]:
            drawn["sweep"] = curves.step_size(specimen["sweep"], f"{name}-sweep")
    return drawn


def _smooth_first(slopes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Begin with the smooth activations of most points: a step is the least to look at."""
    stepped = ("relu", "leaky_relu")
    return sorted(slopes, key=lambda s: (s["activation"] in stepped, -len(s["z"])))


_LETTERS = {
    "delta": "δ",
    "phi": "φ",
    "Phi": "Φ",
    "pi": "π",
    "sqrt": "√",
    "sigma": "σ",
}
_LETTER = re.compile(rf"\b({'|'.join(_LETTERS)})(?=\b|')")
_INDEX = re.compile(r"\b(delta|dW|db|[zaWb])(\d+)\b")
_POWER = re.compile(r"\^(\([^()]*\)|-?\w+)")
_STRONG = re.compile(r"\*\*(-?\w+)")


def formula(text: str) -> Markup:
    """Set a formula: powers raised, indices lowered, Greek letters, minus signs."""
    safe = str(escape(text)).replace("&#39;", "′")
    safe = _INDEX.sub(lambda m: f"{_LETTERS.get(m[1], m[1])}<sub>{m[2]}</sub>", safe)
    safe = _LETTER.sub(lambda m: _LETTERS[m[1]], safe)
    safe = _STRONG.sub(r"<sup>\1</sup>", safe)
    safe = _POWER.sub(lambda m: f"<sup>{m[1].strip('()')}</sup>", safe)
    safe = re.sub(r"(?<![\w])-(?=[\w(])| - ", _minus, safe)
    safe = safe.replace("<=", "≤").replace(" * ", " · ").replace("&lt;=", "≤").replace("&gt;=", "≥")
    return Markup(safe)


def _minus(found: re.Match[str]) -> str:
    return found[0].replace("-", "\N{MINUS SIGN}")


def verdict(word: str) -> Markup:
    """Write a verdict: a glyph, and the word beside it."""
    known = word if word in GLYPHS else "none"
    glyph = GLYPHS.get(word, "–")
    return Markup(
        '<span class="verdict {}"><span class="glyph" aria-hidden="true">{}</span> {}</span>'
    ).format(known, glyph, word)


def matrix(values: Any) -> str:
    """Write a number, a vector or a matrix, a row a line."""
    values = single(values)
    if not isinstance(values, list):
        return typeset(values, 6)
    if values and isinstance(values[0], list):
        return "\n".join(
            matrix(row) if isinstance(single(row), list) else f"[{matrix(row)}]" for row in values
        )
    return f"[{', '.join(typeset(value, 5) for value in values)}]"


def breakable(name: str) -> Markup:
    """Let a long name or path break after its underscores and slashes."""
    return Markup("/<wbr>").join(Markup("_<wbr>").join(part.split("_")) for part in name.split("/"))
