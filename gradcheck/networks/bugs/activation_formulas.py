"""Bugs in the derivative of one activation: wrong only where that activation is used."""

from functools import partial
from typing import Any

import numpy as np

from gradcheck.networks.bugs.activation_derivative import SITE
from gradcheck.networks.bugs.bug import Bug, Free
from gradcheck.networks.bugs.textbook import Pass, Rule, hidden_delta, in_layers_of
from gradcheck.networks.definitions import ACTIVATIONS
from gradcheck.networks.problem import Floats

_logistic = ACTIVATIONS["sigmoid"].forward


def _masked_by_delta(p: Pass, layer: int) -> Floats:
    if p.network.activations[layer - 1] != "relu":
        return hidden_delta(p, layer)
    back: Floats = p.apply("propagate", layer)
    return np.where(back > 0, back, 0.0)


def _normal(z: Floats) -> Any:
    """The cumulative normal distribution."""
    from scipy.special import ndtr

    return ndtr(z)


def _tanh_gelu(z: Floats) -> Any:
    """Derivative of ``z/2 (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3)))``."""
    c = np.sqrt(2.0 / np.pi)
    t = np.tanh(c * (z + 0.044715 * z**3))
    return 0.5 * (1 + t) + 0.5 * z * (1 - t * t) * c * (1 + 3 * 0.044715 * z * z)


def _sigmoid_gelu(z: Floats) -> Floats:
    """Derivative of ``z sigmoid(1.702 z)``."""
    s = _logistic(1.702 * z)
    return s + 1.702 * z * s * (1.0 - s)


def _leaking(activation: str) -> Free:
    """A slope on the left of zero."""
    return Free(
        "slope",
        lambda slope: in_layers_of(activation, lambda z, a: np.where(z > 0, 1.0, slope)),
        "1 if z > 0 else #",
    )


def _formula(activation: str, title: str, *, slope: Rule, **texts: Any) -> Bug:
    """Make a bug of one activation's derivative, ``slope(z, a)``."""
    return Bug(
        SITE,
        title,
        rules=in_layers_of(activation, slope),
        strikes="slopes",
        example=f"2-3-1 {activation},identity half_squared_error",
        activation=activation,
        **texts,
    )


_sigmoid = partial(_formula, "sigmoid", right="a (1 - a), with a = sigmoid(z)")
_tanh = partial(_formula, "tanh", right="1 - a^2, with a = tanh(z)", mend="Write 1 - a**2.")
_relu = partial(_formula, "relu", right="1 if z > 0 else 0")
_leaky = partial(
    _formula, "leaky_relu", right="1 if z > 0 else 0.01", hides="units that are all active"
)
_elu = partial(_formula, "elu", right="1 if z > 0 else exp(z)", hides="positive z only")
_softplus = partial(_formula, "softplus", right="sigmoid(z)")
_silu = partial(_formula, "silu", right="s + z s (1 - s), with s = sigmoid(z)")
_gelu = partial(_formula, "gelu", right="Phi(z) + z exp(-z^2 / 2) / sqrt(2 pi)")

