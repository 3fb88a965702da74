"""What code under test handles is found by probes, one feature at a time."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradcheck.errors import UsageError
from gradcheck.execution.calling import InProcess
from gradcheck.execution.session import drive
from gradcheck.networks.bugs.textbook import Textbook
from gradcheck.networks.definitions import HIDDEN_ACTIVATIONS, PAIRINGS, REDUCTIONS
from gradcheck.networks.problem import Network
from gradcheck.networks.sampling import EVERYTHING, MAX_BATCH, Support, declared_support
from gradcheck.networks.scope import NO_SUPPORT, Discovery, discover

#: Says of a network and a batch size whether there is an answer.
Handles = Callable[[Network, int], bool]

TEXT = "2-3-1 tanh,sigmoid half_squared_error mean"
OTHER = "4-1 identity squared_error sum"


class Limited:
    """Right code that handles only some problems.

    Parameters
    ----------
    handles : callable
    error : type of exception
        What it raises for the others.
    """

    def __init__(self, handles: Handles, error: type[Exception] = NotImplementedError) -> None:
        self.handles, self.error = handles, error

    def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
        if not self.handles(network, len(batch.x)):
            raise self.error("not this one")
        return Textbook().loss_and_grads(network, params, batch)


def found(
    handles: Handles,
    error: type[Exception] = NotImplementedError,
    declared: Support | None = None,
    only: Network | None = None,
) -> Discovery:
    return drive(discover(declared, only, 0), InProcess(Limited(handles, error)))


def hidden(network: Network) -> tuple[str, ...]:
    return network.activations[:-1]


def test_code_that_handles_everything_is_asked_everything() -> None:
    discovery = drive(discover(None, None, 0), InProcess(Textbook()))
    assert discovery == Discovery(EVERYTHING, ()), f"found {discovery}"


@pytest.mark.parametrize("name", HIDDEN_ACTIVATIONS)
def test_code_for_one_hidden_activation_is_asked_that_one(name: str) -> None:
    support = found(lambda network, n: set(hidden(network)) <= {name}).support
    assert support.activations == (name,), f"found the activations {support.activations}"
    assert support.pairings == PAIRINGS, f"found the pairings {support.pairings}"


@pytest.mark.parametrize("name", ["sigmoid", "gelu"])
def test_code_for_one_activation_everywhere_is_asked_its_pairings(name: str) -> None:
    support = found(lambda network, n: set(network.activations) <= {name}).support
    expected = tuple(pair for pair in PAIRINGS if pair[0] == name)
    assert support.activations == (name,), f"found the activations {support.activations}"
    assert support.pairings == expected, f"found the pairings {support.pairings}"


@pytest.mark.parametrize("pair", PAIRINGS[::5] + PAIRINGS[-2:], ids=" with ".join)
def test_code_for_one_output_and_loss_is_asked_that_pair(pair: tuple[str, str]) -> None:
    support = found(lambda network, n: (network.activations[-1], network.loss) == pair).support
    assert support.pairings == (pair,), f"found the pairings {support.pairings}"
    assert support.activations == HIDDEN_ACTIVATIONS, f"found {support.activations}"


@pytest.mark.parametrize("loss", ["mean_squared_error", "cross_entropy"])
def test_code_for_one_loss_is_asked_all_its_outputs(loss: str) -> None:
    support = found(lambda network, n: network.loss == loss).support
    expected = tuple(pair for pair in PAIRINGS if pair[1] == loss)
    assert support.pairings == expected, f"found the pairings {support.pairings}"


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_code_for_one_reduction_is_asked_that_one(reduction: str) -> None:
    support = found(lambda network, n: network.reduction == reduction).support
    assert support.reductions == (reduction,), f"found {support.reductions}"


def test_code_without_a_weight_penalty_is_asked_none() -> None:
    support = found(lambda network, n: network.l2 == 0).support
    assert support.l2 is False, "a penalty would be asked for"


def test_code_for_single_samples_is_asked_single_samples() -> None:
    support = found(lambda network, n: n == 1).support
    assert support.batch_sizes == (1,), f"found the batch sizes {support.batch_sizes}"


@pytest.mark.slow
def test_code_for_batches_of_even_size_is_asked_those() -> None:
    support = found(lambda network, n: n % 2 == 0).support
    assert support.batch_sizes == (2, 4, 6, 8), f"found the batch sizes {support.batch_sizes}"


@pytest.mark.parametrize("deepest", [1, 2, 4])
def test_code_up_to_some_depth_is_asked_no_deeper_networks(deepest: int) -> None:
    support = found(lambda network, n: network.depth <= deepest).support
    expected = tuple(range(1, deepest + 1))
    assert support.depths == expected, f"found the depths {support.depths}"


def test_code_for_a_single_layer_is_asked_no_hidden_activation() -> None:
    support = found(lambda network, n: network.depth == 1).support
    assert (support.depths, support.activations) == ((1,), ()), f"found {support}"
    assert not support.empty, "code for a single layer counts as code for nothing"


@pytest.mark.slow
def test_code_that_refuses_everything_supports_nothing_and_is_not_at_fault() -> None:
    discovery = found(lambda network, n: False)
    assert discovery == Discovery(NO_SUPPORT, ()), f"found {discovery}"
    assert discovery.support.empty, "nothing at all could be asked, yet problems would be drawn"


def test_code_that_fails_on_everything_supports_nothing_and_is_at_fault() -> None:
    discovery = found(lambda network, n: False, ValueError)
    assert discovery.support.empty, f"found {discovery.support}"
    problem, failure = discovery.faults[0]
    assert failure.kind == "exception", f"the fault on {problem.network} is {failure}"


def test_code_that_fails_on_everything_is_not_asked_for_ever() -> None:
    session = InProcess(Limited(lambda network, n: False, ValueError))
    drive(discover(None, None, 0), session)
    assert session.calls < 200, f"hopeless code was called {session.calls} times"


def test_a_feature_that_fails_is_excluded_and_reported() -> None:
    discovery = found(lambda network, n: "relu" not in hidden(network), ValueError)
    expected = tuple(name for name in HIDDEN_ACTIVATIONS if name != "relu")
    assert discovery.support.activations == expected, f"found {discovery.support.activations}"
    networks = [str(problem.network) for problem, _ in discovery.faults]
    assert len(networks) == 1, f"one feature fails, reported were {networks}"
    assert "relu" in networks[0], f"the fault is reported on {networks[0]}"
    message = discovery.faults[0][1].message
    assert message.endswith(": ValueError: not this one"), f"reported as {message!r}"


def test_a_batch_size_that_fails_is_excluded_and_reported() -> None:
    discovery = found(lambda network, n: n <= 4, ValueError)
    sizes = discovery.support.batch_sizes
    assert sizes == (1, 2, 3, 4), f"found the batch sizes {sizes}"
    failed = [problem.batch.size for problem, _ in discovery.faults]
    assert failed == [5, 6, 7, 8], f"reported were the batch sizes {failed}"


def test_a_feature_that_is_not_supported_is_no_fault() -> None:
    discovery = found(lambda network, n: network.depth <= 2 and n == 1)
    assert discovery.faults == (), f"reported were {discovery.faults}"


def test_an_answer_of_a_wrong_shape_is_an_answer() -> None:
    class Transposed:
        def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
            loss, grads = Textbook().loss_and_grads(network, params, batch)
            return loss, [(dw.T, db) for dw, db in grads]

    discovery = drive(discover(None, None, 0), InProcess(Transposed()))
    assert discovery == Discovery(EVERYTHING, ()), f"found {discovery}"


def test_no_two_neighbouring_layers_of_a_probe_are_equally_wide() -> None:
    asked: list[Network] = []

    def handles(network: Network, n: int) -> bool:
        asked.append(network)
        return True

    found(handles)
    square = {str(n) for n in asked if any(rows == columns for rows, columns in n.shapes)}
    assert not square, f"a transposed matrix would not show on {square}"


def test_declared_networks_are_the_only_ones_asked() -> None:
    asked = set()

    def handles(network: Network, n: int) -> bool:
        asked.add(str(network))
        return True

    support = found(handles, declared=declared_support([TEXT, OTHER], None)).support
    assert asked == {TEXT, OTHER}, f"asked were {asked}"
    assert support.networks == (Network.parse(TEXT), Network.parse(OTHER)), f"found {support}"


def test_a_declared_network_that_gets_no_answer_is_left_out() -> None:
    declared = declared_support([TEXT, OTHER], None)
    support = found(lambda network, n: network.depth == 1, declared=declared).support
    assert support.networks == (Network.parse(OTHER),), f"found {support.networks}"


def test_the_network_a_user_asks_for_stands_above_declared_ones() -> None:
    only = Network.parse("3-2 tanh squared_error")
    declared = declared_support([TEXT], [2])
    support = found(lambda network, n: True, declared=declared, only=only).support
    assert support.networks == (only,), f"found {support.networks}"
    assert support.batch_sizes == (2,), f"found {support.batch_sizes}"


def test_declared_batch_sizes_are_the_only_ones_asked() -> None:
    asked = set()

    def handles(network: Network, n: int) -> bool:
        asked.add(n)
        return True

    support = found(handles, declared=declared_support(None, [2, 5])).support
    assert asked == {2, 5}, f"asked were the batch sizes {asked}"
    assert support.batch_sizes == (2, 5), f"found the batch sizes {support.batch_sizes}"


def test_a_declared_batch_size_beyond_the_usual_ones_is_asked() -> None:
    support = found(lambda network, n: n == 64, declared=declared_support(None, [64])).support
    assert support.batch_sizes == (64,), f"found the batch sizes {support.batch_sizes}"


def test_a_large_declared_batch_size_beside_a_usual_one_is_asked_too() -> None:
    support = found(lambda network, n: n in (4, 40), declared=declared_support(None, [4, 40]))
    assert support.support.batch_sizes == (4, 40), f"found {support.support.batch_sizes}"


def test_nothing_declared_is_none() -> None:
    declared = declared_support(None, None)
    assert declared is None, f"read as {declared}"


@pytest.mark.parametrize("container", [list, tuple])
def test_declarations_may_be_lists_or_tuples(container: Any) -> None:
    declared = declared_support(container([TEXT]), container([1, 2]))
    assert declared is not None, "declarations were not read"
    assert declared.networks == (Network.parse(TEXT),), f"networks read as {declared.networks}"
    assert declared.batch_sizes == (1, 2), f"batch sizes read as {declared.batch_sizes}"


@pytest.mark.parametrize(
    "networks",
    [TEXT, [], 3, {TEXT}, ["2-3-1"], [3], [None], b"2-1", ["2-3-1 tanh, sigmoid squared_error"]],
)
def test_networks_that_are_no_list_of_texts_are_a_usage_error(networks: Any) -> None:
    with pytest.raises(UsageError):
        declared_support(networks, None)


@pytest.mark.parametrize(
    "batch_sizes", [[], 1, [0], [-1], [1.5], ["1"], [None], "12", [True], {1}, np.array([0])]
)
def test_batch_sizes_that_are_no_list_of_positive_whole_numbers_are_a_usage_error(
    batch_sizes: Any,
) -> None:
    with pytest.raises(UsageError, match="batch_sizes must be a list"):
        declared_support(None, batch_sizes)


def test_the_same_seed_asks_the_same_probes() -> None:
    def asked(seed: int) -> list[str]:
        seen: list[str] = []

        class Noting:
            def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
                seen.append(f"{network} {[w.tolist() for w, _ in params]} {batch.x.tolist()}")
                return Textbook().loss_and_grads(network, params, batch)

        drive(discover(None, None, seed), InProcess(Noting()))
        return seen

    assert asked(3) == asked(3), "two runs with one seed asked different probes"


def test_batch_sizes_up_to_the_largest_drawn_are_probed() -> None:
    asked = set()

    def handles(network: Network, n: int) -> bool:
        asked.add(n)
        return True

    found(handles)
    assert asked == set(range(1, MAX_BATCH + 1)), f"probed were the batch sizes {sorted(asked)}"


def test_code_that_is_for_deep_networks_only_is_found() -> None:
    class Deep(Textbook):
        def loss_and_grads(self, network, params, batch):
            if network.depth != 4:
                raise NotImplementedError(f"{network.depth} layers")
            return super().loss_and_grads(network, params, batch)

    found = drive(discover(None, None, 0), InProcess(Deep()))
    assert found.support.depths == (4,), f"depths found: {found.support.depths}"
    assert "tanh" in found.support.activations, f"activations: {found.support.activations}"


@pytest.mark.slow
def test_code_that_takes_five_samples_only_is_found() -> None:
    class Five(Textbook):
        def loss_and_grads(self, network, params, batch):
            if len(batch.x) != 5:
                raise NotImplementedError(f"{len(batch.x)} samples")
            return super().loss_and_grads(network, params, batch)

    found = drive(discover(None, None, 0), InProcess(Five()))
    assert found.support.batch_sizes == (5,), f"batch sizes found: {found.support.batch_sizes}"


@pytest.mark.parametrize(
    "handles",
    [
        lambda network, samples: samples < 4,
        lambda network, samples: network.depth == 2,
        lambda network, samples: network.reduction == "sum" and not network.l2,
        lambda network, samples: set(hidden(network)) <= {"tanh", "relu"},
        lambda network, samples: network.loss in ("cross_entropy", "squared_error"),
        lambda network, samples: network.activations[-1] == "sigmoid",
    ],
)
@pytest.mark.parametrize("error", [NotImplementedError, ValueError])
def test_nothing_is_left_out_silently(handles: Handles, error: type[Exception]) -> None:
    discovery = found(handles, error)
    support, refused = discovery.support, set(discovery.refused)
    if support.empty:
        assert discovery.faults, "nothing is asked, and nothing is told"
        return
    unsaid = {
        *(("activation", n) for n in HIDDEN_ACTIVATIONS if n not in support.activations),
        *(("pairing", *pair) for pair in PAIRINGS if pair not in support.pairings),
        *(("reduction", r) for r in REDUCTIONS if r not in support.reductions),
        *(("depth", str(d)) for d in EVERYTHING.depths if d not in support.depths),
        *(("batch", str(n)) for n in EVERYTHING.batch_sizes if n not in support.batch_sizes),
        *([] if support.l2 else [("l2",)]),
    } - refused
    assert not unsaid, f"left out and not told: {unsaid}"
    assert error is NotImplementedError or discovery.faults, "what was raised is not told"
