"""A planted bug is named, at its place; what is in no dictionary is localised, never guessed."""

from types import SimpleNamespace

import numpy as np
import pytest

import gradcheck
from gradcheck.checks import CHECKS
from gradcheck.comparison.calibration import calibrate
from gradcheck.execution.calling import InProcess
from gradcheck.execution.session import drive
from gradcheck.networks import sampling
from gradcheck.networks.bugs import CATALOGUE
from gradcheck.networks.bugs.textbook import RULES, Textbook, only_in
from gradcheck.networks.dense_networks import DenseNetworks, NetworkContext
from gradcheck.networks.diagnosis import BugAtPlace, diagnose
from gradcheck.networks.fast_estimate import Truths
from gradcheck.networks.problem import Network
from gradcheck.networks.sampling import Support
from gradcheck.run.full_report import FINDERS, prove
from tests.tiers import sampled, telling

TRUTHS = Truths()
NETWORK = Network.parse("3-5-4-2 tanh,sigmoid,identity half_squared_error mean l2=0.1")


def diagnosed(code, network=NETWORK, sizes=(1, 2, 3, 4), seed=3):
    """Let code that supports one network, or some, be found wrong, and diagnosed."""
    session = InProcess(code)
    networks = tuple(network) if isinstance(network, list) else (network,)
    support = Support(networks=networks, batch_sizes=sizes)
    problems = tuple(sampling.problem(seed, i, support) for i in range(25))
    subject = DenseNetworks(support, TRUTHS)
    plan = NetworkContext(problems, subject, drive(calibrate(subject, problems), session), seed)
    findings = [
        f for check in CHECKS if check.slug in FINDERS for f in drive(check.run(plan), session)
    ]
    return drive(diagnose(plan, findings), session)


def names(diagnoses):
    return {name for d in diagnoses for name in (d.name, *d.also)}


def test_right_code_gets_no_diagnosis():
    assert diagnosed(Textbook()) == [], "right code was given a diagnosis"


@pytest.mark.parametrize(
    ("slug", "layer"),
    [
        ("tanh_derivative_uses_tan", 1),
        ("derivative_at_activated_value", 2),
        ("first_output_weight_reused", 2),
        ("weights_updated_before_hidden_delta", 1),
        ("output_error_sign_lost", 3),
        ("batch_mean_missing", None),
        ("bias_gradient_not_summed", 1),
    ],
)
def test_a_bug_in_one_layer_is_named_there(slug, layer):
    bug = CATALOGUE[slug]
    found = diagnosed(bug.planted(layer))
    assert BugAtPlace(slug, bug.site, layer) in names(found), f"diagnosed: {found}"


def test_a_bug_in_every_layer_is_told_of_each():
    found = diagnosed(CATALOGUE["derivative_at_activated_value"].planted())
    layers = [d.name.layer for d in found]
    assert layers == [2, 1], f"told of layers {layers}"


def test_two_bugs_are_each_named_from_the_top_down():
    one = only_in(2, CATALOGUE["derivative_at_activated_value"].rules)
    two = only_in(1, CATALOGUE["bias_gradient_negated"].rules)
    found = diagnosed(Textbook({**one, **two}))
    assert [(d.name.bug, d.name.layer) for d in found] == [
        ("derivative_at_activated_value", 2),
        ("bias_gradient_negated", 1),
    ], f"diagnosed: {found}"


@pytest.mark.parametrize("seed", telling(sampled(range(4)), 2))
@pytest.mark.parametrize(
    ("rule", "site", "layer"),
    [
        ("activation_derivative", "activation_derivative", 1),
        ("propagate", "delta_recursion", 2),
        ("loss_derivative", "loss_derivative", 3),
        ("weight_product", "weight_gradient", 2),
        ("bias_sum", "bias_gradient", 3),
    ],
)
def test_a_formula_in_no_dictionary_is_localised_and_not_named(rule, site, layer, seed):
    a, b, c = np.random.default_rng(seed).uniform(0.3, 1.7, 3)

    def odd(t):
        return c * np.sin(a * t + b) + 0.3 * np.tanh(t) ** 2

    rules = {
        "activation_derivative": lambda p, at: odd(p.z[at]),
        "propagate": lambda p, at: p.delta[at + 1] @ odd(p.weights(at + 1)).T,
        "loss_derivative": lambda p: odd(p.a[p.last] - p.y),
        "weight_product": lambda p, at: odd(p.a[at - 1]).T @ p.delta[at],
        "bias_sum": lambda p, at: odd(p.delta[at]).sum(axis=0),
    }
    found = diagnosed(Textbook(only_in(layer, {rule: rules[rule]})))
    assert {(d.certainty, d.name.bug) for d in found} == {("localised", "")}, f"named: {found}"
    assert (site, layer) in {(n.site, n.layer) for n in names(found)}, f"localised: {found}"


