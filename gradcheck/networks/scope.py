"""What code handles, found by probes; what a verdict covers, what it does not, and why.

``NotImplementedError`` means "not supported". First some network is found that the code answers
for; then each activation, pairing of output and loss, reduction, the weight penalty, each depth
and each batch size is varied by itself. Features that raise something else are left out of the
problems too, but are reported.

A scope is read off the problems that were compared, not off what might have been drawn.
"""

import itertools
import re
import statistics
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from gradcheck.contract.protocol import REFUSAL, Call, Failure, Observation, Request
from gradcheck.networks.definitions import (
    ACTIVATIONS,
    HIDDEN_ACTIVATIONS,
    LOSSES,
    PAIRINGS,
    REDUCTIONS,
)
from gradcheck.networks.problem import Network, Problem
from gradcheck.networks.sampling import EVERYTHING, MAX_DEPTH, Support, fill

#: What can be refused: ("activation", "relu"), ("pairing", "relu", "squared_error"),
#: ("reduction", "sum"), ("l2",), ("depth", "3"), ("batch", "5"), ("network", its text),
#: ("sizes", "2-3-1"), ("combination", a network's text), ("function", "forward"),
#: ("far out", "batch 33").
Feature = tuple[str, ...]

T = TypeVar("T")

#: What asks the code, and returns a T in the end.
Asking = Generator[Request, Observation, T]

NO_SUPPORT = Support((), (), (), False, (), ())

#: Widths of probes by depth: no two neighbours equal, so that a transposed matrix shows.
_WIDTHS = (2, 3, 4, 3, 2, 3)

#: Batches that most code takes, the best first.
_USUAL_BATCHES = (3, 1, 2)

#: Code is slow when the median of so many probes or more takes longer, in seconds: it compiles
#: each shape, say.
TIMED, SLOW = 5, 0.25

#: After this many failures that are no "not supported", another batch size is tried.
MOST_FAILURES = 40


@dataclass(frozen=True)
class Discovery:
    """What was found.

    The support is empty when nothing can be asked. ``faults`` are probes that neither answered nor
    said "not supported"; ``refused`` are features that got no answer when probed by themselves, and
    why; ``probes`` those that got one, and the feature each was asked for.
    """

    support: Support
    faults: tuple[tuple[Problem, Failure], ...]
    refused: Mapping[Feature, str] = field(default_factory=dict, compare=False)
    probes: Mapping[Problem, Feature] = field(default_factory=dict, compare=False)


def discover(declared: Support | None, only: Network | None, seed: int) -> Asking[Discovery]:
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
        support = yield from _fixed(prober, networks, sizes)
    else:
        base = yield from _base(prober, sizes)
        support = (yield from _vary(prober, *base, sizes)) if base else NO_SUPPORT
    return Discovery(support, tuple(prober.faults), prober.refused, prober.probes)


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

    def answers(self, network: Network, samples: int, feature: Feature = ()) -> Asking[bool]:
        """Ask one problem; ``feature`` is what it is asked for."""
        problem = fill(np.random.default_rng((self.seed, 7)), network, samples)
        observation = yield Request(Call.LOSS_AND_GRADS, problem)
        self.seconds.append(observation.seconds)
        failure = observation.failure
        if failure is None or failure.kind == "contract":
            self.probes[problem] = feature
            return True  # a wrong shape is an answer; the contract check will tell it
        if observation.supported:
            self.faults.append((problem, failure))
        if feature:
            self.refused[feature] = failure.reason
        return False

    def answered(
        self, kind: str, asked: Mapping[T, Network], samples: int
    ) -> Asking[tuple[T, ...]]:
        """Ask a network for each value of a feature, and keep those that get an answer."""
        kept = []
        for value, network in asked.items():
            if (yield from self.answers(network, samples, (kind, str(value)))):
                kept.append(value)
        return tuple(kept)


def _fixed(prober: _Prober, networks: Sequence[Network], sizes: Sequence[int]) -> Asking[Support]:
    """Keep those of the given networks and batch sizes that get an answer."""
    kept: dict[Network, None] = {}
    kept_sizes: set[int] = set()
    for network in networks:
        for samples in sizes:
            if (yield from prober.answers(network, samples, ("batch", str(samples)))):
                kept_sizes.add(samples)
                kept[network] = None
        if network not in kept and prober.refused:
            prober.refused["network", str(network)] = list(prober.refused.values())[-1]
    if not kept:
        return NO_SUPPORT
    return replace(EVERYTHING, networks=tuple(kept), batch_sizes=tuple(sorted(kept_sizes)))


def _network(hidden: Sequence[str], pairing: tuple[str, str], reduction: str) -> Network:
    output, loss = pairing
    return Network(_WIDTHS[: len(hidden) + 2], (*hidden, output), loss, reduction)


