"""Batches, depths and widths beyond those drawn at random."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gradcheck.networks.far_out.base_problem import Companions, Start, resized
from gradcheck.networks.far_out.filling import filled
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Problem
from gradcheck.networks.sampling import MAX_BATCH, MAX_DEPTH, Support

Make = Callable[[np.random.Generator, Start, Support, Companions], Problem | None]


def batch(low: int, high: int) -> Make:
    """Between so many samples."""

    def make(
        rng: np.random.Generator, start: Start, support: Support, companions: Companions
    ) -> Problem | None:
        if not set(range(2, MAX_BATCH + 1)) <= set(support.batch_sizes):
            return None  # it is for certain sizes
        return filled(rng, start.network, int(rng.integers(low, high + 1)), support)

    return make


def depth(low: int, high: int) -> Make:
    """Between so many layers."""

    def make(
        rng: np.random.Generator, start: Start, support: Support, companions: Companions
    ) -> Problem | None:
        if support.networks:
            return _beyond(rng, start, support, lambda n: low <= n.depth <= high)
        if not support.activations or MAX_DEPTH not in support.depths:
            return None
        layers = int(rng.integers(low, high + 1))
        network = start.network
        out = 1 if network.widths[-1] == 1 else 3
        acts = (*companions.hidden(layers - 1), network.activations[-1])
        network = replace(network, widths=(*(3,) * layers, out), activations=acts)
        return filled(rng, network, start.samples, support)

    return make


def width(place: str, low: int, high: int) -> Make:
    """So many units in the first layer, a hidden one or the last."""

    def make(
        rng: np.random.Generator, start: Start, support: Support, companions: Companions
    ) -> Problem | None:
        def wide(network: Network) -> bool:
            n = network.widths
            there = {"first": n[:1], "hidden": n[1:-1], "last": n[-1:]}[place]
            return any(low <= each <= high for each in there)

        if support.networks:
            return _beyond(rng, start, support, wide)
        network = start.network
        if place == "hidden" and network.depth == 1:
            if not support.activations or 2 not in support.depths:
                return None
            widths = (3, 2, network.widths[-1])
            acts = (*companions.hidden(1), network.activations[-1])
            network = replace(network, widths=widths, activations=acts)
        network = resized(network, **{place: int(rng.integers(low, high + 1))})
        return filled(rng, network, start.samples, support)

    return make


def square(
    rng: np.random.Generator, start: Start, support: Support, companions: Companions
) -> Problem | None:
    """As many samples as units in every layer, so that no shape tells one from another."""
    if support.networks or 4 not in support.batch_sizes:
        return None
    network = replace(start.network, widths=(4,) * (start.network.depth + 1))
    return filled(rng, network, 4, support)


def single(
    rng: np.random.Generator, start: Start, support: Support, companions: Companions
) -> Problem | None:
    """One sample, and one unit a layer, so that every axis can be lost."""
    if support.networks or 1 not in support.batch_sizes:
        return None
    if start.network.activations[-1] == "softmax":
        return None
    network = replace(start.network, widths=(1,) * (start.network.depth + 1))
    return filled(rng, network, 1, support)


def _beyond(
    rng: np.random.Generator, start: Start, support: Support, suited: Callable[[Network], bool]
) -> Problem | None:
    """Take one of the larger networks that code for certain sizes was seen to handle."""
    fitting = [network for network in support.larger if suited(network)]
    if not fitting:
        return None
    network = fitting[int(rng.integers(len(fitting)))]
    return filled(rng, network, start.samples, support)
