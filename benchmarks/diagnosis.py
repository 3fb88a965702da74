"""How often is a planted bug named, and named right? ``python benchmarks/diagnosis.py``.

Prints one line for each claim that the diagnosis makes, as measured in this run. Bugs
are planted layer by layer in random architectures, in code for that architecture alone
and in code for all; in pairs at different sites; as random formulas that are in no
dictionary; and through float32. The default takes a random sample of the plantings,
``--full`` all of them (hours); ``--only`` some parts.
"""

import argparse
import os
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from planting import (
    SEED,
    TRUTHS,
    Outcome,
    alien,
    architectures,
    cases,
    draw_pair,
    examine_within,
    name_of,
    pair,
    sight,
    single,
    visible,
)

from gradcheck.networks import sampling
from gradcheck.networks.bugs import CATALOGUE
from gradcheck.networks.bugs.textbook import Textbook
from gradcheck.networks.problem import Network

ARCHITECTURES = 20

#: The only thing that some code can do.
ONE = Network.parse("2-2-2 sigmoid,sigmoid half_squared_error")

#: Random problems on which every bug is looked at, in every layer.
SIGHTS = 40

#: Implementations without a bug that are diagnosed, on some 2000 problems in all.
RIGHT = 40


def share(values: Iterable[bool]) -> str:
    """Write a share in per cent, with the number it is of."""
    values = list(values)
    return f"{100 * sum(values) / max(len(values), 1):.1f} % of {len(values)}"


def listed(title: str, lines: Iterable[object], most: int = 12) -> None:
    """Print what a share leaves out."""
    counted = Counter(str(line) for line in lines)
    for line, count in counted.most_common(most):
        print(f"    {title} ({count}): {line}")


def told(outcome: Outcome) -> str:
    """What was planted, and what was said."""
    return f"{[_short(n) for n in outcome.planted]} in {outcome.network}: " + (
        "; ".join(
            f"{d.certainty} {[_short(n) for n in (d.name, *d.also)]}" for d in outcome.diagnoses
        )
        or "nothing"
    )


def _short(name) -> str:
    return f"{name.bug or '?'}@{name.site}{'' if name.layer is None else name.layer}"


def tell_singles(results: list[tuple[bool, Outcome]], title: str) -> None:
    """Print what became of single bugs."""
    for general in (False, True):
        every = [r for wide, r in results if wide is general]
        mine = [r for r in every if r.found]
        kind = "code for all networks" if general else "code for one network"
        print(
            f"{title}, {kind}: bug, site and layer right "
            f"{share(r.right(r.planted[0]) for r in mine)}; layer right "
            f"{share(r.layer_right(r.planted[0]) for r in mine)}; "
            f"wrong names {sum(r.wrong_name() for r in mine)}; found by a check "
            f"{share(r.found for r in every)}"
        )
        listed("not right", (told(r) for r in mine if not r.right(r.planted[0])))
        listed("wrong name", (told(r) for r in mine if r.wrong_name()))
        listed("not found", (told(r) for r in every if not r.found), 6)
    diagnoses = [d for _, r in results for d in r.diagnoses if d.certainty in ("named", "class")]
    sizes = [1 + len({n.bug for n in d.also} - {d.name.bug}) for d in diagnoses]
    if sizes:
        print(f"{title}: class size median {statistics.median(sizes):g}, largest {max(sizes)}")


def tell_cost(results: list[Outcome], of: str) -> None:
    """Print what a diagnosis costs."""
    seconds, calls = [r.seconds for r in results], [r.calls for r in results]
    print(
        f"a diagnosis of {of}: {statistics.median(seconds):.2f} s and {statistics.median(calls):g} calls "
        f"(median), {max(seconds):.2f} s and {max(calls)} calls (worst)"
    )


def singles(pool: Callable, per_network: int, seed: int, cast: bool) -> None:
    """Single bugs in every layer of random architectures."""
    rng = np.random.default_rng(seed)
    jobs = []
    for network in architectures(ARCHITECTURES, seed):
        every = cases(network)
        for i in rng.permutation(len(every))[:per_network]:
            jobs += [(network, *every[int(i)], general, cast) for general in (False, True)]
    results = list(pool(single, *zip(*jobs, strict=True)))
    both = [(job[3], result) for job, result in zip(jobs, results, strict=True)]
    tell_singles(both, "through float32" if cast else "single bugs")
    if not cast:
        tell_cost(results, "a single bug")


def pairs(pool: Callable, count: int, seed: int) -> None:
    """Two bugs at different sites."""
    rng = np.random.default_rng(seed + 1)
    networks = [n for n in architectures(2 * ARCHITECTURES, seed) if n.depth > 1]
    jobs = [draw_pair(rng, networks) for _ in range(count)]
    results = [r for r in pool(pair, *zip(*jobs, strict=True)) if r.found]
    both = [all(r.site_right(n) for n in r.planted) for r in results]
    one = [any(r.site_right(n) for n in r.planted) for r in results]
    wrong = sum(r.wrong_name() for r in results)
    print(f"pairs: both sites right {share(both)}; at least one {share(one)}; wrong names {wrong}")
    tell_cost(results, "two bugs")
    listed("neither", (told(r) for r, ok in zip(results, one, strict=True) if not ok))
    listed("wrong name", (told(r) for r in results if r.wrong_name()))
    listed("one only", (told(r) for r, ok in zip(results, both, strict=True) if not ok), 40)


