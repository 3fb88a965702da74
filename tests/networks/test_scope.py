"""What a verdict covers is read off the problems that were compared, and told in one line."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.networks.bugs.textbook import Textbook
from gradcheck.networks.definitions import LOSSES, PAIRINGS
from gradcheck.networks.problem import Network, Problem
from gradcheck.networks.sampling import EVERYTHING, Support, problem
from gradcheck.networks.scope import EMPTY_SCOPE, LONGEST_SENTENCE, ranges, scope_of
from gradcheck.records.build import supports
from gradcheck.run.api import check
from tests.strategies import problems

WHY = "NotImplementedError: not yet"

FEATURES = st.one_of(
    st.tuples(st.just("activation"), st.sampled_from(["relu", "tanh", "gelu"])),
    st.sampled_from(PAIRINGS).map(lambda pair: ("pairing", *pair)),
    st.tuples(st.just("depth"), st.integers(1, 5).map(str)),
    st.tuples(st.just("batch"), st.integers(1, 8).map(str)),
    st.sampled_from([("reduction", "sum"), ("l2",)]),
)


class Line:
    """Right code for one layer of identity; everything else is not implemented."""

    def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
        if network.activations != ("identity",) or network.loss != "half_squared_error":
            raise NotImplementedError("a line only")
        return Textbook().loss_and_grads(network, params, batch)


def scope_of_checked(code: Any, **settings: Any) -> Any:
    settings = {"seed": 0, "examples": 40, **settings}
    entry = check(code, **settings).data["implementations"][0]
    return entry["scope"], entry


@given(st.lists(problems(), min_size=1, max_size=6), st.dictionaries(FEATURES, st.just(WHY)))
def test_what_was_asked_is_what_the_problems_have_and_nothing_else(
    compared: list[Problem], refused: dict[tuple[str, ...], str]
) -> None:
    scope = scope_of(compared, 1.0, refused)
    networks = [p.network for p in compared]
    assert scope.asked["depths"] == sorted({n.depth for n in networks})
    assert scope.asked["batch_sizes"] == sorted({p.batch.size for p in compared})
    assert set(scope.asked["losses"]) == {n.loss for n in networks}
    assert set(scope.asked["l2"]) == {n.l2 for n in networks}
    both = {*scope.asked["activations"], *scope.asked["losses"]} & set(scope.refused)
    assert not both, f"told as asked and as not asked: {both}"


@given(
    st.lists(problems(), min_size=1, max_size=6),
    st.dictionaries(FEATURES, st.sampled_from([WHY, "time", "ValueError: no", "A" * 80])),
    st.sampled_from(["", "declared", "--network"]),
    st.sampled_from(["", "if your loss is binary_cross_entropy (for half_squared_error not)"]),
    st.booleans(),
)
def test_the_sentence_is_one_short_line(
    compared: list[Problem],
    refused: dict[tuple[str, ...], str],
    only: str,
    condition: str,
    single: bool,
) -> None:
    sentence = scope_of(compared, 1.0, refused, (), only, condition, single).sentence
    assert "\n" not in sentence, sentence
    assert len(sentence) <= LONGEST_SENTENCE, f"{len(sentence)} characters: {sentence}"
    assert condition.partition(" (")[0] in sentence, sentence


CLAUSES = ("its forward returns logits", "if your loss is cross_entropy", "given dA = (a - y) / N")


@given(st.lists(problems(), min_size=1, max_size=6), st.dictionaries(FEATURES, st.just(WHY)))
def test_no_condition_is_left_out_of_a_long_sentence(
    compared: list[Problem], refused: dict[tuple[str, ...], str]
) -> None:
    logits, loss, given_ = CLAUSES
    condition = (
        f"{logits} (softmax is applied), {loss} (for half_squared_error the slope is missing), "
        f"{given_}"
    )
    sentence = scope_of(compared, 1.0, refused, condition=condition).sentence
    for clause in CLAUSES:
        assert clause in sentence, sentence


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        ([1], "batches of 1"),
        ([1, 2, 3, 33, 65], "batches of 1 to 3, 33 and 65"),
        ([1, 2, 3, 9, 33, 65], "batches of 1 to 3 and some to 65"),
    ],
)
def test_many_sizes_apart_are_told_by_how_far_they_reach(sizes: list[int], text: str) -> None:
    network = Network.parse("2-2 identity half_squared_error")
    compared = [problem(0, 0, Support(networks=(network,), batch_sizes=(n,))) for n in sizes]
    assert scope_of(compared, 1.0, {}).sentence.endswith(text)
    assert scope_of(compared, 1.0, {}).asked["batch_sizes"] == sizes


class Handles(Textbook):
    """Right code that raises where it is told to."""

    def __init__(self, handles: Any, error: type[Exception] = NotImplementedError) -> None:
        super().__init__()
        self.handles, self.error = handles, error

    def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
        if not self.handles(network, batch):
            raise self.error("no")
        return super().loss_and_grads(network, params, batch)


def test_one_sample_a_call_is_said_only_of_code_that_says_so_itself() -> None:
    scope, _ = scope_of_checked(Handles(lambda network, batch: len(batch.x) == 1))
    assert "one sample a call" in scope["sentence"], scope["sentence"]
    assert "batches of 2 to 8: NotImplementedError" in scope["sentence"], scope["sentence"]
    failing = Handles(lambda network, batch: len(batch.x) == 1, ValueError)
    scope, entry = scope_of_checked(failing)
    assert "batches of 1;" in scope["sentence"], scope["sentence"]
    assert entry["verdict"] == "error", entry["verdict"]


def test_a_combination_that_is_refused_is_told_though_each_of_its_features_is_handled() -> None:
    def handles(network: Any, batch: Any) -> bool:
        return not ("relu" in network.activations and network.depth > 2)

    scope, entry = scope_of_checked(Handles(handles), examples=120)
    assert entry["verdict"] == "correct", entry["error"]
    told = [name for name in scope["refused"] if "relu" in name and ", N = " in name]
    assert told, f"nothing is told of relu in deep networks: {scope['refused']}"
    assert "NotImplementedError" in scope["sentence"], scope["sentence"]


def test_a_forward_that_refuses_what_the_gradient_handles_is_told() -> None:
    class Half(Textbook):
        def forward(self, network: Any, params: Any, x: Any) -> Any:
            raise NotImplementedError("gradients only")

    scope, entry = scope_of_checked(Half())
    assert entry["verdict"] == "correct", entry["error"]
    assert scope["refused"]["forward"] == "NotImplementedError: gradients only", scope["refused"]
    assert scope["sentence"].endswith("not asked: forward: NotImplementedError"), scope["sentence"]


def test_of_no_answer_nothing_is_said() -> None:
    assert scope_of([], 0.0, {("l2",): WHY}) == EMPTY_SCOPE


def test_a_loss_refused_with_every_output_is_named_once() -> None:
    refused = {("pairing", o, "squared_error"): WHY for o in LOSSES["squared_error"].outputs}
    network = Network.parse("2-2 identity half_squared_error")
    line = problem(0, 0, Support(networks=(network,)))
    assert scope_of([line], 1.0, refused).refused == {"squared_error": WHY}


def test_code_for_a_single_layer_does_not_look_like_code_for_everything() -> None:
    scope, entry = scope_of_checked(Line())
    assert entry["verdict"] == "correct", entry["findings"]
    assert scope["sentence"].startswith("1 layer, identity, half_squared_error"), scope
    assert "2 to 5 layers" in scope["sentence"], f"what was refused is not told: {scope}"
    assert scope["sentence"].endswith("NotImplementedError"), scope
    assert scope["refused"]["cross_entropy"] == "NotImplementedError: a line only", scope
    assert entry["supports"]["depths"] == [1], f"supports {entry['supports']['depths']}"


def test_a_record_of_one_network_says_its_depth_and_no_other() -> None:
    text = "2-3-1 tanh,sigmoid half_squared_error sum l2=0.1"
    entry = supports(Support(networks=(Network.parse(text),)))
    told = {key: entry[key] for key in ("depths", "reductions", "l2", "activations")}
    right = {"depths": [2], "reductions": ["sum"], "l2": True, "activations": ["tanh", "sigmoid"]}
    assert told == right, f"told {told}"
    scope, _ = scope_of_checked(Textbook(), network=text)
    assert scope["sentence"].startswith(text), scope["sentence"]
    assert scope["sentence"].endswith("(--network)"), scope["sentence"]


@pytest.mark.usefixtures("undiagnosed")
@pytest.mark.slow
def test_a_wrong_verdict_has_a_scope_too_and_a_failed_one_an_empty_one() -> None:
    class Twice(Textbook):
        def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
            loss, grads = super().loss_and_grads(network, params, batch)
            return loss, [(2 * dw, db) for dw, db in grads]

    class Nothing:
        def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
            raise NotImplementedError

    scope, entry = scope_of_checked(Twice(), examples=200)
    assert entry["verdict"] == "wrong", entry["verdict"]
    assert "layers, all activations" in scope["sentence"], scope["sentence"]
    scope, entry = scope_of_checked(Nothing())
    assert scope == {"sentence": "", "asked": {}, "refused": {}}, scope


def test_problems_that_got_no_answer_were_not_compared() -> None:
    class Fails(Textbook):
        def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
            if len(batch.x) == 5 and network.depth == 2:
                raise ValueError("five")
            return super().loss_and_grads(network, params, batch)

    only = "2-3-1 tanh,sigmoid half_squared_error"
    scope, _ = scope_of_checked(Fails(), network=only)
    assert 5 not in scope["asked"]["batch_sizes"], scope["asked"]
    assert scope["refused"]["batch 5"] == "ValueError: five", scope["refused"]


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([1], "1"), ([1, 2], "1 and 2"), ([3, 1, 2], "1 to 3"), ([1, 2, 3, 7, 9], "1 to 3, 7 and 9")],
)
def test_numbers_are_told_as_ranges(numbers: list[int], text: str) -> None:
    assert ranges(numbers) == text


def test_everything_is_what_all_can_be_asked() -> None:
    assert supports(EVERYTHING)["depths"] == [1, 2, 3, 4, 5]


def test_the_longest_there_is_keeps_its_length_and_says_how_far_it_reaches() -> None:
    networks = [
        Network.parse(f"{'-'.join('2' * (depth + 1))} {','.join([name] * depth)} {loss}")
        for depth, name in ((1, "tanh"), (2, "sigmoid"), (4, "leaky_relu"), (8, "softplus"))
        for loss in ("mean_squared_error", "half_squared_error")
    ]
    compared = [
        problem(0, 0, Support(networks=(network,), batch_sizes=(size,)))
        for network in networks
        for size in (1, 3, 33, 70)
    ]
    refused = {("pairing", *pair): WHY for pair in PAIRINGS} | {("l2",): WHY}
    condition = "if your loss is binary_cross_entropy (for half_squared_error not)"
    sentence = scope_of(compared, 1.0, refused, (), "--network", condition).sentence
    assert len(sentence) <= LONGEST_SENTENCE, sentence
    assert sentence.startswith("up to 8 layers, 4 activations, 2 losses mean, batches up to 70, ")


def test_what_was_not_asked_is_told_by_its_kinds_where_its_reasons_are_too_long() -> None:
    networks = [Network.parse(f"2-2 {name} squared_error") for name in ("tanh", "sigmoid")]
    compared = [problem(0, 0, Support(networks=(network,))) for network in networks]
    refused = {
        ("activation", "relu"): "A" * 80,
        ("activation", "gelu"): "B" * 80,
        ("l2",): "C" * 80,
        ("network", "2-3-1 tanh,sigmoid half_squared_error mean"): "D" * 80,
    }
    sentence = scope_of(compared, 1.0, refused).sentence
    assert sentence.endswith("; not asked: 2 activations, 1 network and l2"), sentence
    one = scope_of(compared, 1.0, {("activation", "relu"): "A" * 200}).sentence
    assert one.endswith("; not asked: relu"), one
