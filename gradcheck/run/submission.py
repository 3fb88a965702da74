"""What is examined: code behind a session, and what is known of it beside its gradient.

An optional function that only has its name does not follow the contract, and is left out.
``forward(network, params, x)`` and ``step(network, params, batch, learning_rate)`` may stand
in a file for other purposes: a helper that returns all activations, an update with momentum
that takes its state. Right code is no error by them. What follows the contract in form is
judged: outputs of another shape, a step that raises in its own body.

Suspicions are signs that a gradient was not written by hand: evidence, never a verdict.
Numerical differentiation gives itself away by its cost. A hand-written backprop costs
some forwards, however many parameters there are; differences cost two forwards a
parameter. Code that loops over weights one by one gets slower with the parameters
too, but as much with the samples. So the exponents of the time in both are compared.
"""

import math
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.contract.conventions import Unrecognised
from gradcheck.contract.protocol import (
    Call,
    Described,
    Observation,
    Outline,
    Request,
    Session,
)
from gradcheck.errors import Place, UsageError, first_line, raised
from gradcheck.execution.calling import InProcess
from gradcheck.execution.limits import WorkerLostError
from gradcheck.execution.sandbox import Launch
from gradcheck.execution.session import Remote
from gradcheck.networks import sampling
from gradcheck.networks.dense_networks import NetworkContext
from gradcheck.networks.problem import Network, Problem
from gradcheck.reading.loading import load
from gradcheck.reading.target import Target, shipped
from gradcheck.records.build import Head

if TYPE_CHECKING:
    from gradcheck.networks.inference import Inferred


@dataclass(frozen=True)
class Submission:
    """What is examined.

    Attributes
    ----------
    path : str
        For the record; empty for an object.
    networks, batch_sizes : object
        The attributes of the same names, as the code declares them.
    sandbox : int
        The level at which the code runs.
    notes : tuple of str
        What was seen when it was loaded.
    libraries : callable
        Returns the libraries it imported that differentiate by themselves.
    spawned : callable
        Returns how many processes of its own it was seen to have.
    printed : callable
        Returns how many bytes it has printed.
    waited : callable
        Returns for how many seconds its code was waited for.
    close : callable
        Ends what runs for it.
    """

    name: str
    path: str
    session: Session
    networks: object = None
    batch_sizes: object = None
    sandbox: int = 0
    notes: tuple[str, ...] = ()
    libraries: Callable[[], Sequence[str]] = tuple
    spawned: Callable[[], int] = int
    printed: Callable[[], int] = int
    close: Callable[[], object] = object
    waited: Callable[[], float] = float


def head_of(submission: Submission, inferred: "Inferred | None" = None) -> Head:
    """Return what a record says of a submission, whatever came of it, and of how it is read."""
    adapter = inferred.adapter if inferred else submission.session.readings[0].adapter
    return Head(
        submission.name,
        submission.path,
        submission.sandbox,
        adapter,
        dict(inferred.conventions) if inferred else {},
        None if inferred is None or inferred.failure else inferred.notation,
        (*submission.notes, *(inferred.notes if inferred else ())),
    )


#: What is said where no adapter reads the code; first which reading came nearest, if one did.
_LACKING = "{} has no function loss_and_grads(network, params, batch); add one"
_NEAREST = (
    "{} comes nearest to {}. If it is not meant so, add a function loss_and_grads(network, "
    "params, batch)"
)
_WANTED = (
    "{} that returns (loss, [(dW, db), ...]), or say in a declaration how the code is to be "
    "asked: no adapter {}recognises it{}"
)

#: Those that come with gradcheck, in the order of a report.
SHIPPED = ("scalar_loops", "matrix", "jax_autodiff")


def submit(launch: Launch) -> Submission:
    """Ask code under test in its worker, which runs until the subject is closed."""
    session, target = Remote(launch), launch.target
    if not any(Call.LOSS_AND_GRADS.value in reading.calls for reading in session.readings):
        session.close()
        nearest = session.readings[0]
        raise WorkerLostError(
            "contract",
            _lacking(_whole(target), target.options.adapter, nearest),
            session.level,
            launch.staged.place(_place(nearest)),
        )
    return Submission(
        target.name,
        shown(target),
        session,
        session.networks,
        session.batch_sizes,
        session.level,
        session.notes,
        session.libraries,
        lambda: session.spawned,
        lambda: session.printed,
        session.close,
        waited=lambda: session.waited,
    )


def _place(reading: Described) -> Place | None:
    """Return the line that stopped the reading which came nearest."""
    found = reading.conventions.unrecognised
    return Place(found.file, found.line) if found and found.file else None


def _whole(target: Target) -> str:
    return f"{target.file}:{target.attribute}" if target.attribute else target.file


def absent(target: Target, level: int = 0) -> Head:
    """Return what a record says of code that could not be loaded."""
    return Head(target.name, shown(target), level)


def own(name: str) -> Submission:
    """Load one of our own implementations into this process; jax may be missing."""
    return from_object(load(shipped(name)), name, f"implementations/{name}.py")


