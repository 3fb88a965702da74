"""Flags: the costs that give differences away, from canned timings."""

import pytest

import gradcheck
from gradcheck import sampling
from gradcheck.flags import NUMERICAL, PROCESSES, cost_flags, library_flags, process_flags
from gradcheck.plan import Plan
from gradcheck.protocol import Failure, Observation
from gradcheck.sampling import EVERYTHING, Support

PLAN = Plan(tuple(sampling.problem(0, index) for index in range(3)))

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
        assert list(cost_flags(Plan(PLAN.problems, support))) == [], f"timed with {support}"


def test_code_that_cannot_do_the_larger_network_is_not_flagged():
    questions = cost_flags(Plan(PLAN.problems, EVERYTHING))
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
        "for W, b in params: print(*(f'{w:.17g}' for w in W.ravel() for _ in range(20)))",
        [],
    ),
}


@pytest.mark.parametrize(("head", "call", "flags"), DOINGS.values(), ids=DOINGS)
def test_a_flag_needs_what_the_code_itself_did_twice_and_without_prints(
    head, call, flags, tmp_path
):
    path = tmp_path / "student.py"
    path.write_text(NATIVE.format(head=head, call=call), encoding="utf-8")
    entry = gradcheck.check(path, seed=1, examples=40).data["implementations"][0]
    assert entry["verdict"] == "correct", f"{entry['error'] or entry['findings']}"
    assert [flag["kind"] for flag in entry["flags"]] == flags, f"flags: {entry['flags']}"
