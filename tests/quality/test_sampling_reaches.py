"""The samplers reach every place where a bug may hide, and often enough.

Problems 0..1999 of seed 0 are counted. Five in a row share a network, so that counts
vary from seed to seed; a minimum is about half of what is expected, and a quarter for
a single pairing. A table that loses a row, or a weight set to zero, falls below.
"""

import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import Phase, find, settings
from hypothesis.errors import NoSuchExample

from gradcheck.networks.definitions import (
    ACTIVATIONS,
    HIDDEN_ACTIVATIONS,
    LOSSES,
    PAIRINGS,
    REDUCTIONS,
    evaluate,
)
from gradcheck.networks.problem import Problem
from gradcheck.networks.sampling import MAX_BATCH, MAX_DEPTH, MAX_WIDTH, problem
from tests import strategies

SEED = 0
PROBLEMS = 2000

#: Whether a problem is at the place.
Place = Callable[[Problem], bool]


def square(p: Problem) -> bool:
    """Every matrix is square and larger than 1 by 1, so that a transposed one fits."""
    return len(set(p.network.widths)) == 1 and p.network.widths[0] > 1


def dead(p: Problem) -> bool:
    """A hidden unit's weights are all zero and its bias is negative."""
    return any(bool((w[:, 0] == 0).all()) and b[0] < 0 for w, b in p.params.pairs[:-1])


def dead_relu(p: Problem) -> bool:
    """Such a unit is a relu: nothing flows through it."""
    hidden = zip(p.params.pairs[:-1], p.network.activations, strict=False)
    return any(name == "relu" and not w[:, 0].any() and b[0] < 0 for (w, b), name in hidden)


def duplicates(p: Problem) -> bool:
    return p.batch.size > 1 and bool((p.batch.x[0] == p.batch.x[-1]).all())


def small(p: Problem) -> bool:
    """At least ten weights, of a root mean square below 0.4."""
    weights = np.concatenate([w.ravel() for w, _ in p.params])
    return weights.size >= 10 and float(np.sqrt((weights * weights).mean())) < 0.4


def steep(p: Problem) -> bool:
    run = evaluate(p.network, p.params.pairs, p.batch.x)
    return float(np.abs(run.z[0]).max()) > 7.0


def hidden(name: str) -> Place:
    return lambda p: name in p.network.activations[:-1]


def output(name: str) -> Place:
    return lambda p: p.network.activations[-1] == name


def loss(name: str) -> Place:
    return lambda p: p.network.loss == name


def pairing(pair: tuple[str, str]) -> Place:
    return lambda p: (p.network.activations[-1], p.network.loss) == pair


def reduction(name: str) -> Place:
    return lambda p: p.network.reduction == name


def depth(layers: int) -> Place:
    return lambda p: p.network.depth == layers


def samples(n: int) -> Place:
    return lambda p: p.batch.size == n


def width(n: int) -> Place:
    return lambda p: n in p.network.widths


#: Each place, and how many of 2000 problems must be there.
PLACES: dict[str, tuple[Place, int]] = {
    **{f"hidden {name}": (hidden(name), 200) for name in HIDDEN_ACTIVATIONS},
    **{f"output {name}": (output(name), 50) for name in ACTIVATIONS},
    **{f"loss {name}": (loss(name), 250) for name in LOSSES},
    **{" with ".join(pair): (pairing(pair), 10) for pair in PAIRINGS},
    **{f"reduction {name}": (reduction(name), 800) for name in REDUCTIONS},
    **{f"depth {layers}": (depth(layers), 250) for layers in range(1, MAX_DEPTH + 1)},
    **{f"N = {n}": (samples(n), 125) for n in range(1, MAX_BATCH + 1)},
    **{f"a layer of width {n}": (width(n), 200) for n in range(1, MAX_WIDTH + 1)},
    "N of 2 or more": (lambda p: p.batch.size >= 2, 1500),
    "square layers": (square, PROBLEMS // 4),
    "one output": (lambda p: p.network.widths[-1] == 1, 200),
    "several outputs": (lambda p: p.network.widths[-1] > 1, 1000),
    "one input": (lambda p: p.network.widths[0] == 1, 50),
    "no l2": (lambda p: p.network.l2 == 0, 500),
    "some l2": (lambda p: p.network.l2 > 0, 800),
    "dead unit": (dead, 100),
    "dead relu": (dead_relu, 20),
    "duplicate samples": (duplicates, 100),
    "small weights": (small, 100),
    "a layer near |z| = 8": (steep, 150),
    "one sample, summed": (lambda p: p.batch.size == 1 and p.network.reduction == "sum", 60),
    "some samples, mean": (lambda p: p.batch.size > 1 and p.network.reduction == "mean", 600),
    "some samples, mean, some l2": (
        lambda p: p.batch.size > 1 and p.network.reduction == "mean" and p.network.l2 > 0,
        300,
    ),
    "square, deep": (lambda p: square(p) and p.network.depth >= 3, 300),
}


@pytest.fixture(scope="module")
def drawn() -> tuple[Problem, ...]:
    return tuple(problem(SEED, index) for index in range(PROBLEMS))


@pytest.mark.parametrize("place", PLACES)
def test_a_place_is_reached_often_enough(place: str, drawn: tuple[Problem, ...]) -> None:
    is_there, least = PLACES[place]
    count = sum(is_there(p) for p in drawn)
    assert count >= least, f"{place}: {count} of {PROBLEMS} problems of seed {SEED}, not {least}"


#: What Hypothesis must find too: the strategies draw from the same tables.
FOUND = [
    *(f"hidden {name}" for name in HIDDEN_ACTIVATIONS),
    *(" with ".join(pair) for pair in PAIRINGS),
    *(f"reduction {name}" for name in REDUCTIONS),
    *(f"depth {layers}" for layers in range(1, MAX_DEPTH + 1)),
    *("N = 1", "N of 2 or more", "square layers", "one output", "no l2", "some l2"),
    *("dead unit", "dead relu", "duplicate samples", "small weights", "a layer near |z| = 8"),
]


@pytest.fixture(scope="module")
def generated() -> list[Problem]:
    """What Hypothesis generates while it looks for something that is nowhere."""
    found: list[Problem] = []
    few = settings(max_examples=1000, database=None, phases=[Phase.generate], deadline=None)
    with pytest.raises(NoSuchExample):
        find(strategies.problems(), found.append, settings=few, random=random.Random(SEED))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("place", FOUND)
def test_hypothesis_finds_a_place(place: str, generated: list[Problem]) -> None:
    is_there, _ = PLACES[place]
    assert any(map(is_there, generated)), f"{place}: in none of {len(generated)} problems"


def test_hypothesis_shrinks_a_problem_to_one_sample_and_one_layer() -> None:
    few = settings(max_examples=200, database=None, deadline=None)
    found = find(strategies.problems(), lambda p: True, settings=few, random=random.Random(SEED))
    smallest = (found.network.widths, found.batch.size)
    assert smallest == ((1, 1), 1), f"shrunk to\n{found}"
