"""What a check is, and how its comparisons become a finding."""

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from enum import IntEnum

import numpy as np

from gradcheck.comparison.compare import Judgement
from gradcheck.comparison.context import CheckContext, Problem, Subject
from gradcheck.comparison.verdict import Finding, TensorFinding, Verdict, worst
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
        """Return the finding; none where nothing was compared, unless something is said of that.

        What is said where anything fails may hold ``{failing}`` of ``{compared}``, and the
        smallest ``{problem}`` with its ``{fault}``.
        """
        notes = tuple(self.notes)
        if not self.compared and not self.failing:
            return [Finding(self.slug, Verdict.UNRESOLVED, 0, nothing)] if nothing else []
        if not self.failing:
            return [Finding(self.slug, Verdict.CORRECT, self.compared, right, notes=notes)]
        self.failing.sort(key=lambda item: self.context.subject.size(item[0]))
        problem, fault = self.failing[0]
        where = self.context.described(problem)
        message = wrong.format(
            failing=len(self.failing), compared=self.compared, fault=fault, problem=where
        )
        found = Finding(self.slug, Verdict.WRONG, self.compared, message, notes=notes)
        return [replace(found, failing=tuple(dict.fromkeys(p for p, _ in self.failing)))]


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


#: What is said of a tensor that is no derivative of the loss as defined, and no fault.
RIGHT_FOR_OWN_LOSS = "right for the code's own loss"


#: A tensor may be set aside on one problem in so many (on one problem, where there are fewer),
#: and never on all: where it is lost more often, it was not compared often enough to be right.
SET_ASIDE_IN = 10

#: Steps of the picture that shows where a difference quotient can be trusted.
PICTURED_STEPS = 10.0 ** -np.arange(1.0, 13.0)


