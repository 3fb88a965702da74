"""Are activations in forms that cancel called right? ``python -m benchmarks.forms [SEEDS]``.

Textbook gelu, ``0.5 z (1 + erf(z / sqrt 2))``, is examined as any submission on 275 seeds and
two more, with all batch sizes and with single samples; a tenth of the seeds goes to each other
form of ``tests/quality/forms.py``, the wrong ones among them.
"""

import sys
from collections.abc import Iterable

from gradcheck.execution.calling import InProcess
from gradcheck.run.examine import Examination
from gradcheck.run.submission import Submission
from tests.quality.forms import RIGHT, WRONG
from tests.quality.naive import Form, Naive

SEEDS = 275

#: Seeds on which a tensor of textbook gelu has no digits left.
STEEP = (2182, 2067)


def main(seeds: int = SEEDS) -> None:
    """Measure and print."""
    gelu = RIGHT["gelu with erf"]
    for sizes in (None, [1]):
        told(f"gelu with erf, batch sizes {sizes or 'all'}", gelu, (*range(seeds), *STEEP), sizes)
    for name, forms in (RIGHT | WRONG).items():
        kind = "right" if name in RIGHT else "wrong"
        told(f"{kind}: {name}", forms, range(max(1, seeds // 10)))


def told(name: str, forms: dict[str, Form], seeds: Iterable[int], sizes: object = None) -> None:
    """Examine one form on many seeds and print how often it came out how."""
    seen: dict[str, list[int]] = {}
    aside = 0
    for seed in seeds:
        subject = Submission(name, "", InProcess(Naive(forms=forms)), batch_sizes=sizes)
        entry = Examination(seed).examine(subject)
        seen.setdefault(str(entry["verdict"]), []).append(seed)
        aside += any("set aside" in note for note in entry["notes"])
    usual = max(seen, key=lambda verdict: len(seen[verdict]))
    counts = {verdict: len(seeds) for verdict, seeds in seen.items()}
    others = {verdict: seeds for verdict, seeds in seen.items() if verdict != usual}
    print(f"{name}: {counts}, {others or 'no other'}; set aside on {aside} seeds", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
