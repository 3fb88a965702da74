"""``gradcheck new PATH``."""

import os
from argparse import Namespace
from pathlib import Path

from gradcheck.commands.arguments import Parser
from gradcheck.errors import UsageError


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
    from gradcheck.commands.templates import student
    from gradcheck.networks.network import Network
    from gradcheck.records.record import write_whole
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
