"""Mutants are found, and none is called correct for what it is wrong for: a sample of them."""

import pytest

from tests.mutants.examining import BAR, Outcome, outcome, right
from tests.mutants.mutants import FILES, MUTANTS, asked
from tests.tiers import sampled

SEED = 0

#: At least so many.
ENOUGH = 69

#: ``python -m benchmarks.mutants`` takes all of them.
SAMPLE = sampled(MUTANTS, 4)


def test_there_are_enough_and_each_is_a_mistake_in_a_file_of_its_own() -> None:
    texts = {mutant.text() for mutant in MUTANTS}
    assert len(texts) == len(MUTANTS) >= ENOUGH, f"{len(texts)} of {len(MUTANTS)} differ"
    for mutant in MUTANTS:
        compile(mutant.text(), mutant.name, "exec")


@pytest.mark.parametrize("file", FILES)
def test_the_files_without_a_mistake_are_correct(file: str) -> None:
    entry = right(file, SEED)
    assert entry["verdict"] == "correct", f"{file}: {entry['error'] or entry['findings']}"


def test_a_trigger_is_inside_only_where_the_scope_states_it() -> None:
    scope = {"batch_sizes": [1, 8, 65], "largest_x": 1000.0, "l2": [0.0, 0.37], "far_out": ["a"]}
    assert asked(None, scope)
    assert asked(("batch_sizes", ">", 64), scope)
    assert not asked(("batch_sizes", ">", 65), scope)
    assert not asked(("largest_x", ">", 1000), scope)
    assert not asked(("l2", "between", (0, 0.01)), scope)
    assert asked(("far_out", "=", "a"), scope)
    assert not asked(("far_out", "=", "b"), scope)


@pytest.mark.parametrize("seed", [2, 15])
def test_float32_in_wide_layers_alone_is_not_the_arithmetic_of_the_code(seed: int) -> None:
    mutant = next(m for m in MUTANTS if m.name == "float32_from_100_numbers")
    assert outcome(mutant, seed).verdict == "wrong"


def test_a_mistake_of_every_file_is_in_the_sample() -> None:
    assert {mutant.file for mutant in SAMPLE} == set(FILES)


@pytest.mark.slow
def test_nine_of_ten_mutants_are_found_and_no_other_is_called_correct_inside_the_scope() -> None:
    outcomes: dict[str, Outcome] = {m.name: outcome(m, SEED) for m in SAMPLE}
    lost = [name for name, o in outcomes.items() if not o.caught]
    assert len(lost) <= (1 - BAR) * len(SAMPLE), f"{len(lost)} of {len(SAMPLE)}: {lost}"
    false = [name for name, o in outcomes.items() if o.false]
    assert not false, f"correct, and the scope says that it was asked: {false}"
