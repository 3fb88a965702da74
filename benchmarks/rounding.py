"""Does the grant for arithmetic cover what textbook code loses? ``python benchmarks/rounding.py``.

float32 shows the error of textbook backprop exactly, for the truth is known to float64.
Printed for float32 and float64: how large the errors are in units of the sampled
spread, of which ``oracle/rounding.py`` grants MARGIN.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gradcheck.contract.protocol import Call, Request
from gradcheck.execution.calling import InProcess
from gradcheck.networks import sampling
from gradcheck.networks.fast_estimate import Truth
from gradcheck.networks.fast_estimate.rounding import MARGIN
from tests.quality.naive import Naive

PROBLEMS = 3000


def main() -> None:
    """Measure and print."""
    problems = [sampling.problem(5, index) for index in range(PROBLEMS)]
    for dtype, unit in ((np.float32, 2.0**-24), (np.float64, 2.0**-53)):
        session = InProcess(Naive(dtype))
        ratios = []
        for problem in problems:
            answer = session.ask(Request(Call.LOSS_AND_GRADS, problem))
            truth = Truth(problem)
            for name, claim in answer.tensors.items():
                estimate = truth.gradient[name]
                spread = truth.rounding(unit)[name] / MARGIN
                bars = estimate.error + estimate.interval
                excess = np.maximum(np.abs(claim - estimate.value) - bars, 0.0)
                ratios.append(float((excess / np.maximum(spread, 1e-300)).max()))
        quantiles = ", ".join(f"{q:.2g}" for q in np.quantile(ratios, (0.5, 0.9, 0.99, 1.0)))
        print(
            f"{np.dtype(dtype).name}: error over spread in {len(ratios)} tensors: {quantiles} "
            f"(median, 90 %, 99 %, largest); granted {MARGIN:g}"
        )


if __name__ == "__main__":
    main()
