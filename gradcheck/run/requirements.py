"""What a teacher says must be handled: ``relu,cross_entropy,depth>=3``.

A requirement is met when something that has it was asked and answered; see
:mod:`gradcheck.networks.scope`.

Does an optional function follow the contract? One that only has its name is left out.

``forward(network, params, x)`` and ``step(network, params, batch, learning_rate)`` may stand
in a file for other purposes: a helper that returns all activations, an update with momentum
that takes its state. Right code is no error by them. What follows the contract in form is
judged: outputs of another shape, a step that raises in its own body.
"""

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass

import numpy as np

from gradcheck.contract.answers import Outline
from gradcheck.contract.protocol import Call, Failure, Observation, Request
from gradcheck.errors import UsageError
from gradcheck.errors.suggestion import meant
from gradcheck.networks.activations import ACTIVATIONS
from gradcheck.networks.context import CheckContext
from gradcheck.networks.far_out import DEEPEST, WIDEST
from gradcheck.networks.losses import LOSSES, REDUCTIONS
from gradcheck.networks.problem import Problem
from gradcheck.networks.scope import Scope

#: What can be required to be at least so large, where the scope has it, and the largest asked.
SIZES = {
    "depth": ("depths", DEEPEST),
    "batch": ("batch_sizes", 65),
    "width": ("widths", WIDEST),
}

_WORDS = (*ACTIVATIONS, *LOSSES, *REDUCTIONS, "l2")

_EXAMPLE = "relu,cross_entropy,depth>=3"


@dataclass(frozen=True)
class Requirements:
    """What must be handled.

    Attributes
    ----------
    words : tuple of str
        Each as it was written, without spaces.
    """

    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ",".join(self.words)

    @classmethod
    def parse(cls, text: str) -> "Requirements":
        """Read a list with commas.

        Raises
        ------
        UsageError
            For a word that is none of activations, losses, reductions, ``l2`` and sizes.
        """
        words = [re.sub(r"\s", "", word) for word in text.split(",")]
        words = [word for word in words if word]
        if not words:
            raise UsageError(f'nothing is required by {text!r}; write "{_EXAMPLE}"')
        for word in words:
            _check(word)
        return cls(tuple(dict.fromkeys(words)))

    def missing(self, scope: Scope) -> list[str]:
        """Say of each requirement that is not met why."""
        return [f"{word} ({_why(word, scope)})" for word in self.words if not _met(word, scope)]


def _check(word: str) -> None:
    name, sign, number = word.partition(">=")
    if not sign and word in _WORDS:
        return
    if sign and name in SIZES and number.isdecimal() and int(number) >= 1:
        if int(number) > SIZES[name][1]:
            raise UsageError(f"{word} cannot be required: {name} is asked up to {SIZES[name][1]}")
        return
    known = [*_WORDS, *(f"{size}>={number or 3}" for size in SIZES)]
    raise UsageError(f"{word!r} cannot be required{meant(word, known)}")


def _met(word: str, scope: Scope) -> bool:
    asked = scope.asked
    if not asked:
        return False
    name, sign, number = word.partition(">=")
    if sign:
        return bool(max(asked[SIZES[name][0]]) >= int(number))
    if word == "l2":
        return any(asked["l2"])
    kinds = ("activations", "output_activations", "losses", "reductions")
    return any(word in asked[kind] for kind in kinds)


def _why(word: str, scope: Scope) -> str:
    """Return why it was not asked, as the code said it."""
    name, sign, number = word.partition(">=")
    if sign:
        told = {
            int(numbers[0]): why
            for feature, why in scope.refused.items()
            if feature.startswith(f"{name} ") and (numbers := re.findall(r"\d+", feature))
        }
        beyond = [told[n] for n in sorted(told) if n >= int(number)]
        return beyond[0] if beyond else "none of the problems compared has it"
    return scope.refused.get(word, "none of the problems compared has it")


#: A function that fails on so many problems in the same way is left out.
TRIED = 3

#: How each is written, by call.
WRITTEN = {
    Call.FORWARD: "forward(network, params, x) -> outputs",
    Call.STEP: "step(network, params, batch, learning_rate) -> params",
}

#: Exceptions that no argument causes: the code's own fault, whatever it is meant for.
OWN_FAULTS = ("NameError", "UnboundLocalError", "ImportError", "ModuleNotFoundError")


def left_out(
    plan: CheckContext, aside: Mapping[str, str]
) -> Generator[Request, Observation, dict[Call, str]]:
    """Find the optional functions that do not follow their contract, and say why.

    Parameters
    ----------
    aside : mapping of str to str
        Those whose arguments say so, by name, and how they are written.
    """
    found = {}
    for call in (c for c in WRITTEN if c in plan.offers):
        name = call.value
        if name in aside:
            found[call] = f"{aside[name]} is another function than the optional {WRITTEN[call]}"
            continue
        failures = []
        for problem in plan.problems[:TRIED]:
            seen = yield Request(call, problem, learning_rate=0.1)
            if not _another(plan, call, problem, seen):
                break
            assert seen.failure is not None
            failures.append(seen.failure)
        else:
            if failures:
                found[call] = f"{name} does not follow {WRITTEN[call]}: {_said(failures[0])}"
    return {call: f"not asked: {text}" for call, text in found.items()}


def _said(failure: Failure) -> str:
    return failure.message.removesuffix(".")


def _another(plan: CheckContext, call: Call, problem: Problem, seen: Observation) -> bool:
    """Whether an answer is that of a function with another purpose."""
    if seen.failure is None or not seen.supported:
        return False
    if plan.foreign:  # a function that was found by its name promises nothing
        own = any(f"{word}:" in seen.failure.message for word in OWN_FAULTS)
        return call is Call.STEP and seen.failure.kind in ("contract", "exception") and not own
    if seen.failure.kind != "contract":
        return False
    if call is Call.FORWARD:
        return not _matrix(seen.returned)
    return not _pairs(seen.returned, len(problem.params.pairs))


def _matrix(returned: Outline) -> bool:
    """Whether something is an array, or rows of one."""
    if isinstance(returned, np.ndarray):
        return True
    rows = returned if isinstance(returned, tuple) else ()
    lengths = {row.shape if isinstance(row, np.ndarray) else () for row in rows}
    return len(lengths) == 1 and len(lengths.pop()) == 1


def _pairs(returned: Outline, layers: int) -> bool:
    """Whether something is a list of pairs of arrays, one a layer."""
    return (
        isinstance(returned, tuple)
        and len(returned) == layers
        and all(
            isinstance(pair, tuple)
            and len(pair) == 2
            and all(isinstance(part, np.ndarray) for part in pair)
            for pair in returned
        )
    )
