"""What came back from code under test: what is read as numbers and what is refused."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.contract.protocol import (
    ContractError,
    Failure,
    Observation,
    read_loss,
    read_outputs,
    read_tensors,
)
from gradcheck.networks.problem import Batch, Network, Params, Problem
from tests import strategies

PROBLEM = Problem(
    Network((2, 3, 1), ("tanh", "tanh"), "squared_error"),
    Params([(np.ones((2, 3)), np.ones(3)), (np.ones((3, 1)), np.ones(1))]),
    Batch(np.ones((4, 2)), np.ones((4, 1))),
)


class Convertible:
    """Anything with ``__array__``, such as another library's tensor."""

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array(self.values, dtype=dtype)


class Unreadable:
    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise RuntimeError("tensor requires grad")


def gradient() -> list[tuple[Any, Any]]:
    """Return a gradient that the contract asks for, in fresh arrays."""
    return [(np.full((2, 3), 0.5), np.full(3, 0.5)), (np.full((3, 1), 0.5), np.full(1, 0.5))]


def with_(name: str, value: Any) -> list[tuple[Any, Any]]:
    """Return the gradient with one tensor replaced, such as ``dW1``."""
    pairs = [list(pair) for pair in gradient()]
    pairs[int(name[2:]) - 1]["Wb".index(name[1])] = value
    return [(w, b) for w, b in pairs]


def refusal(raw: Any, what: str = "d") -> str:
    with pytest.raises(ContractError) as error:
        read_tensors(raw, PROBLEM, what)
    return str(error.value)


@pytest.mark.parametrize(
    "raw",
    [
        2,
        2.0,
        np.float32(2),
        np.int64(2),
        np.array(2.0),
        np.array([2.0]),
        np.array([[2.0]]),
        [2],
        [[2.0]],
        Convertible(2.0),
        Convertible([2.0]),
    ],
)
def test_a_loss_may_be_anything_that_is_one_number(raw: Any) -> None:
    value = read_loss(raw)
    assert type(value) is float, f"read as a {type(value).__name__}"
    assert value == 2.0, f"read as {value}"


@given(st.floats())
def test_a_loss_keeps_its_bits_and_may_be_nan_or_infinite(loss: float) -> None:
    assert np.array(read_loss(loss)).tobytes() == np.array(loss).tobytes(), f"{loss!r} changed"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, "the loss must be real numbers; got NoneType"),
        ("0.5", "the loss must be real numbers; got str"),
        (1j, "the loss must be real numbers; got complex"),
        ({"loss": 1.0}, "the loss must be real numbers; got dict"),
        (np.array([1.0], dtype=object), "the loss must be real numbers; got ndarray"),
        ([1.0, 2.0], "the loss has shape (2,), expected one number"),
        ([], "the loss has shape (0,), expected one number"),
        (np.ones((4, 1)), "the loss has shape (4, 1), expected one number"),
        ([[1.0], [2.0, 3.0]], "the loss cannot be read as an array of numbers"),
        (Unreadable(), "the loss cannot be read as an array of numbers (tensor requires grad)"),
    ],
)
def test_a_loss_that_is_not_one_real_number_is_refused(raw: Any, reason: str) -> None:
    with pytest.raises(ContractError) as error:
        read_loss(raw)
    assert reason in str(error.value), f"{raw!r} was refused with {str(error.value)!r}"


@pytest.mark.parametrize(
    "convert",
    [
        lambda array: array,
        lambda array: array.tolist(),
        lambda array: array.astype(np.float32),
        lambda array: array.astype(np.float16),
        lambda array: np.asfortranarray(array),
        Convertible,
    ],
    ids=["array", "list", "float32", "float16", "fortran", "convertible"],
)
def test_a_gradient_may_be_anything_that_converts_to_arrays(convert: Any) -> None:
    raw = [(convert(w), convert(b)) for w, b in gradient()]
    tensors, notes = read_tensors(raw, PROBLEM, "d")
    assert notes == (), f"unexpected notes {notes}"
    for (w, b), (expected_w, expected_b) in zip(tensors.pairs, gradient(), strict=True):
        assert type(w) is np.ndarray, f"W was read as {type(w).__name__}"
        assert (w.dtype, b.dtype) == (np.float64, np.float64), f"dtypes {w.dtype}, {b.dtype}"
        assert np.array_equal(w, expected_w), f"W was read as {w}"
        assert np.array_equal(b, expected_b), f"b was read as {b}"


def test_whole_numbers_are_read_as_float64() -> None:
    tensors, _ = read_tensors(with_("dW1", [[1, 2, 3], [4, 5, 6]]), PROBLEM, "d")
    w = tensors["W1"]
    assert w.dtype == np.float64, f"read with dtype {w.dtype}"
    assert w.tolist() == [[1, 2, 3], [4, 5, 6]], f"read as {w}"


@pytest.mark.parametrize("container", [list, tuple, iter], ids=["list", "tuple", "iterator"])
def test_the_pairs_may_come_in_any_sequence(container: Any) -> None:
    tensors, _ = read_tensors(container([list(pair) for pair in gradient()]), PROBLEM, "d")
    assert tensors.keys() == PROBLEM.params.keys(), f"{list(tensors)} were read"


def test_what_was_read_is_a_copy() -> None:
    raw = gradient()
    tensors, _ = read_tensors(raw, PROBLEM, "d")
    raw[0][0][...] = 7.0
    raw[1][1][...] = 7.0
    assert (tensors["W1"] == 0.5).all(), "dW1 shares memory with what the code keeps"
    assert (tensors["b2"] == 0.5).all(), "db2 shares memory with what the code keeps"


