"""What a worked example is: a published system beside what the code gets."""

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass

from gradcheck.contract.protocol import Observation, Request
from gradcheck.networks.problem import Problem


@dataclass(frozen=True)
class Result:
    """One published number beside the reproduced one.

    Attributes
    ----------
    quantity : str
        Its name, readable in a table: ``"dE/dw5"``.
    published : float
        As printed in the source; for an acceptance number, the bound.
    reproduced : float
        What the code under test gives.
    agrees : bool
        Whether the two agree to the last printed digit, or the bound holds.
    curve : tuple of float
        Losses over a training, where there was one.
    bound : str
        ``""`` when the number is to be reproduced, else ``"<"`` or ``">"``: the
        reproduced number has to be below or above the published one.
    """

    quantity: str
    published: float
    reproduced: float
    agrees: bool
    curve: tuple[float, ...] = ()
    bound: str = ""


@dataclass(frozen=True)
class Reproduction:
    """What a worked example found.

    Attributes
    ----------
    results : tuple of Result
    points : tuple of Problem
        Where the example was, at its start and after its training: the caller
        has the gradient verified there. Of large data they hold 64 samples.
    """

    results: tuple[Result, ...]
    points: tuple[Problem, ...]


class NotRun(Exception):  # noqa: N818 (an ending, not a fault of ours)
    """The code under test gave no answer, so there is nothing to compare.

    Cause: it does not support what the example needs, a call failed, or its
    steps led to parameters that are not finite. Next step: the message says
    which; an example that was not run is never one that agrees.

    Parameters
    ----------
    message : str
        One sentence for the author of the code.
    unsupported : bool
        True when the code said that it does not do this; that is no fault.
    """

    def __init__(self, message: str, unsupported: bool = False) -> None:
        super().__init__(message)
        self.unsupported = unsupported


#: A worked example asks requests and returns its outcome; it never calls code.
#: It raises NotRun when there is no answer to one of them.
Run = Generator[Request, Observation, Reproduction]


@dataclass(frozen=True)
class Example:
    """One published system.

    Attributes
    ----------
    name : str
        A slug.
    title : str
        One line for people.
    source : str
        Where the numbers were published, or how the acceptance number was set.
    run : callable
        ``run(extent) -> Run``; ``extent`` is ``"full"`` or ``"short"``: the short
        one leaves out what takes plain Python minutes, and its results say so.
    """

    name: str
    title: str
    source: str
    run: Callable[[str], Run]


def printed(quantity: str, text: str, reproduced: float, curve: tuple[float, ...] = ()) -> Result:
    """Compare with a number as it was printed: half a unit of its last digit.

    Parameters
    ----------
    text : str
        The number exactly as printed, such as ``".000438568"``.
    """
    mantissa, _, exponent = text.lower().partition("e")
    digits = len(mantissa.partition(".")[2])
    unit = 10.0 ** ((int(exponent) if exponent else 0) - digits)
    agrees = abs(reproduced - float(text)) <= 0.5 * unit * (1 + 1e-6)
    return Result(quantity, float(text), reproduced, agrees, curve)


def below(quantity: str, bound: float, value: float, curve: tuple[float, ...] = ()) -> Result:
    """Compare with a bound that must not be reached."""
    agrees = math.isfinite(value) and value < bound
    return Result(quantity, bound, value, agrees, curve, bound="<")


def above(quantity: str, bound: float, value: float, curve: tuple[float, ...] = ()) -> Result:
    """Compare with a bound that must be passed."""
    agrees = math.isfinite(value) and value > bound
    return Result(quantity, bound, value, agrees, curve, bound=">")
