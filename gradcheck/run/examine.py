"""The driver: from an implementation to its entry in the record.

Discovery finds what the code handles, sampling draws problems from that,
the two witnesses of the oracle are heard on them, calibration finds how it computes, every
check runs, and where something is wrong the smallest counter-example is looked for.
"""

import math
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from gradcheck.checks import CHECKS, contract, saturation, shrink
from gradcheck.checks.causes import traced
from gradcheck.comparison.verdict import CounterExample, Finding, Verdict
from gradcheck.contract.protocol import Call, Failure, Observation, Request, Session
from gradcheck.contract.sizes import check_size
from gradcheck.errors import UsageError
from gradcheck.execution.limits import WorkerLostError
from gradcheck.execution.session import PeerSession, drive, drive_until
from gradcheck.networks.calibration import calibrate
from gradcheck.networks.context import CheckContext
from gradcheck.networks.discovery import (
    Discovery,
    declared_support,
    discover,
    said_by_itself,
    unsupported,
)
from gradcheck.networks.fast_estimate import Truths
from gradcheck.networks.inference.inferred import Inferred
from gradcheck.networks.network import Network
from gradcheck.networks.problem import Problem
from gradcheck.networks.scope import Scope, scope_of
from gradcheck.records.record import Entry
from gradcheck.run.compared_problems import Drawing, Drawn
from gradcheck.run.cross_check import CrossCheck, OwnTime, Progress
from gradcheck.run.entry import examined, failed
from gradcheck.run.requirements import Requirements, left_out
from gradcheck.run.settings import ENOUGH, EXAMPLES, check_numbers
from gradcheck.run.submission import Submission
from gradcheck.run.suspicions import cost_flags, library_flags, process_flags


