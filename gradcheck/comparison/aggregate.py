"""Many judgements of many tensors on many problems, made one finding."""

import math
import statistics
from collections import defaultdict
from dataclasses import replace

import numpy as np

from gradcheck.comparison.compare import Judgement
from gradcheck.comparison.subject import Problem, Subject
from gradcheck.comparison.verdict import Finding, TensorFinding, Verdict, worst

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
    def vacuous(self) -> bool:
        """Whether every tensor was zero in every problem."""
        return not self._resolutions

    @property
    def failing(self) -> list[Problem]:
        """The problems on which a tensor is wrong, smallest first."""
        return sorted(self._failing, key=self._subject.size)

    def finding(self, check: str, right: str, wrong: str, notes: tuple[str, ...] = ()) -> Finding:
        """Make the finding.

        Parameters
        ----------
        check : str
            Its slug.
        right, wrong : str
            What to say; ``wrong`` is followed by the worst entry.
        notes : tuple of str

        Returns
        -------
        Finding
        """
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
        notes = (*notes, *self._notes(), *self._set_aside(aside))
        if not self.problems:
            message = "nothing could be compared"
        elif verdict is Verdict.WRONG:
            message = f"{wrong} {self._explain(tensors)}"
        elif verdict is Verdict.UNRESOLVED:
            names = [n for n, t in tensors.items() if t.verdict is Verdict.UNRESOLVED]
            message = f"could not be told for {', '.join(names)}: {tensors[names[0]].note}"
        elif self.vacuous:
            verdict, message = Verdict.UNRESOLVED, "every gradient was zero: nothing was compared"
        else:
            message = f"{right} {_sensitivity(max(self._resolutions))}"
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
        which = (
            self._listed(list(bad)) if len(bad) < len(tensors) or len(bad) < 3 else "all tensors"
        )
        text = (
            f"{which} {_verb(which, len(bad))} wrong on "
            f"{len(self._failing)} of {self.problems} problems. For example {place}: "
            f"your code says {factor * entry.claimed:.9g}, it is {_with_bar(entry, factor)} "
            f"({self._subject.describe(entry.problem)})."
        )
        if never and len(never) == len(tensors):
            text += " Nothing is ever trained: your code says zero."
        elif never:
            which = self._listed(never)
            text += f" {which} {_verb(which, len(never))} never trained: your code says zero."
        return text

    def _listed(self, names: list[str]) -> str:
        return _listing([self._subject.tensor(name) for name in names])

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


def _with_bar(entry: TensorFinding, factor: float) -> str:
    return f"{factor * entry.expected:.9g} ± {abs(factor) * entry.error_bar:.0e}"


def _listing(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _sensitivity(resolution: float) -> str:
    return f"An error of one part in {1 / resolution:.0e} would have been seen in every tensor."
