"""What checks ask of the kind of thing that was handed over: a network, a layer, a function.

A check knows no parameter by its name and no rule of a forward. What it needs of a problem
beyond numbers by tensor name, its subject says.
"""

from collections.abc import Callable, Generator, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gradcheck.comparison.compare import Arithmetic, Judgement, KnownTruth
from gradcheck.contract.posed import Floats
from gradcheck.contract.protocol import Observation, Request

#: A point at which a loss and a gradient are asked; what it is made of, its subject knows.
Problem = Any

#: Arrays by tensor name.
Named = Mapping[str, Floats]


@dataclass(frozen=True)
class Parts:
    """A problem taken apart into its samples.

    Its gradient is ``constant + weight * sum(gradient of each single - constant)``.

    Attributes
    ----------
    singles : tuple
        A problem for each sample.
    weight : float
    constant : mapping of str to array
        What does not depend on the samples.
    rule : str
        What the whole is of them: ``mean`` or ``sum``.
    """

    singles: tuple[Problem, ...]
    weight: float
    constant: Named
    rule: str


@dataclass(frozen=True)
class Reordered:
    """The same problem in another order.

    Attributes
    ----------
    what : str
        What was reordered: ``samples``.
    problem : object
    follow : callable
        Takes arrays by tensor name of the first problem into that order.
    """

    what: str
    problem: Problem
    follow: Callable[[Named], Named]


class Subject(Protocol):
    """One kind of thing that a person hands over, as far as the code under test handles it."""

    # ---- what is true ------------------------------------------------------------------------

    def truth(self, problem: Problem, epsilon: float = 0.0, biases: bool = False) -> KnownTruth:
        """Return the truth of a problem, for the loss with a convention of the code."""
        ...

    # ---- what a problem is -------------------------------------------------------------------

    def size(self, problem: Problem) -> int:
        """How much there is to read in it: smaller examples are shown first."""
        ...

    def numbers(self, problem: Problem) -> int:
        """How many numbers it takes in memory."""
        ...

    def samples(self, problem: Problem) -> int:
        """The number of samples in its batch."""
        ...

    def kind(self, problem: Problem) -> Hashable:
        """What it has in common with problems of other parameters and inputs."""
        ...

    def reach(self, problem: Problem) -> float:
        """How far it goes into saturation."""
        ...

    def counts_samples(self, problem: Problem) -> bool:
        """Whether the number of samples stands in its loss: that is a mean."""
        ...

    def logarithmic(self, problem: Problem) -> bool:
        """Whether its loss holds a logarithm, in which code may put a constant."""
        ...

    # ---- other problems ----------------------------------------------------------------------

    def moved(self, problem: Problem, tensor: str, shift: Floats) -> Problem:
        """Move one tensor."""
        ...

    def nearby(self, problem: Problem, rng: np.random.Generator, size: float) -> Problem:
        """Move everything a little."""
        ...

    def parts(self, problem: Problem, biases: bool) -> Parts | None:
        """Take a batch apart; None where the code is not asked for single samples."""
        ...

    def reordered(self, problem: Problem, rng: np.random.Generator) -> Sequence[Reordered]:
        """Return the problem in orders that must not matter."""
        ...

    def drawn(self, seed: int, index: int, saturated: bool = False) -> Problem:
        """Draw a problem; or the same with saturated units."""
        ...

    def smallest(self, failing: Sequence[Problem]) -> Iterator[Problem]:
        """Yield problems like the failing ones, smallest first."""
        ...

    def calibrated_on(self, problems: Sequence[Problem]) -> Sequence[Problem]:
        """Choose problems that show how code computes."""
        ...

    # ---- conventions of the code -------------------------------------------------------------

    def conventions(
        self,
        answers: Mapping[Problem, Observation],
        off: Callable[[Arithmetic], Sequence[Problem]],
    ) -> Generator[Request, Observation, Arithmetic]:
        """Find what the code's loss means otherwise than the definition, by its answers.

        Parameters
        ----------
        answers : mapping of problem to Observation
        off : callable
            Returns the problems on which conventions known so far do not explain an answer.
        """
        ...

    def constant(self, problems: Sequence[Problem]) -> Generator[Request, Observation, float]:
        """Return what keeps the code's logarithms from zero, or zero."""
        ...

    # ---- how it is told ----------------------------------------------------------------------

    def describe(self, problem: Problem) -> str:
        """Say on what a problem is, without its samples, as the author of the code has it."""
        ...

    def tensor(self, name: str) -> str:
        """Say what the code calls a tensor."""
        ...

    def entry(self, place: str, problem: Problem) -> tuple[str, float]:
        """Say where an entry is in the code, and by what factor the code's number is ours."""
        ...

    def reworded(self, message: str) -> str:
        """Let tensors be called in a message as the code calls them."""
        ...

    def difference_quotients(self, problem: Problem, judgement: Judgement, steps: Floats) -> Floats:
        """Difference the loss by the entry of a judgement at many steps."""
        ...
