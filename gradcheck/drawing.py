"""Which problems are compared: drawn at random, probes that were answered, and a few far out.

While the code under test works on the next one, the oracle works on the last.
"""

import itertools
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from gradcheck import far_out, sampling
from gradcheck.discovery import Discovery, reason
from gradcheck.execution.panel import Panel
from gradcheck.hearing import Hearing
from gradcheck.own_time import OwnTime
from gradcheck.problem import Problem
from gradcheck.protocol import Call, Observation, Request
from gradcheck.sampling import Support
from gradcheck.scope import Feature
from gradcheck.settings import ENOUGH
from gradcheck.sizes import MANY_TOGETHER, MAX_TOGETHER, numbers

#: Problems drawn for each one compared, before giving up: some combinations of
#: features may not be supported though each is.
PATIENCE = 10

#: Of so many problems compared one is a probe, and of so many one is far out.
A_PROBE_IN = 5
A_FAR_ONE_IN = 12

#: How often a problem far out is drawn anew: where its combination of features is refused,
#: and where what it was made from left no room for it.
REFUSALS = 4
TRIES = 24

#: Problems far out take no longer than this, in seconds, or than this part of the time that
#: those drawn at random took. Only code that takes a fifth of a second a call feels it.
SECONDS = 5.0
SHARE = 0.15


@dataclass(frozen=True)
class Drawn:
    """The problems of a campaign.

    Attributes
    ----------
    problems : tuple of Problem
        What the code handles; those drawn at random first.
    unanswered : frozenset of Problem
        Those among them that got a failure.
    far_out : tuple of str
        Kinds of problems far out that got an answer.
    missed : mapping of tuple of str to str
        Those that got none, and why.
    stopped : str
        Why no more were drawn, where time or memory was short.
    """

    problems: tuple[Problem, ...]
    unanswered: frozenset[Problem] = frozenset()
    far_out: tuple[str, ...] = ()
    missed: Mapping[Feature, str] = field(default_factory=dict)
    stopped: str = ""


class Drawing:
    """Asks for problems until there are enough.

    Parameters
    ----------
    discovery : Discovery
    panel : Panel
    hearing : Hearing
    seed, examples : int
    own : OwnTime, optional
        Nothing more is drawn when it is used up.
    """

    def __init__(
        self,
        discovery: Discovery,
        panel: Panel,
        hearing: Hearing,
        seed: int,
        examples: int,
        own: OwnTime | None = None,
    ) -> None:
        self._discovery, self._panel, self._hearing = discovery, panel, hearing
        self._seed, self._examples, self._own = seed, examples, own or OwnTime()
        self._numbers = 0
        self._stopped = ""
        self._kept: dict[Problem, None] = {}
        self._unanswered: set[Problem] = set()
        drawn = sampling.problems(seed, discovery.support)
        self._drawn = itertools.islice(drawn, examples * PATIENCE)
        self._following = next(self._drawn, None)

    def draw(self) -> Drawn:
        """Draw them all."""
        support = self._discovery.support
        probes = _probes(self._discovery)[: self._examples // A_PROBE_IN]
        kinds = list(far_out.KINDS)[: self._examples // A_FAR_ONE_IN]
        begin = time.perf_counter()
        self._at_random(self._examples - len(probes) - len(kinds))
        budget = max(SECONDS, SHARE * (time.perf_counter() - begin))
        for problem in probes:
            if not self._room(problem):
                break
            self._keep(problem, self._panel.ask(Request(Call.LOSS_AND_GRADS, problem)))
        seen, missed = self._far_out(support, kinds, budget)
        self._at_random(self._examples)  # what some of them left free
        return Drawn(
            tuple(self._kept), frozenset(self._unanswered), tuple(seen), missed, self._stopped
        )

    def _at_random(self, count: int) -> None:
        """Draw until so many are kept."""
        problem = self._following if len(self._kept) < count else None
        while problem is not None and len(self._kept) < count and self._room(problem):
            following = self._following = next(self._drawn, None)
            observation = self._panel.ask(Request(Call.LOSS_AND_GRADS, problem))
            new = self._noted(problem, observation)
            if following is not None and len(self._kept) < count:
                self._panel.begin(Request(Call.LOSS_AND_GRADS, following))
            if new:
                self._hearing.hear(problem)
            problem = following

    def _far_out(
        self, support: Support, kinds: list[str], budget: float
    ) -> tuple[list[str], dict[Feature, str]]:
        seen: list[str] = []
        missed: dict[Feature, str] = {}
        answered = [p for p in self._kept if p not in self._unanswered]
        spent = 0.0
        for number, kind in enumerate(kinds):
            refused: list[str] = []
            for problem in self._candidates(number, kind, answered, support):
                if spent >= budget or self._own.over:
                    refused = ["time"]
                    break
                begin = time.perf_counter()
                observation = self._panel.ask(Request(Call.LOSS_AND_GRADS, problem))
                spent += time.perf_counter() - begin
                if observation.failure is not None:
                    refused.append(reason(observation.failure))
                if self._keep(problem, observation):
                    break
                if len(refused) == REFUSALS:
                    break
            else:
                continue  # there is no room for it in what the code is for
            if refused:
                missed["far out", kind] = refused[-1]
            else:
                seen.append(kind)
        return seen, missed

    def _candidates(
        self, number: int, kind: str, answered: list[Problem], support: Support
    ) -> Iterator[Problem]:
        for attempt in range(TRIES):
            rng = np.random.default_rng((self._seed, 9, number, attempt))
            problem = far_out.draw(rng, kind, answered, support)
            if problem is not None and problem not in self._kept:
                yield problem

    def _room(self, problem: Problem) -> bool:
        """Whether time and memory are left for one more: once there are enough, for checks too."""
        self._numbers += numbers(problem.network, problem.batch.size)
        enough = len(self._kept) >= ENOUGH
        if self._own.over:
            self._stopped = self._own.used_up
        elif enough and self._own.half:
            self._stopped = f"half of the time was gone by then ({self._own.option} gives more)"
        elif self._numbers > (MANY_TOGETHER if enough else MAX_TOGETHER):
            self._stopped = "they are large; together they hold all the numbers that are kept"
        return not self._stopped

    def _noted(self, problem: Problem, observation: Observation) -> bool:
        """Keep a problem that the code handles; whether it is a new one."""
        if not observation.supported or problem in self._kept:
            return False
        self._kept[problem] = None
        if observation.failure is not None:
            self._unanswered.add(problem)
        return True

    def _keep(self, problem: Problem, observation: Observation) -> bool:
        """Keep a problem that the code handles, and hear the witnesses on it."""
        new = self._noted(problem, observation)
        if new:
            self._hearing.hear(problem)
        return new


def _probes(discovery: Discovery) -> list[Problem]:
    """Return the probes, first those of each pairing: at random many are never drawn."""
    order = {"pairing": 0, "batch": 1}
    probes = discovery.probes
    return sorted(probes, key=lambda problem: order.get((*probes[problem], "")[0], 2))
