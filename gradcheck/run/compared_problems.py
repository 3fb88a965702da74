"""Which problems are compared: drawn at random, probes that were answered, and a few far out.

On each the two witnesses of the oracle are held against each other before anything is judged:
while the code under test works on the next one, the oracle works on the last. All stays within
a budget of time for our own work.
"""

import itertools
import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from gradcheck.contract.posed import MANY_TOGETHER, MAX_TOGETHER, numbers
from gradcheck.contract.protocol import Call, Observation, Request
from gradcheck.errors import InternalError
from gradcheck.execution.session import PeerSession
from gradcheck.networks import far_out, sampling
from gradcheck.networks.fast_estimate import Truths
from gradcheck.networks.problem import Problem
from gradcheck.networks.scope import Discovery, Feature
from gradcheck.records.schema import Witness
from gradcheck.run.options import ENOUGH_PROBLEMS


class Progress(Protocol):
    """Called with what starts next, and with the part of it that is done, where that is known."""

    def __call__(self, what: str, part: float | None = None) -> None:
        """Show it."""


def silent(what: str, part: float | None = None) -> None:
    """Show nothing.

    Parameters
    ----------
    what : str
    part : float or None
    """


#: How long a cross-check takes, in seconds, when its progress is shown.
SHOWN_FROM = 1.0


class CrossCheck:
    """Holds the two witnesses of the oracle against each other, problem by problem.

    So many are to be; how far it is, is shown when that takes more than a second.
    """

    def __init__(self, truths: Truths, seed: int, count: int, progress: Progress = silent) -> None:
        self._truths, self._seed, self._count, self._progress = truths, seed, count, progress
        self._done = self._directions = self._silent = 0
        self._start = time.perf_counter()

    def hold(self, problem: Problem) -> None:
        """Hold the two against each other; where they disagree no verdict can be believed."""
        total = (time.perf_counter() - self._start) * self._count / max(self._done, 1)
        if total > SHOWN_FROM and self._done:
            text = f"witnesses: {self._done} of {self._count} problems, about {total:.0f} s"
            self._progress(text, self._done / self._count)
        truth = self._truths.of(problem)
        self._directions += len(truth.second_estimates)
        self._silent += sum(s.slope.error == float("inf") for s in truth.second_estimates)
        for second in truth.disagreements:
            raise InternalError(
                f"the two witnesses of the oracle disagree on {second.tensor} of "
                f"{problem.network} (seed {self._seed}): differences say "
                f"{second.slope.value:.17g} ± {second.slope.error:.1e}, the complex step "
                f"{second.expected:.17g} ± {second.error:.1e}; please report this"
            )
        self._done += 1

    def entry(self) -> Witness:
        """Count the directions that were differenced, and those too near a kink or too noisy."""
        return {"directions": self._directions, "silent": self._silent, "disagreements": 0}


@dataclass(frozen=True)
class OwnTime:
    """A budget for our own work: as long again as the code under test may take.

    Attributes
    ----------
    budget : float
        Seconds.
    waited : callable
        Returns the seconds for which the code was waited for so far.
    since : float
        When it began, by the performance counter.
    """

    budget: float = math.inf
    waited: Callable[[], float] = float
    since: float = field(default_factory=time.perf_counter)

    @property
    def over(self) -> bool:
        """Whether it is used up."""
        return time.perf_counter() - self.since - self.waited() > self.budget

    @property
    def left(self) -> float:
        """What part of both is left: of the budget, and of what the code may take."""
        waited = self.waited()
        return 1.0 - max(time.perf_counter() - self.since - waited, waited) / self.budget

    @property
    def option(self) -> str:
        """Name what gives more of it."""
        return f"--timeout {self.budget:g}"

    @property
    def used_up(self) -> str:
        """Say that it is used up."""
        return f"the time for gradcheck's own work was used up ({self.option}; more gives more)"


#: Problems drawn for each one compared, before giving up: some combinations of
#: features may not be supported though each is.
PATIENCE = 10

#: Of so many problems compared one is a probe, and of so many one is far out.
A_PROBE_IN = 5
A_FAR_ONE_IN = 3

#: Of so many one is kept free for combinations that nothing else had.
A_LEFT_ONE_IN = 20

#: How often a problem far out is drawn anew: where its combination of features is refused,
#: and where what it was made from left no room for it.
REFUSALS = 4
FAR_OUT_TRIES = 24

#: Problems far out take no longer than this, in seconds, or than this part of the time that
#: those drawn at random took. Only code that takes a fifth of a second a call feels it.
SECONDS = 5.0
SHARE = 0.15


