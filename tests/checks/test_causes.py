"""causes: a finding follows from the gradient's where it shows nothing more, and is asked."""

from dataclasses import replace

import pytest

from gradcheck.checks import CHECKS, gradient, metamorphic, saturation, step
from gradcheck.checks.findings import with_causes
from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.contract.posed import Tensors
from gradcheck.contract.protocol import Call
from tests.checks.canned import PROBLEMS, Asked, context, finding, findings, right, with_gradient

doubled = with_gradient(lambda request, gradient: 2 * gradient)
ascending = with_gradient(
    lambda request, gradient: (-2 if request.call is Call.STEP else 2) * gradient
)


def caused(found: list[Finding], answer) -> dict[str, str]:
    return {f.check: f.cause for f in Asked(answer).result(with_causes(context(), found, CHECKS))}


def test_a_step_down_the_wrong_gradient_follows_from_it() -> None:
    found = [finding(gradient.CHECK, doubled), finding(step.CHECK, doubled)]
    assert caused(found, doubled) == {"gradient": "", "step": "gradient"}


def test_a_step_the_wrong_way_does_not() -> None:
    found = [finding(gradient.CHECK, ascending), finding(step.CHECK, ascending)]
    assert caused(found, ascending) == {"gradient": "", "step": ""}


def test_saturation_follows_where_the_same_networks_are_wrong_without_it() -> None:
    found = [finding(gradient.CHECK, doubled), finding(saturation.CHECK, doubled)]
    assert caused(found, doubled)["saturation"] == "gradient"


def test_a_relation_follows_where_its_problems_are_among_the_wrong_ones() -> None:
    summed = with_gradient(lambda request, gradient: gradient * len(request.problem.x))
    found = [finding(gradient.CHECK, summed), finding(metamorphic.BATCH_ADDITIVITY, summed)]
    assert caused(found, summed)["batch_additivity"] == "gradient"
    elsewhere = replace(found[1], failing=PROBLEMS)
    assert caused([found[0], elsewhere], summed)["batch_additivity"] == ""


def test_without_a_wrong_gradient_nothing_follows() -> None:
    found = [finding(gradient.CHECK, right), finding(step.CHECK, ascending)]
    assert set(caused(found, right).values()) == {""}


def test_a_gradient_of_the_codes_own_loss_makes_the_loss_the_cause() -> None:
    def tripled(request):
        answer = right(request)
        if request.call is not Call.LOSS_AND_GRADS:
            return answer
        return replace(
            answer, loss=3 * answer.loss, tensors=Tensors({"p": 3 * answer.tensors["p"]})
        )

    loss = Finding("loss", Verdict.WRONG, 24, "", failing=PROBLEMS)
    found = [loss, *findings(gradient.CHECK, tripled)]
    assert caused(found, tripled) == {"loss": "", "gradient": "", "forward": "loss"}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.slug)
def test_a_check_that_may_follow_compares_with_the_gradient(check) -> None:
    alone = check.slug in ("contract", "loss", "forward", "gradient", "purity")
    assert (check.follows is None) == alone, f"{check.slug}: does it follow from a gradient?"
