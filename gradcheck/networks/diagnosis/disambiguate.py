"""Bugs that are one function on one network, told apart on another.

Where the code handles several networks, each bug of a class is simulated on the others,
which costs no call; then the code is asked on the one where they differ most.
"""

from collections.abc import Generator, Iterable
from dataclasses import replace

import numpy as np

from gradcheck.contract.protocol import Observation, Request
from gradcheck.networks.diagnosis.hypotheses import ACCEPT, Hypothesis, Ranking
from gradcheck.networks.diagnosis.observations import numbers, simulate, unexplained
from gradcheck.networks.diagnosis.probe_setup import Case, gather, probes
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Floats

#: Networks asked on, and networks simulated in search of them.
ROUNDS = 3
SEARCHED = 40


def separate(
    case: Case, networks: Iterable[Network], ranking: Ranking
) -> Generator[Request, Observation, Ranking]:
    """Drop from a class what another network shows it not to be.

    Parameters
    ----------
    networks : iterable of Network
        That the code handles.
    """
    fitting = ranking.fitting
    others = [n for n in dict.fromkeys(networks) if n != case.network][:SEARCHED]
    for _ in range(ROUNDS):
        members = [_elsewhere(h, case.network) for _, h in fitting]
        if len({h.bug.slug for h in members}) < 2:
            break
        groups = {n: _groups(replace(case, network=n), members) for n in others}
        best = max(others, key=lambda n: groups[n], default=None)
        if best is None or groups[best] < 2:
            break
        others.remove(best)
        there = replace(case, network=best)
        evidence = yield from gather(probes(there, 0))
        kept = [
            told
            for told, h in zip(fitting, members, strict=True)
            if unexplained(evidence, h.rules(), case.noise) <= ACCEPT
        ]
        fitting = kept or fitting
    return replace(ranking, fitting=fitting)


def _elsewhere(hypothesis: Hypothesis, network: Network) -> Hypothesis:
    """A bug in the only layer where it can be is a bug wherever it can be."""
    alone = len(hypothesis.bug.layers(network)) == 1
    return replace(hypothesis, layer=None, everywhere=True) if alone else hypothesis


def _applies(hypothesis: Hypothesis, network: Network) -> bool:
    return hypothesis.everywhere or hypothesis.layer in hypothesis.bug.layers(network)


def _groups(case: Case, members: list[Hypothesis]) -> int:
    """Count how many different answers the members give on a network; 0 if one has no place."""
    if not all(_applies(h, case.network) for h in members):
        return 0
    request = probes(case, 0)[-1]
    different: list[Floats] = []
    for hypothesis in members:
        answer = simulate(hypothesis.rules(), (request,))[0]
        row = numbers(request, answer) if answer.failure is None else np.zeros(0)
        if not any(_alike(row, other, case.tolerance) for other in different):
            different.append(row)
    return len(different)


def _alike(one: Floats, two: Floats, tolerance: float) -> bool:
    if one.shape != two.shape:
        return False
    size = max(float(np.linalg.norm(one)), float(np.linalg.norm(two)))
    return bool(float(np.linalg.norm(one - two)) <= tolerance * size)
