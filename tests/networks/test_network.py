"""A network's text form, and what is refused."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.errors import UsageError
from gradcheck.networks.definitions import ACTIVATIONS, LOSSES
from gradcheck.networks.problem import Network
from tests import strategies


@given(strategies.networks())
def test_a_network_text_is_parsed_back_to_the_same_network(network: Network) -> None:
    again = Network.parse(str(network))
    assert again == network, f"{network} was read back as {again}"


@given(st.floats(min_value=0, allow_infinity=False))
def test_every_bit_of_l2_survives_the_text_form(l2: float) -> None:
    network = Network((2, 1), ("tanh",), "squared_error", l2=l2)
    again = Network.parse(str(network)).l2
    assert again.hex() == abs(l2).hex(), f"l2={l2!r} was read back as {again!r}"


@given(strategies.networks())
def test_the_text_always_has_the_reduction_and_no_space_inside_a_list(network: Network) -> None:
    words = str(network).split(" ")
    expected = 5 if network.l2 else 4
    assert len(words) == expected, f"{network} has {len(words)} words, expected {expected}"
    assert words[3] == network.reduction, f"the fourth word of {network} is not the reduction"


def test_the_text_form_is_the_documented_one() -> None:
    network = Network((2, 3, 1), ("tanh", "sigmoid"), "half_squared_error", "mean", 0.1)
    text = "2-3-1 tanh,sigmoid half_squared_error mean l2=0.1"
    assert str(network) == text, f"printed as {str(network)!r}"


def test_a_text_without_a_reduction_means_the_mean() -> None:
    network = Network.parse("2-1 tanh squared_error")
    assert network.reduction == "mean", f"read as {network.reduction}"
    assert str(network) == "2-1 tanh squared_error mean", f"printed as {str(network)!r}"


def test_l2_may_follow_a_text_without_a_reduction() -> None:
    network = Network.parse("2-1 tanh squared_error l2=0.5")
    assert network.l2 == 0.5, f"l2 was read as {network.l2}"


@pytest.mark.parametrize("text", ["l2=0", "l2=0.0", "l2=-0.0"])
def test_an_l2_of_zero_is_not_printed(text: str) -> None:
    printed = str(Network.parse(f"2-1 tanh squared_error sum {text}"))
    assert printed == "2-1 tanh squared_error sum", f"printed as {printed!r}"


BAD_TEXTS = {
    "": "cannot read the network",
    "2-3-1": "cannot read the network",
    "2-3-1 tanh,sigmoid": "cannot read the network",
    "2-1 tanh squared_error mean more": "cannot read the network",
    "2-1 tanh squared_error l2=1 l2=2": "cannot read the network",
    "2-1 tanh squared_error mean l2 = 0.1": "cannot read the network",
    "2-3-1 tanh, sigmoid squared_error": "no spaces inside the lists",
    "2-3-1 tanh ,sigmoid squared_error": "no spaces inside the lists",
    "2-3-1 tanh, sigmoid squared_error mean": "no spaces inside the lists",
    "2- 3-1 tanh,sigmoid squared_error": "no spaces inside the lists",
    "2-3 -1 tanh,sigmoid squared_error": "no spaces inside the lists",
    "2--1 tanh squared_error": "cannot read the numbers",
    "two-1 tanh squared_error": "cannot read the numbers",
    "2.5-1 tanh squared_error": "cannot read the numbers",
    "2-1 tanh squared_error l2=": "cannot read the numbers",
    "2-1 tanh squared_error l2=much": "cannot read the numbers",
    "2 tanh squared_error": "at least two widths",
    "0-1 tanh squared_error": "each 1 or more",
    "2-0-1 tanh,tanh squared_error": "each 1 or more",
    "2-3-1 tanh squared_error": "2 layers need as many activations",
    "2-1 tanh,tanh squared_error": "1 layers need as many activations",
    "2-1 tan squared_error": "unknown output activation 'tan'",
    "2-1 TANH squared_error": "unknown output activation 'TANH'",
    "2-3-1 swish,tanh squared_error": "unknown activation of a hidden layer 'swish'",
    "2-3-1 softmax,tanh squared_error": "unknown activation of a hidden layer 'softmax'",
    "2-1 tanh mse": "unknown loss 'mse'",
    "2-1 tanh squared_error average": "unknown reduction 'average'",
    "2-1 sigmoid cross_entropy": "cross_entropy needs the output activation softmax",
    "2-1 tanh binary_cross_entropy": "binary_cross_entropy needs the output activation sigmoid",
    "2-1 softmax binary_cross_entropy": "needs the output activation sigmoid, not softmax",
    "2-1 tanh squared_error l2=nan": "l2 must be finite and not negative",
    "2-1 tanh squared_error l2=inf": "l2 must be finite and not negative",
    "2-1 tanh squared_error l2=-0.1": "l2 must be finite and not negative",
}


@pytest.mark.parametrize("text", BAD_TEXTS)
def test_a_bad_text_is_refused_in_one_clear_sentence(text: str) -> None:
    with pytest.raises(UsageError) as refusal:
        Network.parse(text)
    message = str(refusal.value)
    assert BAD_TEXTS[text] in message, f"{text!r} was refused with {message!r}"
    assert len(message) < 200, f"{text!r}: {len(message)} characters are no sentence"
    assert len(message.splitlines()) == 1, f"{text!r} was refused in several lines: {message!r}"


WORDS = ("2-3-1", "1-1", "-", "tanh", "tanh,relu", "softmax", ",", "squared_error", "mean", "l2=1")


@given(st.text(max_size=40) | st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join))
def test_any_text_is_a_network_or_a_usage_error(text: str) -> None:
    try:
        network = Network.parse(text)
    except UsageError:
        return
    assert Network.parse(str(network)) == network, f"{text!r} was read as {network}"


@pytest.mark.parametrize("output", ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_exactly_the_defined_pairings_of_output_and_loss_are_accepted(
    output: str, loss: str
) -> None:
    only = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}
    defined = only.get(loss, output) == output
    try:
        Network((2, 2), (output,), loss)
        accepted = True
    except UsageError:
        accepted = False
    assert accepted == defined, f"{output} with {loss}: accepted is {accepted}"


@pytest.mark.parametrize(
    "arguments",
    [
        ((2.7, 1), ("tanh",), "squared_error"),
        (("two", 1), ("tanh",), "squared_error"),
        (3, ("tanh",), "squared_error"),
        ((), (), "squared_error"),
        ((2, 1), "tanh", "squared_error"),
        ((2, 1), ("tanh",), None),
        ((2, 1), ("tanh",), "squared_error", "mean", "much"),
        ((2, 1), ("tanh",), "squared_error", "mean", None),
    ],
)
def test_arguments_of_a_wrong_type_are_a_usage_error(arguments: Any) -> None:
    with pytest.raises(UsageError):
        Network(*arguments)


@pytest.mark.parametrize("field", ["widths", "activations", "loss", "reduction", "l2"])
def test_a_network_is_frozen(field: str) -> None:
    network = Network((2, 1), ("tanh",), "squared_error")
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(network, field, getattr(network, field))


def test_lists_and_numpy_numbers_make_an_equal_network_of_the_same_hash() -> None:
    plain = Network((2, 1), ("tanh",), "squared_error")
    given_lists: Any = Network(np.array([2, 1]), ["tanh"], "squared_error", l2=np.float64(0))
    assert given_lists == plain, f"{given_lists!r} is not {plain!r}"
    assert hash(given_lists) == hash(plain), "equal networks have different hashes"


@given(strategies.networks())
def test_shapes_chain_from_the_inputs_to_the_outputs(network: Network) -> None:
    assert len(network.shapes) == network.depth, f"{network}: {network.shapes}"
    rows, columns = zip(*network.shapes, strict=True)
    assert (rows[0], *columns) == network.widths, f"{network}: {network.shapes}"
    assert (*rows, columns[-1]) == network.widths, f"{network}: {network.shapes}"
