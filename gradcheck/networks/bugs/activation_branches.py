"""Bugs in the derivative of relu and its relatives, made of branches or of products."""

from functools import partial

import numpy as np

from gradcheck.networks.bugs.activation_formulas import formula
from gradcheck.networks.bugs.bug import Bug, Free
from gradcheck.networks.bugs.textbook import Pass, hidden_delta
from gradcheck.networks.bugs.wrong_parts import in_layers_of, sigmoid
from gradcheck.networks.problem import Floats


def _masked_by_delta(p: Pass, layer: int) -> Floats:
    if p.network.activations[layer - 1] != "relu":
        return hidden_delta(p, layer)
    back: Floats = p.apply("propagate", layer)
    return np.where(back > 0, back, 0.0)


def _normal(z: Floats) -> Floats:
    """The cumulative normal distribution."""
    from scipy.special import ndtr

    values: Floats = ndtr(z)
    return values


def _tanh_gelu(z: Floats) -> Floats:
    """Derivative of ``z/2 (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3)))``."""
    c = np.sqrt(2.0 / np.pi)
    t = np.tanh(c * (z + 0.044715 * z**3))
    slope: Floats = 0.5 * (1 + t) + 0.5 * z * (1 - t * t) * c * (1 + 3 * 0.044715 * z * z)
    return slope


def _sigmoid_gelu(z: Floats) -> Floats:
    """Derivative of ``z sigmoid(1.702 z)``."""
    s = sigmoid(1.702 * z)
    slope: Floats = s + 1.702 * z * s * (1.0 - s)
    return slope


def _leaking(activation: str, planted: float) -> Free:
    """A slope on the left of zero."""
    return Free(
        "slope",
        lambda slope: in_layers_of(activation, lambda z, a: np.where(z > 0, 1.0, slope)),
        "1 if z > 0 else #",
        planted,
    )


_relu = partial(formula, "relu", "1 if z > 0 else 0")
_leaky = partial(formula, "leaky_relu", "1 if z > 0 else 0.01")
_elu = partial(formula, "elu", "1 if z > 0 else exp(z)")
_softplus = partial(formula, "softplus", "sigmoid(z)")
_silu = partial(formula, "silu", "s + z s (1 - s), with s = sigmoid(z)")
_gelu = partial(formula, "gelu", "Phi(z) + z exp(-z^2 / 2) / sqrt(2 pi)")

