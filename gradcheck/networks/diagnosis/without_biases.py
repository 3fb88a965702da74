"""The textbook without biases, where a unit that is always on stands in for them.

What passes through that unit matters to a rule that reads what others have written: weights
that are updated on the way back are those of the code's own, wider network.
"""

from dataclasses import replace

from gradcheck.contract.protocol import BatchLike
from gradcheck.networks.bugs.textbook import Textbook
from gradcheck.networks.diagnosis.diagnosis import Diagnosis
from gradcheck.networks.diagnosis.hypotheses import ACCEPT, Hypothesis, Ranking
from gradcheck.networks.diagnosis.naming import name_fitting, named_bug
from gradcheck.networks.diagnosis.observations import Evidence, unexplained
from gradcheck.networks.diagnosis.probe_setup import Case
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Batch, Floats, Pair
from gradcheck.reading.no_bias import narrow, widen, wider


class Bare(Textbook):
    """A textbook whose code has no biases; it knows no weight penalty."""

    def loss_and_grads(
        self, network: Network, params: list[Pair], batch: BatchLike
    ) -> tuple[float, list[Pair]]:
        """Return the loss and the gradient, read as those of a network with biases."""
        wide, pairs, inside = _widened(network, params, batch)
        loss, grads = super().loss_and_grads(wide, pairs, inside)
        return loss, narrow(network, [dw for dw, _ in grads])

    def step(
        self, network: Network, params: list[Pair], batch: BatchLike, learning_rate: float
    ) -> list[Pair]:
        """Return the parameters after a step that is made by the code's own weights."""
        wide, pairs, inside = _widened(network, params, batch)
        after = super().step(wide, pairs, inside, learning_rate)
        moved = narrow(network, [w - new for (w, _), (new, _) in zip(pairs, after, strict=True)])
        return [(w - dw, b - db) for (w, b), (dw, db) in zip(params, moved, strict=True)]


def _widened(
    network: Network, params: list[Pair], batch: BatchLike
) -> tuple[Network, list[Pair], BatchLike]:
    weights, x = widen(network, params, batch.x)
    wide = Network(
        wider(network.widths), network.activations, network.loss, network.reduction, network.l2
    )
    pairs: list[tuple[Floats, Floats]] = [(w, w[0] * 0.0) for w in weights]
    return wide, pairs, Batch(x, batch.y)


def in_all_layers(
    case: Case, evidence: Evidence, held_out: Evidence, diagnoses: list[Diagnosis]
) -> list[Diagnosis]:
    """Name in every layer what was named in one, if so it is all that is wrong without biases.

    Below the first wrong layer the unit that is always on carries what no place shows.
    """
    if case.network.l2:
        return diagnoses
    for told in diagnoses:
        alike = [d for d in diagnoses if d.name.site == told.name.site and not d.name.bug]
        if not told.name.bug or told.name.layer is None or not alike:
            continue
        bug = named_bug(told)
        left = max(
            unexplained(part, bug.rules, case.noise, simulation=Bare)
            for part in (evidence, held_out)
        )
        if left <= ACCEPT:
            ranking = Ranking([(left, Hypothesis(bug, None, everywhere=True))], [], float("nan"))
            named = name_fitting(ranking, case.network, evidence)
            return [replace(d, recovered=told.recovered) for d in named]
    return diagnoses
