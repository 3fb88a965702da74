"""The one place where parts of a record are made; :mod:`gradcheck.records.schema` lists them."""

import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.comparison.verdict import CounterExample, Finding, TensorFinding, Verdict, worst
from gradcheck.contract import __version__
from gradcheck.contract.protocol import Failure
from gradcheck.errors import GradcheckError, SandboxError
from gradcheck.networks.definitions import LOSSES
from gradcheck.networks.dense_networks import NetworkContext
from gradcheck.networks.fast_estimate import Truth
from gradcheck.networks.notation import NATIVE, Notation
from gradcheck.networks.problem import Network, Problem
from gradcheck.networks.sampling import Support
from gradcheck.networks.scope import EMPTY_SCOPE, Scope
from gradcheck.records import schema
from gradcheck.records.record import Entry, Record, plain

if TYPE_CHECKING:  # right code is not kept waiting for these
    from gradcheck.networks.diagnosis import BugAtPlace, Diagnosis
    from gradcheck.networks.worked_examples import Example, Result

#: A problem of more parameters is not written out: as text it would be megabytes.
MOST_PARAMETERS = 100_000

#: So many notes of one kind are shown.
MOST_NOTES = 40


def new_record(
    seed: int,
    command: str,
    implementations: Sequence[Mapping[str, Any]],
    bugs: Sequence[Mapping[str, Any]] = (),
    worked_examples: Sequence[Mapping[str, Any]] = (),
    benchmarks: Entry | None = None,
    replay: str | None = None,
) -> Record:
    """Put a record together.

    Parameters
    ----------
    seed, command
        What replays the run.
    implementations, bugs, worked_examples : sequence of dict
        See :mod:`gradcheck.records.schema`.
    benchmarks : dict, optional
        What ``benchmarks/peers.py`` measured.
    replay : str, optional
        The command as people are shown it, where that is shorter.

    Returns
    -------
    Record
    """
    data = {
        "schema": schema.SCHEMA,
        "gradcheck": __version__,
        "seed": seed,
        "command": command,
        "machine": machine(),
        "implementations": implementations,
        "bugs": bugs,
        "worked_examples": worked_examples,
    }
    more = {"replay": replay, "benchmarks": benchmarks}
    return Record(plain(data | {key: value for key, value in more.items() if value}))