def test_the_implied_derivative_lies_on_the_wrong_formula():
    rules = {"activation_derivative": lambda p, at: np.cos(p.z[at]) + 0.2}
    found = diagnosed(Textbook(only_in(1, rules)))
    implied = found[0].implied
    off = np.abs(implied.derivative - (np.cos(implied.z) + 0.2)).max()
    assert off < 1e-9, f"the implied derivative is off by {off}"


def test_a_factor_is_recovered():
    rules = {"bias_sum": lambda p, at: 0.37 * RULES["bias_sum"](p, at)}
    found = diagnosed(Textbook(only_in(2, rules)))
    factor = found[0].recovered.get("factor", 0.0)
    assert abs(factor - 0.37) < 1e-9, f"recovered {found[0].recovered}"


@pytest.mark.parametrize(
    ("slug", "name", "number", "network"),
    telling(
        [
            ("weights_updated_inside_gradient", "learning_rate", 0.43, NETWORK),
            ("delta_added_before_and_after_update", "learning_rate", 0.29, NETWORK),
            ("updated_parameters_returned", "learning_rate", 0.7, NETWORK),
            ("weight_decay_in_gradient", "coefficient", 0.21, NETWORK),
            ("step_with_rate_of_its_own", "learning_rate", 0.053, NETWORK),
            ("step_decays_weights", "coefficient", 0.3, NETWORK),
            ("leaky_slope_differs", "slope", 0.23, "3-4-2 leaky_relu,tanh half_squared_error"),
            ("relu_derivative_leaks", "slope", 0.05, "3-4-2 relu,tanh half_squared_error"),
        ]
    ),
)
def test_the_number_in_a_bug_is_recovered(slug, name, number, network):
    network = Network.parse(network) if isinstance(network, str) else network
    found = diagnosed(Textbook(CATALOGUE[slug].having(number).rules), network)
    assert {d.name.bug for d in found} == {slug}, f"diagnosed: {found}"
    for d in found:
        assert abs(d.recovered[name] / number - 1) < 1e-9, f"recovered {d.recovered}"
        assert f"{number:g}" in d.explanation, f"the explanation hides it: {d.explanation}"


def test_the_rate_inside_a_step_is_recovered():
    found = diagnosed(CATALOGUE["weights_updated_before_hidden_delta"].planted(1))
    assert [d.recovered for d in found] == [{"learning_rate": 0.173}], f"diagnosed: {found}"


def test_a_coefficient_of_the_penalty_is_recovered():
    rules = {"penalty_gradient": lambda p, at: 3.3 * RULES["penalty_gradient"](p, at)}
    found = diagnosed(Textbook(only_in(2, rules)))
    assert [(d.name.site, d.name.layer) for d in found] == [("regularisation", 2)], f"{found}"
    assert abs(found[0].recovered["coefficient"] - 0.33) < 1e-9, f"{found[0].recovered}"


def test_the_implied_matrix_is_the_one_the_code_goes_back_through():
    found = diagnosed(CATALOGUE["first_output_weight_reused"].planted(1))
    implied = found[0].implied
    columns = np.repeat(implied.weights[:, :1], implied.weights.shape[1], axis=1)
    off = np.abs(implied.matrix - columns).max()
    assert off < 1e-9, f"the implied matrix is off by {off}"


def test_a_named_derivative_is_pictured_too():
    found = diagnosed(CATALOGUE["tanh_derivative_uses_tan"].planted(1))
    implied = found[0].implied
    off = np.abs(implied.derivative - (1 - np.tanh(implied.z) * np.tan(implied.z))).max()
    assert off < 1e-9, f"the points are off the wrong formula by {off}"
    assert implied.z.size >= 20, f"there are only {implied.z.size} points"


