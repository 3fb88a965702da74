"""Bugs in the derivative of sigmoid or tanh: wrong only where that activation is used."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from gradcheck.networks.bugs.bug import Bug, Free
from gradcheck.networks.bugs.wrong_parts import in_layers_of, sigmoid


def formula(
    activation: str,
    right: str,
    slug: str,
    title: str,
    wrong: str,
    why: str,
    mend: str,
    derivative: Callable[..., Any],
    hides: str,
    free: Free | None = None,
) -> Bug:
    """Make a bug of one activation's derivative, ``derivative(z, a)``."""
    return Bug(
        slug,
        title,
        "activation_derivative",
        wrong,
        right,
        why,
        mend,
        in_layers_of(activation, derivative),
        "slopes",
        hides,
        f"2-3-1 {activation},identity half_squared_error",
        activation=activation,
        free=free,
    )


_sigmoid = partial(formula, "sigmoid", "a (1 - a), with a = sigmoid(z)")
_tanh = partial(formula, "tanh", "1 - a^2, with a = tanh(z)")

BUGS = (
    _sigmoid(
        "sigmoid_formula_fed_z",
        "the sigmoid's derivative in a is fed z",
        "z (1 - z)",
        "x * (1 - x) is copied from code that calls it with the activation.",
        "Call it with a = sigmoid(z), not with z.",
        lambda z, a: z * (1.0 - z),
        "nowhere",
    ),
    _sigmoid(
        "sigmoid_derivative_half_written",
        "the sigmoid's derivative lacks its factor a",
        "1 - a",
        "1 - a is typed, and the a in front of it is lost.",
        "Write a * (1 - a).",
        lambda z, a: 1.0 - a,
        "units saturated at a = 1",
    ),
    _sigmoid(
        "sigmoid_derivative_with_plus",
        "the sigmoid's derivative has a plus for its minus",
        "a (1 + a)",
        "A sign is mistyped.",
        "Write a * (1 - a).",
        lambda z, a: a * (1.0 + a),
        "units saturated at a = 0",
    ),
    _sigmoid(
        "sigmoid_derivative_mixes_a_and_z",
        "the sigmoid's derivative mixes a and z",
        "a (1 - z)",
        "Both are at hand, and one of the two occurrences is the wrong one.",
        "Use a in both places: a * (1 - a).",
        lambda z, a: a * (1.0 - z),
        "the two points where z = sigmoid(z)",
    ),
    _sigmoid(
        "sigmoid_derivative_exponent_sign",
        "the sigmoid's derivative has exp(z) for exp(-z)",
        "exp(z) / (1 + exp(-z))^2",
        "The quotient rule is worked out by hand and a minus in an exponent is lost.",
        "Write exp(-z) / (1 + exp(-z))**2, or simply a * (1 - a).",
        lambda z, a: np.exp(z) / (1.0 + np.exp(-z)) ** 2,
        "z = 0",
    ),
    _sigmoid(
        "sigmoid_derivative_by_tanh_formula",
        "the sigmoid's derivative is written by the formula for tanh",
        "1 - a^2",
        "tanh was exchanged for the sigmoid, and its derivative stayed.",
        "For the sigmoid write a * (1 - a).",
        lambda z, a: 1.0 - a * a,
        "units saturated at a = 1",
    ),
    _sigmoid(
        "sigmoid_derivative_raised",
        "a constant is added to the sigmoid's derivative",
        "a (1 - a) + 0.1",
        "An old trick against units that saturate; what follows is no gradient any more.",
        "Take the constant away, or say that the result is not the gradient.",
        lambda z, a: a * (1.0 - a) + 0.1,
        "nowhere",
    ),
    _tanh(
        "tanh_derivative_uses_tan",
        "the derivative of tanh is written with tan",
        "1 - tanh(z) tan(z)",
        "tan and tanh differ by one letter, and both are in every maths module.",
        "Multiply by 1 - tanh(z)**2, or by 1 - a**2 with the activation a at hand.",
        lambda z, a: 1.0 - np.tanh(z) * np.tan(z),
        "z = 0",
    ),
    _tanh(
        "tanh_derivative_of_tan",
        "the derivative of tan is taken for that of tanh",
        "1 + tan(z)^2",
        "The table of derivatives is read one line too high.",
        "Multiply by 1 - tanh(z)**2.",
        lambda z, a: 1.0 + np.tan(z) ** 2,
        "z = 0",
    ),
    _tanh(
        "tanh_formula_fed_z",
        "the derivative of tanh in a is fed z",
        "1 - z^2",
        "1 - x**2 is copied from code that calls it with the activation.",
        "Call it with a = tanh(z), not with z.",
        lambda z, a: 1.0 - z * z,
        "z = 0; small inputs, where tanh(z) is nearly z",
    ),
    _tanh(
        "tanh_derivative_with_plus",
        "the derivative of tanh has a plus for its minus",
        "1 + a^2",
        "The sign is that of tan, whose derivative is 1 + tan^2.",
        "Write 1 - a**2.",
        lambda z, a: 1.0 + a * a,
        "z = 0",
    ),
    _tanh(
        "tanh_derivative_not_squared",
        "the derivative of tanh lacks its square",
        "1 - a",
        "The exponent is forgotten.",
        "Write 1 - a**2.",
        lambda z, a: 1.0 - a,
        "z = 0, and units saturated at a = 1",
    ),
    _tanh(
        "tanh_derivative_square_outside",
        "the square of tanh's derivative stands outside the bracket",
        "(1 - a)^2",
        "A bracket is closed in the wrong place.",
        "Write 1 - a**2.",
        lambda z, a: (1.0 - a) ** 2,
        "z = 0, and units saturated at a = 1",
    ),
    _tanh(
        "tanh_derivative_is_sech",
        "the derivative of tanh is sech, not squared",
        "1 / cosh(z)",
        "The square of sech(z)^2 is forgotten.",
        "Write 1 / cosh(z)**2, or 1 - a**2.",
        lambda z, a: 1.0 / np.cosh(z),
        "z = 0",
    ),
    _tanh(
        "tanh_derivative_is_minus_square",
        "the derivative of tanh lacks its 1",
        "-a^2",
        "1 - a**2 is typed as -a**2, or the 1 is taken up by another factor.",
        "Write 1 - a**2.",
        lambda z, a: -a * a,
        "nowhere",
    ),
    _tanh(
        "tanh_derivative_by_sigmoid_formula",
        "the derivative of tanh is written by the formula for the sigmoid",
        "a (1 - a)",
        "The sigmoid was exchanged for tanh, and its derivative stayed.",
        "For tanh write 1 - a**2.",
        lambda z, a: a * (1.0 - a),
        "units saturated at a = 1",
    ),
    _tanh(
        "tanh_derivative_of_sigmoid",
        "the sigmoid's derivative stands in layers of tanh",
        "s (1 - s), with s = sigmoid(z)",
        "One function sigmoid_prime(z) serves every layer.",
        "Use 1 - tanh(z)**2 where the forward pass uses tanh.",
        lambda z, a: sigmoid(z) * (1.0 - sigmoid(z)),
        "nowhere near z = 0; far out both are nearly 0",
    ),
)
