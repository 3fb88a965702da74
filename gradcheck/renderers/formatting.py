"""How numbers and names are written for people."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

#: A name or message longer than this helps nobody.
LONGEST_TEXT = 600
LONGEST_COMMAND = 20_000

_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def number(value: Any, digits: int = 6) -> str:
    """Write a number of a record, which may be one of the strings nan, inf and -inf."""
    if isinstance(value, str):
        return value
    return f"{value + 0:.{digits}g}"  # a negative zero is a zero


def typeset(value: Any, digits: int = 6) -> str:
    """Write a number as in print: with a minus sign, and powers of ten in place of e."""
    text = number(value, digits)
    mantissa, mark, exponent = text.partition("e")
    if mark and mantissa.lstrip("-")[:1].isdigit():
        power = power_of_ten(int(exponent))
        sign = "-" if mantissa.startswith("-") else ""
        text = sign + power if mantissa.lstrip("-") == "1" else f"{mantissa}·{power}"
    return text.replace("-", "\N{MINUS SIGN}", 1) if text.startswith("-") else text


def power_of_ten(exponent: int) -> str:
    """``10⁻⁹``."""
    return f"10{str(exponent).translate(_RAISED)}"


def one_part_in(resolution: Any) -> str:
    """Write a resolution as the smallest error that would have been seen."""
    if isinstance(resolution, str) or resolution <= 0:
        return "not known"
    return f"1 part in {1 / resolution:.0e}".replace("e+", "e").replace("e0", "e")


def part_in_words(resolution: Any) -> str:
    """Write a resolution in a sentence: ``one part in 4·10¹⁰``; empty when not known."""
    if isinstance(resolution, str) or resolution <= 0:
        return ""
    parts = 1 / resolution
    if parts < 1e4:
        return f"one part in {parts:.0f}"
    exponent = math.floor(math.log10(parts))
    lead = round(parts / 10**exponent)
    lead, exponent = (1, exponent + 1) if lead == 10 else (lead, exponent)
    power = power_of_ten(exponent)
    return f"one part in {power}" if lead == 1 else f"one part in {lead}·{power}"


def clean(text: str) -> str:
    """Make foreign text safe for a terminal: control characters are shown, not obeyed.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def shortened(text: str, longest: int = LONGEST_TEXT) -> str:
    """Cut a text that is too long, and say how long it was."""
    if len(text) <= longest:
        return text
    length = f"… ({len(text)} characters)" if longest > 60 else "…"
    return text[: longest - len(length)] + length


def tamed(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's data with every text short and free of control characters.

    Names, paths and messages come from outside. What is tamed is still text: each
    format escapes it in its own way. The command alone may be long, for it is there
    to be run again; ``replay`` is what of it people are shown.
    """
    commands = {
        key: clean(shortened(data.get(key, data["command"]), LONGEST_COMMAND))
        for key in ("command", "replay")
    }
    return {**_tame(data), **commands}


def _tame(value: Any) -> Any:
    if isinstance(value, str):
        return clean(shortened(value))
    if isinstance(value, Mapping):
        return {clean(shortened(str(key))): _tame(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_tame(item) for item in value]
    return value


def matrix(values: Any) -> str:
    """Write a number, or an array or its rows in brackets, on one line."""
    values = values.tolist() if hasattr(values, "tolist") else values
    if isinstance(values, list | tuple):
        return f"[{', '.join(map(matrix, values))}]"
    return number(values)


def single(values: Any) -> Any:
    """Take a single number out of its brackets."""
    while isinstance(values, list) and len(values) == 1:
        values = values[0]
    return values


def entry_of(name: str, index: Iterable[int]) -> str:
    """``W1[0,2]``; the name alone where there is no index."""
    place = ",".join(map(str, index))
    return f"{name}[{place}]" if place else name


def count(n: int, noun: str) -> str:
    """``1 sample``, ``3 samples``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def listing(items: Iterable[Any]) -> str:
    """``a``, ``a and b``, ``a, b and c``.

    Parameters
    ----------
    items : iterable

    Returns
    -------
    str
    """
    words = [str(item) for item in items]
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else "".join(words)


def layers(numbers: Iterable[int]) -> str:
    """``layer 2``, ``layers 1 to 4``, ``layers 1, 3 and 4``."""
    sequence = sorted(set(numbers))
    if len(sequence) == 1:
        return f"layer {sequence[0]}"
    if len(sequence) > 2 and sequence[-1] - sequence[0] == len(sequence) - 1:
        return f"layers {sequence[0]} to {sequence[-1]}"
    return f"layers {listing(sequence)}"


def sentence(text: str) -> str:
    """Begin with a capital and end with a full stop."""
    return stopped(capital(text))


def capital(text: str) -> str:
    """Begin with a capital; nothing else changes."""
    return text[:1].upper() + text[1:]


def stopped(text: str) -> str:
    """End with a full stop; a name in front stays as it is."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
