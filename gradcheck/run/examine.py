"""From a submission to its entry in the record, in stages: see :data:`STAGES`."""

import math
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from gradcheck.checks import CHECKS, contract, saturation
from gradcheck.checks.definition import Cost
from gradcheck.checks.findings import smallest, with_causes
from gradcheck.comparison.calibration import calibrate
from gradcheck.comparison.verdict import CounterExample, Finding, Verdict
from gradcheck.contract.posed import check_size
from gradcheck.contract.protocol import Call, Failure, Observation, Request, Session
from gradcheck.errors import GradcheckError, UsageError
from gradcheck.execution.limits import WorkerLostError
from gradcheck.execution.session import PeerSession, drive, drive_until
from gradcheck.networks.dense_networks import DenseNetworks, NetworkContext
from gradcheck.networks.fast_estimate import Truths
from gradcheck.networks.problem import Network, Problem
from gradcheck.networks.sampling import Support, declared_support
from gradcheck.networks.scope import Discovery, Scope, discover, scope_of
from gradcheck.records import build
from gradcheck.records.record import Entry
from gradcheck.records.schema import ImplementationEntry
from gradcheck.run.compared_problems import CrossCheck, Drawing, OwnTime, Progress, silent
from gradcheck.run.options import ENOUGH_PROBLEMS, EXAMPLES, Requirements, check_numbers
from gradcheck.run.submission import Submission, head_of, left_out
from gradcheck.run.suspicions import Suspicion, cost_flags, library_flags, process_flags

if TYPE_CHECKING:
    from gradcheck.networks.diagnosis import Diagnosis
    from gradcheck.networks.inference import Inferred

T = TypeVar("T")


@dataclass
class Examination:
    """The settings of a run, and what several submissions share.

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
        Seconds for our own work on one submission. What was not done by then is noted.
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
    progress: Progress = silent
    require: Requirements = field(default_factory=Requirements)
    budget: float = math.inf
    explain: bool = True

    def __post_init__(self) -> None:
        check_numbers(self.examples, self.seed)
        if self.only:
            check_size(self.only)

    def examine(self, submission: Submission) -> ImplementationEntry:
        """Return the entry of a submission in the record."""
        state = _State(self, submission)
        try:
            for stage in STAGES:
                stage(state)
            return state.entry()
        except (WorkerLostError, NothingAskedError) as end:
            failure = end.failure
        except UsageError as error:  # about what it declares: our settings were tried before
            failure = Failure("contract", str(error))
        except MemoryError:
            failure = Failure("memory", "gradcheck ran out of memory on problems of its sizes")
        return build.failed(state.head, failure, state.seconds)


class NothingAskedError(GradcheckError):
    """Nothing could be asked of a submission.

    Cause: no reading of it holds, or it handles no network that was tried.
    Next step: none; kind and message go into the record.

    Attributes
    ----------
    failure : Failure
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class _State:
    """What is known of one submission so far. Each stage adds to it, and reads what came before."""

    declared: Support | None
    panel: PeerSession
    discovery: Discovery
    cross_check: CrossCheck
    drawn: Drawing
    context: NetworkContext
    scope: Scope

    def __init__(self, examination: Examination, submission: Submission) -> None:
        self.settings, self.submission = examination, submission
        self.own = OwnTime(examination.budget, submission.waited)
        self.inferred: Inferred | None = None
        self.findings: list[Finding] = []
        self.example: CounterExample | None = None
        self.diagnoses: list[Diagnosis] = []
        self.pictures: Entry | None = None
        self.flags: list[Suspicion] = []
        self.unexplained = False

    @property
    def seconds(self) -> float:
        """Since the submission's turn began."""
        return time.perf_counter() - self.own.since

    @property
    def head(self) -> build.Head:
        """What the record says of it whatever comes of it."""
        return head_of(self.submission, self.inferred)

    @property
    def compared(self) -> list[Problem]:
        """The problems that got an answer."""
        return [p for p in self.context.problems if p not in self.context.unanswered]

    @property
    def fewer(self) -> str:
        """Why fewer problems were compared than were to be; empty where that is not so."""
        count, wanted = len(self.context.problems), self.settings.examples
        if not self.drawn.stopped or count >= wanted:
            return ""
        return f"{count} of {wanted} problems were compared: {self.drawn.stopped}"

    def ask(self, questions: Generator[Request, Observation, T]) -> T:
        """Carry out what must be done, however long it takes."""
        return drive(questions, self.panel)

    def ask_in_time(self, questions: Generator[Request, Observation, T]) -> T | None:
        """Carry out what can be left: None when the time for our own work is over."""
        return drive_until(questions, self.panel, lambda: self.own.over)

    def entry(self) -> ImplementationEntry:
        """Return the entry in the record."""
        bad = any(finding.verdict is not Verdict.CORRECT for finding in self.findings)
        left = f"not explained: {self.own.used_up}" if self.unexplained and bad else ""
        return build.examined(
            self.head,
            self.context,
            self.findings,
            scope=self.scope,
            witness=self.cross_check.entry(),
            example=self.example,
            diagnoses=self.diagnoses,
            pictures=self.pictures,
            flags=self.flags,
            notes=([self.fewer] if self.fewer else [], [left] if left else []),
            seconds=self.seconds,
        )


