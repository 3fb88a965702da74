"""What a diagnosis says holds on problems that took no part in it, and nothing contradicts."""

import numpy as np
import pytest

from gradcheck.contract.protocol import Call, Request
from gradcheck.networks.bugs import CATALOGUE
from gradcheck.networks.bugs.textbook import RULES, Textbook, only_in
from gradcheck.networks.diagnosis.observations import simulate
from gradcheck.networks.diagnosis.whole_network import Bare
from gradcheck.networks.notation import NATIVE
from gradcheck.networks.problem import Network
from gradcheck.networks.sampling import Support, problem
from tests.networks.diagnosis.test_diagnosis import NETWORK, diagnosed
from tests.tiers import sampled

#: Whole examinations, of a second or more each.
pytestmark = pytest.mark.slow

SQUARED = Network.parse("3-4-1 tanh,sigmoid half_squared_error")


def _placed(found):
    return [(d.name.bug, d.name.site, d.name.layer) for d in found]


@pytest.mark.parametrize("seed", sampled([3, 4]))
def test_a_ratio_that_one_sample_has_is_not_called_a_factor(seed):
    """With one output and one sample any error of the output is a multiple of the right one."""
    rules = {"output_delta": lambda p: np.sinh(p.a[p.last] - p.y) * p.a[p.last]}
    found = diagnosed(Textbook(rules), SQUARED, seed=seed)
    assert found, "nothing was diagnosed"
    for d in found:
        assert "factor" not in d.recovered, f"a number of one sample was told: {d.explanation}"
        assert "times what it should be" not in d.explanation, d.explanation


def test_a_factor_that_depends_on_the_number_of_samples_is_no_number():
    rules = {"bias_sum": lambda p, at: RULES["bias_sum"](p, at) * len(p.y) / (len(p.y) + 1)}
    found = diagnosed(Textbook(only_in(2, rules)))
    assert _placed(found) == [("", "bias_gradient", 2)], f"told {found}"
    assert "0.5" not in found[0].explanation, found[0].explanation


def test_a_factor_that_holds_everywhere_is_told():
    rules = {"weight_product": lambda p, at: 1.7 * RULES["weight_product"](p, at)}
    found = diagnosed(Textbook(only_in(2, rules)))
    assert [round(d.recovered.get("factor", 0), 6) for d in found] == [1.7], f"told {found}"


def test_a_factor_that_differs_from_problem_to_problem_is_said_to_differ():
    def rule(p):
        pairs = RULES["returned"](p)
        size = np.sqrt(sum((g**2).sum() for pair in pairs for g in pair))
        return [(dw / (1 + size), db / (1 + size)) for dw, db in pairs]

    network = Network.parse("3-5-2 tanh,identity half_squared_error")
    found = diagnosed(Textbook({"returned": rule}), network)
    assert [d.name.site for d in found] == ["returned_gradient"], f"told {found}"
    assert "another one on every problem" in found[0].explanation, found[0].explanation


def test_neither_gradient_of_a_layer_averaged_is_one_thing():
    rules = {
        "weight_gradient": lambda p, at: len(p.y) * RULES["weight_gradient"](p, at),
        "bias_gradient": lambda p, at: len(p.y) * RULES["bias_gradient"](p, at),
    }
    network = Network.parse("3-5-4-2 tanh,sigmoid,identity half_squared_error mean")
    found = diagnosed(Textbook(only_in(2, rules)), network)
    assert _placed(found) == [("", "batch_reduction", 2)], f"told {found}"


@pytest.mark.parametrize("layer", sampled([1, 2]))
def test_right_numbers_in_wrong_places_are_told_as_that(layer):
    def rule(p):
        pairs = RULES["returned"](p)
        dw, db = pairs[layer - 1]
        whole = np.roll(np.concatenate([dw.ravel(), db]), 1)
        pairs[layer - 1] = whole[: dw.size].reshape(dw.shape), whole[dw.size :]
        return pairs

    found = diagnosed(Textbook({"returned": rule}))
    assert _placed(found) == [("", "returned_gradient", layer)], f"told {found}"
    assert "wrong places" in found[0].explanation, found[0].explanation


