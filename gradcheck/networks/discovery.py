"""What does the code under test handle? Found by probes, one feature at a time.

``NotImplementedError`` means "not supported". First some network is found that the
code answers for; then each activation, pairing of output and loss, reduction, the
weight penalty, each depth and each batch size is varied by itself. Features that
raise something else are left out of the problems too, but are reported.
"""

import statistics
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradcheck.contract.posed import check_size
from gradcheck.contract.protocol import Call, Failure, Observation, Request
from gradcheck.errors import UsageError
from gradcheck.networks import sampling
from gradcheck.networks.definitions import HIDDEN_ACTIVATIONS, PAIRINGS, REDUCTIONS
from gradcheck.networks.problem import Network, Problem
from gradcheck.networks.sampling import EVERYTHING, MAX_DEPTH, Support
from gradcheck.networks.scope import Feature


@dataclass(frozen=True)
class Discovery:
    """What was found.

    Attributes
    ----------
    support : Support
        Empty when nothing can be asked.
    faults : tuple of (Problem, Failure)
        Probes that neither answered nor said "not supported".
    refused : mapping of tuple of str to str
        Features that got no answer when probed by themselves, and why.
    probes : mapping of Problem to tuple of str
        Those that got one, and the feature each was asked for.
    """

    support: Support
    faults: tuple[tuple[Problem, Failure], ...]
    refused: Mapping[Feature, str] = field(default_factory=dict, compare=False)
    probes: Mapping[Problem, Feature] = field(default_factory=dict, compare=False)


Questions = Generator[Request, Observation, Discovery]

NO_SUPPORT = Support((), (), (), False, (), ())

#: Widths of probes by depth: no two neighbours equal, so that a transposed matrix shows.
_WIDTHS = (2, 3, 4, 3, 2, 3)

_BATCH = 3

_REFUSAL = "NotImplementedError"

#: Code is slow when the median of so many probes or more takes longer, in seconds: it compiles
#: each shape, say.
TIMED, SLOW = 5, 0.25

#: After this many failures that are no "not supported", another batch size is tried.
MOST_FAILURES = 40


def declared_support(networks: Any, batch_sizes: Any) -> Support | None:
    """Read the attributes ``networks`` and ``batch_sizes`` of an implementation.

    Parameters
    ----------
    networks, batch_sizes : object
        As they stand in a file; None where they do not.

    Returns
    -------
    Support or None
        None when nothing is declared.

    Raises
    ------
    UsageError
        When they are not a list of network texts and a list of positive int, or too large.
    """
    if networks is None and batch_sizes is None:
        return None
    support = EVERYTHING
    if networks is not None:
        if not isinstance(networks, Sequence) or isinstance(networks, str) or not networks:
            raise UsageError('networks must be a list of texts such as "2-3-1 tanh,sigmoid ..."')
        support = replace(support, networks=tuple(Network.parse(str(text)) for text in networks))
        for network in support.networks:
            check_size(network)
    if batch_sizes is not None:
        sizes = list(batch_sizes) if isinstance(batch_sizes, Sequence) else []
        if not sizes or not all(type(n) is int and n >= 1 for n in sizes):
            raise UsageError("batch_sizes must be a list of whole numbers, each 1 or more")
        support = replace(support, batch_sizes=tuple(sizes))
    return support


def discover(declared: Support | None, only: Network | None, seed: int) -> Questions:
    """Find out what the code handles.

    Parameters
    ----------
    declared : Support or None
        What the code says of itself.
    only : Network or None
        A network that the user wants to be the only one.
    seed : int

    Returns
    -------
    Discovery
    """
    prober = _Prober(seed)
    networks = (only,) if only else declared.networks if declared else ()
    sizes = declared.batch_sizes if declared else EVERYTHING.batch_sizes
    if networks:
        return (yield from _fixed(prober, networks, sizes))
    base = yield from _base(prober, sizes)
    if base is None:
        return prober.found(NO_SUPPORT)
    return (yield from _vary(prober, base, sizes))