def read(state: _State) -> None:
    """Find which reading of foreign code holds; native code needs none, and pays for none."""
    settings, submission = state.settings, state.submission
    state.declared = declared_support(submission.networks, submission.batch_sizes)
    settings.progress("support")
    session: Session = submission.session
    if session.readings[0].adapter != "native":
        from gradcheck.networks.inference import InferredSession

        state.inferred = _inferred(session, settings)
        if state.inferred.failure is not None:
            raise NothingAskedError(state.inferred.failure)
        session = InferredSession(session, state.inferred)
    state.panel = PeerSession(session, settings.peers)


def discover_support(state: _State) -> None:
    """Find which networks the code handles."""
    inferred, settings = state.inferred, state.settings
    if inferred is None:
        state.discovery = state.ask(discover(state.declared, settings.only, settings.seed))
    else:
        state.discovery = Discovery(inferred.support, (), inferred.refused)
    if state.discovery.support.empty:
        raise NothingAskedError(_nothing(state.discovery))


def draw(state: _State) -> None:
    """Draw problems that it handles, and cross-check the oracle on each."""
    settings, discovery, panel = state.settings, state.discovery, state.panel
    settings.progress("problems")
    state.cross_check = CrossCheck(
        settings.truths, settings.seed, settings.examples, settings.progress
    )
    state.drawn = Drawing(
        discovery, panel, state.cross_check, settings.seed, settings.examples, state.own
    ).draw()
    context = NetworkContext(
        tuple(state.drawn.problems),
        DenseNetworks(discovery.support, settings.truths),
        seed=settings.seed,
        offers=tuple(call for call in Call if panel.offers(call)),
        peers=tuple(settings.peers),
        faults=discovery.faults,
        unanswered=frozenset(state.drawn.unanswered),
    )
    if state.inferred is not None:
        context = replace(
            context,
            foreign=True,
            lossless=state.inferred.lossless,
            loss_in_doubt=state.inferred.doubt,
            outputs_in_doubt=state.inferred.aside if state.inferred.doubtful else "",
            subject=replace(context.subject, notation=state.inferred.notation),
        )
    state.context = context


def leave_out(state: _State) -> None:
    """Leave out optional functions that are something else."""
    aside = state.submission.session.readings[0].conventions.other_purpose
    left = state.ask(left_out(state.context, aside))
    offers = tuple(call for call in state.context.offers if call not in left)
    state.context = replace(state.context, offers=offers, left_out=tuple(left.values()))


def calibrate_arithmetic(state: _State) -> None:
    """Find in which arithmetic the code computes."""
    arithmetic = state.ask(calibrate(state.context.subject, state.context.problems))
    state.context = replace(state.context, arithmetic=arithmetic)


def run_checks(state: _State) -> None:
    """Run every check; what there is no time for is said in one finding."""
    undone = []
    for check in CHECKS:
        state.settings.progress(check.slug)
        if check.cost is Cost.NOTHING:  # it judges the answers that are there
            state.findings += state.ask(check.run(state.context))
            continue
        found = state.ask_in_time(check.run(state.context))
        if found is None:
            undone.append(check.slug)
        else:
            state.findings += found
    if undone:
        first, *more = undone
        others = f", nor {', '.join(more)}" if more else ""
        message = f"Not looked at{others}: {state.own.used_up}."
        state.findings.append(Finding(first, Verdict.UNRESOLVED, 0, message))
    state.findings = [_enough(finding, state.fewer) for finding in state.findings]


