"""What is asked of code in another process, and how its end is heard."""

import numpy as np
import pytest

from gradcheck.contract.protocol import Call, Request
from gradcheck.execution.limits import Limits, WorkerLostError
from gradcheck.networks import sampling
from gradcheck.networks.problem import Network

PROBLEM = sampling.fill(
    np.random.default_rng(0), Network.parse("2-3-1 tanh,sigmoid squared_error"), 4
)
GRADIENT = Request(Call.LOSS_AND_GRADS, PROBLEM)

#: For code that never comes back; everything else has time, however busy the machine is.
SHORT = Limits(call_timeout=1.0, timeout=3.0)
PATIENT = Limits(call_timeout=60.0, timeout=180.0)

#: Code that counts its calls, and returns their number as the loss.
COUNTING = """
    calls = 0

    def loss_and_grads(network, params, batch):
        global calls
        calls += 1
        return float(calls), [(+W, +b) for W, b in params]
"""


def lost(session, request=GRADIENT):
    with pytest.raises(WorkerLostError) as end:
        session.ask(request)
    return end.value
