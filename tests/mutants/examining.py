"""Mutants examined, and whether what is said of them is true."""

from functools import cache
from types import ModuleType
from typing import NamedTuple

from gradcheck.networks.fast_estimate import Truths
from gradcheck.records.record import Entry
from gradcheck.run.examine import Examination
from gradcheck.run.submission import from_object
from tests.mutants.mutants import FILES, Mutant, asked

#: Of all mutants so many are found on each seed.
BAR = 0.9


class Outcome(NamedTuple):
    """What is said of a mutant.

    Attributes
    ----------
    verdict : str
    inside : bool
        The scope says that something was asked on which the mutant is wrong.
    """

    verdict: str
    inside: bool

    @property
    def caught(self) -> bool:
        return self.verdict in ("wrong", "error")

    @property
    def false(self) -> bool:
        """Called correct for what it is wrong for."""
        return self.verdict == "correct" and self.inside


@cache
def examination(seed: int) -> Examination:
    """One for all mutants of a seed: the truth of a problem is formed once."""
    return Examination(seed, truths=Truths(), explain=False)


def entry_of(text: str, name: str, seed: int) -> Entry:
    """Examine the text of a file."""

    def made() -> ModuleType:
        module = ModuleType(name)
        exec(compile(text, f"{name}.py", "exec"), module.__dict__)
        return module

    return examination(seed).examine(from_object(made(), name, renew=made))


def outcome(mutant: Mutant, seed: int) -> Outcome:
    """Examine a mutant."""
    entry = entry_of(mutant.text(), mutant.name, seed)
    scope = entry["scope"]["asked"]  # empty where every question failed
    return Outcome(str(entry["verdict"]), bool(scope) and asked(mutant.trigger, scope))


def right(file: str, seed: int) -> Entry:
    """Examine a right file."""
    return entry_of(FILES[file].read_text(encoding="utf-8"), file, seed)
