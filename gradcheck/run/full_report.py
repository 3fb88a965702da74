"""``report``: every implementation over checks, worked examples and planted bugs.

The work is cut into small tasks, each a function of plain values, and done by as
many processes as there are processors (four at most).

The harness proves its power: is a planted bug found, by which checks, and named? Such a bug is
planted on a few problems, not through a whole examination.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from gradcheck.checks import CHECKS
from gradcheck.checks.definition import Cost
from gradcheck.comparison.calibration import calibrate
from gradcheck.comparison.compare import FLOAT64, judge
from gradcheck.comparison.verdict import Finding, Verdict
from gradcheck.contract.protocol import Call, Failure, Request, Session
from gradcheck.errors import InternalError, LoadError
from gradcheck.execution.calling import InProcess
from gradcheck.execution.limits import Limits, WorkerLostError
from gradcheck.execution.sandbox import Launch
from gradcheck.execution.session import drive
from gradcheck.networks import sampling
from gradcheck.networks.bugs import CATALOGUE, Bug
from gradcheck.networks.dense_networks import DenseNetworks, NetworkContext
from gradcheck.networks.diagnosis import Diagnosis, diagnose
from gradcheck.networks.fast_estimate import Truths
from gradcheck.networks.problem import Network, Problem
from gradcheck.networks.worked_examples import EXAMPLES as WORKED_EXAMPLES
from gradcheck.networks.worked_examples import Example, NotRun, Result
from gradcheck.reading.target import Target, check_path, parse_target, shipped
from gradcheck.records import build
from gradcheck.records.record import Entry, Record
from gradcheck.records.schema import BugEntry, ImplementationEntry
from gradcheck.run.examine import Examination
from gradcheck.run.options import EXAMPLES
from gradcheck.run.submission import (
    SHIPPED,
    Submission,
    absent,
    is_own,
    own,
    peers,
    submit,
)

#: Problems in a quick report.
QUICK = 60

#: Worked examples of a quick report: those that need no long training.
QUICK_EXAMPLES = ("two-two-two-b", "linear-1-1", "two-moons", "digits")

#: Bugs of each site that a quick report plants.
QUICK_BUGS = 3

#: Compared with one another and with all others. jax is compared from its own side:
#: compiling in one process is enough.
PEERS = ("matrix", "scalar_loops")

#: Worked examples of which an implementation does the short form, to keep the report
#: under a minute; the tests take all twenty starts of the sine.
SHORT = {
    "scalar_loops": ("sine-1-4-1", "two-moons", "digits"),
    "matrix": ("sine-1-4-1",),
    "jax_autodiff": ("sine-1-4-1",),
}

#: A worked example may ask for a whole training in one call.
PATIENT = Limits(call_timeout=600, timeout=3600)

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Task:
    """One piece of a report.

    Attributes
    ----------
    kind : str
        ``checks``, ``example`` or ``bugs``.
    name : str
        Of the worked example, or of the bugs' site.
    path : str
        Of the implementation.
    seed : int
    examples : int
        Problems to compare, or bugs to plant.
    extent : str
        Of a worked example.
    """

    kind: str
    name: str
    path: str
    seed: int
    examples: int
    extent: str = "full"

    @property
    def label(self) -> str:
        """What the progress bar says."""
        of = "planted bugs" if self.kind == "bugs" else Path(self.path).stem
        return f"{of}: {self.name or self.kind}"


def make_report(
    implementations: list[Path],
    *,
    seed: int = 0,
    quick: bool = False,
    benchmarks: Entry | None = None,
    progress: Progress = lambda label, done, total: None,
) -> Record:
    """Run everything and return the record.

    Parameters
    ----------
    implementations : list of Path
        In addition to the three that come with gradcheck.
    seed : int
    quick : bool
        Fewer problems, and no long training.
    benchmarks : dict, optional
        What ``benchmarks/peers.py`` measured, to be shown beside.
    progress : callable
        Called with a label, how many tasks are done, and how many there are.

    Returns
    -------
    Record

    Raises
    ------
    UsageError
        When a path cannot be used.
    InternalError
        When a visible planted bug was not caught, or the witnesses disagree.
    """
    for path in implementations:
        check_path(path)
    paths = [str(shipped(name)) for name in SHIPPED] + [str(path) for path in implementations]
    tasks = list(_tasks(paths, seed, quick))
    answers = dict(_carry_out(tasks, progress))
    by_path = {task.path: answers[task][0] for task in tasks if task.kind == "checks"}
    entries = [by_path[path] for path in paths]
    examples: list[Entry] = []
    for task in tasks:
        if task.kind == "example":
            for entry in answers[task]:
                if "not_run" in entry:
                    by_path[task.path]["notes"].append(f"{task.name} not run: {entry['not_run']}")
                else:
                    examples.append(entry)
    bugs = [entry for task in tasks if task.kind == "bugs" for entry in answers[task]]
    missed = [bug["slug"] for bug in bugs if bug["visible"] and not bug["caught"]]
    if missed:
        raise InternalError(
            f"planted and visible, but not caught (seed {seed}): {', '.join(missed)}; "
            f"please report this"
        )
    extra = "".join(f" --implementation {path}" for path in implementations)
    command = f"python -m gradcheck report --seed {seed}{extra}{' --quick' if quick else ''}"
    return build.new_record(seed, command, entries, bugs, examples, benchmarks)


def _tasks(paths: list[str], seed: int, quick: bool) -> Iterator[Task]:
    """Longest first, so that no processor waits for the last one."""
    for path in sorted(paths, key=lambda p: Path(p).stem != "jax_autodiff"):
        yield Task("checks", "", path, seed, QUICK if quick else EXAMPLES)
    for path in paths:
        for example in WORKED_EXAMPLES:
            if quick and example.name not in QUICK_EXAMPLES:
                continue
            short = quick or example.name in SHORT.get(Path(path).stem, ())
            yield Task("example", example.name, path, seed, 0, "short" if short else "full")
    for site in dict.fromkeys(bug.site for bug in CATALOGUE.values()):
        yield Task("bugs", site, "", seed, QUICK_BUGS if quick else len(CATALOGUE))


def _carry_out(tasks: list[Task], progress: Progress) -> Iterator[tuple[Task, list[Entry]]]:
    workers = max(1, min(4, os.cpu_count() or 1))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = {pool.submit(carry_out, task): task for task in tasks}
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                task = futures[future]
                yield task, future.result()
                progress(task.label, done, len(tasks))
        except BrokenProcessPool:
            raise InternalError(
                "a worker process of the report died; run it again, and if it dies again "
                "check the implementations one by one"
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def carry_out(task: Task) -> list[Entry]:
    """Do one task; runs in a worker process."""
    if task.kind == "bugs":
        bugs = [bug for bug in CATALOGUE.values() if bug.site == task.name]
        return [dict(prove(bug, task.seed, _truths())[0]) for bug in bugs[: task.examples]]
    if task.kind == "checks":
        return [dict(_check(task))]
    return _work_through(task)


@cache
def _submission(path: str) -> Submission | Failure:
    """Load our own file, or start a worker for another one, once in each process."""
    try:
        return own(Path(path).stem) if is_own(path) else submit(Launch(parse_target(path), PATIENT))
    except LoadError as error:
        return Failure("import", str(error), error.place)
    except WorkerLostError as lost:
        return lost.failure


@cache
def _truths() -> Truths:
    return Truths()


def _check(task: Task) -> ImplementationEntry:
    submission = _submission(task.path)
    if isinstance(submission, Failure):
        return build.failed(absent(Target(task.path, Path(task.path))), submission)
    others = peers(PEERS, task.path)
    examination = Examination(task.seed, task.examples, peers=others, truths=_truths())
    return examination.examine(submission)


def _work_through(task: Task) -> list[Entry]:
    submission = _submission(task.path)
    if isinstance(submission, Failure):
        return [{"not_run": submission.message}]
    example = next(e for e in WORKED_EXAMPLES if e.name == task.name)
    try:
        results = list(_results(example, task.extent, submission.session))
    except (NotRun, WorkerLostError) as reason:
        if isinstance(reason, NotRun) and reason.unsupported:
            return [{"not_run": str(reason)}]
        results = [Result(f"ran to its end: {reason}", 1, 0, False)]
    return [dict(build.reproduced(example, submission.name, result)) for result in results]


def _results(example: Example, extent: str, session: Session) -> Iterator[Result]:
    """Yield the numbers of a worked example, then how many tensors are wrong at its points."""
    outcome = drive(example.run(extent), session)
    yield from outcome.results
    wrong = 0
    for point in outcome.points:
        observation = session.ask(Request(Call.LOSS_AND_GRADS, point))
        judgements = judge(observation.tensors, _truths().of(point), FLOAT64)
        wrong += observation.failure is not None
        wrong += sum(j.verdict is Verdict.WRONG for j in judgements)
    yield Result(f"wrong tensors at {len(outcome.points)} points", 0, wrong, wrong == 0)


#: What is planted is a backprop, and it is alone: there are neither outputs nor peers to judge.
_NOT_ASKED = ("forward", "agreement")

#: Checks by which bugs are found; those that cost more, where none of the others has found any.
FINDERS, LAST = (
    tuple(c.slug for c in CHECKS if (c.cost is Cost.MUCH) == late and c.slug not in _NOT_ASKED)
    for late in (False, True)
)

#: Random problems, beside the bug's own example.
RANDOM_PROBLEMS = 12


def prove(bug: Bug, seed: int, truths: Truths) -> tuple[BugEntry, list[Diagnosis]]:
    """Plant a bug, look for it, and let it be named: its entry in the record, and by what."""
    session = InProcess(bug.planted())
    problems = tuple(dict.fromkeys(_problems(bug, seed)))
    subject = DenseNetworks(truths=truths)
    arithmetic = drive(calibrate(subject, problems), session)
    plan = NetworkContext(problems, subject, arithmetic, seed)
    findings: list[Finding] = []
    for slugs in (FINDERS, LAST):
        if not _bad(findings):
            findings += [f for c in CHECKS if c.slug in slugs for f in drive(c.run(plan), session)]
    diagnoses = drive(diagnose(plan, findings), session)
    visible = sum(bug.visible(problem) for problem in problems)
    names = {name.bug for d in diagnoses for name in (d.name, *d.also)}
    named = bug.slug in names
    return build.planted(bug, visible, len(problems), _bad(findings), named=named), diagnoses


def _bad(findings: list[Finding]) -> list[str]:
    return [f.check for f in findings if f.verdict in (Verdict.WRONG, Verdict.ERROR)]


def _problems(bug: Bug, seed: int) -> Iterator[Problem]:
    network = Network.parse(bug.example)
    for index in range(3):
        rng = np.random.default_rng((seed, index, 3))
        yield sampling.fill(rng, network, bug.samples)
    for index in range(RANDOM_PROBLEMS):
        yield sampling.problem(seed, index)
