"""A network named without mean or sum: the code's numbers say which, or it is asked for."""

import pytest

from tests.reading.conftest import wrong_checks
from tests.tiers import sampled

pytestmark = pytest.mark.slow  # each starts a worker, or several

CODE = """\
import numpy as np


def outcome(W1, b1, W2, b2, x):
    h = np.tanh(x @ W1 + b1)
    return h, h @ W2 + b2


def cost(params, x, y):
    (W1, b1), (W2, b2) = params
    _, a = outcome(W1, b1, W2, b2, x)
    return LOSS


def slopes(params, x, y):
    (W1, b1), (W2, b2) = params
    h, a = outcome(W1, b1, W2, b2, x)
    d = (a - y)SHARE
    dh = d @ W2.T * SLOPE
    return [(x.T @ dh, dh.sum(axis=0)), (h.T @ d, d.sum(axis=0))]
"""

DECLARATION = """\
from gradcheck.adapters import Declaration

declaration = Declaration(
    network="3-4-2 tanh,identity half_squared_error",
    gradients=lambda code, params, x, y: code.slopes(params, x, y),
    LOSS
)
"""

SUM = "0.5 * np.sum((a - y) ** 2)"
MEAN = SUM + " / len(x)"
RIGHT_SLOPE = "(1 - h**2)"


def code(loss=SUM, share="", slope=RIGHT_SLOPE):
    return CODE.replace("LOSS", loss).replace("SHARE", share).replace("SLOPE", slope)


def declared(loss=True):
    return DECLARATION.replace(
        "LOSS", "loss=lambda code, params, x, y: code.cost(params, x, y)," if loss else ""
    )


@pytest.mark.parametrize(
    ("text", "with_loss", "told"),
    [
        (code(SUM, ""), True, "sum is not declared, as its loss says"),
        (code(MEAN, " / len(x)"), True, "mean is not declared, as its loss says"),
        (code(SUM, ""), False, "sum is not declared, as its gradient says"),
        (code(MEAN, " / len(x)"), False, "mean is not declared, as its gradient says"),
    ],
    ids=["sum", "mean", "sum without a loss", "mean without a loss"],
)
def test_the_reduction_of_right_code_is_settled_by_its_numbers(examined, text, with_loss, told):
    entry = examined(text, declaration=declared(with_loss))
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert any(told in note for note in entry["notes"]), entry["notes"]


@pytest.mark.usefixtures("undiagnosed")
@pytest.mark.parametrize(
    ("text", "with_loss"),
    sampled(
        [
            (code(MEAN, ""), True),
            (code(SUM, " / len(x)"), True),
            (code(SUM, "", "(1 - h)"), True),
            (code(SUM, "", "(1 - h)"), False),
            (code(MEAN, " / len(x)", "1"), False),
            (code(MEAN.replace("0.5", "0.7"), " / len(x)", "1"), True),
        ]
    ),
    ids=sampled(
        ["mean forgotten", "mean of a sum", "slope", "slope, no loss", "no slope", "loss too"]
    ),
)
def test_wrong_code_is_wrong_by_the_reduction_that_it_has(examined, text, with_loss):
    entry = examined(text, declaration=declared(with_loss))
    assert entry["verdict"] == "wrong", f"{entry['error']}, {entry['notes']}"


def test_a_mean_that_the_gradient_forgets_is_named_where_the_loss_says_mean(examined):
    entry = examined(code(MEAN, ""), declaration=declared())
    assert "gradient" in wrong_checks(entry)
    assert entry["diagnoses"][0]["bug"] == "batch_mean_missing"


@pytest.mark.usefixtures("undiagnosed")
def test_a_loss_that_is_none_known_tells_by_its_samples(examined):
    entry = examined(code(SUM.replace("0.5", "0.7"), ""), declaration=declared())
    assert set(wrong_checks(entry)) == {"loss"}, wrong_checks(entry)
    assert any("sum is not declared, as its losses of a batch" in n for n in entry["notes"])


def test_what_the_numbers_do_not_tell_is_asked_for(examined):
    entry = examined(code(share=" * (1 + len(x) ** 2)", slope="1"), declaration=declared(False))
    assert entry["error"]["kind"] == "unsupported", entry["verdict"]
    assert (
        "the network '3-4-2 tanh,identity half_squared_error' says neither mean nor sum"
        in entry["error"]["message"]
    )
    assert "write '3-4-2 tanh,identity half_squared_error mean' or" in entry["error"]["message"]


FUNCTIONS = """\
import numpy as np


def gradients(X, y, W1, b1, W2, b2):
    h = np.tanh(X @ W1 + b1)
    a = h @ W2 + b2
    d = a - y
    dh = d @ W2.T * (1 - h**2)
    return X.T @ dh, dh.sum(axis=0), h.T @ d, d.sum(axis=0)
"""


def test_a_network_of_the_command_line_leaves_the_reduction_to_the_numbers_too(examined):
    entry = examined(FUNCTIONS, network="3-4-2 tanh,identity half_squared_error")
    assert entry["verdict"] == "correct", f"{entry['error']}, {wrong_checks(entry)}"
    assert any("sum is not declared" in note for note in entry["notes"]), entry["notes"]
    said = examined(FUNCTIONS, network="3-4-2 tanh,identity half_squared_error mean")
    assert said["verdict"] == "wrong", "what is said is held against the code"
