"""How often is a planted bug named, and named right? ``python benchmarks/diagnosis.py``.

Prints one line for each claim that the diagnosis makes, as measured in this run. Bugs
are planted layer by layer in random architectures, in code that supports only that
architecture and in code that supports all; in pairs at different sites; as random
formulas that are in no dictionary; and through float32. ``--full`` takes everything,
the default a random sample.
"""

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from gradcheck import sampling
from gradcheck.bugs import CATALOGUE, Bug
from gradcheck.bugs.textbook import RULES, Rule, Textbook, only_in
from gradcheck.calibration import calibrate
from gradcheck.checks import CHECKS
from gradcheck.diagnosis import Diagnosis, Name, diagnose
from gradcheck.execution.driving import drive
from gradcheck.execution.session import InProcess
from gradcheck.network import Network
from gradcheck.oracle import Truths
from gradcheck.plan import Plan
from gradcheck.protocol import Call
from gradcheck.sampling import Support
from gradcheck.verdict import Verdict

#: Checks whose findings start a diagnosis; the others only repeat them.
FINDERS = ("contract", "loss", "gradient", "purity", "step")

ARCHITECTURES = 20


@dataclass
class Outcome:
    """One planted bug (or several) and what was said of it."""

    planted: tuple[Name, ...]
    diagnoses: list[Diagnosis]
    seconds: float
    calls: int
    found: bool

    def names(self) -> list[Name]:
        return [n for d in self.diagnoses for n in (d.name, *d.also)]

    def right(self, name: Name) -> bool:
        return name in self.names()

    def site_right(self, name: Name) -> bool:
        return any((n.site, n.layer) == (name.site, name.layer) for n in self.names())

    def layer_right(self, name: Name) -> bool:
        return any(n.layer == name.layer for n in self.names())

    def wrong_name(self) -> bool:
        """Whether a bug is named that is neither planted nor the same function."""
        slugs = {n.bug for n in self.planted}
        for d in self.diagnoses:
            if d.certainty in ("named", "class"):
                class_of = {n.bug for n in (d.name, *d.also)}
                if not class_of & slugs:
                    return True
        return False


class Cast:
    """The textbook, computing in a narrower type."""

    def __init__(self, code: Textbook, dtype: type) -> None:
        self.code, self.dtype = code, dtype

    def loss_and_grads(self, network, params, batch):
        narrow = [(w.astype(self.dtype), b.astype(self.dtype)) for w, b in params]
        cast = type("Batch", (), {"x": batch.x.astype(self.dtype), "y": batch.y.astype(self.dtype)})
        loss, grads = self.code.loss_and_grads(network, narrow, cast)
        return loss, [(w.astype(self.dtype), b.astype(self.dtype)) for w, b in grads]


def outcome(
    code: object, planted: tuple[Name, ...], support: Support, seed: int, truths: Truths
) -> Outcome:
    """Run the finders and the diagnosis over one implementation."""
    session = InProcess(code)
    problems = tuple(dict.fromkeys(sampling.problem(seed, i, support) for i in range(25)))
    arithmetic = drive(calibrate(problems, truths), session)
    offers = tuple(call for call in Call if session.offers(call))
    plan = Plan(problems, support, arithmetic, truths, seed, offers)
    findings = [
        f for check in CHECKS if check.slug in FINDERS for f in drive(check.run(plan), session)
    ]
    found = any(f.verdict in (Verdict.WRONG, Verdict.ERROR) for f in findings)
    before, start = session.calls, time.perf_counter()
    diagnoses = drive(diagnose(plan, findings), session)
    seconds = time.perf_counter() - start
    return Outcome(planted, diagnoses, seconds, session.calls - before, found)


def architectures(count: int, seed: int) -> Iterator[Network]:
    """Random networks of at least two layers (and some of one)."""
    rng = np.random.default_rng((seed, 77))
    while count:
        network, _ = sampling.architecture(rng)
        if network.depth > 1 or rng.random() < 0.2:
            yield network
            count -= 1


def only(network: Network) -> Support:
    return Support(networks=(network,))


