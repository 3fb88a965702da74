"""Numbers of a stranger's code overflow ours: that is meant, and nobody is warned of it."""

import warnings

import numpy as np
import pytest

import gradcheck
from gradcheck.networks.bugs.textbook import RULES, Textbook, only_in
from tests.tiers import sampled, telling


def _times(rule, factor):
    return {rule: lambda p, *at: RULES[rule](p, *at) * factor}


def _now_and_then(p):
    return [(dw + np.where(dw > 0.1, np.inf, 0.0), db) for dw, db in RULES["returned"](p)]


OVERFLOWS = {
    "a gradient of 1e200": _times("weight_product", 1e200),
    "a gradient of 1e308": _times("weight_product", 1e308),
    "biases of 1e170": _times("bias_sum", 1e170),
    "deltas of 1e160": _times("propagate", 1e160),
    "an infinite delta in layer 1": only_in(1, _times("propagate", np.inf)),
    "a delta that is no number": _times("activation_derivative", np.nan),
    "infinite where it is large": {"returned": _now_and_then},
    "infinite tensors": {"returned": lambda p: [(w + np.inf, b) for w, b in p.pairs]},
    "a loss of 1e300": _times("loss", 1e300),
    "an infinite loss": _times("loss", np.inf),
    "an exponential": {"activation_derivative": lambda p, at: np.exp(np.exp(9 * p.z[at]))},
    "a reciprocal of nothing": {"scale": lambda p: 1.0 / np.float64(len(p.y) - 1)},
    "steps of 1e200": {"update": lambda p, g: [(w * 1e200, b) for w, b in p.pairs]},
    "numbers too small to be squared": _times("weight_product", 1e-200),
}


class Code(Textbook):
    """What this code itself is warned of is its own."""

    networks = ("3-4-3-2 tanh,sigmoid,identity half_squared_error mean l2=0.1",)


@pytest.mark.parametrize("rules", telling(sampled(OVERFLOWS.values())), ids=sampled(OVERFLOWS))
def test_no_warning_of_ours_reaches_the_user(rules):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        record = gradcheck.check(Code(rules), examples=25, seed=1)
    verdict = record.data["implementations"][0]["verdict"]
    assert verdict in ("wrong", "error"), f"the verdict is {verdict}"
