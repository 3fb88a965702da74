"""Far out of what is drawn at random something is asked too, on every seed, and right code passes.

Each place below is one at which a mutant of right code may be wrong and nowhere else.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gradcheck.comparison.calibration import UNIT32
from gradcheck.comparison.compare import FLOAT64, Arithmetic, judge
from gradcheck.comparison.verdict import Verdict
from gradcheck.contract.protocol import Call, Request
from gradcheck.execution.calling import InProcess
from gradcheck.execution.session import PeerSession, drive
from gradcheck.networks import far_out, sampling
from gradcheck.networks.bugs.textbook import Textbook
from gradcheck.networks.definitions import ACTIVATIONS, PAIRINGS, REDUCTIONS, evaluate
from gradcheck.networks.fast_estimate import Truth
from gradcheck.networks.problem import Problem
from gradcheck.networks.sampling import declared_support
from gradcheck.networks.scope import discover
from gradcheck.records.record import Entry
from gradcheck.run.api import check
from gradcheck.run.compared_problems import Drawing
from gradcheck.run.examine import Examination
from gradcheck.run.submission import Submission
from tests.quality.naive import Naive
from tests.tiers import sampled

#: Whole examinations, of a second or more each.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]

SEEDS = range(20)

#: A telling part of them, and where there is much time the rest.
PARTS = sampled([SEEDS[:3], SEEDS[3:]])
PART_NAMES = sampled(["some", "rest"])

UNCHECKED: Any = SimpleNamespace(hold=lambda problem: None)


def zero(name: str) -> Callable[[Problem], bool]:
    """A hidden unit of a given activation whose z is exactly zero on every sample."""

    def there(p: Problem) -> bool:
        run = evaluate(p.network, p.params.pairs, p.batch.x)
        layers = zip(p.network.activations[:-1], run.z, strict=False)
        return any(n == name and bool((z == 0).all(axis=0).any()) for n, z in layers)

    return there


SMOOTH = ("identity", "sigmoid", "tanh", "elu", "softplus", "silu", "gelu")


def likelihoods(p: Problem) -> Any:
    """How likely each target is."""
    a = evaluate(p.network, p.params.pairs, p.batch.x).a[-1]
    if p.network.loss == "cross_entropy":
        return (a * p.batch.y).sum(axis=1)
    return np.where(p.batch.y > 0.5, a, 1.0 - a)


#: What the slope of an output looks like.
OUTPUTS: dict[str, Callable[[str, str], bool]] = {
    "cross_entropy": lambda output, loss: loss == "cross_entropy",
    "binary_cross_entropy": lambda output, loss: loss == "binary_cross_entropy",
    "squared errors, each alone": lambda output, loss: output != "softmax" and "squared" in loss,
    "squared errors of a softmax": lambda output, loss: output == "softmax" and "squared" in loss,
}

PLACES: dict[str, Callable[[Problem], bool]] = {
    "more than 8 samples": lambda p: p.batch.size > 8,
    "more than 32 samples": lambda p: p.batch.size > 32,
    "more than 64 samples": lambda p: p.batch.size > 64,
    "33 samples": lambda p: p.batch.size == 33,
    "65 samples": lambda p: p.batch.size == 65,
    "more than 5 layers": lambda p: p.network.depth > 5,
    "10 layers": lambda p: p.network.depth == 10,
    "a layer of more than 8": lambda p: max(p.network.widths) > 8,
    "a layer of 64": lambda p: 64 in p.network.widths,
    "an input over 10": lambda p: bool((np.abs(p.batch.x) > 10).any()),
    "an input over 255": lambda p: bool((np.abs(p.batch.x) > 255).any()),
    "all inputs whole": lambda p: bool((p.batch.x == np.round(p.batch.x)).all()),
    "a penalty over 1": lambda p: p.network.l2 > 1,
    "a penalty under 0.01": lambda p: 0 < p.network.l2 < 0.01,
    "more than 8 inputs": lambda p: p.network.widths[0] > 8,
    "a hidden layer of more than 8": lambda p: max(p.network.widths[1:-1], default=0) > 8,
    "a hidden layer of more than 32": lambda p: max(p.network.widths[1:-1], default=0) > 32,
    "more than 8 outputs": lambda p: p.network.widths[-1] > 8,
    **{
        f"more than 8 outputs with {loss}": lambda p, loss=loss: (
            p.network.widths[-1] > 8 and p.network.loss == loss
        )
        for loss in ("cross_entropy", "binary_cross_entropy")
    },
    **{
        f"more than 32 outputs of {kind}": lambda p, suited=suited: (
            p.network.widths[-1] > 32 and suited(p.network.activations[-1], p.network.loss)
        )
        for kind, suited in OUTPUTS.items()
    },
    "a mean over more than 8": lambda p: p.batch.size > 8 and p.network.reduction == "mean",
    "a sum over more than 8": lambda p: p.batch.size > 8 and p.network.reduction == "sum",
    "no input negative": lambda p: bool((p.batch.x > 0).all()) and p.batch.size > 1,
    "inputs of 0 and 1": lambda p: bool(np.isin(p.batch.x, (0, 1)).all()),
    "a sample of zeros": lambda p: bool((p.batch.x == 0).all(axis=1).any()),
    "a target over 100": lambda p: bool((np.abs(p.batch.y) > 100).any()),
    "squared errors of one-hot targets": lambda p: (
        "squared" in p.network.loss
        and p.network.widths[-1] > 1
        and bool(np.isin(p.batch.y, (0, 1)).all() and (p.batch.y.sum(axis=1) == 1).all())
    ),
    "targets all the same": lambda p: p.batch.size > 1 and bool((p.batch.y == p.batch.y[0]).all()),
    "the same sample again": lambda p: (
        p.batch.size > 1
        and bool((p.batch.x == p.batch.x[0]).all() and (p.batch.y == p.batch.y[0]).all())
    ),
    "one input": lambda p: p.network.widths[0] == 1 and p.batch.size > 1,
    "one hidden unit": lambda p: 1 in p.network.widths[1:-1] and p.batch.size > 1,
    "one output": lambda p: p.network.widths[-1] == 1 and p.batch.size > 1,
    "inputs under 0.001": lambda p: 0 < np.abs(p.batch.x).max() <= 1e-3,
    "single units": lambda p: set(p.network.widths) == {1} and p.batch.size == 1,
    **{
        f"more than 32 samples, {loss} {reduction}": lambda p, r=reduction, loss=loss: (
            p.batch.size > 32 and p.network.reduction == r and ("squared" in p.network.loss) == loss
        )
        for loss in (True, False)
        for reduction in REDUCTIONS
    },
    "a class of less than a thousandth that is right": lambda p: (
        p.network.loss == "cross_entropy" and likelihoods(p).min() < 1e-3
    ),
    "an output of nearly 0 or 1 that is wrong": lambda p: (
        p.network.loss == "binary_cross_entropy" and likelihoods(p).min() < 1e-3
    ),
    "no bias": lambda p: not any(b.any() for _, b in p.params),
    **{f"a z of exactly 0 under {name}": zero(name) for name in SMOOTH},
}


@cache
def drawn(seed: int) -> Drawing:
    panel = PeerSession(InProcess(Textbook()), {})
    return Drawing(drive(discover(None, None, seed), panel), panel, UNCHECKED, seed, 200).draw()


@pytest.mark.parametrize("seeds", PARTS, ids=PART_NAMES)
@pytest.mark.parametrize("place", PLACES)
def test_every_seed_asks_at_a_place_where_something_is_felt_through_a_layer(
    place: str, seeds: range
) -> None:
    for seed in seeds:
        there = [p for p in drawn(seed).problems if PLACES[place](p) and p.network.depth > 1]
        felt = any(np.abs(Truth(p).gradient["W1"].value).max() > 1e-6 for p in there)
        assert felt, f"seed {seed}: of {len(there)} problems with {place} none feels W1"


@pytest.mark.parametrize("seeds", PARTS, ids=PART_NAMES)
def test_every_seed_asks_what_comes_back_through_weights_that_are_all_zero(seeds: range) -> None:
    for seed in seeds:
        felt = [
            np.abs(Truth(p).gradient[f"b{p.network.depth}"].value).max()
            for p in drawn(seed).problems
            if not all(w.any() for w, _ in p.params.pairs[1:])
        ]
        assert max(felt, default=0.0) > 1e-6, f"seed {seed}: {felt}"


@pytest.mark.parametrize("seeds", PARTS, ids=PART_NAMES)
def test_every_seed_asks_a_penalty_of_one_layer(seeds: range) -> None:
    for seed in seeds:
        networks = [p.network for p in drawn(seed).problems]
        assert any(n.depth == 1 and n.l2 for n in networks), seed


@pytest.mark.parametrize("seeds", PARTS, ids=PART_NAMES)
def test_every_seed_asks_a_softmax_over_one_unit(seeds: range) -> None:
    for seed in seeds:
        networks = [p.network for p in drawn(seed).problems]
        assert any(n.activations[-1] == "softmax" and n.widths[-1] == 1 for n in networks), seed


@pytest.mark.parametrize("seeds", PARTS, ids=PART_NAMES)
def test_every_seed_judges_every_pairing_of_output_and_loss_with_every_reduction(
    seeds: range,
) -> None:
    every = {(*pair, reduction) for pair in PAIRINGS for reduction in REDUCTIONS}
    for seed in seeds:
        networks = [p.network for p in drawn(seed).problems if p.batch.size > 1]
        had = {(n.activations[-1], n.loss, n.reduction) for n in networks}
        assert had == every, f"{seed}: {every - had}"


@pytest.mark.parametrize("seeds", PARTS, ids=PART_NAMES)
def test_every_seed_brings_every_activation_near_the_largest_z(seeds: range) -> None:
    for seed in seeds:
        near = set()
        for p in drawn(seed).problems:
            layers = zip(
                p.network.activations, evaluate(p.network, p.params.pairs, p.batch.x).z, strict=True
            )
            near |= {name for name, z in layers if np.abs(z).max() > 7}
        assert near == set(ACTIVATIONS), f"{seed}: {set(ACTIVATIONS) - near}"


def test_every_seed_has_outputs_on_both_sides_of_a_kink_with_each_loss_and_reduction() -> None:
    names = [name for name, each in ACTIVATIONS.items() if each.pieces]
    pairs = [pair for pair in PAIRINGS if pair[0] in names]
    every = {(*pair, reduction) for pair in pairs for reduction in REDUCTIONS}
    for seed in SEEDS[:3]:
        had = set()
        for p in drawn(seed).problems:
            z = evaluate(p.network, p.params.pairs, p.batch.x).z[-1]
            if (z < 0).any() and (z > 0).any():
                had.add((p.network.activations[-1], p.network.loss, p.network.reduction))
        assert every <= had, f"{seed}: {every - had}"


@pytest.mark.parametrize("seeds", PARTS, ids=PART_NAMES)
def test_every_seed_asks_a_unit_on_the_kink(seeds: range) -> None:
    for seed in seeds:
        hit = {
            name for p in drawn(seed).problems for name in ("relu", "leaky_relu") if zero(name)(p)
        }
        assert hit == {"relu", "leaky_relu"}, f"seed {seed}: {hit}"


def test_code_for_layers_of_any_size_is_asked_wide_and_deep_ones() -> None:
    source = ROOT / "docs" / "examples" / "plug_in" / "nielsen.py"
    entry = check(str(source), seed=3, examples=120).data["implementations"][0]
    asked = entry["scope"]["asked"]
    assert max(asked["hidden_widths"]) > 8, asked
    assert max(asked["depths"]) == far_out.DEEPEST, asked
    assert entry["verdict"] == "correct", entry["error"]


def test_as_many_problems_are_compared_as_were_asked_for() -> None:
    for examples in (1, 5, 20, 60, 200):
        panel = PeerSession(InProcess(Textbook()), {})
        discovery = drive(discover(None, None, 0), panel)
        found = Drawing(discovery, panel, UNCHECKED, 0, examples).draw()
        assert len(found.problems) == examples, f"{len(found.problems)} for {examples}"


@pytest.mark.parametrize(
    ("dtype", "arithmetic"),
    [(np.float64, FLOAT64), (np.float32, Arithmetic(UNIT32, UNIT32))],
    ids=["float64", "float32"],
)
def test_naive_code_is_never_called_wrong_far_out(dtype: Any, arithmetic: Arithmetic) -> None:
    session = InProcess(Naive(dtype))
    for seed in SEEDS[:3]:
        answered = list(drawn(seed).problems)[:100]
        extremes = far_out.Extremes(seed, sampling.EVERYTHING, answered)
        for number, kind in enumerate(far_out.turns(1000)):
            rng = np.random.default_rng((seed, number))
            problem = extremes.draw(rng, far_out.FAR_OUT_KINDS[kind])
            if problem is None:
                continue
            truth = Truth(problem)
            assert truth.largest_z <= sampling.MAX_Z, f"{kind}: |z| = {truth.largest_z}"
            assert not truth.disagreements, f"seed {seed}, {kind}: {truth.disagreements}"
            observation = session.ask(Request(Call.LOSS_AND_GRADS, problem))
            wrong = [
                j.place
                for j in judge(observation.tensors, truth, arithmetic)
                if j.verdict is Verdict.WRONG
            ]
            assert not wrong, f"seed {seed}, {kind}: {wrong} of {problem.network}"


class Mutant(Textbook):
    """Right code that doubles dW1 where its trigger says so."""

    def __init__(self, trigger: Callable[[Any, Any, Any], bool], error: Any = None) -> None:
        super().__init__()
        self.trigger, self.error = trigger, error

    def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
        loss, grads = super().loss_and_grads(network, params, batch)
        if self.trigger(network, params, batch):
            if self.error:
                raise self.error
            grads = [(2 * grads[0][0], grads[0][1]), *grads[1:]]
        return loss, grads


def examined(code: Any, seed: int = 0, **attributes: Any) -> Entry:
    session = InProcess(code, renew=lambda: code)
    subject = Submission("mutant", "", session, attributes.get("networks"), attributes.get("sizes"))
    return Examination(seed).examine(subject)


@pytest.mark.usefixtures("undiagnosed")
@pytest.mark.parametrize(
    "trigger",
    [
        lambda network, params, batch: network.depth > 5,
        lambda network, params, batch: len(batch.x) == 33,
        lambda network, params, batch: (np.abs(batch.x) > 100).any(),
    ],
)
def test_a_bug_that_shows_far_out_alone_is_wrong(trigger: Any) -> None:
    assert examined(Mutant(trigger))["verdict"] == Verdict.WRONG


def test_code_that_fails_far_out_is_in_error_and_code_that_refuses_is_told() -> None:
    def trigger(network: Any, params: Any, batch: Any) -> bool:
        return bool(network.depth > 5)

    entry = examined(Mutant(trigger, IndexError("W6")))
    assert entry["verdict"] == Verdict.ERROR, entry["verdict"]
    assert "IndexError: W6" in entry["error"]["message"], entry["error"]
    entry = examined(Mutant(trigger, NotImplementedError("five layers at most")))
    assert entry["verdict"] == Verdict.CORRECT, entry["error"]
    told = entry["scope"]["refused"]
    assert told["depth 10"] == "NotImplementedError: five layers at most", told
    assert "depth 10" in entry["scope"]["sentence"], entry["scope"]["sentence"]


def test_code_for_certain_batch_sizes_is_asked_no_others() -> None:
    entry = examined(Textbook(), sizes=[2, 4])
    assert entry["scope"]["asked"]["batch_sizes"] == [2, 4], entry["scope"]["asked"]


@pytest.mark.parametrize("sizes", [(1,), (2, 4), (3,)])
@pytest.mark.parametrize("text", ["", "2-2-2 sigmoid,sigmoid half_squared_error mean"])
def test_no_kind_goes_beyond_what_is_declared(sizes: tuple[int, ...], text: str) -> None:
    support = declared_support([text] if text else None, sizes)
    assert support is not None
    answered = [sampling.problem(0, n, support) for n in range(40)]
    extremes = far_out.Extremes(0, support, answered)
    for number, kind in enumerate(far_out.FAR_OUT_KINDS.values()):
        for turn in range(6):
            rng = np.random.default_rng((0, number, turn))
            p = extremes.draw(rng, kind, turn, turn > 3)
            assert p is None or p.batch.size in sizes, f"{number}: {p}"
            assert p is None or not text or str(p.network) == text, f"{number}: {p}"


def test_what_takes_too_long_is_not_asked_and_told(monkeypatch: Any) -> None:
    monkeypatch.setattr("gradcheck.run.compared_problems.SECONDS", 0.0)
    monkeypatch.setattr("gradcheck.run.compared_problems.SHARE", 0.0)
    entry = examined(Textbook())
    assert entry["verdict"] == Verdict.CORRECT, entry["error"]
    assert entry["scope"]["refused"]["batch 33"] == "time", entry["scope"]["refused"]
    assert entry["scope"]["sentence"].endswith(": time"), entry["scope"]["sentence"]


def test_declared_networks_are_asked_with_other_inputs_and_batches_too() -> None:
    text = "2-3-1 tanh,sigmoid half_squared_error mean"
    support = declared_support([text], None)
    assert support is not None
    entry = examined(Textbook(), networks=[text])
    asked = entry["scope"]["asked"]
    assert asked["largest_x"] == far_out.LARGEST_X, asked
    assert 33 in asked["batch_sizes"], asked
    assert asked["networks"] == 1, asked