def visible(bug: Bug, network: Network, layer: int | None) -> bool:
    rng = np.random.default_rng(5)
    return any(bug.visible(sampling.fill(rng, network, n), layer) for n in (1, 4, 5))


def cases(network: Network) -> list[tuple[Bug, int | None]]:
    return [
        (bug, layer)
        for bug in CATALOGUE.values()
        for layer in bug.layers(network)
        if visible(bug, network, layer)
    ]


def share(values: list[bool]) -> str:
    return f"{100 * sum(values) / max(len(values), 1):.1f} % of {len(values)}"


def singles(per_network: int, seed: int, cast: bool = False) -> list[Outcome]:
    """Plant single bugs, in one-architecture code and in code that does all."""
    rng = np.random.default_rng(seed)
    truths = Truths()
    results = []
    for index, network in enumerate(architectures(ARCHITECTURES, seed)):
        every = cases(network)
        chosen = rng.permutation(len(every))[:per_network]
        for i in chosen:
            bug, layer = every[int(i)]
            name = Name(bug.slug, bug.site, layer)
            for general in (False, True):
                code: object = bug.planted(layer)
                if cast:
                    code = Cast(bug.planted(layer), np.float32)
                support = sampling.EVERYTHING if general else only(network)
                results.append(outcome(code, (name,), support, seed + index, truths))
                results[-1].general = general
    return results


def tell_singles(results: list[Outcome], title: str) -> None:
    for general in (False, True):
        mine = [r for r in results if r.general is general and r.found]
        kind = "code for all networks" if general else "code for one network"
        print(
            f"{title}, {kind}: bug, site and layer right {share([r.right(r.planted[0]) for r in mine])}; "
            f"layer right {share([r.layer_right(r.planted[0]) for r in mine])}; "
            f"wrong names {sum(r.wrong_name() for r in mine)}"
        )
    sizes = [1 + len(d.also) for r in results for d in r.diagnoses if d.certainty != "localised"]
    if sizes:
        print(f"{title}: class size median {statistics.median(sizes)}, largest {max(sizes)}")
    lost = Counter(r.planted[0] for r in results if r.found and not r.right(r.planted[0]))
    for name, count in lost.most_common(15):
        print(f"    not named {count} times: {name}")
    unfound = [r for r in results if not r.found]
    print(
        f"{title}: planted and visible, but not found by any check: {len(unfound)} of {len(results)}"
    )
    for r in unfound[:8]:
        print("    ", r.planted)


def pairs(count: int, seed: int) -> list[Outcome]:
    """Plant two bugs at different sites of one network."""
    rng = np.random.default_rng(seed + 1)
    truths = Truths()
    results: list[Outcome] = []
    networks = [n for n in architectures(2 * ARCHITECTURES, seed) if n.depth > 1]
    listed = {n: cases(n) for n in networks}
    while len(results) < count:
        network = networks[int(rng.integers(len(networks)))]
        (one, first), (two, second) = (
            listed[network][int(i)] for i in rng.integers(len(listed[network]), size=2)
        )
        if (one.site, first) == (two.site, second) or {one.site, two.site} & {"state", "numerics"}:
            continue
        rules = merge(planted(one, first), planted(two, second))
        if rules is None:
            continue
        names = (Name(one.slug, one.site, first), Name(two.slug, two.site, second))
        results.append(outcome(Textbook(rules), names, only(network), seed, truths))
    return results


def planted(bug: Bug, layer: int | None) -> dict[str, Rule]:
    rules = bug.planted(layer).rules
    return {name: rule for name, rule in rules.items() if rule is not RULES[name]}


def merge(one: Mapping[str, Rule], two: Mapping[str, Rule]) -> dict[str, Rule] | None:
    """Plant both; None when both replace the same rule."""
    return None if set(one) & set(two) else {**one, **two}


UNARY: tuple[Callable, ...] = (np.tanh, np.sin, np.cos, np.arctan, np.exp, np.square, np.abs)


