"""The driver: from an implementation to its entry in the record.

Discovery finds what the code handles, sampling draws problems from that,
calibration finds how it computes, the two witnesses of the oracle are heard, every
check runs, and where something is wrong the smallest counter-example is looked for.
"""

import statistics
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gradcheck import counterexample, sampling
from gradcheck.calibration import calibrate
from gradcheck.checks import CHECKS
from gradcheck.discovery import Discovery, declared_support, discover
from gradcheck.errors import InternalError, UsageError
from gradcheck.execution.driving import drive
from gradcheck.execution.lost import LostError
from gradcheck.execution.panel import Panel
from gradcheck.execution.session import Session
from gradcheck.flags import cost_flags, library_flags, process_flags
from gradcheck.network import Network
from gradcheck.oracle import Truths
from gradcheck.plan import Plan
from gradcheck.problem import Problem
from gradcheck.protocol import Call, Failure, Observation, Request
from gradcheck.record import Entry, counterexample_entry, finding_entry, support_entry
from gradcheck.sampling import Support
from gradcheck.settling import Settled, Settlement, settle
from gradcheck.verdict import Finding, Verdict, worst

#: Problems compared unless told otherwise.
EXAMPLES = 200

#: With fewer problems compared, nothing is called correct.
ENOUGH = 20

#: What takes longer than this, in seconds, is said to.
SAID = 1.0

#: Problems drawn for each one compared, before giving up: some combinations of
#: features may not be supported though each is.
PATIENCE = 10

