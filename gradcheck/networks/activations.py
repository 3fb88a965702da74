"""The activations: one table, one row each.

A row holds the forward function (also for complex arguments, because the oracle
differentiates by complex step), the derivative (used to plant and to name bugs,
never to judge), and where the derivative jumps.

The forwards branch on the real part, so that they are analytic on each side and
finite for every ``|z| <= 1e4``.

Adding an activation means adding a row here, and its derivative in the hand-written
``implementations/``.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradcheck.oracle.elementary import Array, exp, logistic, tanh

LEAKY_SLOPE = 0.01


@dataclass(frozen=True)
class Activation:
    """One activation function.

    Attributes
    ----------
    name : str
        As written in a network's text form.
    forward : callable
        ``phi(z)``; accepts float64 and complex128 arrays of any shape.
    derivative : callable
        ``phi'(z)`` for real ``z``; None where it is not elementwise.
    slopes : (float, float) or None
        Smallest and largest slope at the kink in z = 0, where there is one.
    pieces : bool
        True when ``phi`` is made of two formulas that meet at z = 0. Differences
        must not reach across, even where the first derivative is continuous (elu).
    elementwise : bool
        True when a unit feels its own z alone.
    formula : str
        For messages.
    share : callable or None
        Where the activation of a unit is ``share(z)`` over the sum of all: that function.
    """

    name: str
    forward: Callable[[Array], Array]
    derivative: Callable[[Array], Array] | None
    slopes: tuple[float, float] | None = None
    pieces: bool = False
    elementwise: bool = True
    formula: str = ""
    share: Callable[[Array], Array] | None = None


def _identity(z: Array) -> Array:
    return z


def _above(z: Array) -> Array:
    """Return z where it is positive, else zero."""
    # np.where, which complex numbers need, gives the same bits several times slower
    return np.where(z.real > 0, z, 0.0) if np.iscomplexobj(z) else np.maximum(z, 0.0)


def _below(z: Array) -> Array:
    """Return z where it is not positive, else zero."""
    return np.where(z.real > 0, 0.0, z) if np.iscomplexobj(z) else np.minimum(z, 0.0)


def _leaky_relu(z: Array) -> Array:
    return _above(z) + LEAKY_SLOPE * _below(z)


def _elu(z: Array) -> Array:
    return _above(z) + np.expm1(_below(z))


def softplus(z: Array) -> Array:
    """``log(1 + exp(z))`` without overflow; also the log-loss of a sigmoid."""
    above, below = _above(z), _below(z)
    return above + _log1p(exp(below - above))


def _log1p(w: Array) -> Array:
    if not np.iscomplexobj(w):
        return np.log1p(w)
    # numpy's complex log1p forms 1 + w first, which loses a small real part
    x, y = w.real, w.imag
    result: Array = 0.5 * np.log1p(x * (2.0 + x) + y * y) + 1j * np.arctan2(y, 1.0 + x)
    return result


def _silu(z: Array) -> Array:
    return z * logistic(z)


#: Numbers that the standard library's erfc serves one by one.
_FEW = 256


def _gelu(z: Array) -> Array:
    if np.iscomplexobj(z) or z.size > _FEW:
        from scipy.special import ndtr

        share: Array = ndtr(z)
    else:  # drawing problems needs no more, and scipy takes longer to load than they do
        share = 0.5 * np.asarray(_erfc(-z * math.sqrt(0.5)), dtype=np.float64)
    return z * share


_erfc = np.frompyfunc(math.erfc, 1, 1)


def largest(z: Array) -> Array:
    """Return the entry with the largest real part along the last axis, which is kept.

    Shifting by all of it, imaginary part too, makes its own power exactly 1. Under a
    complex step nothing cancels then, even where softmax saturates: with the real
    part alone, ``1 - p`` would have lost its digits.
    """
    if not np.iscomplexobj(z):
        if z.shape[-1] > _SHORT:
            top: Array = z.max(axis=-1, keepdims=True)
            return top
        top = functools.reduce(np.maximum, np.moveaxis(z, -1, 0))
        return top[..., None]
    rows = z.reshape(-1, z.shape[-1])
    top = rows[np.arange(len(rows)), rows.real.argmax(axis=-1)]
    return top.reshape(*z.shape[:-1], 1)


#: Along axes up to this length, numpy's maximum of columns beats its maximum of rows.
_SHORT = 16


def total(terms: Array) -> Array:
    """Sum over the last axis: as ``terms.sum(axis=-1)``, faster where that axis is short."""
    summed: Array = np.einsum("...k->...", terms)
    return summed


def softmax(z: Array) -> Array:
    """Softmax over the last axis, shifted by the largest entry."""
    powers: Array = exp(z - largest(z))
    shares: Array = powers / total(powers)[..., None]
    return shares


def _sigmoid_derivative(z: Array) -> Array:
    a = logistic(z)
    return a * (1.0 - a)


def _silu_derivative(z: Array) -> Array:
    a = logistic(z)
    slope: Array = a + z * a * (1.0 - a)
    return slope


def _gelu_derivative(z: Array) -> Array:
    from scipy.special import ndtr

    slope: Array = ndtr(z) + z * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    return slope


_ROWS = (
    Activation("identity", _identity, np.ones_like, formula="z"),
    Activation("sigmoid", logistic, _sigmoid_derivative, formula="1 / (1 + exp(-z))"),
    Activation("tanh", tanh, lambda z: 1.0 - np.tanh(z) ** 2, formula="tanh(z)"),
    Activation(
        "relu",
        _above,
        lambda z: np.where(z > 0, 1.0, 0.0),
        slopes=(0.0, 1.0),
        pieces=True,
        formula="max(0, z)",
    ),
    Activation(
        "leaky_relu",
        _leaky_relu,
        lambda z: np.where(z > 0, 1.0, LEAKY_SLOPE),
        slopes=(LEAKY_SLOPE, 1.0),
        pieces=True,
        formula="z if z > 0 else 0.01 z",
    ),
    Activation(
        "elu",
        _elu,
        lambda z: np.where(z > 0, 1.0, np.exp(np.minimum(z, 0.0))),
        pieces=True,
        formula="z if z > 0 else exp(z) - 1",
    ),
    Activation("softplus", softplus, logistic, formula="log(1 + exp(z))"),
    Activation("silu", _silu, _silu_derivative, formula="z / (1 + exp(-z))"),
    Activation("gelu", _gelu, _gelu_derivative, formula="z Phi(z)"),
    Activation(
        "softmax",
        softmax,
        None,
        elementwise=False,
        formula="exp(z_j) / sum_k exp(z_k)",
        share=exp,
    ),
)

ACTIVATIONS: dict[str, Activation] = {row.name: row for row in _ROWS}

#: Those that may stand in a hidden layer: softmax is for the output only.
HIDDEN_ACTIVATIONS: tuple[str, ...] = tuple(row.name for row in _ROWS if row.elementwise)
