"""The smallest problem on which a bug shows, found smallest first.

Problems like the failing ones are made by their subject in order of size, filled with short
values. Each is asked and judged; the first on which the check fails is the counter-example. If
none of them shows the bug, it is the smallest of the random problems that did.
"""

import itertools
from collections.abc import Generator, Sequence

from gradcheck.checks import CHECKS
from gradcheck.checks.step import SHOWN_RATE
from gradcheck.comparison.context import CheckContext
from gradcheck.comparison.verdict import CounterExample, Finding, Verdict
from gradcheck.contract.protocol import Call, Observation, Request

#: At most this many small problems are asked.
MOST_SMALL_PROBLEMS = 1500


def smallest(
    context: CheckContext, findings: Sequence[Finding]
) -> Generator[Request, Observation, CounterExample | None]:
    """Find the smallest problem that shows the first thing that is wrong.

    Parameters
    ----------
    context : CheckContext
    findings : sequence of Finding
        Those of which another is the cause are left out.

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
    found = [(c.slug, c.shows, bad[c.slug]) for c in CHECKS if c.shows and bad.get(c.slug)]
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
