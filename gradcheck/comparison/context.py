"""What is known of a submission when its answers are compared."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from gradcheck.comparison.compare import FLOAT64, Arithmetic, Judgement, KnownTruth, judge
from gradcheck.comparison.subject import Named, Problem, Subject
from gradcheck.comparison.verdict import Verdict
from gradcheck.contract.posed import MAX_RELATED
from gradcheck.contract.protocol import Call, Failure


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
        judgements = judge(claims, self.truth(problem), self.arithmetic)
        if self.arithmetic.epsilon and _any_wrong(judgements):
            plain = judge(claims, self.plain(problem), self.arithmetic)
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
        """Yield the first few problems: fewer where they are large, but one.

        Parameters
        ----------
        problems : iterable
        most : int
            How many at most.
        together : int
            Numbers that they may hold together.

        Yields
        ------
        problem : object
        """
        held = 0
        for count, problem in enumerate(problems):
            held += self.subject.numbers(problem)
            if count == most or (count and held > together):
                return
            yield problem


def _any_wrong(judgements: Iterable[Judgement]) -> bool:
    return any(judgement.verdict is Verdict.WRONG for judgement in judgements)
