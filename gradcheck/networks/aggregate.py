"""Many judgements of many tensors on many problems, made one finding."""

import math
import statistics
from collections import defaultdict

import numpy as np

from gradcheck.comparison.compare import Judgement
from gradcheck.comparison.verdict import Finding, TensorFinding, Verdict, worst
from gradcheck.contract.problem import in_order
from gradcheck.networks.forward_pass import batch_loss
from gradcheck.networks.notation import NATIVE, Notation
from gradcheck.networks.problem import Problem
from gradcheck.oracle.blocks import blocks

#: A tensor may be set aside on one problem in so many (on one problem, where there are fewer),
#: and never on all: where it is lost more often, it was not compared often enough to be right.
SET_ASIDE_IN = 10

#: Steps of the picture that shows where a difference quotient can be trusted.
SWEEP = 10.0 ** -np.arange(1.0, 13.0)


class Aggregate:
    """Collects judgements and says how each tensor came out.

    Parameters
    ----------
    notation : Notation, optional
        In which tensors and entries are told.
    """

    def __init__(self, notation: Notation = NATIVE) -> None:
        self._notation = notation
        self._seen: dict[str, list[tuple[Problem, Judgement]]] = defaultdict(list)
        self._lost: dict[str, list[tuple[Problem, Judgement]]] = defaultdict(list)
        self._failing: dict[Problem, None] = {}
        self._resolutions: list[float] = []
        self.problems = 0

    def add(self, problem: Problem, judgements: list[Judgement]) -> None:
        """Add the judgements of one problem."""
        self.problems += 1
        for judgement in judgements:
            kept = self._lost if judgement.lost else self._seen
            kept[judgement.tensor].append((problem, judgement))
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
        return sorted(self._failing, key=lambda p: p.params.size * p.batch.size)

    def finding(self, check: str, right: str, wrong: str, notes: tuple[str, ...] = ()) -> Finding:
        """Make the finding.

        Parameters
        ----------
        right, wrong : str
            What to say; ``wrong`` is followed by the worst entry.
        """
        aside = {name: len(lost) for name, lost in self._lost.items() if self._few(name)}
        judged = {
            name: self._seen[name] + ([] if name in aside else self._lost[name])
            for name in {**self._seen, **self._lost}
        }
        tensors = {name: _tensor(seen) for name, seen in sorted(judged.items(), key=_order)}
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

    def _few(self, name: str) -> bool:
        """Whether a tensor's digits were lost seldom enough for the rest to speak for it."""
        lost, rest = len(self._lost[name]), len(self._seen[name])
        return rest > 0 and lost <= max(1, (lost + rest) // SET_ASIDE_IN)

    def _set_aside(self, aside: dict[str, int]) -> tuple[str, ...]:
        if not aside:
            return ()
        name = max(aside, key=lambda name: aside[name] / len(self._seen[name]))
        times = aside[name] + len(self._seen[name])
        tensor, count = self._notation.tensor(name), sum(aside.values())
        why = "set aside where the code's own arithmetic loses"
        where = f"{tensor} on {aside[name]} of {times} problems"
        if len(aside) == 1:
            return (f"{where} was {why} its digits",)
        return (f"{count} tensors were {why} their digits: {where}, others on no larger part",)

    def _explain(self, tensors: dict[str, TensorFinding]) -> str:
        bad = {n: t for n, t in tensors.items() if t.verdict is Verdict.WRONG}
        never = [n for n in bad if self._never_trained(n)]
        name = max(bad, key=lambda n: (bad[n].wrong_in / bad[n].problems, n))
        entry = bad[name]
        assert entry.problem is not None
        network = entry.problem.network
        place, factor = self._notation.entry(entry.worst_entry, network)
        which = (
            self._listed(list(bad)) if len(bad) < len(tensors) or len(bad) < 3 else "all tensors"
        )
        text = (
            f"{which} {_verb(which, len(bad))} wrong on "
            f"{len(self._failing)} of {self.problems} problems. For example {place}: "
            f"your code says {factor * entry.claimed:.9g}, it is {_with_bar(entry, factor)} "
            f"({self._notation.own_network(network)})."
        )
        if never and len(never) == len(tensors):
            text += " Nothing is ever trained: your code says zero."
        elif never:
            which = self._listed(never)
            text += f" {which} {_verb(which, len(never))} never trained: your code says zero."
        return text

    def _listed(self, names: list[str]) -> str:
        return _listing([self._notation.tensor(name) for name in names])

    def _never_trained(self, name: str) -> bool:
        """Whether it is zero wherever there is a gradient: what is right somewhere is trained."""
        seen = [j for _, j in self._seen[name] if not math.isnan(j.resolution)]
        told = [j.all_zero for j in seen if j.verdict in (Verdict.WRONG, Verdict.CORRECT)]
        return bool(told) and all(told)

    def _notes(self) -> tuple[str, ...]:
        kinked = sum("on a kink" in j.note for seen in self._seen.values() for _, j in seen)
        if not kinked:
            return ()
        return (
            f"{kinked} tensors lay on a kink, where relu's derivative may be 0, 1 or between: "
            f"the interval was accepted",
        )


def _verb(which: str, count: int) -> str:
    """Choose the verb: what stands in for one tensor may be several, "the biases in W1"."""
    return "is" if count == 1 and not which.startswith("the ") else "are"


def _order(item: tuple[str, object]) -> tuple[int, str]:
    return int(item[0][1:]), item[0][0]


def _tensor(seen: list[tuple[Problem, Judgement]]) -> TensorFinding:
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
    steps, errors = _sweep(problem, example)
    return TensorFinding(**{**vars(finding), "steps": steps, "errors": errors})


def _severity(judgement: Judgement) -> tuple[int, float]:
    """Worst first: the verdict, then the error relative to the size of the entry."""
    size = abs(judgement.expected) + abs(judgement.claimed)
    error = abs(judgement.claimed - judgement.expected)
    if math.isnan(error):
        return judgement.verdict.rank, math.inf
    share = error / size if size > 0 and judgement.excess > 1 else 0.0
    return judgement.verdict.rank, round(share, 1) + min(size, 1.0) if share else judgement.excess


def _sweep(problem: Problem, judgement: Judgement) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Difference the loss by one entry at many steps; how far is each from the estimate?"""
    tensors, tensor = dict(problem.params), problem.params[judgement.tensor]
    flat = np.ravel_multi_index(judgement.entry, tensor.shape)
    steps, losses = np.concatenate((SWEEP, -SWEEP)), np.empty(2 * len(SWEEP))
    for some in blocks(len(steps), tensor.size):
        moved = np.repeat(tensor[None], len(steps[some]), axis=0)
        moved.reshape(len(moved), -1)[:, flat] += steps[some]
        tensors[judgement.tensor] = moved
        stacked = in_order(tensors.values()).pairs
        losses[some] = batch_loss(problem.network, stacked, problem.batch.x, problem.batch.y)
    up, down = np.split(losses, 2)
    errors = np.abs((up - down) / (2 * SWEEP) - judgement.expected)
    return tuple(SWEEP.tolist()), tuple(errors.tolist())


def _with_bar(entry: TensorFinding, factor: float) -> str:
    return f"{factor * entry.expected:.9g} ± {abs(factor) * entry.error_bar:.0e}"


def _listing(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _sensitivity(resolution: float) -> str:
    return f"An error of one part in {1 / resolution:.0e} would have been seen in every tensor."
