"""Ladders of real differences along many directions: values, noise, usable rungs."""

from dataclasses import dataclass

import numpy as np

from gradcheck.activations import Array
from gradcheck.forward import Evaluation, reduce, sample_losses
from gradcheck.oracle.estimate import UNIT
from gradcheck.oracle.ladder import Slope, extrapolate_all
from gradcheck.oracle.reach import rungs_on_one_side
from gradcheck.problem import Floats, Problem


@dataclass(frozen=True)
class Ladders:
    """Central differences of the loss along D directions, at K steps each.

    Attributes
    ----------
    h, differences : array
        (D, K).
    noise : array
        (D,). What rounding may cost one value of the loss.
    usable : array
        (D,). How many of the smallest steps cross no kink.
    """

    h: Floats
    differences: Floats
    noise: Floats
    usable: Floats

    def slopes(self) -> list[Slope]:
        """Extrapolate each to step zero."""
        return extrapolate_all(self.h, self.differences, self.noise, self.usable)


def from_runs(
    problem: Problem, layer: int, runs: Evaluation, penalties: Array, h: Floats
) -> Ladders:
    """Take differences of runs at both sides of every rung.

    Parameters
    ----------
    layer : int
        The first layer that the runs hold.
    runs : Evaluation
        Pre-activations of shape (D, K, 2, N, n[l]).
    penalties : array
        (D, K, 2).
    h : array
        (D, K).
    """
    network = problem.network
    losses = sample_losses(network, runs.z[-1], runs.a[-1], problem.batch.y)
    data = reduce(network, losses[:, :, 0] - losses[:, :, 1])
    differences = (data + penalties[..., 0] - penalties[..., 1]) / (2.0 * h)
    magnitude = np.abs(losses) + np.abs(runs.z[-1]).sum(axis=-1) + 1.0
    noise = 4.0 * UNIT * (reduce(network, magnitude) + penalties).max(axis=(1, 2))
    return Ladders(h, differences, noise, rungs_on_one_side(network, runs.z, layer))


def both_sides(h: Floats) -> Floats:
    """Return ``+h`` and ``-h`` along a new last axis."""
    return np.stack((h, -h), axis=-1)
