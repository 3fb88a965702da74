"""Kinks: where a pre-activation is zero and the slope of relu is anyone's choice.

A unit counts as on the kink when |z| is within the rounding of the sum that made
it: another order of summation could land on the other side. For such units any
slope between the two one-sided ones is right, so the gradient is an interval. The
gradient is affine in each unit's slope by itself; its range over all choices is
therefore attained at the corners, and a few units' corners can all be visited.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradcheck.networks.activations import ACTIVATIONS
from gradcheck.networks.forward_pass import Activate, Evaluation, activate
from gradcheck.networks.problem import Problem
from gradcheck.oracle.elementary import Array
from gradcheck.oracle.estimate import UNIT

Mask = NDArray[np.bool_]

#: All corners are visited up to this many units; beyond, a sample of them.
MAX_UNITS = 5


@dataclass(frozen=True)
class Kinks:
    """The units of a problem that sit on a kink.

    Attributes
    ----------
    masks : dict of int to array
        For each layer that has any, a mask of shape (N, n[l]).
    """

    masks: dict[int, Mask]

    @property
    def count(self) -> int:
        """How many (sample, unit) pairs sit on a kink."""
        return sum(int(mask.sum()) for mask in self.masks.values())

    @property
    def exhaustive(self) -> bool:
        """Whether every choice of one-sided slopes can be visited."""
        return self.count <= MAX_UNITS

    def corners(self, rng: np.random.Generator) -> list[NDArray[np.float64]]:
        """Return choices in [0, 1], one number a unit: 0 the smaller slope, 1 the larger."""
        if self.exhaustive:
            return [np.array(c, dtype=float) for c in itertools.product((0, 1), repeat=self.count)]
        uniform = [np.full(self.count, s) for s in (0.0, 0.5, 1.0)]
        return uniform + [rng.integers(0, 2, self.count).astype(float) for _ in range(13)]

    def pinned(self, problem: Problem, choice: NDArray[np.float64]) -> Activate:
        """Return activations in which every such unit is a straight line of the chosen slope."""
        plain = activate(problem.network)
        slopes: dict[int, NDArray[np.float64]] = {}
        start = 0
        for layer, mask in self.masks.items():
            low, high = ACTIVATIONS[problem.network.activations[layer - 1]].slopes or (0.0, 0.0)
            chosen = choice[start : start + int(mask.sum())]
            start += int(mask.sum())
            slopes[layer] = np.zeros(mask.shape)
            slopes[layer][mask] = low + (high - low) * chosen

        def apply(layer: int, z: Array) -> Array:
            a = plain(layer, z)
            return np.where(self.masks[layer], slopes[layer] * z, a) if layer in slopes else a

        return apply


def find(problem: Problem, run: Evaluation) -> Kinks:
    """Find the units of a forward that sit on a kink, within the rounding of their own sum."""
    masks = {}
    for layer, (w, b) in enumerate(problem.params.pairs, start=1):
        if ACTIVATIONS[problem.network.activations[layer - 1]].slopes is None:
            continue
        terms = np.abs(run.a[layer - 1]) @ np.abs(w) + np.abs(b)
        mask = np.abs(run.z[layer - 1]) <= 4 * (len(w) + 1) * UNIT * terms
        if mask.any():
            masks[layer] = mask
    return Kinks(masks)