def _candidates(samples: int) -> Iterator[Network]:
    """Two layers first, as most code has them; for unusual batch sizes nothing else."""
    usual = samples in _USUAL_BATCHES
    for depth in (2, 1, 3, 4, 5) if usual else (2,):
        reductions = REDUCTIONS if usual and depth <= 2 else REDUCTIONS[:1]
        for name in HIDDEN_ACTIVATIONS if depth > 1 else ("",):
            for pairing in PAIRINGS:
                for reduction in reductions:
                    yield _network([name] * (depth - 1), pairing, reduction)


def _base(prober: _Prober, sizes: Sequence[int]) -> Asking[tuple[Network, int] | None]:
    """Find a first network and batch size that get an answer."""
    usual = [n for n in _USUAL_BATCHES if n in sizes]
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


def _vary(prober: _Prober, network: Network, samples: int, sizes: Sequence[int]) -> Asking[Support]:
    """Change one feature of a network that gets an answer at a time."""
    hidden, output = network.activations[:-1], network.activations[-1]
    pairing, reduction = (output, network.loss), network.reduction
    alike = {
        name: _network([name] * len(hidden), pairing, reduction) for name in HIDDEN_ACTIVATIONS
    }
    activations = yield from prober.answered("activation", alike if hidden else {}, samples)
    first = (*hidden, "sigmoid")[0]
    deep = {n: _network([first] * (n - 1), pairing, reduction) for n in range(1, MAX_DEPTH + 1)}
    depths = yield from prober.answered("depth", deep, samples)
    small = () if 1 in depths else hidden  # what follows is not about hidden layers
    pairings: list[tuple[str, str]] = []
    for pair in PAIRINGS:
        # both may go with others that were asked: then it is drawn anew if it is refused
        seen = zip(pair, zip(*pairings, strict=True), strict=False)
        follows = prober.slow and bool(pairings) and all(name in names for name, names in seen)
        asked = _network(small, pair, reduction)
        if follows or (yield from prober.answers(asked, samples, ("pairing", *pair))):
            pairings.append(pair)
    others = {other: _network(small, pairing, other) for other in REDUCTIONS}
    reductions = yield from prober.answered("reduction", others, samples)
    plain = _network(small, pairing, reduction)
    l2 = yield from prober.answers(replace(plain, l2=0.37), samples, ("l2",))
    batches: list[int] = []
    ends = (1, 2, max(sizes))
    for n in sorted(sizes, key=lambda n: n not in ends) if prober.slow else sizes:
        follows = prober.slow and {*ends} <= {*batches}
        if follows or (yield from prober.answers(plain, n, ("batch", str(n)))):
            batches.append(n)
    return Support(activations, tuple(pairings), reductions, l2, depths, tuple(sorted(batches)))


#: A sentence is no longer than this: longer ones are not read.
LONGEST_SENTENCE = 160

#: How much of each kind is told, as much as the sentence allows: how many names of what was
#: asked and of what was not before they are counted, whether a condition keeps its reason, and
#: how many runs of numbers are told one by one. With no names of what was not asked, its kinds
#: are counted, without reasons; with less (-1) they are one number; with no runs, numbers are told
#: by the largest alone. What was asked keeps its names the longest.
_LISTED = (
    (4, 4, True, 3),
    (4, 2, True, 3),
    (4, 1, True, 3),
    (4, 1, False, 3),
    (2, 1, False, 3),
    (4, 0, False, 3),
    (2, 0, False, 3),
    (4, -1, False, 3),
    (2, -1, False, 3),
    (2, -1, False, 0),
    (0, -1, False, 0),
)

#: Kinds of refusals in the order in which they are told, and how several are counted.
_COUNTED = {
    "activation": ("activation", "activations"),
    "output": ("output activation", "output activations"),
    "loss": ("loss", "losses"),
    "pairing": ("pairing of output and loss", "pairings of output and loss"),
    "network": ("network", "networks"),
    "sizes": ("size", "sizes"),
    "combination": ("combination", "combinations"),
    "far out": ("extreme", "extremes"),
}

#: Kinds of refusals that another problem may have asked after all, and where that stands.
_ASKED = {
    "activation": "activations",
    "reduction": "reductions",
    "depth": "depths",
    "batch": "batch_sizes",
}

#: What a condition may do without: its remarks, and none of the conditions themselves.
_ASIDE = re.compile(r" \((?:for [^()]*|\w+ is applied)\)")


@dataclass(frozen=True)
class Scope:
    """What a verdict covers.

    Attributes
    ----------
    sentence : str
        For a headline, after "correct for".
    asked : dict
        What the problems compared had: names, numbers, and how many there were.
    refused : dict of str to str
        A feature, and why it was not asked.
    """

    sentence: str = ""
    asked: Mapping[str, Any] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