#: Called with the name of what starts next.
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Subject:
    """What is examined.

    Attributes
    ----------
    name : str
    path : str
        For the record; empty for an object.
    session : Session
    networks, batch_sizes : object
        The attributes of the same names, as the code declares them.
    sandbox : int
        The level at which the code runs.
    notes : tuple of str
        What was seen when it was loaded.
    libraries : callable
        Returns the libraries it imported that differentiate by themselves.
    spawned : callable
        Returns how many processes of its own it was seen to have.
    close : callable
        Ends what runs for it.
    settlement : Settlement or None
        How foreign code is read, once that is settled; None for native code.
    """

    name: str
    path: str
    session: Session
    networks: object = None
    batch_sizes: object = None
    sandbox: int = 0
    notes: tuple[str, ...] = ()
    libraries: Callable[[], Sequence[str]] = tuple
    spawned: Callable[[], int] = int
    close: Callable[[], object] = object
    settlement: Settlement | None = None


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
    peers : mapping of str to Session
        Trusted implementations to compare with.
    truths : Truths
        Shared, so that a problem's truth is formed once.
    progress : callable
    """

    seed: int
    examples: int = EXAMPLES
    only: Network | None = None
    peers: Mapping[str, Session] = field(default_factory=dict)
    truths: Truths = field(default_factory=Truths)
    progress: Progress = lambda what: None

    def __post_init__(self) -> None:
        if self.examples < 1:
            raise UsageError(f"examples must be 1 or more; got {self.examples}")
        if self.seed < 0:
            raise UsageError(f"the seed must not be negative; got {self.seed}")

    def examine(self, subject: Subject) -> Entry:
        """Examine one implementation and return its entry in the record.

        Raises
        ------
        InternalError
            When the two witnesses of the oracle disagree off a kink.
        """
        start = time.perf_counter()
        try:
            return self._examine(subject, start)
        except LostError as lost:
            failure = Failure(lost.kind, lost.message)
            return failed(subject, failure, time.perf_counter() - start)

    def _examine(self, subject: Subject, start: float) -> Entry:
        try:
            declared = declared_support(subject.networks, subject.batch_sizes)
        except UsageError as error:
            return failed(subject, Failure("contract", str(error)), time.perf_counter() - start)
        self.progress("support")
        settlement = None
        if subject.session.readings[0].adapter != "native":
            try:
                questions = settle(subject.session.readings, self.only, self.seed)
                settlement = drive(questions, subject.session)
            except UsageError as error:  # a declaration names a network there is none of
                return failed(subject, Failure("contract", str(error)), time.perf_counter() - start)
            if settlement.failure is not None:
                return failed(subject, settlement.failure, time.perf_counter() - start)
            subject = replace(
                subject, session=Settled(subject.session, settlement), settlement=settlement
            )
        panel = Panel(subject.session, self.peers)
        if settlement is None:
            discovery = drive(discover(declared, self.only, self.seed), panel)
        else:
            discovery = Discovery(settlement.support, ())
        if discovery.support.empty:
            return failed(subject, _nothing(discovery), time.perf_counter() - start)
        plan = self._plan(discovery, panel, settlement is not None and settlement.lossless)
        arithmetic = drive(calibrate(plan.problems, plan.truths), panel)
        plan = replace(plan, arithmetic=arithmetic)
        self.progress("witnesses")
        heard = hear_witnesses(plan, self.progress)
        findings: list[Finding] = []
        for check in CHECKS:
            self.progress(check.slug)
            findings += drive(check.run(plan), panel)
        findings = [_enough(finding) for finding in findings]
        self.progress("counter-example")
        example = drive(_counterexample(plan, findings), panel)
        self.progress("diagnosis")
        diagnoses, pictures = drive(_explained(plan, findings), panel)
        self.progress("flags")
        flags = drive(cost_flags(plan), panel)
        flags += library_flags(subject.libraries()) + process_flags(subject.spawned())
        seconds = time.perf_counter() - start
        entry = _entry(subject, plan, findings, example, diagnoses, heard, seconds)
        return entry | {"pictures": pictures, "flags": [vars(flag) for flag in flags]}

    def _plan(self, discovery: Discovery, panel: Panel, lossless: bool) -> Plan:
        self.progress("problems")
        problems = drive(_answered(self.seed, discovery.support, self.examples), panel)
        return Plan(
            problems,
            discovery.support,
            truths=self.truths,
            seed=self.seed,
            offers=tuple(call for call in Call if panel.offers(call)),
            peers=tuple(self.peers),
            faults=discovery.faults,
            lossless=lossless,
        )


def _answered(
    seed: int, support: Support, examples: int
) -> Generator[Request, Observation, tuple[Problem, ...]]:
    """Draw problems until enough of them are ones the code handles."""
    kept: dict[Problem, None] = {}
    for index in range(examples * PATIENCE):
        problem = sampling.problem(seed, index, support)
        observation = yield Request(Call.LOSS_AND_GRADS, problem)
        if observation.supported:
            kept[problem] = None
        if len(kept) == examples:
            break
    return tuple(kept)


def hear_witnesses(plan: Plan, progress: Progress = lambda what: None) -> Entry:
    """Hold the two witnesses of the oracle against each other on every problem.

    Parameters
    ----------
    plan : Plan
    progress : callable
        Told how far this is and how long it takes, when that is more than a second.

    Returns
    -------
    entry : dict
        How many directions were differenced, and how many were too near a kink or
        too noisy to say anything.

    Raises
    ------
    InternalError
        When they disagree: then no verdict of this run can be believed.
    """
    heard = silent = 0
    start = time.perf_counter()
    for done, problem in enumerate(plan.problems):
        total = (time.perf_counter() - start) * len(plan.problems) / max(done, 1)
        if total > SAID:
            progress(f"witnesses: {done} of {len(plan.problems)} problems, about {total:.0f} s")
        truth = plan.truths.of(problem)
        for testimony in truth.testimonies:
            heard += 1
            silent += testimony.slope.error == float("inf")
        for testimony in truth.disagreements:
            raise InternalError(
                f"the two witnesses of the oracle disagree on {testimony.tensor} of "
                f"{problem.network} (seed {plan.seed}): differences say "
                f"{testimony.slope.value:.17g} ± {testimony.slope.error:.1e}, the complex step "
                f"{testimony.expected:.17g} ± {testimony.error:.1e}; please report this"
            )
    return {"directions": heard, "silent": silent, "disagreements": 0}


def _enough(finding: Finding) -> Finding:
    """A gradient compared on too few problems is not called correct."""
    few = finding.check == "gradient" and finding.problems < ENOUGH
    if few and finding.verdict is Verdict.CORRECT:
        message = f"Only {finding.problems} problems were compared; {ENOUGH} are needed to tell."
        return replace(finding, verdict=Verdict.UNRESOLVED, message=message)
    return finding


def _counterexample(
    plan: Plan, findings: list[Finding]
) -> Generator[Request, Observation, counterexample.CounterExample | None]:
    """Look for the smallest problem that shows the first thing that is wrong."""
    bad = {f.check: f for f in findings if f.verdict in (Verdict.WRONG, Verdict.ERROR)}
    for check in counterexample.SHOWS:
        if check in bad:
            failing = tuple(Problem.parse(text) for text in bad[check].failing)
            return (yield from counterexample.search(plan, check, failing))
    return None


def _explained(
    plan: Plan, findings: list[Finding]
) -> Generator[Request, Observation, tuple[list[Entry], Entry | None]]:
    """Name what is wrong, and gather what pictures need. Right code does not pay for the import."""
    if all(finding.verdict is Verdict.CORRECT for finding in findings):
        return [], None
    from gradcheck.diagnosis import diagnose
    from gradcheck.diagnosis.entry import diagnosis_entry
    from gradcheck.illustration import illustrate

    diagnoses = yield from diagnose(plan, findings)
    pictures = yield from illustrate(plan, findings, diagnoses)
    return [diagnosis_entry(diagnosis) for diagnosis in diagnoses], pictures


def _entry(
    subject: Subject,
    plan: Plan,
    findings: list[Finding],
    example: counterexample.CounterExample | None,
    diagnoses: list[Entry],
    heard: Entry,
    seconds: float,
) -> Entry:
    resolutions = [r for f in findings if f.check == "gradient" for r in f.resolutions]
    errors = [f for f in findings if f.verdict is Verdict.ERROR]
    settled = subject.settlement.notes if subject.settlement else ()
    seen = (*subject.notes, *settled, *plan.arithmetic.notes)
    told = (*seen, *(n for f in findings for n in f.notes))
    return {
        **_head(subject),
        "verdict": worst(finding.verdict for finding in findings),
        "resolution": statistics.median(resolutions) if resolutions else float("nan"),
        "resolution_worst": max(resolutions, default=float("nan")),
        "seconds": seconds,
        "supports": support_entry(plan.support),
        "witness": heard,
        "findings": [finding_entry(finding) for finding in findings],
        "diagnoses": diagnoses,
        "counterexample": _worked(plan, example) if example else None,
        "notes": list(dict.fromkeys(told)),
        "flags": [],
        "error": {"kind": errors[0].kind, "message": errors[0].message} if errors else None,
    }


def _worked(plan: Plan, example: counterexample.CounterExample) -> Entry:
    """Return the counter-example with every step written out, where it is of a gradient."""
    truth = plan.truth(example.problem)
    entry = counterexample_entry(example, truth)
    if plan.lossless:  # the code has none: what stands there is ours
        for part in ("expected", "got", "error_bar"):
            entry[part].pop("loss", None)
    if example.got.failure is None and not example.learning_rate:
        from gradcheck.diagnosis.by_hand import by_hand

        lines = by_hand(example.problem, example.got, truth)
        if plan.lossless:
            lines = [replace(ln, code=None) if ln.quantity == "loss" else ln for ln in lines]
        entry["by_hand"] = [vars(line) for line in lines]
    return entry


def _head(subject: Subject) -> Entry:
    return {
        "name": subject.name,
        "path": subject.path,
        "sandbox": subject.sandbox,
        "adapter": _adapter(subject),
    }


def _adapter(subject: Subject) -> Entry:
    if subject.settlement is not None:
        conventions = dict(subject.settlement.conventions)
        return {"name": subject.settlement.adapter, "conventions": conventions}
    return {"name": subject.session.readings[0].adapter, "conventions": {}}


def failed(subject: Subject, failure: Failure, seconds: float = 0.0) -> Entry:
    """Return the entry of an implementation of which nothing could be asked."""
    return {
        **_head(subject),
        "verdict": Verdict.ERROR,
        "resolution": float("nan"),
        "resolution_worst": float("nan"),
        "seconds": seconds,
        "supports": {"activations": [], "losses": [], "networks": []},
        "findings": [],
        "diagnoses": [],
        "counterexample": None,
        "notes": list(subject.notes),
        "flags": [],
        "error": {"kind": failure.kind, "message": failure.message},
    }


def _nothing(discovery: Discovery) -> Failure:
    if discovery.faults:
        problem, failure = discovery.faults[0]
        message = (
            f"{failure.message} ({problem.network}, N = {problem.batch.size}). If the code is for "
            f'one network only, declare it: networks = ["{problem.network}"]'
        )
        return Failure(failure.kind, message)
    return Failure(
        "unsupported",
        "every network tried raised NotImplementedError; if the code is for one network only, "
        "declare it with networks = [...] or give it with --network",
    )