def aliens(pool: Callable, count: int, seed: int) -> None:
    """Formulas that are in no dictionary."""
    results = [r for r in pool(alien, range(seed, seed + count)) if r.found]
    named = [r for r in results if any(d.certainty in ("named", "class") for d in r.diagnoses)]
    print(
        f"formulas in no dictionary: site and layer right "
        f"{share(r.site_right(r.planted[0]) for r in results)}; wrong names {len(named)}"
    )
    tell_cost(results, "a formula in no dictionary")
    listed("not right", (told(r) for r in results if not r.site_right(r.planted[0])))
    listed("named", (told(r) for r in named))


def seen(slug: str) -> list[tuple[str, bool, str]]:
    """Look at one bug, layer by layer, on problems of its example and of all kinds."""
    bug = CATALOGUE[slug]
    problems = [sampling.problem(SEED, index) for index in range(SIGHTS)]
    own = Network.parse(bug.example)
    for index in range(3):
        problems.append(sampling.fill(np.random.default_rng((SEED, index)), own, bug.samples))
    return [
        (*sight(slug, layer, p), f"{slug}@{layer} on {p.network}, N = {p.batch.size}")
        for p in problems
        if not TRUTHS.of(p).kinks.count
        for layer in bug.layers(p.network)
    ]


def visibility(pool: Callable) -> None:
    """Is every bug caught where its predicate says it is visible, and nowhere else?"""
    results = [each for listed in pool(seen, CATALOGUE) for each in listed]
    by = {
        kind: [(found, text) for shows, found, text in results if shows == kind]
        for kind in ("visible", "the same", "roundoff")
    }
    print(
        f"{len(CATALOGUE)} bugs: caught where visible {share(f for f, _ in by['visible'])}; "
        f"caught where no number differs {share(f for f, _ in by['the same'])}; between the two, "
        f"where a wrong formula differs in its roundoff only: {share(f for f, _ in by['roundoff'])}"
    )
    listed("missed", (text for found, text in by["visible"] if not found))
    listed("flagged for nothing", (text for found, text in by["the same"] if found))


def right_code(index: int) -> Outcome:
    """Diagnose right code: every other one is for one network alone."""
    network = architectures(RIGHT, SEED)[index]
    support = sampling.Support(networks=(network,)) if index % 2 else sampling.EVERYTHING
    return examine_within(Textbook(), (), network, support)


def right(pool: Callable) -> None:
    """Code without a bug."""
    results = list(pool(right_code, range(RIGHT)))
    said, problems = sum(bool(r.diagnoses) for r in results), sum(r.problems for r in results)
    print(f"right code, {len(results)} implementations, {problems} problems: diagnoses {said}")


def alone(slug: str, layer: int | None) -> Outcome:
    """Plant a bug in code for 2-2-2 sigmoid and one sample."""
    support = sampling.Support(networks=(ONE,), batch_sizes=(1,))
    code = CATALOGUE[slug].planted(layer)
    return examine_within(code, (name_of(slug, layer),), ONE, support)


def one_network(pool: Callable) -> None:
    """Code that supports a single small network and one sample."""
    jobs = [
        (bug.slug, layer)
        for bug in CATALOGUE.values()
        for layer in bug.layers(ONE)
        if visible(bug, ONE, layer, (1,))
    ]
    results = [r for r in pool(alone, *zip(*jobs, strict=True)) if r.found]
    vague = [d for r in results for d in r.diagnoses if d.certainty == "localised" or d.also]
    print(
        f"code for {ONE} and one sample: right class "
        f"{share(r.class_right(r.planted[0]) for r in results)}; site and layer right "
        f"{share(r.site_right(r.planted[0]) for r in results)}; wrong names "
        f"{sum(r.wrong_name() for r in results)}; diagnoses that name others too {len(vague)}"
    )
    listed("not right", (told(r) for r in results if not r.class_right(r.planted[0])), 60)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="sight,right,single,float32,pair,alien,one")
    parser.add_argument("--per-network", type=int, default=20, help="plantings a network")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--aliens", type=int, default=300)
    options = parser.parse_args()
    per_network = 10**6 if options.full else options.per_network
    with ProcessPoolExecutor() as executor:

        def pool(function, *columns):
            return executor.map(function, *columns, chunksize=4)

        parts = {
            "sight": lambda: visibility(pool),
            "right": lambda: right(pool),
            "single": lambda: singles(pool, per_network, options.seed, False),
            "float32": lambda: singles(pool, max(per_network // 3, 1), options.seed + 3, True),
            "pair": lambda: pairs(pool, options.pairs, options.seed),
            "alien": lambda: aliens(pool, options.aliens, options.seed),
            "one": lambda: one_network(pool),
        }
        for part in options.only.split(","):
            parts[part]()


if __name__ == "__main__":
    main()
