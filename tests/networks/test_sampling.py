"""Random problems: replayable, readable, within bounds and within the support."""

import dataclasses

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gradcheck.networks import sampling
from gradcheck.networks.definitions import HIDDEN_ACTIVATIONS, PAIRINGS, REDUCTIONS, evaluate
from gradcheck.networks.problem import Network, Problem
from gradcheck.networks.sampling import (
    MAX_BATCH,
    MAX_DEPTH,
    MAX_WIDTH,
    MAX_Z,
    PROBLEM_KINDS,
    PROBLEMS_ALIKE,
    Support,
    fill,
    problem,
    saturated,
)
from tests import strategies

SEEDS = st.integers(0, 2**32 - 1)
INDICES = st.integers(0, 10_000)
REACHES = (10.0, 20.0, 29.0, 100.0, 1000.0, 10000.0)


def some(names: tuple) -> st.SearchStrategy[tuple]:
    """Draw a selection of one or more, in the order of the table."""
    chosen = st.lists(st.sampled_from(names), min_size=1, unique=True)
    return chosen.map(lambda selection: tuple(name for name in names if name in selection))


@st.composite
def supports(draw: st.DrawFn) -> Support:
    return Support(
        draw(some(HIDDEN_ACTIVATIONS)),
        draw(some(PAIRINGS)),
        draw(some(REDUCTIONS)),
        draw(st.booleans()),
        draw(some(tuple(range(1, MAX_DEPTH + 1)))),
        draw(some(tuple(range(1, MAX_BATCH + 1)))),
    )


def outside(found: Problem, support: Support) -> list[str]:
    """Say in what a problem leaves the support."""
    network = found.network
    rules = {
        "activation": set(network.activations[:-1]) <= set(support.activations),
        "pairing": (network.activations[-1], network.loss) in support.pairings,
        "reduction": network.reduction in support.reductions,
        "l2": support.l2 or network.l2 == 0,
        "depth": network.depth in support.depths,
        "batch size": found.batch.size in support.batch_sizes,
    }
    return [name for name, kept in rules.items() if not kept]


def largest_z(found: Problem) -> list[float]:
    """Return the largest |z| of each layer."""
    run = evaluate(found.network, found.params.pairs, found.batch.x)
    return [float(np.abs(z).max()) for z in run.z]


def numbers(found: Problem) -> np.ndarray:
    arrays = [*(array for _, array in found.params.tensors()), found.batch.x, found.batch.y]
    return np.concatenate([array.ravel() for array in arrays])


@given(SEEDS, INDICES, supports())
def test_a_problem_is_replayed_by_its_two_numbers(seed: int, index: int, support: Support) -> None:
    first, second = problem(seed, index, support), problem(seed, index, support)
    assert first == second, f"problem({seed}, {index}) came out twice differently"


def test_another_seed_or_another_number_gives_another_problem() -> None:
    drawn = {problem(seed, index) for seed in range(10) for index in range(20)}
    assert len(drawn) == 200, f"only {len(drawn)} of 200 problems are different"


@given(SEEDS, st.integers(0, 100))
def test_problems_in_a_row_share_an_architecture(seed: int, block: int) -> None:
    row = [problem(seed, PROBLEMS_ALIKE * block + k) for k in range(PROBLEMS_ALIKE)]
    architectures = {(p.network, p.batch.size) for p in row}
    assert len(architectures) == 1, f"seed {seed}, block {block}: {architectures}"


@given(strategies.problems() | st.builds(problem, SEEDS, INDICES))
def test_no_pre_activation_is_beyond_8(found: Problem) -> None:
    assert max(largest_z(found)) <= MAX_Z, f"the largest |z| by layer: {largest_z(found)}\n{found}"


@given(strategies.problems() | st.builds(problem, SEEDS, INDICES))
def test_every_number_has_at_most_two_decimals(found: Problem) -> None:
    values = numbers(found)
    long = values[np.round(values, 2) != values]
    assert not long.size, f"more than two decimals: {long}\n{found}"


@given(strategies.problems() | st.builds(problem, SEEDS, INDICES))
def test_no_zero_has_a_minus_sign(found: Problem) -> None:
    values = numbers(found)
    assert not np.signbit(values[values == 0]).any(), f"there is a -0.0 in\n{found}"