def test_samples_mixed_up_in_one_product_are_not_told_of_the_delta_as_well():
    def rule(p, at):
        return p.a[at - 1][::-1].T @ p.delta[at]

    found = diagnosed(Textbook(only_in(1, {"weight_product": rule})))
    assert [d.name.site for d in found] == ["weight_gradient"], f"told {found}"


@pytest.mark.parametrize(
    ("loss", "gradient"),
    [
        ("biases_penalised_in_loss", "biases_penalised"),
        ("penalty_missing_in_loss", "penalty_gradient_missing"),
        ("penalty_half_missing_in_loss", "penalty_gradient_doubled"),
    ],
)
def test_a_loss_and_a_gradient_that_agree_are_not_set_against_each_other(loss, gradient):
    rules = {**CATALOGUE[loss].rules, **CATALOGUE[gradient].rules}
    found = diagnosed(Textbook(rules))
    assert len(found) == 1, f"one convention was told as {[d.explanation for d in found]}"
    told = found[0]
    sites = ("forward", "regularisation")
    assert told.name.site in sites, f"placed in {told.name.site}: {told.explanation}"


def test_a_name_that_fits_one_layer_by_chance_is_not_given_where_the_rule_is_wrong_in_all():
    """sign(a) is 1 above a sigmoid, so that the input seems to be left out there."""
    rules = {"weight_product": lambda p, at: np.sign(p.a[at - 1]).T @ p.delta[at]}
    network = Network.parse("3-5-4-2 tanh,sigmoid,identity half_squared_error")
    found = diagnosed(Textbook(rules), network)
    assert {d.name.bug for d in found} == {""}, f"told {[d.explanation for d in found]}"
    assert {d.name.layer for d in found} == {1, 2, 3}, f"told of {_placed(found)}"


def test_a_name_that_another_network_refutes_is_taken_back():
    """In layers that follow a sigmoid alone this code leaves the input out: it takes its sign."""
    rules = only_in(2, {"weight_product": lambda p, at: np.sign(p.a[at - 1]).T @ p.delta[at]})
    networks = [
        Network.parse("3-5-4-2 sigmoid,tanh,identity half_squared_error"),
        Network.parse("3-4-2 tanh,identity half_squared_error"),
    ]
    found = diagnosed(Textbook(rules), networks)
    assert _placed(found) == [("", "weight_gradient", 2)], f"told {found}"


def test_weights_updated_too_early_are_named_in_code_without_biases():
    network = Network.parse("3-4-3-2 tanh,tanh,tanh half_squared_error")
    slug = "weights_updated_before_hidden_delta"
    found = diagnosed(Bare(CATALOGUE[slug].rules), network)
    assert _placed(found) == [(slug, "delta_recursion", 2), (slug, "delta_recursion", 1)], found


@pytest.mark.parametrize("rate", sampled([0.07, 0.5]))
def test_weights_updated_inside_the_gradient_are_named_in_all_layers_without_biases(rate):
    network = Network.parse("3-5-4-3-2 tanh,sigmoid,relu,identity mean_squared_error")
    slug = "weights_updated_inside_gradient"
    found = diagnosed(Bare(CATALOGUE[slug].having(rate).rules), network)
    assert _placed(found) == [(slug, "delta_recursion", layer) for layer in (3, 2, 1)], found
    for d in found:
        assert np.isclose(d.recovered["learning_rate"], rate), f"recovered {d.recovered}"


@pytest.mark.parametrize("call", sampled([Call.LOSS_AND_GRADS, Call.STEP]))
def test_right_code_without_biases_is_right_code(call):
    network = Network.parse("3-4-3-2 tanh,sigmoid,identity half_squared_error")
    asked = problem(1, 0, Support(networks=(network,), batch_sizes=(3,)))
    request = Request(call, asked, learning_rate=0.1)
    right = simulate({}, (request,))[0]
    loss = Bare().loss_and_grads(network, asked.params.copies(), asked.batch)[0]
    assert call is Call.STEP or np.isclose(loss, right.loss), f"{loss} for {right.loss}"
    if call is Call.STEP:
        bare = Bare().step(network, asked.params.copies(), asked.batch, 0.1)
    else:
        bare = Bare().loss_and_grads(network, asked.params.copies(), asked.batch)[1]
    for mine, theirs in zip(bare, right.tensors.pairs, strict=True):
        for one, two in zip(mine, theirs, strict=True):
            assert np.allclose(one, two, atol=1e-12), f"{one} for {two}"


