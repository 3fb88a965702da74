"""Flags: the costs that give differences away, from canned timings."""

from types import SimpleNamespace

import numpy as np
import pytest

import gradcheck
from gradcheck.contract.protocol import Call, Failure, Observation, Request
from gradcheck.execution.calling import Caller
from gradcheck.networks import sampling
from gradcheck.networks.dense_networks import DenseNetworks, NetworkContext
from gradcheck.networks.problem import Network
from gradcheck.networks.sampling import Support, fill
from gradcheck.reading.foreign_call import calmly
from gradcheck.reading.loading import Anywhere
from gradcheck.run.submission import from_object
from gradcheck.run.suspicions import (
    NUMERICAL,
    PROCESSES,
    cost_flags,
    library_flags,
    process_flags,
)
from tests.tiers import telling

PLAN = NetworkContext(tuple(sampling.problem(0, index) for index in range(3)))

#: Seconds that code takes with P parameters and N samples.
COSTS = {
    "matrix code": (lambda P, N: 2e-4 + 1e-8 * P * N, False),
    "scalar loops": (lambda P, N: 2e-4 + 1e-6 * P * N, False),
    "long scalar loops": (lambda P, N: 1e-5 * P * N, False),
    "matrices whose threads wait": (lambda P, N: 1.4e-4 * (9.7 if P > 1000 else 1.0), False),
    "a slow pipe": (lambda P, N: 0.3, False),
    "differences of matrix code": (lambda P, N: 2e-4 + 2 * P * (1e-5 + 1e-9 * P * N), True),
    "differences of scalar loops": (lambda P, N: 2e-4 + 2 * P * 1e-6 * P * N, True),
}


def answered(plan, cost):
    """Drive the questions with answers that took so long."""
    questions = cost_flags(plan)
    try:
        request = next(questions)
        while True:
            problem = request.problem
            seconds = cost(problem.params.size, problem.batch.size)
            request = questions.send(Observation(seconds=seconds))
    except StopIteration as end:
        return end.value


@pytest.mark.parametrize(("cost", "flagged"), COSTS.values(), ids=COSTS)
def test_the_cost_of_differences_is_told_from_that_of_a_backprop(cost, flagged):
    flags = answered(PLAN, cost)
    assert bool(flags) == flagged, f"flags {flags}"
    assert all(flag.kind == NUMERICAL for flag in flags), f"flags {flags}"


def test_one_slow_measurement_is_no_evidence():
    times = iter([1e-4, 1e-2, 1e-4] * 6 + [1e-4] * 100)
    assert answered(PLAN, lambda P, N: next(times)) == [], "flagged after one round"


def test_a_busy_machine_hides_no_differences():
    busy = iter([30.0] * 18)  # a first round in which every call is held up alike
    cost = COSTS["differences of matrix code"][0]
    assert answered(PLAN, lambda P, N: cost(P, N) * next(busy, 1.0)), "not flagged"
    late = iter([1e-2, 2e-2, 2e-2] * 6)  # what is shortest is held up most
    assert answered(PLAN, lambda P, N: next(late, cost(P, N))), "not flagged"


def test_code_for_one_network_or_few_batch_sizes_is_not_timed():
    fixed = Support(networks=(PLAN.problems[0].network,))
    for support in (fixed, Support(batch_sizes=(1,))):
        plan = NetworkContext(PLAN.problems, DenseNetworks(support))
        assert list(cost_flags(plan)) == [], f"timed with {support}"


def test_code_that_cannot_do_the_larger_network_is_not_flagged():
    questions = cost_flags(NetworkContext(PLAN.problems))
    next(questions)
    with pytest.raises(StopIteration) as end:
        questions.send(Observation(failure=Failure("unsupported", "no")))
    assert end.value.value == [], f"flags {end.value.value}"


def test_libraries_and_processes_are_told_by_name_and_number():
    assert library_flags(()) == process_flags(0) == [], "a flag without a reason"
    assert "jax, torch" in library_flags(("jax", "torch"))[0].evidence
    assert "2 processes" in process_flags(2)[0].evidence


