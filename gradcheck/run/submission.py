"""What is examined: code behind a session, and what is known of it.

From what a user points at to something that can be examined.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from gradcheck.contract.conventions import Unrecognised
from gradcheck.contract.protocol import Call, Described, Session
from gradcheck.errors import Place, UsageError, first_line, raised
from gradcheck.execution.calling import InProcess
from gradcheck.execution.limits import WorkerLostError
from gradcheck.execution.sandbox import Launch
from gradcheck.execution.session import Remote
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
    name : str
    path : str
        For the record; empty for an object.
    session : Session
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
    """Return what a record says of a submission, whatever came of it.

    Parameters
    ----------
    submission : Submission
    inferred : Inferred, optional
        How foreign code is read, where that was settled.

    Returns
    -------
    Head
    """
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
_LACKING = (
    "{} has no function loss_and_grads(network, params, batch); add one that returns "
    "(loss, [(dW, db), ...]), or say in a declaration how the code is to be asked: no adapter "
    "{}recognises it{}"
)
_NEAREST = (
    "{} comes nearest to {}. If it is not meant so, add a function loss_and_grads(network, "
    "params, batch) that returns (loss, [(dW, db), ...]), or say in a declaration how the code is "
    "to be asked: no adapter {}recognises it{}"
)

#: Those that come with gradcheck, in the order of a report.
SHIPPED = ("scalar_loops", "matrix", "jax_autodiff")


def submit(launch: Launch) -> Submission:
    """Ask code under test in its worker, which runs until the subject is closed.

    Raises
    ------
    WorkerLostError
        When it cannot be imported, or has nothing that could be asked.
    SandboxError
        When it cannot be shut in as well as was asked for.
    """
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


def absent(target: Target, level: int = 0) -> Submission:
    """Stand in for code that could not be loaded."""
    nothing = InProcess(SimpleNamespace())
    return Submission(target.name, shown(target), nothing, sandbox=level)


def own(name: str) -> Submission:
    """Load one of our own implementations into this process.

    Raises
    ------
    LoadError
        When it cannot be imported: jax may be missing.
    """
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
    if found.nearest:
        return _NEAREST.format(what, found.nearest, mine, more)
    return _LACKING.format(what, mine, more)


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
    """Wrap what is in this process: what follows the contract, or some adapter reads.

    Parameters
    ----------
    implementation : module, class, object, function or sequence of functions
    renew : callable, optional
        Returns the implementation as it was before its first call.
    adapter : str, optional
        The only adapter to read it with.

    Raises
    ------
    UsageError
        When it has no ``loss_and_grads``, and no adapter reads it.
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