@dataclass
class Examination:
    """The settings of a campaign, and what several subjects share.

    Attributes
    ----------
    seed : int
    examples : int
        Problems to compare.
    only : Network or None
        The only network to ask for.
    any_reduction : bool
        It was not said whether that is of a mean or a sum: of foreign code its numbers say.
    peers : mapping of str to Session
        Trusted implementations to compare with.
    truths : Truths
        Shared, so that a problem's truth is formed once.
    progress : callable
    require : Requirements
        What must be handled.
    budget : float
        Seconds for our own work on one subject. What was not done by then is told.
    explain : bool
        Whether what is wrong is explained: counter-example, diagnosis and pictures. A verdict
        needs none of it.
    """

    seed: int
    examples: int = EXAMPLES
    only: Network | None = None
    any_reduction: bool = False
    peers: Mapping[str, Session] = field(default_factory=dict)
    truths: Truths = field(default_factory=Truths)
    progress: Progress = lambda what: None
    require: Requirements = field(default_factory=Requirements)
    budget: float = math.inf
    explain: bool = True

    def __post_init__(self) -> None:
        check_numbers(self.examples, self.seed)
        if self.only:
            check_size(self.only)

    def examine(self, subject: Submission) -> Entry:
        """Examine one implementation and return its entry in the record.

        Raises
        ------
        InternalError
            When the two witnesses of the oracle disagree off a kink.
        """
        start = time.perf_counter()
        try:
            return self._examine(subject, start)
        except WorkerLostError as lost:
            failure = lost.failure
        except UsageError as error:  # about what it declares: our settings were tried before
            failure = Failure("contract", str(error))
        except MemoryError:
            failure = Failure("memory", "gradcheck ran out of memory on problems of its sizes")
        return failed(subject, failure, time.perf_counter() - start)

    def _examine(self, subject: Submission, start: float) -> Entry:
        own = OwnTime(self.budget, subject.waited)
        declared = declared_support(subject.networks, subject.batch_sizes)
        self.progress("support")
        settlement = None
        if subject.session.readings[0].adapter != "native":
            # code that needs no reading does not pay for it
            from gradcheck.networks.inference.inferred import InferredSession

            settlement = self._settled(subject.session)
            if settlement.failure is not None:
                subject = replace(subject, settlement=settlement)
                return failed(subject, settlement.failure, time.perf_counter() - start)
            subject = replace(
                subject, session=InferredSession(subject.session, settlement), settlement=settlement
            )
        panel = PeerSession(subject.session, self.peers)
        if settlement is None:
            discovery = drive(discover(declared, self.only, self.seed), panel)
        else:
            discovery = Discovery(settlement.support, (), settlement.refused)
        if discovery.support.empty:
            return failed(subject, _nothing(discovery), time.perf_counter() - start)
        hearing = CrossCheck(self.truths, self.seed, self.examples, self.progress)
        plan, drawn = self._plan(discovery, panel, hearing, own)
        if settlement is not None:
            plan = replace(
                plan,
                foreign=True,
                lossless=settlement.lossless,
                loss_in_doubt=settlement.doubt,
                outputs_in_doubt=settlement.aside if settlement.doubtful else "",
                notation=settlement.notation,
            )

        def timely(questions: Generator[Request, Observation, T]) -> T | None:
            return drive_until(questions, panel, lambda: own.over)

        aside = drive(left_out(plan, _aside(subject)), panel)
        offers = tuple(call for call in plan.offers if call not in aside)
        plan = replace(plan, offers=offers, left_out=tuple(aside.values()))
        arithmetic = drive(calibrate(plan.problems, plan.truths), panel)
        plan = replace(plan, arithmetic=arithmetic)
        findings: list[Finding] = []
        undone: list[str] = []
        for check in CHECKS:
            self.progress(check.slug)
            if check.slug in _ALWAYS:
                findings += drive(check.run(plan), panel)
                continue
            found = timely(check.run(plan))
            if found is None:
                undone.append(check.slug)
            else:
                findings += found
        findings += [_untimely(undone, own)] if undone else []
        count = len(plan.problems)
        few = f"{count} of {self.examples} problems were compared: {drawn.stopped}"
        few = few if drawn.stopped and count < self.examples else ""
        findings = [_enough(finding, few) for finding in findings]
        findings = contract.refused_by_numbers(findings, _refused(plan, panel))
        findings = timely(traced(plan, findings)) or findings
        declined = panel.declined if settlement is None else {}
        scope = self._scope(subject, plan, drawn, discovery, declined)
        findings = contract.required(findings, self.require.missing(scope))
        self.progress("counter-example")
        example = timely(_counterexample(plan, findings)) if self.explain else None
        self.progress("diagnosis")
        # this is no part of the verdict
        explained = timely(_explained(plan, findings)) if self.explain else ([], None)
        late = explained is None
        diagnoses, pictures = explained or ([], None)
        self.progress("flags")
        printed = subject.printed()
        # what is printed takes its time too, and grows with W: more of it is not asked for
        flags = drive_until(
            cost_flags(plan), panel, lambda: own.over or subject.printed() > printed
        )
        flags = (flags or []) if subject.printed() == printed else []
        flags += library_flags(subject.libraries()) + process_flags(subject.spawned())
        seconds = time.perf_counter() - start
        heard = hearing.entry()
        entry = examined(subject, plan, scope, findings, example, diagnoses, heard, seconds)
        if few:
            entry["notes"] = [few, *entry["notes"]]
        if late and any(finding.verdict is not Verdict.CORRECT for finding in findings):
            entry["notes"] = [*entry["notes"], f"not explained: {own.used_up}"]
        return entry | {"pictures": pictures, "flags": [vars(flag) for flag in flags]}

    def _scope(
        self,
        subject: Submission,
        plan: CheckContext,
        drawn: Drawn,
        discovery: Discovery,
        declined: Mapping[str, str],
    ) -> Scope:
        """Say what the verdict covers: what stands in the problems that got an answer."""
        compared = [problem for problem in plan.problems if problem not in plan.unanswered]
        only = "" if subject.networks is None else "declared"
        condition = subject.settlement.condition if subject.settlement is not None else ""
        refused = {**discovery.refused, **drawn.missed}
        # of code that takes one sample a call no others are asked, but for what it refuses itself
        several = [why for feature, why in refused.items() if feature[0] == "batch"]
        single = plan.support.batch_sizes == (1,) and all(map(said_by_itself, several))
        for name, message in declined.items():
            refused["function", name] = unsupported(message)
        return scope_of(
            compared,
            max((plan.truths.of(problem).largest_z for problem in compared), default=0.0),
            refused,
            drawn.far_out,
            "--network" if self.only else only,
            condition,
            single,
            max(plan.truths.of(problem).largest_gradient for problem in compared)
            if compared
            else 0.0,
        )

    def _settled(self, session: Session) -> Inferred:
        """Find the reading that holds; of adapters that find none, the first says why."""
        from gradcheck.networks.inference.infer import settle

        first: Inferred | None = None
        while True:
            settlement = drive(
                settle(session.readings, self.only, self.seed, self.any_reduction), session
            )
            if settlement.failure is None:
                return settlement
            first = first or settlement
            try:
                if not session.more():
                    return first
            except WorkerLostError:  # while it looked on: what was found before is told
                return first

    def _plan(
        self, discovery: Discovery, panel: PeerSession, hearing: CrossCheck, own: OwnTime
    ) -> tuple[CheckContext, Drawn]:
        self.progress("problems")
        drawn = Drawing(discovery, panel, hearing, self.seed, self.examples, own).draw()
        plan = CheckContext(
            drawn.problems,
            discovery.support,
            truths=self.truths,
            seed=self.seed,
            offers=tuple(call for call in Call if panel.offers(call)),
            peers=tuple(self.peers),
            faults=discovery.faults,
            unanswered=drawn.unanswered,
        )
        return plan, drawn


