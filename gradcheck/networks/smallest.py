"""Small networks in order of size, filled with the short values 1, -1, 1/2, 2, ..."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from gradcheck.networks.definitions import LOSSES
from gradcheck.networks.problem import Batch, Floats, Network, Params, Problem
from gradcheck.networks.sampling import Support

#: Widths in order of size.
WIDTHS: tuple[tuple[int, ...], ...] = (
    (1, 1),
    (2, 1),
    (1, 2),
    (1, 1, 1),
    (2, 2),
    (1, 2, 1),
    (1, 1, 2),
    (2, 1, 1),
    (1, 1, 1, 1),
    (1, 2, 2),
    (2, 2, 1),
    (2, 2, 2),
    (2, 3, 2),
    (1, 2, 2, 1),
    (1, 1, 1, 1, 1),
    (2, 2, 2, 2),
    (1, 1, 1, 1, 1, 1),
)

#: What the entries are made of, in order of preference.
VALUES = (1.0, -1.0, 0.5, 2.0, -0.5, 1.5, -2.0, 0.25, 3.0, -1.5, 0.75)

#: Several tries a network: where in the table its values start, and whether it has biases.
STARTS = ((0, False), (2, False), (5, True))


def problems(support: Support, failing: Sequence[Problem]) -> Iterator[Problem]:
    """Yield small problems within the support, those like the failing ones only.

    Parameters
    ----------
    support : Support
    failing : sequence of Problem
        None larger than the largest of them is yielded.

    Yields
    ------
    Problem
        By parameters times samples, then depth.
    """
    largest = max((p.params.size * p.batch.size for p in failing), default=10**9)
    for network, samples in sorted(_cases(support, failing), key=lambda case: _cost(*case)):
        for start, biased in STARTS:
            problem = _fill(network, samples, start, biased, support.one_hot)
            if problem.params.size * samples <= largest:
                yield problem


def _cases(support: Support, failing: Sequence[Problem]) -> Iterator[tuple[Network, int]]:
    sizes = [n for n in support.batch_sizes if n <= 3] or list(support.batch_sizes[:1])
    if support.networks:
        yield from itertools.product(support.networks, sizes)
        return
    hidden = _common([p.network.activations[:-1] for p in failing], support.activations)
    pairings = _preferred(failing)
    reductions = list(dict.fromkeys(p.network.reduction for p in failing))
    penalties = (0.0,) if any(p.network.l2 == 0 for p in failing) else (0.5,)
    for widths, pairing, reduction, l2 in itertools.product(
        WIDTHS, pairings, reductions[:1], penalties
    ):
        depth = len(widths) - 1
        if depth not in support.depths or (depth > 1 and not hidden):
            continue
        for name in hidden[:4] if depth > 1 else ("",):
            layers = (name,) * (depth - 1)
            network = Network(widths, (*layers, pairing[0]), pairing[1], reduction, l2)
            yield from ((network, samples) for samples in sizes)


def _common(layers: list[tuple[str, ...]], supported: tuple[str, ...]) -> list[str]:
    """Order hidden activations by how often they occur where the bug shows."""
    counts = {name: sum(name in each for each in layers) for name in supported}
    present = [name for name in supported if counts[name]]
    return sorted(present or supported, key=lambda name: -counts[name])


def _preferred(failing: Sequence[Problem]) -> list[tuple[str, str]]:
    """Order the outputs and losses with which the bug shows: simple ones first."""
    order = {name: rank for rank, name in enumerate(("identity", "sigmoid", "tanh"))}
    seen = dict.fromkeys((p.network.activations[-1], p.network.loss) for p in failing)
    losses = list(LOSSES)
    return sorted(seen, key=lambda pair: (order.get(pair[0], 9), losses.index(pair[1])))[:4]


def _cost(network: Network, samples: int) -> tuple[int, int]:
    parameters = sum((n_in + 1) * n_out for n_in, n_out in network.shapes)
    return parameters * samples, network.depth


def _fill(network: Network, samples: int, start: int, biased: bool, one_hot: bool) -> Problem:
    values = itertools.islice(itertools.cycle(VALUES), start, None)

    def take(*shape: int) -> Floats:
        count = int(np.prod(shape))
        return np.array(list(itertools.islice(values, count))).reshape(shape)

    x = take(samples, network.widths[0])
    pairs = [
        (take(n_in, n_out), take(n_out) if biased else np.zeros(n_out))
        for n_in, n_out in network.shapes
    ]
    width, wanted = network.widths[-1], LOSSES[network.loss].targets
    if wanted == "one_hot" or one_hot:
        y = np.eye(width)[np.arange(samples) % width]
    elif wanted == "binary":
        y = (np.arange(samples * width).reshape(samples, width) % 2).astype(float)
    else:
        y = take(samples, width)
    return Problem(network, Params(pairs), Batch(x, y))
