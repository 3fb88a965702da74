"""An implementation's entry in the record."""

import statistics
from dataclasses import replace

import numpy as np

from gradcheck.comparison.verdict import CounterExample, Finding, Verdict, worst
from gradcheck.contract.protocol import Failure
from gradcheck.errors import GradcheckError, SandboxError
from gradcheck.networks.context import CheckContext
from gradcheck.networks.network import Network
from gradcheck.networks.notation import NATIVE, Notation
from gradcheck.networks.problem import Problem
from gradcheck.networks.scope import NOTHING, Scope
from gradcheck.records.record import (
    INTERNAL,
    TOLD,
    Entry,
    counterexample_entry,
    failure_entry,
    few_notes,
    finding_entry,
    support_entry,
)
from gradcheck.run.submission import Submission


def examined(
    subject: Submission,
    plan: CheckContext,
    scope: Scope,
    findings: list[Finding],
    example: CounterExample | None,
    diagnoses: list[Entry],
    heard: Entry,
    seconds: float,
) -> Entry:
    """Return the entry of an implementation that was examined.

    Parameters
    ----------
    scope : Scope
        What the verdict covers.
    example : CounterExample or None
    diagnoses : list of dict
        As they stand in a record.
    heard : dict
        What the witnesses said.
    """
    resolutions = [r for f in findings if f.check == "gradient" for r in f.resolutions]
    errors = [f for f in findings if f.verdict is Verdict.ERROR]
    settled = subject.settlement.notes if subject.settlement else ()
    seen = (*subject.notes, *settled, *plan.arithmetic.notes)
    told = (*seen, *(n for f in findings for n in f.notes))
    vast = _vast(example.problem, plan) if example else ()
    return {
        **_head(subject),
        "verdict": worst(finding.verdict for finding in findings),
        "resolution": statistics.median(resolutions) if resolutions else float("nan"),
        "resolution_worst": max(resolutions, default=float("nan")),
        "seconds": seconds,
        "supports": support_entry(plan.support),
        "scope": vars(scope),
        "witness": heard,
        "findings": [finding_entry(finding, plan.notation) for finding in findings],
        "diagnoses": diagnoses,
        "counterexample": _worked(plan, example) if example and not vast else None,
        "notes": few_notes((*vast, *told)),
        "flags": [],
        "error": _error(errors[0]) if errors else None,
    }


def _vast(problem: Problem, plan: CheckContext) -> tuple[str, ...]:
    """Say of a counter-example that is too large to be written out that it is left out."""
    if problem.params.size <= TOLD:
        return ()
    return (
        f"a counter-example is left out: {plan.described(problem)} has {problem.params.size:,} "
        f"parameters, and up to {TOLD:,} are written out",
    )


def _error(finding: Finding) -> Entry:
    place = finding.places[0] if finding.places else None
    return failure_entry(Failure(finding.kind, finding.message, place))


def _worked(plan: CheckContext, example: CounterExample) -> Entry:
    """Return the counter-example with every step written out, where it is of a gradient."""
    truth = (plan.defined if example.check == "loss" else plan.truth)(example.problem)
    entry = counterexample_entry(example, truth)
    if plan.notation != NATIVE:
        own = str(plan.notation.own_network(example.problem.network))
        entry["in_code"] = {"network": own, "given": plan.notation.given(example.problem)}
        if example.learning_rate and entry["got"]:
            entry["in_code"]["entries"] = _entries(entry, example.problem.network, plan.notation)
    if plan.lossless:  # the code has none: what stands there is ours
        for part in ("expected", "got", "error_bar"):
            entry[part].pop("loss", None)
    if example.got.failure is None and not example.learning_rate:
        from gradcheck.networks.diagnosis.by_hand import by_hand

        lines = by_hand(example.problem, example.got, truth, plan.notation, plan.arithmetic)
        if plan.lossless:
            lines = [replace(ln, code=None) if ln.quantity == "loss" else ln for ln in lines]
        entry["by_hand"] = [vars(line) for line in lines]
    return entry


def _entries(entry: Entry, network: Network, notation: Notation) -> list[Entry]:
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


def _head(subject: Submission) -> Entry:
    return {
        "name": subject.name,
        "path": subject.path,
        "sandbox": subject.sandbox,
        "adapter": _adapter(subject),
        **_notation(subject),
    }


def _adapter(subject: Submission) -> Entry:
    if subject.settlement is not None:
        conventions = dict(subject.settlement.conventions)
        return {"name": subject.settlement.adapter, "conventions": conventions}
    return {"name": subject.session.readings[0].adapter, "conventions": {}}


def _notation(subject: Submission) -> Entry:
    """Say how the code writes things; native code writes them as they are defined."""
    settled = subject.settlement
    return {} if settled is None or settled.failure else {"notation": settled.notation.told()}


def failed(subject: Submission, failure: Failure, seconds: float = 0.0) -> Entry:
    """Return the entry of an implementation of which nothing could be asked."""
    return {
        **_head(subject),
        "verdict": Verdict.ERROR,
        "resolution": float("nan"),
        "resolution_worst": float("nan"),
        "seconds": seconds,
        "supports": {"activations": [], "losses": [], "networks": []},
        "scope": vars(NOTHING),
        "findings": [],
        "diagnoses": [],
        "counterexample": None,
        "notes": list(subject.notes),
        "flags": [],
        "error": failure_entry(failure),
    }


def faulty(subject: Submission, fault: Exception, seconds: float = 0.0) -> Entry:
    """Return the entry of an implementation on which gradcheck itself, or the machine, failed.

    That is no fault of the submission: nobody can tell what its gradient is.
    """
    text = f"{type(fault).__name__}: " if not isinstance(fault, GradcheckError) else ""
    message = f"gradcheck failed, which says nothing of this file: {text}{fault}"
    if not isinstance(fault, SandboxError):
        message += "; please report the command and seed"
    entry = failed(subject, Failure(INTERNAL, message), seconds)
    return entry | {"verdict": Verdict.UNRESOLVED}
