"""Arrays by name, and problems as plain data that a worker sees."""

import numpy as np
import pytest

from gradcheck.contract.posed import Posed, PosedBatch, PosedNetwork, Tensors, by_name, in_order
from gradcheck.networks import sampling
from gradcheck.networks.problem import Network, Params

PAIRS = [(np.ones((2, 3)), np.zeros(3)), (np.full((3, 1), 2.0), np.ones(1))]


def test_pairs_become_tensors_named_by_layer_and_pairs_again():
    tensors = by_name(PAIRS)
    assert list(tensors) == ["W1", "b1", "W2", "b2"], f"named {list(tensors)}"
    for layer, ((w, b), pair) in enumerate(zip(PAIRS, tensors.pairs, strict=True), start=1):
        assert pair[0] is w, f"W{layer} is another array"
        assert pair[1] is b, f"b{layer} is another array"


def test_tensors_are_a_mapping_that_knows_its_size():
    tensors = by_name(PAIRS)
    assert tensors["W2"] is PAIRS[1][0], "W2 is another layer's"
    assert "W3" not in tensors, "there is a third layer"
    assert (len(tensors), tensors.size) == (4, 13), f"{len(tensors)} of {tensors.size} entries"
    assert not Tensors(), "no tensors are some"


def test_an_odd_number_of_arrays_is_no_network():
    with pytest.raises(ValueError, match="argument"):
        in_order([np.ones((2, 3))])


def test_tensors_are_equal_when_names_and_bits_are():
    same = by_name([(w.copy(), b.copy()) for w, b in PAIRS])
    assert same == by_name(PAIRS), "equal arrays under equal names are not equal"
    assert hash(same) == hash(by_name(PAIRS)), "equal tensors have two hashes"
    other = Tensors({f"d{name}": array for name, array in same.items()})
    assert other != same, "tensors of other names are equal"
    moved = Tensors({**same, "b2": np.nextafter(same["b2"], 2.0)})
    assert moved != same, "tensors that differ in a bit are equal"


def test_parameters_are_asked_by_name_and_iterated_by_layer():
    params = Params(PAIRS)
    assert dict(params).keys() == by_name(PAIRS).keys(), f"named {list(dict(params))}"
    assert params == by_name(PAIRS), "parameters are not the tensors that they are made of"
    assert [(w.shape, b.shape) for w, b in params] == [((2, 3), (3,)), ((3, 1), (1,))]
    assert len(params) == 2, f"two layers have the length {len(params)}"


def test_code_is_shown_the_same_network_in_a_worker_as_here():
    for index in range(20):
        here = sampling.problem(3, index).network
        there = PosedNetwork(here.widths, here.activations, here.loss, here.reduction, here.l2)
        shown = [(n.depth, n.shapes, str(n)) for n in (here, there)]
        assert shown[0] == shown[1], f"here {shown[0]}, in a worker {shown[1]}"
        assert Network.parse(str(there)) == here, f"{there} is read as another network"


def test_plain_data_is_not_validated():
    network = PosedNetwork((2, 1), ("cubic",), "quartic_error")
    posed = Posed(network, Tensors(), PosedBatch(np.ones((3, 2)), np.ones((3, 1))))
    assert str(posed.network) == "2-1 cubic quartic_error mean"
    assert posed.batch.size == 3