def machine() -> schema.Machine:
    """Describe where this runs, without naming it."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
    }


@dataclass(frozen=True)
class Head:
    """What is known of a submission, whatever came of it.

    Attributes
    ----------
    name, path : str
    sandbox : int
    adapter : str
    conventions : mapping of str to str
    notation : Notation or None
        How foreign code writes things; native code writes them as they are defined.
    notes : tuple of str
    """

    name: str
    path: str
    sandbox: int = 0
    adapter: str = "native"
    conventions: Mapping[str, str] = field(default_factory=dict)
    notation: Notation | None = None
    notes: tuple[str, ...] = ()


def failed(
    head: Head, failure: Failure, seconds: float = 0.0, verdict: Verdict = Verdict.ERROR
) -> schema.ImplementationEntry:
    """Return the entry of an implementation of which nothing could be asked.

    Parameters
    ----------
    head : Head
    failure : Failure
    seconds : float
    verdict : Verdict

    Returns
    -------
    dict
    """
    entry = _blank(head, verdict, seconds) | {"error": _error(failure)}
    complete: schema.ImplementationEntry = plain(entry)
    return complete


def _blank(head: Head, verdict: Verdict, seconds: float) -> Entry:
    """Return an entry in which nothing was found."""
    notation: Entry = {} if head.notation is None else {"notation": head.notation.describe()}
    return {
        "name": head.name,
        "path": head.path,
        "sandbox": head.sandbox,
        "adapter": {"name": head.adapter, "conventions": head.conventions},
        **notation,
        "verdict": verdict,
        "resolution": float("nan"),
        "resolution_worst": float("nan"),
        "seconds": seconds,
        "supports": supports(Support((), (), (), False, (), ())),
        "scope": vars(EMPTY_SCOPE),
        "witness": {"directions": 0, "silent": 0, "disagreements": 0},
        "findings": [],
        "diagnoses": [],
        "counterexample": None,
        "notes": head.notes,
        "flags": [],
        "error": None,
        "pictures": None,
    }


def faulty(head: Head, fault: Exception, seconds: float = 0.0) -> schema.ImplementationEntry:
    """Return the entry of an implementation on which gradcheck itself, or the machine, failed.

    That is no fault of the submission: nobody can tell what its gradient is.

    Parameters
    ----------
    head, seconds
        As above.
    fault : Exception

    Returns
    -------
    dict
    """
    text = f"{type(fault).__name__}: " if not isinstance(fault, GradcheckError) else ""
    message = f"gradcheck failed, which says nothing of this file: {text}{fault}"
    if not isinstance(fault, SandboxError):
        message += "; please report the command and seed"
    return failed(head, Failure(schema.INTERNAL, message), seconds, Verdict.UNRESOLVED)


def examined(
    head: Head,
    context: NetworkContext,
    findings: Sequence[Finding],
    *,
    scope: Scope,
    witness: schema.Witness,
    example: CounterExample | None,
    diagnoses: "Sequence[Diagnosis]",
    pictures: Any,
    flags: Sequence[Any],
    notes: tuple[Sequence[str], Sequence[str]],
    seconds: float,
) -> schema.ImplementationEntry:
    """Return the entry of an implementation that was examined.

    Parameters
    ----------
    head : Head
    context : NetworkContext
        What the checks were given.
    findings : sequence of Finding
    scope : Scope
        What the verdict covers.
    witness : dict
        How the cross-check came out.
    example : CounterExample or None
    diagnoses : sequence of Diagnosis
    pictures : dict or None
        What figures are drawn from.
    flags : sequence of Suspicion
    notes : (before, after)
        What is said of the examination, before and after the notes of the submission.
    seconds : float

    Returns
    -------
    dict
    """
    resolutions = [r for f in findings if f.check == "gradient" for r in f.resolutions]
    errors = [
        Failure(finding.kind, finding.message, next(iter(finding.places), None))
        for finding in findings
        if finding.verdict is Verdict.ERROR
    ]
    vast = _left_out(example.problem, context) if example else ()
    noted = (*vast, *head.notes, *context.arithmetic.notes, *(n for f in findings for n in f.notes))
    entry = _blank(head, worst(finding.verdict for finding in findings), seconds)
    entry |= {
        "resolution": statistics.median(resolutions) if resolutions else float("nan"),
        "resolution_worst": max(resolutions, default=float("nan")),
        "supports": supports(context.subject.support),
        "scope": vars(scope),
        "witness": witness,
        "findings": [_finding(finding, context.subject.notation) for finding in findings],
        "diagnoses": [diagnosed(diagnosis, context.subject.notation) for diagnosis in diagnoses],
        "counterexample": _counterexample(context, example) if example and not vast else None,
        "notes": [*notes[0], *few_notes(noted), *notes[1]],
        "flags": [vars(flag) for flag in flags],
        "error": _error(errors[0]) if errors else None,
        "pictures": pictures,
    }
    complete: schema.ImplementationEntry = plain(entry)
    return complete


def few_notes(notes: Iterable[str]) -> list[str]:
    """Return notes once each, and no more than people read: code under test may make any."""
    found = list(dict.fromkeys(notes))
    if len(found) <= MOST_NOTES:
        return found
    return [*found[:MOST_NOTES], f"{len(found) - MOST_NOTES} more notes are left out"]


def supports(support: Support) -> schema.Supports:
    """Return what an implementation handles."""
    networks = support.networks
    hidden, pairings = support.activations, support.pairings
    if networks:  # exactly these: what else a support may say of itself counts for nothing
        hidden = tuple(name for network in networks for name in network.activations)
        pairings = tuple((n.activations[-1], n.loss) for n in networks)
    depths = {n.depth for n in networks} or {d for d in support.depths if d == 1 or hidden}
    return {
        "activations": list(dict.fromkeys((*hidden, *(output for output, _ in pairings)))),
        "losses": list(dict.fromkeys(loss for _, loss in pairings)),
        "networks": [str(network) for network in networks],
        "reductions": list(dict.fromkeys(n.reduction for n in networks) or support.reductions),
        "l2": any(n.l2 for n in networks) if networks else support.l2,
        "depths": sorted(depths),
        "batch_sizes": list(support.batch_sizes),
    }


def _error(failure: Failure) -> Entry:
    """Say why there is no answer, with the line where it is known."""
    place = vars(failure.place) if failure.place else {}
    return {"kind": failure.kind, "message": failure.message, **place}


def _finding(finding: Finding, notation: Notation) -> Entry:
    optional = {
        "kind": finding.kind,
        "cause": finding.cause,
        "places": [vars(place) for place in finding.places],
    }
    return {
        **{key: getattr(finding, key) for key in ("check", "verdict", "problems", "message")},
        "tensors": {name: _tensor(t, notation) for name, t in finding.tensors.items()},
        "notes": few_notes(finding.notes),
        **{key: value for key, value in optional.items() if value},
    }


#: Of how a tensor came out, what stands in the record as it is.
_OF_A_TENSOR = (
    *("verdict", "resolution", "worst_entry", "claimed", "expected", "error_bar"),
    *("wrong_in", "problems"),
)


def _tensor(tensor: TensorFinding, notation: Notation) -> Entry:
    """Return how a tensor came out; its worst entry also as the code has it."""
    entry: Entry = {key: getattr(tensor, key) for key in _OF_A_TENSOR}
    if notation != NATIVE and tensor.verdict is Verdict.WRONG:
        assert tensor.problem is not None
        place, factor = notation.entry(tensor.worst_entry, tensor.problem.network)
        numbers = {key: factor * entry[key] for key in ("claimed", "expected")}
        entry["in_code"] = {"entry": place, **numbers}
    if tensor.note:
        entry["note"] = tensor.note
    if tensor.steps:
        entry |= {"steps": tensor.steps, "errors": tensor.errors}
        if tensor.problem is not None and tensor.problem.params.size <= MOST_PARAMETERS:
            entry["problem"] = str(tensor.problem)
    return entry


def _left_out(problem: Problem, context: NetworkContext) -> tuple[str, ...]:
    """Say of a counter-example that is too large to be written out that it is left out."""
    if problem.params.size <= MOST_PARAMETERS:
        return ()
    return (
        f"a counter-example is left out: {context.described(problem)} has "
        f"{problem.params.size:,} parameters, and up to {MOST_PARAMETERS:,} are written out",
    )


def _counterexample(context: NetworkContext, example: CounterExample) -> Entry:
    """Return a counter-example with every step written out, where it is of a gradient."""
    problem, rate, notation = example.problem, example.learning_rate, context.subject.notation
    truth = (context.defined if example.check == "loss" else context.truth)(problem)
    entry: Entry = {
        "check": example.check,
        "network": str(problem.network),
        "params": [{"W": w, "b": b} for w, b in problem.params.pairs],
        "x": problem.batch.x,
        "y": problem.batch.y,
        **_compared(example, truth, lossless=context.lossless),
    }
    if rate:
        entry["learning_rate"] = rate
    if example.got.failure is not None:
        entry["failure"] = _error(example.got.failure)
    if notation != NATIVE:
        own = str(notation.own_network(problem.network))
        entry["in_code"] = {"network": own, "given": notation.given(problem)}
        if rate and entry["got"]:
            entry["in_code"]["entries"] = _own_parameters(entry, problem.network, notation)
    if example.got.failure is None and not rate:
        from gradcheck.networks.by_hand import by_hand

        lines = by_hand(problem, example.got, truth, notation, context.arithmetic)
        if context.lossless:
            lines = [replace(ln, code=None) if ln.quantity == "loss" else ln for ln in lines]
        entry["by_hand"] = [vars(line) for line in lines]
    return entry


def _compared(example: CounterExample, truth: Truth, *, lossless: bool) -> Entry:
    """Return expected and claimed numbers: the gradient, or the parameters after a step.

    The loss stands beside a gradient, but for code that has none: that is ours.
    """
    rate, got = example.learning_rate, example.got
    claims: Entry = dict(got.tensors) if got.failure is None else {}
    if rate:
        before = example.problem.params
        return {
            "expected": {n: before[n] - rate * e.value for n, e in truth.gradient.items()},
            "got": claims,
            "error_bar": {name: rate * e.error for name, e in truth.gradient.items()},
        }
    expected: Entry = {name: e.value for name, e in truth.gradient.items()}
    bars: Entry = {name: e.error for name, e in truth.gradient.items()}
    if not lossless:
        expected = {"loss": truth.loss, **expected}
        bars = {"loss": truth.loss_error(), **bars}
        claims = {"loss": got.loss, **claims} if got.failure is None else {}
    return {"expected": expected, "got": claims, "error_bar": bars}


def _own_parameters(entry: Entry, network: Network, notation: Notation) -> list[Entry]:
    """List the parameters after a step one by one, where they are in the code."""
    entries = []
    for name, expected in entry["expected"].items():
        for index in np.ndindex(expected.shape):
            place = f"{name}[{','.join(map(str, index))}]"
            own, of_gradient = notation.entry(place, network)
            factor = 1.0 / of_gradient  # what a gradient gains by, its parameter loses by
            numbers = {
                "got": factor * entry["got"][name][index],
                "expected": factor * expected[index],
                "error_bar": abs(factor) * entry["error_bar"][name][index],
            }
            entries.append({"entry": own, **numbers})
    return entries


def planted(
    bug: Any, visible: int, problems: int, by: Sequence[str], *, named: bool
) -> schema.BugEntry:
    """Return what came of a planted bug.

    Parameters
    ----------
    bug : Bug
    visible, problems : int
        On how many of how many problems it makes a difference.
    by : sequence of str
        The checks that caught it.
    named : bool

    Returns
    -------
    dict
    """
    words = bug.told()
    return {
        "slug": bug.slug,
        "title": words.title,
        "site": bug.site,
        "wrong": words.wrong,
        "right": words.right,
        "visible": visible,
        "problems": problems,
        "caught": bool(by),
        "named": named,
        "by": list(by),
    }


def reproduced(
    example: "Example", implementation: str, result: "Result"
) -> schema.WorkedExampleEntry:
    """Return one number of a worked example beside the published one.

    Parameters
    ----------
    example : Example
    implementation : str
        Its name.
    result : Result

    Returns
    -------
    dict
    """
    about = {"name": example.name, "title": example.title, "source": example.source}
    entry: schema.WorkedExampleEntry = plain(
        {**about, "implementation": implementation, **vars(result)}
    )
    return entry


def diagnosed(diagnosis: "Diagnosis", notation: Notation = NATIVE) -> schema.DiagnosisEntry:
    """Return a diagnosis, its texts in a notation: until here their formulas stand in braces."""
    layer, words = diagnosis.name.layer, diagnosis.network.split()
    depth = len(words[1].split(",")) if words else 0
    factor = LOSSES[words[2]].factor if words else ""

    def written(text: str) -> str:
        return notation.tell(text, layer, depth, factor)

    explanation, fix = written(diagnosis.explanation), written(diagnosis.fix)
    if notation.l2 and "l2" in f"{explanation} {fix}":
        explanation += f" Here l2 is {notation.l2}."
    entry: Entry = {
        **_name(diagnosis.name),
        **{key: written(text) for key, text in _catalogued(diagnosis.name).items()},
        "certainty": diagnosis.certainty,
        "also": [_name(name) for name in diagnosis.also],
        "explanation": explanation,
        "fix": fix,
        "recovered": dict(diagnosis.recovered),
        "residual": diagnosis.residual,
        "rival_residual": diagnosis.rival_residual,
    }
    if diagnosis.network:
        entry["network"] = diagnosis.network
    if diagnosis.implied is not None:
        entry["implied"] = {k: v for k, v in vars(diagnosis.implied).items() if v is not None}
    complete: schema.DiagnosisEntry = plain(entry)
    return complete


def _name(name: "BugAtPlace") -> Entry:
    return {"bug": name.bug or None, "site": name.site, "layer": name.layer}


def _catalogued(name: "BugAtPlace") -> dict[str, str]:
    """What the catalogue says of a site and a bug, so that a reader of records needs none."""
    from gradcheck.networks.bugs import CATALOGUE, SITES

    keys = ("title", "wrong", "right", "why") if name.bug else ()
    formulas = {key: getattr(CATALOGUE[name.bug], key) for key in keys}
    return {"place": SITES[name.site].name, **formulas}