@pytest.mark.parametrize("slug", [b.slug for b in CATALOGUE.values() if b.site == "state"])
def test_what_is_kept_between_calls_is_named(slug):
    found = diagnosed(CATALOGUE[slug].planted())
    assert slug in {n.bug for n in names(found)}, f"diagnosed: {found}"


@pytest.mark.parametrize(
    ("whole", "inside"),
    telling(
        [
            ("descent_direction_returned", "hidden_delta_negated"),
            ("gradient_times_rate", "bias_gradient_negated"),
            ("divided_by_inputs_not_samples", "derivative_squared"),
            ("layers_returned_in_reverse", "derivative_at_activated_value"),
        ]
    ),
)
def test_a_bug_of_the_whole_gradient_and_one_in_a_layer_are_both_named(whole, inside):
    network = Network.parse("3-3-3 tanh,sigmoid half_squared_error mean l2=0.1")
    rules = {**CATALOGUE[whole].rules, **only_in(1, CATALOGUE[inside].rules)}
    found = diagnosed(Textbook(rules), network)
    assert {whole, inside} <= {n.bug for n in names(found)}, f"diagnosed: {found}"
    wrong = {
        d.name.bug for d in found if not {whole, inside} & {d.name.bug, *(n.bug for n in d.also)}
    }
    assert not wrong, f"named besides: {wrong}"


class Narrow:
    """Code that computes in float32."""

    def __init__(self, code):
        self.code = code

    def loss_and_grads(self, network, params, batch):
        params = [(w.astype(np.float32), b.astype(np.float32)) for w, b in params]
        batch = SimpleNamespace(x=batch.x.astype(np.float32), y=batch.y.astype(np.float32))
        loss, grads = self.code.loss_and_grads(network, params, batch)
        return loss, [(dw.astype(np.float32), db.astype(np.float32)) for dw, db in grads]


@pytest.mark.parametrize(
    "slug", ["tanh_derivative_uses_tan", "first_output_weight_reused", "descent_direction_returned"]
)
def test_names_hold_through_float32(slug):
    found = diagnosed(Narrow(CATALOGUE[slug].planted()))
    assert {d.name.bug for d in found} == {slug}, f"diagnosed: {found}"


def test_a_gradient_of_zeros_is_said_to_be_one_and_given_no_name():
    zeros = {"returned": lambda p: [(0.0 * w, 0.0 * b) for w, b in p.pairs]}
    found = diagnosed(Textbook(zeros))
    assert [(d.name.bug, d.name.site) for d in found] == [("", "returned_gradient")], f"{found}"
    assert "zero" in found[0].explanation, f"{found[0].explanation}"


@pytest.mark.parametrize(
    ("returned", "said", "certainty"),
    [
        (lambda g: [(1.7 * w, 1.7 * b) for w, b in g], "1.7 times", "localised"),
        (lambda g: [(0 * w, 0 * b) for w, b in g[:-1]] + g[-1:], "layers 1 to 2", "localised"),
        (lambda g: [(0 * w + 1, 0 * b + 1) for w, b in g], "no place stands out", "unknown"),
    ],
)
def test_what_is_wrong_with_the_whole_is_told_once_and_given_no_name(returned, said, certainty):
    rules = {"returned": lambda p: returned(RULES["returned"](p))}
    found = diagnosed(Textbook(rules))
    assert [(d.name.bug, d.name.site) for d in found] == [("", "returned_gradient")], f"{found}"
    assert said in found[0].explanation, f"{found[0].explanation}"
    assert found[0].certainty == certainty, f"{found[0]}"


def test_a_factor_of_the_output_delta_is_told_with_what_is_the_same_function():
    network = Network.parse("3-4-2 tanh,identity half_squared_error")
    rules = {"loss_derivative": lambda p: 1.7 * RULES["loss_derivative"](p)}
    found = diagnosed(Textbook(rules), network)
    sites = {(n.site, n.layer) for n in names(found)}
    assert {("loss_derivative", 2), ("returned_gradient", None)} <= sites, f"{found}"
    assert abs(found[0].recovered["factor"] - 1.7) < 1e-9, f"{found[0].recovered}"


