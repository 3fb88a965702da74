"""The network that a diagnosis is made on, and problems made to tell bugs apart.

Values are not short here: on generic numbers two different formulas never agree by
chance. Pre-activations spread to about 2.5, where derivatives have curvature; no
bias is zero, no two rows are equal, and the residual is not small.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradcheck.contract.protocol import Call, Request
from gradcheck.networks.bugs.textbook import Textbook
from gradcheck.networks.definitions import LOSSES, evaluate
from gradcheck.networks.dense_networks import NetworkContext
from gradcheck.networks.diagnosis.observations import SAME, Observations
from gradcheck.networks.problem import Batch, Floats, Network, Params, Problem
from gradcheck.networks.sampling import targets
from gradcheck.networks.scope import Asking
from gradcheck.oracle.estimate import UNIT

#: How often another draw is tried where a layer is dead.
DRAWS_WHERE_DEAD = 12

#: Largest |z| of a probe.
LARGEST_PROBE_Z = 2.5


def probe(network: Network, samples: int, seed: Sequence[int], one_hot: bool = False) -> Problem:
    """Make a problem of generic values on which every layer is alive.

    Where the code takes labels, targets are ``one_hot`` rows whatever the loss.
    """
    for attempt in range(DRAWS_WHERE_DEAD):
        problem = _draw(network, samples, np.random.default_rng([*seed, attempt]), one_hot)
        if alive(problem):
            break
    return problem


def alive(problem: Problem) -> bool:
    """Whether every tensor gets some gradient: no layer of relu is dead."""
    _, grads = Textbook().loss_and_grads(problem.network, problem.params.copies(), problem.batch)
    sizes = [float(np.abs(db).max()) for _, db in grads]
    return min(sizes) > 1e-6 * max(sizes)


def _draw(network: Network, samples: int, rng: np.random.Generator, one_hot: bool) -> Problem:
    x = rng.standard_normal((samples, network.widths[0]))
    pairs: list[tuple[Floats, Floats]] = []
    a = x
    for layer, (n_in, n_out) in enumerate(network.shapes, start=1):
        w = rng.standard_normal((n_in, n_out)) * 1.2
        b = rng.uniform(0.2, 0.7, n_out) * rng.choice((-1.0, 1.0), n_out)
        largest = float(np.abs(a @ w + b).max())
        if largest > LARGEST_PROBE_Z:
            w, b = w * LARGEST_PROBE_Z / largest, b * max(LARGEST_PROBE_Z / largest, 0.3)
        pairs.append((w, b))
        part = Network(network.widths[: layer + 1], network.activations[:layer], "squared_error")
        a = evaluate(part, pairs, x).a[-1]
    return Problem(network, Params(pairs), Batch(x, _targets(rng, network, a, one_hot)))


def _targets(
    rng: np.random.Generator, network: Network, outputs: Floats, one_hot: bool = False
) -> Floats:
    """Targets that leave a residual of order one, whatever the outputs."""
    if one_hot or LOSSES[network.loss].targets != "real":
        return targets(rng, network, len(outputs), one_hot)
    shift = rng.uniform(0.3, 1.3, outputs.shape) * rng.choice((-1.0, 1.0), outputs.shape)
    shifted: Floats = outputs + shift
    return shifted


def other_targets(problem: Problem, seed: int) -> Problem:
    """The same point with other targets: only what depends on the residual changes."""
    rng = np.random.default_rng((seed, 11))
    run = evaluate(problem.network, problem.params.pairs, problem.batch.x)
    y = _targets(rng, problem.network, run.a[-1])
    if LOSSES[problem.network.loss].targets == "one_hot" or _labels(problem.batch.y):
        y = np.roll(problem.batch.y, 1, axis=1)
    elif LOSSES[problem.network.loss].targets == "binary":
        y = 1.0 - problem.batch.y
    return replace(problem, batch=Batch(problem.batch.x, y))


def _labels(y: Floats) -> bool:
    """Whether every row is one-hot: then it may have to be."""
    return bool(np.isin(y, (0.0, 1.0)).all() and (y.sum(axis=1) == 1.0).all())


def other_weights_above(problem: Problem, layer: int, seed: int) -> Problem:
    """The same point up to a layer's z, with other weights and biases above it."""
    rng = np.random.default_rng((seed, 13))
    pairs = problem.params.copies()
    for above in range(layer, len(pairs)):
        w, b = pairs[above]
        pairs[above] = (
            w * rng.uniform(0.6, 1.4, w.shape) + 0.1 * rng.standard_normal(w.shape),
            b + 0.1 * rng.standard_normal(b.shape),
        )
    moved = Problem(problem.network, Params(pairs), problem.batch)
    return other_targets(moved, seed)


#: Learning rates of probing steps: no fraction that anything else has.
PROBE_RATES = (0.173, 0.37)

#: Networks tried in search of one on which every layer gets some gradient.
NETWORKS_TRIED = 10

#: No more samples are asked for, where others can be had.
LARGEST_PROBE_BATCH = 64

#: Failing problems that are asked again.
FAILING_AGAIN = 3


