"""One addition of each kind that CONTRIBUTING tells of: its files, and what goes into them."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Addition:
    """What somebody adds to the package.

    Attributes
    ----------
    kind : str
        Its row in CONTRIBUTING's table.
    lines : mapping of (str, str) to str
        By file and line: what is written below the first line that begins so.
    files : mapping of str to str
        New files.
    """

    kind: str
    lines: Mapping[tuple[str, str], str]
    files: Mapping[str, str] = field(default_factory=dict)


ACTIVATION = Addition(
    "an activation",
    {
        ("gradcheck/networks/definitions.py", "_ACTIVATIONS = ("): (
            '    Activation("sine", np.sin, np.cos, formula="sin(z)"),\n'
        ),
        ("gradcheck/commands/new.py", "PHI = {"): '    "sine": "np.sin",\n',
        ("gradcheck/reading/layout.py", "AT_ONE: "): '    "sine": math.sin(1.0),\n',
        ("implementations/matrix.py", "PHI: "): '    "sine": np.sin,\n',
        ("implementations/matrix.py", "PHI_PRIME: "): '    "sine": np.cos,\n',
        ("implementations/scalar_loops.py", "ACTIVATIONS: "): '    "sine": (math.sin, math.cos),\n',
        ("implementations/jax_autodiff.py", "ACTIVATIONS: "): '    "sine": jnp.sin,\n',
    },
)

LOSS = Addition(
    "a loss",
    {
        ("gradcheck/networks/definitions.py", "_LOSSES = ("): """\
    Loss(
        "quartic_error",
        _ANY_OUTPUT,
        "real",
        formula="sum (a - y)^4",
        terms=lambda z, a, y: _squares(a, y) ** 2,
        derivative=lambda a, y: 4.0 * (a - y) ** 3,
        derivative_formula="4 (a - y)^3",
    ),
""",
        ("gradcheck/commands/new.py", "LOSS = {"): (
            '    "quartic_error": "lambda a, y: ((a - y) ** 4).sum(axis=1)",\n'
        ),
        ("implementations/jax_autodiff.py", "LOSSES: "): (
            '    "quartic_error": lambda z, a, y: (a - y) ** 4,\n'
        ),
    },
)

CHECK = Addition(
    "a check",
    {
        ("gradcheck/checks/__init__.py", "from gradcheck.checks import ("): "    positive,\n",
        ("gradcheck/checks/__init__.py", "CHECKS: "): "    positive.CHECK,\n",
    },
    {
        "gradcheck/checks/positive.py": '''\
"""positive: no loss is below zero."""

from gradcheck.checks.definition import Check, Comparisons, Cost, Run
from gradcheck.comparison.context import CheckContext
from gradcheck.contract.protocol import Call, Request

SLUG = "positive"


def run(context: CheckContext) -> Run:
    """Ask for the loss of each problem."""
    comparisons = Comparisons(context, SLUG)
    for problem in context.problems:
        observation = yield Request(Call.LOSS_AND_GRADS, problem)
        if not observation.failure:
            comparisons.add(problem, "a loss below zero" if observation.loss < 0 else "")
    return comparisons.findings(
        "No loss is below zero.",
        "On {failing} of {compared} problems there is {fault} ({problem}).",
    )


CHECK = Check(SLUG, "no loss is below zero", run, Cost.NOTHING)
'''
    },
)

#: Its site is new, too.
BUG = Addition(
    "a bug",
    {
        ("gradcheck/networks/bugs/returned_and_update.py", "BUGS = {"): """\
    "root_of_gradient": Bug(
        Site(
            "scale_of_gradient",
            "the scale in which a gradient is handed back",
            whole=("The gradient is handed back in another scale.", "Look for the root."),
        ),
        "the root of the gradient is handed back",
        wrong="return sqrt(grad)",
        right="return grad",
        why="Somebody wanted large gradients to be smaller.",
        mend="Hand back the gradient as it is.",
        rules=returning(lambda tensor: np.sign(tensor) * np.sqrt(np.abs(tensor))),
        strikes="whole",
    ),
