"""No verdict, reading or diagnosis rests on equal bits of two computations."""

from pathlib import Path

import numpy as np
import pytest

import gradcheck
from gradcheck.contract.protocol import Call, Request
from gradcheck.execution import calling
from gradcheck.execution.calling import InProcess
from gradcheck.networks import sampling
from gradcheck.reading.loading import load
from gradcheck.reading.target import shipped
from tests.arithmetic.elsewhere import jiggled, moved, tilted
from tests.tiers import sampled, telling

#: Run again by .ci/arithmetic; the other seeds and cases add little there.
AGAIN = pytest.mark.last_bits
SLOW = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples" / "plug_in"

#: Right code: native, Nielsen's class, deeplearning.ai's functions, a trainer, a layer's method.
RIGHT = {
    "native": shipped("matrix"),
    **{name: EXAMPLES / f"{name}.py" for name in ("nielsen", "deeplearning_ai", "in_place")},
    "cs231n": EXAMPLES / "cs231n.py",
}

NAIVE = (ROOT / "tests" / "quality" / "naive.py").read_text(encoding="utf-8")

#: Careless code, in which last bits become large: they are lost in 1 - tanh², or float32 has few.
CARELESS = {
    "in float64": "Naive()",
    "in float32": "Naive(np.float32)",
    "partly in float32": "Naive(np.float32, np.float64)",
    "with a constant in the logarithm": "Naive(epsilon=1e-8)",
}


@pytest.fixture
def examined(tmp_path):
    """Return a function that checks a submission whose last bits vary, in a worker."""

    def examined(text, seed, **options):
        path = tmp_path / "student.py"
        path.write_text(jiggled(text), encoding="utf-8")
        return gradcheck.check(path, seed=seed, **options).data["implementations"][0]

    return examined


def assert_right(entry, what):
    wrong = {f["check"]: f["message"] for f in entry["findings"] if f["verdict"] != "correct"}
    assert entry["verdict"] == "correct", f"{what}: {wrong or entry['error']}"
    assert not entry["diagnoses"], f"{what}: {entry['diagnoses']}"
    assert any(f["check"] == "purity" for f in entry["findings"]), f"{what}: not asked again"


@pytest.mark.parametrize(
    "seed", sampled([pytest.param(1, marks=AGAIN), pytest.param(2, marks=SLOW)])
)
@pytest.mark.parametrize("name", telling(RIGHT))
def test_right_code_whose_last_bits_vary_is_correct_and_keeps_nothing(name, seed, examined):
    entry = examined(RIGHT[name].read_text(encoding="utf-8"), seed, examples=24)
    assert_right(entry, f"{name}, seed {seed}")
    notes = [note for f in entry["findings"] for note in f["notes"]] + entry["notes"]
    assert any("differ in the last digits" in note for note in notes), (
        f"{name}: every answer was repeated bit by bit, so nothing was shown; notes: {notes}"
    )


@pytest.mark.parametrize(
    "seed", sampled([pytest.param(2, marks=AGAIN), pytest.param(8, marks=SLOW)])
)
@pytest.mark.parametrize("code", telling(CARELESS.values(), 2), ids=CARELESS)
def test_careless_code_whose_last_bits_vary_keeps_nothing(code, seed, examined):
    text = f"{NAIVE}\nloss_and_grads = {code}.loss_and_grads\ndel Naive\n"
    assert_right(examined(text, seed, examples=60), f"{code}, seed {seed}")


NATIVE = (EXAMPLES / "native.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("drift", telling([1e-3, 1e-8, 1e-10]))
def test_what_is_kept_between_calls_is_seen_behind_last_bits_that_vary(drift, examined):
    kept = NATIVE.replace("    return loss, grads", "    return drift() * loss, grads")
    assert kept != NATIVE, "the example no longer ends in `return loss, grads`"
    kept += (
        "\n\ncalls = 0\n\n\ndef drift():\n    global calls\n    calls += 1\n"
        f"    return 1 + {drift} * calls\n"
    )
    entry = examined(kept, 1, examples=24)
    verdicts = {f["check"]: f["verdict"] for f in entry["findings"]}
    assert verdicts["purity"] == "wrong", f"a loss that grows by {drift} at each call: {verdicts}"


@AGAIN
def test_a_bug_is_named_behind_last_bits_that_vary(examined):
    text = (ROOT / "docs" / "examples" / "tanh_student.py").read_text(encoding="utf-8")
    entry = examined(text, 1, examples=60)
    bugs = {(d["bug"], d["certainty"]) for d in entry["diagnoses"]}
    assert bugs == {("tanh_derivative_uses_tan", "named")}, f"named: {bugs}"


def test_a_trainer_without_a_rate_is_read_as_one_behind_last_bits_that_vary(examined):
    text = (EXAMPLES / "in_place.py").read_text(encoding="utf-8")
    without = text.replace(", learningrate", "").replace("= learningrate", "= 0.3")
    assert "learningrate" not in without, "the example names its rate elsewhere too"
    assert_right(examined(without, 1, examples=24), "a trainer with a rate of 0.3 built in")


def test_a_moved_array_lies_where_it_was_asked_for():
    array = np.arange(6.0).reshape(2, 3)
    for distance in range(16):
        copy = moved(array, distance)
        assert copy.ctypes.data % 64 == 8 * (distance % 8), f"{distance}: {copy.ctypes.data % 64}"
        assert np.array_equal(copy, array), f"{distance}: {copy}"


def test_a_tilted_function_is_off_by_one_unit_and_exact_where_all_are():
    exp = tilted(np.exp, "exp")
    x = np.linspace(-30.0, 30.0, 301)
    off = np.abs(exp(x) - np.exp(x)) / np.spacing(np.exp(x))
    assert off.max() == 1.0, f"off by up to {off.max()} units in the last place"
    assert exp(np.zeros(9)).tolist() == [1.0] * 9, "exp(0) is 1 everywhere"


@AGAIN
@pytest.mark.parametrize("distance", range(8))
def test_answers_are_judged_alike_wherever_the_arguments_lie(distance, monkeypatch):
    def elsewhere(problem):
        pairs = [(moved(w, distance), moved(b, distance + 3)) for w, b in problem.params.pairs]
        return pairs, moved(problem.batch.x, distance + 1), moved(problem.batch.y, distance + 5)

    session = InProcess(load(shipped("matrix")))
    for index in range(20):
        request = Request(Call.LOSS_AND_GRADS, sampling.problem(9, index), fresh=True)
        here = session.ask(request)
        with monkeypatch.context() as patch:
            patch.setattr(calling, "handed", elsewhere)
            there = session.ask(request)
        assert not there.changed, f"distance {distance}: wrote to {there.changed}"
        assert not there.aliased, f"distance {distance}: returned {there.aliased}"
        for name, one in here.tensors.items():
            two = there.tensors[name]
            assert np.allclose(one, two, rtol=1e-9, atol=1e-12), f"{name}: {one}, {two}"