@dataclass(frozen=True)
class ProbeSetup:
    """The network a diagnosis is made on, and how the code computes.

    ``calls`` are gradients, or steps where only those are wrong. They are ``repeated``, with others
    of the same shape in between, where something is kept between calls. ``one_hot`` code takes
    labels for targets. ``sizes`` of batches are one sample if it can be had, then several;
    ``held_out`` those of problems that nothing is chosen on. ``noise`` is the relative roundoff
    that is held against no hypothesis, ``tolerance`` that of vectors recovered from gradients.
    """

    network: Network
    calls: tuple[Call, ...]
    repeated: bool
    one_hot: bool = False
    sizes: tuple[int, ...] = ()
    held_out: tuple[int, ...] = ()
    noise: float = 1e-13
    tolerance: float = SAME

    def probe(self, samples: int, seed: Sequence[int]) -> Problem:
        """Make a problem to ask about."""
        return probe(self.network, samples, seed, self.one_hot)


def make_setup(context: NetworkContext, bad: Collection[str], failing: list[Problem]) -> ProbeSetup:
    """Choose the network that tells most, among those on which something is wrong.

    ``bad`` are the checks that are wrong, ``failing`` the problems on which they are.
    """
    ordered = sorted(dict.fromkeys(p.network for p in failing), key=_preference, reverse=True)
    network = next((n for n in ordered[:NETWORKS_TRIED] if alive(probe(n, 1, (0,)))), ordered[0])
    one_hot = context.subject.support.one_hot
    setup = ProbeSetup(network, _calls(context, bad), "purity" in bad, one_hot)
    setup = on(context, setup, network)
    return setup if context.arithmetic.unit == UNIT else loosened(setup)


def on(context: NetworkContext, setup: ProbeSetup, network: Network) -> ProbeSetup:
    """Ask about another network.

    More samples than a layer has inputs do not give away what each was told, and of one number of
    samples alone two divisors are one.
    """
    supported = context.subject.support.batch_sizes
    several = [n for n in supported if n > 1]
    first = min(
        [n for n in several if n <= min(network.widths[:-1])] or several,
        key=lambda n: abs(n - 4),
        default=1,
    )
    others = [n for n in several if n != first and n <= LARGEST_PROBE_BATCH]
    others.sort(key=lambda n: (abs(n - first), -n))
    one = (1,) if 1 in supported and several else ()
    sizes = (*one, first, *others[:1])[:2]
    held_out = (*one, *others, first)[:2] if one else (first, *others[1:2], *others[:1])[:2]
    return replace(setup, network=network, sizes=sizes, held_out=held_out)


def loosened(setup: ProbeSetup) -> ProbeSetup:
    """Allow for what float32 arithmetic costs."""
    return replace(setup, noise=3e-6, tolerance=1e-3)


def _calls(context: NetworkContext, bad: Collection[str]) -> tuple[Call, ...]:
    """Ask for gradients; for steps where only those are wrong; for both of state."""
    if "step" in bad and not {"gradient", "contract", "loss", "purity"} & set(bad):
        return (Call.STEP,)
    if "purity" in bad and Call.STEP in context.offers:
        return (Call.LOSS_AND_GRADS, Call.STEP)
    return (Call.LOSS_AND_GRADS,)


def _preference(network: Network) -> tuple[int, int, int]:
    """Prefer three layers, distinct widths and curved activations."""
    flat = sum(name in ("identity", "relu", "leaky_relu") for name in network.activations)
    size = sum(network.widths)
    return 3 * min(network.depth, 3) + len(set(network.widths)) - flat, min(network.widths), -size


def probes(setup: ProbeSetup, seed: int) -> tuple[Request, ...]:
    """Make the questions: held-out ones have other values and, for several, another N."""
    sizes = setup.held_out if seed else setup.sizes
    problems = [setup.probe(samples, (seed, i, 5)) for i, samples in enumerate(sizes)]
    if setup.repeated:  # what is kept shows when other numbers of the same shape come next
        others = [setup.probe(p.batch.size, (seed, i, 6)) for i, p in enumerate(problems)]
        problems = [*problems, *others, *problems, problems[0]]
    return _asking(setup, problems)


def again(setup: ProbeSetup, failing: list[Problem]) -> tuple[Request, ...]:
    """Ask the failing problems of a network again, of code that has kept nothing."""
    return _asking(setup, [p for p in failing if p.network == setup.network][:FAILING_AGAIN])


def _asking(setup: ProbeSetup, problems: list[Problem]) -> tuple[Request, ...]:
    requests = [
        Request(
            call,
            problem,
            learning_rate=PROBE_RATES[index % 2] if call is Call.STEP else 0.0,
            fresh=setup.repeated,
        )
        for call in setup.calls  # one after the other: who reuses arrays does so in one function
        for index, problem in enumerate(problems)
    ]
    requests[0] = replace(requests[0], anew=True)  # a simulation knows of no earlier calls
    return tuple(requests)


def gather(requests: tuple[Request, ...]) -> Asking[Observations]:
    """Ask, and set the answers beside the right ones; what is not supported is left out."""
    answers = []
    for request in requests:
        answers.append((yield request))
    kept = tuple(r for r, answer in zip(requests, answers, strict=True) if answer.supported)
    supported = tuple(answer for answer in answers if answer.supported)
    return Observations(kept, supported)
