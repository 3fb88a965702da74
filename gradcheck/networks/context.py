"""What a check is given, and what it is: a generator of requests."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from gradcheck.comparison.compare import FLOAT64, Arithmetic, Judgement, judge
from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.contract.problem import Floats
from gradcheck.contract.protocol import Call, Failure, Observation, Request
from gradcheck.contract.sizes import MAX_RELATED, numbers
from gradcheck.networks.fast_estimate import Truth, Truths
from gradcheck.networks.notation import NATIVE, Notation
from gradcheck.networks.problem import Problem
from gradcheck.networks.sampling import EVERYTHING, Support

#: Yields requests, is sent observations, returns findings. It never calls code.
Run = Generator[Request, Observation, list[Finding]]


@dataclass(frozen=True)
class CheckContext:
    """The problems to judge on, and what is known of the code by now.

    Attributes
    ----------
    problems : tuple of Problem
        All within what the code supports, with ``|z| <= 8``.
    support : Support
    arithmetic : Arithmetic
    truths : Truths
    seed : int
    offers : tuple of Call
        What the code has.
    peers : tuple of str
        Names of implementations to compare with.
    faults : tuple of (Problem, Failure)
        Failures met while it was found out what the code supports.
    lossless : bool
        The code has no loss of its own: there is none to check.
    unanswered : frozenset of Problem
        Those that got a failure in place of an answer: they were asked and not compared.
    foreign : bool
        The code knows nothing of the definitions: where its loss and its gradient agree on
        something else, that is a convention.
    left_out : tuple of str
        What is not asked for, though the code has a function of that name, and why.
    loss_in_doubt : str
        Why its own loss cannot be judged, though it may be wrong.
    outputs_in_doubt : str
        Why what its forward returns cannot be judged, though it may be wrong outputs.
    notation : Notation
        The layout and names of the code, in which its author is told things.
    """

    problems: tuple[Problem, ...]
    support: Support = EVERYTHING
    arithmetic: Arithmetic = FLOAT64
    truths: Truths = field(default_factory=Truths)
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
    notation: Notation = NATIVE

    def truth(self, problem: Problem) -> Truth:
        """Return the truth of a problem, for the loss as the code writes it."""
        return self.truths.of(problem, self.arithmetic.epsilon, self.arithmetic.biases)

    def plain(self, problem: Problem) -> Truth:
        """Return the truth of a problem without the code's constant in a logarithm."""
        return self.truths.of(problem, biases=self.arithmetic.biases)

    def defined(self, problem: Problem) -> Truth:
        """Return the truth of a problem with the penalty as defined: of the weights alone."""
        return self.truths.of(problem, self.arithmetic.epsilon)

    def judge(self, problem: Problem, claims: Mapping[str, Floats]) -> list[Judgement]:
        """Judge a claimed gradient, of the loss as the code writes it or as defined."""
        judgements = judge(claims, self.truth(problem), self.arithmetic)
        if self.arithmetic.epsilon and any(j.verdict is Verdict.WRONG for j in judgements):
            plain = judge(claims, self.plain(problem), self.arithmetic)
            if not any(j.verdict is Verdict.WRONG for j in plain):
                return plain
        return judgements

    def described(self, problem: Problem) -> str:
        """Say on what a problem is: the network as the author of the code has it, and N."""
        return f"{self.notation.own_network(problem.network)}, N = {problem.batch.size}"

    def listed(self, names: Iterable[str]) -> str:
        """List tensors under the names that the code has for them."""
        return ", ".join(map(self.notation.tensor, names))

    def rng(self, purpose: int) -> np.random.Generator:
        """Return a generator of random numbers of a check's own."""
        return np.random.default_rng((self.seed, 1000 + purpose))


def unjudged(slug: str, why: str) -> Finding:
    """Return the finding of a check that cannot tell."""
    return Finding(slug, Verdict.UNRESOLVED, 0, f"{why[:1].upper()}{why[1:]}.")


@dataclass(frozen=True)
class Check:
    """One property that a right implementation has.

    Attributes
    ----------
    slug : str
        As in the record.
    title : str
        What holds for right code, in a line.
    run : callable
        ``run(plan) -> Run``.
    """

    slug: str
    title: str
    run: Callable[[CheckContext], Run]


def some(problems: Iterable[Problem], most: int, together: int = MAX_RELATED) -> Iterator[Problem]:
    """Yield the first few problems: fewer where they are large, but one.

    Parameters
    ----------
    most : int
        How many at most.
    together : int
        Numbers that they may hold together.
    """
    held = 0
    for count, problem in enumerate(problems):
        held += numbers(problem.network, problem.batch.size)
        if count == most or (count and held > together):
            return
        yield problem
