"""What a verdict covers: what was asked in the problems compared, and what was not, and why.

A verdict is no wider than its problems. So what stands here is read off the problems that
were compared, not off what might have been drawn.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcheck.networks.definitions import (
    ACTIVATIONS,
    HIDDEN_ACTIVATIONS,
    LOSSES,
    PAIRINGS,
    REDUCTIONS,
)
from gradcheck.networks.problem import Problem

#: What can be refused: ("activation", "relu"), ("pairing", "relu", "squared_error"),
#: ("reduction", "sum"), ("l2",), ("depth", "3"), ("batch", "5"), ("network", its text),
#: ("sizes", "2-3-1"), ("combination", a network's text), ("function", "forward"),
#: ("far out", "batch 33").
Feature = tuple[str, ...]

#: The sentence is no longer than this: longer ones are not read.
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
        The code takes one sample a call.
    largest_gradient : float
        The largest entry of any gradient.

    Returns
    -------
    Scope
        :data:`EMPTY_SCOPE` where no problem got an answer.
    """
    if not problems:
        return EMPTY_SCOPE
    asked = _asked(problems, largest_z)
    asked |= {"largest_gradient": largest_gradient, "far_out": list(far_out)}
    left_out = _left_out(refused, asked)
    sentence = ""
    for positive, negative, reason, runs in _LISTED:
        covered = _positive(problems, asked, only, single, positive, runs)
        if condition:
            covered += f", {condition if reason else _ASIDE.sub('', condition)}"
        sentence = "; ".join(filter(None, (covered, _negative(left_out, negative))))
        if len(sentence) <= LONGEST_SENTENCE:
            break
    named = {_name(feature): reason for feature, reason in left_out.items()}
    return Scope(sentence, asked, named)


def _asked(problems: Sequence[Problem], largest_z: float) -> dict[str, Any]:
    networks = list(dict.fromkeys(problem.network for problem in problems))
    hidden = {name for network in networks for name in network.activations[:-1]}
    pairings = {(network.activations[-1], network.loss) for network in networks}
    outputs, losses = ({pair[i] for pair in pairings} for i in (0, 1))
    return {
        "activations": [name for name in HIDDEN_ACTIVATIONS if name in hidden],
        "output_activations": [name for name in ACTIVATIONS if name in outputs],
        "losses": [name for name in LOSSES if name in losses],
        "pairings": [
            f"{output} with {loss}" for output, loss in PAIRINGS if (output, loss) in pairings
        ],
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
        "largest_z": largest_z,
        "networks": len(networks),
        "problems": len(problems),
    }


def _left_out(refused: Mapping[Feature, str], asked: Mapping[str, Any]) -> dict[Feature, str]:
    """Put pairings together by loss and by output, and leave out what was asked after all."""
    pairs = {f[1:]: why for f, why in refused.items() if f[0] == "pairing"}
    pairs = {p: why for p, why in pairs.items() if " with ".join(p) not in asked["pairings"]}
    left_out = {f: why for f, why in refused.items() if f[0] != "pairing" and not _was(f, asked)}
    losses = [loss for loss in LOSSES if all((o, loss) in pairs for o in LOSSES[loss].outputs)]
    for loss in losses:
        left_out["loss", loss] = next(why for (_, name), why in pairs.items() if name == loss)
    rest = {pair: why for pair, why in pairs.items() if pair[1] not in losses}
    for output in ACTIVATIONS:
        # of an output that goes with refused losses alone, as softmax, the losses tell enough
        mine = {p: why for p, why in rest.items() if p[0] == output}
        possible = [p for p in PAIRINGS if p[0] == output and p[1] not in losses]
        if not mine:
            continue
        if len(mine) < len(possible):
            left_out |= {("pairing", *pair): why for pair, why in mine.items()}
        else:
            kind = "output" if output in asked["activations"] else "activation"
            left_out[kind, output] = next(iter(mine.values()))
    return left_out


def _was(feature: Feature, asked: Mapping[str, Any]) -> bool:
    """Whether a feature was asked in some other problem."""
    kind, value = feature[0], feature[-1]
    return {
        "activation": value in asked["activations"],
        "reduction": value in asked["reductions"],
        "l2": any(asked["l2"]),
        "depth": value in map(str, asked["depths"]),
        "batch": value in map(str, asked["batch_sizes"]),
    }.get(kind, False)


def _name(feature: Feature) -> str:
    """Name a feature as it stands in the record."""
    kind = feature[0]
    if kind in ("activation", "loss", "reduction", "network", "combination", "function", "far out"):
        return feature[1]
    if kind == "output":
        return f"{feature[1]} output"
    return " with ".join(feature[1:]) if kind == "pairing" else " ".join(feature)


def _positive(
    problems: Sequence[Problem],
    asked: Mapping[str, Any],
    only: str,
    single: bool,
    listed: int,
    runs: int,
) -> str:
    networks = list(dict.fromkeys(str(problem.network) for problem in problems))
    batches = "batches" if len(asked["batch_sizes"]) > 1 and not runs else "batches of"
    sizes = "one sample a call" if single else f"{batches} {_some(asked['batch_sizes'], runs)}"
    depths = asked["depths"]
    layers = f"{_some(depths, runs)} layer{'' if depths == [1] else 's'}"
    if len(networks) == 1:
        network = networks[0] if listed else f"a network of {layers}"
        return f"{network}, {sizes}{f' ({only})' if only else ''}"
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
        parts.append(f"{len(networks)} networks, {only}")
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
    runs: list[list[int]] = []
    for n in sorted(set(numbers)):
        if runs and n == runs[-1][-1] + 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    return runs


def _and(words: Sequence[str]) -> str:
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else "".join(words)
