"""The work: networks, points, and the gradient that is claimed."""

from types import ModuleType

import numpy as np

from gradcheck.networks.problem import Batch, Floats, Network, Pair, Params, Problem
from gradcheck.reading.loading import load
from gradcheck.reading.target import shipped

NETWORKS = (
    "20-10-5 tanh,softmax cross_entropy",
    "100-30-10 tanh,softmax cross_entropy",
    "784-30-10 tanh,softmax cross_entropy",
    "784-100-100-10 tanh,tanh,softmax cross_entropy",
)

SAMPLES = 32


def problem_for(text: str, seed: int = 0, size: float = 1.0) -> Problem:
    """Draw ordinary parameters and a batch of 32 for a network."""
    network, rng = Network.parse(text), np.random.default_rng(seed)
    pairs = [
        (size * rng.standard_normal(shape) / np.sqrt(shape[0]), 0.1 * rng.standard_normal(shape[1]))
        for shape in network.shapes
    ]
    x = rng.standard_normal((SAMPLES, network.widths[0]))
    y = np.eye(network.widths[-1])[rng.integers(network.widths[-1], size=SAMPLES)]
    return Problem(network, Params(pairs), Batch(x, y))


def implementation(name: str = "matrix") -> ModuleType:
    """Load one of our implementations, as a student's file is loaded."""
    return load(shipped(name))


def flat(pairs: list[Pair] | Params) -> Floats:
    """Write all tensors into one vector."""
    return np.concatenate([np.asarray(array).ravel() for pair in pairs for array in pair])


def pairs_of(vector: Floats, network: Network) -> list[Pair]:
    """Read them back."""
    pairs, start = [], 0
    for n_in, n_out in network.shapes:
        w = vector[start : start + n_in * n_out].reshape(n_in, n_out)
        b = vector[start + n_in * n_out : start + n_in * n_out + n_out]
        pairs.append((w, b))
        start += n_in * n_out + n_out
    return pairs
