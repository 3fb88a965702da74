"""An answer of another form than agreed is read, and told as what it is: it is no zero."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.contract.conventions import Conventions, OwnNames
from gradcheck.contract.protocol import (
    DICTIONARY,
    MOST_NUMBERS,
    Call,
    ContractError,
    Request,
    outline,
)
from gradcheck.execution import wire
from gradcheck.execution.calling import InProcess
from gradcheck.networks.bugs import CATALOGUE
from gradcheck.networks.bugs.textbook import Textbook
from gradcheck.networks.diagnosis.wrong_form import in_code
from gradcheck.networks.notation import NATIVE, Notation
from gradcheck.networks.problem import Network
from gradcheck.networks.sampling import Support, problem
from tests.networks.diagnosis.test_diagnosis import diagnosed


class Formed(Textbook):
    """Right code, or a bug, that returns its answer in another form."""

    def __init__(self, form, rules=None):
        super().__init__(rules)
        self.form = form

    def loss_and_grads(self, network, params, batch):
        loss, grads = super().loss_and_grads(network, params, batch)
        return self.form(loss, grads)


def _named(grads):
    return {
        f"d{k}{n}": g for n, pair in enumerate(grads, 1) for k, g in zip("Wb", pair, strict=True)
    }


#: A form, what is said of it, and the site.
FORMS = {
    "transposed": (
        lambda loss, grads: (loss, [(dw.T, db) for dw, db in grads]),
        "it is transposed",
        "weight_gradient",
    ),
    "last layer first": (
        lambda loss, grads: (loss, grads[::-1]),
        "last layer first",
        "returned_gradient",
    ),
    "swapped": (lambda loss, grads: (grads, loss), "other way round", "returned_gradient"),
    "no loss": (lambda loss, grads: grads, "without the loss", "returned_gradient"),
    "no gradient": (lambda loss, grads: loss, "no gradient", "returned_gradient"),
    "nothing": (lambda loss, grads: None, "returns None", "returned_gradient"),
    "gradient None": (lambda loss, grads: (loss, None), "returns None", "returned_gradient"),
    "flat": (
        lambda loss, grads: (loss, [g for pair in grads for g in pair]),
        "one row dW1, db1",
        "returned_gradient",
    ),
    "vector": (
        lambda loss, grads: (loss, np.concatenate([g.ravel() for p in grads for g in p])),
        "one flat vector",
        "returned_gradient",
    ),
    "two lists": (
        lambda loss, grads: (loss, [dw for dw, _ in grads], [db for _, db in grads]),
        "list of all dW",
        "returned_gradient",
    ),
    "dictionary": (lambda loss, grads: (loss, _named(grads)), "dictionary", "returned_gradient"),
    "biases in columns": (
        lambda loss, grads: (loss, [(dw, db[:, None]) for dw, db in grads]),
        "its numbers are right, in another shape",
        "bias_gradient",
    ),
    "biases first": (
        lambda loss, grads: (loss, [(db, dw) for dw, db in grads]),
        "pairs (db, dW)",
        "returned_gradient",
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_right_numbers_in_another_form_are_told_to_be_right(name):
    form, said, site = FORMS[name]
    found = diagnosed(Formed(form))
    texts = [d.explanation for d in found]
    assert len(found) == 1, f"one form was told as {texts}"
    assert said in texts[0], f"told as {texts[0]!r}"
    assert found[0].name.site == site, f"placed in {found[0].name.site}"
    assert "zero" not in texts[0], f"a failed answer was called a zero: {texts[0]}"
    if name not in ("no gradient", "nothing", "gradient None"):
        assert "right" in texts[0], f"nobody said that the numbers are right: {texts[0]}"


def _sums(axis, layer=None, keep=False):
    def rule(p, at):
        delta = p.delta[at]
        total = delta.sum(axis=axis, keepdims=keep)
        return total if layer in (None, at) else delta.sum(axis=0)

    return {"bias_sum": rule}


@pytest.mark.parametrize(
    ("rules", "bug", "layer"),
    [
        (_sums(1), "bias_summed_over_units", None),
        (_sums(1, layer=2), "bias_summed_over_units", 2),
        (_sums(1, keep=True), "bias_summed_over_units", None),
        (_sums(None), "bias_gradient_one_number", None),
        (_sums(None, layer=3), "bias_gradient_one_number", 3),
        ({"bias_sum": lambda p, at: p.delta[at]}, "bias_gradient_not_summed", None),
    ],
)
@pytest.mark.parametrize("sizes", [(1, 2, 3, 4), (3,), (1, 6)])
def test_the_shape_of_a_bias_gradient_names_the_axis(rules, bug, layer, sizes):
    found = diagnosed(Textbook(rules), sizes=sizes)
    told = [(d.name.bug, d.name.layer, d.certainty) for d in found]
    assert told == [(bug, layer, "named")], f"told {told}"


class Foreign(Textbook):
    """A reading of foreign code: it says of one tensor alone that its shape is another."""

    def loss_and_grads(self, network, params, batch):
        loss, grads = super().loss_and_grads(network, params, batch)
        for layer, ((_, db), (_, b)) in enumerate(zip(grads, params, strict=True), start=1):
            if db.size != b.size:
                name = f"db{layer}"
                text = f"{name} has shape {db.shape}, expected {b.size} numbers"
                raise ContractError(text, (name, db))
        return loss, grads


@pytest.mark.parametrize("keep", [False, True])
def test_batches_that_fail_name_the_axis_in_foreign_code(keep):
    found = diagnosed(Foreign(_sums(1, layer=2, keep=keep)))
    told = [(d.name.bug, d.name.layer, d.certainty) for d in found]
    assert told == [("bias_summed_over_units", 2, "named")], f"told {told}"
    assert "db2} has shape" in found[0].explanation, found[0].explanation
    assert "axis=0" not in found[0].fix, f"the advice may be the bug: {found[0].fix}"


def test_wrong_numbers_in_another_form_are_diagnosed_too():
    bug = CATALOGUE["derivative_at_activated_value"]
    form = FORMS["transposed"][0]
    found = diagnosed(Formed(form, bug.planted(2).rules))
    told = {(d.name.site, d.name.layer) for d in found}
    assert told >= {("weight_gradient", None), (bug.site, 2)}, f"told {told}"
    shape = next(d for d in found if d.name.site == "weight_gradient")
    assert "it looks transposed" in shape.explanation, shape.explanation


def test_a_loss_that_is_not_reduced_is_told_of_the_loss():
    found = diagnosed(Formed(lambda loss, grads: (np.full(3, loss), grads)))
    assert [d.name.site for d in found] == ["forward"], f"told {found}"
    assert "one number" in found[0].fix, found[0].fix


def test_what_has_no_form_at_all_is_said_to_be_unreadable():
    found = diagnosed(Formed(lambda loss, grads: (loss, "done")))
    assert [d.name.site for d in found] == ["returned_gradient"], f"told {found}"
    assert "cannot be read" in found[0].explanation, found[0].explanation
    assert "zero" not in found[0].explanation, found[0].explanation


@pytest.mark.parametrize("name", FORMS)
def test_a_worker_hands_on_what_came_back_as_it_is_here(name):
    network = Network.parse("2-3-1 tanh,identity half_squared_error")
    asked = problem(1, 0, Support(networks=(network,), batch_sizes=(3,)))
    seen = InProcess(Formed(FORMS[name][0])).ask(Request(Call.LOSS_AND_GRADS, asked))
    data = wire.pack(wire.answer_frame(1, seen))
    stream = iter([data[:12], data[12:]])
    frame = wire.read(lambda size: next(stream), (wire.ANSWER,))
    there = wire.read_answer(frame, Call.LOSS_AND_GRADS, asked)
    assert there.failure == seen.failure, f"{there.failure} came back for {seen.failure}"
    assert _same(there.returned, seen.returned), f"{there.returned} for {seen.returned}"


def _same(one, two):
    if isinstance(one, tuple):
        return isinstance(two, tuple) and len(one) == len(two) and all(map(_same, one, two))
    return np.array_equal(one, two) if isinstance(one, np.ndarray) else one == two


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.integers(-9, 9) | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


@given(_ANYTHING)
def test_whatever_comes_back_can_be_sent(raw):
    kept = outline(raw)
    frame = wire.Frame(wire.ANSWER, 1, (wire._from_outline(kept),))
    wire.unpack(wire.pack(frame)[12:])


def test_a_dictionary_is_kept_with_its_keys_and_too_much_is_not_kept():
    kept = outline({"dW1": np.ones((2, 3))})
    assert kept[:2] == (DICTIONARY, "dW1"), f"kept {kept}"
    assert outline(np.zeros(MOST_NUMBERS + 1)) == "ndarray", "too many numbers were kept"
    deep = [[[[[[[1.0]]]]]]]
    assert outline(deep) is not None, "deep lists have no outline"


#: The wrong factors of a weight gradient, and layers of a network of unlike widths where they are.
PRODUCTS = {
    "own_output_for_input": (lambda p, layer: (p.a[layer], p.delta[layer]), {1, 2, 3}),
    "network_input_for_every_layer": (lambda p, layer: (p.a[0], p.delta[layer]), {2, 3}),
    "weight_gradient_of_layer_above": (
        lambda p, layer: (p.a[layer - 1], p.delta[min(layer + 1, p.last)]),
        {1, 2},
    ),
}


@pytest.mark.parametrize("slug", PRODUCTS)
def test_a_product_of_wrong_factors_is_named_where_only_its_shape_was_wrong(slug):
    factors, layers = PRODUCTS[slug]

    def product(p, layer):
        inputs, delta = factors(p, layer)
        return p.apply("scale") * (inputs.T @ delta)

    network = Network.parse("2-4-3-5 tanh,tanh,identity half_squared_error mean")
    found = diagnosed(Textbook({"weight_gradient": product}), network)
    told = {(d.name.bug, d.name.layer) for d in found}
    assert told == {(slug, layer) for layer in layers}, f"told {told}"
    assert all("has shape" in d.explanation for d in found), found[0].explanation


def test_a_wrong_shape_of_no_known_product_keeps_its_place_alone():
    network = Network.parse("2-4-3 tanh,identity half_squared_error mean")
    wrong = Textbook({"weight_gradient": lambda p, layer: np.ones((7, 7))})
    found = diagnosed(wrong, network)
    assert found, "a wrong shape was not told"
    assert all(d.certainty == "localised" and not d.name.bug for d in found), f"told {found}"


def test_gradients_of_the_wrong_shape_are_called_what_the_code_calls_them():
    names = OwnNames("column", {"dW1": "nabla_w[0]", "db2": "grads['b2']"})
    notation = Notation.of(Conventions(names=names))
    told = notation.tell(in_code("dW1 has shape (2, 3), expected (3, 2). So is db2."), 1, 2)
    assert told == "nabla_w[0] has shape (2, 3), expected (3, 2). So is grads['b2']."


def test_a_shape_that_is_right_by_chance_is_not_held_against_a_tensor():
    """With as many samples as units the sums over units have the shape of a bias."""

    def form(loss, grads):
        return loss, [(dw, np.full(size, 0.5)) for (dw, _), size in zip(grads, sizes, strict=True)]

    network, sizes = Network.parse("3-4-2 tanh,identity half_squared_error"), (4, 4)
    found = diagnosed(Formed(form), network, sizes=(4,))
    assert found, "nothing was told"
    for d in found:
        text = NATIVE.tell(d.explanation, d.name.layer, 2)
        assert "has shape (4,) where (4,) is" not in text, text
        assert "db2" in text, text