def test_a_bias_of_shape_1_n_is_accepted_with_a_note() -> None:
    tensors, notes = read_tensors(with_("db1", np.array([[1.0, 2.0, 3.0]])), PROBLEM, "d")
    assert tensors["b1"].tolist() == [1.0, 2.0, 3.0], f"db1 was read as {tensors['b1']}"
    assert notes == ("db has shape (1, n) where (n,) is expected",), f"notes {notes}"


@given(strategies.problems(), st.sampled_from((float("nan"), float("inf"), float("-inf"))))
def test_numbers_that_are_not_finite_pass_through(problem: Problem, value: float) -> None:
    raw = [(np.full_like(w, value), np.full_like(b, value)) for w, b in problem.params]
    tensors, _ = read_tensors(raw, problem, "d")
    for read, given_pair in zip(tensors.pairs, raw, strict=True):
        for array, expected in zip(read, given_pair, strict=True):
            assert np.array_equal(array, expected, equal_nan=True), f"{value} became {array}"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("dW1", np.ones((3, 2)), "dW1 has shape (3, 2), expected (2, 3): it looks transposed"),
        ("dW2", np.ones((1, 3)), "dW2 has shape (1, 3), expected (3, 1): it looks transposed"),
        (
            "db1",
            np.ones((4, 3)),
            "db1 has shape (4, 3), expected (3,): it looks as if it was not summed over the batch",
        ),
        (
            "db2",
            np.ones((4, 1)),
            "db2 has shape (4, 1), expected (1,): it looks as if it was not summed over the batch",
        ),
        (
            "db1",
            1.0,
            "db1 has shape (), expected (3,): it looks as if it was summed over every axis",
        ),
        (
            "dW1",
            np.ones(1),
            "dW1 has shape (1,), expected (2, 3): it looks as if it was summed over every axis",
        ),
        ("dW2", np.ones(3), "dW2 has shape (3,), expected (3, 1)"),
        ("db1", np.ones((3, 1)), "db1 has shape (3, 1), expected (3,)"),
        ("db1", np.ones((1, 1, 3)), "db1 has shape (1, 1, 3), expected (3,)"),
        ("dW1", [], "dW1 has shape (0,), expected (2, 3)"),
        ("dW1", None, "dW1 must be real numbers; got NoneType"),
        ("dW1", "0.5", "dW1 must be real numbers; got str"),
        (
            "db2",
            np.ones(1, dtype=complex),
            "db2 must be real numbers; got ndarray of dtype complex",
        ),
        ("db2", np.ones(1, dtype=object), "db2 must be real numbers; got ndarray of dtype object"),
        ("dW1", [[1.0, 2.0], [3.0]], "dW1 cannot be read as an array of numbers"),
        ("dW1", Unreadable(), "dW1 cannot be read as an array of numbers (tensor requires grad)"),
    ],
)
def test_a_tensor_of_a_wrong_shape_or_type_is_refused_with_a_hint(
    name: str, value: Any, reason: str
) -> None:
    message = refusal(with_(name, value))
    assert message.startswith(reason), f"{name} was refused with {message!r}"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, "must be a list of (dW, db), one pair a layer; got NoneType"),
        (0.5, "must be a list of (dW, db), one pair a layer; got float"),
        ([1.0, 2.0], "must be a list of (dW, db), one pair a layer; got list"),
        ([], "must hold 2 pairs (dW, db); got 0 items of lengths []"),
        (gradient()[:1], "must hold 2 pairs (dW, db); got 1 items of lengths [2]"),
        (gradient() * 2, "must hold 2 pairs (dW, db); got 4 items of lengths [2, 2, 2, 2]"),
        ([(1.0,), (1.0, 2.0)], "must hold 2 pairs (dW, db); got 2 items of lengths [1, 2]"),
        ([(1, 2, 3), (1, 2, 3)], "must hold 2 pairs (dW, db); got 2 items of lengths [3, 3]"),
    ],
)
def test_anything_but_one_pair_a_layer_is_refused(raw: Any, reason: str) -> None:
    message = refusal(raw)
    assert message == f"the gradient {reason}", f"refused with {message!r}"


def test_parameters_after_a_step_are_called_parameters() -> None:
    message = refusal(None, what="")
    expected = "the parameters must be a list of (W, b), one pair a layer; got NoneType"
    assert message == expected, f"refused with {message!r}"


@pytest.mark.parametrize("raw", [np.ones((4, 1)), np.ones((4, 1)).tolist(), Convertible([[1]] * 4)])
def test_outputs_may_be_anything_that_converts_to_an_array(raw: Any) -> None:
    outputs = read_outputs(raw, PROBLEM)
    assert (outputs.shape, outputs.dtype) == ((4, 1), np.float64), f"read as {outputs!r}"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (np.ones((1, 4)), "the output has shape (1, 4), expected (4, 1): it looks transposed"),
        (np.ones(4), "the output has shape (4,), expected (4, 1)"),
        (None, "the output must be real numbers; got NoneType"),
    ],
)
def test_outputs_of_a_wrong_shape_or_type_are_refused(raw: Any, reason: str) -> None:
    with pytest.raises(ContractError) as error:
        read_outputs(raw, PROBLEM)
    assert str(error.value).startswith(reason), f"refused with {str(error.value)!r}"


@pytest.mark.parametrize(
    ("failure", "supported"),
    [
        (None, True),
        (Failure("unsupported", "relu"), False),
        (Failure("exception", "ValueError"), True),
        (Failure("contract", "shape"), True),
    ],
)
def test_only_an_unsupported_failure_says_not_supported(
    failure: Failure | None, supported: bool
) -> None:
    observation = Observation(failure=failure)
    assert observation.supported is supported, f"{failure}: supported is {observation.supported}"
