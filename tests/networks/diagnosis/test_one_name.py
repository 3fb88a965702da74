"""One cause has one name, and a number that may stand for several causes has none."""

import pytest

from gradcheck.networks.bugs import CATALOGUE
from gradcheck.networks.bugs.textbook import RULES, Textbook
from gradcheck.networks.problem import Network
from tests.networks.diagnosis.test_diagnosis import diagnosed

TWO_OUTPUTS = Network.parse("2-3-2 tanh,sigmoid half_squared_error")


@pytest.mark.parametrize(
    "rules",
    [
        CATALOGUE["deltas_averaged_not_summed"].rules,
        {"propagate": lambda p, at: 0.5 * RULES["propagate"](p, at)},
    ],
    ids=["a mean over two outputs", "a half"],
)
def test_a_mean_over_two_is_not_named_where_it_may_be_a_half(rules):
    found = diagnosed(Textbook(rules), TWO_OUTPUTS)
    assert [(d.certainty, d.name.bug) for d in found] == [("localised", "")], f"told {found}"
    assert "0.5 times what it should be" in found[0].explanation, found[0].explanation
    assert [n.bug for n in found[0].also] == ["deltas_averaged_not_summed"], f"told {found}"


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (CATALOGUE["deltas_averaged_not_summed"].rules, "deltas_averaged_not_summed"),
        ({"propagate": lambda p, at: 0.5 * RULES["propagate"](p, at)}, ""),
    ],
    ids=["a mean", "a half"],
)
def test_a_network_with_more_outputs_tells_a_mean_from_a_half(rules, told):
    networks = [TWO_OUTPUTS, Network.parse("2-3-3 tanh,sigmoid half_squared_error")]
    found = diagnosed(Textbook(rules), networks)
    assert {d.name.bug for d in found} == {told}, f"told {found}"


def test_a_half_in_every_layer_is_told_once_a_layer():
    rules = {"propagate": lambda p, at: 0.5 * RULES["propagate"](p, at)}
    found = diagnosed(Textbook(rules))
    assert [(d.name.bug, d.name.layer) for d in found] == [("", 2), ("", 1)], f"told {found}"


def _only_first(p):
    grads = RULES["returned"](p)
    return [grads[0], *((0.0 * dw, 0.0 * db) for dw, db in grads[1:])]


@pytest.mark.parametrize("l2", ["", " l2=0.2"])
def test_layers_that_are_returned_as_zeros_do_not_make_those_below_look_wrong(l2):
    network = Network.parse(f"3-4-3-2 tanh,tanh,sigmoid half_squared_error mean{l2}")
    found = diagnosed(Textbook({"returned": _only_first}), network)
    for d in found:
        assert "trained" in d.explanation, f"told {d.explanation}"
        assert d.name.layer != 1, f"the first layer is right: {d.explanation}"


def test_the_gradient_of_the_penalty_alone_is_one_thing():
    rules = {
        "weight_product": lambda p, at: 0.0 * p.weights(at),
        "bias_sum": lambda p, at: 0.0 * p.pairs[at - 1][1],
    }
    found = diagnosed(Textbook(rules))
    assert [(d.name.bug, d.name.site) for d in found] == [("", "returned_gradient")], found
    assert "penalty alone" in found[0].explanation, found[0].explanation
