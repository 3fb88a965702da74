"""Parameters, batches and problems: validation, immutability and the text form."""

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradcheck.errors import UsageError
from gradcheck.networks.problem import Batch, Network, Params, Problem
from tests import strategies

FINITE = st.floats(allow_nan=False, allow_infinity=False)  # also -0.0 and subnormal numbers

WIDTHS = st.lists(st.integers(1, 4), min_size=2, max_size=4)


@st.composite
def any_params(draw: st.DrawFn) -> Params:
    widths = draw(WIDTHS)
    shapes = itertools.pairwise(widths)
    return Params(
        (
            draw(hnp.arrays(np.float64, shape, elements=FINITE)),
            draw(hnp.arrays(np.float64, shape[1:], elements=FINITE)),
        )
        for shape in shapes
    )


@st.composite
def any_batch(draw: st.DrawFn) -> Batch:
    n, n_in, n_out = (draw(st.integers(1, 4)) for _ in range(3))
    x = draw(hnp.arrays(np.float64, (n, n_in), elements=FINITE))
    return Batch(x, draw(hnp.arrays(np.float64, (n, n_out), elements=FINITE)))


def small_problem() -> Problem:
    return Problem(
        Network((2, 1), ("tanh",), "squared_error"),
        Params([([[0.5], [-1.0]], [0.25])]),
        Batch([[1.0, 2.0], [3.0, 4.0]], [[0.0], [1.0]]),
    )


@given(any_params())
def test_parameters_are_read_back_from_text_to_the_same_bits(params: Params) -> None:
    assert Params.parse(str(params)) == params, f"changed by the text form:\n{params}"


@given(any_batch())
def test_a_batch_is_read_back_from_text_to_the_same_bits(batch: Batch) -> None:
    assert Batch.parse(str(batch)) == batch, f"changed by the text form:\n{batch}"


@given(strategies.problems())
def test_a_problem_is_read_back_from_text_to_the_same_bits(problem: Problem) -> None:
    assert Problem.parse(str(problem)) == problem, f"changed by the text form:\n{problem}"


def test_an_indented_text_with_other_line_ends_is_read() -> None:
    problem = small_problem()
    text = "\r\n".join(f"  {line}  " for line in str(problem).splitlines())
    assert Problem.parse(f"\n{text}\n") == problem, f"read as\n{Problem.parse(text)}"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("network 2-1", "2-1", "a problem starts with a line 'network"),
        ("network 2-1", "network 2", "at least two widths"),
        ("W1 [[0.5], [-1.0]]\n", "", "there is no line for W1"),
        ("b1 [0.25]\n", "", "there is no line for b1"),
        ("y [[0.0], [1.0]]", "", "there is no line for y"),
        ("[0.25]", "[0.25", "cannot read the line 'b1"),
        ("[0.25]", "", "cannot read the line 'b1"),
        ("[0.25]", '["0.25"]', "cannot read the line 'b1"),
        ("[0.25]", "[null]", "cannot read the line 'b1"),
        ("[[0.5], [-1.0]]", "[[0.5], [-1.0, 2.0]]", "cannot read the line 'W1"),
        ("[[0.5], [-1.0]]", "[" * 100_000, "cannot read the line 'W1"),
        ("0.25", "1" + "0" * 400, "cannot read the line 'b1"),
        ("0.25", "NaN", "b1 has an entry that is not finite"),
        ("0.25", "1e999", "b1 has an entry that is not finite"),
    ],
)
def test_a_text_that_is_no_problem_is_a_usage_error(old: str, new: str, reason: str) -> None:
    text = str(small_problem())
    assert old in text, f"the example no longer has the part {old!r}"
    with pytest.raises(UsageError) as refusal:
        Problem.parse(text.replace(old, new))
    assert reason in str(refusal.value), f"refused with {str(refusal.value)!r}"


@pytest.mark.parametrize(
    "pairs",
    [
        [([[1.0, 2.0]], [1.0])],  # b too short
        [([[1.0, 2.0]], [[1.0, 2.0]])],  # b is a row
        [([1.0, 2.0], [1.0, 2.0])],  # W is a vector
        [(1.0, 1.0)],
        [([[1.0, 2.0]], [1.0, 2.0]), ([[1.0]], [1.0])],  # 2 outputs, then 1 input
        [([[1.0, 2.0], [3.0]], [1.0, 2.0])],  # ragged
        [([["1"]], [1.0])],
        [([[None]], [1.0])],
        [([[1.0 + 2.0j]], [1.0])],
        [([[float("nan")]], [1.0])],
        [([[1.0]], [float("inf")])],
    ],
)
def test_parameters_that_do_not_chain_or_are_not_finite_are_refused(pairs: Any) -> None:
    with pytest.raises(UsageError):
        Params(pairs)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([[1.0]], [[1.0], [2.0]]),
        ([1.0], [[1.0]]),
        ([[1.0]], [1.0]),
        (np.zeros((0, 2)), np.zeros((0, 1))),
        ([[1.0, 2.0], [3.0]], [[1.0], [2.0]]),
        ([[float("nan")]], [[1.0]]),
        ([[1.0]], [[float("-inf")]]),
        ([["a"]], [[1.0]]),
    ],
)
def test_a_batch_that_is_not_two_finite_matrices_of_equal_length_is_refused(x: Any, y: Any) -> None:
    with pytest.raises(UsageError):
        Batch(x, y)


