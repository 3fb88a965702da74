"""Problems made to tell bugs apart: generic values, one sample and several.

Values are not short here: on generic numbers two different formulas never agree by
chance. Pre-activations spread to about 2.5, where derivatives have curvature; no
bias is zero, no two rows are equal, and the residual is not small.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gradcheck.networks.bugs.textbook import Textbook
from gradcheck.networks.forward_pass import evaluate
from gradcheck.networks.losses import LOSSES
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Batch, Floats, Params, Problem
from gradcheck.networks.sampling import targets

#: How often another draw is tried where a layer is dead.
ATTEMPTS = 12

#: Largest |z| of a probe.
REACH = 2.5


def probe(network: Network, samples: int, seed: Sequence[int], one_hot: bool = False) -> Problem:
    """Make a problem of generic values on which every layer is alive.

    Parameters
    ----------
    one_hot : bool
        The code takes labels: targets are one-hot rows whatever the loss.
    """
    for attempt in range(ATTEMPTS):
        problem = _draw(network, samples, np.random.default_rng([*seed, attempt]), one_hot)
        if alive(problem):
            break
    return problem


def alive(problem: Problem) -> bool:
    """Whether every tensor gets some gradient: no layer of relu is dead."""
    _, grads = Textbook().loss_and_grads(problem.network, problem.params.copies(), problem.batch)
    sizes = [float(np.abs(db).max()) for _, db in grads]
    return min(sizes) > 1e-6 * max(sizes)


def _draw(network: Network, samples: int, rng: np.random.Generator, one_hot: bool) -> Problem:
    x = rng.standard_normal((samples, network.widths[0]))
    pairs: list[tuple[Floats, Floats]] = []
    a = x
    for layer, (n_in, n_out) in enumerate(network.shapes, start=1):
        w = rng.standard_normal((n_in, n_out)) * 1.2
        b = rng.uniform(0.2, 0.7, n_out) * rng.choice((-1.0, 1.0), n_out)
        largest = float(np.abs(a @ w + b).max())
        if largest > REACH:
            w, b = w * REACH / largest, b * max(REACH / largest, 0.3)
        pairs.append((w, b))
        part = Network(network.widths[: layer + 1], network.activations[:layer], "squared_error")
        a = evaluate(part, pairs, x).a[-1]
    return Problem(network, Params(pairs), Batch(x, _targets(rng, network, a, one_hot)))


def _targets(
    rng: np.random.Generator, network: Network, outputs: Floats, one_hot: bool = False
) -> Floats:
    """Targets that leave a residual of order one, whatever the outputs."""
    if one_hot or LOSSES[network.loss].targets != "real":
        return targets(rng, network, len(outputs), one_hot)
    shift = rng.uniform(0.3, 1.3, outputs.shape) * rng.choice((-1.0, 1.0), outputs.shape)
    shifted: Floats = outputs + shift
    return shifted


def other_targets(problem: Problem, seed: int) -> Problem:
    """The same point with other targets: only what depends on the residual changes."""
    rng = np.random.default_rng((seed, 11))
    run = evaluate(problem.network, problem.params.pairs, problem.batch.x)
    y = _targets(rng, problem.network, run.a[-1])
    if LOSSES[problem.network.loss].targets == "one_hot" or _labels(problem.batch.y):
        y = np.roll(problem.batch.y, 1, axis=1)
    elif LOSSES[problem.network.loss].targets == "binary":
        y = 1.0 - problem.batch.y
    return replace(problem, batch=Batch(problem.batch.x, y))


def _labels(y: Floats) -> bool:
    """Whether every row is one-hot: then it may have to be."""
    return bool(np.isin(y, (0.0, 1.0)).all() and (y.sum(axis=1) == 1.0).all())


def other_weights_above(problem: Problem, layer: int, seed: int) -> Problem:
    """The same point up to a layer's z, with other weights and biases above it."""
    rng = np.random.default_rng((seed, 13))
    pairs = problem.params.copies()
    for above in range(layer, len(pairs)):
        w, b = pairs[above]
        pairs[above] = (
            w * rng.uniform(0.6, 1.4, w.shape) + 0.1 * rng.standard_normal(w.shape),
            b + 0.1 * rng.standard_normal(b.shape),
        )
    moved = Problem(problem.network, Params(pairs), problem.batch)
    return other_targets(moved, seed)
