"""What every result can be asked: is it right, and shall it raise if not?"""

from gradcheck.errors import WrongGradientError
from gradcheck.verdict import Verdict

#: Longest line of a result.
_WIDTH = 300


def one_line(text: str) -> str:
    """Return a text as one line that is not too long."""
    line = " ".join(text.split())
    return line if len(line) <= _WIDTH else line[: _WIDTH - 3] + "..."


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

    def __str__(self) -> str:
        return f"{self._verdict()}: {self._short()}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"

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