@given(strategies.problems() | st.builds(problem, SEEDS, INDICES))
def test_widths_depth_and_batch_size_keep_to_their_limits(found: Problem) -> None:
    network = found.network
    assert max(network.widths) <= MAX_WIDTH, f"{network} is wider than {MAX_WIDTH}"
    assert network.depth <= MAX_DEPTH, f"{network} is deeper than {MAX_DEPTH}"
    assert found.batch.size <= MAX_BATCH, f"N = {found.batch.size} is more than {MAX_BATCH}"


@given(SEEDS, INDICES, supports())
def test_a_numbered_problem_stays_within_the_support(
    seed: int, index: int, support: Support
) -> None:
    found = problem(seed, index, support)
    assert not outside(found, support), f"{outside(found, support)} of {found.network} in {support}"


@given(st.data(), supports())
def test_a_drawn_problem_stays_within_the_support(data: st.DataObject, support: Support) -> None:
    found = data.draw(strategies.problems(support))
    assert not outside(found, support), f"{outside(found, support)} of {found.network} in {support}"


@given(st.data(), SEEDS, INDICES, st.lists(strategies.networks(), min_size=1, max_size=3))
def test_given_networks_are_the_only_ones_drawn(
    data: st.DataObject, seed: int, index: int, networks: list[Network]
) -> None:
    support = Support(networks=tuple(networks), batch_sizes=(3, 64))
    for found in (problem(seed, index, support), data.draw(strategies.problems(support))):
        assert found.network in networks, f"{found.network} was not given"
        assert found.batch.size in (3, 64), f"N = {found.batch.size} was not given"


@given(SEEDS, INDICES, st.sampled_from(PAIRINGS))
def test_without_hidden_activations_single_layers_are_drawn(
    seed: int, index: int, pairing: tuple[str, str]
) -> None:
    found = problem(seed, index, Support(activations=(), pairings=(pairing,)))
    assert found.network.depth == 1, f"{found.network} has a hidden layer"


@pytest.mark.parametrize(
    ("support", "empty"),
    [
        (Support(), False),
        (Support(activations=()), False),
        (Support(pairings=()), True),
        (Support(reductions=()), True),
        (Support(depths=()), True),
        (Support(batch_sizes=()), True),
        (
            Support(
                (), (), (), False, (), (1,), networks=(Network((1, 1), ("tanh",), "squared_error"),)
            ),
            False,
        ),
    ],
)
def test_a_support_is_empty_when_no_problem_can_be_drawn(support: Support, empty: bool) -> None:
    assert support.empty is empty, f"empty is {support.empty} for {support}"


@given(strategies.networks(), SEEDS, st.integers(1, 5))
def test_a_dead_unit_is_cut_off_in_every_hidden_layer(
    network: Network, seed: int, samples: int
) -> None:
    found = fill(np.random.default_rng(seed), network, samples, "dead")
    for layer, (w, b) in enumerate(found.params.pairs[:-1], start=1):
        assert (w[:, 0] == 0).all(), f"layer {layer} of {network}: weights {w[:, 0]}"
        assert b[0] < 0, f"layer {layer} of {network}: bias {b[0]}"


@given(strategies.networks(), SEEDS, st.integers(2, 5))
def test_duplicates_repeat_a_sample_with_targets_of_its_own(
    network: Network, seed: int, samples: int
) -> None:
    x = fill(np.random.default_rng(seed), network, samples, "duplicates").batch.x
    assert np.array_equal(x[0], x[-1]), f"the first and last of\n{x}\ndiffer"


@given(strategies.networks(), SEEDS)
def test_a_steep_problem_brings_the_first_layer_near_8(network: Network, seed: int) -> None:
    found = fill(np.random.default_rng(seed), network, 3, "steep")
    reach = largest_z(found)[0]
    assert 7.0 < reach <= MAX_Z or reach <= 0.5, f"the largest |z[1]| of {network} is {reach}"


def test_small_weights_are_about_a_third_of_ordinary_ones() -> None:
    network = Network((5, 5, 5), ("tanh", "tanh"), "squared_error")

    def root_mean_square(kind: str) -> float:
        filled = (fill(np.random.default_rng(seed), network, 3, kind) for seed in range(50))
        return float(np.sqrt(np.mean([(w * w).mean() for p in filled for w, _ in p.params])))

    share = root_mean_square("small") / root_mean_square("ordinary")
    assert 0.25 < share < 0.4, f"small weights are {share:.2f} of ordinary ones"


