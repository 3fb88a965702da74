"""Filters of the templates: formulas, verdicts, numbers and matrices as they are printed."""

import re
from typing import Any

from markupsafe import Markup, escape

from gradcheck.renderers.formatting import typeset
from gradcheck.renderers.summary import GLYPHS

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
    values = bare(values)
    if not isinstance(values, list):
        return typeset(values, 6)
    if values and isinstance(values[0], list):
        return "\n".join(
            matrix(row) if isinstance(bare(row), list) else f"[{matrix(row)}]" for row in values
        )
    return f"[{', '.join(typeset(value, 5) for value in values)}]"


def bare(values: Any) -> Any:
    """Take a single number out of its brackets."""
    while isinstance(values, list) and len(values) == 1:
        values = values[0]
    return values


def breakable(name: str) -> Markup:
    """Let a long name or path break after its underscores and slashes."""
    return Markup("/<wbr>").join(Markup("_<wbr>").join(part.split("_")) for part in name.split("/"))
