"""The definitions: activations, losses, and the evaluation of a network.

They are the only mathematics that a verdict rests on. Everything works on real and complex
numbers, because the oracle differentiates by complex step, and on stacks: any array may carry
leading axes, so that one call evaluates many points.

Activations and losses are two tables, a row each. A row holds the function and its derivative:
that plants bugs and names them, and never judges. The activations branch on the real part, so
that they are analytic on each side and finite for every ``|z| <= 1e4``. The logarithmic losses
are written in the output layer's pre-activation ``z``, where they neither overflow nor cancel;
the squared ones in its activation ``a``.

Adding an activation means adding a row here, and its derivative in the hand-written
``implementations/``.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gradcheck.contract.posed import Posed, PosedNetwork
from gradcheck.oracle.evaluation import Array, exp, log, logistic, tanh

LEAKY_SLOPE = 0.01

#: Along axes up to this length, numpy's maximum of columns beats its maximum of rows.
_SHORT = 16

#: The standard library's erfc, one by one, for so many numbers.
_erfc, _FEW = np.frompyfunc(math.erfc, 1, 1), 256


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
        Two formulas meet at z = 0: differences must not reach across, even where the first
        derivative is continuous (elu).
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


def _above(z: Array) -> Array:
    """Return z where it is positive, else zero."""
    # np.where, which complex numbers need, gives the same bits several times slower
    return np.where(z.real > 0, z, 0.0) if np.iscomplexobj(z) else np.maximum(z, 0.0)


def _below(z: Array) -> Array:
    """Return z where it is not positive, else zero."""
    return np.where(z.real > 0, 0.0, z) if np.iscomplexobj(z) else np.minimum(z, 0.0)


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


def _gelu(z: Array) -> Array:
    if np.iscomplexobj(z) or z.size > _FEW:
        from scipy.special import ndtr

        share: Array = ndtr(z)
    else:  # drawing problems needs no more, and scipy takes longer to load than they do
        share = 0.5 * np.asarray(_erfc(-z * math.sqrt(0.5)), dtype=np.float64)
    return z * share


def largest(z: Array) -> Array:
    """Return the entry with the largest real part along the last axis, which is kept.

    Shifting by all of it, imaginary part too, makes its own power exactly 1. With the real
    part alone, ``1 - p`` would lose its digits under a complex step where softmax saturates.
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


def total(terms: Array) -> Array:
    """Sum over the last axis: as ``terms.sum(axis=-1)``, faster where that axis is short."""
    summed: Array = np.einsum("...k->...", terms)
    return summed


def softmax(z: Array) -> Array:
    """Softmax over the last axis, shifted by the largest entry."""
    powers: Array = exp(z - largest(z))
    shares: Array = powers / total(powers)[..., None]
    return shares


def _silu_derivative(z: Array) -> Array:
    a = logistic(z)
    slope: Array = a + z * a * (1.0 - a)
    return slope


def _gelu_derivative(z: Array) -> Array:
    from scipy.special import ndtr

    slope: Array = ndtr(z) + z * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    return slope


_ACTIVATIONS = (
    Activation("identity", lambda z: z, np.ones_like, formula="z"),
    Activation(
        "sigmoid",
        logistic,
        lambda z: logistic(z) * (1.0 - logistic(z)),
        formula="1 / (1 + exp(-z))",
    ),
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
        lambda z: _above(z) + LEAKY_SLOPE * _below(z),
        lambda z: np.where(z > 0, 1.0, LEAKY_SLOPE),
        slopes=(LEAKY_SLOPE, 1.0),
        pieces=True,
        formula="z if z > 0 else 0.01 z",
    ),
    Activation(
        "elu",
        lambda z: _above(z) + np.expm1(_below(z)),
        lambda z: np.where(z > 0, 1.0, np.exp(np.minimum(z, 0.0))),
        pieces=True,
        formula="z if z > 0 else exp(z) - 1",
    ),
    Activation("softplus", softplus, logistic, formula="log(1 + exp(z))"),
    Activation("silu", lambda z: z * logistic(z), _silu_derivative, formula="z / (1 + exp(-z))"),
    Activation("gelu", _gelu, _gelu_derivative, formula="z Phi(z)"),
    Activation(
        "softmax", softmax, None, elementwise=False, formula="exp(z_j) / sum_k exp(z_k)", share=exp
    ),
)

ACTIVATIONS: dict[str, Activation] = {row.name: row for row in _ACTIVATIONS}

#: Those that may stand in a hidden layer: softmax is for the output only.
HIDDEN_ACTIVATIONS: tuple[str, ...] = tuple(
    name for name, row in ACTIVATIONS.items() if row.elementwise
)