BUGS = (
    _relu(
        "relu_derivative_missing",
        "the derivative of relu is left out",
        "1",
        "relu looks linear, and the mask is easily forgotten.",
        "Multiply the delta by (z > 0).",
        lambda z, a: np.ones_like(z),
        "units that are all active",
    ),
    _relu(
        "relu_mask_inverted",
        "the mask of relu lets the wrong units through",
        "1 if z <= 0 else 0",
        "delta[z > 0] = 0 is written for delta[z <= 0] = 0.",
        "Set the delta to zero where z <= 0, and keep it where z > 0.",
        lambda z, a: np.where(z > 0, 0.0, 1.0),
        "nowhere",
    ),
    _relu(
        "relu_threshold_not_zero",
        "the mask of relu has a threshold other than 0",
        "1 if z > 1 else 0",
        "The threshold of another function, or of a binary unit, is kept.",
        "Compare with 0, where relu bends.",
        lambda z, a: np.where(z > 1.0, 1.0, 0.0),
        "no z between 0 and 1",
    ),
    _relu(
        "relu_derivative_leaks",
        "the derivative of leaky_relu stands in layers of relu",
        "1 if z > 0 else 0.01",
        "leaky_relu was tried, and only the forward pass was changed back.",
        "Let forward and backward pass be of the same function: 0 where z <= 0.",
        lambda z, a: np.where(z > 0, 1.0, 0.01),
        "units that are all active",
        _leaking("relu", 0.01),
    ),
    Bug(
        "relu_mask_from_delta",
        "the mask of relu is taken from the delta",
        "activation_derivative",
        "d if d > 0 else 0, with d = {delta[up] @ W[up].T}",
        "d if z > 0 else 0",
        "relu is applied on the way back as it was on the way forth.",
        "Mask by the sign of z, from the forward pass, not by the sign of the delta.",
        {"hidden_delta": _masked_by_delta},
        "hidden",
        "where z and the delta have the same sign",
        "2-3-1 relu,identity half_squared_error",
        activation="relu",
    ),
    _leaky(
        "leaky_slope_missing",
        "the derivative of leaky_relu is that of relu",
        "1 if z > 0 else 0",
        "The backward pass of relu is reused.",
        "Use the slope of the forward pass, 0.01, where z <= 0.",
        lambda z, a: np.where(z > 0, 1.0, 0.0),
        "units that are all active",
    ),
    _leaky(
        "leaky_slope_differs",
        "forward and backward pass of leaky_relu use different slopes",
        "1 if z > 0 else 0.1",
        "The slope has a default in two places, 0.01 in one and 0.1 in the other.",
        "Keep the slope in one constant that both passes use.",
        lambda z, a: np.where(z > 0, 1.0, 0.1),
        "units that are all active",
        _leaking("leaky_relu", 0.1),
    ),
    _leaky(
        "leaky_slope_negative",
        "the slope of leaky_relu has the wrong sign",
        "1 if z > 0 else -0.01",
        "z is negative there, and so a minus seems right.",
        "The slope is 0.01 on the left, whatever the sign of z.",
        lambda z, a: np.where(z > 0, 1.0, -0.01),
        "units that are all active",
    ),
    _elu(
        "elu_derivative_adds_alpha",
        "the derivative of elu adds alpha to what is no longer a",
        "exp(z) + 1 if z <= 0",
        "The formula a + alpha is right in a, but exp(z) is put in for a.",
        "Write a + 1 with a = exp(z) - 1, or exp(z) alone.",
        lambda z, a: np.where(z > 0, 1.0, np.exp(np.minimum(z, 0.0)) + 1.0),
        "positive z only",
    ),
    _elu(
        "elu_derivative_is_value",
        "the derivative of elu is its value on the left",
        "exp(z) - 1 if z <= 0",
        "The branch is copied from the forward pass, and the -1 comes with it.",
        "Write exp(z) where z <= 0: the -1 has no derivative.",
        lambda z, a: np.where(z > 0, 1.0, np.expm1(np.minimum(z, 0.0))),
        "positive z only",
    ),
    _elu(
        "elu_derivative_of_relu",
        "the derivative of elu is that of relu",
        "0 if z <= 0",
        "The backward pass of relu is reused.",
        "Write exp(z) where z <= 0.",
        lambda z, a: np.where(z > 0, 1.0, 0.0),
        "positive z only",
    ),
    _elu(
        "elu_derivative_without_branch",
        "the derivative of elu is an exponential on both sides",
        "exp(z), for every z",
        "The branch of the forward pass is forgotten in the backward pass.",
        "Write 1 where z > 0.",
        lambda z, a: np.exp(z),
        "negative z only",
    ),
    _softplus(
        "softplus_derivative_of_sigmoid",
        "the derivative of softplus is derived once too often",
        "s (1 - s), with s = sigmoid(z)",
        "softplus calls for a sigmoid, and the sigmoid's derivative is at hand.",
        "The derivative of softplus is sigmoid(z) itself.",
        lambda z, a: sigmoid(z) * (1.0 - sigmoid(z)),
        "units far below z = 0",
    ),
    _softplus(
        "softplus_derivative_mirrored",
        "the derivative of softplus has the wrong sign in its exponent",
        "1 / (1 + exp(z))",
        "exp(-z) and exp(z) are exchanged in the sigmoid.",
        "Write 1 / (1 + exp(-z)).",
        lambda z, a: sigmoid(-z),
        "z = 0",
    ),
    _silu(
        "silu_second_term_missing",
        "the product rule is not applied to z sigmoid(z)",
        "s, with s = sigmoid(z)",
        "Only the factor z is derived.",
        "Add the second term of the product rule: s + z * s * (1 - s).",
        lambda z, a: sigmoid(z),
        "z = 0",
    ),
    _silu(
        "silu_first_term_missing",
        "the first term of the product rule is lost in z sigmoid(z)",
        "z s (1 - s), with s = sigmoid(z)",
        "Only the factor sigmoid(z) is derived.",
        "Add the first term of the product rule: s + z * s * (1 - s).",
        lambda z, a: z * sigmoid(z) * (1.0 - sigmoid(z)),
        "units far below z = 0",
    ),
    _silu(
        "silu_derivative_mixes_a_and_s",
        "the derivative of silu takes s for a in its first term",
        "s + s (1 - s), with s = sigmoid(z)",
        "The formula a + s (1 - a) has two kinds of letters, and one is mistaken.",
        "Write a + s * (1 - a) with a = z * s, or s + z * s * (1 - s).",
        lambda z, a: sigmoid(z) * (2.0 - sigmoid(z)),
        "z = 1",
    ),
    _gelu(
        "gelu_density_missing",
        "the product rule is not applied to z Phi(z)",
        "Phi(z)",
        "Phi is taken for a constant gate.",
        "Add z times the normal density: Phi(z) + z * exp(-z**2 / 2) / sqrt(2 pi).",
        lambda z, a: _normal(z),
        "z = 0",
    ),
    _gelu(
        "gelu_derivative_of_tanh_form",
        "the derivative of gelu is that of its tanh approximation",
        "derivative of z/2 (1 + tanh(0.798 (z + 0.0447 z^3)))",
        "Both are called gelu, and forward and backward come from different sources.",
        "Derive the form that the forward pass computes: here the exact one, with erf.",
        lambda z, a: _tanh_gelu(z),
        "a tolerance of 1e-3: the two forms are that close",
    ),
    _gelu(
        "gelu_derivative_of_sigmoid_form",
        "the derivative of gelu is that of its sigmoid approximation",
        "derivative of z sigmoid(1.702 z)",
        "Both are called gelu, and forward and backward come from different sources.",
        "Derive the form that the forward pass computes: here the exact one, with erf.",
        lambda z, a: _sigmoid_gelu(z),
        "a tolerance of 1e-2: the two forms are that close",
    ),
)