#: Code that compiles what it is first asked takes so many times as long for a new shape. Where
#: all shapes would take half of the time, with some that checks ask for, those that it was asked
#: are asked again, with other numbers.
COMPILES, SHAPES_OF_CHECKS, TIMED = 10.0, 25, 2

#: Until this part of the time is left, problems of known shapes are asked.
LEFT = 0.3


class Drawing:
    """Asks for problems until there are enough, or until our own time is used up.

    Attributes
    ----------
    problems : dict of Problem
        What the code handles; those drawn at random first.
    unanswered : set of Problem
        Those among them that got a failure.
    far_out : dict of str
        Kinds of problems far out that got an answer.
    missed : dict of tuple of str to str
        Those that got none, and combinations drawn at random that were refused, and why.
    stopped : str
        Why no more were drawn, where time or memory was short.
    """

    def __init__(
        self,
        discovery: Discovery,
        panel: PeerSession,
        cross_check: CrossCheck,
        seed: int,
        examples: int,
        own: OwnTime | None = None,
    ) -> None:
        self._discovery, self._panel, self._cross_check = discovery, panel, cross_check
        self._seed, self._examples, self._own = seed, examples, own or OwnTime()
        self._numbers, self.stopped = 0, ""
        self.problems: dict[Problem, None] = {}
        self.unanswered: set[Problem] = set()
        self.far_out: dict[str, None] = {}
        self.missed: dict[Feature, str] = {}
        self._refused: dict[Feature, str] = {}
        self._unchecked: Problem | None = None
        self._new: list[float] = []  # seconds for a shape that was not asked before
        self._known: list[float] = []  # and for one that was
        self._shapes = dict.fromkeys((p.network, p.batch.size) for p in discovery.probes)
        self._thrifty = False
        numbers, support = range(examples * PATIENCE), discovery.support
        self._drawn: Iterator[Problem] = (sampling.problem(seed, n, support) for n in numbers)
        self._following = next(self._drawn, None)

    def draw(self) -> "Drawing":
        """Draw them all."""
        probes = _probes(self._discovery)[: self._examples // A_PROBE_IN]
        kinds = far_out.turns(self._examples // A_FAR_ONE_IN)
        begin = time.perf_counter()
        left = self._examples // A_LEFT_ONE_IN
        self._at_random(self._examples - len(probes) - len(kinds) - left)
        budget = max(SECONDS, SHARE * (time.perf_counter() - begin))
        for problem in probes:
            if not self._room(problem):
                break
            if self._noted(problem, self._panel.ask(Request(Call.LOSS_AND_GRADS, problem))):
                self._cross_check.hold(problem)
        self._far_out(kinds, budget)
        self._at_random(self._examples)  # what some of them left free
        if self._thrifty:
            self.missed["more", "shapes"] = "time"
        self.missed = self._refused | self.missed
        return self

    def _at_random(self, count: int) -> None:
        """Draw until so many are kept."""
        problem = self._following if len(self.problems) < count else None
        while problem is not None and len(self.problems) < count and self._room(problem):
            following = self._following = next(self._drawn, None)
            observation = self._panel.ask(Request(Call.LOSS_AND_GRADS, problem))
            new = self._noted(problem, observation)
            if observation.failure is not None and not observation.supported:
                name = f"{problem.network}, N = {problem.batch.size}"
                self._refused["combination", name] = observation.failure.reason
            if self._timed(problem, observation):
                self._thrifty = True
                self._drawn = itertools.islice(self._of_known_shapes(), count * PATIENCE)
                following = self._following = next(self._drawn, None)
            if following is not None and len(self.problems) < count:
                self._panel.begin(Request(Call.LOSS_AND_GRADS, following))
            if new:
                self._cross_check.hold(problem)
            problem = following

    def _timed(self, problem: Problem, observation: Observation) -> bool:
        """Note how long a shape took; whether new ones would take too long from here on."""
        shape = problem.network, problem.batch.size
        (self._known if shape in self._shapes else self._new).append(observation.seconds)
        if observation.failure is None:
            self._shapes[shape] = None
        few = min(len(self._new), len(self._known)) < TIMED
        if few or self._thrifty or self._discovery.support.networks:
            return False
        each = statistics.median(self._new)
        if each < COMPILES * statistics.median(self._known):
            return False
        left = (self._examples - len(self.problems)) / sampling.PROBLEMS_ALIKE + SHAPES_OF_CHECKS
        return self._own.waited() + each * left > 0.5 * self._own.budget

    def _of_known_shapes(self) -> Iterator[Problem]:
        """Yield other problems of the shapes that were asked, in turn."""
        kinds, one_hot = list(sampling.PROBLEM_KINDS), self._discovery.support.one_hot
        for index, (network, samples) in enumerate(itertools.cycle(list(self._shapes))):
            rng = np.random.default_rng((self._seed, 11, index))
            kind = "ordinary" if index % 2 else kinds[index // 2 % len(kinds)]
            yield sampling.fill(rng, network, samples, kind, one_hot)

    def _far_out(self, kinds: list[str], budget: float) -> None:
        answered = (p for p in self.problems if p not in self.unanswered)
        extremes = far_out.Extremes(self._seed, self._discovery.support, answered)
        spent = 0.0
        for number, kind in enumerate(kinds):
            refused: list[str] = []
            turn = kinds[:number].count(kind)
            for problem in self._candidates(number, kind, extremes, turn):
                if spent >= budget or self._own.over:
                    refused = ["time"]
                    break
                if not self._room(problem):
                    refused = ["size"]
                    break
                observation, seconds = self._asked(problem)
                spent += seconds
                if observation.failure is not None:
                    refused.append(observation.failure.reason)
                if self._noted(problem, observation):
                    extremes.had(problem)
                    self._unchecked = problem
                    break
                if len(refused) == REFUSALS:
                    break
            else:
                continue  # there is no room for it in what the code is for
            if not refused:
                self.far_out[kind] = None
            elif kind not in self.far_out:
                self.missed["far out", kind] = refused[-1]
        for number, combination in enumerate(extremes.new):
            if spent >= budget or self._own.over:
                self.missed["combination", "{} with {} {}".format(*combination)] = "time"
                continue
            if len(self.problems) >= self._examples:
                break
            rng = np.random.default_rng((self._seed, 11, number))
            combined = extremes.draw_plain(rng, combination)
            if combined is not None and self._room(combined):
                observation, seconds = self._asked(combined)
                spent += seconds
                if self._noted(combined, observation):
                    self._unchecked = combined
        self._check_last()

    def _asked(self, problem: Problem) -> tuple[Observation, float]:
        """Ask one problem, cross-check the one before meanwhile, and say how long was waited."""
        request = Request(Call.LOSS_AND_GRADS, problem)
        self._panel.begin(request)
        before = time.perf_counter()
        self._check_last()
        begin = time.perf_counter()
        observation = self._panel.ask(request)
        waited = time.perf_counter() - begin
        return observation, max(waited, observation.seconds - (begin - before))

    def _check_last(self) -> None:
        """Cross-check the problem that was kept last."""
        if self._unchecked is not None:
            self._cross_check.hold(self._unchecked)
            self._unchecked = None

    def _candidates(
        self, number: int, kind: str, extremes: far_out.Extremes, turn: int
    ) -> Iterator[Problem]:
        chosen = far_out.FAR_OUT_KINDS[kind]
        for attempt in range(FAR_OUT_TRIES):
            rng = np.random.default_rng((self._seed, 9, number, attempt))
            plain = attempt % REFUSALS == REFUSALS - 1 or (chosen.numbers_alone and not turn)
            problem = extremes.draw(rng, chosen, turn, plain)
            if problem is not None and problem not in self.problems:
                yield problem

    def _room(self, problem: Problem) -> bool:
        """Whether time and memory are left for one more: once there are enough, for checks too."""
        self._numbers += numbers(problem.network, problem.batch.size)
        enough = len(self.problems) >= ENOUGH_PROBLEMS
        if self._own.over:
            self.stopped = self._own.used_up
        elif enough and self._own.left < 0.5 and not (self._thrifty and self._own.left > LEFT):
            self.stopped = f"half of the time was gone by then ({self._own.option} gives more)"
        elif self._numbers > (MANY_TOGETHER if enough else MAX_TOGETHER):
            self.stopped = "they are large; together they hold all the numbers that are kept"
        return not self.stopped

    def _noted(self, problem: Problem, observation: Observation) -> bool:
        """Keep a problem that the code handles; whether it is a new one."""
        if not observation.supported or problem in self.problems:
            return False
        self.problems[problem] = None
        if observation.failure is not None:
            self.unanswered.add(problem)
        return True


def _probes(discovery: Discovery) -> list[Problem]:
    """Return the probes, first those of each pairing: at random many are never drawn."""
    order = {"pairing": 0, "batch": 1}
    probes = discovery.probes
    return sorted(probes, key=lambda problem: order.get((*probes[problem], "")[0], 2))
