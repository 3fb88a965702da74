"""Hypothesis strategies over the same tables as :mod:`gradcheck.networks.sampling`.

A structure that Hypothesis chooses and shrinks (widths, activations, loss, batch),
filled with values drawn from a seed that it chooses too.
"""

import numpy as np
from hypothesis import strategies as st

from gradcheck.networks.problem import Network, Problem
from gradcheck.networks.sampling import (
    EVERYTHING,
    L2_VALUES,
    MAX_WIDTH,
    PROBLEM_KINDS,
    Support,
    fill,
)


@st.composite
def networks(draw: st.DrawFn, support: Support = EVERYTHING) -> Network:
    """Draw a network that the support allows; shrinks towards a single layer of width 1."""
    if support.networks:
        return draw(st.sampled_from(support.networks))
    depths = [d for d in support.depths if d == 1 or support.activations]
    depth = draw(st.sampled_from(sorted(depths)))
    width = st.integers(1, MAX_WIDTH)
    square = st.integers(1, 5).map(lambda n: [n] * (depth + 1))  # fewest choices: simplest
    widths = draw(st.one_of(st.lists(width, min_size=depth + 1, max_size=depth + 1), square))
    hidden = [draw(st.sampled_from(support.activations)) for _ in range(depth - 1)]
    output, loss = draw(st.sampled_from(support.pairings))
    reduction = draw(st.sampled_from(support.reductions))
    l2 = draw(st.sampled_from(L2_VALUES)) if support.l2 else 0.0
    return Network(tuple(widths), (*hidden, output), loss, reduction, l2)


@st.composite
def problems(draw: st.DrawFn, support: Support = EVERYTHING) -> Problem:
    """Draw a problem with every ``|z| <= 8``; shrinks towards few samples and layers."""
    network = draw(networks(support))
    samples = draw(st.sampled_from(sorted(support.batch_sizes)))
    kind = draw(st.sampled_from(list(PROBLEM_KINDS)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return fill(rng, network, samples, kind)
