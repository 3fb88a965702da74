"""Is right code ever called wrong? ``python -m benchmarks.right_code [ARCHITECTURES] [DRAWS]``.

Every shipped implementation is judged on 2000 random problems, 40 architectures of 50 draws.
Printed are how often it is called what it is not, and how small an error would be seen: the
resolution of a problem's worst tensor. Ends with 1 where right code is called wrong, or is
unresolved off a kink.
"""

import sys

import numpy as np

from gradcheck.networks.fast_estimate import Truths
from gradcheck.reading.loading import load
from gradcheck.reading.target import shipped
from tests.quality.right_code import IMPLEMENTATIONS, judged, random_problems


def main(architectures: int = 40, draws: int = 50) -> int:
    """Measure and print."""
    truths, problems, alarms = Truths(), random_problems(architectures, draws), 0
    for name in IMPLEMENTATIONS:
        results = list(judged(load(shipped(name)), problems, truths))
        false = [result for result in results if result.alarms]
        alarms += len(false)
        for each in false:
            print(f"FALSE: {name}, {each.name}, {each.problem.network}: {each.alarms}")
        resolutions = np.array([r.resolution for r in results if not np.isnan(r.resolution)])
        median, most, worst = np.quantile(resolutions, (0.5, 0.99, 1.0))
        print(
            f"{name}: {len(results)} problems, false alarms: {len(false)}; resolution "
            f"{median:.1e}, 99 % below {most:.1e}, worst {worst:.1e}; without a gradient "
            f"{len(results) - len(resolutions)}, on a kink {sum(r.on_kink for r in results)}",
            flush=True,
        )
    return int(bool(alarms))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
