"""Right code is never called wrong: not the careful, not the careless, not in float32."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest

from gradcheck.comparison.verdict import Verdict
from gradcheck.execution.calling import InProcess
from gradcheck.networks.fast_estimate import Truths
from gradcheck.networks.problem import Batch, Network, Params, Problem
from gradcheck.reading.loading import load
from gradcheck.reading.target import shipped
from gradcheck.records.record import Entry
from gradcheck.run.examine import Examination
from gradcheck.run.submission import Submission
from tests.quality.naive import Naive
from tests.quality.right_code import IMPLEMENTATIONS, Judged, judged, random_problems
from tests.tiers import sampled

#: Architectures, and draws of each; ``python -m benchmarks.right_code`` takes 40 of 50 draws.
SAMPLE = (10, 20)

#: Bounds on a problem's resolution, that of its worst tensor.
MEDIAN = 1e-12
NEARLY_ALL = 1e-9

#: name: text of a network, standard deviation of weights and of biases.
DEEP = {
    "seven sigmoid layers": ("5-5-5-5-5-5-5-2", "sigmoid", 1.0, 1.0),
    "eight sigmoid layers": ("4-4-4-4-4-4-4-4-1", "sigmoid", 1.0, 1.0),
    "nine sigmoid layers": ("4-4-4-4-4-4-4-4-4-2", "sigmoid", 1.0, 1.0),
    "nine sigmoid layers, weights of 0.1": ("4-4-4-4-4-4-4-4-4-2", "sigmoid", 0.1, 0.1),
    "eight tanh layers, weights of 0.1": ("4-4-4-4-4-4-4-4-2", "tanh", 0.1, 0.1),
    "eight relu layers": ("6-6-6-6-6-6-6-6-2", "relu", 0.6, 0.3),
    "eight relu layers, weights of 0.1": ("6-6-6-6-6-6-6-6-2", "relu", 0.1, 0.1),
    "eight leaky_relu layers, weights of 0.1": ("4-4-4-4-4-4-4-4-2", "leaky_relu", 0.1, 0.1),
}


@pytest.fixture(scope="module")
def truths() -> Truths:
    return Truths()


def deep_problem(name: str, seed: int) -> Problem:
    widths, activation, weights, biases = DEEP[name]
    layers = ",".join([activation] * (widths.count("-") - 1) + ["identity"])
    network = Network.parse(f"{widths} {layers} half_squared_error")
    rng = np.random.default_rng((52, seed))
    pairs = [
        (weights * rng.standard_normal(shape), biases * rng.standard_normal(shape[1]))
        for shape in network.shapes
    ]
    x, y = rng.standard_normal((3, network.widths[0])), rng.standard_normal((3, network.widths[-1]))
    return Problem(network, Params(pairs), Batch(x, y))


@cache
def deep_problems() -> tuple[tuple[str, Problem], ...]:
    return tuple((f"{name}, seed {s}", deep_problem(name, s)) for name in DEEP for s in range(25))


def assert_all_right(results: list[Judged], implementation: str) -> None:
    for result in results:
        assert not result.alarms, (
            f"{implementation}, {result.name}, {result.problem.network}: {result.alarms}"
        )


def assert_resolved(
    results: list[Judged], implementation: str, report: Callable[..., None]
) -> None:
    resolutions = np.array([r.resolution for r in results if not np.isnan(r.resolution)])
    median, most = float(np.median(resolutions)), float(np.quantile(resolutions, 0.99))
    report("resolution, median", median)
    report("resolution, 99 %", most)
    print(  # noqa: T201 (shown by -rP: these are the numbers of the report)
        f"\n{implementation}: {len(results)} problems, resolution {median:.1e}, 99 % below "
        f"{most:.1e}, worst {resolutions.max():.1e}, on a kink {sum(r.on_kink for r in results)}"
    )
    zero = len(results) - len(resolutions)  # dead units, softmax of one output
    assert zero < 0.1 * len(results), f"{implementation}: {zero} problems have no gradient"
    assert median < MEDIAN, f"{implementation}: the median resolution is {median:.1e}"
    assert most < NEARLY_ALL, f"{implementation}: 1 % of problems resolve only {most:.1e}"


def implementation_named(name: str) -> Any:
    if name == "jax_autodiff":
        pytest.importorskip("jax")
    return load(shipped(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_right_code_is_right_and_resolved_on_random_problems(
    name: str, truths: Truths, record_property: Callable[..., None]
) -> None:
    results = list(judged(implementation_named(name), random_problems(*SAMPLE), truths))
    assert_all_right(results, name)
    assert_resolved(results, name, record_property)


@pytest.mark.slow
@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_right_code_is_right_on_deep_networks(
    name: str, truths: Truths, record_property: Callable[..., None]
) -> None:
    results = list(judged(implementation_named(name), deep_problems(), truths))
    assert_all_right(results, name)
    assert_resolved(results, name, record_property)


def test_right_code_is_right_on_some_random_and_deep_problems(truths: Truths) -> None:
    some = (*random_problems(40, 5), *deep_problems()[::5])
    assert_all_right(list(judged(implementation_named("matrix"), some, truths)), "matrix")


def test_careless_code_is_right_on_deep_networks(truths: Truths) -> None:
    assert_all_right(list(judged(Naive(), deep_problems(), truths)), "naive")


# ---------------------------------------------------------------- careless textbook code

SEEDS = (1, 2, 3)


def on_seeds(names: Iterable[str], seeds: Sequence[int] = SEEDS[:2]) -> list[Any]:
    """Every name with one of the seeds in turn, and where there is much time with all."""
    turns = range(len(seeds))
    pairs = [
        (name, seeds[(n + turn) % len(seeds)]) for n, name in enumerate(names) for turn in turns
    ]
    return sampled(pairs, len(seeds))


@pytest.fixture(scope="module")
def examinations() -> dict[int, Examination]:
    return {seed: Examination(seed, examples=100) for seed in SEEDS}


def examined(code: Any, seed: int, examinations: dict[int, Examination]) -> Entry:
    return examinations[seed].examine(Submission(type(code).__name__, "", InProcess(code)))


def bad_findings(entry: Entry) -> str:
    bad = [
        f"{f['check']} {f['verdict']}: {f['message']}"
        for f in entry["findings"]
        if f["verdict"] != Verdict.CORRECT
    ]
    return f"{entry['verdict']}; {'; '.join(bad) or 'nothing bad'}; notes {entry['notes']}"


def float32_gradients(gradient: np.ndarray) -> np.ndarray:
    return gradient.astype(np.float32)


RIGHT: dict[str, tuple[Naive, str]] = {
    "float64": (Naive(), ""),
    "float32": (Naive("float32"), "float32 arithmetic"),
    "float32 with float64 targets": (Naive("float32", targets="float64"), "float32 arithmetic"),
    "float32 with float64 inputs": (Naive("float32", inputs="float64"), "float32 arithmetic"),
    "float64 with float32 targets": (Naive(targets="float32"), "float32 arithmetic"),
    "float64 with float32 inputs": (Naive(inputs="float32"), "float32 arithmetic"),
    "float32 in float64 arrays": (
        Naive("float32", finish=lambda g: g.astype(np.float64)),
        "float32 arithmetic",
    ),
    "float64 returned as float32": (Naive(finish=float32_gradients), "float32 arithmetic"),
    "epsilon 1e-12": (Naive(epsilon=1e-12), "a constant of 1.0e-12 stands inside the logarithms"),
    "epsilon 1e-8": (Naive(epsilon=1e-8), "a constant of 1.0e-08 stands inside the logarithms"),
    "epsilon 1e-7": (Naive(epsilon=1e-7), "a constant of 1.0e-07 stands inside the logarithms"),
    "epsilon 1e-12 in the loss alone": (Naive(in_loss=1e-12), "a constant of 1.0e-12 stands"),
    "epsilon 1e-8 in the loss alone": (Naive(in_loss=1e-8), "a constant of 1.0e-08 stands"),
    "epsilon 1e-7 in the loss alone": (Naive(in_loss=1e-7), "a constant of 1.0e-07 stands"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), on_seeds(RIGHT, SEEDS))
def test_careless_textbook_code_is_correct(
    name: str, seed: int, examinations: dict[int, Examination]
) -> None:
    code, note = RIGHT[name]
    entry = examined(code, seed, examinations)
    assert entry["verdict"] == Verdict.CORRECT, f"{name}, seed {seed}: {bad_findings(entry)}"
    assert not note or any(note in each for each in entry["notes"]), (
        f"{name}, seed {seed}: the notes {entry['notes']} do not say {note!r}"
    )
    in_float32 = "float32 arithmetic" in entry["notes"]
    assert in_float32 == ("float32" in note), f"{name}, seed {seed}: notes {entry['notes']}"


def off(entries: Callable[[np.ndarray], None], tensor: int) -> Callable[[list[Any]], list[Any]]:
    """Change one tensor of a gradient: 0 is W1, 1 is b1, -1 the last bias."""

    def change(grads: list[Any]) -> list[Any]:
        flat = [np.array(array) for pair in grads for array in pair]
        entries(flat[tensor])
        return list(zip(flat[::2], flat[1::2], strict=True))

    return change


class Off(Naive):
    """Naive code whose gradient is changed in the end."""

    def __init__(self, change: Callable[[list[Any]], list[Any]], **options: Any) -> None:
        super().__init__(**options)
        self.change = change

    def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
        loss, grads = super().loss_and_grads(network, params, batch)
        return loss, self.change(grads)


def a_millionth(array: np.ndarray) -> None:
    array *= 1 + 1e-6


def one_entry(array: np.ndarray) -> None:
    array.flat[0] *= 1 + 1e-6


OFF = {
    "dW1 by a millionth": (Off(off(a_millionth, 0)), "W1"),
    "db1 by a millionth": (Off(off(a_millionth, 1)), "b1"),
    "one entry of dW1 by a millionth": (Off(off(one_entry, 0)), "W1"),
    "one entry of db1 by a millionth": (Off(off(one_entry, 1)), "b1"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), on_seeds(OFF))
def test_an_error_of_a_millionth_in_one_tensor_is_wrong_and_in_that_tensor_only(
    name: str, seed: int, examinations: dict[int, Examination]
) -> None:
    code, tensor = OFF[name]
    entry = examined(code, seed, examinations)
    assert entry["verdict"] == Verdict.WRONG, f"{name}, seed {seed}: {bad_findings(entry)}"
    gradient = next(f for f in entry["findings"] if f["check"] == "gradient")
    wrong = [n for n, t in gradient["tensors"].items() if t["verdict"] == Verdict.WRONG]
    assert wrong == [tensor], f"{name}, seed {seed}: said to be wrong are {wrong}"


@pytest.mark.slow
@pytest.mark.parametrize("seed", sampled(SEEDS[:2]))
def test_a_real_bug_in_float32_code_is_wrong(
    seed: int, examinations: dict[int, Examination]
) -> None:
    def a_thousandth(array: np.ndarray) -> None:
        array *= np.float32(1.001)

    entry = examined(Off(off(a_thousandth, 0), dtype="float32"), seed, examinations)
    assert entry["verdict"] == Verdict.WRONG, (
        f"float32, dW1 off by a thousandth, seed {seed}: {bad_findings(entry)}"
    )


@pytest.mark.slow
@pytest.mark.parametrize(("where", "seed"), on_seeds(["epsilon", "in_loss"]))
def test_an_epsilon_of_1e_4_is_wrong(
    where: str, seed: int, examinations: dict[int, Examination]
) -> None:
    entry = examined(Naive(**{where: 1e-4}), seed, examinations)
    assert entry["verdict"] == Verdict.WRONG, f"{where} 1e-4, seed {seed}: {bad_findings(entry)}"


FAULTS = {
    "float16": Naive("float16"),
    "float64 returned as float16": Naive(finish=lambda g: g.astype(np.float16)),
    "float64 through float16": Naive(finish=lambda g: g.astype(np.float16).astype(np.float64)),
    "rounded to 5 decimals": Naive(finish=lambda g: g.round(5)),
    "rounded to 8 decimals": Naive(finish=lambda g: g.round(8)),
    "rounded to 10 decimals": Naive(finish=lambda g: g.round(10)),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), on_seeds(FAULTS))
def test_a_fault_of_arithmetic_is_wrong_and_diagnosed_as_one(
    name: str, seed: int, examinations: dict[int, Examination]
) -> None:
    entry = examined(FAULTS[name], seed, examinations)
    assert entry["verdict"] == Verdict.WRONG, f"{name}, seed {seed}: {bad_findings(entry)}"
    sites = [diagnosis["site"] for diagnosis in entry["diagnoses"]]
    assert set(sites) == {"numerics"}, f"{name}, seed {seed}: diagnosed sites {sites}"
