"""The per-sample losses: one table, one row each.

A loss is a function of the output layer's pre-activation ``z``, its activation
``a`` and the target ``y``. The logarithmic losses are written in ``z``, where
they neither overflow nor cancel; the squared ones in ``a``. All of them accept
complex ``z`` and ``a``. The derivative in a row plants bugs and names them; the oracle
never reads it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradcheck.networks.activations import ACTIVATIONS, largest, softplus, total
from gradcheck.oracle.elementary import Array, exp, log


@dataclass(frozen=True)
class Nested:
    """A loss whose units meet in one sum: ``outer(sum_k inner(z_k), y) + sum_k plain(z_k, y_k)``.

    It is given ``z`` less its largest entry, which changes nothing.
    """

    inner: Callable[[Array], Array]
    outer: Callable[[Array, Array], Array]
    plain: Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Loss:
    """One per-sample loss.

    Attributes
    ----------
    name : str
        As written in a network's text form.
    outputs : tuple of str
        The output activations it may be paired with.
    targets : str
        What a row of ``y`` must be: ``"real"``, ``"one_hot"`` or ``"binary"``.
    formula : str
        For messages.
    terms : callable or None
        ``(z, a, y) -> terms`` of shape (..., N, n), one made of each unit's z, a and y alone,
        that sum to the loss. None where the sum over units stands inside a logarithm.
    whole : callable or None
        ``(z, a, y) -> loss`` of shape (..., N), for those whose terms are None.
    nested : Nested or None
        The same loss by its one sum, likewise.
    through_logarithm : callable or None
        Terms of the same loss written with ``log(a + epsilon)``, as much code does:
        ``(z, a, y, epsilon) -> terms``. None where no logarithm occurs.
    derivative : callable or None
        ``(a, y) -> dL/da`` of shape (N, n); plants bugs and names them, never judges. None
        where it cancels with the slope of the output, so that the delta is ``a - y``.
    derivative_formula : str
        For messages.
    by_outputs : callable or None
        ``(a, y) -> loss`` of any outputs, right or wrong ones, where the loss is written in z.
    """

    name: str
    outputs: tuple[str, ...]
    targets: str
    formula: str = ""
    terms: Callable[[Array, Array, Array], Array] | None = None
    whole: Callable[[Array, Array, Array], Array] | None = None
    nested: Nested | None = None
    through_logarithm: Callable[[Array, Array, Array, float], Array] | None = None
    derivative: Callable[[Array, Array], Array] | None = None
    derivative_formula: str = "dL/da"
    by_outputs: Callable[[Array, Array], Array] | None = None

    @property
    def factor(self) -> str:
        """What stands before ``(a - y)`` in its derivative; empty where nothing does."""
        factor, error, _ = self.derivative_formula.partition("(a - y)")
        return factor.strip() if error else ""

    @property
    def logarithmic(self) -> bool:
        """Whether there is a logarithm, in which code may put a constant."""
        return self.through_logarithm is not None

    @property
    def cancels(self) -> bool:
        """Whether the slope of the output cancels, so that its delta is ``a - y``."""
        return self.derivative is None

    def each(self, z: Array, a: Array, y: Array, epsilon: float = 0.0) -> Array:
        """Return what each output adds to its sample's loss, (..., N, n[L]).

        Parameters
        ----------
        z, a : Array
            (..., N, n[L]). Pre-activation and activation of the output layer.
        y : Array
            (N, n[L]). Targets.
        epsilon : float
            Inside the logarithm, where there is one.

        Returns
        -------
        terms : Array
        """
        if epsilon and self.through_logarithm is not None:
            return self.through_logarithm(z, a, y, epsilon)
        assert self.terms is not None
        return self.terms(z, a, y)

    def per_sample(self, z: Array, a: Array, y: Array, epsilon: float = 0.0) -> Array:
        """Return the loss of each sample, (..., N); parameters as of :meth:`each`."""
        if self.whole is not None and not (epsilon and self.logarithmic):
            return self.whole(z, a, y)
        return total(self.each(z, a, y, epsilon))

    def of_outputs(self, a: Array, y: Array) -> Array:
        """Return the loss of each sample by the outputs alone, right or wrong ones."""
        return self.per_sample(a, a, y) if self.by_outputs is None else self.by_outputs(a, y)


def _squares(a: Array, y: Array) -> Array:
    residual = a - y
    squares: Array = residual * residual
    return squares


def _cross_entropy(z: Array, a: Array, y: Array) -> Array:
    shifted = z - largest(z)
    own = np.einsum("...k,...k->...", y, shifted)
    losses: Array = total(y) * log(total(exp(shifted))) - own
    return losses


def _cross_entropy_log(z: Array, a: Array, y: Array, epsilon: float) -> Array:
    terms: Array = -y * log(a + epsilon)
    return terms


def _binary_cross_entropy(z: Array, a: Array, y: Array) -> Array:
    return softplus((1.0 - 2.0 * y) * z)  # y is 0 or 1


def _binary_cross_entropy_log(z: Array, a: Array, y: Array, epsilon: float) -> Array:
    other = ACTIVATIONS["sigmoid"].forward(-z)  # 1 - a, without cancellation
    terms: Array = -y * log(a + epsilon) - (1.0 - y) * log(other + epsilon)
    return terms


_ANY_OUTPUT = tuple(ACTIVATIONS)

_ROWS = (
    Loss(
        "half_squared_error",
        _ANY_OUTPUT,
        "real",
        formula="1/2 sum (a - y)^2",
        terms=lambda z, a, y: 0.5 * _squares(a, y),
        derivative=lambda a, y: a - y,
        derivative_formula="(a - y)",
    ),
    Loss(
        "squared_error",
        _ANY_OUTPUT,
        "real",
        formula="sum (a - y)^2",
        terms=lambda z, a, y: _squares(a, y),
        derivative=lambda a, y: 2.0 * (a - y),
        derivative_formula="2 (a - y)",
    ),
    Loss(
        "mean_squared_error",
        _ANY_OUTPUT,
        "real",
        formula="sum (a - y)^2 / n",
        terms=lambda z, a, y: _squares(a, y) / y.shape[-1],
        derivative=lambda a, y: 2.0 / y.shape[-1] * (a - y),
        derivative_formula="2/n (a - y)",
    ),
    Loss(
        "cross_entropy",
        ("softmax",),
        "one_hot",
        formula="-sum y log a",
        whole=_cross_entropy,
        nested=Nested(exp, lambda s, y: total(y) * log(s), lambda z, y: -y * z),
        through_logarithm=_cross_entropy_log,
        by_outputs=lambda a, y: -total(y * np.log(np.where(y > 0, a, 1.0))),
    ),
    Loss(
        "binary_cross_entropy",
        ("sigmoid",),
        "binary",
        formula="-sum [y log a + (1 - y) log(1 - a)]",
        terms=_binary_cross_entropy,
        through_logarithm=_binary_cross_entropy_log,
        by_outputs=lambda a, y: -total(np.log(np.where(y > 0.5, a, 1.0 - a))),
    ),
)

LOSSES: dict[str, Loss] = {row.name: row for row in _ROWS}
REDUCTIONS: tuple[str, ...] = ("mean", "sum")
