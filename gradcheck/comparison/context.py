"""What a check is given: problems, what is known of the code by now, and their subject.

A check knows no parameter by its name and no rule of a forward. What it needs of a problem
beyond numbers by tensor name, its subject says: the kind of thing that was handed over, such as
a network.
"""

from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gradcheck.comparison.compare import FLOAT64, Arithmetic, Judgement, KnownTruth, judge
from gradcheck.comparison.verdict import Verdict
from gradcheck.contract.posed import MAX_RELATED, Floats
from gradcheck.contract.protocol import Call, Failure, Observation, Request

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

    # ---- what a problem is -------------------------------------------------------------------

    def size(self, problem: Problem) -> int:
        """How much there is to read in it: smaller examples are shown first."""

    def numbers(self, problem: Problem) -> int:
        """How many numbers it takes in memory."""

    def samples(self, problem: Problem) -> int:
        """The number of samples in its batch."""

    def kind(self, problem: Problem) -> Hashable:
        """What it has in common with problems of other parameters and inputs."""

    def reach(self, problem: Problem) -> float:
        """How far it goes into saturation."""

    def counts_samples(self, problem: Problem) -> bool:
        """Whether the number of samples stands in its loss: that is a mean."""

    def logarithmic(self, problem: Problem) -> bool:
        """Whether its loss holds a logarithm, in which code may put a constant."""

    # ---- other problems ----------------------------------------------------------------------

    def moved(self, problem: Problem, tensor: str, shift: Floats) -> Problem:
        """Move one tensor."""

    def nearby(self, problem: Problem, rng: np.random.Generator, size: float) -> Problem:
        """Move everything a little."""

    def parts(self, problem: Problem, biases: bool) -> Parts | None:
        """Take a batch apart; None where the code is not asked for single samples."""

    def reordered(self, problem: Problem, rng: np.random.Generator) -> Sequence[Reordered]:
        """Return the problem in orders that must not matter."""

    def drawn(self, seed: int, index: int, saturated: bool = False) -> Problem:
        """Draw a problem; or the same with saturated units."""

    def smallest(self, failing: Sequence[Problem]) -> Iterator[Problem]:
        """Yield problems like the failing ones, smallest first."""

    def calibrated_on(self, problems: Sequence[Problem]) -> Sequence[Problem]:
        """Choose problems that show how code computes."""

    # ---- conventions of the code -------------------------------------------------------------

    def conventions(
        self,
        answers: Mapping[Problem, Observation],
        off: Callable[[Arithmetic], Sequence[Problem]],
    ) -> Generator[Request, Observation, Arithmetic]:
        """Find what the code's loss means otherwise than the definition, by its answers.

        ``off`` returns the problems whose answers conventions known so far do not explain.
        """

    def constant(self, problems: Sequence[Problem]) -> Generator[Request, Observation, float]:
        """Return what keeps the code's logarithms from zero, or zero."""

    # ---- how it is told ----------------------------------------------------------------------

    def describe(self, problem: Problem) -> str:
        """Say on what a problem is, without its samples, as the author of the code has it."""

    def tensor(self, name: str) -> str:
        """Say what the code calls a tensor."""

    def entry(self, place: str, problem: Problem) -> tuple[str, float]:
        """Say where an entry is in the code, and by what factor the code's number is ours."""

    def reworded(self, message: str) -> str:
        """Let tensors be called in a message as the code calls them."""

    def difference_quotients(self, problem: Problem, judgement: Judgement, steps: Floats) -> Floats:
        """Difference the loss by the entry of a judgement at many steps."""


@dataclass(frozen=True)
class CheckContext:
    """The problems to judge on, and what is known of the code by now.

    Attributes
    ----------
    problems : tuple
        All within what the code supports, and none saturated.
    subject : Subject
        The kind of thing that they are of.
    arithmetic : Arithmetic
    seed : int
    offers : tuple of Call
        What the code has.
    peers : tuple of str
        Names of implementations to compare with.
    faults : tuple of (problem, Failure)
        Failures met while it was found out what the code supports.
    lossless : bool
        The code has no loss of its own: there is none to check.
    unanswered : frozenset
        Problems that got a failure in place of an answer: they were asked and not compared.
    foreign : bool
        The code knows nothing of the definitions: where its loss and its gradient agree on
        something else, that is a convention.
    left_out : tuple of str
        What is not asked for, though the code has a function of that name, and why.
    loss_in_doubt : str
        Why its own loss cannot be judged, though it may be wrong.
    outputs_in_doubt : str
        Why what its forward returns cannot be judged, though it may be wrong outputs.
    """

    problems: tuple[Problem, ...]
    subject: Subject
    arithmetic: Arithmetic = FLOAT64
    seed: int = 0
    offers: tuple[Call, ...] = tuple(Call)
    peers: tuple[str, ...] = ()
    faults: tuple[tuple[Problem, Failure], ...] = ()
    lossless: bool = False
    unanswered: frozenset[Problem] = frozenset()
    foreign: bool = False
    left_out: tuple[str, ...] = ()
    loss_in_doubt: str = ""
    outputs_in_doubt: str = ""

    def truth(self, problem: Problem) -> KnownTruth:
        """Return the truth of a problem, for the loss as the code writes it."""
        return self.subject.truth(problem, self.arithmetic.epsilon, self.arithmetic.biases)

    def plain(self, problem: Problem) -> KnownTruth:
        """Return the truth of a problem without the code's constant in a logarithm."""
        return self.subject.truth(problem, biases=self.arithmetic.biases)

    def defined(self, problem: Problem) -> KnownTruth:
        """Return the truth of a problem with the penalty as defined: of the weights alone."""
        return self.subject.truth(problem, self.arithmetic.epsilon)

    def judge(self, problem: Problem, claims: Named) -> list[Judgement]:
        """Judge a claimed gradient, of the loss as the code writes it or as defined."""
        return self.held(problem, lambda truth: judge(claims, truth, self.arithmetic))

    def held(
        self, problem: Problem, against: Callable[[KnownTruth], list[Judgement]]
    ) -> list[Judgement]:
        """Judge against the truth of the loss as the code writes it, or else as defined."""
        judgements = against(self.truth(problem))
        if self.arithmetic.epsilon and _any_wrong(judgements):
            plain = against(self.plain(problem))
            if not _any_wrong(plain):
                return plain
        return judgements

    def wrong(self, problem: Problem, claims: Named) -> bool:
        """Whether any tensor of a claimed gradient is wrong."""
        return _any_wrong(self.judge(problem, claims))

    def described(self, problem: Problem) -> str:
        """Say on what a problem is, as the author of the code has it, and N."""
        return f"{self.subject.describe(problem)}, N = {self.subject.samples(problem)}"

    def listed(self, names: Iterable[str]) -> str:
        """List tensors under the names that the code has for them."""
        return ", ".join(map(self.subject.tensor, names))

    def rng(self, purpose: int) -> np.random.Generator:
        """Return a generator of random numbers of a check's own."""
        return np.random.default_rng((self.seed, 1000 + purpose))

    def some(
        self, problems: Iterable[Problem], most: int, together: int = MAX_RELATED
    ) -> Iterator[Problem]:
        """Yield the first few problems: fewer, but one, where they hold too many numbers."""
        held = 0
        for count, problem in enumerate(problems):
            held += self.subject.numbers(problem)
            if count == most or (count and held > together):
                return
            yield problem


def _any_wrong(judgements: Iterable[Judgement]) -> bool:
    return any(judgement.verdict is Verdict.WRONG for judgement in judgements)
