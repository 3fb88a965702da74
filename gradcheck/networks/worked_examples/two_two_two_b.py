"""A second 2-2-2 network, from another tutorial, from its hidden layer up.

Its page gives the sums that enter the hidden layer, .395 and .49. They are fed
here as the input of a first layer that passes them on: identity weights and no
bias. What is compared are the two outputs. The tutorial was quoted to this
project by its numbers alone; no title is known.
"""

from gradcheck.networks.network import Network
from gradcheck.networks.problem import Batch, Params, Problem
from gradcheck.networks.worked_examples.questions import outputs
from gradcheck.networks.worked_examples.worked_example import Example, Reproduction, Run, printed

#: No targets are published: zeros stand in, and only the outputs are compared.
START = Problem(
    Network((2, 2, 2), ("sigmoid", "sigmoid"), "half_squared_error"),
    Params(
        [
            ([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]),
            ([[0.5, 0.7], [0.6, 0.8]], [0.7, 0.7]),
        ]
    ),
    Batch([[0.395, 0.49]], [[0.0, 0.0]]),
)


def run(extent: str) -> Run:
    """Compare the two outputs."""
    out = yield from outputs(START)
    results = (
        printed("output of o1", ".79751046", float(out[0, 0])),
        printed("output of o2", ".83401102", float(out[0, 1])),
    )
    return Reproduction(results, (START,))


EXAMPLE = Example(
    name="two-two-two-b",
    title="a second 2-2-2 network, from its hidden sums up",
    source="another tutorial, quoted by its numbers",
    run=run,
)