def test_weights_that_get_zeros_alone_have_one_name_and_keep_it_elsewhere():
    rules = {"weight_gradient": lambda p, at: 0.0 * p.weights(at)}
    networks = [NETWORK, Network.parse("3-4-2 tanh,identity half_squared_error mean l2=0.37")]
    found = diagnosed(Textbook(rules), networks)
    named = [("weights_never_trained", "weight_gradient", layer) for layer in (3, 2, 1)]
    assert _placed(found) == named, f"told {[d.explanation for d in found]}"


class _Once(Textbook):
    """Right code, but for one problem on which it is off by a rounding."""

    def loss_and_grads(self, network, params, batch):
        loss, grads = super().loss_and_grads(network, params, batch)
        if len(batch.x) == 3 and abs(batch.x).sum() > 4:
            grads[0][0][0, 0] += 1e-12 * abs(grads[0][0]).max()
        return loss, grads


def test_code_that_is_pure_is_not_said_to_keep_anything():
    found = diagnosed(_Once(), NETWORK, sizes=(1, 2, 3))
    for d in found:
        assert d.name.site != "state", f"pure code was accused: {d.explanation}"
        assert "asked again" not in d.explanation, d.explanation


@pytest.mark.parametrize("factor", sampled([0.2, 0.05, 4.0]))
def test_one_number_is_not_told_as_two_bugs_whose_product_it_is(factor):
    """Twice the slope and a rate of 0.1 in the delta make 0.2 as well."""
    rules = {"propagate": lambda p, at: factor * RULES["propagate"](p, at)}
    network = Network.parse("2-3-3-2 tanh,tanh,identity half_squared_error")
    found = diagnosed(Textbook(rules), network)
    assert {d.name.layer for d in found} == {1, 2}, f"told {found}"
    assert len(found) == 2, f"one number in each of two layers is told as {found}"


def test_two_divisors_are_told_apart_where_one_sample_cannot_be_asked():
    network = Network.parse("4-3-2-2-1 tanh,sigmoid,tanh,sigmoid half_squared_error mean")
    found = diagnosed(CATALOGUE["divided_by_samples_minus_one"].planted(), network, sizes=(2, 3, 4))
    assert _placed(found) == [("divided_by_samples_minus_one", "batch_reduction", None)], found


class _Sized(Textbook):
    """Code that notes which numbers of samples it is asked."""

    def loss_and_grads(self, network, params, batch):
        self.memory.setdefault("asked", set()).add(len(batch.x))
        return super().loss_and_grads(network, params, batch)


def test_code_for_some_numbers_of_samples_is_asked_no_others():
    network = Network.parse("4-5-3 tanh,sigmoid half_squared_error mean")
    code = _Sized(CATALOGUE["derivative_negative"].rules)
    found = diagnosed(code, network, sizes=(1, 4))
    assert {d.name.bug for d in found} == {"derivative_negative"}, f"diagnosed: {found}"
    assert code.memory["asked"] == {1, 4}, f"asked {code.memory['asked']} samples"


def test_a_factor_that_one_sample_does_not_have_is_no_number():
    """All batches of one size agree on 1 / N^2; one sample shows that it is no factor."""
    rules = {"propagate": lambda p, at: RULES["propagate"](p, at) / len(p.y) ** 2}
    network = Network.parse("3-4-3-2 tanh,tanh,identity half_squared_error sum")
    found = diagnosed(Textbook(rules), network, sizes=(1, 3))
    assert found, "nothing was diagnosed"
    for d in found:
        assert "times what it should be" not in d.explanation, d.explanation
        sites = {d.name.site} | {name.site for name in d.also}
        assert "delta_recursion" in sites, f"told {d}"


def test_a_mean_at_every_layer_is_named_where_the_loss_is_a_sum():
    slug = "batch_mean_at_every_layer"
    network = Network.parse("3-4-3-2 tanh,tanh,identity half_squared_error sum")
    found = diagnosed(Textbook(CATALOGUE[slug].rules), network, sizes=(1, 3))
    assert _placed(found) == [(slug, "delta_recursion", 2), (slug, "delta_recursion", 1)], found


