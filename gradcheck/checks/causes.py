"""Which findings follow from another: with that fault taken for granted they show nothing more.

A wrong gradient fails other checks too. Whether it is by the same fault is not guessed
from the checks' names: each is asked for what it would show if the gradient were taken
as the code gives it. What is kept between calls, and whatever else shows more, stays a
finding of its own.
"""

from collections.abc import Generator, Sequence
from dataclasses import replace

from gradcheck.checks import CHECKS
from gradcheck.checks.gradient import RIGHT_FOR_OWN_LOSS
from gradcheck.comparison.context import CheckContext
from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.contract.protocol import Observation, Request


def with_causes(
    context: CheckContext, findings: Sequence[Finding]
) -> Generator[Request, Observation, list[Finding]]:
    """Return the findings, each that follows from another with that one's check as its cause.

    Parameters
    ----------
    context : CheckContext
    findings : sequence of Finding

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
    checks = {check.slug: check for check in CHECKS}
    found = []
    for finding in findings:
        follows = checks[finding.check].follows
        caused = finding is own_loss and finding.check != root.check
        if follows is not None and finding.verdict is Verdict.WRONG:
            caused = yield from follows(context, root, finding)
        found.append(replace(finding, cause=root.check) if caused else finding)
    return found


def _root(findings: Sequence[Finding]) -> tuple[Finding | None, Finding | None]:
    """Return the finding that others may follow from.

    It is the gradient's, or, where that is right for another loss than the one defined, the
    loss's.

    Returns
    -------
    root : Finding or None
        With every problem on which the gradient is not that of the loss as defined.
    own_loss : Finding or None
        The finding that the gradient is that of the code's own loss.
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