def test_what_cannot_be_told_apart_is_said():
    found = diagnosed(CATALOGUE["activation_in_place"].planted(1))
    assert found[0].certainty == "class", f"diagnosed: {found}"
    other = CATALOGUE[next(n.bug for n in found[0].also)].title
    assert other in found[0].explanation, f"{found[0].explanation}"


class Guarded:
    """Code for two activations and squared losses."""

    def __init__(self, code):
        self.code = code

    def loss_and_grads(self, network, params, batch):
        if set(network.activations) - {"relu", "tanh", "softmax", "identity"} or network.l2:
            raise NotImplementedError
        return self.code.loss_and_grads(network, params, batch)


@pytest.mark.slow
@pytest.mark.parametrize(
    "slug", sampled(["relu_derivative_missing", "first_output_weight_reused", "transpose_missing"])
)
def test_what_one_network_does_not_tell_apart_another_does(slug):
    record = gradcheck.check(Guarded(CATALOGUE[slug].planted()), examples=80, seed=2)
    diagnoses = record.data["implementations"][0]["diagnoses"]
    assert {d["bug"] for d in diagnoses} == {slug}, f"diagnosed: {diagnoses}"
    assert {d["certainty"] for d in diagnoses} == {"named"}, f"diagnosed: {diagnoses}"


def test_in_code_for_one_tiny_network_a_bug_is_still_placed():
    network = Network.parse("2-2-2 sigmoid,sigmoid half_squared_error")
    bug = CATALOGUE["first_output_weight_reused"]
    found = diagnosed(bug.planted(), network, sizes=(1,))
    assert ("delta_recursion", 1) in {(n.site, n.layer) for n in names(found)}, f"{found}"


#: Bugs that show in several samples alone: on a network of two inputs few problems tell them.
OF_BATCHES = ("derivative_of_batch_mean", "derivative_of_next_sample", "delta_averaged_over_batch")


@pytest.mark.slow
@pytest.mark.parametrize("slug", dict.fromkeys([*OF_BATCHES, *sampled(CATALOGUE, 12)]))
def test_catalogued_bugs_are_found_and_named(slug):
    bug = CATALOGUE[slug]
    entry, diagnoses = prove(bug, 0, TRUTHS)
    assert entry["caught"], f"{slug} was not found by any check"
    assert entry["named"], f"{slug} was called {diagnoses}"


@pytest.mark.parametrize("slug", OF_BATCHES)
def test_a_bug_of_batches_keeps_its_name_where_layers_are_narrow(slug):
    networks = [
        Network.parse("2-2-2-2 leaky_relu,tanh,identity half_squared_error sum"),
        Network.parse("2-3-1 tanh,identity half_squared_error"),
    ]
    bug = CATALOGUE[slug]
    found = diagnosed(bug.planted(), networks)
    assert {d.name.bug for d in found} == {slug}, f"diagnosed: {found}"


def test_the_record_carries_the_diagnosis_and_the_example_by_hand():
    record = gradcheck.check(CATALOGUE["tanh_derivative_uses_tan"].planted(), examples=60, seed=1)
    entry = record.data["implementations"][0]
    diagnosis = entry["diagnoses"][0]
    assert diagnosis["bug"] == "tanh_derivative_uses_tan", f"{diagnosis}"
    assert diagnosis["certainty"] == "named", f"{diagnosis}"
    lines = entry["counterexample"]["by_hand"]
    first = next(line["quantity"] for line in lines if line["differs"])
    assert first.startswith("delta"), f"the first line that differs is {first}"


def test_small_gradients_that_are_left_out_are_not_called_rounded():
    text = "7-1-4-7-4 identity,sigmoid,sigmoid,softmax half_squared_error mean l2=0.02"
    name = BugAtPlace("bias_skipped_for_one_sample", "bias_gradient", 2)
    code = CATALOGUE[name.bug].planted(2)
    found = diagnosed(code, Network.parse(text), tuple(range(1, 9)), seed=11)
    assert name in names(found), f"told is {[d.name for d in found]}"
    assert not any(n.site == "numerics" for n in names(found)), "zeros are taken for decimals"