def is_own(path: str) -> bool:
    """Say whether a path is that of one of our own implementations."""
    return any(Path(path).resolve() == shipped(name).resolve() for name in SHIPPED)


def _lacking(what: str, adapter: str | None, reading: Described) -> str:
    """Say what is missing, what was found, and which reading came nearest."""
    found = reading.conventions.unrecognised or Unrecognised()
    more = f". It has {found.contents}" if found.contents else ""
    more += "; its functions take long, so that not every way was tried" if found.ended else ""
    mine = f"{adapter!r} " if adapter else ""
    first = _NEAREST if found.nearest else _LACKING
    return _WANTED.format(first.format(what, found.nearest), mine, more)


def shown(target: Target) -> str:
    """Write a target as it was given; our own files by their place in the repository."""
    if target.path is not None and is_own(str(target.path)):
        return f"implementations/{target.path.name}"
    return target.text


def from_object(
    implementation: Any,
    name: str = "",
    path: str = "",
    renew: Callable[[], Any] | None = None,
    adapter: str | None = None,
) -> Submission:
    """Wrap what is in this process: what follows the contract, or an adapter reads.

    ``renew`` returns it as it was before its first call; another adapter than the one named is
    not tried.
    """
    name = name or _name(implementation)
    from gradcheck.reading.part import Part, readable  # files are no parts

    try:
        implementation = readable(implementation)
    except UsageError:
        raise
    except Exception as error:  # a constructor may raise anything
        reason = raised(error, first_line(error))
        raise UsageError(f"{name}() raised {reason}; hand over an object that is made") from None
    session = InProcess(implementation, renew, adapter)
    if not session.offers(Call.LOSS_AND_GRADS):
        raise UsageError(_lacking(path or name, adapter, session.readings[0]))
    return Submission(
        name,
        path,
        session,
        getattr(implementation, "networks", None),
        getattr(implementation, "batch_sizes", None),
        printed=lambda: session.printed,
        close=implementation.restore if isinstance(implementation, Part) else object,
    )


def _name(thing: Any) -> str:
    if isinstance(thing, list | tuple):
        return ", ".join(map(_name, thing))
    return str(getattr(thing, "__name__", type(thing).__name__))


def peers(names: Iterable[str] = ("matrix",), examined: str = "") -> dict[str, InProcess]:
    """Return shipped implementations to compare with, but for the very file examined."""
    files = {name: shipped(name) for name in names}
    own = Path(examined).resolve() if examined else None
    return {name: InProcess(load(file)) for name, file in files.items() if file.resolve() != own}


#: A function that fails on so many problems in the same way is left out.
PROBLEMS_TRIED = 3

#: How each is written, by call.
WRITTEN = {
    Call.FORWARD: "forward(network, params, x) -> outputs",
    Call.STEP: "step(network, params, batch, learning_rate) -> params",
}

#: Exceptions that no argument causes: the code's own fault, whatever it is meant for.
OWN_FAULTS = ("NameError", "UnboundLocalError", "ImportError", "ModuleNotFoundError")


def left_out(
    context: NetworkContext, aside: Mapping[str, str]
) -> Generator[Request, Observation, dict[Call, str]]:
    """Find the optional functions that do not follow their contract, and say why.

    Some say so by their arguments: those are known by name, and how they are written.
    """
    found = {}
    for call in (c for c in WRITTEN if c in context.offers):
        name = call.value
        if name in aside:
            found[call] = f"{aside[name]} is another function than the optional {WRITTEN[call]}"
            continue
        failures = []
        for problem in context.problems[:PROBLEMS_TRIED]:
            seen = yield Request(call, problem, learning_rate=0.1)
            if not _another(context, call, problem, seen):
                break
            assert seen.failure is not None
            failures.append(seen.failure.message.removesuffix("."))
        else:
            if failures:
                found[call] = f"{name} does not follow {WRITTEN[call]}: {failures[0]}"
    return {call: f"not asked: {text}" for call, text in found.items()}


def _another(context: NetworkContext, call: Call, problem: Problem, seen: Observation) -> bool:
    """Whether an answer is that of a function with another purpose."""
    if seen.failure is None or not seen.supported:
        return False
    if context.foreign:  # a function that was found by its name promises nothing
        own = any(f"{word}:" in seen.failure.message for word in OWN_FAULTS)
        return call is Call.STEP and seen.failure.kind in ("contract", "exception") and not own
    if seen.failure.kind != "contract":
        return False
    if call is Call.FORWARD:
        return not _matrix(seen.returned)
    return not _pairs(seen.returned, len(problem.params.pairs))


def _matrix(returned: Outline) -> bool:
    """Whether something is an array, or rows of one."""
    if isinstance(returned, np.ndarray):
        return True
    rows = returned if isinstance(returned, tuple) else ()
    lengths = {row.shape if isinstance(row, np.ndarray) else () for row in rows}
    return len(lengths) == 1 and len(lengths.pop()) == 1


def _pairs(returned: Outline, layers: int) -> bool:
    """Whether something is a list of pairs of arrays, one a layer."""
    return (
        isinstance(returned, tuple)
        and len(returned) == layers
        and all(
            isinstance(pair, tuple)
            and len(pair) == 2
            and all(isinstance(part, np.ndarray) for part in pair)
            for pair in returned
        )
    )