@dataclass(frozen=True)
class Nested:
    """A loss by one sum: ``outer(sum_k inner(z_k), y) + sum_k plain(z_k, y_k)``.

    ``z`` is less its largest entry, which changes nothing.
    """

    inner: Callable[[Array], Array]
    outer: Callable[[Array, Array], Array]
    plain: Callable[[Array, Array], Array]

    def loss(self, z: Array, y: Array) -> Array:
        """Return the loss of each sample, (..., N)."""
        return self.outer(total(self.inner(z)), y) + total(self.plain(z, y))


@dataclass(frozen=True)
class Loss:
    """One per-sample loss.

    Attributes
    ----------
    name : str
        As written in a network's text form.
    outputs : tuple of str
        The output activations that it goes with.
    targets : str
        What a row of ``y`` must be: ``"real"``, ``"one_hot"`` or ``"binary"``.
    formula : str
        For messages.
    terms : callable or None
        ``(z, a, y) -> terms`` of shape (..., N, n), one made of each unit's z, a and y alone,
        that sum to the loss. None where the sum over units stands inside a logarithm.
    nested : Nested or None
        The loss by that one sum, for those whose terms are None.
    through_logarithm : callable or None
        Terms of the same loss written with ``log(a + epsilon)``, as much code does:
        ``(z, a, y, epsilon) -> terms``. None where no logarithm occurs.
    derivative : callable or None
        ``(a, y) -> dL/da`` of shape (N, n). None where it cancels with the slope of the
        output, so that the delta is ``a - y``.
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
    nested: Nested | None = None
    through_logarithm: Callable[[Array, Array, Array, float], Array] | None = None
    derivative: Callable[[Array, Array], Array] | None = None
    derivative_formula: str = "dL/da"
    by_outputs: Callable[[Array, Array], Array] | None = None

    @property
    def factor(self) -> str:
        """What stands before ``(a - y)`` in its derivative; empty where it is no multiple of it."""
        factor, error, rest = self.derivative_formula.partition("(a - y)")
        return factor.strip() if error and not rest else ""

    @property
    def logarithmic(self) -> bool:
        """Whether there is a logarithm, in which code may put a constant."""
        return self.through_logarithm is not None

    @property
    def cancels(self) -> bool:
        """Whether the slope of the output cancels, so that its delta is ``a - y``."""
        return self.derivative is None

    def each(self, z: Array, a: Array, y: Array, epsilon: float = 0.0) -> Array:
        """Return what each output adds to its sample's loss, (..., N, n[L]) as ``z`` and ``a``.

        ``epsilon`` stands inside the logarithm, where there is one.
        """
        if epsilon and self.through_logarithm is not None:
            return self.through_logarithm(z, a, y, epsilon)
        assert self.terms is not None
        return self.terms(z, a, y)

    def per_sample(self, z: Array, a: Array, y: Array, epsilon: float = 0.0) -> Array:
        """Return the loss of each sample, (..., N); arguments as of :meth:`each`."""
        if self.nested is None or epsilon:
            return total(self.each(z, a, y, epsilon))
        return self.nested.loss(z - largest(z), y)

    def of_outputs(self, a: Array, y: Array) -> Array:
        """Return the loss of each sample by the outputs alone, right or wrong ones."""
        return self.per_sample(a, a, y) if self.by_outputs is None else self.by_outputs(a, y)


def _squares(a: Array, y: Array) -> Array:
    residual = a - y
    squares: Array = residual * residual
    return squares


def _binary_cross_entropy_log(z: Array, a: Array, y: Array, epsilon: float) -> Array:
    other = ACTIVATIONS["sigmoid"].forward(-z)  # 1 - a, without cancellation
    terms: Array = -y * log(a + epsilon) - (1.0 - y) * log(other + epsilon)
    return terms


_ANY_OUTPUT = tuple(ACTIVATIONS)

_LOSSES = (
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
        nested=Nested(exp, lambda s, y: total(y) * log(s), lambda z, y: -y * z),
        through_logarithm=lambda z, a, y, epsilon: -y * log(a + epsilon),
        by_outputs=lambda a, y: -total(y * np.log(np.where(y > 0, a, 1.0))),
    ),
    Loss(
        "binary_cross_entropy",
        ("sigmoid",),
        "binary",
        formula="-sum [y log a + (1 - y) log(1 - a)]",
        terms=lambda z, a, y: softplus((1.0 - 2.0 * y) * z),  # y is 0 or 1
        through_logarithm=_binary_cross_entropy_log,
        by_outputs=lambda a, y: -total(np.log(np.where(y > 0.5, a, 1.0 - a))),
    ),
)

LOSSES: dict[str, Loss] = {row.name: row for row in _LOSSES}
REDUCTIONS: tuple[str, ...] = ("mean", "sum")

#: Output activation and loss: all pairs that go together.
PAIRINGS: tuple[tuple[str, str], ...] = tuple(
    (output, name) for name, loss in LOSSES.items() for output in loss.outputs
)


#: ``(layer, z) -> a``: what is applied to a pre-activation, layers from 1.
Activate = Callable[[int, Array], Array]

#: ``[(W, b), ...]`` with leading axes: W is (..., n[l-1], n[l]), b is (..., n[l]).
Pairs = Sequence[tuple[Array, Array]]


@dataclass(frozen=True)
class Evaluation:
    """All pre-activations and activations of one forward pass, (..., N, n[l]).

    ``z[l - 1]`` and ``a[l]`` are those of layer l; ``a[0]`` is x.
    """

    z: list[Array]
    a: list[Array]


def activate(network: PosedNetwork) -> Activate:
    """Return the plain activation of each layer of a network."""
    return lambda layer, z: ACTIVATIONS[network.activations[layer - 1]].forward(z)


def evaluate(
    network: PosedNetwork, pairs: Pairs, x: Array, apply: Activate | None = None
) -> Evaluation:
    """Run a whole forward pass on x, (..., N, n[0]); ``apply`` replaces the plain activations."""
    run = resume(network, pairs, {1: _affine(x, *pairs[0])}, apply)
    return Evaluation(run.z, [x, *run.a])


def _affine(a: Array, w: Array, b: Array) -> Array:
    z: Array = a @ w
    if b.ndim == 1 and z.ndim > 2:  # a stack: numpy adds whole samples faster than short rows
        b = np.repeat(b[None], z.shape[-2], axis=0)
        return z + b
    return z + b[..., None, :]


def resume(
    network: PosedNetwork, pairs: Pairs, starts: Mapping[int, Array], apply: Activate | None = None
) -> Evaluation:
    """Resume forward passes from pre-activations, each from a layer of its own.

    ``starts`` are by layer, from 1: (P[layer], ..., N, n[layer]). The evaluation begins with the
    first layer in which any starts: those from earlier layers first, so that the last ``z`` holds
    all of them, (P, ..., N, n[L]).
    """
    apply = apply or activate(network)
    zs: list[Array] = []
    activations: list[Array] = []
    for layer in range(min(starts), network.depth + 1):
        w, b = pairs[layer - 1]
        here = [_affine(activations[-1], w, b)] if activations else []
        here += [starts[layer]] if layer in starts else []
        zs.append(here[0] if len(here) == 1 else np.concatenate(here))
        activations.append(apply(layer, zs[-1]))
    return Evaluation(zs, activations)


def until_loss(
    network: PosedNetwork, apply: Activate | None = None, epsilon: float = 0.0
) -> Activate:
    """Return the activations without the output's, where the loss is written in z.

    Of an evaluation with them, only the losses mean anything.
    """
    plain = apply or activate(network)
    if epsilon or not LOSSES[network.loss].logarithmic:
        return plain

    def hidden(layer: int, z: Array) -> Array:
        return z if layer == network.depth else plain(layer, z)

    return hidden


def separable(network: PosedNetwork) -> bool:
    """Whether each output adds a term to the loss in which no other output is felt."""
    own = ACTIVATIONS[network.activations[-1]].elementwise
    return own and LOSSES[network.loss].terms is not None


def reduce(network: PosedNetwork, losses: Array) -> Array:
    """Return the mean or the sum over the last axis."""
    whole: Array = losses.sum(axis=-1)
    return whole / losses.shape[-1] if network.reduction == "mean" else whole


def penalty(network: PosedNetwork, pairs: Pairs) -> Array | float:
    """Return ``l2 / 2 * sum ||W||^2``."""
    if not network.l2:
        return 0.0
    squares = sum((w * w).sum(axis=(-2, -1)) for w, _ in pairs)
    whole: Array = 0.5 * network.l2 * squares
    return whole


def batch_loss(network: PosedNetwork, pairs: Pairs, x: Array, y: Array) -> Array:
    """Return the loss of a batch for every point of a stack, shape (...)."""
    return loss_at(network, pairs, evaluate(network, pairs, x), y)


def loss_at(
    network: PosedNetwork, pairs: Pairs, run: Evaluation, y: Array, epsilon: float = 0.0
) -> Array:
    """Return the loss of a forward pass that has been run, for every point of a stack."""
    losses = LOSSES[network.loss].per_sample(run.z[-1], run.a[-1], y, epsilon)
    return np.asarray(reduce(network, losses) + penalty(network, pairs))


def loss_of(problem: Posed, epsilon: float = 0.0) -> float:
    """Return the loss of one problem."""
    network, pairs = problem.network, problem.params.pairs
    run = evaluate(network, pairs, problem.batch.x)
    return float(loss_at(network, pairs, run, problem.batch.y, epsilon))
