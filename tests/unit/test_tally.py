"""What is said of many judgements together is true of each."""

import pytest

from gradcheck.comparison.compare import Judgement
from gradcheck.comparison.verdict import Verdict
from gradcheck.networks.aggregate import Aggregate
from gradcheck.networks.network import Network
from gradcheck.networks.sampling import Support, problem

ONE = problem(1, 0, Support(networks=(Network.parse("2-2 tanh half_squared_error"),)))


def judgement(tensor, verdict, claimed, *, all_zero):
    return Judgement(
        tensor, verdict, (0,) * (2 - (tensor[0] == "b")), claimed, 1.0, 1e-9, 1e-9, 2.0,
        all_zero=all_zero,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([], True),
        ([judgement("W1", Verdict.CORRECT, 1.0, all_zero=False)], False),
        ([judgement("W1", Verdict.WRONG, 0.0, all_zero=False)], False),
    ],
)
def test_a_tensor_that_is_trained_anywhere_is_not_called_never_trained(others, said):
    tally = Aggregate()
    for each in [judgement("W1", Verdict.WRONG, 0.0, all_zero=True), *others]:
        tally.add(ONE, [each, judgement("b1", Verdict.CORRECT, 1.0, all_zero=False)])
    message = tally.finding("gradient", "right.", "wrong:").message
    assert ("never trained" in message) == said, message
