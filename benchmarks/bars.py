"""Do error bars hold the true gradient? ``python -m benchmarks.bars [PROBLEMS] [SEED]``.

Entries of the estimate, ten of each of a thousand random problems, are held against differences
of 70 digits. Printed are the part of them that lies within a bar, the largest error in bars,
and how small the errors are. Ends with 1 where the bars do not cover the truth.
"""

import sys

import numpy as np

from gradcheck.networks import sampling
from tests.networks.fast_estimate.mpmath_truth import COVERED, ENTRIES, FURTHEST, errors_in_bars


def main(problems: int = 1000, seed: int = 20240607) -> int:
    """Measure and print."""
    rng = np.random.default_rng(problems)
    found = [errors_in_bars(sampling.problem(seed, i), ENTRIES, rng) for i in range(problems)]
    in_bars, relative = np.array(found)[..., 0], np.array(found)[..., 1]
    coverage, furthest = float((in_bars <= 1).mean()), float(in_bars.max())
    median, most = np.quantile(relative, (0.5, 0.99))
    print(
        f"{in_bars.size} entries of {problems} problems: {coverage:.4%} within a bar, largest "
        f"error {furthest:.3g} bars, median relative error {median:.2g}, 99 % below {most:.2g}"
    )
    for index in np.flatnonzero((in_bars > 1).any(axis=1)):
        print(f"outside a bar: sampling.problem({seed}, {index})")
    return int(coverage < COVERED or furthest > FURTHEST)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