def _aside(subject: Submission) -> dict[str, str]:
    """Return what only has the name of an optional function, as its reading says."""
    told = subject.session.readings[0].conventions
    return {k.removeprefix("aside "): v for k, v in told.items() if k.startswith("aside ")}


def _refused(plan: CheckContext, panel: PeerSession) -> dict[Problem, str]:
    """What the code refuses by its numbers, where they are no excuse for it."""
    return {
        problem: message
        for problem, message in panel.refused_by_numbers.items()
        if plan.truths.of(problem).largest_z <= saturation.FINITE_UP_TO
    }


T = TypeVar("T")

#: Checks that are always made: they judge the answers that are there.
_ALWAYS = ("contract", "loss", "forward", "gradient")


def _untimely(slugs: list[str], own: OwnTime) -> Finding:
    """Say in one finding which checks were not made."""
    first, *more = slugs
    others = f", nor {', '.join(more)}" if more else ""
    message = f"Not looked at{others}: {own.used_up}."
    return Finding(first, Verdict.UNRESOLVED, 0, message)


def _enough(finding: Finding, fewer: str = "") -> Finding:
    """A gradient compared on too few problems is not called correct."""
    few = finding.check == "gradient" and finding.problems < ENOUGH
    if few and finding.verdict is Verdict.CORRECT:
        message = f"Only {finding.problems} problems were compared; {ENOUGH} are needed to tell."
        message = f"{fewer}; {ENOUGH} are needed to tell." if fewer else message
        return replace(finding, verdict=Verdict.UNRESOLVED, message=message)
    return finding


def _counterexample(
    plan: CheckContext, findings: list[Finding]
) -> Generator[Request, Observation, CounterExample | None]:
    """Look for the smallest problem that shows the first thing that is wrong."""
    own = [finding for finding in findings if not finding.cause]
    bad = {f.check: f for f in own if f.verdict in (Verdict.WRONG, Verdict.ERROR)}
    for check in shrink.SHOWS:
        if check in bad and bad[check].failing:  # what was refused, or not offered, has none
            return (yield from shrink.search(plan, check, bad[check].failing))
    return None


def _explained(
    plan: CheckContext, findings: list[Finding]
) -> Generator[Request, Observation, tuple[list[Entry], Entry | None]]:
    """Name what is wrong, and gather what pictures need. Right code does not pay for the import."""
    if all(finding.verdict is Verdict.CORRECT for finding in findings):
        return [], None
    from gradcheck.networks.diagnosis import diagnose
    from gradcheck.networks.diagnosis.diagnosis import diagnosis_entry
    from gradcheck.networks.figure_data import illustrate

    diagnoses = yield from diagnose(plan, findings)
    pictures = yield from illustrate(plan, findings, diagnoses)
    told = [diagnosis_entry(diagnosis, plan.notation) for diagnosis in diagnoses]
    return told, pictures


def _nothing(discovery: Discovery) -> Failure:
    if discovery.faults:
        problem, failure = discovery.faults[0]
        message = f"{failure.message} ({problem.network}, N = {problem.batch.size})"
        if len({fault.message for _, fault in discovery.faults}) > 1:
            message += (
                ". If the code is for one other network only, declare that: networks = [...], "
                "written as this one is"
            )
        return Failure(failure.kind, message, failure.place)
    return Failure(
        "unsupported",
        "every network tried raised NotImplementedError; if the code is for one network only, "
        "declare it with networks = [...] or give it with --network",
    )