BUGS = {
    "sigmoid_formula_fed_z": _sigmoid(
        "the sigmoid's derivative in a is fed z",
        wrong="z (1 - z)",
        why="x * (1 - x) is copied from code that calls it with the activation.",
        mend="Call it with a = sigmoid(z), not with z.",
        slope=lambda z, a: z * (1.0 - z),
    ),
    "sigmoid_derivative_half_written": _sigmoid(
        "the sigmoid's derivative lacks its factor a",
        wrong="1 - a",
        why="1 - a is typed, and the a in front of it is lost.",
        mend="Write a * (1 - a).",
        hides="units saturated at a = 1",
        slope=lambda z, a: 1.0 - a,
    ),
    "sigmoid_derivative_with_plus": _sigmoid(
        "the sigmoid's derivative has a plus for its minus",
        wrong="a (1 + a)",
        why="A sign is mistyped.",
        mend="Write a * (1 - a).",
        hides="units saturated at a = 0",
        slope=lambda z, a: a * (1.0 + a),
    ),
    "sigmoid_derivative_mixes_a_and_z": _sigmoid(
        "the sigmoid's derivative mixes a and z",
        wrong="a (1 - z)",
        why="Both are at hand, and one of the two occurrences is the wrong one.",
        mend="Use a in both places: a * (1 - a).",
        hides="the two points where z = sigmoid(z)",
        slope=lambda z, a: a * (1.0 - z),
    ),
    "sigmoid_derivative_exponent_sign": _sigmoid(
        "the sigmoid's derivative has exp(z) for exp(-z)",
        wrong="exp(z) / (1 + exp(-z))^2",
        why="The quotient rule is worked out by hand and a minus in an exponent is lost.",
        mend="Write exp(-z) / (1 + exp(-z))**2, or simply a * (1 - a).",
        hides="z = 0",
        slope=lambda z, a: np.exp(z) / (1.0 + np.exp(-z)) ** 2,
    ),
    "sigmoid_derivative_by_tanh_formula": _sigmoid(
        "the sigmoid's derivative is written by the formula for tanh",
        wrong="1 - a^2",
        why="tanh was exchanged for the sigmoid, and its derivative stayed.",
        mend="For the sigmoid write a * (1 - a).",
        hides="units saturated at a = 1",
        slope=lambda z, a: 1.0 - a * a,
    ),
    "sigmoid_derivative_raised": _sigmoid(
        "a constant is added to the sigmoid's derivative",
        wrong="a (1 - a) + 0.1",
        why="An old trick against units that saturate; what follows is no gradient any more.",
        mend="Take the constant away, or say that the result is not the gradient.",
        slope=lambda z, a: a * (1.0 - a) + 0.1,
    ),
    "tanh_derivative_uses_tan": _tanh(
        "the derivative of tanh is written with tan",
        wrong="1 - tanh(z) tan(z)",
        why="tan and tanh differ by one letter, and both are in every maths module.",
        mend="Multiply by 1 - tanh(z)**2, or by 1 - a**2 with the activation a at hand.",
        hides="z = 0",
        slope=lambda z, a: 1.0 - np.tanh(z) * np.tan(z),
    ),
    "tanh_derivative_of_tan": _tanh(
        "the derivative of tan is taken for that of tanh",
        wrong="1 + tan(z)^2",
        why="The table of derivatives is read one line too high.",
        mend="Multiply by 1 - tanh(z)**2.",
        hides="z = 0",
        slope=lambda z, a: 1.0 + np.tan(z) ** 2,
    ),
    "tanh_formula_fed_z": _tanh(
        "the derivative of tanh in a is fed z",
        wrong="1 - z^2",
        why="1 - x**2 is copied from code that calls it with the activation.",
        mend="Call it with a = tanh(z), not with z.",
        hides="z = 0; small inputs, where tanh(z) is nearly z",
        slope=lambda z, a: 1.0 - z * z,
    ),
    "tanh_derivative_with_plus": _tanh(
        "the derivative of tanh has a plus for its minus",
        wrong="1 + a^2",
        why="The sign is that of tan, whose derivative is 1 + tan^2.",
        hides="z = 0",
        slope=lambda z, a: 1.0 + a * a,
    ),
    "tanh_derivative_not_squared": _tanh(
        "the derivative of tanh lacks its square",
        wrong="1 - a",
        why="The exponent is forgotten.",
        hides="z = 0, and units saturated at a = 1",
        slope=lambda z, a: 1.0 - a,
    ),
    "tanh_derivative_square_outside": _tanh(
        "the square of tanh's derivative stands outside the bracket",
        wrong="(1 - a)^2",
        why="A bracket is closed in the wrong place.",
        hides="z = 0, and units saturated at a = 1",
        slope=lambda z, a: (1.0 - a) ** 2,
    ),
    "tanh_derivative_is_sech": _tanh(
        "the derivative of tanh is sech, not squared",
        wrong="1 / cosh(z)",
        why="The square of sech(z)^2 is forgotten.",
        mend="Write 1 / cosh(z)**2, or 1 - a**2.",
        hides="z = 0",
        slope=lambda z, a: 1.0 / np.cosh(z),
    ),
    "tanh_derivative_is_minus_square": _tanh(
        "the derivative of tanh lacks its 1",
        wrong="-a^2",
        why="1 - a**2 is typed as -a**2, or the 1 is taken up by another factor.",
        slope=lambda z, a: -a * a,
    ),
    "tanh_derivative_by_sigmoid_formula": _tanh(
        "the derivative of tanh is written by the formula for the sigmoid",
        wrong="a (1 - a)",
        why="The sigmoid was exchanged for tanh, and its derivative stayed.",
        mend="For tanh write 1 - a**2.",
        hides="units saturated at a = 1",
        slope=lambda z, a: a * (1.0 - a),
    ),
    "tanh_derivative_of_sigmoid": _tanh(
        "the sigmoid's derivative stands in layers of tanh",
        wrong="s (1 - s), with s = sigmoid(z)",
        why="One function sigmoid_prime(z) serves every layer.",
        mend="Use 1 - tanh(z)**2 where the forward pass uses tanh.",
        hides="nowhere near z = 0; far out both are nearly 0",
        slope=lambda z, a: _logistic(z) * (1.0 - _logistic(z)),
    ),
    "relu_derivative_missing": _relu(
        "the derivative of relu is left out",
        wrong="1",
        why="relu looks linear, and the mask is easily forgotten.",
        mend="Multiply the delta by (z > 0).",
        hides="units that are all active",
        slope=lambda z, a: np.ones_like(z),
    ),
    "relu_mask_inverted": _relu(
        "the mask of relu lets the wrong units through",
        wrong="1 if z <= 0 else 0",
        why="delta[z > 0] = 0 is written for delta[z <= 0] = 0.",
        mend="Set the delta to zero where z <= 0, and keep it where z > 0.",
        slope=lambda z, a: np.where(z > 0, 0.0, 1.0),
    ),
    "relu_threshold_not_zero": _relu(
        "the mask of relu has a threshold other than 0",
        wrong="1 if z > 1 else 0",
        why="The threshold of another function, or of a binary unit, is kept.",
        mend="Compare with 0, where relu bends.",
        hides="no z between 0 and 1",
        slope=lambda z, a: np.where(z > 1.0, 1.0, 0.0),
    ),
    "relu_derivative_leaks": _relu(
        "the derivative of leaky_relu stands in layers of relu",
        wrong="1 if z > 0 else 0.01",
        why="leaky_relu was tried, and only the forward pass was changed back.",
        mend="Let forward and backward pass be of the same function: 0 where z <= 0.",
        hides="units that are all active",
        slope=lambda z, a: np.where(z > 0, 1.0, 0.01),
        free=_leaking("relu"),
    ),
    "relu_mask_from_delta": Bug(
        SITE,
        "the mask of relu is taken from the delta",
        wrong="d if d > 0 else 0, with d = {delta[up] @ W[up].T}",
        right="d if z > 0 else 0",
        why="relu is applied on the way back as it was on the way forth.",
        mend="Mask by the sign of z, from the forward pass, not by the sign of the delta.",
        hides="where z and the delta have the same sign",
        rules={"hidden_delta": _masked_by_delta},
        strikes="hidden",
        example="2-3-1 relu,identity half_squared_error",
        activation="relu",
    ),
    "leaky_slope_missing": _leaky(
        "the derivative of leaky_relu is that of relu",
        wrong="1 if z > 0 else 0",
        why="The backward pass of relu is reused.",
        mend="Use the slope of the forward pass, 0.01, where z <= 0.",
        slope=lambda z, a: np.where(z > 0, 1.0, 0.0),
    ),
    "leaky_slope_differs": _leaky(
        "forward and backward pass of leaky_relu use different slopes",
        wrong="1 if z > 0 else 0.1",
        why="The slope has a default in two places, 0.01 in one and 0.1 in the other.",
        mend="Keep the slope in one constant that both passes use.",
        slope=lambda z, a: np.where(z > 0, 1.0, 0.1),
        free=_leaking("leaky_relu"),
    ),
    "leaky_slope_negative": _leaky(
        "the slope of leaky_relu has the wrong sign",
        wrong="1 if z > 0 else -0.01",
        why="z is negative there, and so a minus seems right.",
        mend="The slope is 0.01 on the left, whatever the sign of z.",
        slope=lambda z, a: np.where(z > 0, 1.0, -0.01),
    ),
    "elu_derivative_adds_alpha": _elu(
        "the derivative of elu adds alpha to what is no longer a",
        wrong="exp(z) + 1 if z <= 0",
        why="The formula a + alpha is right in a, but exp(z) is put in for a.",
        mend="Write a + 1 with a = exp(z) - 1, or exp(z) alone.",
        slope=lambda z, a: np.where(z > 0, 1.0, np.exp(np.minimum(z, 0.0)) + 1.0),
    ),
    "elu_derivative_is_value": _elu(
        "the derivative of elu is its value on the left",
        wrong="exp(z) - 1 if z <= 0",
        why="The branch is copied from the forward pass, and the -1 comes with it.",
        mend="Write exp(z) where z <= 0: the -1 has no derivative.",
        slope=lambda z, a: np.where(z > 0, 1.0, np.expm1(np.minimum(z, 0.0))),
    ),
    "elu_derivative_of_relu": _elu(
        "the derivative of elu is that of relu",
        wrong="0 if z <= 0",
        why="The backward pass of relu is reused.",
        mend="Write exp(z) where z <= 0.",
        slope=lambda z, a: np.where(z > 0, 1.0, 0.0),
    ),
    "elu_derivative_without_branch": _elu(
        "the derivative of elu is an exponential on both sides",
        wrong="exp(z), for every z",
        why="The branch of the forward pass is forgotten in the backward pass.",
        mend="Write 1 where z > 0.",
        hides="negative z only",
        slope=lambda z, a: np.exp(z),
    ),
    "softplus_derivative_of_sigmoid": _softplus(
        "the derivative of softplus is derived once too often",
        wrong="s (1 - s), with s = sigmoid(z)",
        why="softplus calls for a sigmoid, and the sigmoid's derivative is at hand.",
        mend="The derivative of softplus is sigmoid(z) itself.",
        hides="units far below z = 0",
        slope=lambda z, a: _logistic(z) * (1.0 - _logistic(z)),
    ),
    "softplus_derivative_mirrored": _softplus(
        "the derivative of softplus has the wrong sign in its exponent",
        wrong="1 / (1 + exp(z))",
        why="exp(-z) and exp(z) are exchanged in the sigmoid.",
        mend="Write 1 / (1 + exp(-z)).",
        hides="z = 0",
        slope=lambda z, a: _logistic(-z),
    ),
    "silu_second_term_missing": _silu(
        "the product rule is not applied to z sigmoid(z)",
        wrong="s, with s = sigmoid(z)",
        why="Only the factor z is derived.",
        mend="Add the second term of the product rule: s + z * s * (1 - s).",
        hides="z = 0",
        slope=lambda z, a: _logistic(z),
    ),
    "silu_first_term_missing": _silu(
        "the first term of the product rule is lost in z sigmoid(z)",
        wrong="z s (1 - s), with s = sigmoid(z)",
        why="Only the factor sigmoid(z) is derived.",
        mend="Add the first term of the product rule: s + z * s * (1 - s).",
        hides="units far below z = 0",
        slope=lambda z, a: z * _logistic(z) * (1.0 - _logistic(z)),
    ),
    "silu_derivative_mixes_a_and_s": _silu(
        "the derivative of silu takes s for a in its first term",
        wrong="s + s (1 - s), with s = sigmoid(z)",
        why="The formula a + s (1 - a) has two kinds of letters, and one is mistaken.",
        mend="Write a + s * (1 - a) with a = z * s, or s + z * s * (1 - s).",
        hides="z = 1",
        slope=lambda z, a: _logistic(z) * (2.0 - _logistic(z)),
    ),
    "gelu_density_missing": _gelu(
        "the product rule is not applied to z Phi(z)",
        wrong="Phi(z)",
        why="Phi is taken for a constant gate.",
        mend="Add z times the normal density: Phi(z) + z * exp(-z**2 / 2) / sqrt(2 pi).",
        hides="z = 0",
        slope=lambda z, a: _normal(z),
    ),
    "gelu_derivative_of_tanh_form": _gelu(
        "the derivative of gelu is that of its tanh approximation",
        wrong="derivative of z/2 (1 + tanh(0.798 (z + 0.0447 z^3)))",
        why="Both are called gelu, and forward and backward come from different sources.",
        mend="Derive the form that the forward pass computes: here the exact one, with erf.",
        hides="a tolerance of 1e-3: the two forms are that close",
        slope=lambda z, a: _tanh_gelu(z),
    ),
    "gelu_derivative_of_sigmoid_form": _gelu(
        "the derivative of gelu is that of its sigmoid approximation",
        wrong="derivative of z sigmoid(1.702 z)",
        why="Both are called gelu, and forward and backward come from different sources.",
        mend="Derive the form that the forward pass computes: here the exact one, with erf.",
        hides="a tolerance of 1e-2: the two forms are that close",
        slope=lambda z, a: _sigmoid_gelu(z),
    ),
}
