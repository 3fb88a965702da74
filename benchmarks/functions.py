"""How often check_function calls a right gradient wrong, or a wrong one correct.

    python -m benchmarks.functions [ROUNDS] [--seed N]

Each round is a function of each kind below at a point of each kind: entries of one size, of
mixed sizes, with zeros among them. Gradients are in closed form, and the same in float32. Wrong
ones have a factor on everything, one entry off by half the norm, or two entries exchanged.
"""

import argparse
import collections
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gradcheck.functions.check_function import check_function

Floats = np.ndarray


@dataclass(frozen=True)
class Case:
    """A function, a point and the gradient there."""

    kind: str
    points: str
    function: Callable[[Floats], float]
    x: Floats
    gradient: Floats


Made = tuple[Callable[[Floats], float], Callable[[Floats], Floats]]


def _quadratic(rng: np.random.Generator, x: Floats) -> Made:
    a = rng.standard_normal((x.size, x.size))
    a = a + a.T
    return lambda v: 0.5 * v @ a @ v, lambda v: a @ v


def _norm(rng: np.random.Generator, x: Floats) -> Made:
    return lambda v: np.sqrt((v * v).sum()), lambda v: v / np.sqrt((v * v).sum())


def _logarithms(rng: np.random.Generator, x: Floats) -> Made:
    return lambda v: np.log(np.abs(v) + 1e-300).sum(), lambda v: 1 / v


def _reciprocals(rng: np.random.Generator, x: Floats) -> Made:
    return lambda v: (1 / v).sum(), lambda v: -1 / (v * v)


def _roots(rng: np.random.Generator, x: Floats) -> Made:
    return lambda v: np.sqrt(np.abs(v)).sum(), lambda v: 0.5 * np.sign(v) / np.sqrt(np.abs(v))


def _waves(rng: np.random.Generator, x: Floats) -> Made:
    return lambda v: np.sin(v).sum(), np.cos


def _waves_in_own_units(rng: np.random.Generator, x: Floats) -> Made:
    s = 1 / np.where(x == 0, 1.0, np.abs(x))
    return lambda v: np.sin(s * v).sum(), lambda v: s * np.cos(s * v)


def _bells(rng: np.random.Generator, x: Floats) -> Made:
    return lambda v: np.exp(-v * v).sum(), lambda v: -2 * v * np.exp(-v * v)


def _bells_in_own_units(rng: np.random.Generator, x: Floats) -> Made:
    s = 1 / np.where(x == 0, 1.0, x * x)
    return lambda v: np.exp(-s * v * v).sum(), lambda v: -2 * s * v * np.exp(-s * v * v)


def _softmax(rng: np.random.Generator, x: Floats) -> Made:
    def shares(v: Floats) -> Floats:
        e = np.exp(v - v.max())
        return e / e.sum()

    return lambda v: v.max() + np.log(np.exp(v - v.max()).sum()), shares


def _layer(rng: np.random.Generator, x: Floats) -> Made:
    w = rng.standard_normal((x.size, 4)) / np.sqrt(x.size)
    c = rng.standard_normal(4)
    return lambda v: np.tanh(v @ w) @ c, lambda v: w @ (c * (1 - np.tanh(v @ w) ** 2))


def _layer_of_scaled_inputs(rng: np.random.Generator, x: Floats) -> Made:
    s = 1 / np.where(x == 0, 1.0, np.abs(x))
    w = s[:, None] * rng.standard_normal((x.size, 4)) / np.sqrt(x.size)
    c = rng.standard_normal(4)
    return lambda v: np.tanh(v @ w) @ c, lambda v: w @ (c * (1 - np.tanh(v @ w) ** 2))


def _product_of_sums(rng: np.random.Generator, x: Floats) -> Made:
    a, b = rng.standard_normal((2, x.size))
    return lambda v: (a @ v) * (b @ v), lambda v: a * (b @ v) + b * (a @ v)


def _saturating(rng: np.random.Generator, x: Floats) -> Made:
    return lambda v: (v / (1 + np.abs(v))).sum(), lambda v: 1 / (1 + np.abs(v)) ** 2


def _arctangents(rng: np.random.Generator, x: Floats) -> Made:
    s = 10.0 ** rng.uniform(-3, 3, x.size)
    return lambda v: np.arctan(s * v).sum(), lambda v: s / (1 + (s * v) ** 2)


def _fourth_powers(rng: np.random.Generator, x: Floats) -> Made:
    return lambda v: (v**4).sum(), lambda v: 4 * v**3


def _weighted(rng: np.random.Generator, x: Floats) -> Made:
    s = 10.0 ** rng.uniform(-4, 4, x.size)
    return lambda v: (s * np.cos(v)).sum(), lambda v: -s * np.sin(v)


def _rosenbrock(rng: np.random.Generator, x: Floats) -> Made:
    def value(v: Floats) -> float:
        return (100 * (v[1:] - v[:-1] ** 2) ** 2 + (1 - v[:-1]) ** 2).sum() + v[0] ** 2

    def slope(v: Floats) -> Floats:
        g = np.zeros_like(v)
        inner = v[1:] - v[:-1] ** 2
        g[:-1] = -400 * v[:-1] * inner - 2 * (1 - v[:-1])
        g[1:] += 200 * inner
        g[0] += 2 * v[0]
        return g

    return value, slope


def _huber(rng: np.random.Generator, x: Floats) -> Made:
    def value(v: Floats) -> float:
        a = np.abs(v)
        return np.where(a < 1, 0.5 * a * a, a - 0.5).sum()

    return value, lambda v: np.clip(v, -1, 1)