@pytest.mark.parametrize("kind", PROBLEM_KINDS)
@given(network=strategies.networks(), seed=SEEDS, samples=st.integers(1, 5))
def test_any_network_can_be_filled_with_any_kind(
    kind: str, network: Network, seed: int, samples: int
) -> None:
    found = fill(np.random.default_rng(seed), network, samples, kind)
    assert found.network == network, f"{kind}: {network} became {found.network}"
    assert found.batch.size == samples, f"{kind}: {samples} samples became {found.batch.size}"
    assert max(largest_z(found)) <= MAX_Z, f"{kind}: the largest |z| are {largest_z(found)}"


@given(SEEDS, INDICES)
def test_saturation_scales_one_layer_to_a_documented_reach(seed: int, index: int) -> None:
    base, found = problem(seed, index), saturated(seed, index)
    layers = range(base.network.depth)
    changed = [k for k in layers if str(base.params.pairs[k]) != str(found.params.pairs[k])]
    assert len(changed) <= 1, f"saturated({seed}, {index}) changed the layers {changed}"
    for k in changed:
        reach = largest_z(found)[k]
        off = min(abs(reach / documented - 1) for documented in REACHES)
        assert off < 0.05, f"saturated({seed}, {index}) reaches {reach} in layer {k + 1}"


@given(SEEDS, INDICES)
def test_saturation_keeps_the_network_and_the_batch(seed: int, index: int) -> None:
    base, found = problem(seed, index), saturated(seed, index)
    assert dataclasses.replace(found, params=base.params) == base, "more than weights changed"


@given(SEEDS, INDICES)
def test_a_saturated_problem_is_replayed_by_its_two_numbers(seed: int, index: int) -> None:
    assert saturated(seed, index) == saturated(seed, index), f"({seed}, {index}) came out twice"


def test_nearly_every_saturated_problem_is_beyond_8() -> None:
    beyond = sum(max(largest_z(saturated(0, index))) > MAX_Z for index in range(200))
    assert beyond >= 195, f"only {beyond} of 200 saturated problems are beyond |z| = 8"


#: Unbounded above: what a wide layer of them feeds the next one has to be scaled down a long way.
GROWING = ("identity", "relu", "leaky_relu", "elu", "softplus", "silu", "gelu")


@settings(deadline=None, max_examples=15)
@given(
    st.lists(st.sampled_from((1, 3, 20, 200, 800)), min_size=3, max_size=4),
    st.sampled_from(GROWING),
    st.sampled_from([kind for kind in PROBLEM_KINDS if kind != "dead"]),
    SEEDS,
)
@example([20, 20000, 5], "relu", "ordinary", 0)
@example([20, 20000, 5], "identity", "steep", 1)
@example([3, 1500, 1000, 2], "softplus", "small", 2)
def test_a_network_of_any_width_is_drawn_within_bounds_and_with_weights_that_are_not_all_zero(
    widths: list[int], activation: str, kind: str, seed: int
) -> None:
    network = Network(
        tuple(widths), (*[activation] * (len(widths) - 2), "identity"), "squared_error"
    )
    found = fill(np.random.default_rng(seed), network, 2, kind)
    assert max(largest_z(found)) <= MAX_Z, f"the largest |z| of {network} is {largest_z(found)}"
    for layer, (w, _) in enumerate(found.params.pairs, start=1):
        share = np.count_nonzero(w) / w.size
        assert share > 0.2 or w.size < 10, f"only {share:.0%} of W{layer} of {network} is not zero"


@given(
    st.lists(st.integers(-800, 800), min_size=1, max_size=30),
    st.integers(2, 6),
)
def test_shortening_ends_at_zero_each_turn_taking_something_away(
    units: list[int], decimals: int
) -> None:
    values = np.array(units) / 10.0**decimals
    for _ in range(100):
        shorter = sampling._shorter(values, decimals)
        stuck = (np.abs(shorter) >= np.abs(values)) & (values != 0)
        assert not stuck.any(), f"{values[stuck]} became {shorter[stuck]}"
        values = shorter
    assert not values.any(), f"after 100 turns there is {values[values != 0]}"
