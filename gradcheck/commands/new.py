"""``gradcheck new PATH``: a file that runs, with the gradient left to write."""

import os
from argparse import Namespace
from pathlib import Path

from gradcheck.commands import Parser
from gradcheck.errors import UsageError
from gradcheck.networks.problem import Network


def parser() -> Parser:
    """Return the command's arguments."""
    parser = Parser("new", "PATH")
    parser.add_argument("path", metavar="PATH", type=Path, help="The file to write.")
    parser.add_argument(
        "--network", metavar="TEXT", help='For this network only: "2-3-1 tanh,sigmoid ...".'
    )
    return parser


def run(arguments: Namespace) -> int:
    """Write the file, and say how to go on."""
    from gradcheck.commands import write_whole
    from gradcheck.renderers.formatting import clean
    from gradcheck.run.options import command_line

    path: Path = arguments.path
    if os.path.lexists(path):
        raise UsageError(f"{path}: there is such a file already; choose another name")
    if path.suffix != ".py":
        raise UsageError(f"{path}: is not the name of a .py file; write {path.with_suffix('.py')}")
    network = Network.parse(arguments.network) if arguments.network else None
    write_whole(path, student(path.name, network))
    print(f"Written: {clean(str(path))}. Write the gradient where it says TODO, then run")
    print(f"  {command_line([str(path)], [])}")
    return 0


_TEMPLATE = Path(__file__).with_name("student.py.template")

#: How each activation is written, as a textbook does; z has one sample a row.
PHI = {
    "identity": "lambda z: z",
    "sigmoid": "lambda z: 1 / (1 + np.exp(-z))",
    "tanh": "np.tanh",
    "relu": "lambda z: np.maximum(z, 0)",
    "leaky_relu": "lambda z: np.where(z > 0, z, 0.01 * z)",
    "elu": "lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0)))",
    "softplus": "lambda z: np.logaddexp(0, z)",
    "silu": "lambda z: z / (1 + np.exp(-z))",
    "gelu": "lambda z: 0.5 * z * (1 + np.vectorize(math.erf)(z / math.sqrt(2)))",
    "softmax": "lambda z: (e := np.exp(z - z.max(axis=1, keepdims=True))) "
    "/ e.sum(axis=1, keepdims=True)",
}

#: And each loss, of every sample.
LOSS = {
    "half_squared_error": "lambda a, y: 0.5 * ((a - y) ** 2).sum(axis=1)",
    "squared_error": "lambda a, y: ((a - y) ** 2).sum(axis=1)",
    "mean_squared_error": "lambda a, y: ((a - y) ** 2).mean(axis=1)",
    "cross_entropy": "lambda a, y: -(y * np.log(a)).sum(axis=1)",
    "binary_cross_entropy": "lambda a, y: -(y * np.log(a) + (1 - y) * np.log(1 - a)).sum(axis=1)",
}

#: What a first backprop usually has.
_ACTIVATIONS: tuple[str, ...] = ("identity", "sigmoid", "tanh", "relu")
_LOSSES: tuple[str, ...] = ("half_squared_error",)


def student(name: str, network: Network | None = None) -> str:
    """Return the text of a file for a student to complete.

    Its forward pass and loss are right, its gradient is zero: ``gradcheck check`` says
    so, and that no tensor is ever trained. The name is for the command in its first lines.
    Without a network that it alone is for, it takes the usual activations and any depth.
    """
    activations, losses, declared = _ACTIVATIONS, _LOSSES, ""
    if network is not None:
        activations, losses = tuple(dict.fromkeys(network.activations)), (network.loss,)
        declared = f'\nnetworks = ["{network}"]  # the only one this file is for\n'
    parts = {
        "@NAME@": "".join(c if c.isprintable() else "?" for c in name),
        "@IMPORTS@": ("import math\n\n" if "gelu" in activations else "") + "import numpy as np",
        "@NETWORKS@": declared,
        "@ACTIVATIONS@": _rows(PHI, activations),
        "@LOSSES@": _rows(LOSS, losses),
    }
    text = _TEMPLATE.read_text(encoding="utf-8")
    for slot, part in parts.items():
        text = text.replace(slot, part)
    return text


def _rows(table: dict[str, str], names: tuple[str, ...]) -> str:
    return "\n".join(f'    "{name}": {table[name]},' for name in names)