""",
    },
)

ADAPTER = Addition(
    "an adapter",
    {
        ("gradcheck/reading/target.py", "ADAPTERS: "): '    "one argument": "one_argument:find",\n',
    },
    {
        "gradcheck/reading/one_argument.py": '''\
"""One dictionary with everything: ``everything({"W": ..., "b": ..., "x": ..., "y": ...})``."""

from collections.abc import Iterator
from typing import Any

from gradcheck.contract.conventions import Conventions
from gradcheck.reading.foreign_call import functions
from gradcheck.reading.loading import Reading


class OneArgument:
    """Asks a function with one dictionary."""

    def __init__(self, function: Any) -> None:
        self._function = function

    def loss_and_grads(self, network: Any, params: Any, batch: Any) -> Any:
        """Ask for the loss and the gradient."""
        if network.l2:
            raise NotImplementedError("no weight penalty")
        weights, biases = [w for w, _ in params], [b for _, b in params]
        told = self._function({"W": weights, "b": biases, "x": batch.x, "y": batch.y})
        return told["loss"], list(zip(told["dW"], told["db"], strict=True))


def find(module: Any) -> Iterator[Reading]:
    """Yield the reading of a function of that name."""
    function = functions(module).get("everything")
    if function is not None:
        yield Reading("one argument", OneArgument(function), Conventions(function="everything"))
'''
    },
)

FORMAT = Addition(
    "a report format",
    {
        ("gradcheck/renderers/__init__.py", "FORMATS"): (
            '    "tally": Format("gradcheck.renderers.tally", "Write how many came out how."),\n'
        ),
    },
    {
        "gradcheck/renderers/tally.py": '''\
"""How many came out how."""

from collections import Counter

from gradcheck.records.record import Record


def render(record: Record) -> str:
    """Return a line a verdict."""
    counts = Counter(entry["verdict"] for entry in record.data["implementations"])
    return "".join(f"{verdict}: {count}\\n" for verdict, count in sorted(counts.items()))
'''
    },
)

ADDITIONS = (ACTIVATION, LOSS, CHECK, BUG, ADAPTER, FORMAT)

#: Follows the contract, for the new activation and the new loss among others; the names in
#: capitals are what each test replaces.
SUBMISSION = """\
import numpy as np

PHI = {"sine": np.sin, "tanh": np.tanh, "identity": lambda z: z}
SLOPE = {"sine": lambda z: SINE, "tanh": lambda z: 1 - np.tanh(z) ** 2, "identity": np.ones_like}
LOSS = {
    "quartic_error": (lambda r: r**4, lambda r: QUARTIC),
    "half_squared_error": (lambda r: 0.5 * r**2, lambda r: r),
}


def loss_and_grads(network, params, batch):
    if network.l2:
        raise NotImplementedError("l2")
    value, slope = (LOSS[network.loss] if network.loss in LOSS else refuse(network.loss))
    a, z = [batch.x], [None]
    for name, (W, b) in zip(network.activations, params):
        z.append(a[-1] @ W + b)
        a.append(PHI[name](z[-1]) if name in PHI else refuse(name))
    share = 1 / len(batch.x) if network.reduction == "mean" else 1.0
    r = a[-1] - batch.y
    delta = share * slope(r) * SLOPE[network.activations[-1]](z[-1])
    grads = []
    for layer in range(len(params), 0, -1):
        grads.insert(0, (a[layer - 1].T @ delta, delta.sum(axis=0)))
        if layer > 1:
            slope = SLOPE[network.activations[layer - 2]]
            delta = delta @ params[layer - 1][0].T * slope(z[layer - 1])
    return LOSS_OF(share * value(r).sum()), [tuple(map(RETURNED, pair)) for pair in grads]


def refuse(what):
    raise NotImplementedError(what)
"""

RIGHT = {
    "SINE": "np.cos(z)",
    "QUARTIC": "4 * r**3",
    "LOSS_OF": "(lambda loss: loss)",
    "RETURNED": "(lambda grad: grad)",
}

#: What the new adapter reads: two layers, a sine between them, half a squared error.
FOREIGN = """\
import numpy as np


def everything(given):
    (W1, W2), (b1, b2), x, y = given["W"], given["b"], given["x"], given["y"]
    z1 = x @ W1 + b1
    a1 = np.sin(z1)
    error = a1 @ W2 + b2 - y
    delta1 = error @ W2.T * SINE
    return {
        "loss": 0.5 * (error**2).sum(),
        "dW": [x.T @ delta1, a1.T @ error],
        "db": [delta1.sum(axis=0), error.sum(axis=0)],
    }
"""