NATIVE = """
import numpy as np
{head}
def loss_and_grads(network, params, batch):
    if set(network.activations) != {{"tanh"}} or network.loss != "half_squared_error":
        raise NotImplementedError(str(network))
    {call}
    a = [batch.x]
    for W, b in params:
        a.append(np.tanh(a[-1] @ W + b))
    scale = 1 / len(batch.x) if network.reduction == "mean" else 1.0
    loss = scale * 0.5 * np.sum((a[-1] - batch.y) ** 2)
    loss += 0.5 * network.l2 * sum(np.sum(W * W) for W, _ in params)
    delta = (a[-1] - batch.y) * (1 - a[-1] ** 2)
    grads = []
    for l in reversed(range(len(params))):
        W, b = params[l]
        grads.insert(0, (scale * a[l].T @ delta + network.l2 * W, scale * delta.sum(axis=0)))
        if l:
            delta = (delta @ W.T) * (1 - a[l] ** 2)
    return loss, grads
"""

SLEEP = "subprocess.{how}([sys.executable, '-S', '-c', 'import time; time.sleep({seconds})'])"
HEAD = "import subprocess, sys"

#: What a file does at its head, what in each call, and the flags that it gets.
DOINGS = {
    "a library that looks for fonts while it is imported": (
        f"{HEAD}; {SLEEP.format(how='run', seconds=0.3)}",
        "pass",
        [],
    ),
    "a child that ended at once and was never asked for": (
        f"{HEAD}, os; child = {SLEEP.format(how='Popen', seconds=0)}; "
        "os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)",
        "pass",
        [],
    ),
    "a library that starts one process when it is first used": (
        f"{HEAD}\ndone = []",
        f"if not done: done.append({SLEEP.format(how='run', seconds=0.3)})",
        [],
    ),
    "a process that stays": (
        f"{HEAD}; child = {SLEEP.format(how='Popen', seconds=60)}",
        "pass",
        [PROCESSES],
    ),
    "prints of every weight": (
        "",
        "for W, b in params: print(*(f'{w:.17g}' for w in W.ravel() for _ in range(8)))",
        [],
    ),
}


@pytest.mark.parametrize(("head", "call", "flags"), telling(DOINGS.values()), ids=DOINGS)
def test_a_flag_needs_what_the_code_itself_did_twice_and_without_prints(
    head, call, flags, tmp_path
):
    path = tmp_path / "student.py"
    path.write_text(NATIVE.format(head=head, call=call), encoding="utf-8")
    entry = gradcheck.check(path, seed=1, examples=40).data["implementations"][0]
    assert entry["verdict"] == "correct", f"{entry['error'] or entry['findings']}"
    assert [flag["kind"] for flag in entry["flags"]] == flags, f"flags: {entry['flags']}"


class Talking:
    """Read by an adapter that keeps what is printed to itself."""

    def __init__(self, n_in, n_hidden, n_out):
        self.w1, self.w2 = np.zeros((n_in, n_hidden)), np.zeros((n_hidden, n_out))

    def forward(self, x):
        self.hidden = np.tanh(x @ self.w1)
        return np.tanh(self.hidden @ self.w2)

    def train(self, x, y, rate):
        out = self.forward(x)
        print("weights", self.w1)  # noqa: T201
        delta = (out - y) * (1 - out**2)
        below = delta @ self.w2.T * (1 - self.hidden**2)
        self.w2 -= rate * self.hidden.T @ delta
        self.w1 -= rate * x.T @ below


def _native_that_prints():
    space = {}
    exec(NATIVE.format(head="", call="print('hello')"), space)
    return SimpleNamespace(loss_and_grads=space["loss_and_grads"])


@pytest.mark.parametrize("code", [_native_that_prints(), Talking], ids=["native", "adapted"])
def test_what_code_in_this_process_prints_is_counted(code):
    subject = from_object(code)
    network = Network.parse("2-3-1 tanh,tanh half_squared_error")
    asked = fill(np.random.default_rng(0), network, 2)
    counted = [subject.printed()]
    for _ in range(2):
        subject.session.ask(Request(Call.LOSS_AND_GRADS, asked, fresh=True))
        counted.append(subject.printed())
    assert counted[0] < counted[1] < counted[2], f"counted {counted}"


def test_prints_that_an_adapter_keeps_are_told_to_who_listens_to_the_worker(tmp_path, capfd):
    call = Caller(Anywhere(None), aloud=True)

    def loss_and_grads(network, params, batch):
        with calmly(), calmly():
            print("a secret")  # noqa: T201
        return 0.0, params

    asked = fill(np.random.default_rng(0), Network.parse("2-1 tanh half_squared_error"), 2)
    call.call(SimpleNamespace(loss_and_grads=loss_and_grads), Request(Call.LOSS_AND_GRADS, asked))
    said = capfd.readouterr()
    assert said.err, "nothing is heard of it"
    assert "secret" not in said.err + said.out, said
