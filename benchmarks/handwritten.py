"""Is what is said of wrong files true? ``python -m benchmarks.handwritten [SEED]``.

Checks the hundred files of ``tests/handwritten/mistakes.py``, in ten styles with one slip each,
and holds what is said of them against what is wrong there by hand. Printed are what is false,
how many diagnoses that is of all, and of how many files the right place is told. Ends with 1
where a diagnosis or verdict is false.
"""

import sys
import tempfile
from pathlib import Path

from tests.handwritten.examining import examined
from tests.handwritten.mistakes import MISTAKES
from tests.handwritten.truth import false, placed


def main(seed: int = 5) -> int:
    """Measure and print."""
    told = wrong = right = 0
    for mistake in MISTAKES:
        with tempfile.TemporaryDirectory() as folder:
            entry = examined(mistake, Path(folder), seed)
        told += sum(d["certainty"] != "unknown" for d in entry["diagnoses"])
        said = false(entry, mistake)
        wrong += len(said)
        for each in said:
            print(f"FALSE of {mistake.slug}: {each}", flush=True)
        if placed(entry, mistake):
            right += 1
        else:
            known = "known" if mistake.untold else "new"
            print(f"its place is not told ({known}): {mistake.slug}", flush=True)
    print(f"seed {seed}: {len(MISTAKES)} wrong files, {told} diagnoses, false: {wrong}")
    print(f"the right place is told of {right} ({right / len(MISTAKES):.0%})")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
