"""The benchmark's own parts: everybody is given the same work, and judged alike."""

import numpy as np
import pytest

from benchmarks import cold_start
from benchmarks.against import ours, scipy_peer
from benchmarks.against.work import NETWORKS, flat, implementation, pairs_of, problem_for
from gradcheck.networks.problem import Network

PROBLEM = problem_for("6-4-3 tanh,softmax cross_entropy", seed=3)


def claim():
    arguments = (PROBLEM.network, PROBLEM.params.copies(), PROBLEM.batch)
    return implementation().loss_and_grads(*arguments)[1]


@pytest.mark.parametrize("text", [*NETWORKS, "3-1 identity squared_error"])
def test_a_flat_vector_is_read_back_as_it_was_written(text):
    network = Network.parse(text)
    rng = np.random.default_rng(0)
    pairs = [(rng.standard_normal(s), rng.standard_normal(s[1])) for s in network.shapes]
    for (w, b), (w_read, b_read) in zip(pairs, pairs_of(flat(pairs), network), strict=True):
        assert np.array_equal(w, w_read), f"{text}: W came back changed"
        assert np.array_equal(b, b_read), f"{text}: b came back changed"


@pytest.mark.parametrize(("peer", "name"), [(ours, ours.VERDICT), (scipy_peer, scipy_peer.CHECK)])
def test_a_right_claim_is_accepted_and_a_wrong_one_refused(peer, name):
    assert peer.checker(name, PROBLEM, claim())() is True, f"{name} refuses a right gradient"
    wrong = [(1.5 * dw, db) for dw, db in claim()]
    assert peer.checker(name, PROBLEM, wrong)() is False, f"{name} accepts a wrong gradient"


def test_the_phases_of_a_check_are_measured(write, capsys):
    cold_start.show_phases(write(cold_start.RIGHT), rounds=1)
    told = capsys.readouterr().out
    for phase in ("import gradcheck", cold_start.MEANING["problems"]):
        assert phase in told, f"nothing says how long it takes to {phase}: {told}"
