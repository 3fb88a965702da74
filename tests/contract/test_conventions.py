"""Conventions are fields, of which one place makes words."""

import pytest

from gradcheck.contract.conventions import (
    AS_DEFINED,
    Argument,
    Conventions,
    LossSource,
    OwnNames,
    Penalty,
    Rate,
    Targets,
)
from gradcheck.execution import wire

ONE = "missing: a unit that is always on stands in"


@pytest.mark.parametrize(
    ("conventions", "words"),
    [
        (Conventions(), {"weights": "in x out", "bias": "apart", "samples": "rows"}),
        (Conventions(bias="first"), {"bias": "first row of the weights"}),
        (
            Conventions("out x in", "last"),
            {"weights": "out x in", "bias": "last column of the weights"},
        ),
        (Conventions(bias="missing"), {"bias": ONE}),
        (Conventions(bias="missing", shared_bias=True), {"bias": f"shared by a layer, or {ONE}"}),
        (Conventions(threshold=True), {"bias": "apart, subtracted"}),
        (
            Conventions(samples="one column", averaged=True),
            {"samples": "one column a call; a batch is their mean"},
        ),
        (Conventions(targets=Targets.FROM_1), {"targets": "labels from 1"}),
        (
            Conventions(targets=Targets.INTEGERS, last_class=True),
            {"targets": "integer labels, the last class in every batch"},
        ),
        (Conventions(named_targets="labels"), {"targets": "labels"}),
        (Conventions(loss=LossSource("mse")), {"loss": "mse"}),
        (Conventions(loss=LossSource(absent=True, beside=("mse",))), {"loss": "none"}),
        (Conventions(penalty=Penalty.HALF_REG), {"penalty": "reg = l2 / 2"}),
        (Conventions(argument=Argument("dA", "a - y")), {"argument": "dA = a - y"}),
        (Conventions(rate=Rate()), {"rate": "can be set"}),
        (Conventions(rate=Rate(built_in=0.1)), {"rate": "built in, 0.1"}),
        (Conventions(rate=Rate("lr", share=0.9)), {"rate": "lr; 0.9 of it is used"}),
        (Conventions(rate=Rate(share=1.0)), {"rate": "can be set; all of it is used"}),
        (Conventions(functions=("forward", "backward")), {"functions": "forward, backward"}),
    ],
)
def test_every_convention_is_described(conventions, words):
    assert conventions.describe() == {**AS_DEFINED.describe(), **words}


def test_what_is_not_meant_for_the_record_is_not_described():
    quiet = Conventions(
        one_sample=True,
        for_batches=True,
        several=True,
        widths=((2, 3, 1),),
        networks=("2-3-1 tanh,sigmoid squared_error",),
        names=OwnNames("row", {"W1": "wih"}),
        unread=("gamma",),
    )
    assert quiet.describe() == AS_DEFINED.describe()


@pytest.mark.parametrize("wrong", [{"weights": "in x in"}, {"bias": "none"}, {"samples": "lines"}])
def test_a_word_that_there_is_not_is_refused_where_a_worker_sends_it(wrong):
    sent = wire.conventions_values(Conventions(**wrong))
    with pytest.raises(ValueError, match="none of"):
        wire.read_conventions(sent)


def test_targets_are_labels_where_they_are_numbers_of_classes_whatever_a_script_calls_its_own():
    assert Conventions(targets=Targets.INTEGERS).labels
    assert not Conventions(targets=Targets.ONE_HOT).labels
    assert not Conventions(named_targets="labels").labels


def test_a_rate_is_a_guess_where_a_number_or_a_share_of_it_is():
    assert Rate(built_in=1.0).guessed
    assert Rate("lr", share=1.0).guessed
    assert not Rate("lr").guessed
