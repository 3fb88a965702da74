"""What a teacher says must be handled: ``relu,cross_entropy,depth>=3``.

A requirement is met when something that has it was asked and answered; see
:mod:`gradcheck.networks.scope`.
"""

import re
from dataclasses import dataclass

from gradcheck.errors import UsageError
from gradcheck.errors.suggestion import meant
from gradcheck.networks.activations import ACTIVATIONS
from gradcheck.networks.far_out import DEEPEST, WIDEST
from gradcheck.networks.losses import LOSSES, REDUCTIONS
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
