"""What is wrong with the forward pass or the loss, told from the losses alone."""

from collections.abc import Mapping

from gradcheck.contract.protocol import Call
from gradcheck.networks.bugs.textbook import Rule
from gradcheck.networks.diagnosis.diagnosis import Diagnosis, Name
from gradcheck.networks.diagnosis.hypotheses import hypotheses
from gradcheck.networks.diagnosis.naming import LARGEST_CLASS, of_class
from gradcheck.networks.diagnosis.observations import Evidence
from gradcheck.networks.diagnosis.probe_setup import Case
from gradcheck.networks.diagnosis.recover_deltas import textbook_pass
from gradcheck.networks.problem import Problem

#: Rules that make the forward and the loss.
FORWARD = {"pre_activation", "activation", "loss"}


def forward_fault(
    case: Case, evidence: Evidence, held_out: Evidence
) -> tuple[list[Diagnosis], Mapping[str, Rule] | None]:
    """Name what is wrong in the forward.

    Returns
    -------
    diagnoses : list of Diagnosis
        Empty when the losses are right.
    rules : mapping of str to callable, or None
        Those of the code's forward, when they are known.
    """
    losses = [
        (request.problem, answer.loss)
        for part in (evidence, held_out)
        for request, answer in zip(part.requests, part.answers, strict=True)
        if answer.failure is None and request.call is Call.LOSS_AND_GRADS
    ]
    if all(same_loss(p, claimed, {}, case) for p, claimed in losses):
        return [], None
    fitting = [
        h
        for h in hypotheses(case.network)
        if set(h.bug.rules) <= FORWARD
        and all(same_loss(p, claimed, h.rules(), case) for p, claimed in losses)
    ]
    if not fitting or len(fitting) > LARGEST_CLASS:
        name = Name("", "forward", None)
        text = "The loss is not the loss as defined, and no catalogued bug of the forward fits."
        return [Diagnosis(name, "localised", text, "Look at the forward pass and the loss.")], None
    names = [n for h in fitting for n in h.names(case.network)]
    return [of_class(fitting[0], names, case.network)], fitting[0].rules()


def same_loss(problem: Problem, claimed: float, rules: Mapping[str, Rule], case: Case) -> bool:
    """Whether a loss is what the forward by some rules gives."""
    loss = float(textbook_pass(problem, rules).apply("loss"))
    return abs(claimed - loss) <= 30 * case.noise * (1.0 + abs(loss))
