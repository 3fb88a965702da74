"""What every result can be asked: is it right, and shall it raise if not?"""

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from gradcheck.comparison.verdict import Verdict
from gradcheck.errors import WrongGradientError

#: Longest line of a result.
_WIDTH = 300


def one_line(text: str) -> str:
    """Return a text as one line that is not too long."""
    line = " ".join(text.split())
    return line if len(line) <= _WIDTH else line[: _WIDTH - 3] + "..."


def _plain(value: Any) -> Any:
    """Return plain data that equals itself."""
    if isinstance(value, Outcome):
        told = (each.name for each in fields(value) if each.compare)  # type: ignore[arg-type]
        return {name: _plain(getattr(value, name)) for name in told}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    return value


class Outcome:
    """A result with a verdict: true only when that is ``correct``.

    So ``assert check_function(...)`` means what it says.
    """

    @property
    def ok(self) -> bool:
        """Whether the verdict is ``correct`` and nothing else went wrong."""
        return self._verdict() is Verdict.CORRECT

    def __bool__(self) -> bool:
        return self.ok

    def __eq__(self, other: object) -> bool:
        """Whether all that is told is the same; what is not a number equals itself."""
        return type(other) is type(self) and _plain(self) == _plain(other)

    def __hash__(self) -> int:
        return hash((type(self), str(self)))

    def __str__(self) -> str:
        return f"{self._verdict()}: {self._short()}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"

    def to_json(self) -> str:
        """Return all that is told as JSON text; numbers that are not finite are texts."""
        return json.dumps(_plain(self), indent=1) + "\n"

    def raise_if_wrong(self) -> None:
        """Raise unless the verdict is ``correct``; ``unresolved`` is no proof either.

        Raises
        ------
        WrongGradientError
            An AssertionError; its message is what is wrong, in short.
        """
        if not self.ok:
            raise WrongGradientError(str(self))

    def _verdict(self) -> Verdict:
        raise NotImplementedError

    def _short(self) -> str:
        """Say in one line what was found."""
        raise NotImplementedError