class _Prober:
    """Asks one small problem of a network, and remembers what went wrong."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.faults: list[tuple[Problem, Failure]] = []
        self.refused: dict[Feature, str] = {}
        self.probes: dict[Problem, Feature] = {}
        self.seconds: list[float] = []

    @property
    def slow(self) -> bool:
        """Whether a probe takes so long that what follows from others is not asked."""
        return len(self.seconds) >= TIMED and statistics.median(self.seconds) > SLOW

    def found(self, support: Support) -> Discovery:
        """Say what was found."""
        return Discovery(support, tuple(self.faults), self.refused, self.probes)

    def answers(
        self, network: Network, samples: int, feature: Feature = ()
    ) -> Generator[Request, Observation, bool]:
        """Ask one problem; ``feature`` is what it is asked for."""
        rng = np.random.default_rng((self.seed, 7))
        problem = sampling.fill(rng, network, samples)
        observation = yield Request(Call.LOSS_AND_GRADS, problem)
        self.seconds.append(observation.seconds)
        failure = observation.failure
        if failure is None or failure.kind == "contract":
            self.probes[problem] = feature
            return True  # a wrong shape is an answer; the contract check will tell it
        if observation.supported:
            self.faults.append((problem, failure))
        if feature:
            self.refused[feature] = reason(failure)
        return False


def reason(failure: Failure) -> str:
    """Say why there was no answer: the exception's name, and its text after a colon.

    Parameters
    ----------
    failure : Failure

    Returns
    -------
    str
    """
    if failure.kind == "unsupported":
        return unsupported(failure.message)
    return failure.raised or failure.kind


def unsupported(message: str) -> str:
    """Say why there was no answer where the code says that it does not support something.

    Parameters
    ----------
    message : str
        The text of its exception; may be empty.

    Returns
    -------
    str
        ``NotImplementedError: message``, or the name alone.
    """
    return f"{_REFUSAL}: {message}".removesuffix(": ")


def said_by_itself(why: str) -> bool:
    """Whether the code said that it does not support something.

    Parameters
    ----------
    why : str
        Why there was no answer, as :func:`reason` says it.

    Returns
    -------
    bool
    """
    return why.startswith(_REFUSAL)


def _fixed(prober: _Prober, networks: tuple[Network, ...], sizes: tuple[int, ...]) -> Questions:
    """Keep those of the given networks and batch sizes that get an answer."""
    kept_networks: list[Network] = []
    kept_sizes: set[int] = set()
    for network in networks:
        for samples in sizes:
            if (yield from prober.answers(network, samples, ("batch", str(samples)))):
                kept_sizes.add(samples)
                if network not in kept_networks:
                    kept_networks.append(network)
        if network not in kept_networks and prober.refused:
            prober.refused["network", str(network)] = list(prober.refused.values())[-1]
    if not kept_networks:
        return prober.found(NO_SUPPORT)
    support = replace(
        EVERYTHING, networks=tuple(kept_networks), batch_sizes=tuple(sorted(kept_sizes))
    )
    return prober.found(support)


def _network(hidden: Sequence[str], pairing: tuple[str, str], reduction: str) -> Network:
    output, loss = pairing
    return Network(_WIDTHS[: len(hidden) + 2], (*hidden, output), loss, reduction)


def _candidates(samples: int) -> Iterator[Network]:
    """Two layers first, as most code has them; for unusual batch sizes nothing else."""
    usual = samples in (_BATCH, 1, 2)
    for depth in (2, 1, 3, 4, 5) if usual else (2,):
        reductions = REDUCTIONS if usual and depth <= 2 else REDUCTIONS[:1]
        for name in HIDDEN_ACTIVATIONS if depth > 1 else ("",):
            for pairing in PAIRINGS:
                for reduction in reductions:
                    yield _network([name] * (depth - 1), pairing, reduction)


def _base(
    prober: _Prober, sizes: tuple[int, ...]
) -> Generator[Request, Observation, tuple[Network, int] | None]:
    """Find a first network and batch size that get an answer."""
    usual = [n for n in (_BATCH, 1, 2) if n in sizes]
    for samples in (*usual, *(n for n in sizes if n not in usual)):
        before = len(prober.faults)
        if before > MOST_FAILURES and samples not in usual:
            break  # it raises on everything: other batch sizes will not help
        for network in _candidates(samples):
            if (yield from prober.answers(network, samples)):
                return network, samples
            if len(prober.faults) - before > MOST_FAILURES:
                break
    return None


def _vary(prober: _Prober, base: tuple[Network, int], sizes: tuple[int, ...]) -> Questions:
    """Change one feature of a network that gets an answer at a time."""
    network, samples = base
    hidden, output = list(network.activations[:-1]), network.activations[-1]
    pairing, reduction = (output, network.loss), network.reduction
    activations, reductions, depths = [], [], []
    pairings: list[tuple[str, str]] = []
    batches: list[int] = []
    for name in HIDDEN_ACTIVATIONS if hidden else ():
        asked = _network([name] * len(hidden), pairing, reduction)
        if (yield from prober.answers(asked, samples, ("activation", name))):
            activations.append(name)
    for depth in range(1, MAX_DEPTH + 1):
        asked = _network([(hidden or ["sigmoid"])[0]] * (depth - 1), pairing, reduction)
        if (yield from prober.answers(asked, samples, ("depth", str(depth)))):
            depths.append(depth)
    small: list[str] = [] if 1 in depths else hidden  # what follows is not about hidden layers
    for pair in PAIRINGS:
        # both may go with others that were asked: then it is drawn anew if it is refused
        seen = zip(pair, zip(*pairings, strict=True), strict=False)
        follows = prober.slow and bool(pairings) and all(name in names for name, names in seen)
        asked = _network(small, pair, reduction)
        if follows or (yield from prober.answers(asked, samples, ("pairing", *pair))):
            pairings.append(pair)
    for other in REDUCTIONS:
        asked = _network(small, pairing, other)
        if (yield from prober.answers(asked, samples, ("reduction", other))):
            reductions.append(other)
    plain = _network(small, pairing, reduction)
    l2 = yield from prober.answers(replace(plain, l2=0.37), samples, ("l2",))
    ends = (1, 2, max(sizes))
    for n in sorted(sizes, key=lambda n: n not in ends) if prober.slow else sizes:
        follows = prober.slow and {*ends} <= {*batches}
        if follows or (yield from prober.answers(plain, n, ("batch", str(n)))):
            batches.append(n)
    support = Support(
        tuple(activations),
        tuple(pairings),
        tuple(reductions),
        l2,
        tuple(depths),
        tuple(sorted(batches)),
    )
    return prober.found(support)
