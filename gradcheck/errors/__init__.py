"""What can go wrong that is not a wrong gradient.

A wrong gradient is data (a :class:`gradcheck.comparison.verdict.Finding`), an exception only where
a result's ``raise_if_wrong`` is called. Each exception here names its cause and the next step.
"""

from gradcheck.errors.lines import Place


class GradcheckError(Exception):
    """Base of everything gradcheck raises on purpose."""


class UsageError(GradcheckError):
    """An argument cannot be used as given (exit code 2).

    Cause: a path, network text, number or problem that breaks a stated rule.
    Next step: the message says which rule, and what would be accepted.
    """


class LoadError(GradcheckError):
    """The file under test could not be imported (error kind ``import``).

    Cause: a syntax error, a missing package, or top-level code that raises.
    Next step: run the file on its own with ``python FILE`` until it imports.

    Parameters
    ----------
    message : str
        What the file raised or lacks, and what to do.
    place : Place, optional
        The line that could not be run; kept as an attribute.
    """

    def __init__(self, message: str, place: Place | None = None) -> None:
        super().__init__(message)
        self.place = place


class WrongGradientError(GradcheckError, AssertionError):
    """A result was asked to raise unless it is correct, and it is not.

    Cause: a verdict of ``wrong``, ``error`` or ``unresolved``.
    Next step: the message says what was found; the result itself says more.
    """


class InternalError(GradcheckError):
    """gradcheck itself is at fault (exit code 4).

    Cause: the two witnesses of the oracle disagree away from a kink, or a
    visible planted bug was not caught.
    Next step: report it with the command and seed in the message.
    """


class SandboxError(InternalError):
    """Code cannot be shut in as well as was asked for (exit code 4).

    Cause: bubblewrap is missing, or the machine lets nobody make namespaces.
    Next step: install bubblewrap, or accept a lower level with ``--min-sandbox``.
    """


class UndeliveredError(InternalError):
    """A file that was asked for could not be written, once all was examined (exit code 4).

    Cause: a full disk, a folder that went away.
    Next step: the verdicts were shown all the same; run again with another place.
    """
