"""The two witnesses of the oracle, held against each other before anything is judged."""

import time
from collections.abc import Callable

from gradcheck.errors import InternalError
from gradcheck.plan import Plan
from gradcheck.record import Entry

#: Called with the name of what starts next.
Progress = Callable[[str], None]

#: What takes longer than this, in seconds, is said to.
SAID = 1.0


def hear_witnesses(plan: Plan, progress: Progress = lambda what: None) -> Entry:
    """Hold the two witnesses of the oracle against each other on every problem.

    Parameters
    ----------
    plan : Plan
    progress : callable
        Told how far this is and how long it takes, when that is more than a second.

    Returns
    -------
    entry : dict
        How many directions were differenced, and how many were too near a kink or
        too noisy to say anything.

    Raises
    ------
    InternalError
        When they disagree: then no verdict of this run can be believed.
    """
    heard = silent = 0
    start = time.perf_counter()
    for done, problem in enumerate(plan.problems):
        total = (time.perf_counter() - start) * len(plan.problems) / max(done, 1)
        if total > SAID:
            progress(f"witnesses: {done} of {len(plan.problems)} problems, about {total:.0f} s")
        truth = plan.truths.of(problem)
        for testimony in truth.testimonies:
            heard += 1
            silent += testimony.slope.error == float("inf")
        for testimony in truth.disagreements:
            raise InternalError(
                f"the two witnesses of the oracle disagree on {testimony.tensor} of "
                f"{problem.network} (seed {plan.seed}): differences say "
                f"{testimony.slope.value:.17g} ± {testimony.slope.error:.1e}, the complex step "
                f"{testimony.expected:.17g} ± {testimony.error:.1e}; please report this"
            )
    return {"directions": heard, "silent": silent, "disagreements": 0}
