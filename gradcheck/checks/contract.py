"""contract: every question is answered, in the shapes and types agreed.

Exceptions, wrong shapes and things that are not numbers are met here and told once;
the other checks pass over such answers.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from gradcheck.checks.definition import Check, Cost, Run, Shows
from gradcheck.comparison.context import CheckContext, Problem
from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.contract.protocol import Call, Failure, Request

SLUG = "contract"

#: Optional functions are asked on this many problems.
OPTIONAL = 20

#: So many lines are told on which answers failed.
MOST_LINES_TOLD = 5


def run(context: CheckContext) -> Run:
    """Ask for every problem's gradient, and some problems' outputs and step."""
    failures: list[tuple[Problem, Failure]] = list(context.faults)
    notes: Counter[str] = Counter()
    requests = [Request(Call.LOSS_AND_GRADS, problem) for problem in context.problems]
    for problem in context.problems[:OPTIONAL]:
        requests += [
            Request(call, problem, learning_rate=0.1)
            for call in (Call.FORWARD, Call.STEP)
            if call in context.offers
        ]
    for request in requests:
        observation = yield request
        notes.update(observation.notes)
        if observation.failure and observation.supported:
            failures.append((request.problem, observation.failure))
    asked = len(context.problems) + len(context.faults)
    told = (*context.left_out, *notes)
    if not failures:
        message = "Every answer has the agreed form."
        return [Finding(SLUG, Verdict.CORRECT, asked, message, notes=told)]
    failures.sort(key=lambda item: context.subject.size(item[0]))
    problem, failure = failures[0]
    message = (
        f"{context.subject.reworded(failure.message)} ({context.described(problem)}; "
        f"{len(failures)} of {len(requests) + len(context.faults)} answers failed)"
    )
    places = [failure.place for _, failure in failures if failure.place is not None]
    finding = Finding(SLUG, Verdict.ERROR, asked, message, notes=told, kind=failure.kind)
    shown = tuple(dict.fromkeys(p for p, _ in failures))
    lines = tuple(dict.fromkeys(places))[:MOST_LINES_TOLD] if failure.place else ()
    return [replace(finding, failing=shown, places=lines)]


def refused_by_numbers(
    context: CheckContext, findings: list[Finding], refused: Mapping[Problem, str]
) -> list[Finding]:
    """Add what the code refused though it handles such networks: it may refuse what it has wrong.

    Parameters
    ----------
    context : CheckContext
    findings : list of Finding
    refused : mapping of problem to str
        Problems of a network and a number of samples for which others got an answer, and what
        the code said.

    Returns
    -------
    findings : list of Finding
    """
    if not refused:
        return findings
    problem = min(refused, key=context.subject.size)
    said = f": {refused[problem]}" if refused[problem] else ""
    message = (
        f"loss_and_grads raised NotImplementedError{said} on {len(refused)} "
        f"problem{'s' if len(refused) > 1 else ''} of networks and batch sizes that it handles "
        f"with other numbers ({context.described(problem)}); it may say that of a "
        f"network or a batch size, not of some parameters or inputs"
    )
    return worsened(findings, message, "contract")


def required(findings: list[Finding], missing: list[str]) -> list[Finding]:
    """Make an error of what has to be handled and is not.

    Parameters
    ----------
    findings : list of Finding
    missing : list of str
        What was required and is not handled, and why.

    Returns
    -------
    findings : list of Finding
        As they were, when nothing is missing.
    """
    if not missing:
        return findings
    return worsened(findings, f"required, but not handled: {', '.join(missing)}", "unsupported")


def worsened(findings: list[Finding], message: str, kind: str) -> list[Finding]:
    """Make an error of the contract's finding, which says what else it has to say too."""
    before = next((f for f in findings if f.check == SLUG), None)
    if before is None:
        return [Finding(SLUG, Verdict.ERROR, 0, message, kind=kind), *findings]
    if before.verdict is Verdict.ERROR:
        message, kind = f"{before.message}; {message}", before.kind
    after = replace(before, verdict=Verdict.ERROR, message=message, kind=kind)
    return [after if finding is before else finding for finding in findings]


CHECK = Check(
    SLUG,
    "answers have the agreed shapes and types",
    run,
    Cost.NOTHING,
    Shows(lambda context, problem, answer: answer.failure is not None, 3),
)
