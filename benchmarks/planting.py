"""Code with planted faults, and what the diagnosis says of it."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace

import numpy as np

from gradcheck.checks import CHECKS
from gradcheck.comparison.calibration import calibrate
from gradcheck.comparison.verdict import Verdict
from gradcheck.contract.protocol import Call
from gradcheck.execution.calling import InProcess
from gradcheck.execution.session import drive
from gradcheck.networks import sampling
from gradcheck.networks.bugs import CATALOGUE, Bug
from gradcheck.networks.bugs.bug import others
from gradcheck.networks.bugs.textbook import RULES, Rule, Textbook, only_in
from gradcheck.networks.dense_networks import DenseNetworks, NetworkContext
from gradcheck.networks.diagnosis import BugAtPlace, Diagnosis, diagnose
from gradcheck.networks.fast_estimate import Truths
from gradcheck.networks.problem import Network
from gradcheck.networks.sampling import Support
from gradcheck.run.full_report import FINDERS
from tests.networks.bugs.answers import answers, flags, makes_no_difference

#: Problems that code for one network, and code for all, is examined on.
PROBLEMS_ONE, PROBLEMS_ALL = 25, 120

#: Problems are drawn from this seed, so that a truth is formed once.
SEED = 11

#: Sites whose bugs share state or arithmetic with everything: not for pairs.
ALONE = {"state", "numerics"}

TRUTHS = Truths()


@dataclass(frozen=True)
class Outcome:
    """One planted bug (or several) and what was said of it."""

    planted: tuple[BugAtPlace, ...]
    diagnoses: tuple[Diagnosis, ...]
    seconds: float
    calls: int
    found: bool
    network: str
    problems: int

    def names(self) -> list[BugAtPlace]:
        """All names told, in the diagnoses and their classes."""
        return [n for d in self.diagnoses for n in (d.name, *d.also)]

    def right(self, name: BugAtPlace) -> bool:
        """Bug, site and layer."""
        return any(name in (n, self._of_output(d, n)) for d, n in self._told())

    def site_right(self, name: BugAtPlace) -> bool:
        """Site and layer."""
        told = [(n, self._of_output(d, n)) for d, n in self._told()]
        return any((name.site, name.layer) == (m.site, m.layer) for pair in told for m in pair)

    def layer_right(self, name: BugAtPlace) -> bool:
        """The layer alone."""
        told = [(n, self._of_output(d, n)) for d, n in self._told()]
        return any(name.layer == m.layer for pair in told for m in pair)

    def class_right(self, name: BugAtPlace) -> bool:
        """The bug, or another that is the same function here."""
        return name.bug in {n.bug for n in self.names()}

    def wrong_name(self) -> bool:
        """Whether a bug is named that is neither planted nor the same function."""
        slugs = {n.bug for n in self.planted}
        return any(
            d.certainty in ("named", "class") and not {d.name.bug, *(n.bug for n in d.also)} & slugs
            for d in self.diagnoses
        )

    def _told(self) -> Iterator[tuple[Diagnosis, BugAtPlace]]:
        return ((d, n) for d in self.diagnoses for n in (d.name, *d.also))

    def _of_output(self, diagnosis: Diagnosis, name: BugAtPlace) -> BugAtPlace:
        """The output layer of the network diagnosed is the output layer of the one planted."""
        depth = Network.parse(diagnosis.network).depth if diagnosis.network else None
        if name.layer is None or name.layer != depth:
            return name
        return BugAtPlace(name.bug, name.site, Network.parse(self.network).depth)


class Cast:
    """The textbook, computing in a narrower type."""

    def __init__(self, code: Textbook, dtype: type) -> None:
        self.code, self.dtype = code, dtype

    def loss_and_grads(self, network, params, batch):
        loss, grads = self.code.loss_and_grads(network, self._pairs(params), self._batch(batch))
        return loss, self._pairs(grads)

    def step(self, network, params, batch, learning_rate):
        pairs, narrow = self._pairs(params), self._batch(batch)
        return self._pairs(self.code.step(network, pairs, narrow, self.dtype(learning_rate)))

    def _pairs(self, pairs):
        return [(np.asarray(w, self.dtype), np.asarray(b, self.dtype)) for w, b in pairs]

    def _batch(self, batch):
        return SimpleNamespace(x=batch.x.astype(self.dtype), y=batch.y.astype(self.dtype))


def examine(
    code: object, planted: tuple[BugAtPlace, ...], network: Network, general: bool
) -> Outcome:
    """Run the finders and the diagnosis over one implementation.

    Parameters
    ----------
    network : Network
        In whose layers the bug was planted.
    general : bool
        The code is for all networks, not for this one alone.
    """
    support = sampling.EVERYTHING if general else only(network)
    return examine_within(code, planted, network, support)


def examine_within(
    code: object, planted: tuple[BugAtPlace, ...], network: Network, support: Support
) -> Outcome:
    """Run the finders and the diagnosis over code that handles just these problems."""
    session = InProcess(code)
    problems = problems_of(support)
    subject = DenseNetworks(support, TRUTHS)
    arithmetic = drive(calibrate(subject, problems), session)
    offers = tuple(call for call in Call if session.offers(call))
    plan = NetworkContext(problems, subject, arithmetic, SEED, offers)
    findings = [
        f for check in CHECKS if check.slug in FINDERS for f in drive(check.run(plan), session)
    ]
    found = any(f.verdict in (Verdict.WRONG, Verdict.ERROR) for f in findings)
    before, start = session.calls, time.perf_counter()
    diagnoses = drive(diagnose(plan, findings), session)
    seconds = time.perf_counter() - start
    return Outcome(
        planted,
        tuple(diagnoses),
        seconds,
        session.calls - before,
        found,
        str(network),
        len(problems),
    )


@cache
def problems_of(support: Support):
    """Return the problems that code with this support is examined on."""
    count = PROBLEMS_ONE if support.networks else PROBLEMS_ALL
    return tuple(dict.fromkeys(sampling.problem(SEED, i, support) for i in range(count)))


def architectures(count: int, seed: int) -> list[Network]:
    """Random networks of at least two layers (and some of one)."""
    rng = np.random.default_rng((seed, 77))
    drawn: list[Network] = []
    while len(drawn) < count:
        network, _ = sampling.architecture(rng)
        if network.depth > 1 or rng.random() < 0.2:
            drawn.append(network)
    return drawn


def only(network: Network) -> Support:
    """The support of code for one network."""
    return Support(networks=(network,))


def visible(bug: Bug, network: Network, layer: int | None, sizes=(1, 4, 5)) -> bool:
    """Whether a bug shows on a network at all."""
    rng = np.random.default_rng(5)
    return any(bug.visible(sampling.fill(rng, network, n), layer) for n in sizes)


@cache
def cases(network: Network) -> list[tuple[str, int | None]]:
    """Every bug in every layer of a network where it shows."""
    return [
        (bug.slug, layer)
        for bug in CATALOGUE.values()
        for layer in bug.layers(network)
        if visible(bug, network, layer)
    ]


def name_of(slug: str, layer: int | None) -> BugAtPlace:
    """The name that is right for a planted bug."""
    return BugAtPlace(slug, CATALOGUE[slug].site, layer)


def single(network: Network, slug: str, layer: int | None, general: bool, cast: bool) -> Outcome:
    """Plant one bug in one layer."""
    code = CATALOGUE[slug].planted(layer)
    planted = (name_of(slug, layer),)
    return examine(Cast(code, np.float32) if cast else code, planted, network, general)


def draw_pair(rng: np.random.Generator, networks: list[Network]):
    """Draw two bugs at different sites of one network, of different rules."""
    while True:
        network = networks[int(rng.integers(len(networks)))]
        listed = cases(network)
        one, two = (listed[int(i)] for i in rng.integers(len(listed), size=2))
        sites = [(CATALOGUE[slug].site, layer) for slug, layer in (one, two)]
        if sites[0] == sites[1] or {site for site, _ in sites} & ALONE:
            continue
        if not set(replaced(*one)) & set(replaced(*two)):
            return network, one, two


def pair(network: Network, one: tuple[str, int | None], two: tuple[str, int | None]) -> Outcome:
    """Plant two bugs."""
    code = Textbook({**replaced(*one), **replaced(*two)})
    return examine(code, (name_of(*one), name_of(*two)), network, False)


def replaced(slug: str, layer: int | None) -> Mapping[str, Rule]:
    """The textbook's rules that a planted bug replaces."""
    rules = CATALOGUE[slug].planted(layer).rules
    return {name: rule for name, rule in rules.items() if rule is not RULES[name]}


