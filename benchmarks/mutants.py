"""Mutants of right files: how many are found on each seed, and which are not.

python -m benchmarks.mutants 20      seeds 0 to 19
python -m benchmarks.mutants 3-4     seeds 3 and 4
"""

import sys
import time
from collections import Counter

from tests.mutants.examining import examination, outcome, right
from tests.mutants.mutants import FILES, MUTANTS


def main(seeds: range) -> None:
    """Print a line a seed, and then each mutant that was ever missed."""
    missed: Counter[str] = Counter()
    print(f"{len(MUTANTS)} mutants")
    for seed in seeds:
        begin = time.perf_counter()
        wrongly = [file for file in FILES if right(file, seed)["verdict"] != "correct"]
        outcomes = {mutant.name: outcome(mutant, seed) for mutant in MUTANTS}
        caught = sum(o.caught for o in outcomes.values())
        lost = [name for name, o in outcomes.items() if not o.caught]
        false = [name for name, o in outcomes.items() if o.false]
        missed.update(lost)
        print(
            f"seed {seed}: {caught} found ({caught / len(MUTANTS):.1%}), {len(false)} called "
            f"correct inside the scope; right files accused: {', '.join(wrongly) or 'none'} "
            f"({time.perf_counter() - begin:.0f} s)"
        )
        for name in lost:
            print(
                f"    {name}: {outcomes[name].verdict}, inside {outcomes[name].inside}", flush=True
            )
        examination.cache_clear()
    for name, count in missed.most_common():
        print(f"missed on {count} of {len(seeds)} seeds: {name}")


if __name__ == "__main__":
    first, _, last = (sys.argv[1] if len(sys.argv) > 1 else "1").partition("-")
    main(range(int(first), int(last) + 1) if last else range(int(first)))
