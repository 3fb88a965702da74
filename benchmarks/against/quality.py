"""Quality: which right gradients are refused, and which wrong ones accepted?

Right is what torch's own differentiation says; wrong is a planted bug of the catalogue
whose gradient is off by more than :data:`VISIBLE` of some tensor's norm. Everybody sees
one problem at a time, with default tolerances.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.against import torch_peer
from benchmarks.against.work import implementation
from gradcheck.networks import sampling
from gradcheck.networks.bugs import CATALOGUE
from gradcheck.networks.problem import Batch, Network, Pair, Params, Problem

#: A gradient off by this part of a tensor's norm is wrong beyond any rounding.
VISIBLE = 1e-6

#: Sites of bugs that show in a single gradient.
SITES = (
    "activation_derivative",
    "loss_derivative",
    "delta_recursion",
    "weight_gradient",
    "bias_gradient",
    "batch_reduction",
    "regularisation",
    "returned_gradient",
)

SMOOTH = ("sigmoid", "tanh")


def _drawn(
    rng: np.random.Generator,
    widths: tuple[int, ...],
    names: list[str],
    size: float,
    output: str = "identity",
    loss: str = "half_squared_error",
) -> Problem:
    network = Network(widths, (*names, output), loss, "mean", float(rng.choice((0.0, 0.01))))
    samples = int(rng.integers(2, 8))
    pairs = [
        (size * rng.standard_normal(shape), size * rng.standard_normal(shape[1]))
        for shape in network.shapes
    ]
    x = rng.standard_normal((samples, widths[0]))
    return Problem(network, Params(pairs), Batch(x, sampling.targets(rng, network, samples)))


def _widths(rng: np.random.Generator, depth: int) -> tuple[int, ...]:
    return tuple(int(n) for n in rng.integers(2, 7, size=depth + 1))


def ordinary(rng: np.random.Generator) -> Problem:
    """One to three layers, weights of about 1, any of the losses."""
    depth = int(rng.integers(1, 4))
    names = [str(rng.choice(SMOOTH)) for _ in range(depth - 1)]
    last = [("identity", "half_squared_error"), ("softmax", "cross_entropy")]
    return _drawn(rng, _widths(rng, depth), names, 1.0, *last[int(rng.integers(2))])


def deep(rng: np.random.Generator) -> Problem:
    """Eight sigmoid layers, weights of 0.1: the first gradients are about 1e-13."""
    return _drawn(rng, (4,) * 9, ["sigmoid"] * 7, 0.1)


def saturated(rng: np.random.Generator) -> Problem:
    """A first layer with |z| close to 8."""
    names = [str(rng.choice(SMOOTH))]
    network = Network((*_widths(rng, 2),), (*names, "identity"), "half_squared_error")
    return sampling.fill(rng, network, int(rng.integers(2, 8)), "steep")


def relu(rng: np.random.Generator) -> Problem:
    """Eight relu layers with small weights: pre-activations fall far below any fixed step."""
    return _drawn(rng, (6,) * 9, ["relu"] * 7, 0.3)


KINDS: dict[str, Callable[[np.random.Generator], Problem]] = {
    "ordinary": ordinary,
    "deep, weights of 0.1": deep,
    "saturated": saturated,
    "deep relu": relu,
}


def measure(
    peers: dict[str, Any], problems: int, bugs: int, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Count misses and false alarms of everybody, by kind of problem."""
    table = []
    for number, (kind, draw) in enumerate(KINDS.items()):
        counts = {
            name: dict.fromkeys(("false_alarms", "right", "missed", "wrong", "unresolved"), 0)
            for name in peers
        }
        for index in range(problems):
            say(f"{kind}: problem {index + 1} of {problems}")
            rng = np.random.default_rng((number, index))
            problem = draw(rng)
            for right, claim in _claims(problem, rng, bugs):
                for name, peer in peers.items():
                    np.random.seed(index)  # noqa: NPY002 - autograd draws from it
                    _count(counts[name], right, peer.checker(name, problem, claim)())
        table.append({"kind": kind, "problems": problems, "peers": counts})
    return table


def _count(row: dict[str, int], right: bool, accepted: bool | None) -> None:
    row["right" if right else "wrong"] += 1
    if accepted is None:
        row["unresolved"] += 1
    elif right and not accepted:
        row["false_alarms"] += 1
    elif accepted and not right:
        row["missed"] += 1


def _claims(
    problem: Problem, rng: np.random.Generator, bugs: int
) -> Iterator[tuple[bool, list[Pair]]]:
    """Yield the right gradient, and some that a bug of the catalogue makes visibly wrong."""
    truth = torch_peer.referee(problem)
    _, claim = implementation().loss_and_grads(
        problem.network, problem.params.copies(), problem.batch
    )
    yield True, claim
    found = 0
    slugs = [slug for slug, bug in CATALOGUE.items() if bug.site in SITES]
    for slug in rng.permutation(slugs):
        bug = CATALOGUE[str(slug)]
        layers = bug.layers(problem.network)
        if found == bugs or not layers:
            continue
        wrong = _planted(problem, bug, layers[int(rng.integers(len(layers)))])
        if wrong is not None and _visible(truth, wrong):
            found += 1
            yield False, wrong


def _planted(problem: Problem, bug: Any, layer: int | None) -> list[Pair] | None:
    """Return the gradient of a planted bug, if it is one of numbers and shapes."""
    with np.errstate(all="ignore"):
        try:
            _, claim = bug.planted(layer).loss_and_grads(
                problem.network, problem.params.copies(), problem.batch
            )
        except (ValueError, TypeError, IndexError):
            return None
    pairs = [(np.array(w, dtype=float), np.array(b, dtype=float)) for w, b in claim]
    fits = all(
        w.shape == pw.shape
        and b.shape == pb.shape
        and np.isfinite(w).all()
        and np.isfinite(b).all()
        for (w, b), (pw, pb) in zip(pairs, problem.params, strict=True)
    )
    return pairs if fits else None


def _visible(truth: list[Pair], claim: list[Pair]) -> bool:
    return any(
        np.linalg.norm(c - t) > VISIBLE * np.linalg.norm(t)
        for true, claimed in zip(truth, claim, strict=True)
        for t, c in zip(true, claimed, strict=True)
    )