class Aggregate:
    """Collects judgements and says how each tensor came out.

    Parameters
    ----------
    subject : Subject
        Which has the names that the code has for tensors and entries.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._judged: dict[str, list[tuple[Problem, Judgement]]] = defaultdict(list)
        self._failing: dict[Problem, None] = {}
        self._resolutions: list[float] = []
        self.problems = 0

    def add(self, problem: Problem, judgements: list[Judgement]) -> None:
        """Add the judgements of one problem."""
        self.problems += 1
        for judgement in judgements:
            self._judged[judgement.tensor].append((problem, judgement))
        if any(j.verdict is Verdict.WRONG for j in judgements):
            self._failing[problem] = None
        resolutions = [j.resolution for j in judgements if not (j.lost or math.isnan(j.resolution))]
        if resolutions:
            self._resolutions.append(max(resolutions))

    @property
    def failing(self) -> list[Problem]:
        """The problems on which a tensor is wrong, smallest first."""
        return sorted(self._failing, key=self._subject.size)

    def finding(self, check: str, right: str, wrong: str) -> Finding:
        """Make the finding of a check; ``wrong`` is said before the worst entry."""
        aside: dict[str, int] = {}
        tensors: dict[str, TensorFinding] = {}
        for name, judged in self._judged.items():
            kept = [(p, j) for p, j in judged if not j.lost]
            lost = len(judged) - len(kept)
            # lost seldom enough for the rest to speak for it
            if lost and kept and lost <= max(1, len(judged) // SET_ASIDE_IN):
                aside[name], judged = lost, kept
            tensors[name] = self._tensor(judged)
        verdict = worst(tensor.verdict for tensor in tensors.values())
        notes = (*self._notes(), *self._set_aside(aside))
        if not self.problems:
            message = "nothing could be compared"
        elif verdict is Verdict.WRONG:
            message = f"{wrong} {self._explain(tensors)}"
        elif verdict is Verdict.UNRESOLVED:
            names = [n for n, t in tensors.items() if t.verdict is Verdict.UNRESOLVED]
            message = f"could not be told for {', '.join(names)}: {tensors[names[0]].note}"
        elif not self._resolutions:
            verdict, message = Verdict.UNRESOLVED, "every gradient was zero: nothing was compared"
        else:
            seen = f"one part in {1 / max(self._resolutions):.0e}"
            message = f"{right} An error of {seen} would have been seen in every tensor."
        return Finding(
            check,
            verdict,
            self.problems,
            message,
            tensors,
            notes,
            resolutions=tuple(self._resolutions),
            failing=tuple(self.failing),
        )

    def _tensor(self, seen: list[tuple[Problem, Judgement]]) -> TensorFinding:
        judgements = [j for _, j in seen]
        verdict = worst(j.verdict for j in judgements)
        problem, example = max(seen, key=lambda item: _severity(item[1]))
        resolutions = [j.resolution for j in judgements if not math.isnan(j.resolution)]
        notes = sorted({j.note for j in judgements if j.note})
        finding = TensorFinding(
            verdict,
            statistics.median(resolutions) if resolutions else float("nan"),
            example.place,
            example.claimed,
            example.expected,
            example.bar,
            problem,
            sum(j.verdict is Verdict.WRONG for j in judgements),
            len(judgements),
            "; ".join(notes),
        )
        if verdict is not Verdict.WRONG:
            return finding
        quotients = self._subject.difference_quotients(problem, example, PICTURED_STEPS)
        errors = np.abs(quotients - example.expected)
        return replace(finding, steps=tuple(PICTURED_STEPS.tolist()), errors=tuple(errors.tolist()))

    def _set_aside(self, aside: dict[str, int]) -> tuple[str, ...]:
        if not aside:
            return ()
        times = {name: len(self._judged[name]) for name in aside}
        name = max(aside, key=lambda name: aside[name] / (times[name] - aside[name]))
        tensor, count = self._subject.tensor(name), sum(aside.values())
        why = "set aside where the code's own arithmetic loses"
        where = f"{tensor} on {aside[name]} of {times[name]} problems"
        if len(aside) == 1:
            return (f"{where} was {why} its digits",)
        return (f"{count} tensors were {why} their digits: {where}, others on no larger part",)

    def _explain(self, tensors: dict[str, TensorFinding]) -> str:
        bad = {n: t for n, t in tensors.items() if t.verdict is Verdict.WRONG}
        never = [n for n in bad if self._never_trained(n)]
        name = max(bad, key=lambda n: (bad[n].wrong_in / bad[n].problems, n))
        entry = bad[name]
        place, factor = self._subject.entry(entry.worst_entry, entry.problem)
        all_of_many = len(bad) == len(tensors) > 2
        which = "all tensors" if all_of_many else self._listed(list(bad))
        text = (
            f"{which} {_verb(which, len(bad))} wrong on "
            f"{len(self._failing)} of {self.problems} problems. For example {place}: "
            f"your code says {factor * entry.claimed:.9g}, it is {factor * entry.expected:.9g} "
            f"± {abs(factor) * entry.error_bar:.0e} ({self._subject.describe(entry.problem)})."
        )
        if never and len(never) == len(tensors):
            text += " Nothing is ever trained: your code says zero."
        elif never:
            which = self._listed(never)
            text += f" {which} {_verb(which, len(never))} never trained: your code says zero."
        return text

    def _listed(self, names: list[str]) -> str:
        *others, last = (self._subject.tensor(name) for name in names)
        return f"{', '.join(others)} and {last}" if others else last

    def _never_trained(self, name: str) -> bool:
        """Whether it is zero wherever there is a gradient: what is right somewhere is trained."""
        seen = [j for _, j in self._judged[name] if not (j.lost or math.isnan(j.resolution))]
        told = [j.all_zero for j in seen if j.verdict in (Verdict.WRONG, Verdict.CORRECT)]
        return bool(told) and all(told)

    def _notes(self) -> tuple[str, ...]:
        judged = [j for seen in self._judged.values() for _, j in seen if not j.lost]
        kinked = sum("on a kink" in j.note for j in judged)
        if not kinked:
            return ()
        return (
            f"{kinked} tensors lay on a kink, where relu's derivative may be 0, 1 or between: "
            f"the interval was accepted",
        )


def _verb(which: str, count: int) -> str:
    """Choose the verb: what stands in for one tensor may be several, "the biases in W1"."""
    return "is" if count == 1 and not which.startswith("the ") else "are"


def _severity(judgement: Judgement) -> tuple[int, float]:
    """Worst first: the verdict, then the error relative to the size of the entry."""
    size = abs(judgement.expected) + abs(judgement.claimed)
    error = abs(judgement.claimed - judgement.expected)
    if math.isnan(error):
        return judgement.verdict.rank, math.inf
    share = error / size if size > 0 and judgement.excess > 1 else 0.0
    return judgement.verdict.rank, round(share, 1) + min(size, 1.0) if share else judgement.excess
