"""The same activations as other books write them: right, and hard on the digits.

Where a form cancels, its own digits are lost: ``1 + erf(z / sqrt(2))`` at z = -7.6 has one
left, ``1 + tanh(z / 2)`` and ``1 - exp(-a)`` few. Beside them stand forms that are wrong.
"""

import math

import numpy as np

from tests.quality.naive import Array, Form, gelu_share, sigmoid

SQRT_HALF = math.sqrt(0.5)
DENSITY = 1 / math.sqrt(2 * math.pi)

erf = np.vectorize(math.erf, otypes=[float])


def gelu(z: Array) -> Array:
    return 0.5 * z * (1 + erf(z / math.sqrt(2)))


def gelu_slope(z: Array, a: Array) -> Array:
    return 0.5 * (1 + erf(z / math.sqrt(2))) + z * DENSITY * np.exp(-0.5 * z**2)


def sigmoid_by_tanh(z: Array) -> Array:
    return 0.5 * (1 + np.tanh(z / 2))


def tanh_by_exp(z: Array) -> Array:
    return (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z))


def softplus(z: Array) -> Array:
    return np.log(1 + np.exp(z))


RIGHT: dict[str, dict[str, Form]] = {
    "gelu with erf": {"gelu": (gelu, gelu_slope)},
    "gelu with erf, slope from the output": {
        "gelu": (
            gelu,
            lambda z, a: (
                np.where(z == 0, 0.5, a / np.where(z == 0, 1, z))
                + z * DENSITY * np.exp(-0.5 * z * z)
            ),
        )
    },
    "gelu, every square a product of its own": {
        "gelu": (
            lambda z: z * (0.5 + 0.5 * erf(z * SQRT_HALF)),
            lambda z, a: (
                (0.5 + 0.5 * erf(z * SQRT_HALF))
                + z * np.exp(-((z * SQRT_HALF) ** 2)) / np.sqrt(2 * np.pi)
            ),
        )
    },
    "sigmoid by tanh": {"sigmoid": (sigmoid_by_tanh, lambda z, a: a - a**2)},
    "sigmoid by tanh, 1 - tanh**2": {
        "sigmoid": (sigmoid_by_tanh, lambda z, a: 0.25 * (1 - np.tanh(z / 2) ** 2))
    },
    "tanh by exponentials": {"tanh": (tanh_by_exp, lambda z, a: 1 - tanh_by_exp(z) ** 2)},
    "tanh by a sigmoid": {
        "tanh": (lambda z: 2 * sigmoid(2 * z) - 1, lambda z, a: (1 - a) * (1 + a))
    },
    "softplus, slope 1 - exp(-a)": {"softplus": (softplus, lambda z, a: 1 - np.exp(-a))},
    "softplus, slope exp / (1 + exp)": {
        "softplus": (softplus, lambda z, a: np.exp(z) / (1 + np.exp(z)))
    },
    "softplus as minus log-sigmoid": {
        "softplus": (lambda z: -np.log(sigmoid(-z)), lambda z, a: 1 - sigmoid(-z))
    },
    "silu, slope from the output": {
        "silu": (lambda z: z * sigmoid_by_tanh(z), lambda z, a: a + sigmoid_by_tanh(z) * (1 - a))
    },
    "elu, slope a + 1": {
        "elu": (
            lambda z: np.where(z > 0, z, np.exp(np.minimum(z, 0)) - 1),
            lambda z, a: np.where(a > 0, 1.0, a + 1),
        )
    },
}

#: name: the form, and the activation that is wrong.
WRONG: dict[str, dict[str, Form]] = {
    "gelu without the density": {"gelu": (gelu, lambda z, a: gelu_share(z))},
    "gelu, density without its z": {
        "gelu": (gelu, lambda z, a: gelu_share(z) + DENSITY * np.exp(-0.5 * z**2))
    },
    "gelu, exp(-z**2)": {
        "gelu": (gelu, lambda z, a: gelu_share(z) + z * DENSITY * np.exp(-(z**2)))
    },
    "gelu, no slope below -3": {
        "gelu": (gelu, lambda z, a: np.where(z < -3, 0.0, gelu_slope(z, a)))
    },
    "gelu, no density below -4": {
        "gelu": (gelu, lambda z, a: np.where(z < -4, gelu_share(z), gelu_slope(z, a)))
    },
    "sigmoid by tanh, slope without 1/4": {
        "sigmoid": (sigmoid_by_tanh, lambda z, a: 1 - np.tanh(z / 2) ** 2)
    },
    "softplus, slope exp(-a)": {"softplus": (softplus, lambda z, a: np.exp(-a))},
    "softplus, slope 1 above 5": {
        "softplus": (softplus, lambda z, a: np.where(z > 5, 1.0, sigmoid(z)))
    },
    "tanh, 1 - a": {"tanh": (tanh_by_exp, lambda z, a: 1 - a)},
    "silu, slope from the output without 1 -": {
        "silu": (lambda z: z * sigmoid(z), lambda z, a: a + sigmoid(z))
    },
}
