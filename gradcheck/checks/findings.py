"""What findings come to: which follow from another, and the smallest problem that shows one.

A wrong gradient fails other checks too. Whether it is by the same fault is not guessed
from the checks' names: each is asked for what it would show if the gradient were taken
as the code gives it. What is kept between calls, and whatever else shows more, stays a
finding of its own.

The counter-example is the smallest problem on which a bug shows. Problems like the failing ones
are made by their subject in order of size, filled with short values; the first on which the
check fails is taken. If none of them shows the bug, it is the smallest of the random problems
that did.
"""

import itertools
from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace

from gradcheck.checks.definition import RIGHT_FOR_OWN_LOSS, Check
from gradcheck.comparison.context import CheckContext
from gradcheck.comparison.verdict import CounterExample, Finding, Verdict
from gradcheck.contract.protocol import Call, Observation, Request


def with_causes(
    context: CheckContext, findings: Sequence[Finding], checks: Iterable[Check]
) -> Generator[Request, Observation, list[Finding]]:
    """Return the findings, each that follows from another with that one's check as its cause.

    Parameters
    ----------
    context : CheckContext
    findings : sequence of Finding
    checks : iterable of Check
        All that there are.

    Yields
    ------
    Request

    Returns
    -------
    findings : list of Finding
    """
    root, own_loss = _root(findings)
    if root is None:
        return list(findings)
    follow = {check.slug: check.follows for check in checks}
    found = []
    for finding in findings:
        follows = follow[finding.check]
        caused = finding is own_loss and finding.check != root.check
        if follows is not None and finding.verdict is Verdict.WRONG:
            caused = yield from follows(context, root, finding)
        found.append(replace(finding, cause=root.check) if caused else finding)
    return found


def _root(findings: Sequence[Finding]) -> tuple[Finding | None, Finding | None]:
    """Return the finding that others may follow from, and that of the code's own loss.

    The first is the gradient's, or, where that is right for another loss than the one defined,
    the loss's: with every problem on which the gradient is not that of the loss as defined.
    """
    by_check = {finding.check: finding for finding in findings}
    gradient = by_check.get("gradient")
    if gradient is None or gradient.verdict is Verdict.WRONG:
        return gradient, None
    if all(tensor.note != RIGHT_FOR_OWN_LOSS for tensor in gradient.tensors.values()):
        return None, None
    own_loss = [f for f in findings if f.check == "forward"][-1]
    loss = by_check.get("loss")
    root = loss if loss is not None and loss.verdict is Verdict.WRONG else own_loss
    return replace(root, failing=own_loss.failing), own_loss


#: The learning rate of a counter-example: short, and no factor that anything else has.
SHOWN_RATE = 0.5

#: At most this many small problems are asked.
MOST_SMALL_PROBLEMS = 1500


def smallest(
    context: CheckContext, findings: Sequence[Finding], checks: Iterable[Check]
) -> Generator[Request, Observation, CounterExample | None]:
    """Find the smallest problem that shows the first thing that is wrong.

    Parameters
    ----------
    context : CheckContext
    findings : sequence of Finding
        Those of which another is the cause are left out.
    checks : iterable of Check
        All that there are.

    Yields
    ------
    Request

    Returns
    -------
    CounterExample or None
        None where one answer shows nothing of what is wrong.
    """
    bad = {
        finding.check: finding.failing
        for finding in findings
        if not finding.cause and finding.verdict in (Verdict.WRONG, Verdict.ERROR)
    }
    # what was refused, or not offered, has no failing problem
    found = [(c.slug, c.shows, bad[c.slug]) for c in checks if c.shows and bad.get(c.slug)]
    if not found:
        return None
    slug, shows, failing = min(found, key=lambda each: each[1].rank)
    rate = SHOWN_RATE if shows.call is Call.STEP else 0.0
    small = itertools.islice(context.subject.smallest(failing), MOST_SMALL_PROBLEMS)
    for problem in itertools.chain(small, failing):
        answer = yield Request(shows.call, problem, learning_rate=rate)
        if answer.supported and shows.wrong(context, problem, answer):
            return CounterExample(slug, problem, answer, rate)
    return None