def test_a_slope_that_depends_on_the_layer_above_is_not_told_of_what_comes_back_alone():
    """With one output the outputs' slope broadcasts over the hidden units."""

    def rule(p, at):
        return np.broadcast_to(p.a[p.last] * (1 - p.a[p.last]), p.z[at].shape)

    network = Network.parse("2-3-1 sigmoid,sigmoid squared_error")
    found = diagnosed(Textbook(only_in(1, {"activation_derivative": rule})), network)
    assert len(found) == 1, f"told {found}"
    sites = {found[0].name.site} | {name.site for name in found[0].also}
    assert sites == {"delta_recursion", "activation_derivative"}, found
    assert "slope(z)" in found[0].explanation, found[0].explanation


def test_a_mean_too_much_is_not_named_as_that_of_a_sum_where_means_are_wrong_too():
    """Divided by N once more whatever the loss is: an extra mean for sums, a second for means."""
    rules = {"scale": lambda p: RULES["scale"](p) / len(p.y)}
    networks = [
        Network.parse("3-4-2 tanh,identity half_squared_error sum"),
        Network.parse("3-5-2 tanh,identity half_squared_error mean"),
    ]
    found = diagnosed(Textbook(rules), networks, sizes=(3, 4))
    assert _placed(found) == [("", "batch_reduction", None)], found
    for reduction, slug in [("sum", "batch_mean_extra"), ("mean", "batch_mean_twice")]:
        bug = CATALOGUE[slug]
        found = diagnosed(Textbook(bug.rules), networks, sizes=(3, 4))
        assert _placed(found) == [(slug, "batch_reduction", None)], (reduction, found)


@pytest.mark.parametrize(
    "loss", sampled(["half_squared_error", "squared_error", "mean_squared_error"])
)
def test_twice_the_error_is_not_told_as_twice_the_slope(loss):
    rules = {"output_delta": lambda p: 2.0 * RULES["output_delta"](p)}
    network = Network.parse(f"3-4-2 tanh,sigmoid {loss}")
    found = diagnosed(Textbook(rules), network)
    assert [(d.name.bug, d.name.layer) for d in found] == [("factor_two_extra", 2)], found


def test_a_penalty_that_is_no_multiple_of_l2_is_not_told_as_one():
    """With l2 = 10 alone, a bound of 1 is a tenth."""

    def bounded(p, at):
        return min(p.network.l2, 1.0) * p.weights(at)

    networks = [
        Network.parse("3-4-2 tanh,identity half_squared_error mean l2=10"),
        Network.parse("3-4-2 tanh,identity half_squared_error mean l2=0.37"),
    ]
    found = diagnosed(Textbook({"penalty_gradient": bounded}), networks)
    assert {(d.name.bug, d.name.site) for d in found} == {("", "regularisation")}, f"told {found}"
    rate = CATALOGUE["penalty_times_rate"]
    found = diagnosed(rate.planted(), networks)
    assert {d.name.bug for d in found} == {"penalty_times_rate"}, f"told {found}"


def test_a_factor_at_one_batch_size_is_not_placed_where_the_batch_is_divided():
    found = diagnosed(
        Textbook({"output_delta": lambda p: 1.5 * RULES["output_delta"](p)}), sizes=(4,)
    )
    sites = {name.site for d in found for name in (d.name, *d.also)}
    assert {"loss_derivative", "batch_reduction"} <= sites, f"told {found}"


@pytest.mark.parametrize("layer", sampled([1, 2]))
def test_an_error_without_slopes_is_that_of_the_outputs_only_there(layer):
    network = Network.parse("3-4-3-2 tanh,sigmoid,tanh half_squared_error")
    found = diagnosed(CATALOGUE["raw_error_passed_back"].planted(layer), network)
    assert _placed(found) == [("raw_error_passed_back", "delta_recursion", layer)], found
    told = NATIVE.tell(found[0].explanation, layer, network.depth)
    assert "(at the outputs a - y, below what was passed back)" in told, told
    assert "with e = " not in told, told
