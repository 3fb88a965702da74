"""The record as one page that needs nothing else: no network, no other file.

What goes where, in the order it is read, and how it is printed.
"""

import base64
import hashlib
import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from gradcheck.records.record import Record
from gradcheck.renderers import benchmark_tables, summary
from gradcheck.renderers.formatting import (
    capital,
    count,
    listing,
    number,
    part_in_words,
    sentence,
    single,
    stopped,
    tamed,
    typeset,
)
from gradcheck.renderers.html.curves import implied_derivative, outside, step_size, training_curves
from gradcheck.renderers.html.failing_network import SCALE, heat_maps, network_graph
from gradcheck.renderers.snippet import snippet
from gradcheck.renderers.summary import GLYPHS, compared, differs

if TYPE_CHECKING:
    from jinja2 import Environment

#: Implementations that get pictures; of a whole class, the rest get words.
PICTURED = 12

#: Activations whose implied derivative is drawn, when several are at fault.
SLOPES = 3

#: A calculation by hand of more lines than this is not read.
MOST_LINES_BY_HAND = 60


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
        examples=_worked_examples(data["worked_examples"]),
        catalogue=_planted_bugs(data["bugs"], summary.checks_of(data["implementations"])),
        beside=benchmark_tables.tables(data["benchmarks"]) if "benchmarks" in data else [],
        measured_on=benchmark_tables.machine(data["benchmarks"]) if "benchmarks" in data else "",
    )


def notebook(record: Record) -> str:
    """Return a record as a small table with its figures, for a notebook's cell."""
    return _fill("notebook.html", tamed(record.data))


def _fill(template: str, data: dict[str, Any], **tables: Any) -> str:
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


def _panel(entry: dict[str, Any], index: int) -> dict[str, Any]:
    """Gather what is shown of an implementation that is not correct, or is flagged.

    Of a whole class the later ones get no pictures, and most get none at all.
    """
    name, findings, example = f"i{index}", entry["findings"], entry["counterexample"]
    pictures = (index <= PICTURED and entry.get("pictures")) or {"slopes": [], "specimen": None}
    slopes, specimen = pictures["slopes"] or [], pictures["specimen"]
    sweep = specimen and specimen["sweep"]
    drawn = _smooth_first(slopes)[:SLOPES]
    pictured = [slope["activation"] for slope in drawn]
    return {
        "id": name,
        "entry": entry,
        "faults": summary.faults(entry),
        "bad": [f for f in findings if f["verdict"] != "correct"],
        "follow": summary.followers(findings),
        "right": [f["check"] for f in findings if f["verdict"] == "correct"],
        "by_hand": _by_hand((example or {}).get("by_hand") or []),
        "comparison": _comparison(example),
        "script": snippet(entry),
        "implied": [
            (slope, implied_derivative(slope, f"{name}-implied-{i}"), outside(slope))
            for i, slope in enumerate(drawn)
        ],
        "unpictured": [s["activation"] for s in slopes if s["activation"] not in pictured],
        "specimen": specimen,
        "graph": specimen and network_graph(specimen),
        "maps": heat_maps(specimen) if specimen else [],
        "sweep": sweep and step_size(sweep, f"{name}-sweep"),
    }


def _by_hand(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines of a calculation, the first that differs marked as such."""
    first = next((i for i, line in enumerate(lines) if line["differs"]), None)
    return [{**line, "first": i == first} for i, line in enumerate(lines)][:MOST_LINES_BY_HAND]


def _smooth_first(slopes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Begin with the smooth activations of most points: a step is the least to look at."""
    stepped = ("relu", "leaky_relu")
    return sorted(slopes, key=lambda s: (s["activation"] in stepped, -len(s["z"])))


_LETTERS = {"delta": "δ", "phi": "φ", "Phi": "Φ", "pi": "π", "sqrt": "√", "sigma": "σ"}
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


#: Entries of a counter-example that are listed.
MOST_ENTRIES = 40


def _worked_examples(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Put published numbers and what each implementation made of them side by side."""
    names = list(dict.fromkeys(result["implementation"] for result in results))
    groups: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        groups.setdefault(result["name"], []).append(result)
    return {"names": names, "examples": [_example(group, names) for group in groups.values()]}


def _example(results: list[dict[str, Any]], names: list[str]) -> dict[str, Any]:
    """Return a published system; a row is a quantity, its number, results by implementation."""
    first, rows = results[0], []
    for quantity in dict.fromkeys(result["quantity"] for result in results):
        mine = {
            r["implementation"]: {**r, "shown": _alike(r)}
            for r in results
            if r["quantity"] == quantity
        }
        published = _published(next(iter(mine.values())))
        rows.append((quantity, published, [mine.get(name) for name in names]))
    return {
        "name": first["name"],
        "title": first.get("title", ""),
        "source": first.get("source", ""),
        "rows": rows,
        "curves": list(_curves(results)),
        "agrees": all(result["agrees"] for result in results),
    }


def _published(result: dict[str, Any]) -> str:
    words = {"<": "below ", ">": "above "}
    digits = 3 if result["bound"] else 9
    return words.get(result["bound"], "") + typeset(result["published"], digits)


def _alike(result: dict[str, Any]) -> str:
    """Write a reproduced number to as many digits as were published; in full if it is off."""
    value, published = result["reproduced"], number(result["published"], 9)
    if isinstance(value, str) or not result["agrees"]:
        return typeset(value, 9)
    if result["bound"]:
        return typeset(value, 3)
    mantissa, mark, _ = published.partition("e")
    decimals = len(mantissa.partition(".")[2])
    return typeset(value, 1 + decimals) if mark else typeset(f"{value:.{decimals}f}")


def _curves(results: list[dict[str, Any]]) -> Iterator[tuple[str, "Markup"]]:
    groups: dict[str, dict[str, list[Any]]] = {}
    for result in results:
        if len(result["curve"]) > 1:
            groups.setdefault(result["quantity"], {})[result["implementation"]] = result["curve"]
    for index, (quantity, curves) in enumerate(groups.items()):
        name = results[0]["name"]
        yield quantity, training_curves(curves, f"curve-{name}-{index}", name)


def _planted_bugs(bugs: list[dict[str, Any]], order: list[str]) -> dict[str, Any]:
    """Count what was caught, and list the checks that caught anything in their order."""
    by = {check for bug in bugs for check in bug["by"]}
    return {
        "bugs": bugs,
        "checks": [check for check in order if check in by] + sorted(by - set(order)),
        "sites": list(dict.fromkeys(bug["site"] for bug in bugs)),
        "caught": sum(bool(bug["caught"]) for bug in bugs),
        "named": sum(bool(bug["named"]) for bug in bugs),
    }


def _comparison(example: dict[str, Any] | None) -> list[tuple[str, Any, Any, bool]]:
    """List a counter-example entry by entry: name, code's value, right one, whether they differ."""
    if not example or "failure" in example or "by_hand" in example:
        return []
    rows = compared(example)[:MOST_ENTRIES]
    return [(name, got, right, differs(got, right, bar)) for name, got, right, bar in rows]
