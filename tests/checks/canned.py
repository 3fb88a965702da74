"""A subject of a few lines, and canned answers: what a check does with them, and no network.

A problem is a vector p and some rows x; its loss is the mean over rows of ``(p x)^2 / 2``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradcheck.checks.definition import Check
from gradcheck.comparison.compare import FLOAT64, Arithmetic
from gradcheck.comparison.context import CheckContext, Parts, Reordered
from gradcheck.comparison.verdict import Finding
from gradcheck.contract.posed import Tensors
from gradcheck.contract.protocol import Call, Failure, Observation, Request
from gradcheck.oracle.estimate import UNIT, Estimate

#: How exactly the canned truth is known.
BAR = 1e-12


@dataclass(frozen=True)
class Rows:
    """A vector and rows of inputs; ``scale`` blows the loss up, as saturation may."""

    p: tuple[float, ...]
    x: tuple[tuple[float, ...], ...]
    far: float = 1.0

    @property
    def params(self) -> Tensors:
        return Tensors({"p": np.array(self.p)})


@dataclass(frozen=True)
class Kinks:
    count: int = 0
    exhaustive: bool = True


class Truth:
    """Exact, with small bars; code may round by 8 units."""

    def __init__(self, problem: Rows) -> None:
        p, x = np.array(problem.p), np.array(problem.x)
        self.outputs = (x @ p)[:, None]
        self.loss = float((self.outputs**2).mean() / 2)
        value = (self.outputs * x).mean(axis=0)
        self.gradient = {"p": Estimate(value, np.full(value.shape, BAR))}
        self.kinks = Kinks()

    def rounding(self, unit: float) -> Mapping[str, Any]:
        return {"p": np.full(self.gradient["p"].value.shape, 8 * unit)}

    def beyond(self, cut: float) -> Mapping[str, Any]:
        return {"p": np.zeros(self.gradient["p"].value.shape)}

    def guarded(self, constant: float, unit: float) -> Mapping[str, Any]:
        return {"p": np.full(self.gradient["p"].value.shape, np.inf)}

    def loss_error(self, unit: float) -> float:
        return 8 * unit * (1 + abs(self.loss))

    def outputs_error(self, unit: float) -> Any:
        return np.full(self.outputs.shape, 8 * unit) * (1 + np.abs(self.outputs))

    def loss_off(self, claim: float, unit: float, cut: float = 0.0) -> bool:
        return not abs(claim - self.loss) <= self.loss_error(unit)


@dataclass(frozen=True)
class RowsSubject:
    """What checks ask, of such problems."""

    single: bool = True
    constant_found: float = 0.0

    def truth(self, problem: Rows, epsilon: float = 0.0, biases: bool = False) -> Any:
        return Truth(problem)

    def size(self, problem: Rows) -> int:
        return len(problem.p) * len(problem.x)

    def numbers(self, problem: Rows) -> int:
        return self.size(problem)

    def samples(self, problem: Rows) -> int:
        return len(problem.x)

    def kind(self, problem: Rows) -> int:
        return len(problem.p)

    def reach(self, problem: Rows) -> float:
        return problem.far

    def counts_samples(self, problem: Rows) -> bool:
        return True

    def logarithmic(self, problem: Rows) -> bool:
        return True

    def moved(self, problem: Rows, tensor: str, shift: Any) -> Rows:
        return replace(problem, p=tuple(np.array(problem.p) + shift))

    def nearby(self, problem: Rows, rng: np.random.Generator, size: float) -> Rows:
        p = np.array(problem.p) + size * rng.standard_normal(len(problem.p))
        return replace(problem, p=tuple(p))

    def parts(self, problem: Rows, biases: bool) -> Parts | None:
        singles = tuple(replace(problem, x=(row,)) for row in problem.x)
        zero = {"p": np.zeros(len(problem.p))}
        return Parts(singles, 1 / len(singles), zero, "mean") if self.single else None

    def reordered(self, problem: Rows, rng: np.random.Generator) -> list[Reordered]:
        turned = Rows(problem.p[::-1], tuple(row[::-1] for row in problem.x))
        other = replace(problem, x=problem.x[::-1])
        return [
            Reordered("samples", other, lambda tensors: tensors),
            Reordered("inputs", turned, lambda tensors: {"p": tensors["p"][::-1]}),
        ]

    def drawn(self, seed: int, index: int, saturated: bool = False) -> Rows:
        far = (20.0, 100.0)[index % 2] if saturated else 1.0
        return replace(problem(index), far=far)

    def smallest(self, failing: Any) -> Iterator[Rows]:
        for count in (1, 2, 3):
            yield Rows((1.0,) * count, ((1.0,) * count,))

    def calibrated_on(self, problems: Any) -> Any:
        return problems

    def conventions(self, answers: Any, off: Any) -> Any:
        yield from ()
        return FLOAT64

    def constant(self, problems: Any) -> Any:
        yield from ()
        return self.constant_found

    def describe(self, problem: Rows) -> str:
        return f"{len(problem.p)} numbers"

    def tensor(self, name: str) -> str:
        return f"code.{name}"

    def entry(self, place: str, problem: Rows) -> tuple[str, float]:
        return f"code.{place}", 1.0

    def reworded(self, message: str) -> str:
        return message.replace("dp", "code.dp")

    def difference_quotients(self, problem: Rows, judgement: Any, steps: Any) -> Any:
        return np.full(len(steps), judgement.expected)


def problem(index: int) -> Rows:
    """Return a problem: of 2 to 4 numbers and 1 to 3 rows."""
    rng = np.random.default_rng(index)
    count, rows = 2 + index % 3, 1 + index % 4 % 3
    draw = rng.uniform(0.5, 2.0, (1 + rows, count)) * rng.choice((-1.0, 1.0), (1 + rows, count))
    p, *x = draw.round(2).tolist()
    return Rows(tuple(p), tuple(map(tuple, x)))


def right(request: Request) -> Observation:
    """Answer a request as right code does."""
    truth = Truth(request.problem)
    gradient = truth.gradient["p"].value
    if request.call is Call.FORWARD:
        return Observation(outputs=truth.outputs)
    if request.call is Call.STEP:
        moved = np.array(request.problem.p) - request.learning_rate * gradient
        return Observation(tensors=Tensors({"p": moved}))
    return Observation(loss=truth.loss, tensors=Tensors({"p": gradient.copy()}))


def failed(kind: str = "exception", message: str = "dp: no") -> Observation:
    """Return the answer of code that raised."""
    return Observation(failure=Failure(kind, message))


Answer = Callable[[Request], Observation]


def with_gradient(change: Callable[[Request, Any], Any]) -> Answer:
    """Answer rightly but for the gradient, or what a step makes of it."""

    def answer(request: Request) -> Observation:
        truth = Truth(request.problem)
        wrong = np.asarray(change(request, truth.gradient["p"].value), dtype=float)
        if request.call is Call.STEP:
            p = np.array(request.problem.p)
            return Observation(tensors=Tensors({"p": p - request.learning_rate * wrong}))
        return replace(right(request), tensors=Tensors({"p": wrong}))

    return lambda r: right(r) if r.call is Call.FORWARD else answer(r)


PROBLEMS = tuple(problem(index) for index in range(24))


def context(
    problems: tuple[Rows, ...] = PROBLEMS,
    arithmetic: Arithmetic = FLOAT64,
    subject: RowsSubject = RowsSubject(),
    **more: Any,
) -> CheckContext:
    return CheckContext(problems, subject, arithmetic, **more)


@dataclass
class Asked:
    """Drives a generator with canned answers, and keeps what was asked."""

    answer: Answer
    requests: list[Request] = field(default_factory=list)

    def result(self, questions: Any) -> Any:
        try:
            request = next(questions)
            while True:
                self.requests.append(request)
                request = questions.send(self.answer(request))
        except StopIteration as end:
            return end.value


def findings(check: Check, answer: Answer, known: CheckContext | None = None) -> list[Finding]:
    """Run a check on canned answers."""
    return Asked(answer).result(check.run(known or context()))


def finding(check: Check, answer: Answer, known: CheckContext | None = None) -> Finding:
    """Run a check on canned answers; it must find one thing."""
    found = findings(check, answer, known)
    assert len(found) == 1, f"{check.slug} made {len(found)} findings: {found}"
    return found[0]


__all__ = ["BAR", "PROBLEMS", "UNIT", "Asked", "Rows", "RowsSubject", "Truth"]