EMPTY_SCOPE = Scope()


def scope_of(
    problems: Sequence[Problem],
    largest_z: float,
    refused: Mapping[Feature, str],
    far_out: Sequence[str] = (),
    only: str = "",
    condition: str = "",
    single: bool = False,
    largest_gradient: float = 0.0,
) -> Scope:
    """Say what was asked.

    Parameters
    ----------
    problems : sequence of Problem
        Those that got an answer.
    largest_z : float
        The largest pre-activation in any of them.
    refused : mapping of tuple of str to str
        What was not asked, and why.
    far_out : sequence of str
        Kinds of problems far out that were asked.
    only : str
        Who says that the code is for these networks alone: ``declared``, ``--network``; empty
        when nobody does.
    condition : str
        On which all this holds; empty when there is none.
    single : bool
        The code is asked for one sample a call. It is told so where it refuses others itself.
    largest_gradient : float
        The largest entry of any gradient.

    Returns
    -------
    Scope
        :data:`EMPTY_SCOPE` where no problem got an answer.
    """
    if not problems:
        return EMPTY_SCOPE
    several = (why for feature, why in refused.items() if feature[0] == "batch")
    single = single and all(why.startswith(REFUSAL) for why in several)
    largest = {"largest_z": largest_z, "largest_gradient": largest_gradient}
    asked = _asked(problems) | largest | {"far_out": list(far_out)}
    left_out = _left_out(refused, asked)
    for positive, negative, reason, runs in _LISTED:
        covered = _positive(problems[0].network, asked, only, single, positive, runs)
        if condition:
            covered += f", {condition if reason else _ASIDE.sub('', condition)}"
        sentence = "; ".join(filter(None, (covered, _negative(left_out, negative))))
        if len(sentence) <= LONGEST_SENTENCE:
            break
    return Scope(sentence, asked, {_name(feature): why for feature, why in left_out.items()})


def _asked(problems: Sequence[Problem]) -> dict[str, Any]:
    networks = list(dict.fromkeys(problem.network for problem in problems))
    hidden = {name for network in networks for name in network.activations[:-1]}
    pairings = {(network.activations[-1], network.loss) for network in networks}
    outputs, losses = map(set, zip(*pairings, strict=True))
    return {
        "activations": [name for name in HIDDEN_ACTIVATIONS if name in hidden],
        "output_activations": [name for name in ACTIVATIONS if name in outputs],
        "losses": [name for name in LOSSES if name in losses],
        "pairings": [" with ".join(pair) for pair in PAIRINGS if pair in pairings],
        "reductions": [r for r in REDUCTIONS if any(n.reduction == r for n in networks)],
        "l2": sorted({network.l2 for network in networks}),
        "depths": sorted({network.depth for network in networks}),
        "batch_sizes": sorted({problem.batch.size for problem in problems}),
        "widths": sorted({width for network in networks for width in network.widths}),
        "input_widths": sorted({network.widths[0] for network in networks}),
        "hidden_widths": sorted({n for network in networks for n in network.widths[1:-1]}),
        "output_widths": sorted({network.widths[-1] for network in networks}),
        "largest_x": max(float(np.abs(problem.batch.x).max()) for problem in problems),
        "largest_y": max(float(np.abs(problem.batch.y).max()) for problem in problems),
        "networks": len(networks),
        "problems": len(problems),
    }


def _left_out(refused: Mapping[Feature, str], asked: Mapping[str, Any]) -> dict[Feature, str]:
    """Put pairings together by loss and by output, and leave out what was asked after all."""
    had: set[Feature] = {("l2",)} if any(asked["l2"]) else set()
    had |= {("pairing", *pair) for pair in PAIRINGS if " with ".join(pair) in asked["pairings"]}
    for kind, key in _ASKED.items():
        had |= {(kind, str(value)) for value in asked[key]}
    never = {feature: why for feature, why in refused.items() if feature not in had}
    left_out = {feature: why for feature, why in never.items() if feature[0] != "pairing"}
    pairs = {f[1:]: why for f, why in never.items() if f[0] == "pairing"}
    losses = [loss for loss in LOSSES if all((o, loss) in pairs for o in LOSSES[loss].outputs)]
    for loss in losses:
        left_out["loss", loss] = next(why for (_, name), why in pairs.items() if name == loss)
    for output in ACTIVATIONS:
        # of an output that goes with refused losses alone, as softmax, the losses tell enough
        possible = [p for p in PAIRINGS if p[0] == output and p[1] not in losses]
        mine = {pair: why for pair, why in pairs.items() if pair in possible}
        if mine and len(mine) == len(possible):
            kind = "output" if output in asked["activations"] else "activation"
            left_out[kind, output] = next(iter(mine.values()))
        else:
            left_out |= {("pairing", *pair): why for pair, why in mine.items()}
    return left_out


