"""What a check is, and how its comparisons become one finding."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from enum import IntEnum

from gradcheck.comparison.context import CheckContext
from gradcheck.comparison.subject import Problem
from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.contract.protocol import Call, Observation, Request

#: Yields requests, is sent observations, returns findings. It never calls code.
Run = Generator[Request, Observation, list[Finding]]

#: Likewise, with a yes or a no.
Answer = Generator[Request, Observation, bool]


class Cost(IntEnum):
    """What a check costs: it judges answers that are there, asks some more, or many."""

    NOTHING = 0
    SOME = 1
    MUCH = 2


@dataclass(frozen=True)
class Shows:
    """How an answer to a single problem shows what a check looks for.

    Attributes
    ----------
    wrong : callable
        ``wrong(context, problem, answer) -> bool``.
    rank : int
        Of several checks that fail, the one with the least is shown.
    call : Call
        What is asked.
    """

    wrong: Callable[[CheckContext, Problem, Observation], bool]
    rank: int
    call: Call = Call.LOSS_AND_GRADS


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
        ``run(context) -> Run``.
    cost : Cost
        What costs nothing is always made; what costs much comes last.
    shows : Shows or None
        How one answer shows a fault; None where it takes several.
    follows : callable or None
        ``follows(context, root, finding)``: asks whether a finding of this check shows nothing
        more where the gradient is taken as the code gives it. None where that is no question.
    """

    slug: str
    title: str
    run: Callable[[CheckContext], Run]
    cost: Cost = Cost.SOME
    shows: Shows | None = None
    follows: Callable[[CheckContext, Finding, Finding], Answer] | None = None


@dataclass
class Comparisons:
    """Collects what a check compared, and makes its finding.

    Attributes
    ----------
    context : CheckContext
    slug : str
        Of the check.
    compared : int
        How many comparisons there were.
    failing : list of (problem, str)
        On what they failed, and what was seen there.
    notes : dict
        Remarks that change no verdict, each once.
    """

    context: CheckContext
    slug: str
    compared: int = 0
    failing: list[tuple[Problem, str]] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)

    def add(self, problem: Problem, fault: str = "") -> None:
        """Count a comparison, with what is wrong in it."""
        self.compared += 1
        if fault:
            self.failing.append((problem, fault))

    def findings(self, right: str, wrong: str, nothing: str = "") -> list[Finding]:
        """Return the finding.

        Parameters
        ----------
        right : str
            Said where nothing fails.
        wrong : str
            Said where anything does: ``{failing}`` of ``{compared}`` failed, on the smallest
            problem, ``{problem}``, with ``{fault}``.
        nothing : str
            Said where nothing was compared; if empty, there is no finding then.

        Returns
        -------
        findings : list of Finding
            One or none.
        """
        notes = tuple(self.notes)
        if not self.compared and not self.failing:
            return [Finding(self.slug, Verdict.UNRESOLVED, 0, nothing)] if nothing else []
        if not self.failing:
            return [Finding(self.slug, Verdict.CORRECT, self.compared, right, notes=notes)]
        self.failing.sort(key=lambda item: self.context.subject.size(item[0]))
        problem, fault = self.failing[0]
        message = wrong.format(
            failing=len(self.failing),
            compared=self.compared,
            fault=fault,
            problem=self.context.described(problem),
        )
        shown = tuple(dict.fromkeys(problem for problem, _ in self.failing))
        return [
            Finding(self.slug, Verdict.WRONG, self.compared, message, notes=notes, failing=shown)
        ]


def unjudged(slug: str, why: str) -> list[Finding]:
    """Return the finding of a check that cannot tell."""
    return [Finding(slug, Verdict.UNRESOLVED, 0, f"{why[:1].upper()}{why[1:]}.")]


def within_root(context: CheckContext, root: Finding, finding: Finding) -> Answer:
    """On each of its problems the gradient is itself not right.

    Of right gradients two implementations give the same, and a batch's is made of its
    samples' whatever their order: there is no more to see.
    """
    yield from ()
    return set(finding.failing) <= set(root.failing)