def judge(state: _State) -> None:
    """Say what the verdict covers, and what follows from another finding or from what is missing.

    What the code refuses by its numbers is an excuse only where they are extreme.
    """
    context, panel = state.context, state.panel
    ordinary = {
        problem: message
        for problem, message in panel.refused_by_numbers.items()
        if context.subject.truths.of(problem).largest_z <= saturation.FINITE_UP_TO
    }
    findings = contract.refused_by_numbers(context, state.findings, ordinary)
    findings = state.ask_in_time(with_causes(context, findings, CHECKS)) or findings
    state.scope = _scope(state)
    state.findings = contract.required(findings, state.settings.require.missing(state.scope))


def explain(state: _State) -> None:
    """Look for the smallest counter-example, and name what is wrong. No verdict needs it.

    Right code does not pay for the import.
    """
    context, findings, progress = state.context, state.findings, state.settings.progress
    if not state.settings.explain:
        return
    progress("counter-example")
    state.example = state.ask_in_time(smallest(context, findings, CHECKS))
    progress("diagnosis")
    explained = state.ask_in_time(_explained(context, findings))
    state.unexplained = explained is None
    state.diagnoses, state.pictures = explained or ([], None)


def suspect(state: _State) -> None:
    """Look for signs that the gradient was not written by hand.

    What is printed takes its time too, and grows with W: of code that prints no times are taken.
    """
    state.settings.progress("flags")
    submission, before = state.submission, state.submission.printed()
    flags = drive_until(
        cost_flags(state.context),
        state.panel,
        lambda: state.own.over or submission.printed() > before,
    )
    state.flags = (flags or []) if submission.printed() == before else []
    state.flags += library_flags(submission.libraries()) + process_flags(submission.spawned())


#: What is done with a submission, in this order.
STAGES = (
    read,
    discover_support,
    draw,
    leave_out,
    calibrate_arithmetic,
    run_checks,
    judge,
    explain,
    suspect,
)


def _inferred(session: Session, settings: Examination) -> "Inferred":
    """Find the reading that holds; of adapters that find none, the first says why."""
    from gradcheck.networks.inference.infer import infer

    first: Inferred | None = None
    while True:
        questions = infer(session.readings, settings.only, settings.seed, settings.any_reduction)
        inferred = drive(questions, session)
        if inferred.failure is None:
            return inferred
        first = first or inferred
        try:
            if not session.more():
                return first
        except WorkerLostError:  # while it looked on: what was found before is said
            return first


def _scope(state: _State) -> Scope:
    """Say what the verdict covers: what stands in the problems that got an answer."""
    context, submission = state.context, state.submission
    only = "" if submission.networks is None else "declared"
    refused = {**state.discovery.refused, **state.drawn.missed}
    if state.inferred is None:
        for name, message in state.panel.declined.items():
            refused["function", name] = Failure("unsupported", message).reason
    truths = [context.subject.truths.of(problem) for problem in state.compared]
    return scope_of(
        state.compared,
        max((truth.largest_z for truth in truths), default=0.0),
        refused,
        tuple(state.drawn.far_out),
        "--network" if state.settings.only else only,
        state.inferred.condition if state.inferred is not None else "",
        context.subject.support.batch_sizes == (1,),
        max((truth.largest_gradient for truth in truths), default=0.0),
    )


def _enough(finding: Finding, fewer: str) -> Finding:
    """A gradient compared on too few problems is not called correct."""
    few = finding.check == "gradient" and finding.problems < ENOUGH_PROBLEMS
    if few and finding.verdict is Verdict.CORRECT:
        why = fewer or f"Only {finding.problems} problems were compared"
        message = f"{why}; {ENOUGH_PROBLEMS} are needed to tell."
        return replace(finding, verdict=Verdict.UNRESOLVED, message=message)
    return finding


def _explained(
    context: NetworkContext, findings: list[Finding]
) -> Generator[Request, Observation, tuple[list["Diagnosis"], Entry | None]]:
    """Name what is wrong, and gather what pictures need."""
    if all(finding.verdict is Verdict.CORRECT for finding in findings):
        return [], None
    from gradcheck.networks.diagnosis import diagnose
    from gradcheck.networks.figure_data import illustrate

    diagnoses = yield from diagnose(context, findings)
    pictures = yield from illustrate(context, findings, diagnoses)
    return diagnoses, pictures


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
