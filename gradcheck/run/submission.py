"""What is examined: code behind a session, and which of its functions are asked.

An optional function that only has its name does not follow the contract, and is left out.
``forward(network, params, x)`` and ``step(network, params, batch, learning_rate)`` may stand
in a file for other purposes: a helper that returns all activations, an update with momentum
that takes its state. Right code is no error by them. What follows the contract in form is
judged: outputs of another shape, a step that raises in its own body.
"""

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
from gradcheck.networks.dense_networks import NetworkContext
from gradcheck.networks.problem import Problem
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