@given(strategies.problems(), st.data())
def test_a_problem_whose_parts_do_not_fit_the_network_is_refused(
    problem: Problem, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, problem.network.depth))
    widths = list(problem.network.widths)
    widths[place] += 1
    other = dataclasses.replace(problem.network, widths=tuple(widths))
    with pytest.raises(UsageError, match="needs"):
        Problem(other, problem.params, problem.batch)


@pytest.mark.parametrize(
    "y",
    [
        [[0.0, 0.0]],
        [[1.0, 1.0]],
        [[0.5, 0.5]],
        [[2.0, -1.0]],
        [[1.0, 0.0], [0.0, 0.0]],
    ],
)
def test_cross_entropy_refuses_targets_that_are_not_one_hot(y: Any) -> None:
    network = Network((1, 2), ("softmax",), "cross_entropy")
    params = Params([(np.ones((1, 2)), np.ones(2))])
    with pytest.raises(UsageError, match="one-hot"):
        Problem(network, params, Batch(np.ones((len(y), 1)), y))


@pytest.mark.parametrize("y", [[[0.5, 1.0]], [[2.0, 0.0]], [[-1.0, 1.0]]])
def test_binary_cross_entropy_refuses_targets_other_than_0_and_1(y: Any) -> None:
    network = Network((1, 2), ("sigmoid",), "binary_cross_entropy")
    with pytest.raises(UsageError, match="0 or 1"):
        Problem(network, Params([(np.ones((1, 2)), np.ones(2))]), Batch([[1.0]], y))


@given(strategies.problems())
def test_the_arrays_of_a_problem_cannot_be_written_to(problem: Problem) -> None:
    tensors = dict(problem.params.tensors()) | {"x": problem.batch.x, "y": problem.batch.y}
    for name, array in tensors.items():
        assert array.dtype == np.float64, f"{name} has dtype {array.dtype}"
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0.0


@pytest.mark.parametrize(
    ("part", "field"),
    [("params", "pairs"), ("batch", "x"), ("batch", "y")],
)
def test_the_parts_of_a_problem_are_frozen(part: str, field: str) -> None:
    owner = getattr(small_problem(), part)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(owner, field, getattr(owner, field))


def test_what_a_problem_was_made_from_may_change_afterwards() -> None:
    w, b, x, y = np.ones((2, 1)), np.ones(1), np.ones((1, 2)), np.ones((1, 1))
    params, batch = Params([(w, b)]), Batch(x, y)
    before = (str(params), str(batch))
    for array in (w, b, x, y):
        array[...] = 7.0
    assert (str(params), str(batch)) == before, "a problem shares memory with its sources"


@given(strategies.problems())
def test_copies_are_writable_and_writing_to_them_changes_nothing(problem: Problem) -> None:
    before = str(problem.params)
    for w, b in problem.params.copies():
        w += 1.0
        b += 1.0
    assert str(problem.params) == before, "writing to a copy changed the parameters"
    again = Params(problem.params.copies())
    assert again == problem.params, "later copies are not equal to the parameters"


@given(strategies.problems(), st.data())
def test_select_takes_the_given_rows_in_the_given_order(
    problem: Problem, data: st.DataObject
) -> None:
    batch = problem.batch
    row = st.integers(-batch.size, batch.size - 1)
    rows = data.draw(st.lists(row, min_size=1, max_size=8))
    chosen = batch.select(rows)
    expected = Batch([batch.x[r] for r in rows], [batch.y[r] for r in rows])
    assert chosen == expected, f"rows {rows} of\n{batch}\nare not\n{chosen}"


@given(strategies.problems())
def test_equal_problems_have_the_same_hash(problem: Problem) -> None:
    again = Problem(
        Network.parse(str(problem.network)),
        Params(problem.params.copies()),
        Batch(problem.batch.x.copy(), problem.batch.y.copy()),
    )
    assert again == problem, f"a copy is not equal to\n{problem}"
    assert hash(again) == hash(problem), f"a copy has another hash than\n{problem}"


@given(strategies.problems(), st.data())
def test_problems_that_differ_in_one_bit_are_not_equal(
    problem: Problem, data: st.DataObject
) -> None:
    pairs = problem.params.copies()
    array = pairs[data.draw(st.integers(0, len(pairs) - 1))][data.draw(st.integers(0, 1))]
    entry = data.draw(st.integers(0, array.size - 1))
    array.flat[entry] = np.nextafter(array.flat[entry], 10.0)
    other = dataclasses.replace(problem, params=Params(pairs))
    assert other != problem, f"one bit more or less is not noticed in\n{problem}"


def test_arrays_of_the_same_bytes_but_another_shape_are_not_equal() -> None:
    row, column = Batch([[1.0, 2.0]], [[3.0, 4.0]]), Batch([[1.0], [2.0]], [[3.0], [4.0]])
    assert row != column, "one sample of two inputs is equal to two samples of one"


def test_a_batch_is_not_equal_to_parameters_of_the_same_numbers() -> None:
    assert Batch([[1.0]], [[2.0]]) != Params([([[1.0]], [2.0])]), "a batch equals parameters"


def test_tensors_are_named_by_layer_from_1_and_counted() -> None:
    params = Params([(np.ones((2, 3)), np.ones(3)), (np.ones((3, 1)), np.ones(1))])
    names = [name for name, _ in params.tensors()]
    assert names == ["W1", "b1", "W2", "b2"], f"named {names}"
    assert (len(params), params.size) == (2, 13), f"{len(params)} layers, {params.size} entries"