def _name(feature: Feature) -> str:
    """Name a feature as it stands in the record."""
    kind, *names = feature
    if kind in ("l2", "depth", "batch", "sizes", "more"):
        return " ".join(feature)
    return f"{names[0]} output" if kind == "output" else " with ".join(names)


def _positive(
    network: Network, asked: Mapping[str, Any], only: str, single: bool, listed: int, runs: int
) -> str:
    """``2 to 5 layers, relu and tanh, squared_error mean, batches of 1 to 8``; or the network."""
    batches = "batches" if len(asked["batch_sizes"]) > 1 and not runs else "batches of"
    sizes = "one sample a call" if single else f"{batches} {_some(asked['batch_sizes'], runs)}"
    depths = asked["depths"]
    layers = f"{_some(depths, runs)} layer{'' if depths == [1] else 's'}"
    if asked["networks"] == 1:
        text = str(network) if listed else f"a network of {layers}"
        return f"{text}, {sizes}{f' ({only})' if only else ''}"
    names, losses = {*asked["activations"], *asked["output_activations"]}, asked["losses"]
    if len(names) == len(ACTIVATIONS) and len(losses) == len(LOSSES):
        parts = [layers, "all activations and losses"]
    else:
        activations = [name for name in ACTIVATIONS if name in names]
        named = _few(activations, "activations", ACTIVATIONS, listed)
        parts = [layers, named, _few(losses, "losses", LOSSES, listed)]
    if len(asked["reductions"]) == 1 and not single:
        parts[-1] += f" {asked['reductions'][0]}"
    parts.append(sizes)
    if only:
        parts.append(f"{asked['networks']} networks, {only}")
    return ", ".join(parts)


def _few(names: Sequence[str], plural: str, every: Collection[str], listed: int) -> str:
    if len(names) == len(every):
        return f"all {plural}"
    # a single name is as short as a number of them
    return _and(names) if len(names) <= max(listed, 1) else f"{len(names)} {plural}"


def _some(numbers: Sequence[int], listed: int) -> str:
    """``1 to 5, 7 and 10``; of many runs the first, and how far the others reach."""
    runs = _runs(numbers)
    if len(numbers) > 1 and not listed:
        return f"up to {numbers[-1]}"
    if len(numbers) == 1 or len(runs) <= listed:
        return ranges(numbers)
    return f"{ranges(runs[0])} and some to {runs[-1][-1]}"


def _negative(left_out: Mapping[Feature, str], listed: int) -> str:
    """``not asked: relu, cross_entropy: NotImplementedError``."""
    if not left_out:
        return ""
    if listed < 0:
        return f"not asked: {len(left_out)} feature{'s' if len(left_out) > 1 else ''}"
    if not listed:
        return f"not asked: {_and(_grouped(left_out, 0))}"
    groups: dict[str, list[Feature]] = {}
    for feature, why in left_out.items():
        groups.setdefault(why.partition(":")[0], []).append(feature)
    parts = [f"{', '.join(_grouped(features, listed))}: {why}" for why, features in groups.items()]
    return f"not asked: {'; '.join(parts)}"


def _grouped(features: Iterable[Feature], listed: int) -> list[str]:
    kinds: dict[str, list[Feature]] = {}
    for feature in features:
        kinds.setdefault(feature[0], []).append(feature)
    words = []
    for kind in (*_COUNTED, *(kind for kind in kinds if kind not in _COUNTED)):
        mine = kinds.get(kind, [])
        if kind in ("depth", "batch") and mine:
            numbers = ranges(int(feature[1]) for feature in mine)
            layers = f"{numbers} layer{'' if numbers == '1' else 's'}"
            words.append(layers if kind == "depth" else f"batches of {numbers}")
        elif kind in _COUNTED and len(mine) > listed:
            count = f"{len(mine)} {_COUNTED[kind][len(mine) > 1]}"
            name = _name(mine[0])
            words.append(name if len(mine) == 1 and len(name) <= len(count) else count)
        else:
            words += [_name(feature) for feature in mine]
    return words


def ranges(numbers: Iterable[int]) -> str:
    """``1 to 5, 7 and 10``."""
    words: list[str] = []
    for run in _runs(numbers):
        words += [f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run)
    return _and(words)


def _runs(numbers: Iterable[int]) -> list[list[int]]:
    """Put numbers that follow each other together."""
    ordered = enumerate(sorted(set(numbers)))
    runs = itertools.groupby(ordered, lambda place_and_n: place_and_n[1] - place_and_n[0])
    return [[n for _, n in run] for _, run in runs]


def _and(words: Sequence[str]) -> str:
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else "".join(words)