NUMERICAL = "numerical_differentiation"
AUTOMATIC = "automatic_differentiation"
PROCESSES = "processes_started"

#: Samples of the small problem, and of the one with more samples.
FEW, MANY = 2, 20

#: Batch sizes that code must be known to handle before one is tried that was not probed.
_ANY_BATCH = 4

#: Timings of each problem in a round. The fastest of all rounds counts: other programs on the
#: machine only make a call slower. A flag is raised when it shows in a second round too.
_TIMINGS, _ROUNDS, _SHOWN = 6, 4, 2

#: A call of so many seconds is timed once: no clock is that far off.
_SLOW = 0.2

#: How much more the exponent in the parameters is than that in the samples, from which a cost
#: is that of differences; and below which no third round is asked for: after two, a busy
#: machine hides less than that.
_STEEP, _FLAT = 0.5, 0.1

#: The exponent in the parameters that differences have at the least: theirs is one. Threads of
#: a matrix library that wait for each other on a busy machine were seen to cost 0.6, and
#: differences 0.86 where a call to the worker costs as much as a small gradient.
_LEAST = 0.75


@dataclass(frozen=True)
class Suspicion:
    """A sign, and what it rests on: one sentence with the numbers."""

    kind: str
    evidence: str


Timings = Generator[Request, Observation, list[Suspicion]]


def library_flags(libraries: Sequence[str]) -> list[Suspicion]:
    """Flag libraries that differentiate by themselves."""
    text = f"the code imports {', '.join(libraries)}"
    return [Suspicion(AUTOMATIC, text)] if libraries else []


def process_flags(spawned: int) -> list[Suspicion]:
    """Flag processes that the code started."""
    plural = "processes" if spawned > 1 else "process"
    text = f"the code started {spawned} {plural} of its own; all were ended"
    return [Suspicion(PROCESSES, text)] if spawned else []


def cost_flags(plan: NetworkContext) -> Timings:
    """Time the gradient with more parameters, then with more samples.

    Silent where the code handles one network or one batch size only: then there is
    nothing to compare.
    """
    problems = _problems(plan)
    if not problems:
        return []
    fastest, shown = [math.inf] * len(problems), 0
    for rounds in range(1, _ROUNDS + 1):
        seconds = [math.inf] * len(problems)
        for _ in range(_TIMINGS):  # in turn, so that all see the same machine
            for index, problem in enumerate(problems):
                if _SLOW < seconds[index] < math.inf:
                    continue
                observation = yield Request(Call.LOSS_AND_GRADS, problem, fresh=True)
                if observation.failure:
                    return []
                seconds[index] = min(seconds[index], max(observation.seconds, 1e-9))
        fastest = [min(pair) for pair in zip(fastest, seconds, strict=True)]
        steepness = _steepness(problems, fastest)
        shown += steepness >= _STEEP
        if shown >= _SHOWN:
            return [Suspicion(NUMERICAL, _evidence(problems, fastest))]
        if steepness < _FLAT and rounds >= _SHOWN:
            return []
    return []


def _steepness(problems: Sequence[Problem], seconds: Sequence[float]) -> float:
    """Return by how much the cost's exponent in the parameters exceeds that in the samples.

    Where it is less than differences have, that shows nothing, and may yet.
    """
    small, wide, long = problems
    slower, longer = math.log(seconds[1] / seconds[0]), math.log(seconds[2] / seconds[0])
    by_parameters = slower / math.log(wide.params.size / small.params.size)
    by_samples = max(0.0, longer / math.log(long.batch.size / small.batch.size))
    more = by_parameters - by_samples
    return more if by_parameters >= _LEAST else min(more, _FLAT)


def _evidence(problems: Sequence[Problem], seconds: Sequence[float]) -> str:
    """Say what the timings of the small, the wide and the long problem show."""
    small, wide, long = problems
    slower, longer = seconds[1] / seconds[0], seconds[2] / seconds[0]
    return (
        f"a gradient takes {slower:.1f} times as long with {wide.params.size} parameters in place "
        f"of {small.params.size}, and {longer:.1f} times as long with {long.batch.size} samples in "
        f"place of {small.batch.size}: the cost of differences, not of a backprop"
    )


def _problems(plan: NetworkContext) -> tuple[Problem, ...]:
    """Return a small problem, one with more parameters, one with more samples; or nothing."""
    support = plan.subject.support
    if support.networks or not plan.problems or len(support.batch_sizes) < _ANY_BATCH:
        return ()
    base = plan.problems[0].network
    hidden = support.activations[:1] if 2 in support.depths else ()
    widths, wider = ((3, 4, 2), (10, 60, 8)) if hidden else ((3, 5), (40, 25))
    rng = np.random.default_rng((plan.seed, 11))
    small, wide = (
        Network(n, (*hidden, base.activations[-1]), base.loss, base.reduction)
        for n in (widths, wider)
    )
    posed = ((small, FEW), (wide, FEW), (small, MANY))
    return tuple(sampling.fill(rng, network, samples) for network, samples in posed)