def expression(rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """A random smooth function of one array, bounded on the probes."""
    f, g = (UNARY[int(i)] for i in rng.integers(len(UNARY), size=2))
    a, b, c, d = rng.uniform(0.3, 1.7, 4) * rng.choice((-1, 1), 4)
    return lambda t: c * f(a * np.clip(t, -30, 30) + b) + d * g(0.5 * np.clip(t, -30, 30)) * 0.5


def aliens(count: int, seed: int) -> list[Outcome]:
    """Plant random formulas that are in no dictionary."""
    rng = np.random.default_rng(seed + 2)
    truths = Truths()
    results: list[Outcome] = []
    networks = [n for n in architectures(3 * ARCHITECTURES, seed + 9) if n.depth > 1]
    while len(results) < count:
        network = networks[int(rng.integers(len(networks)))]
        rule, site, layer = _alien(rng, network)
        if rule is None:
            continue
        name = Name("", site, layer)
        results.append(outcome(Textbook(rule), (name,), only(network), seed, truths))
    return results


def _alien(rng: np.random.Generator, network: Network) -> tuple[dict[str, Rule] | None, str, int]:
    depth = network.depth
    f = expression(rng)
    site = str(
        rng.choice(
            (
                "activation_derivative",
                "delta_recursion",
                "loss_derivative",
                "weight_gradient",
                "bias_gradient",
            )
        )
    )
    layer = int(rng.integers(1, depth + 1))
    if site == "activation_derivative":
        layer = int(rng.integers(1, depth))
        rules: dict[str, Rule] = {"activation_derivative": lambda p, at: f(p.z[at])}
    elif site == "delta_recursion":
        layer = int(rng.integers(1, depth))
        rules = {"propagate": lambda p, at: p.delta[at + 1] @ f(p.weights(at + 1)).T}
    elif site == "loss_derivative":
        layer = depth
        if network.loss in ("cross_entropy", "binary_cross_entropy"):
            rules = {"output_delta": lambda p: f(p.a[p.last]) - p.y}
        else:
            rules = {"loss_derivative": lambda p: f(p.a[p.last] - p.y)}
    elif site == "weight_gradient":
        rules = {"weight_product": lambda p, at: f(p.a[at - 1]).T @ p.delta[at]}
    else:
        rules = {"bias_sum": lambda p, at: f(p.delta[at]).sum(axis=0)}
    return only_in(layer, rules), site, layer


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    many = options.full
    parts = options.only.split(",") if options.only else ["single", "pair", "alien", "float32"]
    if "single" in parts:
        results = singles(10**6 if many else 20, options.seed)
        tell_singles(results, "single bugs")
        seconds = sorted(r.seconds for r in results)
        calls = sorted(r.calls for r in results)
        print(
            f"a diagnosis: {statistics.median(seconds):.2f} s and "
            f"{statistics.median(calls):.0f} calls (median), {seconds[-1]:.2f} s and {calls[-1]} (worst)"
        )
    if "pair" in parts:
        results = pairs(400 if many else 100, options.seed)
        found = [r for r in results if r.found]
        both = [all(r.site_right(n) for n in r.planted) for r in found]
        one = [any(r.site_right(n) for n in r.planted) for r in found]
        print(
            f"pairs: both sites right {share(both)}; at least one {share(one)}; wrong names "
            f"{sum(r.wrong_name() for r in found)}"
        )
    if "alien" in parts:
        results = aliens(300 if many else 100, options.seed)
        found = [r for r in results if r.found]
        print(
            f"formulas in no dictionary: site and layer right "
            f"{share([r.site_right(r.planted[0]) for r in found])}; wrong names "
            f"{sum(any(d.certainty in ('named', 'class') for d in r.diagnoses) for r in found)}"
        )
        for r in [r for r in found if not r.site_right(r.planted[0])][:10]:
            print("    ", r.planted[0], "->", [(d.name, d.also) for d in r.diagnoses])
    if "float32" in parts:
        results = singles(10**6 if many else 6, options.seed + 3, cast=True)
        tell_singles(results, "through float32")


if __name__ == "__main__":
    main()
