"""What a picture of a fault is drawn from: numbers, gathered while the code can still be asked.

A renderer reads the record alone, so whatever it draws has to stand there. Nothing here
takes part in a verdict.
"""

from collections.abc import Generator, Sequence
from typing import Any

from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.networks.context import Plan
from gradcheck.networks.diagnosis import Diagnosis
from gradcheck.networks.figure_data.example_network import specimen
from gradcheck.networks.figure_data.slopes import slopes
from gradcheck.networks.problem import Problem

#: Of the problems on which the gradient is wrong, at most this many are looked at.
MOST = 200

Asked = list[tuple[Problem, Observation]]


def illustrate(
    plan: Plan, findings: Sequence[Finding], diagnoses: Sequence[Diagnosis]
) -> Generator[Request, Observation, dict[str, Any] | None]:
    """Gather what pictures of a wrong gradient need.

    Returns
    -------
    entry : dict or None
        ``specimen``: one failing network, tensor by tensor; ``slopes``: for each
        activation whose derivative is at fault, the points that the code's gradients
        imply, and the curves they may lie on. None where no gradient is wrong.
    """
    wrong = [f for f in findings if f.check == "gradient" and f.verdict is Verdict.WRONG]
    if not wrong:
        return None
    asked: Asked = []
    for problem in wrong[0].failing[:MOST]:
        observation = yield Request(Call.LOSS_AND_GRADS, problem)
        if observation.failure is None:
            asked.append((problem, observation))
    return {
        "specimen": specimen(plan, asked, diagnoses),
        "slopes": slopes(plan, asked, diagnoses),
    }