def _absolute(rng: np.random.Generator, x: Floats) -> Made:
    return lambda v: np.abs(v).sum(), np.sign


def _rectified(rng: np.random.Generator, x: Floats) -> Made:
    a = rng.standard_normal(x.size)
    return lambda v: (a * np.maximum(v, 0)).sum(), lambda v: a * (v > 0)


FUNCTIONS = {
    f.__name__.strip("_").replace("_", " "): f
    for f in (
        _quadratic, _norm, _logarithms, _reciprocals, _roots, _waves, _waves_in_own_units,
        _bells, _bells_in_own_units, _softmax, _layer, _layer_of_scaled_inputs,
        _product_of_sums, _saturating, _arctangents, _fourth_powers, _weighted, _rosenbrock,
        _huber, _absolute, _rectified,
    )
}  # fmt: skip


def _signs(rng: np.random.Generator, size: int) -> Floats:
    return rng.choice((-1.0, 1.0), size)


def _one_size(rng: np.random.Generator, size: int) -> Floats:
    return rng.standard_normal(size) * 10.0 ** rng.uniform(-5, 5)


def _two_sizes(rng: np.random.Generator, size: int) -> Floats:
    scale = np.where(rng.random(size) < 0.5, 1e-4, 1e4)
    return _signs(rng, size) * rng.uniform(0.5, 2, size) * scale


def _every_size(rng: np.random.Generator, size: int) -> Floats:
    return _signs(rng, size) * 10.0 ** rng.uniform(-6, 6, size)


def _one_small(rng: np.random.Generator, size: int) -> Floats:
    x = _signs(rng, size) * rng.uniform(0.5, 2, size) * 1e4
    x[rng.integers(size)] *= 1e-8
    return x


def _one_large(rng: np.random.Generator, size: int) -> Floats:
    x = _signs(rng, size) * rng.uniform(0.5, 2, size) * 1e-4
    x[rng.integers(size)] *= 1e8
    return x


def _around_one(rng: np.random.Generator, size: int) -> Floats:
    return _signs(rng, size) * 10.0 ** rng.uniform(-2, 2, size)


def _with_zeros(rng: np.random.Generator, size: int) -> Floats:
    x = _every_size(rng, size)
    x[rng.random(size) < 0.3] = 0.0
    return x


POINTS = {
    f.__name__.strip("_").replace("_", " "): f
    for f in (_one_size, _two_sizes, _every_size, _one_small, _one_large, _around_one, _with_zeros)
}

SIZES = (2, 3, 5, 12, 40)


def cases(rounds: int, seed: int) -> Iterator[Case]:
    """Yield so many rounds of right gradients."""
    rng = np.random.default_rng(seed)
    for _ in range(rounds):
        for kind, make in FUNCTIONS.items():
            for points, draw in POINTS.items():
                x = draw(rng, int(rng.choice(SIZES)))
                function, gradient = make(rng, x)
                with np.errstate(all="ignore"):
                    claim = gradient(x)
                if np.isfinite(claim).all() and np.linalg.norm(claim) > 0:
                    yield Case(kind, points, function, x, claim)


def right(gradient: Floats) -> Iterator[tuple[str, Floats]]:
    """Yield the gradient, and what float32 makes of it."""
    yield "right", gradient
    short = gradient.astype(np.float32)
    if np.isfinite(short).all() and (np.abs(short[gradient != 0]) > 1e-37).all():
        yield "right, in float32", short


def wrong(rng: np.random.Generator, case: Case) -> Iterator[tuple[str, Floats]]:
    """Yield gradients that are wrong by a part of the norm that should be seen."""
    gradient = case.gradient
    yield "a factor 1.01", 1.01 * gradient
    with np.errstate(over="ignore"):
        short = (1.01 * gradient).astype(np.float32)
    if np.isfinite(short).all():
        yield "a factor 1.01, in float32", short
    yield "minus", -gradient
    off_kinks = np.flatnonzero(case.x)  # on one, many slopes are right
    if off_kinks.size:
        one = gradient.copy()
        one[rng.choice(off_kinks)] += 0.5 * np.linalg.norm(gradient)
        yield "one entry", one
    i, j = rng.choice(gradient.size, 2, replace=False)
    swapped = gradient.copy()
    swapped[[i, j]] = swapped[[j, i]]
    if np.linalg.norm(swapped - gradient) > 1e-3 * np.linalg.norm(gradient):
        yield "two exchanged", swapped


def main() -> None:
    """Print the counts, and every case that came out as it must not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", type=int, nargs="?", default=14)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--all", action="store_true", help="show what was not resolved too")
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed + 1)
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    for number, case in enumerate(cases(arguments.rounds, arguments.seed)):
        for what, claim in right(case.gradient):
            with np.errstate(all="ignore"):
                found = check_function(case.function, case.x, claim, seed=number)
            counts[what, found.verdict.value] += 1
            if found.verdict.value == "wrong":
                print(f"FALSE  {number}: {case.kind}, {case.points}, {what}: {found.message}")
        for what, claim in wrong(rng, case):
            with np.errstate(all="ignore"):
                found = check_function(case.function, case.x, claim, seed=number)
            counts[what, found.verdict.value] += 1
            if arguments.all and found.verdict.value == "unresolved":
                print(f"UNSEEN {number}: {case.kind}, {case.points}, {what}: {found.message}")
            if found.verdict.value == "correct":
                print(f"MISSED {number}: {case.kind}, {case.points}, {what}: {found.message}")
    for (what, verdict), count in sorted(counts.items()):
        print(f"{what:28}{verdict:12}{count:6}")


if __name__ == "__main__":
    main()