def sight(slug: str, layer: int | None, problem) -> tuple[str, bool]:
    """Whether a planted bug is visible on a problem, and whether it is flagged there."""
    bug = CATALOGUE[slug]
    after = others(problem) if bug.site == "state" else ()
    plan = NetworkContext((), DenseNetworks(truths=TRUTHS))
    said = answers(bug.planted(layer), problem, after)
    found = bool(flags(said, problem, plan))
    if bug.visible(problem, layer):
        return "visible", found
    return "the same" if makes_no_difference(said, problem) else "roundoff", found


UNARY: tuple[Callable, ...] = (np.tanh, np.sin, np.cos, np.arctan, np.exp, np.square, np.abs)


def expression(rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """A random function of one array, bounded on the probes."""
    f, g = (UNARY[int(i)] for i in rng.integers(len(UNARY), size=2))
    a, b, c, d = rng.uniform(0.3, 1.7, 4) * rng.choice((-1, 1), 4)
    return lambda t: c * f(a * np.clip(t, -30, 30) + b) + d * g(0.5 * np.clip(t, -30, 30)) * 0.5


def alien(seed: int) -> Outcome:
    """Plant a random formula that is in no dictionary."""
    rng = np.random.default_rng((seed, 2))
    networks = [n for n in architectures(60, 9) if n.depth > 1]
    network = networks[int(rng.integers(len(networks)))]
    rules, site, layer = _alien(rng, network)
    return examine(Textbook(only_in(layer, rules)), (BugAtPlace("", site, layer),), network, False)


def _alien(rng: np.random.Generator, network: Network) -> tuple[dict[str, Rule], str, int]:
    depth, f = network.depth, expression(rng)
    logarithmic = network.loss in ("cross_entropy", "binary_cross_entropy")
    anywhere, hidden = int(rng.integers(1, depth + 1)), int(rng.integers(1, depth))
    rules: dict[str, tuple[int, Rule, str]] = {
        "activation_derivative": (hidden, lambda p, at: f(p.z[at]), "activation_derivative"),
        "delta_recursion": (
            hidden,
            lambda p, at: p.delta[at + 1] @ f(p.weights(at + 1)).T,
            "propagate",
        ),
        "loss_derivative": (
            (depth, lambda p: f(p.a[p.last]) - p.y, "output_delta")
            if logarithmic
            else (depth, lambda p: f(p.a[p.last] - p.y), "loss_derivative")
        ),
        "weight_gradient": (
            anywhere,
            lambda p, at: f(p.a[at - 1]).T @ p.delta[at],
            "weight_product",
        ),
        "bias_gradient": (anywhere, lambda p, at: f(p.delta[at]).sum(axis=0), "bias_sum"),
    }
    site = str(rng.choice(list(rules)))
    layer, rule, name = rules[site]
    return {name: rule}, site, layer
